from __future__ import annotations

from typing import Any

import pytest

from app.library.jobs import JobList, view_of
from core.schemas import JobReply


def job(**fields: Any) -> JobReply:
    defaults = {"id": "build-1", "kind": "build", "params": {"model": "org/a", "precision": "int4"}, "state": "running"}
    return JobReply(**(defaults | {"created": 1.0, "updated": 1.0} | fields))


def test_stages_before_the_current_one_are_done() -> None:
    view = view_of(job(stage="quantize", done=25, total=100, rate=5.0, eta=15.0))
    assert dict(view.stages) == {
        "download": "done", "check": "done", "quantize": "now", "compile": "next", "verify": "next", "load": "next",
    }  # fmt: skip
    assert (view.share, view.rate, view.eta, view.model, view.precision) == (0.25, 5.0, 15.0, "org/a", "int4")


def test_a_stage_of_a_newer_service_is_shown_where_it_is() -> None:
    assert view_of(job(stage="polish")).stages[-1] == ("polish", "now")


def test_before_it_begins_nothing_is_done_and_after_its_end_everything() -> None:
    assert {state for _, state in view_of(job(state="queued")).stages} == {"next"}
    assert {state for _, state in view_of(job(state="done", stage="verify")).stages} == {"done"}


def test_an_unknown_end_is_no_percentage_and_too_much_is_all() -> None:
    assert view_of(job(stage="compile", done=7)).share is None
    assert view_of(job(stage="compile", done=7, total=5)).share == 1.0


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("queued", ("pause", "cancel")), ("running", ("pause", "cancel")), ("paused", ("resume", "cancel")),
        ("failed", ("retry", "dismiss")), ("done", ("dismiss",)), ("strange", ()),
    ],
)  # fmt: skip
def test_what_can_be_done(state: str, actions: tuple[str, ...]) -> None:
    assert view_of(job(state=state)).actions == actions


def test_rate_and_time_left_are_those_of_what_runs() -> None:
    view = view_of(job(state="paused", stage="download", rate=5.0, eta=15.0))
    assert (view.rate, view.eta) == (None, None)
    assert view_of(job(stage="compile", rate=3.0)).rate is None  # segments/s say nothing to anybody


def test_the_list_is_in_order_and_drops_what_is_late_foreign_or_cancelled() -> None:
    jobs = JobList()
    jobs.replace(
        [job(id="b", created=2.0), job(id="a"), job(id="old", state="done"), job(id="s", kind="summarize")], set()
    )
    assert [view.id for view in jobs.views()] == ["a", "b"]
    assert jobs.take(job(id="a", state="paused", updated=5.0))
    assert not jobs.take(job(id="a", state="running", updated=4.0))
    assert not jobs.take(job(id="x", kind="summarize"))
    assert jobs.of_model("org/a") is not None
    assert jobs.take(job(id="a", state="cancelled", updated=6.0))
    assert jobs.drop("b")
    assert not jobs.drop("b")
    assert jobs.views() == []
    assert jobs.of_model("org/a") is None


def test_what_came_since_the_service_was_asked_stays() -> None:
    jobs = JobList()
    jobs.take(job(id="a"))
    before = jobs.ids
    jobs.take(job(id="b"))
    jobs.replace([], before)
    assert [view.id for view in jobs.views()] == ["b"]


def test_a_finished_build_stays_until_it_is_dismissed_and_a_revision_is_the_same_model() -> None:
    jobs = JobList()
    jobs.take(job(params={"model": "org/a@main"}))
    assert jobs.of_model("org/a") is not None
    jobs.take(job(state="done", updated=2.0))
    assert [view.state for view in jobs.views()] == ["done"]
    assert jobs.of_model("org/a") is None
