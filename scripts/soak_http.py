"""A long run of the whole service over HTTP with the demo model: many streams, random leavers. Prints one JSON line.

    python scripts/soak_http.py --seconds 600 --streams 200

Uses a service of its own in a throw-away folder. A stream that is read to its end must end in exactly one terminal event for
each sample and one usage; at the end no request is open and every page is free or cached. A figure that is not as it must be is
an AssertionError. tests/core/service/http/test_faults.py does the same briefly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from core import lifecycle
from core.client import AsyncClient
from core.client_events import Finished, Text, Used
from core.lifecycle import ServiceInfo
from core.paths import HOME_VARIABLE, Places
from core.schemas import Status

QUESTIONS = (
    "What is paging?",
    "How do I count to nine in French?",
    "What is 17 + 25?",
    "Hello!",
    "Which keys are there?",
)


async def one_stream(client: AsyncClient, rng: random.Random, ends: Counter[str]) -> None:
    """A chat that is read to its end, or left after a few events."""
    samples = rng.choice([1, 1, 1, 2])
    leave_after = rng.choice([None, None, None, 0, 1, rng.randrange(2, 20)])
    messages = [{"role": "user", "content": rng.choice(QUESTIONS)}]
    parameters = {"n": samples, "max_tokens": rng.randrange(1, 60), "temperature": 0.7, "seed": rng.randrange(50)}
    seen, finished, used = 0, Counter[int](), 0
    events = client.stream_chat(messages, model="demo", **parameters)
    try:
        async for event in events:
            if isinstance(event, Text):
                assert not finished[event.index], "text after its sample's end"
                ends["texts"] += 1
            elif isinstance(event, Finished):
                finished[event.index] += 1
            elif isinstance(event, Used):
                used += 1
            seen += 1
            if leave_after is not None and seen > leave_after:
                ends["left"] += 1
                return
    finally:
        await events.aclose()
    assert finished == Counter(range(samples)), f"{finished} ends for {samples} samples"
    assert used == 1, f"{used} terminal usages"
    ends["completed"] += 1


def resident(pid: int | None) -> float:
    """MB, 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


async def idle(client: AsyncClient) -> Status:
    """The status once everything that was left has ended."""
    for _ in range(300):
        status = await client.status()
        model = status.models[0]
        if not (status.open_requests or model.running or model.waiting or model.pages_used):
            return status
        await asyncio.sleep(0.1)
    raise AssertionError(f"something is left: {status}")


async def soak(info: ServiceInfo, seconds: float, streams: int, seed: int) -> dict[str, Any]:
    ends: Counter[str] = Counter()

    async def reader(client: AsyncClient, rng: random.Random) -> None:
        async with client:
            while time.monotonic() < until:
                await one_stream(client, rng, ends)

    clients = [AsyncClient(info) for _ in range(streams)]  # slow to make: it would hold up those that connect already
    async with AsyncClient(info) as client:
        await client.load("demo")
        began = time.monotonic()
        until = began + seconds
        worker = (await client.status()).models[0].worker_pid
        readers = [asyncio.create_task(reader(own, random.Random(f"{seed}/{i}"))) for i, own in enumerate(clients)]
        await asyncio.sleep(seconds / 2)
        half = [resident(info.pid), resident(worker)]
        await asyncio.gather(*readers)
        status = await idle(client)
        assert status.models[0].worker_pid == worker, "the worker was replaced"
        return {
            "scenario": "http",
            "seconds": round(time.monotonic() - began, 1),
            "streams": streams,
            **ends,
            "service_and_worker_mb_at_half": half,
            "service_and_worker_mb_at_end": [resident(info.pid), resident(worker)],
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[HOME_VARIABLE] = folder  # the service reads it too
        info = lifecycle.attach_or_start(Places.under(Path(folder)))

        async def run() -> dict[str, Any]:
            try:
                return await soak(info, args.seconds, args.streams, args.seed)
            finally:
                async with AsyncClient(info) as client:
                    await client.stop(grace=2.0)

        print(json.dumps(asyncio.run(run())), flush=True)
        time.sleep(3)  # the service still writes its last line into the folder
    return 0


if __name__ == "__main__":
    sys.exit(main())
