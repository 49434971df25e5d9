"""A worker without a process: its `main` or its Server in a thread, and the service's end of the pipe in the test."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from core.outbox import Outbox
from core.pipes import Connection, PipeClosed
from core.protocol import (
    PROTOCOL_VERSION,
    Deadlines,
    Done,
    EngineOptions,
    Event,
    Events,
    Fault,
    Frame,
    FromWorker,
    Hello,
    Load,
    SampleEnd,
    Submit,
    Tokens,
    decode_from_worker,
    encode,
)
from core.sampling import SamplingParams
from core.worker import main as worker_main
from core.worker.grammars import Grammars, MakeConstraint
from core.worker.loop import EngineLoop
from core.worker.pulse import Pulse
from core.worker.serve import Server
from engines.api import Engine
from engines.stub import StubEngine
from tests.waiting import PATIENCE

F = TypeVar("F")


def pipes() -> tuple[Connection, Connection]:
    here_read, there_write = os.pipe()
    there_read, here_write = os.pipe()
    return Connection(here_read, here_write), Connection(there_read, there_write)


class Peer:
    """The service's end. `code` is what the worker's thread returned; `over` is set once its loop has ended, though what it
    has to say may not have been read yet."""

    def __init__(self, run: Callable[[Connection], int], over: threading.Event | None = None) -> None:
        self.over = over or threading.Event()
        self.connection, self._theirs = pipes()
        self.code: int | None = None
        self.frames: list[FromWorker] = []
        self._thread = threading.Thread(target=self._run, args=(run,), daemon=True)
        self._thread.start()

    def _run(self, run: Callable[[Connection], int]) -> None:
        self.code = run(self._theirs)
        self._theirs.end_sending()

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self.connection.send(encode(frame))

    def until(self, kind: type[F], accept: Callable[[F], bool] = lambda frame: True, timeout: float = PATIENCE) -> F:
        """Read until a frame of this kind comes; those before it are in `frames`, as it is."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.connection.wait(0.5):
                frame = decode_from_worker(self.connection.receive())
                self.frames.append(frame)
                if isinstance(frame, kind) and accept(frame):
                    return frame
        raise AssertionError(f"no {kind.__name__} in {timeout} s, but {self.frames[-5:]}")

    def done(self, request: int) -> Done:
        """Read until the request's Done."""
        found: list[Done] = []

        def accept(frame: Events) -> bool:
            found.extend(e for e in frame.events if isinstance(e, Done) and e.request == request)
            return bool(found)

        for frame in self.frames:
            if isinstance(frame, Events) and accept(frame):
                return found[0]
        self.until(Events, accept)
        return found[0]

    def events(self, request: int) -> list[Event]:
        return [e for f in self.frames if isinstance(f, Events) for e in f.events if e.request == request]

    def end(self, timeout: float = PATIENCE) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + timeout
        try:
            while time.monotonic() < deadline:
                if self.connection.wait(0.5):
                    self.frames.append(decode_from_worker(self.connection.receive()))
        except PipeClosed:
            pass
        self._thread.join(timeout)
        assert self.code is not None
        self.check()
        return self.code

    @property
    def faults(self) -> list[Fault]:
        return [frame for frame in self.frames if isinstance(frame, Fault)]

    def check(self) -> None:
        """Exactly one Done for each request that was heard of, last, after one SampleEnd each for samples that had tokens."""
        seen: dict[int, list[Event]] = defaultdict(list)
        for frame in self.frames:
            for event in frame.events if isinstance(frame, Events) else ():
                seen[event.request].append(event)
        for events in seen.values():
            assert [isinstance(event, Done) for event in events] == [False] * (len(events) - 1) + [True], events
            ends = [event.index for event in events if isinstance(event, SampleEnd)]
            assert len(ends) == len(set(ends))
            assert {event.index for event in events if isinstance(event, Tokens)} <= set(ends)

    def close(self) -> None:
        self.connection.end_sending()
        if self.code is None:
            self.end()
        self.connection.close()
        self._theirs.close()


def _no_grammars(source: Any) -> Any:
    raise AssertionError("no grammar was asked for")


class Make:
    """Peers of a worker: `serve` of a Server over an engine of the test's, `main` of the whole worker but its process."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []

    def serve(
        self,
        engine: Engine | None = None,
        *,
        make_constraint: MakeConstraint = _no_grammars,
        grammar_s: float = PATIENCE,
        deadlines: Deadlines | None = None,
        change: Callable[[EngineLoop], None] = lambda loop: None,
    ) -> Peer:
        deadlines = deadlines or Deadlines()

        over = threading.Event()

        def run(connection: Connection) -> int:
            outbox = Outbox(connection)
            pulse = Pulse(lambda beat: outbox.put(encode(beat)), 0.02)
            loop = EngineLoop(engine or StubEngine())
            change(loop)
            server = Server(connection, outbox, pulse, loop, Grammars(make_constraint, grammar_s), deadlines)
            try:
                return server.run()
            finally:
                pulse.stop()
                over.set()
                outbox.close(PATIENCE)

        return self._add(Peer(run, over))

    def main(self) -> Peer:
        return self._add(Peer(worker_main.main))

    def loaded(self, folder: Path = Path("stub"), target: str = "engines.stub:StubEngine", **arguments: Any) -> Peer:
        """`main`, greeted and told to load."""
        peer = self.main()
        options = EngineOptions(target=target, arguments=json.dumps(arguments))
        peer.send(Hello(PROTOCOL_VERSION), Load(str(folder), options, heartbeat_s=0.02))
        return peer

    @staticmethod
    def submit(request: int, prompt: list[int] | None = None, grammar: Any = None, **params: Any) -> Submit:
        keywords = {"seed": request, "temperature": 1.0, "max_tokens": 5} | params
        return Submit(request, prompt or [1, 2, 3], SamplingParams(**keywords), grammar=grammar)

    def _add(self, peer: Peer) -> Peer:
        self.peers.append(peer)
        return peer


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))  # for `faulty_engine:FaultyEngine`
    made = Make()
    yield made
    for peer in made.peers:
        peer.close()
    sys.modules.pop("faulty_engine", None)
