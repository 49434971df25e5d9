"""Serve models over HTTP until Ctrl+C or `deskside core stop`: the OpenAI API under /v1, Triton's generate under /v2.

Every request needs the token: `deskside core status --show-token`. Without --lan only this machine can connect.
"""

from __future__ import annotations

import argparse
import os
import sys

from core.config import load_config
from core.errors import InvalidRequest
from core.lifecycle import DEFAULT_PORT, ServiceInfo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"(default {DEFAULT_PORT}; 0: any free one)")
    parser.add_argument("--lan", action="store_true", help="allow an address that other machines can reach")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a further host name that clients use for this machine",
    )
    parser.add_argument("--model", metavar="MODEL", help="load it at the start; others load with their first request")
    parser.add_argument(
        "--idle-timeout",
        type=float,
        metavar="SECONDS",
        help="unload a model that was not used for so long (default: never)",
    )


def run(args: argparse.Namespace) -> int:
    if not 0 <= args.port <= 65535:
        raise InvalidRequest(f"--port is {args.port}; it must be from 0 to 65535.", "port")
    if args.idle_timeout is not None and args.idle_timeout <= 0:
        raise InvalidRequest(f"--idle-timeout is {args.idle_timeout:g}; it must be above 0.", "idle_timeout")

    from core.service import main
    from core.service.server import LAN_WARNING, ServeOptions

    if args.lan:
        print(LAN_WARNING, file=sys.stderr, flush=True)
    options = ServeOptions(
        host=args.host,
        port=args.port,
        lan=args.lan,
        names=tuple(args.name),
        model=args.model,
        idle_timeout=args.idle_timeout,
    )
    main.run(load_config(os.environ), options, _serving)
    return 0


def _serving(info: ServiceInfo) -> None:
    print(f"Serving on {info.address}", file=sys.stderr)
    print(
        "Its token: `deskside core status --show-token`. It ends with Ctrl+C or `deskside core stop`.",
        file=sys.stderr,
        flush=True,
    )
