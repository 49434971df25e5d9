"""`deskside core pull` as processes: killed at random points, two at once, and what the command line prints."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.cli import main
from core.library.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[3]
REPO = "maker/model"
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))

# Counts the calls that matter for what is on the disk, and dies without a word before one of them.
CHILD = """
import os, signal, sys
left = int(sys.argv[1])
def deadly(real):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
for name in ("replace", "fsync", "mkdir", "link"):
    setattr(os, name, deadly(getattr(os, name)))
from core.cli import main
sys.exit(main(["core", "pull", *sys.argv[2:]]))
"""


@pytest.fixture
def start(fake_hub, places):
    """Starts a pull in a process of its own; `dies_at`: before which of the calls above it kills itself, 0 never."""
    children = []

    def start(*words, dies_at=0):
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("DESKSIDE_", "HF_"))}
        environ |= {
            "PYTHONPATH": str(ROOT),
            "DESKSIDE_HOME": str(places.data.parent),
            "HF_ENDPOINT": fake_hub.endpoint,
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "NO_PROXY": "*",
        }
        command = [sys.executable, "-c", CHILD, str(dies_at), *words]
        child = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def assert_not_torn(places):
    """There is no model, or there is all of it."""
    folder = places.models / REPO
    if not folder.exists():
        return
    manifest = read_manifest(folder)
    assert manifest is not None
    for file in manifest.files:
        data = (folder / file.path).read_bytes()
        digest = hashlib.sha256(data) if len(file.hash) == 64 else hashlib.sha1(b"blob %d\0" % len(data) + data)
        assert digest.hexdigest() == file.hash, file.path
    assert {path.name for path in folder.iterdir()} == {file.path for file in manifest.files} | {"deskside.json"}


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.timeout(120 + 20 * ROUNDS)
@pytest.mark.parametrize("update", [False, True], ids=["first", "replacing an older one"])
def test_killed_at_random_points_and_continued(pull, start, places, update):
    rng = random.Random(4 + update)
    fetched, whole = [], 0
    for number in range(ROUNDS):
        if update:
            pull.add(size=100_000, seed=100 + number)
            pull()
        files = pull.add(size=600_000, seed=number)
        for _ in range(rng.choice((1, 1, 2))):
            if rng.random() < 0.5:
                child = start(REPO, dies_at=rng.randint(1, 34))
            else:
                pull.fake.fault("*", chunk_delay=rng.choice((0.0, 0.005)), times=8)
                asked = len(pull.fake.seen)
                child = start(REPO)
                while len(pull.fake.seen) == asked and child.poll() is None:
                    time.sleep(0.002)
                time.sleep(rng.uniform(0, 0.35))
                child.send_signal(signal.SIGKILL)
            error = child.communicate(timeout=60)[1]
            assert child.returncode in (0, -signal.SIGKILL), error
            assert_not_torn(places)
            pull.fake.faults.clear()
        whole += sum(map(len, files.values()))
        pulled = pull()
        fetched.append(pulled.fetched)
        assert pull.installed() == files
        assert list(places.partial.iterdir()) == []
        shutil.rmtree(places.data)
    assert sum(fetched) <= whole


def test_two_processes_at_once(pull, start, places):
    files = pull.add(size=1_000_000)
    pull.fake.fault("model-00002-of-00003.safetensors", stall_at=50_000)
    first = start(REPO, "--json")
    while not any(seen.server == "cdn" for seen in pull.fake.seen):
        time.sleep(0.01)
        assert first.poll() is None, first.communicate()
    second = start(REPO)
    assert second.wait(60) == 5
    assert f"maker/model is being downloaded already (process {first.pid})" in second.communicate()[1]
    pull.fake.release.set()
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert json.loads(out)["fetched_bytes"] == sum(map(len, files.values()))
    assert pull.installed() == files


@pytest.mark.skipif(os.name == "nt", reason="SIGINT")
def test_ctrl_c_keeps_what_is_there(pull, start, places):
    files = pull.add(size=1_000_000)
    pull.fake.fault("model-00002-of-00003.safetensors", stall_at=400_000)
    child = start(REPO)
    while not any(seen.sent > 300_000 for seen in pull.fake.seen):
        time.sleep(0.01)
        assert child.poll() is None, child.communicate()
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "the same command goes on from here" in error
    assert "Traceback" not in error
    pull.fake.faults.clear()
    assert pull().fetched < sum(map(len, files.values()))
    assert pull.installed() == files


# --- the command line ----------------------------------------------------------------------------------------------------


@pytest.fixture
def run(fake_hub, places, monkeypatch, capsys):
    """The command line in this process, with the Hub of the test."""
    monkeypatch.setenv("DESKSIDE_HOME", str(places.data.parent))
    template = fake_hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", fake_hub.endpoint)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")

    def run(*words):
        code = main(["core", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_pull_list_remove(run, pull):
    files = pull.add()
    code, out, err = run("pull", REPO, "--json")
    assert (code, err) == (0, "")
    value = json.loads(out)
    assert (value["name"], value["licence"], value["changed"]) == (REPO, "apache-2.0", True)
    assert value["bytes"] == value["fetched_bytes"] == sum(map(len, files.values()))
    assert "was there already" in run("pull", REPO)[1]
    listed = [json.loads(line) for line in run("list", "--json")[1].splitlines()]
    assert [(item["name"], item["commit"]) for item in listed][1:] == [(REPO, value["commit"])]
    code, out, _ = run("remove", REPO, "--json")
    assert code == 0
    assert json.loads(out)["freed_bytes"] > value["bytes"]
    code, _, err = run("remove", REPO)
    assert code == 3
    assert "No model 'maker/model' is installed" in err


def test_a_link(run, tiny_model, places):
    code, out, _ = run("pull", "--link", tiny_model, "--name", "mine", "--json")
    assert code == 0
    assert json.loads(out) == {"name": "mine", "folder": str(tiny_model), "linked": True}
    code, out, _ = run("generate", "mine", "--prompt", "x", "--max-tokens", "2", "--json")
    assert code == 0
    assert json.loads(out)["usage"]["output_tokens"] <= 2
    assert "the folder itself was not touched" in run("remove", "mine")[1]
    assert (tiny_model / "config.json").exists()


def test_what_does_not_go_together(run, tiny_model):
    for words in ((), (REPO, "--link", tiny_model), (REPO, "--name", "x")):
        assert run("pull", *words)[0] == 2


def test_a_gated_model_and_its_token(run, pull, places):
    pull.add()
    pull.fake.gated.add(REPO)
    code, out, err = run("pull", REPO)
    assert (code, out) == (8, "")
    assert "accept the licence at" in err
    code, _, err = run("pull", REPO, "--token", "hf_wrong")
    assert code == 8
    assert not (places.config / "hf_token").exists()
    code, _, err = run("pull", REPO, "--token", "hf_right")
    assert code == 0
    assert f"The token is kept in {places.config / 'hf_token'}." in err
    run("remove", REPO)
    assert run("pull", REPO)[0] == 0


def test_offline(run, pull, monkeypatch):
    monkeypatch.setenv("DESKSIDE_OFFLINE", "1")
    code, _, err = run("pull", REPO)
    assert code == 7
    assert "offline by its setting" in err
    assert pull.fake.seen == []


def test_an_unfinished_download_is_listed(run, pull):
    pull.add()
    pull.fake.fault("model-00002-of-00003.safetensors", status=404, body=b"")
    assert run("pull", REPO)[0] == 3
    out = run("list")[1]
    assert "not complete" in out
    assert "deskside core pull maker/model" in out
    item = json.loads(run("list", "--json")[1].splitlines()[-1])
    assert item["name"] == REPO
    assert "not complete" in item["problem"]
    assert run("remove", REPO)[0] == 0
    assert "maker/model" not in run("list")[1]
