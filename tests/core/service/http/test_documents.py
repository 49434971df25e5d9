"""Document jobs end to end: real job processes over a real HTTP server, and stub engines that tell what they were asked."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from core.client import Client
from core.documents.store import key_of
from core.errors import NotFound
from core.jobs.kinds import KINDS
from core.protocol import Priority
from core.text.tokenizer import Tokenizer
from tests.waiting import wait_until

FILES = Path(__file__).resolve().parents[2] / "documents" / "files"
SLOW = {
    "script": "word " * 8,
    "step_seconds": 0.05,
}  # few steps that take long: seconds are left to interrupt a job, little is computed
MAP = "Summarize the following part of a longer document"


@pytest.fixture
def serve(serve_with, tmp_path, monkeypatch):
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path))  # where the job's process finds the service
    settings = {"num_pages": 20_000, "num_slots": 64, "max_tokens": 2048}
    return lambda **options: serve_with(**{"jobs": KINDS, "stub": settings, **options})


def asked(server):
    """Every prompt that reached the engine, as text."""
    tokenizer = Tokenizer.from_folder(server.home / "data" / "models" / "tiny")
    return [(tokenizer.decode(submit.prompt_ids, skip_special=False), submit) for submit in server.handle().submits]


def test_three_hundred_pages_reach_the_engine_once(serve):
    script = "Fact 250: the mills were counted in 1450. Penguins dance on ice."
    with serve(script=script) as server, Client(server.info) as client:
        job = client.summarize([FILES / "facts.pdf"], length="long")
        events = list(client.document_events(job.id))
        report = events[-1].summary
        assert report is not None, events[-1].job.error
        prompts = asked(server)
        maps = [(text, submit) for text, submit in prompts if MAP in text]
        assert len(maps) == report.chunks
        for number in range(1, 301):
            assert sum(f"Fact {number}: " in text for text, _ in maps) == 1
        assert all(submit.priority is Priority.BATCH for _, submit in prompts)
        assert {submit.client for _, submit in prompts} == {f"job {job.id}"}
        assert len(prompts) == report.requests
        assert report.tokens == sum(len(submit.prompt_ids) for _, submit in prompts)
        assert report.cached_tokens > 100 * len(maps)  # the instruction, which all chunks share
        assert (report.coverage, report.levels >= 1) == (100, True)
        assert re.sub(r" \[p\. \d+\]", "", report.summary) == script
        assert report.citations
        assert {citation.page for citation in report.citations} == {250}
        assert "Fact 250:" in report.citations[0].quote
        stages = [event.job.stage for event in events if event.kind == "progress" and event.job.stage]
        assert list(dict.fromkeys(stages)) == ["read", "map", "combine", "write"]
        text = ""
        for event in events:
            text = text[: event.offset] + event.text if event.kind == "text" else text
        assert text.strip() == report.summary


def test_questions(serve, tmp_path):
    facts = tmp_path / "facts.txt"
    text = (
        "Fact {}: the mills of {} were counted in {}. Nothing else of note was seen by anybody there, it is said. "
        + "So it is. " * 60
    )
    facts.write_text("\f".join(text.format(i, ("Porto", "Oslo")[i > 1], 1200 + i) for i in range(1, 31)))
    with serve(script="The mills of Porto were counted in 1201.") as server, Client(server.info) as client:
        job = client.ask_documents([facts], "When were the mills of Porto counted, says fact 1?")
        answer = list(client.document_events(job.id))[-1].answer
        assert (answer.found, answer.whole) == (True, False)
        assert "[p. 1]" in answer.answer
        ((text, submit),) = asked(server)
        assert submit.priority is Priority.INTERACTIVE
        assert "Fact 1: the mills of Porto" in text
        job = client.ask_documents([facts], "Who is the president of the moon?")
        answer = list(client.document_events(job.id))[-1].answer
        assert not answer.found
        assert answer.answer.startswith("The document does not say.")
        job = client.ask_documents([FILES / "protected.pdf"], "What does it say?")
        end = list(client.document_events(job.id))[-1]
        assert (end.job.state, end.job.code) == ("failed", "document_unusable")
        assert "password" in end.job.error


@pytest.fixture
def long(tmp_path):
    """A text of 40 pages."""
    path = tmp_path / "long.txt"
    path.write_text("\f".join(f"Fact {i}: the mill of Graz ground {i * 17} tonnes of wheat. " * 9 for i in range(40)))
    return path


def started(client, job, done=3):
    for event in client.document_events(job.id):
        if event.job is not None and event.job.stage == "map" and event.job.done >= done:
            return event.job
    raise AssertionError("the job ended")


def test_cancelling_frees_the_engine_at_once_and_leaves_nothing(serve, long):
    with serve(**SLOW | {"script": "word " * 400}) as server, Client(server.info) as client:
        job = client.summarize([long])
        started(client, job, done=0)
        wait_until(lambda: server.handle().submits)
        client.cancel_job(job.id)
        assert list(client.document_events(job.id))[-1].job.state == "cancelled"
        wait_until(lambda: client.status().open_requests == 0)
        assert server.handle().cancelled
        with pytest.raises(NotFound):
            client.document_report(job.id)


def test_a_paused_job_goes_on_where_it_was(serve, long):
    with serve(**SLOW) as server, Client(server.info) as client:
        job = client.summarize([long])
        started(client, job)
        client.pause_job(job.id)
        paused = list(client.document_events(job.id))[-1].job
        assert paused.state == "paused"
        kept = server.home / "data" / "jobs" / job.id / "answers.jsonl"
        before = kept.read_bytes().splitlines()
        assert len(before) >= 3
        client.resume_job(job.id)
        report = list(client.document_events(job.id))[-1].summary
        after = kept.read_bytes().splitlines()
        assert after[: len(before)] == before
        assert len(after) == report.requests - 1  # all but the last text: an answer for each prompt, and no second one
        assert len({json.loads(line)["key"] for line in after[: report.chunks]}) == report.chunks
        asked = Counter(key_of(submit.prompt_ids, submit.params.max_tokens) for submit in server.handle().submits)
        assert {asked[json.loads(line)["key"]] for line in before} == {1}  # what was answered is not asked again
        assert report.coverage == 100
