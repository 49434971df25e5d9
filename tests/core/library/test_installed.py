"""Links, removal and locks: what is not ours is never touched, and nothing goes while somebody uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import Busy, InvalidRequest, ModelUnusable, NotFound, Unavailable
from core.library.catalog import find_model, installed_models
from core.library.installed import collect_trash, link_folder, remove_model
from core.library.locks import lock_path, own_model, try_lock, use_model
from core.library.manifest import LINK_FILE

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "Ärger mit Ümlauten" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "model.safetensors").write_bytes(b"w" * 1000)
    return folder


def names(places):
    return [model.name for model in installed_models(places)][1:]


def install(places, name="maker/model", size=1000):
    folder = places.models / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"w" * size)
    return folder


def test_a_link_copies_nothing_and_removal_touches_nothing(places, checkpoint):
    assert link_folder(checkpoint, None, places) == "mine"
    assert link_folder(checkpoint, "own/other", places) == "own/other"
    assert names(places) == ["mine", "own/other"]
    assert all(model.linked and model.size == 1000 and not model.problem for model in installed_models(places)[1:])
    assert find_model("own/other", places) == checkpoint
    assert [path.name for path in (places.models / "mine").iterdir()] == [LINK_FILE]
    removed = remove_model("mine", places)
    assert removed.linked
    assert removed.freed < 500
    assert names(places) == ["own/other"]
    assert sorted(path.name for path in checkpoint.iterdir()) == ["config.json", "model.safetensors"]


def test_a_link_whose_folder_went_away(places, checkpoint):
    link_folder(checkpoint, None, places)
    checkpoint.rename(checkpoint.with_name("moved"))
    with pytest.raises(NotFound, match=r"mine is a link to .*where no model is any more; bring the folder back"):
        find_model("mine", places)
    assert "where no model is any more" in installed_models(places)[1].problem
    (places.models / "mine" / LINK_FILE).write_text('{"folder": "relative"}')
    assert "link its folder again" in installed_models(places)[1].problem
    remove_model("mine", places)
    assert names(places) == []


def test_what_cannot_be_linked(places, checkpoint, tmp_path):
    with pytest.raises(NotFound, match="There is no folder"):
        link_folder(tmp_path / "nowhere", None, places)
    with pytest.raises(NotFound, match=r"There is no .*config\.json"):
        link_folder(tmp_path, None, places)
    for name in ("demo", "../x", "a/b/c", "a/.."):
        with pytest.raises(InvalidRequest):
            link_folder(checkpoint, name, places)
    link_folder(checkpoint, "a", places)
    for name in ("a", "a/b"):
        with pytest.raises(InvalidRequest, match="already; give another name with --name"):
            link_folder(checkpoint, name, places)
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ModelUnusable, match="no safetensors weights"):
        link_folder(checkpoint, "b", places)
    assert names(places) == ["a"]


def test_removal_frees_space_and_tidies_up(places):
    install(places, size=12345)
    install(places, "maker/other")
    removed = remove_model("maker/model", places)
    assert removed.freed == 12345 + 2
    assert names(places) == ["maker/other"]
    remove_model("maker/other", places)
    assert not (places.models / "maker").exists()
    assert list(places.partial.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["nothing", "maker", "../models", ".locks", ".partial", "/etc", "maker/model/config.json", ""]
)
def test_what_is_no_model_is_not_removed(places, name):
    folder = install(places)
    with pytest.raises(NotFound, match="No model"):
        remove_model(name, places)
    assert folder.is_dir()
    with pytest.raises(InvalidRequest, match="demo"):
        remove_model("demo", places)


def test_an_unfinished_download_can_be_removed(places):
    folder = places.partial / "maker%2Fmodel"
    folder.mkdir(parents=True)
    (folder / "x.part").write_bytes(b"x" * 77)
    assert remove_model("maker/model", places).freed == 77
    assert not folder.exists()


def test_a_model_in_use_stays(places):
    folder = install(places)
    with use_model(folder, places), use_model(folder, places):
        with pytest.raises(Busy, match="maker/model is in use"):
            remove_model("maker/model", places)
        assert names(places) == ["maker/model"]
    pulling = try_lock(lock_path("maker/model", places, "pull"), shared=False)
    with pulling, pytest.raises(Busy, match=rf"is being downloaded \(process {os.getpid()}\)"):
        remove_model("maker/model", places)
    with own_model("maker/model", places), pytest.raises(Busy, match="being removed or replaced"):
        use_model(folder, places)
    remove_model("maker/model", places)


def test_a_folder_elsewhere_is_held_by_its_links(places, checkpoint):
    assert use_model(checkpoint, places) is None
    link_folder(checkpoint, None, places)
    link_folder(checkpoint, "own/other", places)
    with use_model(checkpoint, places):
        for name in ("mine", "own/other"):
            with pytest.raises(Busy, match=f"{name} is in use by a running Deskside"):
                remove_model(name, places)
    assert remove_model("mine", places).linked
    with own_model("own/other", places), pytest.raises(Busy, match="being removed or replaced"):
        use_model(checkpoint, places)
    assert remove_model("own/other", places).linked


def test_a_lock_ends_with_its_process_however_it_dies(places, tmp_path):
    path = tmp_path / "x.use"
    code = (
        "import sys; from pathlib import Path; from core.library.locks import try_lock\n"
        "lock = try_lock(Path(sys.argv[1]), shared=True); print(lock is not None, flush=True); sys.stdin.read()"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout.readline() == "True\n"
        assert try_lock(path, shared=False) is None
        shared = try_lock(path, shared=True)
        assert shared is not None
        shared.release()
        child.kill()
        child.wait()
        with try_lock(path, shared=False):
            pass


def test_a_place_that_cannot_be_locked(places):
    places.models.mkdir(parents=True)
    places.model_locks.write_text("a file")
    with pytest.raises(Unavailable, match="cannot be locked"):
        try_lock(lock_path("a", places, "use"), shared=True)


def test_trash_of_a_killed_process_is_collected(places):
    trash = places.partial / "trash-1-x"
    trash.mkdir(parents=True)
    (trash / "big").write_bytes(b"x")
    collect_trash(places)
    assert not trash.exists()


def test_our_own_folders_are_no_models(places):
    install(places)
    for name in (".partial/x", ".locks"):
        folder = places.models / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    assert names(places) == ["maker/model"]
    with pytest.raises(NotFound):
        find_model(".partial/x", places)
