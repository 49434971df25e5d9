"""Installed models, the bundled demo first, and downloads that wait to be continued."""

from __future__ import annotations

import argparse
import os

from core.commands.options import add_json, print_json
from core.config import load_config
from core.library.catalog import InstalledModel, installed_models
from core.library.staging import Unfinished, unfinished
from core.paths import Places


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "each model")


def run(args: argparse.Namespace) -> int:
    for model in everything(load_config(os.environ).places):
        if args.json:
            print_json(
                {
                    "name": model.name,
                    "architecture": model.architecture,
                    "context": model.context,
                    "bytes": model.size,
                    "folder": str(model.folder),
                    "linked": model.linked,
                    "repo": model.repo or None,
                    "commit": model.commit or None,
                    "licence": model.licence or None,
                    "problem": model.problem or None,
                }
            )
        else:
            context = f"{model.context:,} tokens" if model.context else ""
            print(
                f"{model.name:<32} {model.architecture:<24} {context:>16} {model.size / 1e6:>10,.0f} MB  {model.problem}".rstrip()
            )
    return 0


def everything(places: Places) -> list[InstalledModel]:
    """Installed models, then what is only partly there."""
    models = installed_models(places)
    names = {model.name for model in models}
    return [*models, *(_incomplete(item, places) for item in unfinished(places) if item.name not in names)]


def _incomplete(item: Unfinished, places: Places) -> InstalledModel:
    share = item.have / item.total if item.total else 0.0
    again = item.name + (f"@{item.revision}" if item.revision else "")
    problem = f"not complete, {share:.0%} of {item.total / 1e6:,.0f} MB; `deskside core pull {again}` goes on"
    return InstalledModel(item.name, places.models / item.name, "", None, item.have, problem)
