from __future__ import annotations

import pytest

from app.onboarding.fits import GIB, largest, machine
from core.schemas import GpuStatus


def gpu(memory: float, used: float = 0.5, capability: tuple[int, int] | None = (8, 9), index: int = 0) -> GpuStatus:
    return GpuStatus(
        index=index, name=f"GPU {index}", memory=int(memory * GIB), used=int(used * GIB), capability=capability
    )


def test_the_one_with_the_most_free_memory_is_meant() -> None:
    found = machine([gpu(24, 20, index=0), gpu(12, 1, index=1)], "")
    assert (found.state, found.gpu and found.gpu.index, found.others) == ("gpu", 1, 1)


@pytest.mark.parametrize(
    ("gpus", "state"), [([], "none"), ([gpu(8, capability=(6, 1))], "old"), ([gpu(8, capability=None)], "gpu")]
)
def test_why_none_is_used(gpus: list[GpuStatus], state: str) -> None:
    found = machine(gpus, "no_driver")
    assert found.state == state
    assert found.reason == ("" if gpus else "no_driver")


def test_an_old_card_beside_a_new_one_is_not_in_the_way() -> None:
    found = machine([gpu(24, capability=(6, 1), index=0), gpu(8, index=1)], "")
    assert (found.state, found.gpu and found.gpu.index) == ("gpu", 1)


def test_what_fits_agrees_with_known_models() -> None:
    eight = largest(gpu(8, 0.8))
    assert eight[16] < 7 <= eight[4] < 14  # a 7B model runs in 4 bits, not in 16
    assert largest(gpu(24, 0.8))[16] >= 8
    assert largest(gpu(80, 0.3))[16] < 70 <= largest(gpu(80, 0.3))[4]
    assert largest(gpu(2, 1.9)) == {}
