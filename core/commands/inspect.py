"""What a TensorRT engine is made of: segments and their plans, launches as the builder fused them, precisions, sizes.

ENGINE is a built engine such as demo:int4-tensorrt, or its folder. Needs neither a GPU nor the library.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from core.commands.options import add_json, print_json
from core.config import load_config
from core.errors import ModelUnusable, from_engine
from core.library.catalog import find_model
from engines.api.errors import EngineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("engine", help="a built engine, such as demo:int4-tensorrt, or a folder")
    parser.add_argument(
        "--kernels", action="store_true", help="every launch of a decode step's profile, and what it reads"
    )
    add_json(parser, "everything")


def run(args: argparse.Namespace) -> int:
    from core.worker.plans import inspect_plans

    places = load_config(os.environ).places
    folder = find_model(args.engine, places)
    try:
        found = inspect_plans(folder, places.engine_key, kernels=args.kernels)
    except EngineError as error:
        raise from_engine(error) from error
    if found is None:
        raise ModelUnusable(
            f"{args.engine} was not built for TensorRT: there is nothing to inspect in {Path(folder)}; deskside core list "
            f"--verbose shows what is known of other engines."
        )
    lines, values = found
    if args.json:
        print_json({"engine": args.engine, "folder": str(folder), **values})
    else:
        print("\n".join(lines))
    return 0
