"""What a model family is to the registry: how to read its config, define its network, and find its weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.models.config import ConfigReader
from engines.network import Network

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a parameter comes from: the checkpoint tensor `name`, whole, or what `take` makes of it (a view: a slice, a
    transpose). `shape`: the tensor's shape in the checkpoint, where `take` makes it differ from the parameter's.
    `twins`: tensors that, where present, must be equal to it (the head of a checkpoint that ties it)."""

    name: str
    shape: tuple[int, ...] | None = None
    take: Callable[[Array], Array] | None = None
    twins: tuple[str, ...] = ()


# Parameter -> Source. A `*` stands for one number of the name (the layer), the same in pattern and source.
Sources = Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture. The callables get the family's own config; `sources` also the tensor names of the checkpoint, for
    families whose checkpoints come in several spellings.

    `architectures`: values of `architectures` in config.json. `model_types`: values of `model_type`, for configs without.
    `ignored`: regular expressions of tensors that hold nothing to load (buffers that old versions of transformers saved).
    """

    name: str
    architectures: tuple[str, ...]
    model_types: tuple[str, ...]
    read_config: Callable[[ConfigReader], Any]
    define: Callable[[Any], Network]
    sources: Callable[[Any, Collection[str]], Sources]
    ignored: tuple[str, ...] = ()


def resolve(sources: Sources, param: str) -> Source | None:
    """The source of one parameter, its `*` filled in; None if the family names none."""
    if param in sources:
        return sources[param]
    numbers = re.findall(r"(?<=\.)\d+(?=\.)", param)
    source = sources.get(re.sub(r"(?<=\.)\d+(?=\.)", "*", param))
    if source is None:
        return None
    parts = source.name.split("*")
    if len(parts) != len(numbers) + 1:
        return None
    name = "".join(part + number for part, number in zip(parts, [*numbers, ""], strict=True))
    return Source(name, source.shape, source.take, source.twins)
