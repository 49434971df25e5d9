from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runtime.figures import History, Pages, Sample, axis_top, figures_of, stack
from core.schemas import GpuStatus, ModelStatus, Status


def status(**fields: object) -> Status:
    model = ModelStatus(name="m", folder="/m", state="ready", **fields)  # type: ignore[arg-type]
    return Status(
        version="1", pid=1, address="", uptime=1.0, open_requests=0, max_requests=1, models=[model],
        gpus=[GpuStatus(index=0, name="RTX", memory=8, used=3, load=40)],
    )  # fmt: skip


def test_pages_and_rates_come_from_the_worker() -> None:
    figures = figures_of(
        status(
            running=3, waiting=2, pages_total=100, pages_used=20, pages_cached=30, pages_free=50,
            output_tokens_per_s=40.0, prompt_tokens_per_s=1000.0, prompt_tokens=200, cached_tokens=50,
        )
    )  # fmt: skip
    model = figures.models[0]
    assert model.pages == Pages(20, 30, 50)
    assert (model.running, model.waiting, model.from_cache) == (3, 2, 0.25)
    assert (figures.output, figures.prompt) == (40.0, 1000.0)
    assert figures.gpus[0].load == 40


def test_before_the_first_report_all_pages_are_free() -> None:
    assert figures_of(status(pages_total=64)).models[0].pages == Pages(0, 0, 64)
    assert figures_of(status()).models[0].pages is None
    assert figures_of(status()).models[0].from_cache is None


def test_a_service_that_does_not_tell_free_pages() -> None:
    assert figures_of(status(pages_total=64, pages_used=4, pages_cached=10)).models[0].pages == Pages(4, 10, 50)


def test_history_keeps_its_window_and_drops_late_answers() -> None:
    history = History(window=10.0)
    for second in range(20):
        history.add(Sample(float(second), second, 0.0))
    assert [sample.at for sample in history.samples] == [float(second) for second in range(9, 20)]
    history.add(Sample(3.0, 999.0, 0.0))
    assert history.peak == 19.0
    assert history.now.at == 19.0
    history.clear()
    assert (len(history), history.peak) == (0, 0.0)


@pytest.mark.parametrize(
    ("peak", "top"), [(0, 10), (9.9, 10), (11, 20), (20, 20), (20.1, 50), (99, 100), (1001, 2000), (float("inf"), 10)]
)
def test_axis_top(peak: float, top: float) -> None:
    assert axis_top(peak) == top


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6), st.integers(0, 2000))
def test_a_stacked_bar_fills_its_width_and_shows_every_part(parts: list[int], width: int) -> None:
    pixels = stack(parts, width)
    assert sum(pixels) == (width if sum(parts) else 0)
    if width >= len(parts) and sum(parts):
        assert all((pixel > 0) == (part > 0) for pixel, part in zip(pixels, parts, strict=True))
