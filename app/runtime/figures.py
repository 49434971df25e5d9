"""What the runtime panel shows, out of the service's status. No Qt."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.schemas import GpuStatus, ModelStatus, Status

WINDOW_S = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Rates in tokens/s at `at`, in seconds of a clock that never goes back."""

    at: float
    output: float
    prompt: float


class History:
    """The samples of the last WINDOW_S seconds, oldest first."""

    def __init__(self, window: float = WINDOW_S) -> None:
        self.window = window
        self._samples: deque[Sample] = deque()

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def samples(self) -> list[Sample]:
        return list(self._samples)

    @property
    def now(self) -> Sample:
        return self._samples[-1] if self._samples else Sample(0.0, 0.0, 0.0)

    @property
    def peak(self) -> float:
        """Of both rates."""
        return max((max(sample.output, sample.prompt) for sample in self._samples), default=0.0)

    def add(self, sample: Sample) -> None:
        """A sample older than the newest one is dropped: an answer that was overtaken."""
        if self._samples and sample.at < self._samples[-1].at:
            return
        self._samples.append(sample)
        while self._samples[0].at < sample.at - self.window:
            self._samples.popleft()

    def clear(self) -> None:
        self._samples.clear()


@dataclass(frozen=True, slots=True)
class Pages:
    """KV pages of one model: held by sequences, kept for their prefix, holding nothing."""

    used: int
    cached: int
    free: int

    @property
    def total(self) -> int:
        return self.used + self.cached + self.free


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One loaded model. `pages` None until its worker has reported. `from_cache`: share of prompt tokens that the prefix cache
    held, None before the first prompt. `message`: why it is in its state, where the service says so."""

    name: str
    state: str
    backend: str
    precision: str
    running: int
    waiting: int
    pages: Pages | None
    output: float
    prompt: float
    from_cache: float | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """All of the panel but the chart. `no_gpu`: a word of core.schemas.Status."""

    models: tuple[ModelFigures, ...]
    gpus: tuple[GpuStatus, ...]
    no_gpu: str

    @property
    def output(self) -> float:
        return sum(model.output for model in self.models)

    @property
    def prompt(self) -> float:
        return sum(model.prompt for model in self.models)


def figures_of(status: Status) -> Figures:
    return Figures(tuple(_model(model) for model in status.models), tuple(status.gpus), status.no_gpu)


def _model(status: ModelStatus) -> ModelFigures:
    pages = None
    if status.pages_total is not None and status.pages_used is not None:
        cached = status.pages_cached or 0
        free = status.pages_free
        if free is None:  # an older service
            free = max(0, status.pages_total - status.pages_used - cached)
        pages = Pages(status.pages_used, cached, free)
    elif status.pages_total is not None:  # nothing has run yet
        pages = Pages(0, 0, status.pages_total)
    return ModelFigures(
        status.name,
        status.state,
        status.backend or "",
        status.precision or "",
        status.running or 0,
        status.waiting or 0,
        pages,
        status.output_tokens_per_s,
        status.prompt_tokens_per_s,
        status.cached_tokens / status.prompt_tokens if status.prompt_tokens else None,
        status.message,
    )


def axis_top(peak: float) -> float:
    """The least of 1, 2, 5 x 10^k that is at least `peak` and 10: a scale that changes seldom."""
    if not math.isfinite(peak) or peak <= 10:
        return 10.0
    base = 10.0 ** math.floor(math.log10(peak))
    return next(step * base for step in (1.0, 2.0, 5.0, 10.0) if peak <= step * base * (1 + 1e-9))


def stack(parts: list[int], width: int) -> list[int]:
    """Whole pixels for each part of a stacked bar: they sum to `width`, and a part above 0 gets at least one pixel where
    there are enough."""
    total = sum(parts)
    if total <= 0 or width <= 0:
        return [0 for _ in parts]
    least = [1 if part > 0 else 0 for part in parts]
    rest = width - sum(least)
    if rest < 0:
        return [width if index == parts.index(max(parts)) else 0 for index in range(len(parts))]
    edges, covered = [0], 0
    for part in parts:
        covered += part
        edges.append(round(rest * covered / total))
    return [minimum + edge - before for minimum, before, edge in zip(least, edges[:-1], edges[1:], strict=True)]
