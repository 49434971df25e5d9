"""A folder of plans: shared plans, bindings, progress, cancelling; and whatever is wrong with it refused before it is loaded."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engines.api.errors import DeviceError, ModelError, UnsupportedError
from engines.models import open_model
from engines.network.schemes import SCHEMES, Scheme
from engines.tensorrt.compile import Spec, build_plans
from engines.tensorrt.library import Library, load_library
from engines.tensorrt.plans import MANIFEST, Plans, check_fits, read_manifest, read_plan
from engines.tensorrt.seal import PlanError, read_key, sealed
from engines.tensorrt.targets import parse_targets

GOLDEN = Path(__file__).parents[2] / "golden"
KEY = bytes(range(32))
SM89 = parse_targets("sm89")


@pytest.fixture(scope="module")
def built(library: Library, make_model: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plans]:
    folder = tmp_path_factory.mktemp("plans")
    return folder, build_plans(make_model(layers=4), Spec(SM89, 128, 8), folder, library=library, key=KEY)


@pytest.fixture
def copied(built: tuple[Path, Plans], tmp_path: Path) -> Path:
    """A copy to do harm to."""
    for file in built[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_layers_of_one_shape_share_a_plan(built: tuple[Path, Plans]) -> None:
    folder, plans = built
    assert read_manifest(folder, KEY) == plans
    assert [piece.plan for piece in plans.pieces] == [0, 1, 1, 1, 2, 3]
    assert sorted(file.name for file in folder.iterdir()) == [*(p.file for p in plans.plans), MANIFEST]
    first, second = plans.weights(1), plans.weights(2)
    assert [w.shape for w in first] == [w.shape for w in second]
    assert not {p for w in first for p in w.params} & {p for w in second for p in w.params}
    assert plans.nbytes < 5_000_000
    assert plans.plans[3].outputs[0].dtype == "fp32"
    assert len(plans.plans[0].profiles) == 2
    assert len(plans.plans[3].profiles) == 1


def test_int4_layers_have_a_plan_each(library: Library, quantized: Any, tmp_path: Path) -> None:
    with open_model(GOLDEN / "qwen3-gqa-tied") as plain:
        model = quantized(plain, Scheme("int4", "group", 16))
        plans = build_plans(model, Spec(SM89, 64, 8), tmp_path, library=library, key=KEY)
    assert [piece.plan for piece in plans.pieces] == list(range(len(plans.pieces)))
    assert [plan.constants for plan in plans.plans] == [True] * (len(plans.plans) - 1) + [False]  # the head has 16 bits
    assert plans.weights(0) == ()
    assert plans.precision == "int4-g16"
    for plan in plans.plans:
        assert len(read_plan(tmp_path, plan)) == plan.bytes


def test_progress_never_goes_back_and_what_it_raises_ends_the_build(library: Library, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def watch(stage: str, done: int, total: int) -> None:
        assert stage == "compile"
        seen.append((done, total))
        if len(seen) == 100:
            raise InterruptedError

    with open_model(GOLDEN / "llama-mha") as model:
        with pytest.raises(InterruptedError):
            build_plans(model, Spec(SM89, 64, 8), tmp_path, library=library, key=KEY, on_progress=watch)
        assert not (tmp_path / MANIFEST).exists()
        build_plans(model, Spec(SM89, 64, 8), tmp_path, library=library, key=KEY, on_progress=watch)
    again = seen[100:]
    assert again == sorted(again)
    assert again[-1][0] == again[-1][1]
    assert read_manifest(tmp_path, KEY)


def test_refused_before_anything_is_built(library: Library, quantized: Any, tmp_path: Path) -> None:
    with open_model(GOLDEN / "llama-mha") as plain:
        model = quantized(plain, Scheme("fp8", "channel"))
        with pytest.raises(UnsupportedError, match="fp8-w8a16 does not run on sm86"):
            build_plans(model, Spec(parse_targets("sm86"), 64), tmp_path / "x", library=library, key=KEY)
        with pytest.raises(UnsupportedError, match=r"TensorRT .* does not build for sm89 \(GeForce"):
            build_plans(plain, Spec(SM89), tmp_path / "x", library=replace(library, kind="datacenter"), key=KEY)
        with pytest.raises(UnsupportedError, match=r"for RTX .* does not build for sm90 \(H100"):
            build_plans(plain, Spec(parse_targets("sm90")), tmp_path / "x", library=library, key=KEY)
    assert not (tmp_path / "x").exists()


def test_the_full_library_builds_for_the_gpu_here(
    library: Library, standin: ModuleType, quantized: Any, tmp_path: Path
) -> None:
    """TensorRT for RTX in its place, which builds for any GPU where it is told none, without what it has alone."""
    full = replace(library, trt=standin.FullLibrary(library.trt), kind="datacenter", version="11.4")
    with open_model(GOLDEN / "llama-mha") as plain:
        for name, model in (("plain", plain), ("fp8", quantized(plain, SCHEMES["fp8"]))):
            plans = build_plans(model, Spec(parse_targets("sm90"), 64, 8), tmp_path / name, library=full, key=KEY)
            assert (plans.library, plans.version, plans.targets) == ("datacenter", "11.4", ("sm90",))
            read = read_manifest(tmp_path / name, KEY)
            fits = {"version": "11.4", "target": "sm90", "revision": plain.revision}
            check_fits(read, tmp_path, library="datacenter", **fits)
            with pytest.raises(PlanError, match=r"built with TensorRT 11\.4, and TensorRT for RTX 11\.4 is installed"):
                check_fits(read, tmp_path, library="rtx", **fits)


@pytest.mark.parametrize(("version", "good"), [("11.4.0", True), ("10.16.1", False), (None, False)])
def test_only_a_full_library_that_is_new_enough_is_taken(
    version: str | None, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("tensorrt")
    if version is not None:
        module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    monkeypatch.setitem(sys.modules, "tensorrt_bindings", None)
    if good:
        assert (load_library("datacenter").kind, load_library("datacenter").name) == ("datacenter", "TensorRT 11.4.0")
    else:
        with pytest.raises(DeviceError, match="11 or newer is needed"):
            load_library("datacenter")


def spoil_json(folder: Path, **changes: Any) -> dict[str, Any]:
    values = json.loads((folder / MANIFEST).read_text())
    values.update(changes)
    (folder / MANIFEST).write_text(json.dumps(values))
    return values


def cut_short(folder: Path) -> None:
    path = folder / "piece-001.plan"
    path.write_bytes(path.read_bytes()[:-1])


def one_bit(folder: Path) -> None:
    path = folder / "piece-001.plan"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


HARM: dict[str, tuple[Callable[[Path], Any], str]] = {
    "truncated plan": (cut_short, "bytes where"),
    "one bit of a plan": (one_bit, "changed since it was built"),
    "no plan": (lambda f: (f / "piece-001.plan").unlink(), "cannot be read"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), "cannot be read"),
    "half a manifest": (lambda f: (f / MANIFEST).write_text((f / MANIFEST).read_text()[:900]), "damaged"),
    "not an object": (lambda f: (f / MANIFEST).write_text("[1]"), "another version"),
    "another format": (lambda f: spoil_json(f, format=2), "another version"),
    "changed manifest": (lambda f: spoil_json(f, max_tokens=4096), "not written by Deskside on this machine"),
    "no seal": (lambda f: spoil_json(f, seal=None), "not written by Deskside on this machine"),
    "another machine": (
        lambda f: (f / MANIFEST).write_text(
            json.dumps(sealed({k: v for k, v in spoil_json(f).items() if k != "seal"}, b"x" * 32))
        ),
        "engines are never taken from elsewhere",
    ),
    "a path that leaves the folder": (
        lambda f: (f / MANIFEST).write_text((f / MANIFEST).read_text().replace("piece-001.plan", "../../etc/passwd")),
        "not written by Deskside on this machine",
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_spoilt_folder_is_refused_in_one_sentence(copied: Path, harm: str) -> None:
    spoil, message = HARM[harm]
    spoil(copied)
    with pytest.raises(PlanError, match=message) as caught:
        [read_plan(copied, plan) for plan in read_manifest(copied, KEY).plans]
    assert "build" in str(caught.value)
    assert isinstance(caught.value, ModelError)


def test_plans_for_something_else_are_refused(built: tuple[Path, Plans]) -> None:
    folder, plans = built
    fits = {"library": "rtx", "version": plans.version, "target": "sm89", "revision": plans.model_revision}
    check_fits(plans, folder, **fits)
    for change, message in (
        ({"version": "9.9"}, "TensorRT for RTX 9.9 is installed; build it again"),
        ({"target": "sm120"}, "built for sm89, and the GPU here is sm120"),
        ({"revision": "other"}, "other weights"),
    ):
        with pytest.raises(PlanError, match=message):
            check_fits(plans, folder, **{**fits, **change})


def test_the_key_is_made_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise OSError("no links on this file system")

    path = tmp_path / "state" / "engines.key"
    key = read_key(path)
    assert len(key) == 32
    assert read_key(path) == key
    assert [file.name for file in path.parent.iterdir()] == ["engines.key"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    monkeypatch.setattr(os, "link", no_links)
    assert len(read_key(tmp_path / "other.key")) == 32
    assert not list(tmp_path.glob("*.new"))
    path.write_bytes(b"short")
    with pytest.raises(PlanError, match="no key of Deskside"):
        read_key(path)
