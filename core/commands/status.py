"""The running service: its address and process, the models it has loaded, their sequences and KV pages."""

from __future__ import annotations

import argparse
import json
import os
import sys

from core import lifecycle
from core.config import load_config
from core.errors import Unavailable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--show-token", action="store_true", help="with the token that every request needs")


def run(args: argparse.Namespace) -> int:
    info = lifecycle.find(load_config(os.environ).places)
    if info is None:
        if args.json:
            print(json.dumps({"running": False}))
        else:
            print("No service is running; `deskside core serve` starts one.", file=sys.stderr)
        return Unavailable.exit_code

    from core.client import Client

    with Client(info) as client:
        status = client.status()
    if args.json:
        token = {"token": info.token} if args.show_token else {}
        print(json.dumps({"running": True, **status.model_dump(), **token}, indent=2))
        return 0
    print(f"address   {info.address}")
    print(f"process   {status.pid}, version {status.version}, for {status.uptime:.0f} s")
    if args.show_token:
        print(f"token     {info.token}")
    print(f"requests  {status.open_requests} open of at most {status.max_requests}")
    for model in status.models:
        print(f"model     {model.name}: {model.state}, {model.backend} {model.precision}, context {model.context}")
        if model.pages_total is not None:
            running, waiting = model.running or 0, model.waiting or 0
            used, cached = model.pages_used or 0, model.pages_cached or 0
            print(
                f"          {running} running, {waiting} waiting; "
                f"{used} of {model.pages_total} pages used, {cached} cached"
            )
    return 0
