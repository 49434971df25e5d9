"""Our own folders, written by `engines.quantization.checkpoint`: tensors by parameter name, as the schemes lay them out.

config.json is the model's own, with

    "quantization_config": {"quant_method": "deskside", "version": 1, "recipe": NAME,
                            "schemes": [{...}, ...], "linears": {PARAMETER: INDEX, ...}, "kv_scales": null or [[K, V], ...]}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engines.api.errors import ConfigError, UnsupportedError, WeightError
from engines.network.schemes import Scheme
from engines.quantization.formats.format import CacheScales, Loader, Packed
from engines.weights import Tensor, WeightStore

METHOD: Final = "deskside"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class DesksideFormat:
    """`schemes`: parameter -> its scheme. `kv_scales`: (key, value) scales of the FP8 cache per layer, None if never measured."""

    schemes: Mapping[str, Scheme]
    kv_scales: CacheScales | None = None

    @property
    def own_names(self) -> bool:
        return True

    def cache_scales(self, store: WeightStore, layers: int) -> tuple[CacheScales | None, Collection[str]]:
        if self.kv_scales is not None and len(self.kv_scales) != layers:
            raise ConfigError(
                f"{store.folder} has {len(self.kv_scales)} kv_scales for {layers} layers; build it again."
            )
        return self.kv_scales, ()

    def find(self, store: WeightStore, name: str, out: int, width: int) -> Packed | None:
        scheme = self.schemes.get(name)
        if scheme is None:
            return None
        parts: dict[str, Loader] = {}
        names = set()
        for suffix, (dtype, shape) in scheme.tensors(out, width).items():
            full = f"{name}.{suffix}" if suffix else name
            if full not in store:
                raise WeightError(f"Tensor {full} is missing from {store.folder}; build the engine again.")
            if store.shape(full) != shape or store.dtype(full) is not dtype:
                raise WeightError(
                    f"Tensor {full} in {store.file(full)} is {store.dtype(full).value} {list(store.shape(full))} where "
                    f"{scheme.label} has {dtype.value} {list(shape)}; build the engine again."
                )
            names.add(full)

            def load(full: str = full) -> Tensor:
                return store.read(full)

            parts[suffix] = load
        return Packed(scheme, parts, frozenset(names))


def write_config(
    recipe: str, schemes: Mapping[str, Scheme], kv_scales: Sequence[tuple[float, float]] | None
) -> dict[str, Any]:
    """The `quantization_config` of a folder."""
    distinct = list(dict.fromkeys(schemes.values()))
    return {
        "quant_method": METHOD,
        "version": VERSION,
        "recipe": recipe,
        "schemes": [scheme.to_json() for scheme in distinct],
        "linears": {name: distinct.index(scheme) for name, scheme in schemes.items()},
        "kv_scales": None if kv_scales is None else [list(pair) for pair in kv_scales],
    }


def read_config(values: Mapping[str, Any], where: str) -> DesksideFormat:
    """The reverse of `write_config`. Raises ConfigError or UnsupportedError naming `where`."""
    if values.get("version") != VERSION:
        raise UnsupportedError(f"{where} was made by another version of Deskside; build the engine again.")
    schemes, linears, scales = values.get("schemes"), values.get("linears"), values.get("kv_scales")
    if not isinstance(schemes, list) or not isinstance(linears, dict) or not all(isinstance(s, dict) for s in schemes):
        raise ConfigError(f"{where}: quantization_config has no schemes or no linears; build the engine again.")
    known = [Scheme.from_json(scheme, where) for scheme in schemes]
    if not all(type(index) is int and 0 <= index < len(known) for index in linears.values()):
        raise ConfigError(f"{where}: quantization_config gives a linear a scheme that it does not have; build again.")
    if scales is not None and not (isinstance(scales, list) and all(_is_pair(pair) for pair in scales)):
        raise ConfigError(f"{where}: kv_scales is not a list of pairs of positive numbers; build the engine again.")
    return DesksideFormat(
        {name: known[index] for name, index in linears.items()},
        None if scales is None else [(float(k), float(v)) for k, v in scales],
    )


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(x, int | float) and 0 < x < 1e9 for x in value)
    )
