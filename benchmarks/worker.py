"""Tokens/s through the worker's pipe: engine loop, frames and fan-out to streams, with a stub engine that answers at once.

    python benchmarks/worker.py --streams 256 --tokens 1000

One JSON line: tokens/s of the engine loop alone (in this process), then of a worker process to as many streams as asked,
each read by a task of its own; processor seconds of both sides per million tokens; steps per second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from pathlib import Path

from core.protocol import EngineOptions, Submit, Tokens
from core.sampling import SamplingParams
from core.service.supervisor import Supervisor
from core.worker.engine import open_worker_engine
from core.worker.loop import EngineLoop

PROMPT = list(range(1, 33))


def options(streams: int, tokens: int) -> EngineOptions:
    arguments = {
        "vocab_size": 32_000,
        "num_slots": streams,
        "num_pages": 1 + streams * (-(-(len(PROMPT) + tokens) // 16) + 1),
        "max_tokens": 8192,
        "max_context": 1 << 20,
        "lookahead": 1,
        "check": False,
    }
    return EngineOptions(target="engines.stub:StubEngine", arguments=json.dumps(arguments))


def submit(request: int, tokens: int) -> Submit:
    return Submit(request, PROMPT, SamplingParams(seed=request, temperature=1.0, max_tokens=tokens))


def loop_alone(streams: int, tokens: int) -> float:
    """Tokens/s of scheduler, loop and stub engine, with no process around them."""
    loop = EngineLoop(open_worker_engine(Path(), options(streams, tokens)))
    for request in range(streams):
        loop.submit(submit(request, tokens))
    started = time.perf_counter()
    while loop.busy:
        loop.step()
    return streams * tokens / (time.perf_counter() - started)


async def through_the_pipe(streams: int, tokens: int) -> dict[str, float]:
    supervisor = Supervisor()
    handle = await supervisor.load(Path("stub"), options(streams, tokens))
    batches = 0

    async def read() -> int:
        nonlocal batches
        count = 0
        async with handle.stream(submit(handle.next_request_id(), tokens)) as stream:
            async for batch in stream:
                batches += 1
                for event in batch:
                    if type(event) is Tokens:
                        count += len(event.ids)
        return count

    before, children_before = _cpu_s(resource.RUSAGE_SELF), _cpu_s(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    counts = await asyncio.gather(*(read() for _ in range(streams)))
    seconds = time.perf_counter() - started
    service_s = _cpu_s(resource.RUSAGE_SELF) - before
    status = await handle.status()
    await supervisor.close()
    worker_s = _cpu_s(resource.RUSAGE_CHILDREN) - children_before  # with its start
    total = sum(counts)
    assert total == streams * tokens
    millions = total / 1e6
    return {
        "tokens_per_s": round(total / seconds),
        "steps_per_s": round(status.steps / seconds),
        "tokens_per_batch": round(total / batches, 2),
        "service_cpu_s_per_million": round(service_s / millions, 2),
        "worker_cpu_s_per_million": round(worker_s / millions, 2),
    }


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    alone = max(loop_alone(args.streams, args.tokens) for _ in range(args.rounds))
    runs = [asyncio.run(through_the_pipe(args.streams, args.tokens)) for _ in range(args.rounds)]
    best = max(runs, key=lambda run: run["tokens_per_s"])
    head = {
        "benchmark": "worker",
        "streams": args.streams,
        "tokens": args.tokens,
        "loop_alone_tokens_per_s": round(alone),
    }
    print(json.dumps(head | best))


if __name__ == "__main__":
    main()
