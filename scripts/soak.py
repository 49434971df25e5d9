"""Long runs of the worker and its supervisor over a stub engine, with real processes. Prints one JSON line per scenario.

    python scripts/soak.py streams --seconds 600     200 concurrent streams, random cancels and ends
    python scripts/soak.py kills --rounds 100        SIGKILL of the worker at random moments during 8 streams
    python scripts/soak.py all

The stub engine's text is a function of prompt and seed, so every answer, and every part of one, is compared with what the
same request gave before. A figure that is not as it must be is an AssertionError. The tests run the same scenarios briefly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.protocol import (
    Done,
    EngineOptions,
    Event,
    FinishReason,
    Outcome,
    Priority,
    Progress,
    SampleEnd,
    Submit,
    Tokens,
)
from core.sampling import SamplingParams
from core.service.handle import EngineHandle
from core.service.supervisor import Supervisor

Ids = tuple[int, ...]
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end a process


@dataclass
class Story:
    """Everything that one stream said, checked against the contract as it comes."""

    ids: dict[int, list[int]] = field(default_factory=dict)
    ends: dict[int, SampleEnd] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    done: Done | None = None

    def take(self, batch: tuple[Event, ...]) -> None:
        assert batch
        for event in batch:
            assert self.done is None, f"{event} came after Done"
            if isinstance(event, Tokens):
                assert event.index not in self.ends, f"{event} came after its SampleEnd"
                self.ids.setdefault(event.index, []).extend(event.ids)
            elif isinstance(event, SampleEnd):
                assert event.index not in self.ends, f"a second {event}"
                self.ends[event.index] = event
            elif isinstance(event, Done):
                self.done = event
            else:
                self.progress.append(event)

    @property
    def tokens(self) -> Counter[int]:
        """How many of each sample."""
        return Counter({index: len(ids) for index, ids in self.ids.items()})

    @property
    def outcome(self) -> Outcome:
        assert self.done is not None, "the stream ended without Done"
        return self.done.outcome

    def check(self, samples: int) -> None:
        """After the end: the counts say what was sent."""
        assert self.done is not None
        if not self.done.code or self.done.code == "engine_died":
            assert sorted(self.ends) == list(range(samples))
        assert self.done.output_tokens == sum(end.output_tokens for end in self.ends.values())


class Known:
    """What each request answered so far: a repetition, or a part of one, has to say the same."""

    def __init__(self) -> None:
        self._longest: dict[Any, Ids] = {}
        self.compared = 0

    def compare(self, request: Submit, story: Story) -> None:
        for index, found in story.ids.items():
            key = (tuple(request.prompt_ids), request.params.seed, index)
            before, ids = self._longest.get(key, ()), tuple(found)
            common = min(len(before), len(ids))
            assert before[:common] == ids[:common], f"sample {index} of {request.request} is not what it was before"
            self.compared += common
            if len(ids) > len(before):
                self._longest[key] = ids


def stub(**arguments: Any) -> EngineOptions:
    keywords = {"num_slots": 48, "num_pages": 600, "max_tokens": 512, "max_context": 2048, "keep_plans": 1}
    return EngineOptions(target="engines.stub:StubEngine", arguments=json.dumps(keywords | arguments))


def random_request(rng: random.Random, request: int, longest: int = 120, variety: int = 4) -> Submit:
    """Few prompts and seeds, so that prefixes are shared and requests repeated."""
    prompt = [1 + rng.randrange(variety)] * rng.choice([1, 15, 16, 17, 60][:variety]) + [5 + rng.randrange(variety)]
    params = SamplingParams(
        seed=rng.randrange(variety),
        temperature=1.0,
        n=rng.choice([1, 1, 1, 3]),
        max_tokens=rng.randrange(1, longest),
        logprobs=rng.choice([None, None, 2]),
    )
    return Submit(
        request,
        prompt,
        params,
        (0,),
        rng.choice(list(Priority)),
        client=str(rng.randrange(4)),
        wants_progress=rng.random() < 0.3,
    )


async def one_stream(handle: EngineHandle, rng: random.Random, known: Known, ends: Counter[str]) -> None:
    """A request that is read to its end, left early, stopped at a stop string, or read very slowly."""
    frame = random_request(rng, handle.next_request_id())
    story = Story()
    leave = rng.randrange(1, 30) if rng.random() < 0.4 else None
    finish = rng.randrange(1, 30) if rng.random() < 0.2 else None
    slow = rng.random() < 0.1
    stream = handle.stream(frame)
    try:
        async for batch in stream:
            story.take(batch)
            if leave is not None and len(story.ids.get(0, ())) >= leave:
                break
            if finish is not None and len(story.ids.get(0, ())) >= finish:
                handle.finish(frame.request, 0, finish)
                finish = None
            if slow:
                await asyncio.sleep(0.05)
    finally:
        await stream.aclose()
    known.compare(frame, story)
    if story.done is None:
        assert leave is not None, "a stream ended without Done"
        ends["left"] += 1
    else:
        assert story.outcome is Outcome.COMPLETED, story.done
        story.check(frame.params.n)
        ends["stopped" if story.ends[0].reason is FinishReason.STOP else "completed"] += 1


async def streams(
    seconds: float, concurrent: int = 200, seed: int = 0, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`concurrent` streams at a time, for so long. At the end every page must be free or cached and no memory lost."""
    rng = random.Random(seed)
    known, ends = Known(), Counter[str]()
    supervisor = Supervisor(environ=environ)
    options = stub(lookahead=rng.randrange(2), stop_rate=0.005, seconds_per_step=0.001)
    handle = await supervisor.load(Path("stub"), options)
    began = time.monotonic()
    until = began + seconds

    async def client(own: random.Random) -> None:
        while time.monotonic() < until:
            await one_stream(handle, own, known, ends)

    try:
        clients = [asyncio.create_task(client(random.Random(rng.random()))) for _ in range(concurrent)]
        half = await _memory_after(seconds / 2, handle)
        await asyncio.gather(*clients)
        full = _memory(handle)
        status = await _idle(handle)
        info = handle.info
        assert info is not None
        assert status.pages_held == 0
        assert status.pages_free + status.pages_cached == info.num_pages
        assert handle.restarts == 0
        assert handle.open == 0
    finally:
        await supervisor.close()
    return {
        "scenario": "streams",
        "seconds": round(time.monotonic() - began, 1),
        "concurrent": concurrent,
        "requests": ends.total(),
        **ends,
        "tokens": status.output_tokens,
        "tokens_compared": known.compared,
        "preemptions": status.preemptions,
        "service_mb_half_and_end": [half[0], full[0]],
        "worker_mb_half_and_end": [half[1], full[1]],
    }


async def kills(
    rounds: int, concurrent: int = 8, seed: int = 0, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Each round: so many streams, SIGKILL at a random moment; every one ends, and the next request is answered."""
    rng = random.Random(seed)
    known, ends = Known(), Counter[str]()
    noticed: list[float] = []
    back: list[float] = []
    supervisor = Supervisor(environ=environ, first_backoff_s=0.05)
    handle = await supervisor.load(Path("stub"), stub(seconds_per_step=0.002))
    began = time.monotonic()

    async def client(own: random.Random) -> None:
        frame = random_request(own, handle.next_request_id(), longest=1500, variety=2)
        story = Story()
        async with handle.stream(frame) as stream:
            async for batch in stream:
                story.take(batch)
        known.compare(frame, story)
        story.check(frame.params.n)
        assert story.done is not None
        ends[story.done.code or "completed"] += 1
        if story.outcome is not Outcome.COMPLETED:
            assert story.done.code == "engine_died", story.done
            assert {index: end.output_tokens for index, end in story.ends.items()} == {
                index: story.tokens[index] for index in range(frame.params.n)
            }, "the partial answer is not intact"

    try:
        for _ in range(rounds):
            clients = [asyncio.create_task(client(random.Random(rng.random()))) for _ in range(concurrent)]
            await asyncio.sleep(rng.choice([0.0, rng.random() * 0.02, rng.random() * 0.4]))
            assert handle.pid is not None
            os.kill(handle.pid, KILL)
            killed = time.monotonic()
            while handle.state == "ready":
                await asyncio.sleep(0.001)
            noticed.append(time.monotonic() - killed)
            await asyncio.gather(*clients)
            story = Story()
            async with handle.stream(
                Submit(handle.next_request_id(), [1], SamplingParams(seed=1, temperature=1.0, max_tokens=3))
            ) as stream:
                async for batch in stream:
                    story.take(batch)
            assert story.outcome is Outcome.COMPLETED
            back.append(time.monotonic() - killed)
        assert handle.restarts == rounds
        assert handle.open == 0
    finally:
        await supervisor.close()
    return {
        "scenario": "kills",
        "seconds": round(time.monotonic() - began, 1),
        "rounds": rounds,
        "streams": ends.total(),
        **ends,
        "tokens_compared": known.compared,
        "noticed_s_max": round(max(noticed), 3),
        "answered_again_s_max": round(max(back), 3),
    }


async def _idle(handle: EngineHandle) -> Any:
    """The status once everything that was cancelled has ended."""
    for _ in range(200):
        status = await handle.status()
        if not status.requests:
            return status
        await asyncio.sleep(0.05)
    raise AssertionError(f"requests are left: {status}")


async def _memory_after(seconds: float, handle: EngineHandle) -> tuple[float, float]:
    await asyncio.sleep(seconds)
    return _memory(handle)


def _memory(handle: EngineHandle) -> tuple[float, float]:
    """Resident MB of this process and of the worker; 0 where the system does not say."""
    return _resident(os.getpid()), _resident(handle.pid or 0)


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=["streams", "kills", "all"])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.scenario in ("streams", "all"):
        print(json.dumps(asyncio.run(streams(args.seconds, seed=args.seed))), flush=True)
    if args.scenario in ("kills", "all"):
        print(json.dumps(asyncio.run(kills(args.rounds, seed=args.seed))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
