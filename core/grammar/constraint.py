"""One sample's grammar state: engines.api.TokenConstraint over a llguidance matcher."""

from __future__ import annotations

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from engines.api.errors import ConstraintError


class Constraint:
    """`root` is the compiled grammar at its start, shared by all samples and never advanced. Methods belong to one thread."""

    __slots__ = ("_matcher", "_root", "_usable", "_words")

    def __init__(self, root: LLMatcher, usable: NDArray[np.uint32]) -> None:
        """`usable`: a bit for each id that the matcher knows and that may ever be sampled: no special token but an end,
        nothing beyond the logits. As wide as the matcher's own masks."""
        self._root = root
        self._matcher = root.deep_copy()
        self._usable = usable
        self._words = np.zeros_like(usable)  # a matcher writes masks of exactly its own size, engines ask for theirs

    def advance(self, token_id: int) -> None:
        if not self._matcher.consume_token(token_id):
            raise ConstraintError(f"The answer left its grammar at token {token_id} ({self._reason()}).")

    def mask(self, bits: NDArray[np.uint32]) -> None:
        words = self._words
        self._matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        if self._matcher.is_error():
            raise ConstraintError(f"The answer's grammar is too complex to go on with ({self._reason()}).")
        words &= self._usable
        shared = min(len(bits), len(words))
        bits[:shared] = words[:shared]
        bits[shared:] = 0
        if not bits.any():
            raise ConstraintError("No token of this model can go on with the answer's grammar.")

    def finished(self) -> bool:
        return self._matcher.is_stopped()

    def copy(self) -> Constraint:
        twin = Constraint(self._root, self._usable)
        twin._matcher = self._matcher.deep_copy()
        return twin

    def rebuild(self, token_ids: NDArray[np.int32]) -> None:
        self._matcher = self._root.deep_copy()  # not reset(): a matcher never leaves its error state
        if len(token_ids) and not self._matcher.consume_tokens(token_ids.tolist()):
            raise ConstraintError(f"The answer so far does not fit its grammar ({self._reason()}).")

    def _reason(self) -> str:
        lines = self._matcher.get_error().strip().splitlines()
        return lines[0][:300].rstrip(".") if lines else "no reason given"
