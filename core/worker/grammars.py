"""Grammars compiled beside the loop: a request with one is admitted when its grammar is ready; until then nobody waits for it.

A compilation cannot be interrupted. One that overruns its time is given up: its request ends with an error, its thread goes
on alone, and while too many such threads are left no further grammar is taken.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Busy, DesksideError, InternalError, InvalidRequest, from_engine
from core.protocol import GrammarSource, Submit
from engines.api import TokenConstraint
from engines.api.errors import EngineError

if TYPE_CHECKING:
    from core.grammar.compiler import Compiler

MakeConstraint = Callable[[GrammarSource], TokenConstraint]

_AT_ONCE = 2
_MAX_ABANDONED = 4
_MAX_WAITING = 256


def model_grammars(folder: Path, vocab_size: int) -> MakeConstraint:
    """What compiles grammars for the model in `folder`. Its tokenizer is read at the first call. Thread-safe."""
    lock = threading.Lock()
    compilers: list[Compiler] = []

    def make(source: GrammarSource) -> TokenConstraint:
        with lock:
            if not compilers:
                from core.grammar.compiler import Compiler
                from core.text.prompt import PromptBuilder

                builder = PromptBuilder.from_folder(folder)
                compilers.append(Compiler(builder.tokenizer, vocab_size, builder.stop_ids))
        return compilers[0].compile(source)

    return make


@dataclass(slots=True, eq=False)
class _Job:
    submit: Submit
    source: GrammarSource
    started: float = 0.0
    result: TokenConstraint | Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def run(self, make: MakeConstraint) -> None:
        try:
            self.result = make(self.source)
        except Exception as error:
            self.result = error
        self.done.set()


class Grammars:
    """Submits whose grammar is being compiled. All calls come from the loop's thread; `make` runs in others, two at once."""

    def __init__(self, make: MakeConstraint, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._make = make
        self._limit = limit_s
        self._clock = clock
        self._waiting: deque[_Job] = deque()
        self._running: list[_Job] = []
        self._abandoned: list[_Job] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def add(self, submit: Submit) -> None:
        """Compile the grammar of `submit`. Raises Busy."""
        assert submit.grammar is not None
        self._abandoned = [job for job in self._abandoned if not job.done.is_set()]
        if len(self) >= _MAX_WAITING or len(self._abandoned) >= _MAX_ABANDONED:
            raise Busy("Too many grammars are being compiled; retry later.", retry_after=self._limit)
        self._waiting.append(_Job(submit, submit.grammar))

    def cancel(self, request: int) -> Submit | None:
        """Forget a request. None: its grammar is not being compiled."""
        for jobs in (self._waiting, self._running):
            for job in jobs:
                if job.submit.request == request:
                    jobs.remove(job)
                    if job.started:
                        self._abandoned.append(job)
                    return job.submit
        return None

    def clear(self) -> list[Submit]:
        """Forget all requests and return them."""
        submits = [job.submit for job in (*self._running, *self._waiting)]
        self._abandoned += self._running
        self._running.clear()
        self._waiting.clear()
        return submits

    def ready(self) -> list[tuple[Submit, Callable[[], TokenConstraint] | DesksideError]]:
        """Requests whose grammar is ready, with what makes a constraint for each of their samples, or with the error that
        ends them. Call it every few milliseconds while there are any: it also starts the next ones."""
        out: list[tuple[Submit, Callable[[], TokenConstraint] | DesksideError]] = []
        for job in list(self._running):
            if job.done.is_set():
                self._running.remove(job)
                out.append((job.submit, self._outcome(job)))
            elif self._clock() - job.started > self._limit:
                self._running.remove(job)
                self._abandoned.append(job)
                out.append((job.submit, _too_slow(self._limit)))
        while self._waiting and len(self._running) < _AT_ONCE:
            job = self._waiting.popleft()
            job.started = self._clock()
            self._running.append(job)
            threading.Thread(target=job.run, args=(self._make,), name="grammar", daemon=True).start()
        return out

    def _outcome(self, job: _Job) -> Callable[[], TokenConstraint] | DesksideError:
        result = job.result
        if isinstance(result, DesksideError):
            return result
        if isinstance(result, EngineError):
            return from_engine(result)
        if result is None or isinstance(result, Exception):
            error = InternalError(f"The grammar's compiler failed ({type(result).__name__}: {result}).")
            error.__cause__ = result
            return error
        return result.copy


def _too_slow(limit: float) -> InvalidRequest:
    return InvalidRequest(
        f"The grammar could not be compiled within {limit:g} seconds; make it smaller or less nested.",
        "response_format",
    )
