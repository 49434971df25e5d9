"""From a checkpoint folder to one with packed weights, some rows at a time: memory stays small whatever the model's size."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import Cancelled, ContractError, UnsupportedError, WeightError
from engines.models import Model, open_model
from engines.models.config import read_json
from engines.network import ops
from engines.network.schemes import Scheme
from engines.passes import compile_program
from engines.quantization.calibrate import Calibration, calibrate
from engines.quantization.encode import Arrays, encode, greatest
from engines.quantization.formats.deskside import write_config
from engines.quantization.recipes import Recipe, choose_schemes, find_recipe
from engines.quantization.search import encode_clipped
from engines.reference.workers import default_threads
from engines.weights import DType, Tensor, check_finite, to_float32
from engines.weights.store import SINGLE_FILE
from engines.weights.writer import SafetensorsWriter, sync_folder

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Progress = Callable[[str, int, int], None]

# Elements of a block of rows: 1 MiB in float32, so that the passes over it find it in the cache.
_BLOCK: Final = 1 << 18
_COPY_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """`quantized`: weight -> label of its scheme; `kept`: weights of linears that stay as they were (head, odd widths).
    `bytes_in`: of the tensors read; `bytes_out`: of the file written."""

    recipe: str
    quantized: dict[str, str]
    kept: tuple[str, ...]
    bytes_in: int
    bytes_out: int
    seconds: float


def quantize_checkpoint(
    folder: Path,
    recipe: str,
    out_dir: Path,
    *,
    calibration_ids: Sequence[Int32] | None = None,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    kv_cache: bool = False,
    threads: int | None = None,
) -> QuantizeReport:
    """Write `out_dir`/model.safetensors and config.json: the checkpoint in `folder` by `recipe` (a name of `RECIPES`).

    `calibration_ids`: token ids of texts, needed where `needs_calibration(recipe)` says so, and with `kv_cache`, which measures
    scales for an FP8 cache. `on_progress(stage, done, total)`: stage "calibrate" (operations of the model), then "quantize"
    (bytes read). `cancelled` is asked many times a second; when it says True, Cancelled is raised. `threads`: None for the
    cores this process may use; the result does not depend on it.

    Both files are on the disk (fsync) when this returns; until then, and after an error, they are not complete. Raises what
    `open_model` raises, UnsupportedError for an unknown recipe or a checkpoint that is quantized already, ContractError for
    text that is needed and not given, and OSError of the disk (ENOSPC among them).
    """
    begin = time.monotonic()
    plan = find_recipe(recipe)
    tell = on_progress or (lambda stage, done, total: None)
    stop = cancelled or (lambda: False)
    if (plan.needs_calibration or kv_cache) and not calibration_ids:
        raise ContractError(f"Quantizing to {recipe} needs calibration text, and none was given.")
    with open_model(folder) as model:
        if model.schemes:
            raise UnsupportedError(f"{folder} is quantized already; quantize the original checkpoint.")
        schemes = choose_schemes(model.network, plan.scheme)
        if not schemes:
            raise UnsupportedError(f"{folder} has no linear layer that {plan.scheme.label} can hold.")
        found = Calibration()
        if (plan.needs_calibration or kv_cache) and calibration_ids:
            found = calibrate(
                model, plan, schemes, calibration_ids, kv_cache=kv_cache,
                on_progress=lambda done, total: tell("calibrate", done, total), cancelled=stop,
            )  # fmt: skip
        threads = threads or default_threads()
        with ThreadPoolExecutor(threads, "quantize") as pool:
            writer = _Writer(model, plan, schemes, found, pool, threads, tell, stop)
            bytes_out = writer.run(out_dir / SINGLE_FILE)
        values, _ = read_json(folder / "config.json")
        values["quantization_config"] = write_config(recipe, schemes, found.kv_scales or None)
        _write_json(out_dir / "config.json", values)
        sync_folder(out_dir)
        linears = [w for node in model.network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
        return QuantizeReport(
            recipe,
            {name: scheme.label for name, scheme in schemes.items()},
            tuple(name for name in linears if name not in schemes),
            writer.total,
            bytes_out,
            time.monotonic() - begin,
        )


class _Writer:
    def __init__(
        self,
        model: Model,
        plan: Recipe,
        schemes: dict[str, Scheme],
        found: Calibration,
        pool: ThreadPoolExecutor,
        threads: int,
        tell: Progress,
        stop: Callable[[], bool],
    ) -> None:
        self._model, self._plan, self._schemes, self._found = model, plan, schemes, found
        self._pool, self._tell, self._stop = pool, tell, stop
        self._window = 2 * threads
        self.total = sum(model.view(name).data.nbytes for name in model.network.params)
        self._done = 0

    def run(self, path: Path) -> int:
        """Write every tensor. Returns the file's bytes."""
        wholes = self._wholes()
        layout: dict[str, tuple[DType, tuple[int, ...]]] = {}
        for name, shape in self._model.network.params.items():
            scheme = self._schemes.get(name)
            if scheme is None:
                layout[name] = (self._model.view(name).dtype, tuple(shape))
            else:
                for suffix, kind in scheme.tensors(*shape).items():
                    layout[f"{name}.{suffix}" if suffix else name] = kind
        with SafetensorsWriter(path, layout) as file:
            for name in self._model.network.params:
                if name in self._schemes:
                    self._quantize(file, name, self._schemes[name], wholes.get(name))
                else:
                    self._copy(file, name)
        return file.total_bytes

    def _wholes(self) -> dict[str, np.float32]:
        """max |w| over each fused linear, for the schemes with a scale per tensor: its parts get one scale."""
        if self._plan.scheme.per != "tensor" and self._plan.scheme.weights != "nvfp4":
            return {}
        program = compile_program(self._model.network, self._schemes)
        peaks: dict[str, np.float32] = {}
        for node in program.network.nodes:
            if isinstance(node.op, ops.Linear) and node.op.scheme is not None:
                whole = max(max(self._blocks(w, lambda rows, _: greatest(rows))) for w in node.op.weights)
                peaks.update(dict.fromkeys(node.op.weights, np.float32(whole)))
                for weight in node.op.weights:
                    self._model.release(weight)
        return peaks

    def _quantize(self, file: SafetensorsWriter, name: str, scheme: Scheme, whole: np.float32 | None) -> None:
        columns, rows = self._found.columns.get(name), self._found.rows.get(name)
        moments = self._found.moments.get(name) if self._plan.method == "awq" else None

        def work(w: Float32, first: int) -> Arrays:
            if columns is not None:
                w *= columns
            if rows is not None:
                w /= rows[first : first + len(w), None]
            return encode(scheme, w, whole) if moments is None else encode_clipped(scheme, w, moments)

        others: list[Arrays] = []
        size = self._model.view(name).data.nbytes
        out = self._model.network.params[name][0]
        written = 0
        for arrays in self._blocks(name, work):
            codes = arrays.pop("")
            file.write(name, codes)
            others.append(arrays)
            written += len(codes)
            self._tell("quantize", self._done + size * written // out, self.total)
        for suffix, (_, shape) in scheme.tensors(out, self._model.network.params[name][1]).items():
            if suffix == "":
                continue
            if suffix == "input_scale":
                limit = 6.0 * 448.0 if scheme.activations == "nvfp4" else 448.0
                array: NDArray[np.generic] = np.array(max(self._found.peaks[name], 1e-6) / limit, np.float32)
            else:
                array = np.concatenate([part[suffix] for part in others]) if shape else others[0][suffix]
            file.write(f"{name}.{suffix}", array)
        self._done += size
        self._model.release(name)

    def _copy(self, file: SafetensorsWriter, name: str) -> None:
        tensor = self._found.replaced.get(name) or self._model.load(name)
        if tensor.data.ndim == 0:
            file.write(name, tensor.data)
        else:
            rows = max(1, _COPY_BYTES // max(1, tensor.data[:1].nbytes))
            for first in range(0, len(tensor.data), rows):
                self._check()
                file.write(name, tensor.data[first : first + rows])
        self._done += self._model.view(name).data.nbytes
        self._tell("quantize", self._done, self.total)
        self._model.release(name)

    def _blocks(self, name: str, work: Callable[[Float32, int], Any]) -> Iterator[Any]:
        """`work(rows, first)` of each block of rows of a weight in order, widened and checked, on the pool: a few ahead."""
        source = self._model.checkpoint_name(name)
        tensor = Tensor(source, self._model.view(name).dtype, self._model.view(name).data)
        step = max(1, _BLOCK // tensor.shape[1])
        file = str(self._model.store.file(source))

        def task(first: int) -> Any:
            rows = Tensor(source, tensor.dtype, tensor.data[first : first + step])
            try:
                check_finite(rows, file)
            except WeightError:
                check_finite(tensor, file)  # names the place in the whole tensor
                raise
            return work(to_float32(rows), first)

        ahead: deque[Future[Any]] = deque()
        try:
            for first in range(0, len(tensor.data), step):
                ahead.append(self._pool.submit(task, first))
                if len(ahead) > self._window:
                    self._check()
                    yield ahead.popleft().result()
            while ahead:
                self._check()
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()

    def _check(self) -> None:
        if self._stop():
            raise Cancelled("Quantization was stopped.")


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with path.open("wb") as file:
        file.write(json.dumps(values, indent=2, ensure_ascii=False).encode())
        file.flush()
        os.fsync(file.fileno())
