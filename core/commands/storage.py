"""Where models and engines lie, how much room they take, and moving them to another folder, such as one on a second disk.

--move takes what is there along: it is copied, compared, and deleted here only then; the same command goes on with a move that
was interrupted. --use leaves it where it is and works with what lies in the other folder. Chats and settings stay. FOLDER may be
`default`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from core.commands.build import Bar, follow
from core.commands.options import add_json, print_json
from core.config import load_config
from core.library.move import move_library, use_library
from core.library.storage import Storage, storage_of
from core.paths import Places

DEFAULT = "default"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--move", metavar="FOLDER", help="move models and engines there")
    what.add_argument(
        "--use", metavar="FOLDER", help="use what is there, and leave the present models and engines alone"
    )
    add_json(parser, "where they lie")


def run(args: argparse.Namespace) -> int:
    places = load_config(os.environ).places
    chosen = args.move if args.move is not None else args.use
    if chosen is not None:
        folder = "" if chosen == DEFAULT else str(Path(chosen).expanduser().absolute())
        with Bar() as bar:
            if not (places.service_lock.exists() and _in_service(folder, args.move is not None, bar)):
                target = Path(folder) if folder else places.data
                if args.move is not None:
                    move_library(target, places, bar.show)
                else:
                    use_library(target, places)
        places = load_config(os.environ).places
    _show(storage_of(places), places, args.json)
    return 0


def _in_service(folder: str, move: bool, bar: Bar) -> bool:
    """By the running service, which has models loaded; False if there is none after all. Ctrl+C pauses the job there."""
    from core.client import attach  # an HTTP client: not needed to move in this process

    client = attach()
    if client is None:
        return False
    with client:
        if not move:
            client.use_storage(folder)
            return True
        paused = "paused in the service, as the job {job}; everything is where it was"
        follow(client, client.move_storage(folder), bar, paused)
    return True


def _show(storage: Storage, places: Places, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "folder": str(storage.folder),
                "default": str(storage.default),
                "models_bytes": storage.models,
                "engines_bytes": storage.engines,
                "free_bytes": storage.free,
                "missing": storage.missing,
            }
        )
        return
    print(f"models and engines  {storage.folder}" + ("  (not there: connect its disk)" if storage.missing else ""))
    if not storage.missing:
        print(f"models              {storage.models / 1e9:,.2f} GB")
        print(f"engines             {storage.engines / 1e9:,.2f} GB")
        print(f"free there          {storage.free / 1e9:,.2f} of {storage.total / 1e9:,.2f} GB")
    print(f"chats, jobs         {places.data}")
    print(f"settings            {places.config}")
