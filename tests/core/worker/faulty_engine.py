"""A stub engine with a fault at a chosen step: what real engines do at their worst. Loaded by a worker as `target`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from engines.api import StepPlan
from engines.api.errors import ContractError, DeviceError, OutOfMemory, WeightError
from engines.stub import StubEngine
from engines.stub.engine import StubStep

_RAISES: dict[str, type[Exception]] = {
    "device": DeviceError,
    "memory": MemoryError,
    "contract": ContractError,
    "bug": ZeroDivisionError,
    "weights": WeightError,
    "device_memory": OutOfMemory,
}


class FaultyEngine(StubEngine):
    """`crash_at`, `hang_at`, `raise_at`: the step (from 0) at which the process dies of SIGKILL, stands still, or `forward`
    raises `raises`. `load_fault`: one of `raises`, or "crash" or "hang", while loading. `once`: a file: the fault happens only
    while it does not exist, and creates it, so that the next process is well."""

    def __init__(
        self,
        *,
        crash_at: int | None = None,
        hang_at: int | None = None,
        raise_at: int | None = None,
        raises: str = "device",
        load_fault: str = "",
        once: str = "",
        **stub: Any,
    ) -> None:
        self._faults = {crash_at: "crash", hang_at: "hang", raise_at: raises}
        self._once = Path(once) if once else None
        self._step = 0
        self._fault(load_fault)
        super().__init__(**stub)

    def forward(self, plan: StepPlan) -> StubStep:
        self._fault(self._faults.get(self._step, ""))
        self._step += 1
        return super().forward(plan)

    def _fault(self, fault: str) -> None:
        if not fault:
            return
        if self._once is not None:
            if self._once.exists():
                return
            self._once.touch()
        if fault == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "hang":
            time.sleep(600)
        raise _RAISES[fault](f"A fault for the tests: {fault}.")
