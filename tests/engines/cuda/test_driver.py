"""A GPU that cannot be used is refused with the exact reason and with what does work (no GPU is needed to say so)."""

from __future__ import annotations

import pytest

from engines.api.errors import DeviceError, UnsupportedError
from engines.cuda.driver import DeviceInfo


def device(name: str, arch: int, driver: int = 13000) -> DeviceInfo:
    return DeviceInfo(0, name, arch, driver, 20, 8 << 30, 99 << 10)


@pytest.mark.parametrize(
    ("name", "arch"), [("RTX 2060", 75), ("RTX 3050", 86), ("RTX 4060 Laptop GPU", 89), ("RTX 5090", 120)]
)
def test_every_rtx_is_let_in_by_its_capability_not_its_name(name: str, arch: int) -> None:
    device(name, arch).check()
    device("a card nobody has heard of", arch).check()


def test_an_older_gpu_is_refused_with_its_capability() -> None:
    with pytest.raises(UnsupportedError) as error:
        device("GTX 1080", 61).check()
    text = str(error.value)
    assert "GTX 1080 has compute capability 6.1" in text
    assert "needs 7.5 (RTX 20 series) or newer" in text
    assert "--backend reference" in text


def test_an_old_driver_is_refused_with_both_versions() -> None:
    with pytest.raises(DeviceError) as error:
        device("RTX 4090", 89, 12040).check()
    text = str(error.value)
    assert "for CUDA 12.4" in text
    assert "needs 13.0" in text
    assert "update the driver" in text
