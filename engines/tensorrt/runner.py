"""A program on the device whose pieces are TensorRT's and whose other nodes are our kernels, on the same buffers and stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engines.api.errors import DeviceError
from engines.cuda.attention import Launch, Run
from engines.cuda.driver import Driver
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.program import Runner
from engines.network.graph import Node
from engines.tensorrt.pieces import Piece
from engines.tensorrt.runtime import Segments

MakeSegments = Callable[[Memory, StagingRing], Segments]


class SegmentRunner(Runner):
    """A `Runner` of a program that `as_program` cut. `make_segments` opens the plans once there is memory to open them in."""

    def __init__(
        self,
        driver: Driver,
        memory: Memory,
        staging: StagingRing,
        *rest: Any,
        stream: Any,
        make_segments: MakeSegments,
        **options: Any,
    ) -> None:
        self.segments = make_segments(memory, staging)
        self._driver, self._stream = driver, stream
        self._warm: dict[bool, list[tuple[Piece, Run]]] = {False: [], True: []}
        super().__init__(driver, memory, staging, *rest, **options)

    def prepare(self, rows: int, head: bool) -> None:
        """Run every piece once at this size, outside of any graph, so that the library compiles its kernels now and not while a
        graph is captured. What it computes, of whatever lies in the buffers, is computed again before anybody reads it."""
        super().prepare(rows, head)
        for piece, run in self._warm[head]:
            run(Launch(rows, False))
            if not self.segments.capturable(piece.index, rows):
                raise DeviceError(
                    f"TensorRT cannot run segment {piece.index} inside a CUDA graph at {rows} rows; take --backend cuda."
                )

    def _build(self, node: Node, head: bool) -> Run:
        if not isinstance(node.op, Piece):
            return super()._build(node, head)
        piece, enqueue = node.op, self.segments.enqueue
        x = [self._at[name] for name in node.inputs]
        y = [self._at[name] for name in node.outputs if name != piece.logits]
        if piece.logits is None:
            run: Run = lambda s: enqueue(piece.index, s.rows, x, y)  # noqa: E731
        else:
            run = self._to_logits(piece, x, y)
        self._warm[head].append((piece, run))
        return run

    def _to_logits(self, piece: Piece, x: list[int], y: list[int]) -> Run:
        """TensorRT writes rows without gaps, the sampler reads rows of a multiple of 8: where those differ, a copy in between."""
        name = piece.logits or ""
        width, place = self._network.widths[name], piece.outputs.index(name)
        enqueue, state = self.segments.enqueue, self._state
        if width == self.logits_stride:
            outputs = [*y[:place], self.logits, *y[place:]]
            return lambda s: enqueue(piece.index, s.rows, x, outputs)
        dense = self._memory.take(state.limits.padded_logits * width * 4)
        outputs = [*y[:place], dense, *y[place:]]
        copy = self._driver.api.CUDA_MEMCPY2D()
        kind = self._driver.api.CUmemorytype.CU_MEMORYTYPE_DEVICE
        copy.srcMemoryType = copy.dstMemoryType = kind
        copy.srcDevice, copy.srcPitch = dense, 4 * width
        copy.dstDevice, copy.dstPitch = self.logits, 4 * self.logits_stride
        copy.WidthInBytes = 4 * width

        def run(s: Launch) -> None:
            enqueue(piece.index, s.rows, x, outputs)
            copy.Height = s.rows
            self._driver.call("cuMemcpy2DAsync", copy, self._stream)

        return run
