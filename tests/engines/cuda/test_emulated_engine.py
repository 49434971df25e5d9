"""Whole engines on the emulated device beside the reference: weights of 4 and 8 bits, products of codes, sinks; prompts and decodes
mixed. NumPy multiplies where cublasLt would. More schemes with SOAK_ROUNDS set."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from engines.cuda.engine import CudaEngine
from engines.reference.engine import ReferenceEngine
from tests.engines.cuda.compare import worst_error

CASES: dict[str, tuple[str | None, dict[str, Any], set[str]]] = {
    "int4, sinks": ("int4", {"bias": True, "sinks": True}, {"lt", "packed", "wide", "sm90", "unpack"}),
    "w8a8": ("w8a8", {}, {"lt", "skinny"}),
}
# Each takes some seconds to compile, and differs from the ones above by what test_packed.py covers.
MORE: dict[str, tuple[str | None, dict[str, Any], set[str]]] = {
    "bf16": (None, {}, {"lt"}),
    "int8": ("int8", {}, {"lt", "packed", "wide", "sm90", "unpack"}),
    "fp8": ("fp8", {}, {"lt", "skinny"}),
}
if "SOAK_ROUNDS" in os.environ:
    CASES |= MORE


@pytest.mark.parametrize("case", CASES)
def test_logits_are_the_references(
    case: str, emulator: Any, beside: Any, make_model: Any, feeder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme, options, ways = CASES[case]
    model = make_model(layers=1, vocab=64, **options)
    model = model.quantized(scheme) if scheme else model
    machine = emulator(order=1, overlap=1)
    beside("emulator/host.py").on_the_host(machine, monkeypatch)
    engine = CudaEngine(model, num_pages=24, num_slots=4, max_tokens=320, graphs="off", overlap="early")
    machine.constant.add(engine._params.arena)  # all that a kernel may touch while the ones in front of it run
    oracle = ReferenceEngine(model, num_pages=24, num_slots=4, max_tokens=320, threads=1)
    ours, theirs = feeder(engine), feeder(oracle)
    rng = np.random.default_rng(0)
    text = lambda n: rng.integers(0, 64, n).tolist()  # noqa: E731
    schedule = (
        {0: text(20)},
        {0: text(1), 1: text(19)},
        {0: text(1), 1: text(1)},
        {0: text(1), 2: text(260)},
        {2: text(1)},
    )
    worst = worst_error(ours, theirs, schedule)
    assert worst < (0.1 if scheme in ("w8a8", "fp8") else 0.025), worst
    assert engine._gemm.ran == ways
    engine.close()
