"""Counters, gauges and histograms, and their Prometheus text form (version 0.0.4). Used from one thread."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


class Family:
    """One metric: a value for each combination of its labels. `name` ends in _total for a counter."""

    def __init__(self, name: str, kind: str, help_text: str, labels: Sequence[str]) -> None:
        self.name = name
        self._kind = kind
        self._help = help_text
        self._labels = tuple(labels)
        self.values: dict[Labels, float] = {}

    def add(self, amount: float, *labels: str) -> None:
        self.values[labels] = self.values.get(labels, 0) + amount

    def set(self, value: float, *labels: str) -> None:
        self.values[labels] = value

    def forget(self, label: str) -> None:
        """Drop the values whose first label is `label`."""
        self.values = {labels: value for labels, value in self.values.items() if labels[0] != label}

    def lines(self) -> Iterator[str]:
        yield from self._head()
        for labels, value in self.values.items():
            yield f"{self.name}{_braces(self._labels, labels)} {_number(value)}"

    def _head(self) -> Iterable[str]:
        return f"# HELP {self.name} {self._help}", f"# TYPE {self.name} {self._kind}"


class Buckets:
    """What was observed under one combination of labels."""

    __slots__ = ("counts", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * size
        self.total = 0.0


class Histogram(Family):
    """`bounds`: upper ends of the buckets, rising; one more takes the rest."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        super().__init__(name, "histogram", help_text, labels)
        self._bounds = tuple(bounds)
        self._buckets: dict[Labels, Buckets] = {}

    def observe(self, value: float, *labels: str, times: int = 1) -> None:
        """`value`, `times` times: as many calls in one."""
        buckets = self._buckets.get(labels)
        if buckets is None:
            buckets = self._buckets[labels] = Buckets(len(self._bounds) + 1)
        buckets.counts[bisect_left(self._bounds, value)] += times
        buckets.total += value * times

    def lines(self) -> Iterator[str]:
        yield from self._head()
        names = (*self._labels, "le")
        for labels, buckets in self._buckets.items():
            below = 0
            for bound, count in zip((*self._bounds, math.inf), buckets.counts, strict=True):
                below += count
                yield f"{self.name}_bucket{_braces(names, (*labels, _number(bound)))} {below}"
            yield f"{self.name}_sum{_braces(self._labels, labels)} {_number(buckets.total)}"
            yield f"{self.name}_count{_braces(self._labels, labels)} {below}"


def render(families: Iterable[Family]) -> str:
    """The page that a Prometheus server reads."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _braces(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
