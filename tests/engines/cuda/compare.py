"""How far numbers of the CUDA backend are from those of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    assert np.isfinite(found).all(), "not every element was written"
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def worst_error(ours: Any, theirs: Any, schedule: Iterable[Mapping[int, Sequence[int]]]) -> float:
    """The greatest relative error of logits over a schedule of pieces, slot -> tokens, fed to both sides (`Feeder`)."""
    steps = list(schedule)
    for slot in sorted({slot for pieces in steps for slot in pieces}):
        ours.start(slot)
        theirs.start(slot)
    worst = 0.0
    for pieces in steps:
        found, wanted = ours.feed(pieces), theirs.feed(pieces)
        worst = max(worst, *(relative_error(found[slot], wanted[slot]) for slot in pieces))
    return worst
