"""The engine's own part without a GPU: what it checks before it opens, what it hands to whom, and how weights are replaced.

The CUDA engine beneath, its runner and the segments are stand-ins; test_gpu_segments.py (tests/engines/cuda) runs it on a GPU.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.api.errors import UnsupportedError, WeightError
from engines.cuda.engine import CudaEngine
from engines.network import ops
from engines.tensorrt import engine as trt_engine
from engines.tensorrt.engine import Place, TensorRTEngine, open_tensorrt
from engines.tensorrt.pieces import Piece
from engines.tensorrt.plans import PLANS, Plans, write_manifest
from engines.tensorrt.seal import PlanError
from engines.tensorrt.weights import Weight

KEY = bytes(32)
MADE = Plans("rtx", "1.0", ("sm89",), "fp16", "fp16", "memory", "0", 1024, 64, (), (), 0.0, 0)


class Segments:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options
        self.log: list[str] = []
        self.refused: set[str] = set()

    def check_update(self, name: str) -> None:
        if name in self.refused:
            raise WeightError(f"{name} cannot be replaced")

    def update(self, tensor: Any) -> None:
        self.log.append(f"update {tensor.name}")

    def save(self) -> None:
        self.log.append("save")

    def close(self) -> None:
        self.log.append("close")


class Parameters:
    """What the CUDA engine would hold for itself: the embedding."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.written: list[str] = []

    def check(self, tensors: Any) -> dict[str, Any]:
        return {name: SimpleNamespace(name=name) for name in tensors}

    def has(self, name: str) -> bool:
        return name == "embed.weight"

    def get(self, *names: str) -> Any:
        return SimpleNamespace(ptr=4096)

    def write(self, tensors: Any) -> None:
        self.written += list(tensors)


@pytest.fixture
def make(make_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    model = make_model()
    staged: list[int] = []

    def init(self: Any, model: Any, **options: Any) -> None:
        self.options, self._closed, self._weight_version, self._stream = options, False, 0, 77
        self.program = self._program(model)
        self._params = Parameters(model)
        self._graphs = SimpleNamespace(close=lambda: self._segments.log.append("graphs closed"))
        driver = SimpleNamespace(info=SimpleNamespace(arch=89), use=lambda: None)
        staging = SimpleNamespace(upload=lambda data, target: staged.append(len(data)))
        memory = SimpleNamespace(take=lambda size: 256)
        self.runner = self._make_runner(driver, memory, staging, "the rest", deterministic=False)

    def runner(driver: Any, memory: Any, staging: Any, *rest: Any, make_segments: Any, **options: Any) -> Any:
        return SimpleNamespace(segments=make_segments(memory, staging), rest=rest, options=options)

    monkeypatch.setattr(CudaEngine, "__init__", init)
    monkeypatch.setattr(CudaEngine, "_alive", lambda self: None)
    monkeypatch.setattr(CudaEngine, "_wait", lambda self: self._segments.log.append("wait"))
    monkeypatch.setattr(CudaEngine, "warm_up", lambda self: self._segments.log.append("warm"))
    monkeypatch.setattr(CudaEngine, "close", lambda self: setattr(self, "_closed", True))
    monkeypatch.setattr(trt_engine, "SegmentRunner", runner)
    monkeypatch.setattr(trt_engine, "Segments", Segments)
    library = SimpleNamespace(kind="rtx", version="1.0")
    monkeypatch.setattr(trt_engine, "load_library", lambda kind, pack: library)

    def build(plans: Plans = MADE, **options: Any) -> Any:
        write_manifest(tmp_path, plans, KEY)
        return TensorRTEngine(model, Place(tmp_path, KEY, cache=tmp_path / "kernels"), **options)

    build.staged = staged  # type: ignore[attr-defined]
    return build


def test_who_is_given_what(make: Any) -> None:
    engine = make(max_tokens=128, num_slots=8, page_size=16)
    assert engine.options == {"max_tokens": 128, "num_slots": 8, "page_size": 16, "overlap": "off"}
    assert engine._fp16(None) is True  # as the plans are, whatever the checkpoint's type
    kinds = {type(stage.op) for stage in engine.program.stages}
    assert kinds == {Piece, ops.Embedding, ops.Attention, ops.GatherLogits}
    assert engine.runner.rest == ("the rest",)
    assert engine.runner.options == {"stream": 77, "deterministic": False}
    segments = engine._segments
    assert segments.arguments[5] == 77
    assert segments.options["max_rows"] == 128
    assert segments.options["cache"].name == "kernels"
    borrow = segments.options["borrow"]
    assert borrow(Weight("w0", ("embed.weight",), "plain", "fp16", (61, 64))) == 4096
    assert borrow(Weight("w0", ("lm_head.weight",), "plain", "fp16", (61, 64))) is None
    assert borrow(Weight("w0", ("embed.weight",), "codes", "int8", (61, 64))) is None


def test_uploads_go_through_the_staging_buffers_in_pieces(make: Any) -> None:
    device = make()._segments.arguments[4]
    device.upload(np.zeros((33 << 20) // 2, np.uint16), 4096)
    assert make.staged == [32 << 20, 1 << 20]
    assert device.take(10) == 256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "2.0"}, r"built with TensorRT for RTX 2.0, and TensorRT for RTX 1.0 is installed"),
        ({"targets": ("sm120",)}, "the GPU here is sm89"),
        ({"model_revision": "x"}, "other weights"),
    ],
)
def test_plans_for_something_else_are_refused(make: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make(replace(MADE, **change))


def test_sizes_that_were_not_built_are_refused(make: Any) -> None:
    for options in ({"max_tokens": 1025}, {"num_slots": 65}):
        with pytest.raises(UnsupportedError, match="built for 1024 tokens and 64 sequences"):
            make(**options)
    with pytest.raises(UnsupportedError, match="no deterministic mode"):
        make(deterministic=True)
    assert make(max_tokens=1024, num_slots=64)


def test_weights_are_replaced_all_or_none(make: Any) -> None:
    engine = make(num_slots=8)
    new = np.zeros((2, 2), np.float16)
    assert engine.update_weights({"embed.weight": new, "1.down.weight": new}) == 1
    assert engine._segments.log == ["update embed.weight", "update 1.down.weight"]
    assert engine._params.written == ["embed.weight"]  # the rest is TensorRT's alone
    engine._segments.refused.add("1.down.weight")
    with pytest.raises(WeightError, match="cannot be replaced"):
        engine.update_weights({"embed.weight": new, "1.down.weight": new})
    assert engine._segments.log == ["update embed.weight", "update 1.down.weight"]
    assert engine._params.written == ["embed.weight"]


def test_kernels_are_kept_after_the_warm_up_and_graphs_end_before_segments(make: Any) -> None:
    engine = make(num_slots=8)
    engine.warm_up()
    engine.close()
    engine.close()
    assert engine._segments.log == ["warm", "save", "wait", "graphs closed", "close"]


def test_a_folder_is_opened_with_the_key_of_this_user(make: Any, make_model: Any, tmp_path: Path) -> None:
    model, folder = make_model(), tmp_path / "engine"
    (folder / PLANS).mkdir(parents=True)
    with pytest.raises(UnsupportedError, match="was not built for TensorRT"):
        open_tensorrt(model, folder, tmp_path / "key", None, None)
    (tmp_path / "key").write_bytes(b"k" * 32)
    write_manifest(folder / PLANS, MADE, KEY)
    with pytest.raises(PlanError, match="not written by Deskside on this machine"):
        open_tensorrt(model, folder, tmp_path / "key", None, None, num_slots=8)
    write_manifest(folder / PLANS, MADE, b"k" * 32)
    engine = open_tensorrt(model, folder, tmp_path / "key", None, tmp_path, num_slots=8)
    assert engine.options["cache"] == tmp_path
