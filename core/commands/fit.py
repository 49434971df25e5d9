"""Will a model fit on a GPU? For every precision: weights, KV pool, workspace, runtime, and what others use.

MODEL may also be REPO[@REVISION] on the Hub: only its config.json and the headers of its weights are read. Without --gpu the
NVIDIA GPU of this machine with the most free memory is taken.
"""

from __future__ import annotations

import argparse
import os

from core.commands.options import add_json, note, print_json
from core.config import load_config
from core.library.fit_report import DEFAULT_CONTEXT, report_fit
from core.library.gpus import GIB
from core.library.hub import Hub
from core.library.remote import IMPATIENT
from core.library.tokens import find_token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="demo, an installed name, a checkpoint folder, or REPO[@REVISION] on the Hub")
    parser.add_argument("--gpu", metavar="NAME", help="a GPU by name, such as rtx4060 or h200 (default: the one here)")
    parser.add_argument("--context", type=int, metavar="N", help=f"tokens per chat (default {DEFAULT_CONTEXT})")
    parser.add_argument("--chats", type=int, default=1, metavar="K", help="chats at once (default 1)")
    add_json(parser, "the figures")


def run(args: argparse.Namespace) -> int:
    config = load_config(os.environ)

    def hub() -> Hub:
        return Hub(token=find_token(config.places, os.environ), offline=config.offline, policy=IMPATIENT)

    report = report_fit(args.model, config.places, hub, args.gpu, args.context, args.chats)
    if args.json:
        print_json(report.as_json())
        return 0
    gpu = report.gpu
    others = "in use now" if gpu.measured else "assumed for others"
    where = f", {report.download / 1e9:,.1f} GB to download" if report.on_hub else ""
    note(
        f"{args.model} ({report.shape.parameters / 1e9:,.2f} billion parameters{where}) on {gpu.name}: {gpu.memory / GIB:.1f} GiB, "
        f"{gpu.others / GIB:.1f} {others}; {report.context:,} tokens x {args.chats} chats"
    )
    print(f"{'GiB':<10}{'weights':>9}{'KV':>8}{'work':>8}{'runtime':>9}{'sum':>8}{'free':>8}{'context':>11}  ")
    for item in report.fits:
        sizes = f"{_gib(item.weights):>9}{_gib(item.kv):>8}{_gib(item.workspace):>8}{_gib(item.runtime):>9}"
        verdict = item.reason or "fits"
        print(
            f"{item.precision:<10}{sizes}{_gib(item.needed):>8}{_gib(item.available):>8}{item.max_context:>11,}  {verdict}"
        )
    print(report.advice.sentence)
    return 0


def _gib(size: int) -> str:
    return f"{size / GIB:.2f}"
