"""benchmarks/gpu_account.py: whose time a turn was, and joules."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.gpu_account import EnergyCounter, StepAccount, energy_figures


class Clock:
    """Moved by hand, in milliseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> float:
        return self.now / 1e3


def step(tokens: int, rows: int, decodes: int) -> Any:
    return SimpleNamespace(plan=SimpleNamespace(num_tokens=tokens, num_rows=rows, num_decodes=decodes))


def turn(
    account: StepAccount, clock: Clock, of: Any, plan: int, enqueue: int, wait: int, apply: int, stall: int = 0
) -> None:
    """`stall`: milliseconds that enqueuing waited for a staging buffer."""
    clock.now += plan
    account.planned(of)
    clock.now += enqueue + stall
    account.waited(stall / 1e3)
    account.enqueued()
    clock.now += wait
    account.waited(wait / 1e3)
    clock.now += apply
    account.applied(of)


def test_the_hosts_time_of_a_turn_is_all_but_its_waits() -> None:
    clock = Clock()
    account = StepAccount(clock)
    turn(account, clock, step(8, 8, 8), plan=1, enqueue=2, wait=10, apply=3)
    turn(account, clock, step(6, 6, 6), plan=3, enqueue=2, wait=0, apply=5)
    turn(account, clock, step(70, 7, 6), plan=1, enqueue=4, wait=20, apply=1, stall=7)
    found = account.summary()
    assert found["decodes"] | {"host_p99_ms": 0} == {
        "steps": 2, "seconds": 0.026, "mean_tokens": 7.0, "mean_rows": 7.0, "step_ms": 13.0, "host_ms": 8.0, "host_p99_ms": 0,
        "plan_ms": 2.0, "enqueue_ms": 2.0, "host_of_step": round(16 / 26, 3), "device_idle_steps": 1,
    }  # fmt: skip
    assert 9.9 < found["decodes"]["host_p99_ms"] <= 10
    assert found["with prompts"] == {
        "steps": 1, "seconds": 0.033, "mean_tokens": 70.0, "mean_rows": 7.0, "step_ms": 33.0, "host_ms": 6.0, "host_p99_ms": 6.0,
        "plan_ms": 1.0, "enqueue_ms": 4.0, "host_of_step": round(6 / 33, 3), "device_idle_steps": 0,
    }  # fmt: skip


def test_the_first_turn_enqueues_two_steps() -> None:
    clock = Clock()
    account = StepAccount(clock)
    clock.now += 2
    account.planned(step(9, 1, 0))
    clock.now += 3
    account.enqueued()
    turn(account, clock, step(9, 1, 0), plan=1, enqueue=5, wait=10, apply=0)
    assert (
        account.summary()["with prompts"] | {"plan_ms": 3.0, "enqueue_ms": 8.0, "host_ms": 11.0}
        == account.summary()["with prompts"]
    )


def test_what_came_before_the_run_is_nobodys_time() -> None:
    clock = Clock()
    account = StepAccount(clock)
    clock.now += 1000
    account.begin()
    turn(account, clock, step(1, 1, 1), plan=0, enqueue=1, wait=1, apply=0)
    assert account.summary()["decodes"]["step_ms"] == 2.0


class Nvml:
    """Of NVML's C library, what is called. A function that is named in `fails` returns "not supported"."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.asked: list[bytes] = []
        self.millijoules = 5000

    def nvmlInit_v2(self) -> int:
        return 3 if self.fails == "init" else 0

    def nvmlDeviceGetHandleByPciBusId_v2(self, bus: bytes, handle: Any) -> int:
        self.asked.append(bus)
        ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[0] = 77
        return 3 if self.fails == "handle" else 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, into: Any) -> int:
        assert handle.value == 77
        ctypes.cast(into, ctypes.POINTER(ctypes.c_ulonglong))[0] = self.millijoules
        return 3 if self.fails == "energy" else 0


def test_joules_are_those_of_the_device_with_this_bus_id() -> None:
    nvml = Nvml()
    counter = EnergyCounter("0000:1B:00.0", nvml)
    assert nvml.asked == [b"0000:1B:00.0"]
    before = counter.joules()
    nvml.millijoules += 60_000
    assert energy_figures(before, counter.joules(), 1200, 0.5) == {
        "joules": 60.0,
        "watts": 120.0,
        "tokens_per_joule": 20.0,
    }


@pytest.mark.parametrize("fails", ["init", "handle", "energy"])
def test_without_a_counter_the_figure_is_left_out(fails: str) -> None:
    joules = EnergyCounter("0000:1B:00.0", Nvml(fails)).joules()
    assert joules is None
    assert energy_figures(joules, joules, 1200, 0.5) == {}
    assert EnergyCounter("", object()).joules() is None


def test_a_counter_that_did_not_move_gives_no_figure() -> None:
    assert energy_figures(5.0, 5.0, 1200, 0.5) == {}
