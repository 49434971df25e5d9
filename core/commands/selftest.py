"""Check the GPU backends on this machine, rung by rung: driver, TensorRT, builds, results against the reference, speed.

Each rung runs in a process of its own. The report is a text to attach to a bug; it holds no prompts, and no names of files but
those of Python and the libraries.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from core.commands.options import add_json, print_json
from core.config import load_config
from core.library.catalog import find_model
from core.packs.install import pack_folder
from core.packs.pinned import RTX


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo", help="the model that is used (default: demo)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report here too")
    add_json(parser, "each rung")


def run(args: argparse.Namespace) -> int:
    from core.worker.selftest import climb, header

    config = load_config(os.environ)
    places = config.places
    lines = header()
    if not args.json:
        print("\n".join(lines), flush=True)
    failed = False
    for line in climb(find_model(args.model, places), pack_folder(RTX, places), places.kernels):
        failed = failed or line.outcome == "failed"
        lines.append(str(line))
        if args.json:
            print_json(
                {"rung": line.rung.name, "outcome": line.outcome, "text": line.text, "seconds": round(line.seconds, 1)}
            )
        else:
            print(line, flush=True)
    if args.output is not None:
        args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if failed else 0
