"""The weights of a checkpoint in 16 bits: as they are where that is their type, else rounded, in the checkpoint's own names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engines.api.errors import Cancelled, UnsupportedError
from engines.models.model import Model
from engines.store.files import take_file, write_whole
from engines.weights import DType, WeightStore, check_finite, to_float32
from engines.weights.tensor import from_float32
from engines.weights.writer import SafetensorsWriter

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_ELEMENTS = 1 << 22  # converted at once
OnProgress = Callable[[int, int], None]


def write_sixteen(
    model: Model,
    dtype: DType,
    target: Path,
    *,
    share: bool,
    on_progress: OnProgress,
    cancelled: Callable[[], bool],
) -> None:
    """Weights and config.json of `model` in `target`, every float tensor as `dtype` (bf16 or fp16). `share`: files that need no
    change may be hard links. `on_progress` counts bytes read. Raises Cancelled, UnsupportedError, WeightError, OSError."""
    store = model.store
    if model.schemes:
        raise UnsupportedError(
            f"The weights in {model.folder} are quantized already; build it as it is, with --precision stored."
        )
    if all(store.dtype(name) is dtype or not store.dtype(name).is_float for name in store.names):
        keep_files(model, target, share=share, on_progress=on_progress, cancelled=cancelled)
        return
    total = sum(_bytes(store, name) for name in store.names)
    done = 0
    tensors = {
        name: (dtype if store.dtype(name).is_float else store.dtype(name), store.shape(name)) for name in store.names
    }
    with SafetensorsWriter(target / SINGLE_FILE, tensors) as writer:
        for name in store.names:
            tensor = store.read(name)
            check_finite(tensor, str(store.file(name)))
            flat = tensor.data.reshape(-1)
            for first in range(0, max(1, flat.size), _ELEMENTS):
                if cancelled():
                    raise Cancelled("The build was stopped.")
                piece = replace(tensor, data=flat[first : first + _ELEMENTS])
                if tensor.dtype.is_float and tensor.dtype is not dtype:
                    piece = from_float32(name, to_float32(piece), dtype)
                writer.write(name, piece.data)
                done += min(_ELEMENTS, flat.size - first) * tensor.dtype.itemsize
                on_progress(done, total)
            store.release(name)
    _config(model, target)


def keep_files(
    model: Model, target: Path, *, share: bool, on_progress: OnProgress, cancelled: Callable[[], bool]
) -> None:
    """The weights and config.json just as they are."""
    files = sorted({model.store.file(name) for name in model.store.names})
    total, done = sum(file.stat().st_size for file in files), 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        on_progress(done, total)

    for file in files:
        take_file(file, target / file.name, share=share, on_bytes=count, cancelled=cancelled)
    index = model.folder / INDEX_FILE
    if SINGLE_FILE not in {file.name for file in files} and index.is_file():
        write_whole(target / INDEX_FILE, index.read_bytes())
    _config(model, target)


def _config(model: Model, target: Path) -> None:
    write_whole(target / "config.json", (model.folder / "config.json").read_bytes())


def _bytes(store: WeightStore, name: str) -> int:
    size = store.dtype(name).itemsize
    for count in store.shape(name):
        size *= count
    return size
