"""What the builder made of a network, read from its own documented log: launches, fused kernels, memory.

Without a GPU a plan cannot be opened, so there is no inspector; with detailed profiling verbosity the builder logs the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_LAYER = re.compile(r"^Name: (?P<name>.*?), LayerType: (?P<kind>\w+), Inputs: \[(?P<inputs>.*?)\], Constants:", re.M)
_TYPE = re.compile(r"Datatype: (\w+)")
_PROFILE = re.compile(r"_myl(\d+)_\d+$")
_ACTIVATION = re.compile(r"Total Activation Memory: (\d+)")
# Computes shapes on the host; nothing is launched.
_NOT_LAUNCHED = frozenset({"shape_call"})


@dataclass(frozen=True, slots=True)
class Kernel:
    """One launch. `kind` as TensorRT calls it: gemm, kgen (generated pointwise), runtime_fusion (a product with what surrounds
    it). `types`: of what it reads."""

    name: str
    kind: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildLog:
    """`kernels`: of each optimization profile, in order. `activation`: bytes a context needs beside its values."""

    kernels: tuple[tuple[Kernel, ...], ...]
    activation: int


def read_log(messages: Iterable[str]) -> BuildLog:
    """From the builder's messages at severity VERBOSE."""
    profiles: dict[int, list[Kernel]] = {}
    activation = 0
    for message in messages:
        if message.startswith("Layers:"):
            for match in _LAYER.finditer(message):
                number = _PROFILE.search(match["name"])
                if match["kind"] not in _NOT_LAUNCHED:
                    kernel = Kernel(_short(match["name"]), match["kind"], tuple(_TYPE.findall(match["inputs"])))
                    profiles.setdefault(int(number[1]) if number else 0, []).append(kernel)
        elif found := _ACTIVATION.search(message):
            activation = max(activation, int(found[1]))
    return BuildLog(tuple(tuple(profiles[n]) for n in sorted(profiles)), activation)


def summary(kernels: Iterable[Kernel]) -> str:
    """3 gemm, 2 kgen."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(kernel.kind for kernel in kernels).most_common())


def _short(name: str) -> str:
    """__myl_FcAdd_myl0_5 -> FcAdd; a named layer keeps its name."""
    name = re.sub(r"( \[profile \d+\])?_myl\d+_\d+$", "", name)
    return re.sub(r"^__my(l|e\d+)_", "", name)
