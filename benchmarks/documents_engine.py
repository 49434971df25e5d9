"""What benchmarks/documents.py measures in its own process: scheduler and engine, without service, HTTP and their packages."""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.documents.budget import Budget, budget_for
from core.documents.chunk import Chunk, chunk
from core.documents.document import Block, Document, Page
from core.documents.model import Prompter, Written
from core.documents.prompts import Task
from core.documents.store import AnswerStore
from core.documents.summarize import Listener, Work, reduce_notes
from core.protocol import Cancel, Done, Outcome, Priority, Submit, Tokens
from core.sampling import SamplingParams
from core.text.prompt import PromptBuilder
from core.worker.loop import EngineLoop, scheduler_config
from engines.api import Engine

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "demo_model"
CHAT = [{"role": "user", "content": "How do I count to nine in French?"}]
CHAT_TOKENS = 48
QUIET_CHATS = 12
_SUBJECTS = """
    mill bridge harbour council school market orchard library garden tower railway theatre museum hospital
"""
SUBJECTS = _SUBJECTS.split()
BEGAN = time.perf_counter()


def page(number: int, seed: int) -> str:
    """About 1,400 characters of report-like text, different for each number and seed."""
    rng = random.Random(seed * 1_000_003 + number)
    lines = []
    for i in range(12):
        what, year = rng.choice(SUBJECTS), rng.randint(1700, 2020)
        lines.append(
            f"In {year} the {what} of district {rng.randint(1, 999)} counted {rng.randint(1000, 99999)} visitors, "
            f"{rng.randint(2, 40)} per cent more than the {rng.choice(SUBJECTS)} on page {number}, line {i}."
        )
    return " ".join(lines)


def emit(benchmark: str, **figures: Any) -> None:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    # Of the last minute: what else is busy here.
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    print(json.dumps({"benchmark": benchmark, **rounded, "load": load}), flush=True)


def tell(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"[{time.perf_counter() - BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


class Enough(Exception):
    """The time that was given is over."""


class Asked:
    """One request: when its tokens came, and how it ended."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.times: list[float] = []
        self.ids: list[int] = []
        self.done: Done | None = None

    @property
    def gap(self) -> float:
        """Mean seconds between two tokens."""
        return (self.times[-1] - self.times[0]) / max(1, len(self.ids) - 1)

    @property
    def first(self) -> float:
        return self.times[0] - self.began


class Machine:
    """An engine and its scheduler as core.documents.model.TextModel. While `chatting`, one chat after the other is asked
    besides, as a person would; `chats` are those that ended. `natural`: end tokens end an answer, as random weights write none."""

    def __init__(self, engine: Engine, prompts: PromptBuilder, name: str, natural: bool) -> None:
        self.engine = engine
        self.prompts = prompts
        self.name = name
        self.context = engine.spec.max_context
        self.chatting = False
        self.chats: list[Asked] = []
        self.steps = 0
        self._loop = EngineLoop(engine, scheduler_config(engine.spec, max_waiting=100_000))
        self._stops = prompts.stop_ids if natural else ()
        self._chat_ids = Prompter(prompts).ids(CHAT)
        self._open: dict[int, Asked] = {}
        self._chat: Asked | None = None
        self._next = 0

    def ask(self, ids: list[int], max_tokens: int, priority: Priority, stops: tuple[int, ...] = ()) -> Asked:
        self._next += 1
        params = SamplingParams(temperature=0.0, seed=1, max_tokens=max_tokens).resolve({})
        client = "chat" if priority is Priority.INTERACTIVE else "documents"
        self._loop.submit(Submit(self._next, ids, params, stops, priority, client))
        self._open[self._next] = asked = Asked()
        return asked

    def turn(self) -> None:
        if self.chatting and self._chat is None:
            self._chat = self.ask(self._chat_ids, CHAT_TOKENS, Priority.INTERACTIVE)
        events = self._loop.step()
        now = time.perf_counter()
        self.steps += 1
        for event in events:
            asked = self._open.get(event.request)
            if asked is not None and isinstance(event, Tokens):
                asked.times.append(now)
                asked.ids += event.ids
            elif asked is not None and isinstance(event, Done):
                del self._open[event.request]
                if event.outcome is not Outcome.COMPLETED:
                    raise RuntimeError(f"a request ended with {event.code}: {event.message}")
                asked.done = event
                if asked is self._chat:
                    self._chat = None
                    self.chats.append(asked)

    def abandon(self) -> None:
        """End all that is open."""
        self._chat = None
        for request in list(self._open):
            self._loop.cancel(Cancel(request))
        self._open.clear()
        while self._loop.busy:
            self._loop.step()

    def run(self, asked: Asked) -> Asked:
        while asked.done is None:
            self.turn()
        return asked

    def chat(self) -> Asked:
        return self.run(self.ask(self._chat_ids, CHAT_TOKENS, Priority.INTERACTIVE))

    def write_many(
        self, prompts: Sequence[list[int]], max_tokens: int, on_done: Callable[[int, Written], None]
    ) -> None:
        left = {i: self.ask(ids, max_tokens, Priority.BATCH, self._stops) for i, ids in enumerate(prompts)}
        while left:
            self.turn()
            for i in [i for i, asked in left.items() if asked.done]:
                on_done(i, self.written(left.pop(i), max_tokens))

    def write(self, prompt: list[int], max_tokens: int, *, interactive: bool) -> Iterator[str | Written]:
        priority = Priority.INTERACTIVE if interactive else Priority.BATCH
        written = self.written(self.run(self.ask(prompt, max_tokens, priority, self._stops)), max_tokens)
        yield written.text
        yield written

    def written(self, asked: Asked, max_tokens: int) -> Written:
        done, tokenizer = asked.done, self.prompts.tokenizer
        assert done is not None
        text = tokenizer.decode([i % tokenizer.vocab_size for i in asked.ids])
        return Written(text, done.prompt_tokens, done.cached_tokens, done.output_tokens, len(asked.ids) >= max_tokens)


def open_machine(shape: str | None, backend: str | None, precision: str, slots: int, step: int) -> Machine:
    """The demo model, or random weights of a shape (random_models.py): slices of one bank, without a file."""
    from engines.factory import open_engine

    prompts = PromptBuilder.from_folder(ASSETS)
    tell(f"opening {shape or 'demo'} on {backend or 'auto'}")
    started = time.perf_counter()
    if shape is None:
        engine = open_engine(ASSETS, backend=backend or "auto", num_slots=slots, max_tokens=step)
    else:
        from random_models import random_model

        weights = random_model(shape, precision)
        tell("weights made")
        engine = engine_of(weights, backend, slots, step)
    tell("engine loaded")
    machine = Machine(engine, prompts, shape or "demo", shape is None)
    loaded = time.perf_counter()
    warm_up(machine, slots)
    spec = engine.spec
    emit(
        "start", model=machine.name, backend=spec.backend, precision=spec.precision, slots=spec.num_slots,
        step_tokens=spec.max_tokens, kv_tokens=spec.kv.page_size * (spec.kv.num_pages - 1), load_s=loaded - started,
        warm_up_s=time.perf_counter() - loaded,
    )  # fmt: skip
    return machine


def engine_of(weights: Any, backend: str | None, slots: int, step: int) -> Engine:
    if backend == "cuda":
        from engines.cuda.engine import CudaEngine

        engine = CudaEngine(weights, num_slots=slots, max_tokens=step, kv_dtype="fp8" if weights.schemes else "auto")
        tell("weights on the device")
        engine.warm_up()
        return engine
    from engines.reference.engine import ReferenceEngine

    return ReferenceEngine(weights, kv_bytes=1 << 30, num_slots=slots, max_tokens=step)


def warm_up(machine: Machine, slots: int) -> None:
    """Every number of rows at once, so that nothing is chosen or captured while it is measured."""
    prompts = [[7 + i % 100] * (24 + 8 * (i % 3)) for i in range(slots)]
    asked = [machine.ask(ids, 2 + i, Priority.BATCH) for i, ids in enumerate(prompts)]
    machine.chat()
    for item in asked:
        machine.run(item)


def chunks_of(machine: Machine, pages: int, seed: int) -> tuple[list[Chunk], Task, Budget, Prompter]:
    prompter, task = Prompter(machine.prompts), Task()
    budget = budget_for(machine, prompter, task)
    texts = tuple(Page(i, (Block(page(i, seed)),)) for i in range(1, pages + 1))
    document = Document(path="", name="", format="txt", pages=texts)
    return chunk([document], budget.chunk, prompter.count), task, budget, prompter


def beside_chat(machine: Machine, pages: int, limit: float | None = None) -> None:
    """Chats alone, chats while `pages` pages are summarized (all chunks, the tree, the last text), chats alone. After
    `limit` seconds the summary is left, and what the chats were until then is told."""
    tell(f"a summary of {pages} pages beside chats")
    chunks, task, budget, prompter = chunks_of(machine, pages, 0)
    quiet = [machine.chat() for _ in range(QUIET_CHATS)]

    reached = 0

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal reached
        reached = done
        if limit is not None and time.perf_counter() - began > limit:
            raise Enough
        if not total or done % max(1, total // 8) == 0:
            tell(f"{stage} {done}/{total}, {len(machine.chats)} chats")

    machine.chats.clear()
    machine.chatting = True
    before, began = machine.steps, time.perf_counter()
    work = Work(machine, AnswerStore(), Listener(progress), prompter)
    try:
        notes = work.many("map", [task.part(item.text) for item in chunks], budget.note)
        mapped = time.perf_counter() - began
        levels, notes = reduce_notes(work, task, budget, notes)
        last = machine.run(machine.ask(prompter.ids(task.final(notes)), budget.answer, Priority.BATCH))
    except Enough:
        last = None
        machine.abandon()
    finally:
        machine.chatting = False
    seconds, steps = time.perf_counter() - began, machine.steps - before
    while machine._chat is not None:
        machine.turn()
    busy = machine.chats[:-1] or machine.chats  # the last one saw the end of the summary
    quiet += [machine.chat() for _ in range(QUIET_CHATS)]
    idle_ms, during_ms = (1e3 * statistics.median(chat.gap for chat in chats) for chats in (quiet, busy))
    emit(
        "chat", through="engine", model=machine.name, backend=machine.engine.spec.backend, chats=len(busy), idle_ms=idle_ms,
        during_ms=during_ms, ratio=during_ms / idle_ms, during_mean_ms=1e3 * statistics.mean(chat.gap for chat in busy),
        idle_longest_ms=longest(quiet), during_longest_ms=longest(busy),
        idle_first_ms=1e3 * statistics.median(chat.first for chat in quiet),
        during_first_ms=1e3 * statistics.median(chat.first for chat in busy),
    )  # fmt: skip
    if last is None:
        emit(
            "summary",
            through="engine",
            pages=pages,
            chunks=len(chunks),
            read_in_time=reached,
            seconds=seconds,
            steps=steps,
        )
        return
    emit(
        "summary", through="engine", pages=pages, chunks=len(chunks), requests=work.tally.requests + 1, levels=levels,
        tokens=work.tally.prompt + (last.done.prompt_tokens if last.done else 0), cached_tokens=work.tally.cached,
        output_tokens=work.tally.output + len(last.ids), seconds=seconds, map_s=mapped, steps=steps,
    )  # fmt: skip


def longest(chats: Sequence[Asked]) -> float:
    """Milliseconds of the longest time between two tokens that 99 of 100 do not exceed."""
    gaps = sorted(b - a for chat in chats for a, b in zip(chat.times, chat.times[1:], strict=False))
    return 1e3 * gaps[int(0.99 * (len(gaps) - 1))]


def batching(machine: Machine, count: int, alone: int) -> None:
    """`count` chunks at once, then `alone` others one at a time."""
    tell(f"{count} chunks at once, {alone} one at a time")

    def prompts(seed: int, wanted: int) -> tuple[list[list[int]], int]:
        pages = 2 * wanted
        while True:
            chunks, task, budget, prompter = chunks_of(machine, pages, seed)
            if len(chunks) > wanted:  # the last may be short
                return [prompter.ids(task.part(item.text)) for item in chunks[:wanted]], budget.note
            pages *= 2

    together, note = prompts(1, count)
    apart, _ = prompts(2, alone)
    began, before = time.perf_counter(), machine.steps
    asked = [machine.ask(ids, note, Priority.BATCH, machine._stops) for ids in together]
    for item in asked:
        machine.run(item)
    at_once, steps = time.perf_counter() - began, machine.steps - before
    tell(f"at once: {at_once:.1f} s")
    one_by_one = prefill = 0.0
    tokens = cached = 0
    for number, ids in enumerate(apart, 1):
        single = machine.run(machine.ask(ids, note, Priority.BATCH, machine._stops))
        assert single.done is not None
        one_by_one += single.times[-1] - single.began
        prefill += single.first
        tokens += single.done.output_tokens
        cached += single.done.cached_tokens
        if number % max(1, alone // 4) == 0:
            tell(f"one at a time: {number} of {alone} in {one_by_one:.1f} s")
    emit(
        "batching", through="engine", model=machine.name, backend=machine.engine.spec.backend, chunks=count, chunks_alone=alone,
        chunk_tokens=statistics.mean(map(len, apart)), at_once_s=at_once, at_once_steps=steps,
        at_once_first_s=max(item.times[0] for item in asked) - began,
        each_at_once_s=at_once / count, each_alone_s=one_by_one / alone, speedup=(one_by_one / alone) / (at_once / count),
        prefill_s=prefill, decode_s=one_by_one - prefill, prefill_share=prefill / one_by_one, cached_alone=cached,
        output_tokens=tokens / alone, output_tokens_at_once=sum(len(item.ids) for item in asked) / count,
    )  # fmt: skip
