"""The downloader and Hugging Face's client against a Hub on this machine, with everything that goes wrong in the wild."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.errors import AccessDenied, Busy, DiskFull, InvalidRequest, ModelUnusable, NotFound, Unavailable
from core.library import pull as pull_module
from core.library.catalog import find_model, installed_models
from core.library.fetch import Stopped
from core.library.hub import Hub, RemoteFile
from core.library.locks import lock_path, try_lock, use_model
from core.library.manifest import read_manifest
from core.library.progress import Meter
from core.library.staging import unfinished

REPO = "maker/model"
SHARD = "model-00002-of-00003.safetensors"


def test_what_is_needed_arrives_and_nothing_else(pull, places):
    files = pull.add()
    pulled = pull()
    assert (pulled.name, pulled.changed) == (REPO, True)
    assert pull.installed() == files
    assert pulled.fetched == sum(map(len, files.values()))
    manifest = read_manifest(pulled.folder)
    assert manifest is not None
    assert (manifest.repo, manifest.revision, manifest.licence) == (REPO, "main", "apache-2.0")
    assert manifest.commit == pull.fake.commits[REPO]
    assert {file.path: file.size for file in manifest.files} == {path: len(data) for path, data in files.items()}
    assert list(places.partial.iterdir()) == []
    assert [model.name for model in installed_models(places)][1:] == [REPO]
    assert installed_models(places)[1].commit == manifest.commit
    assert find_model(REPO, places) == places.models / REPO
    downloaded = {seen.path.rpartition("/")[2] for seen in pull.fake.seen if "/resolve/" in seen.path}
    assert not downloaded & {"pytorch_model.bin", "modeling_custom.py", "consolidated.safetensors", "model.gguf"}


def test_one_file_of_weights(pull):
    pull.fake.add(
        "gpt2", {"config.json": b"{}", "model.safetensors": b"w" * 5000, "model-00001-of-00009.safetensors": b"x"}
    )
    assert pull("gpt2").name == "gpt2"
    assert set(pull.installed("gpt2")) == {"config.json", "model.safetensors"}


def test_two_names_for_one_content(pull):
    pull.fake.add(REPO, {"config.json": b"{}", "generation_config.json": b"{}", "model.safetensors": b"w"})
    pull()
    assert pull.installed() == {"config.json": b"{}", "generation_config.json": b"{}", "model.safetensors": b"w"}
    assert pull().changed is False


def test_progress_never_goes_back_and_ends_at_the_end(pull):
    files = pull.add(size=2_000_000)
    pull.fake.fault(SHARD, cut_at=1_000_000)
    pull.fake.fault(SHARD, corrupt=True)
    pull.fake.fault("model-00001-of-00003.safetensors", chunk_delay=0.006)
    pull()
    steps = [step for step in pull.progress if step.stage == "download"]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == sum(map(len, files.values()))
    assert len(steps) > 3
    assert any(step.rate > 0 and step.eta is not None for step in steps)
    assert [stage for stage, _ in __import__("itertools").groupby(step.stage for step in pull.progress)] == [
        "look up",
        "download",
        "install",
    ]


def test_rate_and_eta_follow_the_last_seconds():
    now, told = [0.0], []
    meter = Meter(told.append, print, clock=lambda: now[0])
    file = RemoteFile("x", 1000, "0" * 40)
    meter.begin("download", 1000)
    for _ in range(4):
        now[0] += 1.0
        meter.at(file, int(now[0]) * 100, arrived=100)
    assert (told[-1].rate, told[-1].eta) == (pytest.approx(400 / 3), pytest.approx(600 / (400 / 3)))
    now[0] += 30.0
    meter.tick()
    assert (told[-1].done, told[-1].rate, told[-1].eta, told[-1].file) == (400, 0.0, None, "x")
    now[0] += 1.0
    meter.at(file, 0, arrived=0)  # started over
    assert told[-1].done == 400


def test_a_revision_by_name_or_commit(pull):
    pull.add()
    commit = pull.fake.commits[REPO]
    assert pull(f"{REPO}@{commit}").manifest.revision == commit
    with pytest.raises(NotFound, match="maker/model has no revision 'v9'; its branches and commits are at http"):
        pull(f"{REPO}@v9")


@pytest.mark.parametrize(
    "model", ["", "a/b/c", "../b", "a/..", ".hidden/x", "a\\b", "con/x", "a/b@", "a/b@../x", "a--b", "a b"]
)
def test_names_that_are_none(pull, model):
    with pytest.raises(InvalidRequest):
        pull(model)
    assert pull.fake.seen == []


# --- interrupted ---------------------------------------------------------------------------------------------------------


def test_a_dropped_connection_goes_on_where_it_was(pull):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000)
    pull.fake.fault(SHARD, cut_at=100_000)
    pull()
    assert pull.installed() == files
    first, second, third = pull.fake.requests(SHARD, "cdn")
    assert "range" not in first.headers
    offsets = [int(re.fullmatch(r"bytes=(\d+)-", seen.headers["range"])[1]) for seen in (second, third)]
    assert 0 < offsets[0] <= 200_000 < offsets[1] <= 300_000
    assert second.headers["if-range"] == third.headers["if-range"]
    assert any("the connection broke" in note and SHARD in note for note in pull.notes)


def test_a_reset_connection_too(pull):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000, reset=True)
    pull()
    assert pull.installed() == files


def stop_when(running, condition):
    """Stop a pull from another thread as soon as a condition holds."""

    def watch():
        while not condition():
            time.sleep(0.01)
        running.stop()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_stopped_download_goes_on_in_the_next_run(pull, places):
    files = pull.add(size=3_000_000)
    pull.fake.fault(SHARD, stall_at=700_000)
    first = pull.make()
    part = f"{hashlib.sha256(files[SHARD]).hexdigest()}.part"
    watcher = stop_when(first, lambda: any(path.stat().st_size > 600_000 for path in places.partial.rglob(part)))
    with pytest.raises(Stopped):
        first.run()
    watcher.join()
    assert not (places.models / REPO).exists()
    waiting = unfinished(places)
    assert [item.name for item in waiting] == [REPO]
    assert 500_000 < waiting[0].have < waiting[0].total
    second = pull()
    assert pull.installed() == files
    again = pull.fake.requests(SHARD, "cdn")[-1]
    assert int(again.headers["range"][6:-1]) > 500_000
    assert second.fetched < sum(map(len, files.values())) - 500_000
    assert unfinished(places) == []


def test_stop_wakes_a_download_that_hangs(pull):
    pull.add(size=500_000)
    pull.fake.fault(SHARD, stall_at=100_000)
    hanging = pull.make(stall_s=30.0)
    stopped = []
    watcher = stop_when(
        hanging,
        lambda: (
            any(seen.sent > 80_000 for seen in pull.fake.requests(SHARD, "cdn"))
            and not stopped.append(time.monotonic())
        ),
    )
    with pytest.raises(Stopped):
        hanging.run()
    assert time.monotonic() - stopped[0] < 20
    watcher.join()


def test_a_stall_is_noticed(pull):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, stall_at=100_000)
    started = time.monotonic()
    pull(stall_s=0.4)
    assert pull.installed() == files
    assert time.monotonic() - started < 30
    assert any("stalled" in note for note in pull.notes)
    assert "range" in pull.fake.requests(SHARD, "cdn")[1].headers


def test_a_trickle_is_a_stall_too(pull):
    pull.fake.add(REPO, {"config.json": b"{}", "model.safetensors": b"w" * 200_000})
    pull.fake.fault("model.safetensors", chunk_delay=0.15)
    pull(floor=1_000_000, stall_s=0.4)
    assert any("the connection stalled:" in note and "bytes in" in note for note in pull.notes)


def test_ranges_ignored_is_starting_over(pull):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000)
    pull.fake.fault(SHARD, ignore_range=True)
    pull()
    assert pull.installed() == files
    assert [seen.status for seen in pull.fake.requests(SHARD, "cdn")] == [200, 200]
    assert any("from its start again; starting that file over" in note for note in pull.notes)


def test_a_server_that_never_gets_further_is_given_up(pull):
    pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000, ignore_range=True, times=50)
    with pytest.raises(
        Unavailable, match=f"Downloading {SHARD} failed 4 times in a row: .*what is there already is kept"
    ):
        pull()
    assert len(pull.fake.requests(SHARD, "cdn")) < 10


@pytest.mark.parametrize("blind", [False, True], ids=["honours If-Range", "ignores If-Range"])
def test_another_etag_is_starting_over(pull, blind):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000)
    pull.fake.fault(SHARD, etag='"other"', blind=blind)
    pull()
    assert pull.installed() == files
    assert any("starting that file over" in note for note in pull.notes)


@pytest.mark.parametrize(
    "headers",
    [{"Content-Range": "bytes 5-9/10"}, {"Content-Range": "bytes */*"}, {}],
    ids=["another range", "no range", "nothing"],
)
def test_a_wrong_answer_to_a_range_is_starting_over(pull, headers):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000)
    pull.fake.fault(SHARD, status=206, body=b"xxxxx", headers=headers)
    pull()
    assert pull.installed() == files
    assert any("another range than asked for" in note for note in pull.notes)


def test_range_not_satisfiable_is_starting_over(pull):
    files = pull.add(size=500_000)
    pull.fake.fault(SHARD, cut_at=200_000)
    pull.fake.fault(SHARD, status=416)
    pull()
    assert pull.installed() == files


# --- wrong bytes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SHARD, "config.json"], ids=["sha256", "git blob"])
def test_a_wrong_hash_is_downloaded_once_more(pull, path):
    files = pull.add()
    pull.fake.fault(path, corrupt=True)
    pull()
    assert pull.installed() == files
    assert any("wrong checksum" in note for note in pull.notes)


def test_a_hash_that_stays_wrong_installs_nothing(pull, places):
    pull.add()
    pull.fake.fault(SHARD, corrupt=True, times=9)
    with pytest.raises(ModelUnusable, match=f"{SHARD} of maker/model arrived twice with a wrong checksum"):
        pull()
    assert not (places.models / REPO).exists()
    assert len(pull.fake.requests(SHARD, "cdn")) == 2


def test_a_login_page_in_place_of_a_file(pull):
    pull.add()
    pull.fake.fault(SHARD, body=b"<html>Welcome to our hotel</html>", times=9)
    with pytest.raises(Unavailable, match="the server sends 33 bytes where the Hub names 200,000"):
        pull()


def test_a_compressed_answer_is_not_taken(pull):
    files = pull.add()
    pull.fake.fault("config.json", body=b"x" * len(files["config.json"]), headers={"Content-Encoding": "gzip"})
    pull()
    assert pull.installed() == files


# --- refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", [SHARD, "api"])
def test_what_may_pass_is_tried_again(pull, status, path):
    files = pull.add()
    pull.fake.fault(path, status=status, times=2)
    pull()
    assert pull.installed() == files
    assert sum(f"HTTP {status}" in note for note in pull.notes) == 2


@pytest.mark.parametrize("path", [SHARD, "api"])
@pytest.mark.parametrize(("status", "words"), [(429, "ask too often"), (503, "overloaded or under maintenance")])
def test_what_does_not_pass_ends_in_a_sentence(pull, status, words, path):
    pull.add()
    pull.fake.fault(path, status=status, times=99)
    with pytest.raises(Unavailable, match=rf"failed 4 times in a row: .*{words} \(HTTP {status}\); check the network"):
        pull()


@pytest.mark.parametrize("path", [SHARD, "api"])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(pull, path, form):
    pull.add()
    # A date has whole seconds only: two of them make a wait of at least one.
    value = "1" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2.5), usegmt=True)
    pull.fake.fault(path, status=429, headers={"Retry-After": value})
    started = time.monotonic()
    pull()
    assert time.monotonic() - started >= 1.0


def test_nobody_waits_an_hour(pull):
    pull.add()
    pull.fake.fault(SHARD, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(Unavailable, match="the server asks to wait 60 minutes; try again then"):
        pull()


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("hf_wrong", 403)])
def test_a_gated_model_says_what_to_do(pull, token, status):
    pull.add()
    pull.fake.gated.add(REPO)
    page = re.escape(f"{pull.fake.endpoint}/{REPO}")
    with pytest.raises(AccessDenied, match=f"maker/model is gated.*accept the licence at {page}, then") as caught:
        pull(token=token)
    assert ("(HTTP 403)" in caught.value.message) == (status == 403)
    assert "hf_" not in caught.value.message
    assert len([seen for seen in pull.fake.seen if "/resolve/" in seen.path]) == 1


def test_a_gated_model_with_the_right_token_which_never_leaves_the_hub(pull):
    files = pull.add()
    pull.fake.gated.add(REPO)
    pull(token="hf_right")
    assert pull.installed() == files
    assert all(seen.headers["authorization"] == "Bearer hf_right" for seen in pull.fake.seen if seen.server == "hub")
    elsewhere = [seen for seen in pull.fake.seen if seen.server == "cdn"]
    assert len(elsewhere) == 4
    assert not any("hf_right" in repr(seen.headers) for seen in elsewhere)


def test_a_private_or_missing_model(pull):
    pull.add()
    pull.fake.private.add(REPO)
    with pytest.raises(NotFound, match=r"There is no model maker/model on .* that everybody may read"):
        pull()
    with pytest.raises(NotFound, match=r"There is no model nobody/nothing on .*; check the name"):
        pull("nobody/nothing", token="hf_right")


def test_an_address_that_ran_out_is_asked_for_again(pull):
    files = pull.add()
    pull.fake.fault(SHARD, status=403, body=b"expired")
    pull()
    assert pull.installed() == files
    assert len(pull.fake.requests(SHARD, "hub")) == 2


def test_a_file_that_is_gone(pull):
    pull.add()
    pull.fake.fault(SHARD, status=404, body=b"")
    with pytest.raises(NotFound, match=f"{SHARD} is not on .* any more"):
        pull()


def test_an_answer_that_is_not_the_hubs(pull):
    pull.add()
    pull.fake.fault("api", body=b"<html>log in</html>")
    with pytest.raises(Unavailable, match="sends answers that are not the Hub's"):
        pull()


def test_no_network(pull):
    pull.add()
    pull.fake.close()
    with pytest.raises(Unavailable, match=r"Looking up maker/model failed 4 times in a row: .* cannot be reached"):
        pull()


def test_redirects_that_never_end_or_lead_nowhere_safe(pull):
    pull.add()
    pull.fake.fault(
        "config.json", status=302, headers={"Location": f"/{REPO}/resolve/{'0' * 40}/config.json"}, times=99
    )
    with pytest.raises(NotFound):
        pull()
    pull.fake.faults.clear()
    loop = f"/{REPO}/resolve/{pull.fake.commits[REPO]}/config.json"
    pull.fake.fault("config.json", status=302, headers={"Location": loop}, times=99)
    with pytest.raises(Unavailable, match="redirects more than 8 times"):
        pull()
    pull.fake.faults.clear()
    pull.fake.fault("config.json", status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(Unavailable, match=r"redirects to an address that is not safe \(file\)"):
        pull()


def test_offline_asks_nobody(pull, monkeypatch):
    pull.add()
    with pytest.raises(Unavailable, match="Deskside is offline by its setting"):
        pull(offline=True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
        pull()
    assert pull.fake.seen == []


def test_search(pull):
    pull.add()
    found = Hub(endpoint=pull.fake.endpoint).search("model")
    assert [(item.repo, item.licence, item.gated, item.downloads) for item in found] == [(REPO, "apache-2.0", False, 3)]


# --- hostile or useless repositories -------------------------------------------------------------------------------------


BAD_PATHS = ["../../evil", "/etc/passwd", "a\\..\\b", "C:/x", "nul", "a\0b", "x/../../y", "dot./x", "a//b", ""]


@pytest.mark.parametrize("path", BAD_PATHS, ids=repr)
def test_names_of_files_that_would_leave_the_folder(pull, places, path):
    pull.add()
    entry = {"type": "file", "path": path, "size": 2, "oid": "0" * 40}
    pull.fake.listed[REPO] = [{"type": "file", "path": "config.json", "size": 2, "oid": "0" * 40}, entry]
    with pytest.raises(ModelUnusable, match=r"names a file .* outside of the model's folder; do not use this model"):
        pull()
    assert not places.models.exists() or not (places.models / REPO).exists()


@pytest.mark.parametrize(
    "shard", ["../model.safetensors", "sub/model.safetensors", "pytorch_model.bin", "missing.safetensors"]
)
def test_an_index_that_names_what_it_must_not(pull, shard):
    files = {"config.json": b"{}", "pytorch_model.bin": b"pickle", "sub/model.safetensors": b"w"}
    index = json.dumps({"weight_map": {"a": shard}}).encode()
    pull.fake.add(REPO, {**files, "model.safetensors.index.json": index})
    with pytest.raises(ModelUnusable, match=re.escape(shard)):
        pull()


@pytest.mark.parametrize(
    "index", [b"", b"[]", b"{}", b'{"weight_map": {}}', b'{"weight_map": {"a": 3}}', b"[" * 100_000]
)
def test_an_index_that_is_none(pull, index):
    pull.fake.add(REPO, {"config.json": b"{}", "model.safetensors.index.json": index})
    with pytest.raises(ModelUnusable, match=r"index\.json of maker/model cannot be used"):
        pull()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"model.safetensors": b"w"}, "has no config.json"),
        ({"config.json": b"{}", "pytorch_model.bin": b"p"}, "as pickle only, which can run code"),
        ({"config.json": b"{}", "m.gguf": b"p"}, "as GGUF only"),
        ({"config.json": b"{}", "adapter_model.safetensors": b"p"}, r"is an adapter \(LoRA\)"),
        ({"config.json": b"{}"}, "has no safetensors weights"),
    ],
)
def test_repositories_that_are_no_use(pull, places, files, words):
    pull.fake.add(REPO, files)
    with pytest.raises(ModelUnusable, match=words):
        pull()
    assert list(places.partial.iterdir()) == []


# --- disk ----------------------------------------------------------------------------------------------------------------


def usage(free):
    return lambda folder: type("Usage", (), {"free": free})


def test_room_is_checked_before_the_weights(pull, monkeypatch):
    pull.add()
    monkeypatch.setattr(pull_module.shutil, "disk_usage", usage(200_000_000))
    with pytest.raises(
        DiskFull, match=r"maker/model needs another 0\.62 MB and 0\.27 GB of working space, but the disk"
    ):
        pull()
    assert pull.fake.requests(SHARD, "cdn") == []


def test_no_room_for_an_engine_is_said(pull, monkeypatch):
    pull.add()
    monkeypatch.setattr(pull_module.shutil, "disk_usage", usage(269_300_000))
    pull()
    assert any("enough for the download" in note and "compiled engine" in note for note in pull.notes)


def test_a_full_disk_pauses_and_keeps_what_is_there(pull, places, full_disk):
    files = pull.add(size=400_000)
    full_disk(700_000)
    with pytest.raises(DiskFull, match=r"is full: this file alone needs another .* it goes on where it stopped"):
        pull()
    assert not (places.models / REPO).exists()
    assert unfinished(places)[0].have > 100_000
    full_disk(None)
    second = pull()
    assert pull.installed() == files
    assert second.fetched < sum(map(len, files.values()))


# --- again, and at once --------------------------------------------------------------------------------------------------


def test_again_checks_and_downloads_nothing(pull):
    pull.add()
    pull()
    pull.fake.seen.clear()
    pulled = pull()
    assert (pulled.changed, pulled.fetched) == (False, 0)
    assert not [seen for seen in pull.fake.seen if "/resolve/" in seen.path]


def test_again_mends_a_damaged_file_and_fetches_only_that(pull, places):
    files = pull.add()
    pull()
    path = places.models / REPO / SHARD
    path.write_bytes(b"\0" * path.stat().st_size)
    pulled = pull()
    assert pull.installed() == files
    assert (pulled.changed, pulled.fetched) == (True, len(files[SHARD]))


def test_a_new_commit_fetches_what_changed(pull, places):
    pull.add()
    first = pull()
    files = pull.fake.repos[REPO] | {"tokenizer_config.json": b'{"chat_template": "new"}'}
    pull.fake.add(REPO, files)
    second = pull()
    assert second.manifest.commit != first.manifest.commit
    assert second.fetched == 24
    assert pull.installed()["tokenizer_config.json"] == b'{"chat_template": "new"}'
    pull.fake.add(REPO, files | {"README.md": b"other"})
    third = pull()
    assert (third.changed, third.fetched) == (False, 0)
    assert read_manifest(places.models / REPO).commit == pull.fake.commits[REPO]
    assert list(places.partial.iterdir()) == []


def test_a_model_in_use_is_not_replaced(pull, places):
    files = pull.add()
    pull()
    new = files | {"tokenizer_config.json": b"{}"}
    pull.fake.add(REPO, new)
    with use_model(places.models / REPO, places), pytest.raises(Busy, match="maker/model is in use"):
        pull()
    assert pull.installed() == files
    pulled = pull()
    assert pulled.fetched == 0
    assert pull.installed() == new


def test_a_folder_of_somebody_else_is_not_replaced(pull, places):
    pull.add()
    folder = places.models / REPO
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    with pytest.raises(InvalidRequest, match="a folder that was not downloaded by Deskside; remove"):
        pull()


def test_only_one_process_downloads_a_model(pull, places):
    pull.add()
    with try_lock(lock_path(REPO, places, "pull"), shared=False), pytest.raises(Busy, match=r"already \(process \d+\)"):
        pull()
    pull()
