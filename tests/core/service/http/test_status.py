"""What a window shows of the machine: figures of the worker, GPUs, disk."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from core.client import Client
from core.schemas import Status
from core.service import gpus
from core.service.gpus import read_gpus
from tests.waiting import PATIENCE


def test_figures_of_a_real_worker(real: Any) -> None:
    with Client(real.info) as client:
        client.chat([{"role": "user", "content": "hello there"}], max_tokens=24)
        status = _until(client, lambda status: bool(status.models[0].prompt_tokens))
    model = status.models[0]
    assert model.pages_total
    assert model.page_size
    assert (model.pages_used or 0) + (model.pages_cached or 0) + (model.pages_free or 0) == model.pages_total
    assert model.running == 0
    assert model.output_tokens_per_s == 0.0  # nothing runs, whatever the last second was like
    assert status.disk is not None
    assert 0 < status.disk.free <= status.disk.total
    assert (status.no_gpu == "") == bool(status.gpus)


def _until(client: Client, wanted: Callable[[Status], bool]) -> Status:
    deadline = time.monotonic() + PATIENCE
    while not wanted(status := client.status()):
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


class NVMLError_LibraryNotFound(Exception):
    pass


def fake_nvml(**replaced: Any) -> SimpleNamespace:
    """Two GPUs, of which one fell off the bus."""

    def handle(index: int) -> str:
        if index == 1:
            raise RuntimeError("GPU is lost")
        return "handle"

    calls = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": handle,
        "nvmlDeviceGetName": lambda handle: b"NVIDIA GeForce RTX 4060",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=8 << 30, used=1 << 30),
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=37),
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (8, 9),
    }
    return SimpleNamespace(**(calls | replaced))


def test_the_gpu_that_answers_is_shown_and_the_lost_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    read = read_gpus()
    assert [(gpu.index, gpu.name, gpu.used, gpu.load, gpu.capability) for gpu in read.found] == [
        (0, "NVIDIA GeForce RTX 4060", 1 << 30, 37, (8, 9))
    ]
    assert read.reason == ""


def _raise(error: Exception) -> Callable[..., Any]:
    def call(*arguments: object) -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (fake_nvml(nvmlInit=_raise(NVMLError_LibraryNotFound())), "no_driver"),
        (fake_nvml(nvmlInit=_raise(RuntimeError("version mismatch"))), "driver_fault"),
        (fake_nvml(nvmlDeviceGetCount=_raise(RuntimeError("?"))), "driver_fault"),
        (fake_nvml(nvmlDeviceGetCount=lambda: 0), "no_device"),
    ],
)
def test_why_there_is_no_gpu(module: SimpleNamespace | None, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert read_gpus().reason == reason


@pytest.mark.parametrize(("driver", "reason"), [(True, "no_package"), (False, "no_driver")])
def test_without_the_package_it_is_still_known_whether_there_is_a_driver(
    driver: bool, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(gpus, "_has_driver", lambda: driver)
    assert read_gpus().reason == reason


def test_a_driver_that_does_not_tell_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "pynvml", fake_nvml(nvmlDeviceGetUtilizationRates=_raise(RuntimeError("not supported")))
    )
    assert read_gpus().found[0].load is None
