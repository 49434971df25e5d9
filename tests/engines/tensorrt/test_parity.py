"""Every layer, weight, axis and type that TensorRT receives, against the reference backend, for every family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.models import open_model

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.npz").exists())
# Of the norm of all logits: what 16 bits between layers cost, with weights that are random and unkind.
TOLERANCE = {"bf16": 0.05, "fp16": 0.006}


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("compute", ["bf16", "fp16"])
@pytest.mark.parametrize("case", CASES)
def test_interpreted_networks_give_the_reference_logits(compare: Callable[..., Any], case: str, compute: str) -> None:
    with open_model(GOLDEN / case) as model:
        wanted, found, _ = compare(model, compute)
    assert relative_error(found, wanted) < TOLERANCE[compute]
