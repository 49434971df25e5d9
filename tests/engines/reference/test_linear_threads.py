"""A large layer's products go through BLAS's own threads: with the very bits of the small blocks, or not at all."""

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


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer counts as large, and BLAS has two threads."""
    monkeypatch.setattr(linear, "_BLAS_SHARES", 1)
    monkeypatch.setattr(linear, "_SHARE", 0)
    monkeypatch.setattr(linear, "_LARGE_BLOCK", 300 * 260)
    monkeypatch.setattr(linear, "blas_threads", lambda: 2)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("rows", [2048, 2052, 2051, 1])
def test_a_token_has_the_same_bits_alone_in_company_and_in_small_blocks(workers: Workers, rows: int) -> None:
    rng = np.random.default_rng(rows)
    weight = rng.standard_normal((rows, 260), np.float32)
    layer, small = Linear(weight, None, workers), Linear(weight, None, Workers(1))
    x = rng.standard_normal((70, 260), np.float32)
    together = layer(x)
    assert np.allclose(together, x @ weight.T, rtol=1e-4, atol=1e-4)
    assert together.tobytes() == small(x).tobytes()
    for i in range(0, 70, 23):
        assert layer(x[i : i + 1]).tobytes() == together[i : i + 1].tobytes()


@pytest.mark.usefixtures("large")
def test_other_bits_are_not_used(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A BLAS whose shared product adds up in another order."""

    def backwards(self: Linear, x: np.ndarray, y: np.ndarray) -> None:
        np.copyto(y, x[:, ::-1].astype(np.float64) @ self.weight[:, ::-1].T)

    monkeypatch.setattr(Linear, "_large_blocks", backwards)
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((512, 512), np.float32)
    layer, small = Linear(weight, None, workers), Linear(weight, None, Workers(1))
    x = rng.standard_normal((2, 512), np.float32)
    assert layer(x).tobytes() == small(x).tobytes()


@pytest.mark.usefixtures("large")
def test_inside_a_part_the_other_threads_are_left_alone(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    layer = Linear(rng.standard_normal((512, 260), np.float32), None, workers)
    monkeypatch.setattr(Linear, "_large_blocks", lambda self, x, y: pytest.fail("BLAS's threads in a part"))
    x = rng.standard_normal((3, 260), np.float32)
    workers.split(lambda first, end: [layer(x) for _ in range(first, end)] and None, 4)


def test_threads_of_blas_are_what_its_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert linear.blas_threads() == 3
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "many")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert linear.blas_threads() == 5
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert linear.blas_threads() >= 1
