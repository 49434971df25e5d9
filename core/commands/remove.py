"""Delete an installed model with its engines, or one engine by its name (demo:int4), and free the space.

Of a linked folder only the link is removed; the demo stays.
"""

from __future__ import annotations

import argparse
import os

from core.commands.options import add_json, print_json
from core.config import load_config
from core.library.installed import remove_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="an installed name, one whose download was interrupted, or an engine")
    add_json(parser, "what was freed")


def run(args: argparse.Namespace) -> int:
    removed = remove_model(args.model, load_config(os.environ).places)
    if args.json:
        print_json(
            {
                "name": removed.name,
                "freed_bytes": removed.freed,
                "linked": removed.linked,
                "engines": list(removed.engines),
            }
        )
    elif removed.linked:
        print(f"{removed.name} is no longer linked; the folder itself was not touched")
    else:
        print(f"{removed.name} removed: {removed.freed / 1e6:,.0f} MB freed")
    return 0
