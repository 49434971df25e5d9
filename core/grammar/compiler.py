"""Grammars compiled for one model, in the process whose engine uses them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from llguidance import LLMatcher

from core.errors import DesksideError
from core.grammar.constraint import Constraint
from core.grammar.limits import COMPILE_SECONDS, COMPILE_STACK, parser_limits
from core.grammar.source import GrammarSource
from core.grammar.validate import NAMES, check_text, to_llguidance
from core.grammar.vocabulary import open_vocabulary, usable_tokens
from engines.api.errors import ConstraintError

if TYPE_CHECKING:
    from core.text.tokenizer import Tokenizer

KEPT = 32  # compiled grammars: clients tend to send the same one with every request

_stack_lock = threading.Lock()


class Compiler:
    """Built once per model (a second for a large vocabulary). `compile` may be called from any thread but the loop's."""

    def __init__(
        self,
        tokenizer: Tokenizer | str,
        vocab_size: int,
        eos_ids: Sequence[int],
        seconds: float = COMPILE_SECONDS,
    ) -> None:
        """`tokenizer`: ours, or the text of a tokenizer.json. `vocab_size`: columns of the logits. `eos_ids`: what ends an
        answer, allowed exactly when the grammar is complete; at least one. `seconds`: the most a grammar may take.
        """
        if not eos_ids:
            raise ConstraintError("This model has no end token, so its answers cannot be held to a grammar.")
        self._seconds = seconds
        self._vocabulary = open_vocabulary(tokenizer, vocab_size, eos_ids)
        self._usable = usable_tokens(self._vocabulary, vocab_size)
        self._roots: OrderedDict[GrammarSource, LLMatcher] = OrderedDict()
        self._lock = threading.Lock()
        self._running = threading.BoundedSemaphore(2)  # a thread that exceeds its time cannot be ended

    def compile(self, source: GrammarSource) -> Constraint:
        """A state at the grammar's start; `copy` it for each further sample. Releases the GIL while it works.

        Raises InvalidRequest for what is wrong on its face (as the service said), else ConstraintError.
        """
        with self._lock:
            root = self._roots.get(source)
            if root is not None:
                self._roots.move_to_end(source)
        if root is None:
            check_text(source)
            root = self._compile(source)
            with self._lock:
                self._roots[source] = root
                while len(self._roots) > KEPT:
                    self._roots.popitem(last=False)
        return Constraint(root, self._usable)

    def _compile(self, source: GrammarSource) -> LLMatcher:
        name = NAMES[source.kind]
        if not self._running.acquire(timeout=self._seconds):
            raise ConstraintError(f"The {name} was not compiled: others take too long already; try again later.")
        made: list[LLMatcher] = []
        faults: list[BaseException] = []

        def work() -> None:
            try:
                made.append(LLMatcher(self._vocabulary, to_llguidance(source), log_level=0, limits=parser_limits()))
            except BaseException as error:  # a panic of llguidance arrives as a BaseException
                faults.append(error)
            finally:
                self._running.release()

        thread = start_thread(work, COMPILE_STACK)
        thread.join(self._seconds)
        if thread.is_alive():
            raise ConstraintError(f"The {name} takes longer than {self._seconds:g} s to compile; make it simpler.")
        if not made:
            fault = faults[0]
            reason = str(fault) if isinstance(fault, DesksideError) else f"{type(fault).__name__}: {str(fault)[:200]}"
            raise ConstraintError(f"The {name} cannot be compiled ({reason.rstrip('.')}).") from fault
        if made[0].is_error():
            lines = made[0].get_error().strip().splitlines() or ["no reason given"]
            raise ConstraintError(f"The {name} cannot be used: {lines[0][:300].rstrip('.')}.")
        return made[0]


def start_thread(work: Callable[[], None], stack: int) -> threading.Thread:
    """A running daemon thread with `stack` bytes of stack: llguidance recurses, and Windows gives a thread only 1 MB."""
    thread = threading.Thread(target=work, name="grammar", daemon=True)
    with _stack_lock:
        before = threading.stack_size(stack)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    return thread
