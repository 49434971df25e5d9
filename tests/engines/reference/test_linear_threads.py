"""A large layer's single token goes through BLAS's own threads: with the very bits of the blocks, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engines.reference import linear
from engines.reference.linear import Linear
from engines.reference.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(2)
    yield workers
    workers.close()


@pytest.mark.parametrize("rows", [2048, 2052, 2051, 1])
def test_a_token_has_the_same_bits_alone_and_in_company(
    workers: Workers, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_BLAS_SHARES", 1)
    rng = np.random.default_rng(rows)
    layer = Linear(rng.standard_normal((rows, 260), np.float32), None, workers)
    x = rng.standard_normal((5, 260), np.float32)
    together = layer(x)
    assert np.allclose(together, x @ layer.weight.T, rtol=1e-4, atol=1e-4)
    for i in range(5):
        assert layer(x[i : i + 1]).tobytes() == together[i : i + 1].tobytes()


def test_other_bits_are_not_used(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A BLAS whose shared product adds up in another order."""
    monkeypatch.setattr(linear, "_BLAS_SHARES", 1)
    monkeypatch.setattr(linear, "blas_threads", lambda: 2)
    monkeypatch.setattr(
        Linear, "_at_once", lambda self, x, y: np.copyto(y, (x[:, ::-1].astype(np.float64) @ self.weight[:, ::-1].T))
    )
    rng = np.random.default_rng(1)
    layer = Linear(rng.standard_normal((512, 512), np.float32), None, workers)
    x = rng.standard_normal((2, 512), np.float32)
    assert layer(x[:1]).tobytes() == layer(x)[:1].tobytes()


def test_threads_of_blas_are_what_its_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert linear.blas_threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "many")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert linear.blas_threads() == 5
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert linear.blas_threads() >= 1
