"""Download a model from the Hugging Face Hub, or link a folder on this machine.

MODEL is REPO[@REVISION], such as Qwen/Qwen3-8B. An interrupted download goes on where it stopped; pulling an installed model
again checks its files and fetches what changed.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from core.commands.options import add_json, note, print_json
from core.config import load_config
from core.errors import InvalidRequest
from core.library.fetch import Stopped
from core.library.hub import Hub
from core.library.installed import link_folder
from core.library.progress import Progress
from core.library.pull import Pull
from core.library.tokens import check_token, find_token, save_token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", help="REPO[@REVISION] on the Hub")
    parser.add_argument("--link", type=Path, metavar="FOLDER", help="install a folder as it lies there, without a copy")
    parser.add_argument("--name", help="with --link: the model's name here (default: the folder's)")
    parser.add_argument("--token", help="access token for gated and private models, '-' asks for it; it is remembered")
    add_json(parser, "what was installed")


def run(args: argparse.Namespace) -> int:
    config = load_config(os.environ)
    if (args.model is None) == (args.link is None):
        raise InvalidRequest("Give either the model's name on the Hub or --link FOLDER.")
    if args.link is not None:
        name = link_folder(args.link, args.name, config.places)
        folder = str(args.link.expanduser().resolve())
        if args.json:
            print_json({"name": name, "folder": folder, "linked": True})
        else:
            print(f"{name} is a link to {folder}")
        return 0
    if args.name is not None:
        raise InvalidRequest("--name goes with --link; a model from the Hub keeps its name.", "name")

    token = _given_token(args.token) if args.token is not None else None
    hub = Hub(token=token or find_token(config.places, os.environ), offline=config.offline)
    with _Bar() as bar:
        pull = Pull(args.model, config.places, hub, on_progress=bar.show, on_note=bar.note)
        try:
            pulled = pull.run()
        except (KeyboardInterrupt, Stopped):
            pull.stop()
            bar.note("stopped; the same command goes on from here")
            raise KeyboardInterrupt from None
    if token is not None:
        note(f"The token is kept in {save_token(token, config.places)}.")
    if args.json:
        manifest = pulled.manifest
        print_json(
            {
                "name": pulled.name,
                "folder": str(pulled.folder),
                "linked": False,
                "repo": manifest.repo,
                "revision": manifest.revision,
                "commit": manifest.commit,
                "licence": manifest.licence,
                "bytes": manifest.size,
                "fetched_bytes": pulled.fetched,
                "changed": pulled.changed,
            }
        )
    else:
        what = "installed" if pulled.changed else "was there already, all files are right"
        print(f"{pulled.name} {what}: {pulled.manifest.size / 1e6:,.0f} MB, commit {pulled.manifest.commit[:12]}")
    return 0


def _given_token(text: str) -> str:
    if text == "-":
        text = getpass.getpass("Access token: ") if sys.stdin.isatty() else sys.stdin.readline()
    return check_token(text, "--token")


class _Bar:
    """A progress bar on stderr where that is a terminal; notes always."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=None, unit="B", unit_scale=True, disable=None, file=sys.stderr, dynamic_ncols=True, leave=False
        )

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *unused: object) -> None:
        self._bar.close()

    def show(self, progress: Progress) -> None:
        if self._bar.disable:
            return
        if progress.stage != self._bar.desc.removesuffix(": "):
            self._bar.reset()
            self._bar.set_description(progress.stage, refresh=False)
        self._bar.total = progress.total or None
        self._bar.n = progress.done
        self._bar.refresh()

    def note(self, text: str) -> None:
        self._bar.clear()
        note(text)
