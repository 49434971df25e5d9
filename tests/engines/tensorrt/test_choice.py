"""Which backend an engine built for TensorRT is opened with, and the pieces of the trial that need no GPU."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from engines import factory
from engines.api.errors import DeviceError, UnsupportedError
from engines.api.manifest import DeviceInfo
from engines.factory import open_engine, tensorrt_chosen
from engines.reference.engine import ReferenceEngine
from engines.tensorrt import pipeline
from engines.tensorrt.choice import FILE, Choice, decide, keep, recall
from engines.tensorrt.library import load_library
from engines.tensorrt.samples import SAMPLES, build_samples
from engines.tensorrt.targets import TARGETS
from engines.tensorrt.trial import decode_seconds

GOLDEN = Path(__file__).parents[2] / "golden"
ADA = DeviceInfo("NVIDIA GeForce RTX 4090", "sm_89", 24 << 30, "580.10")
HOPPER = DeviceInfo("NVIDIA H200", "sm_90", 140 << 30, "580.10")


@pytest.mark.parametrize(
    ("tensorrt", "cuda", "backend", "reason"),
    [
        (110.0, 100.0, "tensorrt", "110 tokens per second beside CUDA's 100"),
        (101.0, 100.0, "cuda", "but made 101"),  # within what a measurement is worth
        (90.0, 100.0, "cuda", "but made 90"),
        (90.0, "CUDA has no kernels for INT4.", "tensorrt", "CUDA does not: CUDA has no kernels for INT4."),
        (None, 100.0, "cuda", "was not measured"),
        (100.0, None, "cuda", "was not measured"),
    ],
)
def test_decisions(tmp_path: Path, tensorrt: Any, cuda: Any, backend: str, reason: str) -> None:
    made = decide(tensorrt, cuda)
    assert made.backend == backend
    assert reason in made.reason
    (tmp_path / "plans").mkdir()
    keep(tmp_path, made)
    assert recall(tmp_path) == made
    assert tensorrt_chosen(tmp_path) is (backend == "tensorrt")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"backend": "other", "reason": "x"}', '{"backend": "cuda"}'])
def test_a_choice_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    assert recall(tmp_path) is None
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / FILE).write_text(text)
    assert recall(tmp_path) is None


def test_auto_goes_on_without_tensorrt(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Chosen when it was built, and now the library is gone: CUDA, or here the reference, and the log says why."""
    monkeypatch.setattr(factory, "tensorrt_chosen", lambda folder: True)
    with caplog.at_level(logging.INFO, logger="deskside.engines"):
        engine = open_engine(GOLDEN / "llama-mha", kv_tokens=64)
    assert engine.spec.backend in ("cuda", "reference")
    assert "was not built for TensorRT" in caplog.text
    engine.close()
    with pytest.raises(UnsupportedError, match="was not built for TensorRT"):
        open_engine(GOLDEN / "llama-mha", backend="tensorrt")
    with pytest.raises(UnsupportedError, match="neither a deterministic mode"):
        open_engine(GOLDEN / "llama-mha", backend="tensorrt", deterministic=True)


def test_a_built_engine_whose_plans_cannot_be_opened_is_no_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chosen, but the library is another now, and CUDA cannot run it: the sentence that says to build again, not the processor."""

    def no_driver() -> None:
        raise DeviceError("No NVIDIA driver is installed.")

    monkeypatch.setattr("engines.cuda.driver.find_driver", no_driver)
    monkeypatch.setattr(factory, "find_manifest", lambda folder: SimpleNamespace(backend="tensorrt"))
    monkeypatch.setattr(factory, "check_engine", lambda *args, **options: None)
    monkeypatch.setattr(factory, "tensorrt_chosen", lambda folder: True)
    with pytest.raises(UnsupportedError, match="was not built for TensorRT"):
        open_engine(GOLDEN / "llama-mha", kv_tokens=64)
    monkeypatch.setattr(
        factory, "tensorrt_chosen", lambda folder: False
    )  # measured, and CUDA was faster; or never measured
    engine = open_engine(GOLDEN / "llama-mha", kv_tokens=64)
    assert engine.spec.backend == "reference"
    engine.close()


def test_what_can_be_tried_here() -> None:
    assert pipeline.runs_here((), ADA)
    assert pipeline.runs_here(("sm86", "sm89"), ADA)
    assert not pipeline.runs_here(("sm120",), ADA)
    assert not pipeline.runs_here(("sm89",), "No GPU.")
    with pytest.raises(DeviceError, match=r"no GPU here to build for \(No driver\); name one"):
        pipeline.targets((), "No driver.")
    with pytest.raises(UnsupportedError, match="not for 'sm87'"):
        pipeline.targets((), msgspec.structs.replace(ADA, arch="sm_87"))
    assert pipeline.library_of((), ADA) == "rtx"
    for names in ((), ("sm90",)):  # the full library, on that very GPU
        assert pipeline.library_of(names, HOPPER) == "datacenter"
        assert pipeline.runs_here(names, HOPPER)
    for device in (ADA, "No GPU."):
        with pytest.raises(UnsupportedError, match=r"sm90 \(H100, H200\) can be built on that very GPU only"):
            pipeline.targets(("sm90",), device)
    with pytest.raises(UnsupportedError, match="nvfp4 does not run on sm89"):
        pipeline.check("nvfp4", (), ADA, None)
    pipeline.check("nvfp4", ("sm120",), "No GPU.", None)
    pipeline.check("bf16", ("sm75",), "No GPU.", None)


def test_samples_are_every_kind_that_runs_on_a_target() -> None:
    built = build_samples(load_library("rtx"), [TARGETS["sm75"], TARGETS["sm120"]])
    assert built == {"sm75": ["fp16"], "sm120": ["bf16", *SAMPLES]}


def test_decode_steps_are_timed(make_model: Any) -> None:
    engine = ReferenceEngine(make_model(), num_pages=40, page_size=16, num_slots=8, max_tokens=64, threads=1)
    try:
        assert decode_seconds(engine, 1, steps=8) > 0
        assert decode_seconds(engine, 8, steps=8) > 0
    finally:
        engine.close()


def test_a_choice_is_a_sentence() -> None:
    assert isinstance(decide(1.0, 2.0), Choice)
    assert decide(1.0, 2.0).reason.endswith(".")
