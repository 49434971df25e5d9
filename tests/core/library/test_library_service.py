"""The library through a real service process, with the typed client, and a Hub of the test's own."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator

import pytest

from core import lifecycle
from core.client import Client
from core.config import load_config
from core.errors import AccessDenied, Busy, FilesUnusable, InvalidRequest, NotFound
from core.library.catalog import find_model
from core.library.locks import use_model
from core.paths import Places

REPO = "maker/model"


@pytest.fixture
def client(places: Places, fake_hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("DESKSIDE_HOME", str(places.data.parent))
    monkeypatch.setenv("HF_ENDPOINT", fake_hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(places.data.parent / "hf"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    info = lifecycle.attach_or_start(places)
    try:
        with Client(info) as client:
            yield client
    finally:
        lifecycle.stop(places, grace=0)


def publish(fake_hub, folder, repo: str = REPO) -> None:
    fake_hub.add(repo, {path.name: path.read_bytes() for path in folder.iterdir()})


def wait_for(client: Client, job: str, seconds: float = 60.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = client.job(job)
        if found.state in ("done", "failed", "cancelled", "paused"):
            return found
        time.sleep(0.05)
    raise AssertionError(client.job(job))


def test_from_a_search_to_an_installed_model_and_back(client, fake_hub, tiny_model, tmp_path):
    publish(fake_hub, tiny_model)
    kinds: list[str] = []
    states: list[str] = []

    def listen() -> None:
        with Client(client.info) as other:
            for event in other.events():
                kinds.append(event.kind)
                if event.job is not None:
                    states.append(event.job.state)
                if event.kind == "library" and event.model == "mine":
                    return

    listener = threading.Thread(target=listen)
    listener.start()
    while "hello" not in kinds:
        time.sleep(0.01)

    [found] = client.search("model").models
    assert (found.repo, found.licence, found.installed) == (REPO, "apache-2.0", False)
    looked = client.hub_model(REPO)
    sizes = {path.name: path.stat().st_size for path in tiny_model.iterdir()}
    assert (looked.size, looked.gated, looked.context) == (sum(sizes.values()), False, 256)
    fit = client.fit(REPO, gpu="rtx4060", chats=2)
    assert (fit.on_hub, fit.download_bytes, fit.gpu.name, fit.recommended) == (True, looked.size, "RTX 4060", "bf16")
    assert not (tiny_model.parent / "home" / "data" / "models" / REPO).exists()

    job = client.pull(REPO)
    assert (job.kind, job.params) == ("pull", {"model": REPO})
    assert wait_for(client, job.id).state == "done"
    models = {model.name: model for model in client.all_models().installed}
    assert models[REPO].complete
    assert models[REPO].licence == "apache-2.0"
    assert client.search("model").models[0].installed
    assert client.fit(REPO, gpu="rtx4060").on_hub is False

    folder = tmp_path / "of mine"
    shutil.copytree(tiny_model, folder)
    assert client.link(str(folder), "mine").name == "mine"
    listener.join(60)
    assert not listener.is_alive()
    assert states[-1] == "done"
    assert client.load(REPO).state == "ready"
    with pytest.raises(Busy, match=f"{REPO} is in use"):
        client.remove(REPO)
    assert client.load("mine").state == "ready"
    with pytest.raises(InvalidRequest, match="cannot be removed"):
        client.remove("demo", unload=True)
    assert client.remove("mine", unload=True).linked
    assert [model.name for model in client.all_models().loaded] == [REPO]  # what it was not about stays
    assert client.remove(REPO, unload=True).freed > looked.size
    assert client.all_models().loaded == []
    assert REPO not in {model.name for model in client.all_models().installed}
    assert (folder / "config.json").exists()
    # Nothing but what was asked for was looked up: no telemetry of the client library.
    assert all(REPO in seen.path or seen.path == "/api/models" for seen in fake_hub.seen), fake_hub.seen


def test_one_action_from_the_hub_to_an_answer(client, fake_hub, tiny_model):
    """Not here yet, interrupted in the download, resumed, quantized, checked, loaded; the service does it all."""
    publish(fake_hub, tiny_model)
    fake_hub.fault("model.safetensors", stall_at=20_000)
    job = client.build(REPO, precision="int4-g64", backend="reference").id
    while not any(seen.server == "cdn" and seen.path.endswith("model.safetensors") for seen in fake_hub.seen):
        time.sleep(0.02)
    assert client.job(job).stage in ("check", "download")
    begun = time.monotonic()
    client.pause_job(job)
    assert wait_for(client, job).state == "paused"
    assert time.monotonic() - begun < 10  # not the stall's 30 seconds
    assert client.job(job).stage == "download"
    fake_hub.faults.clear()
    fake_hub.release.set()
    client.resume_job(job)
    stages = []
    while (now := client.job(job)).state in ("queued", "running"):
        if now.stage and now.stage not in stages:
            stages.append(now.stage)
        time.sleep(0.005)
    assert now.state == "done", now
    assert set(stages) <= {"look up", "download", "install", "check", "quantize", "compile", "verify"}
    assert "int4-g64" in client.load(f"{REPO}:int4-g64-reference").precision
    answer = client.chat([{"role": "user", "content": "x"}], max_tokens=2, model=f"{REPO}:int4-g64")
    assert answer.usage.completion_tokens > 0
    [model] = [model for model in client.all_models().installed if model.name == REPO]
    assert [engine.name for engine in model.engines] == [f"{REPO}:int4-g64-reference"]
    assert sum(seen.path.endswith("model.safetensors") and seen.server == "cdn" for seen in fake_hub.seen) == 2


def test_a_job_is_paused_resumed_cancelled_and_forgotten(client, fake_hub, tiny_model):
    publish(fake_hub, tiny_model)
    fake_hub.fault("model.safetensors", stall_at=20_000)
    job = client.pull(REPO).id
    while not any(seen.server == "cdn" and seen.path.endswith("model.safetensors") for seen in fake_hub.seen):
        time.sleep(0.02)
    client.pause_job(job)
    assert wait_for(client, job).state == "paused"
    with pytest.raises(InvalidRequest, match="cancel it first"):
        client.remove_job(job)
    assert [item.complete for item in client.all_models().installed if item.name == REPO] == [False]
    client.resume_job(job)
    assert wait_for(client, job).state == "done"
    other = client.pull("maker/none").id
    ended = wait_for(client, other)
    assert (ended.state, ended.code) == ("failed", "not_found")
    assert "There is no model maker/none" in ended.error
    assert client.cancel_job(other).state == "cancelled"
    assert [item.id for item in client.remove_job(other).jobs] == [job]
    with pytest.raises(NotFound):
        client.job(other)


def test_errors_are_sentences(client, fake_hub, tiny_model):
    publish(fake_hub, tiny_model)
    fake_hub.gated.add(REPO)
    with pytest.raises(AccessDenied, match="accept the licence at"):
        client.fit(REPO, gpu="rtx4060")
    assert "hf_token" in client.keep_hub_token("hf_right").kept
    assert client.hub_model(REPO).token
    with pytest.raises(NotFound, match="did you mean"):
        client.fit("demo", gpu="rtx406")
    with pytest.raises(NotFound, match="written ORGANIZATION/NAME"):
        client.fit("nonsense", gpu="rtx4060")
    with pytest.raises(InvalidRequest, match="absolute"):
        client.link("relative")
    with pytest.raises(NotFound, match="There is no engine 'demo:int4'"):
        client.remove("demo:int4")
    fake_hub.add("maker/broken", {"config.json": b"{}", "model.safetensors": b"\xff" * 100})
    with pytest.raises(Exception, match=r"not a safetensors file \(its header is longer"):
        client.hub_model("maker/broken")


def test_models_move_to_another_disk_while_the_service_runs(client, places, tiny_model, tmp_path):
    shutil.copytree(tiny_model, places.models / "maker" / "model")
    assert client.load("maker/model").state == "ready"
    client.load("demo")
    before = client.storage()
    assert (before.folder, before.missing, before.held_by) == (str(places.data), False, "")
    assert before.models > 1000
    with pytest.raises(InvalidRequest, match="lie inside each other"):
        client.move_storage(str(places.models / "x"))
    (tmp_path / "disk").mkdir()
    done = wait_for(client, client.move_storage(str(tmp_path / "disk")).id)
    assert (done.state, done.result) == ("done", str(tmp_path / "disk")), done
    after = client.storage()
    assert (after.folder, after.models) == (str(tmp_path / "disk"), before.models)
    models = client.all_models()
    assert [model.folder for model in models.installed][1:] == [str(tmp_path / "disk" / "models" / "maker" / "model")]
    assert [model.name for model in models.loaded] == ["demo"], "what moved was unloaded, the rest was left alone"
    assert not places.models.exists()
    assert client.load("maker/model").state == "ready"
    lifecycle.stop(places, grace=0)

    # Started again without that disk: a sentence, and no empty library in its place.
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    with Client(lifecycle.attach_or_start(places)) as again:
        models = again.all_models()
        assert models.missing == str(tmp_path / "disk")
        assert [model.name for model in models.installed] == ["demo"]
        assert again.storage().missing
        assert again.status().disk is None, "the room on another disk is nobody's"
        with pytest.raises(FilesUnusable, match="is not there; connect its disk, or choose another folder"):
            again.load("maker/model")
        assert again.load("demo").state == "ready"
        (tmp_path / "unplugged").rename(tmp_path / "disk")
        assert again.load("maker/model").state == "ready"
        assert again.use_storage("").folder == str(places.data)
        assert again.all_models().missing == ""


def test_a_move_that_is_cancelled_or_cut_short_leaves_all_as_it_was(client, places, tiny_model, tmp_path):
    shutil.copytree(tiny_model, places.models / "maker" / "model")
    (tmp_path / "disk").mkdir()
    disk = str(tmp_path / "disk")
    using = use_model(places.models / "maker" / "model", places)  # as a chat in a terminal would
    with using:
        failed = wait_for(client, client.move_storage(disk).id)
        assert (failed.state, failed.code) == ("failed", "busy"), failed
        assert "in use" in failed.error
    client.cancel_job(client.move_storage(disk).id)
    while client.jobs().jobs[-1].state not in ("cancelled", "done"):
        time.sleep(0.05)
    assert (places.models if client.storage().folder == str(places.data) else tmp_path / "disk" / "models").is_dir()
    assert find_model("maker/model", load_config(os.environ).places).is_dir()
