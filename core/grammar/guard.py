"""The service's gate for grammars: tried in a child process first, because a few lines of grammar can overflow llguidance's
native stack or take minutes, and neither can be caught in the process it happens in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from types import TracebackType
from typing import Self

import msgspec

from core.errors import InvalidRequest, Unavailable
from core.grammar.limits import TRIAL_SECONDS
from core.grammar.source import GrammarSource
from core.grammar.trial import Verdict
from core.grammar.validate import NAMES, PARAMS, check_text
from core.pipes import PipeClosed
from core.spawn import Child, spawn

KEPT = 256  # verdicts
START_SECONDS = 30.0  # a cold start of a child on a slow disk


class GrammarGuard:
    """Thread-safe; `check` blocks, so an event loop calls it in a thread. One child, started at first use and kept."""

    def __init__(self, seconds: float = TRIAL_SECONDS) -> None:
        self._seconds = seconds
        self._child: Child | None = None
        self._verdicts: OrderedDict[GrammarSource, str] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, source: GrammarSource) -> None:
        """Raises InvalidRequest if the grammar cannot be used, Unavailable if no child process can be had."""
        check_text(source)
        with self._lock:
            problem = self._verdicts.get(source)
            if problem is None:
                problem = self._verdicts[source] = self._try(source)
                if len(self._verdicts) > KEPT:
                    self._verdicts.popitem(last=False)
            else:
                self._verdicts.move_to_end(source)
        if problem:
            raise InvalidRequest(problem, PARAMS[source.kind])

    def close(self) -> None:
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self, source: GrammarSource) -> str:
        child = self._started()
        name = NAMES[source.kind]
        try:
            child.connection.send(msgspec.msgpack.encode(source))
            if not child.connection.wait(self._seconds):
                self._end()
                return f"The {name} cannot be used: it takes longer than {self._seconds:g} s to check; make it simpler."
            return msgspec.msgpack.decode(child.connection.receive(), type=Verdict).problem
        except PipeClosed:  # it died of this grammar: stack or memory
            self._end()
            return f"The {name} cannot be used: it is nested too deeply or needs too much memory; make it simpler."

    def _started(self) -> Child:
        """The child, proved alive: what happens after is the grammar's doing."""
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            self._child = spawn("grammar")
            try:
                self._child.connection.send(msgspec.msgpack.encode(GrammarSource("json_object")))
                ready = self._child.connection.wait(START_SECONDS) and self._child.connection.receive()
            except PipeClosed:
                ready = False
            if not ready:
                how = self._child.describe_exit()
                self._end()
                raise Unavailable(f"Grammars cannot be checked: the process that does it {how}; try again.")
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.close()
            self._child = None
