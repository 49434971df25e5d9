"""The TensorRT backend's engine on a device, with the library's part computed by NumPy: TensorRT for RTX does not run on the GPUs
we have, but the buffers between segments and our kernels, the padded sizes, the logits' rows and the engine's life do not depend
on who computes a segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from engines.cuda.engine import CudaEngine
from engines.passes import compile_program
from engines.reference.engine import ReferenceEngine
from engines.reference.program import Operations
from engines.tensorrt.engine import as_program
from engines.tensorrt.pieces import pieces_of
from engines.tensorrt.runner import SegmentRunner

pytestmark = pytest.mark.gpu


class NumpySegments:
    """Looks like `engines.tensorrt.runtime.Segments`: waits for the stream, copies, computes, copies back."""

    def __init__(self, engine: CudaEngine, model: Any) -> None:
        self.engine = engine
        program = compile_program(model.network, model.schemes)
        self.widths = program.network.widths
        self.pieces = pieces_of(as_program(model).stages)  # type: ignore[arg-type]
        oracle = ReferenceEngine(model, num_pages=2, num_slots=1, max_tokens=1, threads=1)
        assert oracle._params is not None
        operations = Operations(oracle._params, oracle._pool, oracle._workers)
        self.runs = [[operations.build(n, [False] * len(n.inputs)) for n in piece.nodes] for piece in self.pieces]
        self.calls: list[tuple[int, int]] = []

    def enqueue(self, index: int, rows: int, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        call, piece = self.engine._driver.call, self.pieces[index]
        self.calls.append((index, rows))
        assert all(address % 256 == 0 for address in (*inputs, *outputs))
        call("cuStreamSynchronize", self.engine._stream)
        values: dict[str, np.ndarray] = {}
        for name, address in zip(piece.inputs, inputs, strict=True):
            bits = np.empty((rows, self.widths[name]), np.uint16)
            call("cuMemcpyDtoH", bits.ctypes.data, address, bits.nbytes)
            values[name] = (bits.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(all="ignore"):
            for node, run in zip(piece.nodes, self.runs[index], strict=True):
                made = run(None, [values[name] for name in node.inputs])  # type: ignore[arg-type]
                values.update(zip(node.outputs, made, strict=True))
        for name, address in zip(piece.outputs, outputs, strict=True):
            value = np.ascontiguousarray(values[name], np.float32)
            if name != piece.logits:
                value = ((value.view(np.uint32) + np.uint32(0x8000)) >> np.uint32(16)).astype(np.uint16)  # type: ignore[assignment]
            # In the engine's stream: a plain copy from pageable memory may return before the device has it.
            call("cuMemcpyHtoDAsync", address, value.ctypes.data, value.nbytes, self.engine._stream)
        call("cuStreamSynchronize", self.engine._stream)

    def capturable(self, piece: int, rows: int) -> bool:
        return True


class Engine(CudaEngine):
    backend = "tensorrt"

    def _program(self, model: Any) -> Any:
        self.model = model
        return as_program(model)

    def _make_runner(self, *parts: Any, **options: Any) -> Any:
        self.segments = NumpySegments(self, self.model)
        return SegmentRunner(
            *parts, stream=self._stream, make_segments=lambda memory, staging: self.segments, **options
        )  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    "options", [{}, {"tied": True, "bias": True}, {"vocab": 1008}, {"qk_norm": True, "head_dim": 64}]
)
def test_segments_and_kernels_share_buffers(
    make_model: Any, feeder: Any, kernel_cache: Any, options: dict[str, Any]
) -> None:
    """Ragged prompts and decodes mixed: the logits of every step, with a vocabulary whose rows need a copy and one whose do not."""
    model = make_model(**options)
    vocab = options.get("vocab", 1003)
    engine = Engine(model, num_pages=100, num_slots=8, max_tokens=128, cache=kernel_cache, graphs="off")
    try:
        ours = feeder(engine)
        theirs = feeder(ReferenceEngine(model, num_pages=100, num_slots=8, max_tokens=128, threads=2))
        rng = np.random.default_rng(0)
        for slot in range(4):
            ours.start(slot)
            theirs.start(slot)
        for sizes in ({0: 40}, {1: 7, 2: 33}, {0: 1, 1: 1, 3: 50}, {0: 1, 1: 1, 2: 1, 3: 1}):
            pieces = {slot: rng.integers(0, vocab, n).tolist() for slot, n in sizes.items()}
            found, wanted = ours.feed(pieces), theirs.feed(pieces)
            for slot, logits in wanted.items():
                assert np.linalg.norm(found[slot] - logits) < 0.03 * np.linalg.norm(logits)
        assert engine.spec.backend == "tensorrt"
        body = [call for call in engine.segments.calls if call[0] == 0]
        assert {rows for _, rows in body} == {64, 4}  # padded sizes, never those of the step
    finally:
        engine.close()
