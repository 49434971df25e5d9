"""Will a model fit on a GPU? For every precision: weights, KV pool, workspace, runtime, and what others use.

Without --gpu the NVIDIA GPU of this machine with the most free memory is taken.
"""

from __future__ import annotations

import argparse
import os

from core.commands.options import add_json, note, print_json
from core.config import load_config
from core.errors import DeviceUnusable
from core.library.catalog import find_model
from core.library.fit import Fit, fit, recommend
from core.library.gpus import GIB, Gpu, find_gpu, present_gpus
from core.library.shape import read_shape

_DEFAULT_CONTEXT = 8192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="demo, an installed name, or a checkpoint folder")
    parser.add_argument("--gpu", metavar="NAME", help="a GPU by name, such as rtx4060 or h200 (default: the one here)")
    parser.add_argument("--context", type=int, metavar="N", help=f"tokens per chat (default {_DEFAULT_CONTEXT})")
    parser.add_argument("--chats", type=int, default=1, metavar="K", help="chats at once (default 1)")
    add_json(parser, "the figures")


def run(args: argparse.Namespace) -> int:
    shape = read_shape(find_model(args.model, load_config(os.environ).places))
    gpu = _gpu(args.gpu)
    context = min(_DEFAULT_CONTEXT, shape.context) if args.context is None else args.context
    fits = fit(shape, gpu, context, args.chats)
    advice = recommend(fits, shape, gpu, context, args.chats)
    if args.json:
        print_json(
            {
                "model": args.model,
                "parameters": shape.parameters,
                "gpu": {
                    "name": gpu.name,
                    "bytes": gpu.memory,
                    "compute_capability": list(gpu.capability),
                    "bandwidth_bytes_per_s": gpu.bandwidth or None,
                    "others_bytes": gpu.others,
                    "others_measured": gpu.measured,
                },
                "context": context,
                "chats": args.chats,
                "precisions": [_json(item) for item in fits],
                "recommended": advice.precision,
                "reason": advice.sentence,
            }
        )
        return 0
    others = "in use now" if gpu.measured else "assumed for others"
    note(
        f"{args.model} ({shape.parameters / 1e9:,.2f} billion parameters) on {gpu.name}: {gpu.memory / GIB:.1f} GiB, "
        f"{gpu.others / GIB:.1f} {others}; {context:,} tokens x {args.chats} chats"
    )
    print(f"{'GiB':<10}{'weights':>9}{'KV':>8}{'work':>8}{'runtime':>9}{'sum':>8}{'free':>8}{'context':>11}  ")
    for item in fits:
        sizes = f"{_gib(item.weights):>9}{_gib(item.kv):>8}{_gib(item.workspace):>8}{_gib(item.runtime):>9}"
        verdict = item.reason or "fits"
        print(
            f"{item.precision:<10}{sizes}{_gib(item.needed):>8}{_gib(item.available):>8}{item.max_context:>11,}  {verdict}"
        )
    print(advice.sentence)
    return 0


def _gpu(name: str | None) -> Gpu:
    if name is not None:
        return find_gpu(name)
    gpus = present_gpus()
    if not gpus:
        raise DeviceUnusable(
            "No NVIDIA GPU was found here (driver, or the package nvidia-ml-py, is missing); name one with --gpu, such as rtx4060."
        )
    return gpus[0]


def _json(item: Fit) -> dict[str, object]:
    return {
        "precision": item.precision,
        "weights_bytes": item.weights,
        "kv_bytes": item.kv,
        "workspace_bytes": item.workspace,
        "runtime_bytes": item.runtime,
        "others_bytes": item.others,
        "needed_bytes": item.needed,
        "available_bytes": item.available,
        "fits": not item.reason,
        "reason": item.reason or None,
        "max_context": item.max_context,
        "max_tokens_per_s": None if item.tokens_per_s is None else round(item.tokens_per_s, 1),
    }


def _gib(size: int) -> str:
    return f"{size / GIB:.2f}"
