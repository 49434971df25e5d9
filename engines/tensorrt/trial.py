"""TensorRT tried on this machine: its engine for the first layers of a model, built here, against the reference and the clock."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api import Engine, PlanRow, SamplerParams, SlotInit, StepPlan
from engines.selfcheck import Candidate, Excerpt
from engines.tensorrt.compile import Spec, build_plans
from engines.tensorrt.library import load_library
from engines.tensorrt.targets import target_of

Float32 = NDArray[np.float32]
_KEY = bytes(32)  # of plans that live for a minute in a folder that only this process knows
_PAGE = 16


def candidate(pack: Path | None, cache: Path | None, folder: Path) -> Candidate:
    """For `engines.selfcheck.check`: plans of the excerpt built into `folder` for the GPU here, and an engine on them."""

    def make(excerpt: Excerpt) -> tuple[Engine, Callable[[Any, int], Float32]]:
        engine = open_trial(excerpt, pack, cache, folder, num_pages=24, num_slots=4, max_tokens=64)
        return engine, lambda step, rows: engine.logits(rows)

    return make


def open_trial(model: Any, pack: Path | None, cache: Path | None, folder: Path, **options: Any) -> Any:
    """An engine of `model` on plans built now for the GPU here."""
    from engines.cuda.driver import Driver
    from engines.tensorrt.engine import Place, TensorRTEngine

    driver = Driver()
    arch = driver.info.arch
    driver.release()
    target = target_of(arch)
    spec = Spec((target,), options["max_tokens"], options["num_slots"])
    build_plans(model, spec, folder, library=load_library(target.library, pack), key=_KEY)
    kernels = None if cache is None else cache / "tensorrt-trial.kernels"
    return TensorRTEngine(model, Place(folder, _KEY, pack, kernels), page_size=_PAGE, cache=cache, **options)


def decode_seconds(engine: Engine, rows: int, steps: int = 40) -> float:
    """Median seconds of a decode step of `rows` sequences, host and device together."""
    vocab = engine.spec.vocab_size
    for slot in range(rows):
        ids = np.arange(4, dtype=np.int32) % vocab
        engine.init_slot(SlotInit(slot, SamplerParams(temperature=0.0), ids, ids[:0]))
    times = []
    for number in range(steps):
        plans = [
            PlanRow(slot, number, np.array([number % vocab], np.int32), _pages(slot, number + 1), True, number > 0)
            for slot in range(rows)
        ]
        started = time.perf_counter()
        step = engine.forward(StepPlan.build(number, plans))
        engine.sample(step)
        engine.collect(step)
        times.append(time.perf_counter() - started)
    return statistics.median(times[steps // 4 :])


def _pages(slot: int, tokens: int) -> NDArray[np.int32]:
    """Up to 64 tokens of a slot: 4 pages of its own."""
    return np.arange(1 + 4 * slot, 1 + 4 * slot + -(-tokens // _PAGE), dtype=np.int32)


def compare_speed(folder: Path, pack: Path | None, cache: Path | None) -> dict[str, Any]:
    """Milliseconds of decode steps of 1 and 8 sequences with each backend, on the model in `folder`."""
    from engines.cuda.engine import CudaEngine
    from engines.models import open_model

    found: dict[str, Any] = {}
    with open_model(folder) as model, tempfile.TemporaryDirectory() as place:
        excerpt = Excerpt.of(model)
        options: dict[str, Any] = {"num_pages": 40, "num_slots": 8, "max_tokens": 64}
        makers: dict[str, Callable[[], Engine]] = {
            "cuda": lambda: CudaEngine(excerpt, page_size=_PAGE, cache=cache, **options),
            "tensorrt": lambda: open_trial(excerpt, pack, cache, Path(place), **options),
        }
        for name, make in makers.items():
            engine = make()
            try:
                found[name] = {str(rows): round(1000 * decode_seconds(engine, rows), 3) for rows in (1, 8)}
            finally:
                engine.close()
    return found
