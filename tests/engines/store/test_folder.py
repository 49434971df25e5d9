"""Engine folders: whole or not at all, and refused by one sentence when they no longer belong here."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from engines.api.errors import StaleError
from engines.api.manifest import MANIFEST_FILE, DeviceInfo, Manifest, encode
from engines.store import check_engine, find_manifest, publish
from engines.store.files import describe_files

GPU = DeviceInfo("RTX 4090", "sm_89", 24 << 30, "580.65")
OTHER = DeviceInfo("RTX 5090", "sm_120", 32 << 30, "580.65")
AGAIN = "build it again with: deskside core build maker/model --precision int4"


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Manifest]:
    source, work, target = tmp_path / "source", tmp_path / "work", tmp_path / "engines" / "key"
    source.mkdir()
    (source / "config.json").write_text("{}")
    (work / "plans").mkdir(parents=True)
    (work / "model.safetensors").write_bytes(bytes(range(256)) * 16)
    (work / "plans" / "a.plan").write_bytes(b"plan")
    manifest = Manifest(
        name="maker/model:int4",
        model="maker/model",
        source=str(source),
        model_revision="r1",
        precision="int4",
        backend="tensorrt",
        key="key",
        device=GPU,
        versions={"tensorrt": "1.7"},
        files=describe_files(work),
    )
    publish(work, manifest, target)
    return target, manifest


def check(folder: Path, manifest: Manifest, device: DeviceInfo = GPU, revision: str = "r1") -> None:
    check_engine(folder, manifest, device=lambda: device, revision=lambda source: revision)


def test_what_was_published_is_found_and_good(built: tuple[Path, Manifest]) -> None:
    folder, manifest = built
    assert find_manifest(folder) == manifest
    assert [file.path for file in manifest.files] == ["model.safetensors", "plans/a.plan"]
    check(folder, manifest)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["key"]


def test_a_checkpoint_is_no_engine(tmp_path: Path) -> None:
    assert find_manifest(tmp_path) is None


def test_publishing_again_replaces_all_of_it(built: tuple[Path, Manifest], tmp_path: Path) -> None:
    folder, manifest = built
    work = tmp_path / "work"
    work.mkdir()
    (work / "other.bin").write_bytes(b"x")
    publish(work, msgspec.structs.replace(manifest, files=describe_files(work)), folder)
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST_FILE, "other.bin"]
    assert [path.name for path in folder.parent.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"device": OTHER}, r"built for RTX 4090 \(sm_89\) and this GPU is RTX 5090"),
        ({"device": msgspec.structs.replace(GPU, driver="590.1")}, "checked with driver 580.65 and this machine has 590.1 now"),
        ({"revision": "r2"}, "another revision of maker/model than"),
    ],
)  # fmt: skip
def test_what_differs_is_one_sentence_with_the_way_out(built, options, reason) -> None:
    with pytest.raises(StaleError, match=reason) as error:
        check(*built, **options)
    assert str(error.value).endswith(f"{AGAIN}.")


def test_an_engine_outlives_its_model(built) -> None:
    folder, manifest = built
    (Path(manifest.source) / "config.json").unlink()
    check(folder, manifest, revision="whatever")


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[:-1])
    elif how == "longer":
        path.write_bytes(data + b"\0")
    else:
        path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "cannot be read"),
        ("cut", "has 4,095 bytes"),
        ("longer", "has 4,097 bytes"),
        ("flipped", "was changed"),
    ],
)
def test_a_file_that_was_tampered_with(built, how, reason) -> None:
    folder, manifest = built
    spoil(folder / "model.safetensors", how)
    with pytest.raises(StaleError, match=reason) as error:
        check(folder, manifest)
    assert "model.safetensors" in str(error.value)
    assert AGAIN in str(error.value)


def test_a_copied_folder_is_read_and_believed(built) -> None:
    folder, manifest = built
    for path in folder.rglob("*"):
        os.utime(path, ns=(0, 0))
    check(folder, manifest)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'{"format": 2}', b'{"format": 1}', b'{"format": 1, "name": 3}']
)
def test_a_damaged_or_newer_manifest(built, text) -> None:
    folder, _ = built
    (folder / MANIFEST_FILE).write_bytes(text)
    with pytest.raises(StaleError, match=r"manifest\.json is damaged"):
        find_manifest(folder)


def test_unknown_fields_of_a_later_version_are_ignored(built) -> None:
    folder, manifest = built
    value = msgspec.json.decode(encode(manifest)) | {"colour": "green"}
    (folder / MANIFEST_FILE).write_bytes(msgspec.json.encode(value))
    assert find_manifest(folder) == manifest
