"""A service that is killed while it summarizes: the next one goes on, and no chunk is mapped twice."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

from core import lifecycle
from core.client import Client
from core.config import load_config
from tests.waiting import descendants, gone, wait_until

PAGES = 50


@pytest.fixture
def places(home, make_tiny_model):
    target = home / "data" / "models" / "tiny"
    target.parent.mkdir(parents=True)
    make_tiny_model(context=1024).rename(target)
    places = load_config(os.environ).places
    yield places
    lifecycle.stop(places, grace=0)


def test_killed_and_resumed(places, tmp_path):
    source = tmp_path / "facts.txt"
    source.write_text(
        "\f".join(f"Fact {i}: the mill of Graz ground {i * 17} tonnes in {1700 + i}. " + "x" * 90 for i in range(PAGES))
    )
    info = lifecycle.attach_or_start(places)
    with Client(info) as client:
        job = client.summarize([source], model="tiny", length="short")
        for event in client.document_events(job.id):
            assert event.kind != "end", event.job.error
            if event.job is not None and event.job.stage == "map" and event.job.done >= 5:
                break
    below = descendants(info.pid)
    os.kill(info.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    kept = places.job(job.id) / "answers.jsonl"
    wait_until(lambda: lifecycle.find(places) is None)
    wait_until(lambda: all(map(gone, below)))  # the job's process ends with its service
    before = kept.read_bytes().splitlines()
    assert len(before) >= 5
    source.unlink()  # what was read is kept too

    again = lifecycle.attach_or_start(places)
    assert again.pid != info.pid
    with Client(again) as client:
        end = list(client.document_events(job.id))[-1]
        assert end.job.state == "done", end.job.error
        report = end.summary
        asked = re.search(r'^deskside_requests_total\{.*?outcome="completed".*?\} (\d+)', _metrics(again), re.MULTILINE)
    after = [json.loads(line)["key"] for line in kept.read_bytes().splitlines()]
    assert len(after) == report.requests - 1  # all but the last text: an answer for each prompt, and no second one
    assert len(set(after[: report.chunks])) == report.chunks
    assert len(before) < report.chunks
    assert [json.loads(line)["key"] for line in before] == after[: len(before)]
    assert int(asked[1]) == report.requests - len(before)
    assert (report.coverage, report.documents[0].pages) == (100, PAGES)


def _metrics(info):
    import httpx

    headers = {"Authorization": f"Bearer {info.token}"}
    return httpx.get(f"{info.address}/metrics", headers=headers, trust_env=False).text
