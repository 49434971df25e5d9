"""Grammars as engines and scheduler see them: a small state machine over token ids."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class TokenConstraint(Protocol):
    """One sequence's grammar state. Implemented in `core` over llguidance; never sees logits.

    The loop calls `advance` with each token once it is collected and `mask` before the next is sampled. A constraint that
    cannot go on raises `engines.api.errors.ConstraintError`; the request then ends with that error, alone.
    """

    def advance(self, token_id: int) -> None:
        """Take one generated token."""

    def mask(self, bits: NDArray[np.uint32]) -> None:
        """Write the allowed tokens into `bits` uint32 [ceil(vocab / 32)]; when the grammar is complete, only stop ids."""

    def finished(self) -> bool:
        """True once nothing but a stop id may follow."""

    def copy(self) -> TokenConstraint:
        """An independent state for a fork."""

    def rebuild(self, token_ids: NDArray[np.int32]) -> None:
        """Return to the start and take `token_ids`: after a preemption or a truncation."""
