"""The settings of one process: read once at its start, frozen, passed on as an argument.

`Config` is the table: each field carries its type, default, help and environment variable, and docs/configuration.md is
generated from it (scripts/write_docs.py; a test keeps them equal). To add a setting, add a field.

A value comes from, first found: the command line, the environment, config.toml, the default. Unknown names and values
that do not fit are errors, never ignored.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from core.errors import InvalidRequest
from core.paths import HOME_VARIABLE, Places, find_places

PREFIX = "DESKSIDE_"
TEST_PREFIX = "DESKSIDE_TEST_"  # read by the tests, which start processes that read this


def _setting(default: Any, env: str, help: str) -> Any:
    return dataclasses.field(default=default, metadata={"env": PREFIX + env, "help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings, each resolved to a value of its type. `places` is where files are kept: from DESKSIDE_HOME, since config.toml
    is found through it, but for models and engines (`library`)."""

    places: Places
    backend: Literal["auto", "cuda", "reference", "tensorrt"] = _setting(
        "auto",
        env="BACKEND",
        help="What runs a model. `reference` is NumPy on the processor and runs everywhere; `cuda` needs an NVIDIA GPU and "
        "the extra `gpu`; `tensorrt` also an engine that was built for it (docs/tensorrt.md); `auto` takes the fastest backend "
        "that works on this machine.",
    )
    deterministic: bool = _setting(
        False,
        env="DETERMINISTIC",
        help="The same request gives the same tokens to the bit, whatever else runs beside it. The processor always does; on a "
        "GPU it costs speed (docs/performance.md).",
    )
    kv_cache: Literal["auto", "fp8"] = _setting(
        "auto",
        env="KV_CACHE",
        help="How keys and values of the context are kept. `fp8` takes half of the memory on a GPU, a quarter on the processor, "
        "and costs a little quality (docs/quantization.md); TensorRT has `auto` only.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "warning",
        env="LOG_LEVEL",
        help="The least urgent message written to the log (stderr on the command line). Prompts and answers are never "
        "logged.",
    )
    offline: bool = _setting(
        False,
        env="OFFLINE",
        help="Never contact the Hub. HF_HUB_OFFLINE=1 has the same effect.",
    )
    lan: bool = _setting(
        False,
        env="LAN",
        help="The service that the window starts can be reached from other machines, on port 8421. Whoever has its token "
        "can use it, and the connection is not encrypted.",
    )
    library: str = _setting(
        "",
        env="LIBRARY",
        help="The folder with models and engines, such as one on a second disk; they lie with everything else if it is empty. "
        "`deskside core storage --move FOLDER` and the window's settings move what is there, too.",
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table, for help texts and documentation."""

    name: str
    type: Any
    default: Any
    env: str
    help: str


@cache
def settings() -> tuple[Setting, ...]:
    """The table: every field of `Config` that a user can set, in order."""
    types = get_type_hints(Config)
    return tuple(
        Setting(field.name, types[field.name], field.default, field.metadata["env"], field.metadata["help"])
        for field in dataclasses.fields(Config)
        if "env" in field.metadata
    )


def load_config(environ: Mapping[str, str], options: Mapping[str, Any] | None = None) -> Config:
    """The configuration of this process. Reads config.toml; changes nothing.

    `options` are settings given on the command line by name; None means not given. Raises InvalidRequest, naming the
    setting and where the value came from.
    """
    places = find_places(environ)
    table = {setting.name: setting for setting in settings()}
    values: dict[str, Any] = {}

    for name, value in _read_file(places).items():
        setting = table.get(name)
        if setting is None:
            raise _unknown(f"'{name}' in {places.config_file}", name, table)
        values[name] = _convert(setting, value, f"'{name}' in {places.config_file}", strict=True)

    by_variable = {setting.env: setting for setting in table.values()}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == HOME_VARIABLE or variable.startswith(TEST_PREFIX):
            continue
        if variable not in by_variable:
            raise _unknown(f"The environment variable {variable}", variable, [*by_variable, HOME_VARIABLE])
        if text:
            setting = by_variable[variable]
            values[setting.name] = _convert(setting, text, f"The environment variable {variable}", strict=False)

    for name, value in (options or {}).items():
        if name not in table:
            raise _unknown(f"The option '{name}'", name, table)
        if value is not None:
            values[name] = _convert(table[name], value, f"The option --{name.replace('_', '-')}", strict=False)

    library = values.get("library", "")
    if library:
        folder = Path(library).expanduser()
        if not folder.is_absolute():
            raise InvalidRequest(
                f"The folder of models and engines is '{library}', which is relative to wherever a program starts; give an "
                "absolute one as `library`.",
                "library",
            )
        places = dataclasses.replace(places, library=folder)
    return Config(places=places, **values)


def save_setting(places: Places, name: str, value: Any) -> None:
    """Writes one setting to config.toml; its other lines, comments too, stay as they are.

    Raises InvalidRequest for an unknown name, a value that does not fit, or a file that cannot be read or written."""
    setting = next((setting for setting in settings() if setting.name == name), None)
    if setting is None:
        raise _unknown(f"'{name}'", name, [setting.name for setting in settings()])
    _convert(setting, value, f"'{name}'", strict=True)
    _read_file(places)  # what is not valid is not written to
    file = places.config_file
    line = f"{name} = {json.dumps(value, ensure_ascii=False)}"  # of a text or a truth value JSON is TOML
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        found = re.compile(rf"^[ \t]*{name}[ \t]*=.*$", re.MULTILINE)
        if not found.search(text):
            text = f"{text.rstrip()}\n{name} =\n".lstrip()
        text = found.sub(lambda _: line, text, count=1)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        with part.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, file)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written ({error.strerror}); correct its permissions.") from error


def _read_file(places: Places) -> dict[str, Any]:
    file = places.config_file
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file} is not valid TOML ({error}); correct it or remove it.") from error
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read ({error.strerror}); correct its permissions.") from error


def _convert(setting: Setting, value: Any, source: str, *, strict: bool) -> Any:
    """`value` as the setting's type. Text (not strict) also stands for numbers and truth values."""
    try:
        return msgspec.convert(value, setting.type, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            f"{source} is {value!r}, but must be {describe_type(setting.type)}.", setting.name
        ) from error


def describe_type(kind: Any) -> str:
    """The values a setting takes, in words."""
    if kind is bool:
        return "'true' or 'false'"
    if kind is str:
        return "an absolute folder"
    return " or ".join(f"'{choice}'" for choice in kind.__args__)


def _unknown(what: str, name: str, known: Any) -> InvalidRequest:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the settings are: {', '.join(sorted(known))}."
    return InvalidRequest(f"{what} is no setting of Deskside; {hint}", name)
