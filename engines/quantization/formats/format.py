"""What a layout of quantized checkpoints is to `open_model`, and what the foreign ones share."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import UnsupportedError, WeightError
from engines.network.schemes import Scheme
from engines.weights import DType, Tensor, WeightStore, to_float32
from engines.weights.strict_json import brief

Loader = Callable[[], Tensor]
CacheScales = list[tuple[float, float]]

_CACHE_SCALE = re.compile(r"(?:.+\.)?layers\.(\d+)\.self_attn\.(?:[kv]_proj\.)?([kv])_scale")


@dataclass(frozen=True, slots=True)
class Packed:
    """One quantized weight: its scheme, who makes each of its tensors (suffix -> loader, "" for the codes, as
    `engines.network.schemes` lays them out), and the names of the checkpoint that it uses up."""

    scheme: Scheme
    parts: Mapping[str, Loader]
    names: frozenset[str] = field(default=frozenset())


class Format(Protocol):
    """A layout, with the settings of one checkpoint's `quantization_config`."""

    @property
    def own_names(self) -> bool:
        """True where tensors have the names of parameters, not those of the family's checkpoints."""

    def find(self, store: WeightStore, name: str, out: int, width: int) -> Packed | None:
        """The quantized weight that the checkpoint holds in place of the tensor `name`, [out, width]; None if it is not
        quantized. Reads headers only (and vectors). Raises WeightError for tensors missing or mis-shaped, UnsupportedError
        for a variant of the layout that is not read."""

    def cache_scales(self, store: WeightStore, layers: int) -> tuple[CacheScales | None, Collection[str]]:
        """(key, value) scales of an FP8 cache for each layer, or None, and the names of the checkpoint that hold them."""


class ForeignFormat:
    """What all layouts but our own have: their families' names, and perhaps scales of an FP8 cache, in one of two places."""

    __slots__ = ()

    @property
    def own_names(self) -> bool:
        return False

    def cache_scales(self, store: WeightStore, layers: int) -> tuple[CacheScales | None, Collection[str]]:
        return read_cache_scales(store, layers)


def expect(store: WeightStore, name: str, dtypes: Collection[DType], *shapes: tuple[int, ...]) -> str:
    """`name`, if the tensor is there with one of these types and shapes. Raises WeightError."""
    if name not in store:
        raise WeightError(f"Tensor {name} is missing from {store.folder}; finish the download.")
    if store.dtype(name) not in dtypes or store.shape(name) not in shapes:
        kinds = " or ".join(dtype.value for dtype in dtypes)
        raise WeightError(
            f"Tensor {name} in {store.file(name)} is {store.dtype(name).value} {list(store.shape(name))} where its layout "
            f"has {kinds} {' or '.join(str(list(shape)) for shape in shapes)}; use a consistent checkpoint."
        )
    return name


def loader(store: WeightStore, name: str, dtype: DType, make: Callable[[NDArray[Any]], NDArray[Any]]) -> Loader:
    """Reads the tensor `name`, whose bits `make` turns into an array of `dtype`."""
    return lambda: Tensor(name, dtype, make(store.read(name).data))


def scale_loader(store: WeightStore, name: str, shape: tuple[int, ...]) -> Loader:
    """Reads a scale of any float type as fp32 of `shape`, which holds the same numbers in the same order."""
    return lambda: Tensor(name, DType.FP32, to_float32(store.read(name)).reshape(shape))


def group_scale_loader(store: WeightStore, name: str, make: Callable[[NDArray[Any]], NDArray[Any]]) -> Loader:
    """Reads group scales as fp16, `make` giving them the shape [out, groups]. Raises UnsupportedError for values (of bf16 or
    fp32 scales) that fp16 does not hold."""

    def load() -> Tensor:
        wide = to_float32(store.read(name))
        half = np.clip(wide, np.float32(-65504), np.float32(65504)).astype(np.float16)
        if not np.allclose(half.astype(np.float32), wide, rtol=2**-10, atol=0):
            raise UnsupportedError(f"Scales in {name} of {store.file(name)} do not fit fp16; use another checkpoint.")
        return Tensor(name, DType.FP16, np.ascontiguousarray(make(half)))

    return load


def read_cache_scales(store: WeightStore, layers: int) -> tuple[CacheScales | None, Collection[str]]:
    """`...layers.<i>.self_attn.k_scale` and `.v_scale` (compressed-tensors), or `.k_proj.k_scale` and `.v_proj.v_scale`
    (ModelOpt): one number each. Raises WeightError where some are missing."""
    found: dict[tuple[int, str], str] = {}
    for name in store.names:
        match = _CACHE_SCALE.fullmatch(name)
        if match:
            found[(int(match[1]), match[2])] = expect(store, name, (DType.FP32, DType.FP16, DType.BF16), (), (1,))
    if not found:
        return None, ()
    wanted = {(layer, kind) for layer in range(layers) for kind in "kv"}
    if found.keys() != wanted:
        raise WeightError(
            f"{store.folder} has scales of the KV cache for some layers only; use a consistent checkpoint."
        )
    values = {key: float(to_float32(store.read(name)).reshape(())) for key, name in found.items()}
    if not all(0 < value < 1e9 for value in values.values()):
        raise WeightError(f"A scale of the KV cache in {store.folder} is not a positive number; download it again.")
    return [(values[(layer, "k")], values[(layer, "v")]) for layer in range(layers)], tuple(found.values())


def refuse(where: str, what: str, value: Any, known: str) -> UnsupportedError:
    """The error for a setting that is not read."""
    return UnsupportedError(
        f"{where}: a quantized checkpoint with {what} {brief(value)} is not read ({known} is); use another checkpoint."
    )
