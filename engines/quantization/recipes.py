"""What `quantize_checkpoint` can make: a scheme, and how its numbers are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from engines.api.errors import UnsupportedError
from engines.network import Network, ops
from engines.network.schemes import SCHEMES, Scheme

# Heads stay as they are: a few percent of the weights, and the most sensitive of them.
_KEPT: Final = ("lm_head.weight",)
_SMALLER_GROUPS: Final = (128, 64, 32)


@dataclass(frozen=True, slots=True)
class Recipe:
    """`method`: "nearest" rounds weights as they are; "awq" (Lin et al. 2023) and "smooth" (Xiao et al. 2022) first move scale
    from the layer before into the columns of the weight, found on calibration text; "awq" also clips."""

    name: str
    scheme: Scheme
    method: Literal["nearest", "awq", "smooth"]

    @property
    def needs_calibration(self) -> bool:
        """Whether text must be run through the model first."""
        return self.method != "nearest" or self.scheme.activation_scale == "static_tensor"


_METHODS: Final[Mapping[str, Literal["awq", "smooth"]]] = {"int4-awq": "awq", "int4-awq-g64": "awq", "w8a8": "smooth"}
RECIPES: Final[Mapping[str, Recipe]] = {
    name: Recipe(name, scheme, _METHODS.get(name, "nearest")) for name, scheme in SCHEMES.items()
}


def find_recipe(name: str) -> Recipe:
    """Raises UnsupportedError naming what there is."""
    if name not in RECIPES:
        raise UnsupportedError(f"There is no precision {name!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[name]


def needs_calibration(name: str) -> bool:
    """Whether the recipe `name` needs `calibration_ids`."""
    return find_recipe(name).needs_calibration


def choose_schemes(network: Network, scheme: Scheme) -> dict[str, Scheme]:
    """Weight parameter -> scheme, for every linear of `network` but the head and what is an embedding too. A weight whose
    columns the group does not divide gets a smaller group, or stays as it is where none does."""
    embeddings = {node.op.weight for node in network.nodes if isinstance(node.op, ops.Embedding)}
    found: dict[str, Scheme] = {}
    for node in network.nodes:
        if not isinstance(node.op, ops.Linear):
            continue
        for name in node.op.weights:
            if name in embeddings or name in _KEPT:
                continue
            fitting = _fit(scheme, *network.params[name])
            if fitting is not None:
                found[name] = fitting
    return found


def _fit(scheme: Scheme, out: int, width: int) -> Scheme | None:
    if scheme.weights == "nvfp4":
        return scheme if width % 16 == 0 else None
    if scheme.group is None:
        return scheme
    group = next((g for g in _SMALLER_GROUPS if g <= scheme.group and width % g == 0), None)
    return None if group is None else replace(scheme, group=group)
