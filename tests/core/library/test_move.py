"""Models and engines to another folder: whole, or as if nothing had been."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config import load_config
from core.errors import Busy, DiskFull, FilesUnusable, InvalidRequest, NotFound
from core.library import move as moving
from core.library.catalog import find_model, installed_models
from core.library.locks import share_library, use_model
from core.library.move import move_library, settle, use_library
from core.library.storage import storage_of
from core.paths import Places
from tests.waiting import wait_until


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("DESKSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DESKSIDE_LIBRARY", raising=False)
    places = Places.under(tmp_path / "home")
    model = places.models / "maker" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(os.urandom(300_000))
    engine = places.engines / "demo-int4-0"
    engine.mkdir(parents=True)
    (engine / "manifest.json").write_text("{}")
    os.link(model / "model.safetensors", engine / "model.safetensors")
    (places.partial / "other" / "abc.part").parent.mkdir(parents=True)
    (places.partial / "other" / "abc.part").write_bytes(b"half of it")
    (places.partial / "trash-1-x").mkdir()
    (places.partial / "trash-1-x" / "old").write_bytes(b"gone")
    places.model_locks.mkdir()
    (places.model_locks / "maker%2Fmodel.use").write_bytes(b"")
    return places


@pytest.fixture
def two_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new folder is on another volume: no second name of a file can lead there."""
    real = os.link

    def link(source: object, target: object) -> None:
        if "/home/" in str(source):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(moving, "_one_volume", lambda source, target: False)


def content(root: Path) -> dict[str, bytes]:
    """What must never be lost."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for name in ("models", "engines")
        for path in (root / name).rglob("*")
        if path.is_file() and ".locks" not in path.parts and not any(part.startswith("trash-") for part in path.parts)
    }


def now() -> Places:
    return load_config(os.environ).places


def test_everything_arrives_and_the_old_folder_is_empty(places: Places, tmp_path: Path, two_disks: None) -> None:
    before = content(places.data)
    stages: list[tuple[str, int, int]] = []
    moved = move_library(tmp_path / "disk", places, lambda *step: stages.append(step))
    assert moved == now()
    assert moved.models == tmp_path / "disk" / "models"
    assert content(tmp_path / "disk") == before
    assert not places.models.exists()
    assert not places.engines.exists()
    assert not places.move_record.exists()
    assert [model.name for model in installed_models(now())][1:] == ["maker/model"]
    model, engine = moved.models / "maker/model/model.safetensors", moved.engines / "demo-int4-0/model.safetensors"
    assert model.samefile(engine), "one content with two names takes the room of one"
    assert {stage for stage, _, _ in stages} == {"copy", "check", "delete"}
    for stage in ("copy", "check"):
        steps = [(done, total) for name, done, total in stages if name == stage]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 300_000
    # And back, into the folder where everything else is.
    assert move_library(places.data, now()).library is None
    assert content(places.data) == before
    assert load_config(os.environ).library == ""


def test_on_one_volume_nothing_is_copied(places: Places, tmp_path: Path) -> None:
    inode = (places.models / "maker/model/model.safetensors").stat().st_ino
    before = content(places.data)
    moved = move_library(tmp_path / "disk", places)
    assert (moved.models / "maker/model/model.safetensors").stat().st_ino == inode
    assert content(tmp_path / "disk") == before
    assert not places.models.exists()


class Killed(BaseException):
    """The end of the process, without any of its `except` and `finally` for errors."""


@pytest.mark.parametrize("other_disk", [False, True])
def test_killed_at_any_step_nothing_is_lost_and_the_next_call_goes_on(
    places: Places, tmp_path: Path, other_disk: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies before each change of a file or folder in turn, then goes on from there."""
    if other_disk:
        request.getfixturevalue("two_disks")
    before = content(places.data)
    steps = 0
    left = -1
    real: dict[str, Callable[..., object]] = {}

    def dying(name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal steps, left
            steps += 1
            left -= 1
            if left == 0:
                raise Killed
            return real[name](*args, **kwargs)

        return call

    for name in ("link", "replace", "mkdir", "unlink", "rmdir"):
        real[name] = getattr(os, name)
        monkeypatch.setattr(os, name, dying(name))
    origin, target, step, deaths = places, tmp_path / "disk", 0, 0
    while True:
        step += 1
        left = step
        try:
            moved = move_library(target, origin)
        except Killed:
            left = -1
            deaths += 1
            here = now()
            have = content(here.library_root)
            assert have == before, f"after step {step}"
            if here.library_root == target:  # it died after the switch: what is left is cleared up
                settle(here)
                assert not content(origin.library_root)
                origin, target = here, origin.library_root
                assert not here.move_record.exists()
            continue
        left = -1
        break
    assert deaths > 10
    assert content(moved.library_root) == before
    assert not origin.models.exists()


def test_a_process_that_is_killed_while_it_copies(places: Places, tmp_path: Path) -> None:
    before = content(places.data)
    program = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from core.config import load_config\n"
        "from core.library import move\n"
        "def link(*names): raise OSError(18, 'another volume')\n"
        "os.link = link\n"
        "def show(stage, done, total):\n"
        "    if done: print(stage, done, flush=True); time.sleep(600)\n"
        "move.move_library(Path(sys.argv[1]), load_config(os.environ).places, show)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "disk")], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"copy")
        with pytest.raises(Busy, match="in use, being downloaded or being built"):
            move_library(tmp_path / "disk", places)
        with pytest.raises(Busy, match="are being moved"):
            share_library(places)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    assert now().library is None
    assert content(places.data) == before
    settle(now())
    assert not content(tmp_path / "disk")
    assert not places.move_record.exists()
    move_library(tmp_path / "disk", places)
    assert content(tmp_path / "disk") == before


def test_cancelled_half_way_all_is_as_before(places: Places, tmp_path: Path, two_disks: None) -> None:
    before = content(places.data)

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "check":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_library(tmp_path / "disk", places, stop)
    assert now() == places
    assert content(places.data) == before
    (tmp_path / "disk" / "models" / "of somebody else").write_text("stays")
    settle(places)
    assert content(tmp_path / "disk") == {"models/of somebody else": b"stays"}
    settle(places)


def test_no_room_is_said_before_anything_is_written(
    places: Places, tmp_path: Path, two_disks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(
        DiskFull, match=r"need 0\.27 GB, but the disk with .*disk has only 0\.00 GB free; free 0\.27 GB"
    ):
        move_library(tmp_path / "disk", places)
    assert not content(tmp_path / "disk")
    assert now() == places


def test_a_disk_that_fills_up_on_the_way(
    places: Places, tmp_path: Path, two_disks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(places.data)

    def full(path: object, twin: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(twin))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copystat", full)
        with pytest.raises(DiskFull, match="is full; free some space there and go on, or cancel"):
            move_library(tmp_path / "disk", places)
    assert content(places.data) == before
    move_library(tmp_path / "disk", places)
    assert content(tmp_path / "disk") == before


def test_a_disk_that_gives_back_something_else(
    places: Places, tmp_path: Path, two_disks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(places.data)

    def spoil(path: Path, part: Path) -> None:
        data = bytearray(part.read_bytes())
        data[-1] ^= 1
        part.write_bytes(data)
        os.utime(part, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))

    monkeypatch.setattr(shutil, "copystat", spoil)
    with pytest.raises(FilesUnusable, match="is not what was written there"):
        move_library(tmp_path / "disk", places)
    assert now() == places
    assert content(places.data) == before


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "no permission to write to"),
        (errno.EROFS, "on a disk that can only be read"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_a_folder_that_cannot_be_written(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    def refuse(path: Path, data: bytes) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(FilesUnusable, match=sentence):
        move_library(tmp_path / "disk", places)
    assert not (tmp_path / "disk").exists(), "a folder that was made for it is not left behind"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs permissions that count")
def test_a_folder_of_somebody_else(places: Places, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o555)
    with pytest.raises(FilesUnusable, match="no permission to write to"):
        move_library(tmp_path / "theirs", places)


def test_folders_that_make_no_sense(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "full" / "models" / "x").mkdir(parents=True)
    (tmp_path / "alias").symlink_to(places.data)
    for folder, error, sentence in [
        (Path("relative"), InvalidRequest, "is no absolute folder"),
        (tmp_path / "a\nb", InvalidRequest, "is no absolute folder"),
        (places.data, InvalidRequest, "already"),
        (tmp_path / "alias", InvalidRequest, "already"),
        (places.models / "inside", InvalidRequest, "lie inside each other"),
        (tmp_path / "alias" / "engines", InvalidRequest, "lie inside each other"),
        (places.cache / "x", InvalidRequest, "may be deleted at any time"),
        (tmp_path / "file", InvalidRequest, "is a file"),
        (tmp_path / "full", InvalidRequest, "holds models or engines already"),
        (tmp_path / "no" / "such", FilesUnusable, "There is no folder"),
    ]:
        with pytest.raises(error, match=sentence):
            move_library(folder, places)
    monkeypatch.setenv("DESKSIDE_LIBRARY", str(tmp_path / "full"))
    with pytest.raises(InvalidRequest, match="DESKSIDE_LIBRARY says where"):
        move_library(tmp_path / "disk", places)


def test_what_is_in_use_is_not_moved(places: Places, tmp_path: Path) -> None:
    using = use_model(places.models / "maker" / "model", places)
    assert using is not None
    with using, pytest.raises(Busy, match="in use"):
        move_library(tmp_path / "disk", places)
    assert not content(tmp_path / "disk")
    move_library(tmp_path / "disk", places)


def test_another_folder_is_used_as_it_is(places: Places, tmp_path: Path) -> None:
    before = content(places.data)
    model = tmp_path / "other" / "models" / "theirs"
    model.mkdir(parents=True)
    shutil.copy(places.models / "maker/model/config.json", model)
    used = use_library(tmp_path / "other", places)
    assert used == now()
    assert [item.name for item in installed_models(now())][1:] == ["theirs"]
    assert content(places.data) == before
    assert use_library(places.data, now()) == places


def test_a_link_of_the_users_stays_a_link(places: Places, tmp_path: Path, two_disks: None) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "big").write_bytes(b"theirs")
    (places.models / "linked").symlink_to("../../../elsewhere", target_is_directory=True)
    moved = move_library(tmp_path / "disk", places)
    assert (moved.models / "linked").is_symlink()
    assert (moved.models / "linked" / "big").read_bytes() == b"theirs"
    assert (elsewhere / "big").read_bytes() == b"theirs"
    assert not places.models.exists()


def test_a_disk_that_is_away_is_said_and_nothing_is_put_in_its_place(places: Places, tmp_path: Path) -> None:
    moved = move_library(tmp_path / "disk", places)
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    (tmp_path / "disk").mkdir()  # an empty mount point
    assert storage_of(now()).missing
    with pytest.raises(FilesUnusable, match="is not there; connect its disk"):
        find_model("maker/model", moved)
    with pytest.raises(FilesUnusable, match="is not there"):
        share_library(moved)
    with pytest.raises(FilesUnusable, match="is not there"):
        move_library(places.data, moved)
    assert [model.name for model in installed_models(moved)] == ["demo"]
    assert find_model("demo", moved).is_dir()
    assert list((tmp_path / "disk").iterdir()) == []
    settle(moved)
    (tmp_path / "disk").rmdir()
    (tmp_path / "unplugged").rename(tmp_path / "disk")
    assert not storage_of(now()).missing
    assert find_model("maker/model", moved).is_dir()
    with pytest.raises(NotFound, match="installed are"):
        find_model("nothing", moved)
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    assert use_library(places.data, moved).library is None


def test_a_disk_that_is_away_in_the_middle_keeps_the_record(places: Places, tmp_path: Path, two_disks: None) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "delete":
            (tmp_path / "disk").rename(tmp_path / "unplugged")

    before = content(places.data)
    moved = move_library(tmp_path / "disk", places, stop)
    assert content(places.data) == before, "what has no twin is not deleted"
    assert content(tmp_path / "unplugged") == before
    assert moved.library == tmp_path / "disk"


def test_the_setting_keeps_what_else_config_says(places: Places, tmp_path: Path) -> None:
    places.config.mkdir(parents=True)
    places.config_file.write_text(
        '# mine\noffline = true\nlibrary = "C:\\\\x"  # old\n'.replace("C:\\\\x", ""), "utf-8"
    )
    move_library(tmp_path / "Größe 大 😀", places)
    assert load_config(os.environ).offline
    assert now().library == tmp_path / "Größe 大 😀"
    assert "# mine" in places.config_file.read_text("utf-8")


def test_the_record_is_written_before_the_first_copy(places: Places, tmp_path: Path, two_disks: None) -> None:
    seen: list[dict[str, str]] = []

    def look(stage: str, done: int, total: int) -> None:
        seen.append(json.loads(places.move_record.read_text()))

    move_library(tmp_path / "disk", places, look)
    assert seen[0] == {"from": str(places.data), "to": str(tmp_path / "disk")}
    wait_until(lambda: not places.move_record.exists())
