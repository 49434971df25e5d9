"""Stop the running service. Answers that are being made may take --grace seconds more."""

from __future__ import annotations

import argparse
import os
import sys

from core import lifecycle
from core.config import load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--grace", type=float, default=5.0, metavar="SECONDS", help="for open answers (default 5)")


def run(args: argparse.Namespace) -> int:
    stopped = lifecycle.stop(load_config(os.environ).places, grace=min(600.0, max(0.0, args.grace)))
    print("Stopped." if stopped else "No service is running.", file=sys.stderr)
    return 0
