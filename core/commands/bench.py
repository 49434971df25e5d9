"""Measure a model on this machine: random token prompts, greedy, end tokens ignored, --concurrency requests in flight.

first_token_s runs from a request's submission, inter_token_s between its tokens; tokens/s count all requests together.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.commands.options import add_json, add_model, open_llm, print_json
from core.errors import InvalidRequest
from core.llm import LLM, Stream
from core.sampling import SamplingParams


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--input-len", type=int, default=128, metavar="N", help="prompt tokens (default 128)")
    parser.add_argument("--output-len", type=int, default=64, metavar="N", help="generated tokens (default 64)")
    parser.add_argument("--requests", type=int, default=16, metavar="N", help="requests in all (default 16)")
    parser.add_argument("--concurrency", type=int, default=8, metavar="N", help="requests in flight (default 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the prompts")
    add_json(parser, "the figures")


@dataclass(slots=True)
class _Timed:
    stream: Stream
    started: float
    times: list[float] = field(default_factory=list)


def run(args: argparse.Namespace) -> int:
    for name in ("input_len", "output_len", "requests", "concurrency"):
        if getattr(args, name) < 1:
            raise InvalidRequest(f"--{name.replace('_', '-')} must be at least 1.", name)
    loading = time.perf_counter()
    with open_llm(args, num_slots=args.concurrency, max_tokens_per_step=max(512, args.concurrency)) as llm:
        load = time.perf_counter() - loading
        measure(llm, args, requests=1)  # warm up
        finished, seconds = measure(llm, args, args.requests)
        figures = summary(llm, args, finished, seconds) | {"load_s": round(load, 3)}
    if args.json:
        print_json(figures)
    else:
        for key, value in figures.items():
            print(f"{key:<22} {value}")
    return 0


def measure(llm: LLM, args: argparse.Namespace, requests: int) -> tuple[list[_Timed], float]:
    """Run `requests` requests, `concurrency` at a time; returns them with their token times, and the whole time."""
    rng = np.random.default_rng(args.seed)
    params = SamplingParams(temperature=0.0, max_tokens=args.output_len, ignore_eos=True)
    prompts = [rng.integers(0, llm.spec.vocab_size, args.input_len).tolist() for _ in range(requests)]
    finished: list[_Timed] = []
    active: list[_Timed] = []
    began = time.perf_counter()
    while prompts or active:
        while prompts and len(active) < args.concurrency:
            active.append(_Timed(llm.stream(prompts.pop(), params), time.perf_counter()))
        llm.turn()
        now = time.perf_counter()
        for timed in active:
            produced = sum(len(delta.token_ids) for delta in timed.stream.poll())
            timed.times += [now] * produced
        finished += [timed for timed in active if timed.stream.ended]
        active = [timed for timed in active if not timed.stream.ended]
    return finished, time.perf_counter() - began


def summary(llm: LLM, args: argparse.Namespace, finished: list[_Timed], seconds: float) -> dict[str, Any]:
    firsts = [timed.times[0] - timed.started for timed in finished]
    gaps = [(timed.times[-1] - timed.times[0]) / (len(timed.times) - 1) for timed in finished if len(timed.times) > 1]
    output = sum(timed.stream.result.usage.output_tokens for timed in finished)
    return {
        "model": args.model,
        "backend": llm.spec.backend,
        "precision": llm.spec.precision,
        "machine": platform.processor() or platform.machine(),
        "input_len": args.input_len,
        "output_len": args.output_len,
        "requests": len(finished),
        "concurrency": args.concurrency,
        "seconds": round(seconds, 3),
        "output_tokens_per_s": round(output / seconds, 1),
        "total_tokens_per_s": round((output + args.input_len * len(finished)) / seconds, 1),
        "first_token_s_median": round(statistics.median(firsts), 4),
        "first_token_s_max": round(max(firsts), 4),
        "inter_token_s_median": round(statistics.median(gaps), 5) if gaps else None,
    }
