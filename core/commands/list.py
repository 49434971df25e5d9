"""Installed models, the bundled demo first."""

from __future__ import annotations

import argparse
import os

from core.commands.options import add_json, print_json
from core.config import load_config
from core.library.catalog import installed_models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "each model")


def run(args: argparse.Namespace) -> int:
    for model in installed_models(load_config(os.environ).places):
        if args.json:
            print_json(
                {
                    "name": model.name,
                    "architecture": model.architecture,
                    "context": model.context,
                    "bytes": model.size,
                    "folder": str(model.folder),
                    "problem": model.problem or None,
                }
            )
        else:
            context = f"{model.context:,} tokens" if model.context else ""
            print(
                f"{model.name:<32} {model.architecture:<24} {context:>16} {model.size / 1e6:>10,.0f} MB  {model.problem}".rstrip()
            )
    return 0
