"""A model: a checkpoint folder read as one of the families we know. Opening it reads no weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines.api.errors import ContractError, UnsupportedError, WeightError
from engines.models.config import ModelConfig
from engines.models.family import Family, Source, Sources, resolve
from engines.network import Network, ops
from engines.network.schemes import Scheme
from engines.quantization.decode import check_values
from engines.quantization.formats.format import Format, Packed
from engines.weights import DType, Tensor, WeightStore, check_finite


@dataclass(frozen=True, slots=True)
class Model:
    """Config, network and weights of a checkpoint; made by `engines.models.open_model`.

    `network` as the family defines it, before any pass. `dtype`: that of most weights on disk. `revision` changes when
    config or weights do. `eos_ids`: tokens that end a text. `sources`: parameter -> checkpoint tensor; `quantized`: the weights
    that are quantized in the checkpoint, which have no source. `kv_scales`: (key, value) scales per layer for an FP8 cache,
    None if never measured.
    """

    folder: Path
    family: str
    config: ModelConfig
    network: Network
    dtype: DType
    revision: str
    eos_ids: tuple[int, ...]
    sources: Mapping[str, Source]
    store: WeightStore = field(repr=False)
    quantized: Mapping[str, Packed] = field(default_factory=dict, repr=False)
    kv_scales: Sequence[tuple[float, float]] | None = None

    @property
    def schemes(self) -> dict[str, Scheme]:
        """Weight parameter -> the scheme it is quantized with. The other parameters are not."""
        return {param: packed.scheme for param, packed in self.quantized.items()}

    def load(self, param: str) -> Tensor:
        """A parameter, in its own shape and the checkpoint's dtype: a view of the mapped file. Raises WeightError if it holds
        a NaN or an infinity.

        Of a quantized weight `w`, "w" are the packed codes and "w.scale", "w.zero", ... its other tensors, as
        `engines.network.schemes` lays them out whatever the layout of the checkpoint; scales are checked to be finite."""
        weight, suffix = param, ""
        if param not in self.network.params:
            weight, _, suffix = param.rpartition(".")
        if weight in self.quantized:
            parts = self.quantized[weight].parts
            if suffix not in parts:
                raise ContractError(f"{weight} ({self.quantized[weight].scheme.label}) has no tensor {suffix!r}.")
            tensor = parts[suffix]()
            check_values(tensor, suffix)
            return Tensor(param, tensor.dtype, tensor.data)
        source = self._source(param)
        stored = self.store.read(source.name)
        for twin in source.twins:
            if twin in self.store and not np.array_equal(self.store.read(twin).data, stored.data):
                raise WeightError(
                    f"Tensor {twin} in {self.store.file(twin)} differs from {source.name}, to which the config ties it "
                    f"(tie_word_embeddings); use a consistent checkpoint."
                )
        return self.convert(param, stored)

    def convert(self, param: str, stored: Tensor) -> Tensor:
        """What `load` makes of a checkpoint tensor, for one given by the caller (`Engine.update_weights`): it must have the
        shape and dtype of the tensor on disk. Raises WeightError."""
        if param in self.quantized:
            raise WeightError(f"The weight {param} is quantized: it cannot be replaced in a running engine.")
        source = self._source(param)
        shape, dtype = self.store.shape(source.name), self.store.dtype(source.name)
        if stored.shape != shape or stored.dtype is not dtype:
            raise WeightError(
                f"Tensor {source.name} is {stored.dtype.value} {list(stored.shape)} where the model has {dtype.value} "
                f"{list(shape)}; an update keeps shapes and dtypes."
            )
        taken = stored.data if source.take is None else source.take(stored.data)
        if taken.shape != self.network.params[param]:
            raise ContractError(
                f"{self.family} makes {param} of shape {taken.shape}, not {self.network.params[param]}."
            )
        tensor = Tensor(param, dtype, taken)
        check_finite(Tensor(source.name, dtype, taken), str(self.store.file(source.name)))
        return tensor

    def view(self, param: str) -> Tensor:
        """What `load` gives of a parameter that is not quantized, its values unchecked: for readers that go through it in
        pieces and check each (`check_finite`)."""
        source = self._source(param)
        stored = self.store.read(source.name)
        return Tensor(param, stored.dtype, stored.data if source.take is None else source.take(stored.data))

    def release(self, param: str) -> None:
        """Hint that the pages of what a parameter is made of are not needed soon (`WeightStore.release`)."""
        self.store.release(self._source(param).name)

    def checkpoint_name(self, param: str) -> str:
        """The checkpoint tensor that a parameter is made of."""
        return self._source(param).name

    def params_of(self, tensor: str) -> tuple[str, ...]:
        """The parameters made of a checkpoint tensor; none for a tensor that only repeats another or holds nothing to load.
        Raises WeightError for a name that the checkpoint does not have."""
        if tensor not in self.store:
            raise WeightError(f"There is no tensor {tensor} in {self.folder}.")
        return tuple(param for param, source in self.sources.items() if source.name == tensor)

    def close(self) -> None:
        """Unmap the files. Idempotent."""
        self.store.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _source(self, param: str) -> Source:
        try:
            return self.sources[param]
        except KeyError:
            raise ContractError(f"{self.family} has no parameter {param}.") from None


@dataclass(frozen=True, slots=True)
class Binding:
    """`dtype`: of most weights that are not quantized. The rest: `Model`."""

    sources: dict[str, Source]
    quantized: dict[str, Packed]
    dtype: DType
    kv_scales: Sequence[tuple[float, float]] | None


def bind(family: Family, config: object, network: Network, store: WeightStore, layout: Format | None = None) -> Binding:
    """Pair every parameter with its checkpoint tensor, or with its quantized ones in a checkpoint of `layout`, strictly, from
    the headers alone. Raises WeightError for a tensor that is missing, has another shape or a dtype that weights cannot have,
    or that nothing asks for."""
    table: Sources = family.sources(config, store.names)
    if layout is not None and layout.own_names:
        table = {param: Source(param) for param in network.params}
    linears = {w for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights}
    quantized: dict[str, Packed] = {}
    sources: dict[str, Source] = {}
    elements: Counter[DType] = Counter()
    for param, shape in network.params.items():
        source = resolve(table, param)
        if source is None:
            raise ContractError(f"{family.name} does not say where parameter {param} comes from.")
        if layout is not None and param in linears and len(shape) == 2:
            if source.take is not None and not (source.name in store and store.dtype(source.name).is_float):
                raise UnsupportedError(
                    f"{store.folder} is a quantized checkpoint of {family.name}, whose weights must be cut after loading, "
                    f"which quantized ones cannot be; use the unquantized checkpoint."
                )
            packed = layout.find(store, source.name, *shape)
            if packed is not None:
                quantized[param] = packed
                continue
        if source.name not in store:
            raise WeightError(
                f"Tensor {source.name} is missing from {store.folder}; finish the download, or use a complete checkpoint."
            )
        expected = source.shape or shape
        if store.shape(source.name) != expected:
            raise WeightError(
                f"Tensor {source.name} in {store.file(source.name)} has shape {list(store.shape(source.name))} where "
                f"config.json makes it {list(expected)}; config and weights are not of the same model."
            )
        dtype = store.dtype(source.name)
        if not dtype.is_float:
            raise WeightError(
                f"Tensor {source.name} in {store.file(source.name)} is {dtype.value}; weights must be bf16, fp16 or fp32: "
                f"use the unquantized checkpoint."
            )
        elements[dtype] += int(np.prod(shape))
        sources[param] = source
    known = {source.name for source in sources.values()} | {twin for s in sources.values() for twin in s.twins}
    known |= {name for packed in quantized.values() for name in packed.names}
    kv_scales = None
    if layout is not None:
        kv_scales, names = layout.cache_scales(store, len(network.attention_layers()))
        known |= set(names)
    ignored = re.compile("|".join(family.ignored) or r"(?!)")
    extra = [name for name in store.names if name not in known and not ignored.fullmatch(name)]
    if extra:
        raise WeightError(
            f"Tensor {extra[0]} in {store.file(extra[0])} has no place in {family.name} ({len(extra)} such tensors); config "
            f"and weights are not of the same model, or it has parts this version does not know."
        )
    return Binding(sources, quantized, elements.most_common(1)[0][0], kv_scales)
