"""What a layout of quantized checkpoints is to `open_model`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engines.network.schemes import Scheme
from engines.weights import Tensor, WeightStore

Loader = Callable[[], Tensor]


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
        quantized. Reads headers only. Raises WeightError for tensors missing or mis-shaped, UnsupportedError for a
        variant of the layout that is not read."""
