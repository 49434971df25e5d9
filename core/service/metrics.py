"""What the service counts, per model, for `/metrics`.

Two sources: requests as they run (`started`, `first_token`, `tokens`, `ended`; a call for each batch of events, not for each
token), and the Status that a worker sends about once a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from core.protocol import Status
from core.service.exposition import Family, Histogram, render

RATE_SECONDS = 10.0  # tokens/s is of so much time
_TTFT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_BETWEEN = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
_MODEL = ("model",)

# Fields of Status that count from the worker's start: metric, field, meaning.
_COUNTED = (
    ("preemptions", "preemptions", "Sequences that gave their pages to others and were computed again."),
    ("prompt_tokens", "prompt_tokens", "Prompt tokens of admitted requests."),
    ("cached_prompt_tokens", "cached_tokens", "Prompt tokens that the prefix cache held already."),
    ("output_tokens", "output_tokens", "Tokens generated."),
    ("steps", "steps", "Engine steps."),
)
_GAUGES = (
    ("sequences_running", "running", "Sequences in the batch."),
    ("sequences_waiting", "waiting", "Sequences that wait for a slot or pages."),
    ("kv_pages_used", "pages_held", "KV pages that running sequences hold."),
    ("kv_pages_cached", "pages_cached", "KV pages that nobody holds, kept for their prefix."),
    ("kv_pages_free", "pages_free", "KV pages that hold nothing."),
)


class Metrics:
    """Used from the service's event loop. All methods take the model's name first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, never going back."""
        self._clock = clock
        self._requests = Family(
            "deskside_requests_total", "counter", "Requests that ended, by outcome.", ("model", "outcome")
        )
        self._open = Family("deskside_requests_open", "gauge", "Requests that have not ended.", _MODEL)
        self._restarts = Family(
            "deskside_worker_restarts_total", "counter", "Times a worker was started again.", _MODEL
        )
        self._first = Histogram(
            "deskside_time_to_first_token_seconds", "From a request's start to its first token.", _MODEL, _TTFT
        )
        self._between = Histogram(
            "deskside_inter_token_seconds", "From one token of a request to the next.", _MODEL, _BETWEEN
        )
        self._rate = Family(
            "deskside_tokens_per_second", "gauge", f"Tokens sent, over the last {RATE_SECONDS:g} s.", _MODEL
        )
        self._ratio = Family(
            "deskside_cached_token_ratio", "gauge", "Share of the prompt tokens that the prefix cache held.", _MODEL
        )
        self._counted = [
            (Family(f"deskside_{name}_total", "counter", text, _MODEL), field) for name, field, text in _COUNTED
        ]
        self._gauges = [(Family(f"deskside_{name}", "gauge", text, _MODEL), field) for name, field, text in _GAUGES]
        self._statuses: dict[str, Status] = {}
        self._recent: dict[str, Rate] = {}

    def started(self, model: str) -> None:
        self._open.add(1, model)

    def first_token(self, model: str, seconds: float, count: int = 1) -> None:
        """The first batch of a request has come, `seconds` after its start, with `count` tokens."""
        self._first.observe(seconds, model)
        self._count(model, count)

    def tokens(self, model: str, count: int, seconds: float) -> None:
        """`count` more tokens of one request, `seconds` after those before."""
        if count > 0:
            self._between.observe(seconds / count, model, times=count)
            self._count(model, count)

    def ended(self, model: str, outcome: str) -> None:
        """`outcome`: completed, cancelled, failed."""
        self._open.add(-1, model)
        self._requests.add(1, model, outcome)

    def take_status(self, model: str, status: Status, restarts: int = 0) -> None:
        """The newest of a worker, which was started again `restarts` times; the same one again changes nothing. A counter
        below the one before is that of a new worker, so ours go on rising."""
        self._restarts.set(restarts, model)
        before = self._statuses.get(model)
        self._statuses[model] = status
        for family, field in self._counted:
            new, old = getattr(status, field), getattr(before, field, 0)
            family.add(new - old if new >= old else new, model)
        for family, field in self._gauges:
            family.set(getattr(status, field), model)
        counts = {field: family.values[model,] for family, field in self._counted}
        if counts["prompt_tokens"]:
            self._ratio.set(counts["cached_tokens"] / counts["prompt_tokens"], model)

    def unloaded(self, model: str) -> None:
        """Its state is no more; what was counted stays."""
        for family, _ in self._gauges:
            family.forget(model)
        self._rate.forget(model)
        self._recent.pop(model, None)
        self._statuses.pop(model, None)  # the next worker of this name counts from zero

    def tokens_per_second(self, model: str) -> float:
        rate = self._recent.get(model)
        return rate.per_second(self._clock()) if rate is not None else 0.0

    def render(self) -> str:
        """The text of `/metrics`."""
        for model in self._recent:
            self._rate.set(self.tokens_per_second(model), model)
        counted = [family for family, _ in self._counted]
        gauges = [family for family, _ in self._gauges]
        first = [self._requests, self._open, self._first, self._between, self._rate, self._ratio, self._restarts]
        return render([*first, *counted, *gauges])

    def _count(self, model: str, tokens: int) -> None:
        rate = self._recent.get(model)
        if rate is None:
            rate = self._recent[model] = Rate(RATE_SECONDS)
        rate.add(tokens, self._clock())


class Rate:
    """Events per second over the last `window` seconds, in twenty parts."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._part = window / 20
        self._parts: deque[list[float]] = deque()  # [start, count]
        self._began: float | None = None

    def add(self, count: int, now: float) -> None:
        if self._began is None:
            self._began = now
        if not self._parts or now - self._parts[-1][0] >= self._part:
            self._parts.append([now, 0])
            self._forget(now)
        self._parts[-1][1] += count

    def per_second(self, now: float) -> float:
        """Over less time than `window` while there has not been as much (at least a second)."""
        self._forget(now)
        if self._began is None:
            return 0.0
        return sum(count for _, count in self._parts) / min(self._window, max(1.0, now - self._began))

    def _forget(self, now: float) -> None:
        while self._parts and self._parts[0][0] <= now - self._window:
            self._parts.popleft()
