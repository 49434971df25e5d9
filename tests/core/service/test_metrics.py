"""The page says what happened, in a form that Prometheus' own parser reads."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.protocol import Status
from core.service.exposition import Family, Histogram, render
from core.service.metrics import Metrics


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def status(**fields: int) -> Status:
    zero = dict.fromkeys(Status.__struct_fields__, 0)
    del zero["sequences"]
    return Status(**(zero | fields))


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, f"{key} twice"
            samples[key] = sample.value
    return samples


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return read(metrics.render()).get((name, tuple(sorted(labels.items()))))


def test_requests_and_tokens() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    for outcome in ("completed", "completed", "failed"):
        metrics.started("a")
        metrics.first_token("a", 0.2)
        metrics.tokens("a", 4, 0.04)
        metrics.ended("a", outcome)
    metrics.started("b")
    assert value(metrics, "deskside_requests_total", model="a", outcome="completed") == 2
    assert value(metrics, "deskside_requests_total", model="a", outcome="failed") == 1
    assert value(metrics, "deskside_requests_open", model="a") == 0
    assert value(metrics, "deskside_requests_open", model="b") == 1
    assert value(metrics, "deskside_time_to_first_token_seconds_bucket", model="a", le="0.1") == 0
    assert value(metrics, "deskside_time_to_first_token_seconds_bucket", model="a", le="0.25") == 3
    assert value(metrics, "deskside_inter_token_seconds_bucket", model="a", le="0.005") == 0
    assert value(metrics, "deskside_inter_token_seconds_bucket", model="a", le="0.01") == 12
    assert value(metrics, "deskside_inter_token_seconds_bucket", model="a", le="+Inf") == 12
    assert value(metrics, "deskside_inter_token_seconds_count", model="a") == 12
    assert value(metrics, "deskside_inter_token_seconds_sum", model="a") == pytest.approx(0.12)


def test_tokens_per_second_of_the_last_ten() -> None:
    clock = Clock()
    metrics = Metrics(clock)
    for _ in range(400):
        metrics.tokens("a", 5, 0.1)
        clock.now += 0.1
    assert value(metrics, "deskside_tokens_per_second", model="a") == pytest.approx(50, rel=0.06)
    clock.now += 5
    assert value(metrics, "deskside_tokens_per_second", model="a") == pytest.approx(25, rel=0.1)
    clock.now += 60
    assert value(metrics, "deskside_tokens_per_second", model="a") == 0
    metrics.tokens("new", 10, 0.1)
    assert metrics.tokens_per_second("new") == 10
    assert metrics.tokens_per_second("unknown") == 0


def test_counters_of_a_worker_go_on_rising_after_its_restart() -> None:
    metrics = Metrics()
    metrics.take_status("a", status(prompt_tokens=100, cached_tokens=25, preemptions=2, running=3, pages_held=7))
    metrics.take_status("a", status(prompt_tokens=150, cached_tokens=75, preemptions=2, running=1, pages_free=9))
    assert value(metrics, "deskside_prompt_tokens_total", model="a") == 150
    assert value(metrics, "deskside_cached_token_ratio", model="a") == 0.5
    assert value(metrics, "deskside_sequences_running", model="a") == 1
    assert value(metrics, "deskside_kv_pages_used", model="a") == 0
    assert value(metrics, "deskside_kv_pages_free", model="a") == 9
    metrics.take_status("a", status(prompt_tokens=10), restarts=1)
    metrics.take_status("a", status(prompt_tokens=10), restarts=1)
    assert value(metrics, "deskside_prompt_tokens_total", model="a") == 160
    assert value(metrics, "deskside_preemptions_total", model="a") == 2
    assert value(metrics, "deskside_worker_restarts_total", model="a") == 1
    metrics.unloaded("a")
    assert value(metrics, "deskside_sequences_running", model="a") is None
    metrics.take_status("a", status(prompt_tokens=500))
    assert value(metrics, "deskside_prompt_tokens_total", model="a") == 660


def test_awkward_names_and_numbers() -> None:
    name = 'a\\b "c"\nd{é}'
    family = Family("x", "gauge", "Help.", ("model",))
    for number, label in ((1e300, "big"), (0.1, name), (-2.0, "minus"), (float("inf"), "inf")):
        family.set(number, label)
    samples = read(render([family]))
    assert samples["x", (("model", name),)] == 0.1
    assert samples["x", (("model", "big"),)] == 1e300
    assert samples["x", (("model", "minus"),)] == -2
    assert samples["x", (("model", "inf"),)] == float("inf")


def test_a_value_on_a_bound_belongs_below_it() -> None:
    histogram = Histogram("h", "Help.", (), (1.0, 2.0))
    for observed in (1.0, 1.5, 2.0, 99.0):
        histogram.observe(observed)
    samples = read(render([histogram]))
    assert [samples["h_bucket", (("le", le),)] for le in ("1", "2", "+Inf")] == [1, 3, 4]


def test_nothing_yet_is_a_valid_page() -> None:
    assert read(Metrics().render()) == {}
