from __future__ import annotations

import dataclasses
import importlib.util
import os
from pathlib import Path

import pytest

from core.config import PREFIX, Config, load_config, save_setting, settings
from core.errors import InvalidRequest
from core.paths import find_places

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"DESKSIDE_HOME": str(tmp_path), "PATH": "/bin"}


def write(environ: dict[str, str], text: str | bytes) -> Path:
    file = Path(environ["DESKSIDE_HOME"]) / "config" / "config.toml"
    file.parent.mkdir()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_the_folder_of_models_may_be_another(environ: dict[str, str], tmp_path: Path) -> None:
    write(environ, 'library = "/mnt/big"\n')
    places = load_config(environ).places
    assert (places.models, places.engines) == (Path("/mnt/big/models"), Path("/mnt/big/engines"))
    assert places.jobs_db == tmp_path / "data" / "jobs.db"
    assert load_config({**environ, "DESKSIDE_LIBRARY": "/mnt/other"}).places.models == Path("/mnt/other/models")
    with pytest.raises(InvalidRequest, match="is 'big', which is relative to wherever a program starts"):
        load_config({**environ, "DESKSIDE_LIBRARY": "big"})


def test_defaults_need_no_file(environ: dict[str, str], tmp_path: Path) -> None:
    config = load_config(environ)
    assert (config.backend, config.log_level) == ("auto", "warning")
    assert config.places.models == tmp_path / "data" / "models"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.backend = "reference"  # type: ignore[misc]


def test_command_line_beats_environment_beats_file(environ: dict[str, str]) -> None:
    write(environ, 'log_level = "info"\nbackend = "reference"\n')
    assert load_config(environ).log_level == "info"
    environ["DESKSIDE_LOG_LEVEL"] = "error"
    assert load_config(environ).log_level == "error"
    config = load_config(environ, {"log_level": "debug", "backend": None})
    assert (config.log_level, config.backend) == ("debug", "reference")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_is_true_or_false(environ: dict[str, str], text: str, value: bool) -> None:
    assert load_config({**environ, "DESKSIDE_OFFLINE": text}).offline is value
    with pytest.raises(InvalidRequest, match="DESKSIDE_OFFLINE is 'maybe', but must be 'true' or 'false'"):
        load_config({**environ, "DESKSIDE_OFFLINE": "maybe"})


def test_an_empty_variable_is_unset(environ: dict[str, str]) -> None:
    assert load_config({**environ, "DESKSIDE_LOG_LEVEL": ""}).log_level == "warning"
    assert load_config({**environ, "DESKSIDE_TEST_ROUNDS": "7"}).log_level == "warning"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('log_levle = "info"', r"'log_levle' in .*config\.toml is no setting of Deskside; did you mean 'log_level'\?"),
        (
            "zzz = 1",
            r"'zzz' in .* is no setting of Deskside; the settings are: backend, .*lan, library, log_level, offline\.",
        ),
        ('log_level = "loud"', r"'log_level' in .* is 'loud', but must be 'debug' or 'info' or 'warning' or 'error'\."),
        ("log_level = 3", r"'log_level' in .* is 3, but must be"),
        ("[log_level]\na = 1", r"'log_level' in .* is \{'a': 1\}, but must be"),
        ("log_level = \n\n", r"config\.toml is not valid TOML \(.*line 1.*\); correct it"),
        (b"\xff\xfe", r"config\.toml is not valid TOML"),
    ],
)
def test_a_bad_file_is_one_sentence_that_names_it(environ: dict[str, str], text: str | bytes, message: str) -> None:
    write(environ, text)
    with pytest.raises(InvalidRequest, match=message):
        load_config(environ)


def test_a_folder_in_place_of_the_file(environ: dict[str, str]) -> None:
    (Path(environ["DESKSIDE_HOME"]) / "config" / "config.toml").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match=r"config\.toml cannot be read"):
        load_config(environ)


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(environ: dict[str, str]) -> None:
    write(environ, "").chmod(0)
    with pytest.raises(InvalidRequest, match=r"config\.toml cannot be read \(Permission denied\)"):
        load_config(environ)


def test_bad_variables_are_named(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=r"variable DESKSIDE_LOGLEVEL is no setting.*'DESKSIDE_LOG_LEVEL'"):
        load_config({**environ, "DESKSIDE_LOGLEVEL": "info"})
    with pytest.raises(InvalidRequest, match=r"variable DESKSIDE_BACKEND is 'gpu', but must be 'auto'") as caught:
        load_config({**environ, "DESKSIDE_BACKEND": "gpu"})
    assert caught.value.param == "backend"


def test_bad_options_are_named(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="The option --log-level is 'x', but must be"):
        load_config(environ, {"log_level": "x"})
    with pytest.raises(InvalidRequest, match="The option 'verbose' is no setting"):
        load_config(environ, {"verbose": True})


def test_at_most_ten_variables_each_named_after_its_setting() -> None:
    rows = settings()
    assert len(rows) + 1 <= 10  # and DESKSIDE_HOME
    assert [row.env for row in rows] == [PREFIX + row.name.upper() for row in rows]
    assert {row.name for row in rows} | {"places"} == {field.name for field in dataclasses.fields(Config)}


def test_the_documentation_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "scripts" / "write_docs.py")
    assert spec is not None
    assert spec.loader is not None
    write_docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(write_docs)
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == write_docs.configuration(), (
        "run: python scripts/write_docs.py"
    )


def test_a_saved_setting_is_read_again_and_nothing_else_changes(environ: dict[str, str]) -> None:
    places = load_config(environ).places
    save_setting(places, "offline", True)
    assert load_config(environ).offline is True
    places.config_file.write_text("# mine\nlog_level = 'info'\n  offline  = true  # why\n# end\n", encoding="utf-8")
    save_setting(places, "offline", False)
    save_setting(places, "backend", "reference")
    config = load_config(environ)
    assert (config.offline, config.backend, config.log_level) == (False, "reference", "info")
    text = places.config_file.read_text(encoding="utf-8")
    assert text.startswith("# mine\nlog_level = 'info'\n")
    assert "# end\n" in text
    assert list(places.config.iterdir()) == [places.config_file]


@pytest.mark.parametrize(("name", "value"), [("offlin", True), ("offline", "yes"), ("backend", "abacus")])
def test_what_does_not_fit_is_not_saved(environ: dict[str, str], name: str, value: object) -> None:
    places = load_config(environ).places
    with pytest.raises(InvalidRequest):
        save_setting(places, name, value)
    assert not places.config_file.exists()


def test_a_damaged_file_is_not_made_worse(environ: dict[str, str]) -> None:
    file = write(environ, "offline = = true\n")
    with pytest.raises(InvalidRequest, match="not valid TOML"):
        save_setting(find_places(environ), "offline", True)
    assert file.read_text() == "offline = = true\n"
