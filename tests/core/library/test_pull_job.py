"""Downloads in the service's queue: progress, pause, resume, cancel, a full disk, and a service that was killed."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.jobs.job import JobState
from core.jobs.kinds import KINDS
from core.jobs.manager import JobManager

REPO = "maker/model"
SHARD = "model-00002-of-00003.safetensors"


@pytest.fixture
def environment(fake_hub, places, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", fake_hub.endpoint)
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("DESKSIDE_HOME", str(places.data.parent))
    monkeypatch.setenv("NO_PROXY", "*")


async def until(manager, job_id, *states, seconds=40.0):
    async def wait():
        while manager.get(job_id).state not in states:
            await asyncio.sleep(0.02)
        return manager.get(job_id)

    return await asyncio.wait_for(wait(), seconds)


def run(places, scenario):
    async def main():
        manager = JobManager(places, KINDS)
        await manager.start()
        try:
            return await scenario(manager)
        finally:
            await manager.close()

    return asyncio.run(main())


def test_a_pull_is_paused_resumed_and_done(environment, pull, places):
    files = pull.add(size=1_000_000)
    pull.fake.fault(SHARD, stall_at=400_000)

    async def scenario(manager):
        job = manager.submit("pull", {"model": REPO})
        seen = []
        while not any(request.sent >= 390_000 for request in pull.fake.requests(SHARD, "cdn")):
            await asyncio.sleep(0.02)
        while manager.get(job.id).done < 390_000:  # told although nothing arrives any more
            await asyncio.sleep(0.02)
        manager.pause(job.id)
        paused = await until(manager, job.id, JobState.PAUSED)
        assert not (places.models / REPO).exists()
        pull.fake.release.set()
        manager.resume(job.id)
        while manager.get(job.id).state is not JobState.DONE:
            seen.append(manager.get(job.id))
            assert seen[-1].state in (JobState.QUEUED, JobState.RUNNING, JobState.DONE), seen[-1]
            await asyncio.sleep(0.01)
        return paused, manager.get(job.id)

    paused, done = run(places, scenario)
    assert paused.stage == "download"
    assert 0 < paused.done < paused.total
    assert done.result == str(places.models / REPO)
    assert pull.installed() == files
    assert "range" in pull.fake.requests(SHARD, "cdn")[-1].headers


def test_the_queue_survives_a_restart_of_the_service(environment, pull, places):
    files = pull.add(size=1_000_000)
    pull.fake.fault(SHARD, stall_at=400_000)

    async def first(manager):
        job = manager.submit("pull", {"model": REPO})
        while not any(request.sent >= 390_000 for request in pull.fake.requests(SHARD, "cdn")):
            await asyncio.sleep(0.02)
        return job.id

    job_id = run(places, first)
    pull.fake.release.set()
    done = run(places, lambda manager: until(manager, job_id, JobState.DONE, JobState.FAILED))
    assert done.state is JobState.DONE, done.error
    assert pull.installed() == files


def test_errors_reach_the_job_in_words(environment, pull, places):
    pull.add()
    pull.fake.gated.add(REPO)

    async def scenario(manager):
        jobs = [manager.submit("pull", params) for params in ({"model": REPO}, {"model": "a/b/c"}, {"modell": "x"})]
        return [await until(manager, job.id, JobState.FAILED, JobState.DONE) for job in jobs]

    gated, wrong, unknown = run(places, scenario)
    assert (gated.code, wrong.code, unknown.code) == ("token_needed", "invalid_request", "invalid_request")
    assert "accept the licence at" in gated.error
    assert "parameters" in unknown.error
    assert json.loads(gated.params) == {"model": REPO}
