"""Libraries that are not bundled: `rtx` is TensorRT for RTX, NVIDIA's, under its own licence.

pack list, pack licence rtx, pack install rtx (shows the licence, and asks), pack remove rtx.
"""

from __future__ import annotations

import argparse
import os
import sys

from core.commands.options import add_json, note, print_json
from core.config import load_config
from core.errors import InvalidRequest, NotFound
from core.packs.install import Installer, installed, remove
from core.packs.pinned import PACKS, find_pack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "licence", "install", "remove"))
    parser.add_argument("pack", nargs="?", help="rtx")
    parser.add_argument(
        "--accept-licence", action="store_true", help="install without asking: you have read the licence"
    )
    parser.add_argument("--index", metavar="URL", help="a package index with the simple API (default: PyPI)")
    add_json(parser, "what is there, or was done")


def run(args: argparse.Namespace) -> int:
    config = load_config(os.environ)
    if args.action == "list":
        for pack in PACKS.values():
            found = installed(pack, config.places)
            where = "not installed" if found is None else str(found.folder or "in this Python environment")
            if args.json:
                print_json({"name": pack.name, "version": pack.version, "installed": found is not None, "where": where})
            else:
                print(f"{pack.name:<6} {pack.title} {pack.version}: {where}")
        return 0
    if args.pack is None:
        raise InvalidRequest(f"Name the pack: deskside core pack {args.action} rtx.", "pack")
    pack = find_pack(args.pack)
    if args.action == "remove":
        freed = remove(pack, config.places)
        if not freed:
            raise NotFound(f"The pack {pack.name} is not installed by Deskside; nothing was removed.")
        if args.json:
            print_json({"name": pack.name, "freed_bytes": freed})
        else:
            print(f"{pack.title} removed: {freed / 1e6:,.0f} MB freed")
        return 0
    options = {} if args.index is None else {"index": args.index.rstrip("/") + "/"}
    installer = Installer(pack, config.places, offline=config.offline, **options)
    if args.action == "licence":
        print(installer.licence())
        return 0
    found = installed(pack, config.places)
    if found is not None and found.folder is not None:
        note(f"{pack.title} {pack.version} is installed already.")
    else:
        if not args.accept_licence:
            _ask(installer, pack.title)
        note(f"Downloading {installer.size / 1e6:,.0f} MB ...")
        installer.install()
    if args.json:
        print_json({"name": pack.name, "version": pack.version, "folder": str(installer.target)})
    else:
        print(f"{pack.title} {pack.version} is in {installer.target}")
    return 0


def _ask(installer: Installer, title: str) -> None:
    """Shows the licence; anything but yes is no."""
    if not sys.stdin.isatty():
        raise InvalidRequest(
            f"{title} has a licence of its own: read it with deskside core pack licence rtx, then give --accept-licence."
        )
    print(installer.licence())
    answer = input(
        f"{title} takes {installer.size / 1e6:,.0f} MB to download. Do you accept the licence above? [yes/no] "
    )
    if answer.strip().lower() not in ("yes", "y"):
        raise InvalidRequest("The licence was not accepted; nothing was installed.")
