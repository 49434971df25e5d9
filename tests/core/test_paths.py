from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import paths
from core.errors import InvalidRequest, NotFound
from core.paths import Places, bundled_asset, find_places


def test_the_layout_under_one_home(tmp_path: Path) -> None:
    places = find_places({"DESKSIDE_HOME": str(tmp_path)})
    assert {
        name: getattr(places, name).relative_to(tmp_path).as_posix()
        for name in (
            "models", "engines", "jobs", "chats_db", "jobs_db", "kernels", "trt_runtime", "service_lock", "logs",
            "config_file",
        )
    } == {
        "models": "data/models", "engines": "data/engines", "jobs": "data/jobs",
        "chats_db": "data/chats.db", "jobs_db": "data/jobs.db",
        "kernels": "cache/kernels", "trt_runtime": "cache/trt-runtime",
        "service_lock": "state/service.lock", "logs": "state/logs", "config_file": "config/config.toml",
    }  # fmt: skip
    assert places.engine("llama-1b.fp16-sm90") == tmp_path / "data/engines/llama-1b.fp16-sm90"
    assert places.job("01J") == tmp_path / "data/jobs/01J"
    assert list(tmp_path.iterdir()) == [], "naming a place must not create it"


def test_platform_folders_without_a_home() -> None:
    for environ in ({}, {"DESKSIDE_HOME": ""}):
        places = find_places(environ)
        assert places.library is None
        for root in (places.data, places.cache, places.state, places.config):
            assert root.is_absolute()
            assert "deskside" in root.parts


def test_home_may_start_with_a_tilde() -> None:
    assert find_places({"DESKSIDE_HOME": "~/desk"}) == Places.under(Path.home() / "desk")


def test_a_relative_home_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"DESKSIDE_HOME is 'portable/desk'.*absolute") as caught:
        find_places({"DESKSIDE_HOME": os.path.join("portable", "desk")})
    assert caught.value.param == "DESKSIDE_HOME"


@pytest.mark.parametrize(
    "key", ["", ".", "..", "a/b", "a\\b", "../x", "/etc", "C:", ".hidden", "dot.", "x" * 129, "a\n"]
)
def test_keys_that_are_no_single_folder_are_refused(key: str, tmp_path: Path) -> None:
    places = Places.under(tmp_path)
    with pytest.raises(InvalidRequest, match="cannot be an engine key"):
        places.engine(key)
    with pytest.raises(InvalidRequest, match="cannot be a job id"):
        places.job(key)


def test_a_bundled_asset_is_found_beside_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets" / "demo_model").mkdir(parents=True)
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "core" / "paths.py"))
    assert bundled_asset("demo_model") == tmp_path / "assets" / "demo_model"


def test_a_missing_asset_names_the_path() -> None:
    with pytest.raises(NotFound, match=r"assets.no_such_thing'.*install Deskside again"):
        bundled_asset("no_such_thing")
