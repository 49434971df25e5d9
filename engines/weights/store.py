"""The weights of one folder: one safetensors file, or several with an index, behind one set of names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from engines.api.errors import WeightError
from engines.weights.dtype import DType
from engines.weights.safetensors import SafetensorsFile, TensorInfo
from engines.weights.strict_json import brief, parse_json
from engines.weights.tensor import Tensor

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_MAX_INDEX_BYTES = 100_000_000


class WeightStore:
    """Every tensor of a checkpoint, by name. Open with `WeightStore.open(folder)`; usable as a context manager.

    Opening reads headers only. `read` gives views of the mapped files; the bytes come from disk when they are touched.
    """

    def __init__(self, folder: Path, files: dict[str, SafetensorsFile], owners: dict[str, str]) -> None:
        self.folder = folder
        self._files = files
        self._owners = owners

    @classmethod
    def open(cls, folder: Path) -> WeightStore:
        """Map and check every file of `folder`. Raises WeightError naming the file and the reason."""
        names = _list(folder)
        # A single file wins over an index, as it does in `transformers`.
        if SINGLE_FILE in names or INDEX_FILE not in names:
            if SINGLE_FILE not in names:
                raise WeightError(_nothing_to_load(folder, names))
            file = SafetensorsFile(folder / SINGLE_FILE)
            return cls(folder, {SINGLE_FILE: file}, dict.fromkeys(file.tensors, SINGLE_FILE))
        weight_map = _read_index(folder / INDEX_FILE)
        shards = sorted(set(weight_map.values()))
        missing = [shard for shard in shards if shard not in names]
        if missing:
            raise WeightError(
                f"{folder / missing[0]} is missing ({len(missing)} of {len(shards)} shards named by {INDEX_FILE} are); "
                f"finish the download."
            )
        stray = sorted(name for name in names if _SHARD.fullmatch(name) and name not in shards)
        if stray:
            raise WeightError(
                f"{folder / stray[0]} is not named by {INDEX_FILE}: shards of two checkpoints are mixed in this folder; "
                f"keep one of them."
            )
        files: dict[str, SafetensorsFile] = {}
        try:
            for shard in shards:
                files[shard] = SafetensorsFile(folder / shard)
            _check_index(folder, weight_map, files)
        except WeightError:
            for file in files.values():
                file.close()
            raise
        return cls(folder, files, weight_map)

    @property
    def names(self) -> tuple[str, ...]:
        """Every tensor, sorted."""
        return tuple(sorted(self._owners))

    @property
    def fingerprint(self) -> str:
        """Hex digest over names, sizes, times and headers of the files: changes when the weights do, without reading them."""
        return hashlib.sha256("\n".join(f.fingerprint for f in self._files.values()).encode()).hexdigest()

    def __contains__(self, name: str) -> bool:
        return name in self._owners

    def file(self, name: str) -> Path:
        """The file that holds a tensor."""
        return self.folder / self._owner(name)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._info(name).shape

    def dtype(self, name: str) -> DType:
        return self._info(name).dtype

    def read(self, name: str) -> Tensor:
        """The tensor as a read-only view of its mapped file: nothing is copied or converted."""
        owner = self._files[self._owner(name)]
        return Tensor(name, owner.tensors[name].dtype, owner.read(name))

    def release(self, name: str) -> None:
        """Tell the system that the pages of a tensor are not needed soon, so that they leave this process's resident memory.
        A hint: views stay valid, and read the file again."""
        self._files[self._owner(name)].release(name)

    def close(self) -> None:
        """Unmap the files. Views still alive keep their file mapped until they go. Idempotent."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> WeightStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _owner(self, name: str) -> str:
        try:
            return self._owners[name]
        except KeyError:
            raise WeightError(f"There is no tensor {name} in {self.folder}.") from None

    def _info(self, name: str) -> TensorInfo:
        return self._files[self._owner(name)].tensors[name]


def _list(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise WeightError(
            f"Cannot read the folder {folder}: {error.strerror}; check the path and its permissions."
        ) from error


def _nothing_to_load(folder: Path, names: set[str]) -> str:
    pickles = sorted(name for name in names if name.endswith(_PICKLES))
    if pickles:
        return (
            f"{folder} has its weights only as {pickles[0]}, a format that can run code when it is opened and is never "
            f"loaded; download a revision with {SINGLE_FILE}, or convert it once on a machine that trusts the file."
        )
    others = sorted(name for name in names if name.endswith(".safetensors"))
    if others:
        return f"{folder} holds {others[0]} but neither {SINGLE_FILE} nor {INDEX_FILE}; finish the download."
    return f"{folder} holds no {SINGLE_FILE} and no {INDEX_FILE}; choose the folder of a Hugging Face checkpoint."


def _read_index(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > _MAX_INDEX_BYTES:
            raise WeightError(f"{path} is larger than any index of shards; download it again.")
        index: Any = parse_json(path.read_bytes())
    except OSError as error:
        raise WeightError(f"Cannot read {path}: {error.strerror}; check its permissions.") from error
    except ValueError as error:
        raise WeightError(f"{path} is not valid JSON ({error}); download it again.") from None
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise WeightError(f"{path} has no weight_map from tensors to files; download it again.")
    for name, shard in weight_map.items():
        # A shard is a plain file name beside the index: anything else could read outside the folder.
        if not isinstance(shard, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\.safetensors", shard):
            raise WeightError(
                f"{path} places tensor {brief(name)!r} in {brief(shard)!r}, which is not the plain name of a "
                f".safetensors file in this folder; do not use this checkpoint."
            )
    return weight_map


def _check_index(folder: Path, weight_map: dict[str, str], files: dict[str, SafetensorsFile]) -> None:
    """Index and shards name the same tensors, each in the same file."""
    for name, shard in weight_map.items():
        if name not in files[shard].tensors:
            raise WeightError(
                f"Tensor {name} is not in {folder / shard}, where {INDEX_FILE} places it; download both again."
            )
    for shard, file in files.items():
        for name in file.tensors:
            if weight_map.get(name) != shard:
                raise WeightError(
                    f"{folder / shard} holds tensor {name}, which {INDEX_FILE} does not place there; "
                    f"download both again."
                )
