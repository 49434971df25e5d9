"""Where a run's time and energy go: an account of an EngineLoop's steps, and NVML's counter of a GPU's joules."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.scheduler import PlannedStep
from core.worker.loop import EngineLoop
from engines.cuda.memory import StagingRing

_WAITED = 20e-6  # seconds: asking for an event that has passed takes less


@dataclass
class StepAccount:
    """A step's turn lasts from the end of the turn before to its own: within it the host plans and enqueues the next step,
    waits for the device, and hands out this one's tokens. So while every turn waits, a turn lasts as long as the step takes on
    the device, and the host's own time (all but the wait) is hidden under it; a turn that does not wait left the device idle.

    `clock` gives seconds. A turn's host time is that of the next step's plan; steps next to each other are mostly alike.
    """

    clock: Callable[[], float] = time.perf_counter
    rows: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The next turn starts now."""
        self._last = self._mark = self.clock()
        self._planning = self._enqueuing = self._wait = self._wait_before = 0.0

    def planned(self, step: PlannedStep) -> None:
        now = self.clock()
        self._planning += now - self._mark
        self._mark, self._wait_before = now, self._wait

    def enqueued(self) -> None:
        """All calls of the planned step have returned."""
        now = self.clock()
        self._enqueuing += now - self._mark - (self._wait - self._wait_before)
        self._mark = now

    def waited(self, seconds: float) -> None:
        self._wait += seconds

    def applied(self, step: PlannedStep) -> None:
        """The end of this step's turn."""
        plan, seconds = step.plan, self.clock() - self._last
        kind = "decodes" if plan.num_decodes == plan.num_rows else "with prompts"
        self.rows.setdefault(kind, []).append(
            (plan.num_tokens, plan.num_rows, seconds, seconds - self._wait, self._planning, self._enqueuing, self._wait)
        )
        self.begin()

    def summary(self) -> dict[str, dict[str, float]]:
        """By kind of step. Milliseconds a step; `host_ms` is plan, enqueue and the rest together, `host_p99_ms` its 99th
        percentile; `host_of_step` its share of the turns; `device_idle_steps`: in how many turns the host had nothing to wait
        for."""
        found = {}
        for kind, rows in self.rows.items():
            tokens, sequences, seconds, host, planning, enqueuing, waits = np.array(rows).T
            found[kind] = {
                "steps": len(rows),
                "seconds": round(float(seconds.sum()), 3),
                "mean_tokens": round(float(tokens.mean()), 1),
                "mean_rows": round(float(sequences.mean()), 1),
                "step_ms": milliseconds(seconds.mean()),
                "host_ms": milliseconds(host.mean()),
                "host_p99_ms": milliseconds(np.quantile(host, 0.99)),
                "plan_ms": milliseconds(planning.mean()),
                "enqueue_ms": milliseconds(enqueuing.mean()),
                "host_of_step": round(float(host.sum() / seconds.sum()), 3) if seconds.sum() else 0.0,
                "device_idle_steps": int((waits < _WAITED).sum()),
            }
        return found


def milliseconds(seconds: float) -> float:
    return round(1e3 * float(seconds), 3)


@contextmanager
def accounted(loop: EngineLoop) -> Iterator[StepAccount]:
    """The account of what `loop` does inside `with`. Every wait for the device is timed: of `collect`, and for a staging buffer."""
    account, wait, sample = StepAccount(), StagingRing.wait, loop.engine.sample

    def timed_wait(ring: StagingRing, index: int) -> None:
        started = time.perf_counter()
        wait(ring, index)
        account.waited(time.perf_counter() - started)

    def noted_sample(step: Any, masks: Any = None) -> None:
        sample(step, masks)
        account.enqueued()

    engine: Any = loop.engine
    engine.sample = noted_sample
    StagingRing.wait = timed_wait  # type: ignore[method-assign]
    loop.watch(account.planned, account.applied)
    account.begin()
    try:
        yield account
    finally:
        StagingRing.wait = wait  # type: ignore[method-assign]
        del engine.sample


class EnergyCounter:
    """NVML's counter of a GPU by its PCI bus id. Through NVML's C library, which is part of the driver: no package is needed."""

    def __init__(self, bus_id: str, library: Any = None) -> None:
        self._nvml = self._handle = None
        with suppress(OSError, AttributeError):
            nvml = library or ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
            handle = ctypes.c_void_p()
            if not nvml.nvmlInit_v2() and not nvml.nvmlDeviceGetHandleByPciBusId_v2(
                bus_id.encode(), ctypes.byref(handle)
            ):
                self._nvml, self._handle = nvml, handle

    def joules(self) -> float | None:
        """Since the driver was loaded; None where there is no counter. It moves some ten times a second."""
        if self._nvml is None:
            return None
        millijoules = ctypes.c_ulonglong()
        if self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(millijoules)):
            return None
        return millijoules.value / 1e3


def energy_figures(before: float | None, after: float | None, tokens: int, seconds: float) -> dict[str, float]:
    """Joules, watts on average, output tokens a joule; nothing where there is no counter or it stood still."""
    if before is None or after is None or after <= before:
        return {}
    joules = after - before
    return {
        "joules": round(joules, 1),
        "watts": round(joules / seconds, 1),
        "tokens_per_joule": round(tokens / joules, 3),
    }
