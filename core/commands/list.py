"""Models on this machine, the engines built of them, and downloads that wait to be continued.

--verbose prints the report card of each engine: what its build measured.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from core.commands.options import add_json, note, print_json
from core.config import load_config
from core.library.engines import BuiltEngine
from core.library.listing import Entry, everything
from core.library.report_card import card_lines, engine_json
from core.library.there import is_missing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbose", "-v", action="store_true", help="with the report card of each engine")
    add_json(parser, "each model")


def run(args: argparse.Namespace) -> int:
    places = load_config(os.environ).places
    listing = everything(places)
    if is_missing(places):
        note(f"{places.library}, the folder of models and engines, is not there; connect its disk.")
    if args.json:
        for entry in listing.entries:
            print_json(_entry_json(entry))
        for engine in listing.orphans:
            print_json({"name": engine.name, "orphan": True, **engine_json(engine)})
        return 0
    for entry in listing.entries:
        model = entry.model
        context = f"{model.context:,} tokens" if model.context else ""
        print(
            f"{model.name:<32} {model.architecture:<24} {context:>16} {model.size / 1e6:>10,.0f} MB  {model.problem}".rstrip()
        )
        _print_engines(entry.engines, args.verbose)
    if listing.orphans:
        print("engines without their model:")
        _print_engines(listing.orphans, args.verbose)
    return 0


def _print_engines(engines: tuple[BuiltEngine, ...], verbose: bool) -> None:
    for engine in engines:
        manifest = engine.manifest
        where = f"{manifest.precision} on {manifest.backend}" if manifest else ""
        size = manifest.size / 1e6 if manifest else 0.0
        print(f"  {engine.name:<30} {where:<24} {'':>16} {size:>10,.0f} MB  {engine.problem}".rstrip())
        if verbose and manifest is not None:
            for line in card_lines(manifest):
                print(f"      {line}")


def _entry_json(entry: Entry) -> dict[str, Any]:
    model = entry.model
    return {
        "name": model.name,
        "architecture": model.architecture,
        "context": model.context,
        "bytes": model.size,
        "folder": str(model.folder),
        "linked": model.linked,
        "complete": entry.complete,
        "repo": model.repo or None,
        "commit": model.commit or None,
        "licence": model.licence or None,
        "problem": model.problem or None,
        "engines": [engine_json(engine) for engine in entry.engines],
    }
