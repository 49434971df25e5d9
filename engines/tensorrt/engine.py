"""The engine on an RTX GPU: segments by TensorRT, attention, sampling and everything between steps by the CUDA backend.

Built and checked without a GPU; it has run on no GPU of ours. Nothing chooses it unless this machine's own check of it passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError, UnsupportedError
from engines.cuda.buckets import GRAPH_TOKENS
from engines.cuda.driver import Driver
from engines.cuda.engine import CudaEngine
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.program import Runner
from engines.network.graph import Program
from engines.passes import compile_program
from engines.tensorrt.library import Library, load_library
from engines.tensorrt.pieces import cut
from engines.tensorrt.plans import MANIFEST, PLANS, Plan, Plans, check_fits, read_manifest, read_plan
from engines.tensorrt.runner import SegmentRunner
from engines.tensorrt.runtime import Segments
from engines.tensorrt.seal import read_key
from engines.tensorrt.targets import target_of
from engines.tensorrt.weights import Weight
from engines.weights.loaded import LoadedModel


def as_program(model: LoadedModel) -> Program:
    """The model's program with pieces for TensorRT as its stages."""
    program = compile_program(model.network, model.schemes)
    return Program(program.network, cut(program))


@dataclass(frozen=True, slots=True)
class Place:
    """Where plans lie, and what they must have been sealed with. `pack`: the folder of the RTX pack. `cache`: file for kernels that
    the library compiles for this GPU."""

    folder: Path
    key: bytes
    pack: Path | None = None
    cache: Path | None = None


class TensorRTEngine(CudaEngine):
    """See `CudaEngine` for options and behaviour. Raises PlanError for plans that are not for this GPU, library or model, before
    the library sees them, and DeviceError where it is missing or fails."""

    backend = "tensorrt"

    def __init__(
        self, model: LoadedModel, place: Place, *, num_slots: int = 64, max_tokens: int = 512, **options: Any
    ) -> None:
        if options.get("deterministic"):
            raise UnsupportedError("The TensorRT backend has no deterministic mode; use --backend cuda.")
        self._place = place
        self._plans: Plans = read_manifest(place.folder, place.key)
        self._library: Library = load_library("rtx" if self._plans.library == "rtx" else "datacenter", place.pack)
        if max_tokens > self._plans.max_tokens or num_slots > self._plans.num_slots:
            raise UnsupportedError(
                f"The engine in {place.folder} was built for {self._plans.max_tokens} tokens and {self._plans.num_slots} "
                f"sequences a step, and {max_tokens} and {num_slots} were asked for; ask for fewer, or build it again."
            )
        self._model = model
        self._max_rows = max(max_tokens, num_slots)
        # The library launches what lies between our kernels as it likes: nothing overlaps with that.
        super().__init__(model, num_slots=num_slots, max_tokens=max_tokens, overlap="off", **options)

    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> int:
        self._alive()
        params = self._params.check(tensors)
        segments = self._segments
        for name in params:
            segments.check_update(name)
        for tensor in params.values():
            segments.update(tensor)
        self._params.write({name: tensor for name, tensor in params.items() if self._params.has(name)})
        self._weight_version += 1
        return self._weight_version

    def warm_up(self) -> None:
        super().warm_up()
        self._segments.save()

    def close(self) -> None:
        if not self._closed:
            self._wait()
            self._graphs.close()
            self._segments.close()
        super().close()

    # --- what differs ----------------------------------------------------------------------------------------------------

    def _program(self, model: LoadedModel) -> Program:
        return as_program(model)

    def _fp16(self, model: LoadedModel) -> bool:
        return self._plans.compute == "fp16"

    def _make_runner(self, driver: Driver, *parts: Any, **options: Any) -> Runner:
        check_fits(
            self._plans,
            self._place.folder,
            library=self._library.kind,
            version=self._library.version,
            target=target_of(driver.info.arch).name,
            revision=self._model.revision,
        )
        runner = SegmentRunner(driver, *parts, stream=self._stream, make_segments=self._open_segments, **options)
        self._segments = runner.segments
        return runner

    def _open_segments(self, memory: Memory, staging: StagingRing) -> Segments:
        return Segments(
            self._library,
            self._plans,
            self._read_plan,
            self._model.load,
            _Device(memory.take, staging.upload),
            int(self._stream),
            graph_rows=GRAPH_TOKENS,
            max_rows=self._max_rows,
            cache=self._place.cache,
            borrow=self._borrow,
        )

    def _borrow(self, weight: Weight) -> int | None:
        """A tied head is the embedding, which our own lookup has on the device already."""
        if weight.form != "plain" or len(weight.params) != 1 or not self._params.has(weight.params[0]):
            return None
        return self._params.get(weight.params[0]).ptr

    def _read_plan(self, plan: Plan) -> bytes:
        return read_plan(self._place.folder, plan)


@dataclass(frozen=True, slots=True)
class _Device:
    """`engines.tensorrt.runtime.Device`."""

    take: Callable[[int], int]
    _upload: Callable[[NDArray[Any], int], None]

    def upload(self, data: NDArray[Any], target: int) -> None:
        """In pieces that the staging buffers hold."""
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        for start in range(0, len(flat), _PIECE):
            self._upload(flat[start : start + _PIECE], target + start)


_PIECE: Final = 32 << 20


def open_tensorrt(
    model: LoadedModel, folder: Path, key_file: Path | None, pack: Path | None, cache: Path | None, **options: Any
) -> TensorRTEngine:
    """The engine in `folder` (see `CudaEngine` for `options`). `cache`: folder for kernels, ours and the library's."""
    if not (folder / PLANS / MANIFEST).exists():
        raise UnsupportedError(
            f"{folder} was not built for TensorRT; build it with deskside core build MODEL --backend tensorrt, or take "
            f"--backend cuda."
        )
    if key_file is None:
        raise ContractError("TensorRT plans are sealed with a key: say where it is.")
    kernels = None if cache is None else cache / f"tensorrt-{model.revision[:16]}.kernels"
    place = Place(folder / PLANS, read_key(key_file), pack, kernels)
    return TensorRTEngine(model, place, cache=cache, **options)
