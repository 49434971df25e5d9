"""Networks -> plans: the builder's configuration, its log, progress and cancelling.

TensorRT for RTX needs no GPU and takes the targets by name; the full TensorRT builds for the GPU that is here, and tries kernels
on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engines.api.errors import DeviceError
from engines.tensorrt.layers import BuildLog, read_log
from engines.tensorrt.library import Library
from engines.tensorrt.network import Emitted
from engines.tensorrt.targets import Target

# Called with the share of the current build that is done, 0 .. 1. What it raises ends the build.
OnStep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Profile:
    """Rows of every value that an execution context takes; the kernels are chosen for `best`."""

    least: int
    best: int
    most: int

    def __contains__(self, rows: int) -> bool:
        return self.least <= rows <= self.most


def token_profiles(max_tokens: int, constants: bool = False) -> tuple[Profile, ...]:
    """Decode steps up to 64, mixed steps up to 512, prefill; with `constants`, where each profile costs seconds of building per
    layer, the last two in one. No profile of one row alone: beside others it would make the builder store 16-bit weights twice."""
    edges = [(1, 8, 64), (65, 256, 512), (513, max_tokens, max_tokens)]
    if constants:
        edges = [(1, 8, 64), (65, 512, max_tokens)]
    return tuple(
        Profile(low, min(best, max_tokens), min(high, max_tokens)) for low, best, high in edges if low <= max_tokens
    )


def row_profiles(num_slots: int) -> tuple[Profile, ...]:
    """For the pieces that run on logit rows."""
    return (Profile(1, min(8, num_slots), num_slots),)


@dataclass(frozen=True, slots=True)
class Built:
    """`plan`: a buffer (trt.IHostMemory). `seconds`: of the builder alone."""

    plan: Any
    log: BuildLog
    seconds: float


class Compiler:
    """A builder and its logger; one network at a time. The plan of one network does not depend on those before."""

    def __init__(self, library: Library) -> None:
        self.library = library
        trt = library.trt
        messages: list[tuple[int, str]] = []
        self._messages = messages

        base: Any = trt.ILogger

        class Log(base):  # type: ignore[misc]
            def log(self, severity: Any, message: str) -> None:
                messages.append((int(severity), message))

        self._logger = Log()
        self.builder = trt.Builder(self._logger)
        if self.builder is None:
            raise DeviceError(f"{library.name} could not make a builder: {self._last()}")

    def build(
        self, emitted: Emitted, targets: Sequence[Target], profiles: Sequence[Profile], on_step: OnStep | None = None
    ) -> Built:
        """The plan of a network. Raises DeviceError with TensorRT's own reason, or whatever `on_step` raised."""
        trt = self.library.trt
        config = self.builder.create_builder_config()
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        # One stream, memory from us: both are needed to capture a context's work in our graphs.
        config.max_aux_streams = 0
        if self.library.kind == "rtx":
            config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
            config.num_compute_capabilities = len(targets)
            for i, target in enumerate(targets):
                config.set_compute_capability(getattr(trt.ComputeCapability, target.name.upper()), i)
        for profile in profiles:
            made = self.builder.create_optimization_profile()
            for port in emitted.inputs:
                made.set_shape(port.name, *((rows, port.width) for rows in (profile.least, profile.best, profile.most)))
            config.add_optimization_profile(made)
        monitor = _monitor(trt, on_step) if on_step is not None else None
        config.progress_monitor = monitor
        self._messages.clear()
        started = time.perf_counter()
        plan = self.builder.build_serialized_network(emitted.network, config)
        seconds = time.perf_counter() - started
        if monitor is not None and monitor.stopped is not None:
            raise monitor.stopped
        if plan is None:
            raise DeviceError(f"{self.library.name} could not build a network: {self._last()}")
        return Built(plan, read_log(message for _, message in self._messages), seconds)

    def _last(self) -> str:
        """Its last error, or warning, in one line."""
        errors = [text for severity, text in self._messages if severity <= 1] or ["it gave no reason"]
        return " ".join(errors[-1].split())


def _monitor(trt: Any, on_step: OnStep) -> Any:
    """A trt.IProgressMonitor. An exception may not pass through the library: it is kept, the build told to stop."""

    base: Any = trt.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            self.stopped: BaseException | None = None
            self._open: list[list[Any]] = []  # [phase, steps done, steps] from the outermost in
            self._share = 0.0

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self._open.append([phase, 0, max(1, steps)])

        def step_complete(self, phase: str, step: int) -> bool:
            for entry in self._open:
                if entry[0] == phase:
                    entry[1] = step + 1
            return self._tell()

        def phase_finish(self, phase: str) -> None:
            self._open[:] = [entry for entry in self._open if entry[0] != phase]

        def _tell(self) -> bool:
            if self.stopped is not None:
                return False
            share, width = 0.0, 1.0
            for _, done, steps in self._open:
                share += width * min(done, steps) / steps
                width /= steps
            self._share = max(self._share, min(1.0, share))  # phases come and go: never back
            try:
                on_step(self._share)
            except BaseException as error:
                self.stopped = error
                return False
            return True

    return Monitor()
