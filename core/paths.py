"""Where Deskside keeps its files: pure functions of one frozen `Places`. Nothing is created here.

    data/    models/<org>/<name>/  engines/<key>/  jobs/<id>/  chats.db  jobs.db     what the user would miss
    library/ models/  engines/                      these two, where the setting `library` puts them on another disk
    cache/   kernels/  trt-runtime/                                     may be deleted at any time
    state/   service.lock  engines.key  logs/                                        of this machine and this user
    config/  config.toml                                                see core.config

By default these are the platform's own folders (platformdirs). One folder instead of four, for a portable installation or
a test, is `Places.under(folder)`: the environment variable DESKSIDE_HOME.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import InvalidRequest, NotFound

HOME_VARIABLE = "DESKSIDE_HOME"

# One path component on every file system we support: no separator, no drive colon, no leading dot, no trailing dot.
_KEY = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?")


@dataclass(frozen=True, slots=True)
class Places:
    """Four absolute roots and every file below them that Deskside names. Creating folders is the writer's business. `library`: the
    folder of models and engines, which are large, where that is not `data`."""

    data: Path
    cache: Path
    state: Path
    config: Path
    library: Path | None = None

    @classmethod
    def under(cls, home: Path) -> Places:
        """All four roots inside one folder."""
        return cls(data=home / "data", cache=home / "cache", state=home / "state", config=home / "config")

    @property
    def library_root(self) -> Path:
        """The folder that holds models/ and engines/."""
        return self.library or self.data

    @property
    def models(self) -> Path:
        return self.library_root / "models"

    @property
    def partial(self) -> Path:
        """Downloads under way, beside the models: a finished one moves there by a rename."""
        return self.models / ".partial"

    @property
    def model_locks(self) -> Path:
        return self.models / ".locks"

    @property
    def engines(self) -> Path:
        return self.library_root / "engines"

    def building(self, job_id: str) -> Path:
        """Where a build gathers its engine, on the volume of the engines. `job_id` is one path component, else InvalidRequest."""
        return self.engines / ".building" / _component(job_id, "a job id")

    def engine(self, key: str) -> Path:
        """Folder of one compiled engine. `key` is one path component, else InvalidRequest."""
        return self.engines / _component(key, "an engine key")

    @property
    def jobs(self) -> Path:
        return self.data / "jobs"

    def job(self, job_id: str) -> Path:
        """Working folder of one job. `job_id` is one path component, else InvalidRequest."""
        return self.jobs / _component(job_id, "a job id")

    @property
    def chats_db(self) -> Path:
        return self.data / "chats.db"

    @property
    def jobs_db(self) -> Path:
        return self.data / "jobs.db"

    @property
    def kernels(self) -> Path:
        return self.cache / "kernels"

    @property
    def trt_runtime(self) -> Path:
        return self.cache / "trt-runtime"

    @property
    def service_lock(self) -> Path:
        return self.state / "service.lock"

    @property
    def library_lock(self) -> Path:
        """Shared by whoever uses or changes models and engines, exclusive for whoever moves them all."""
        return self.state / "library.lock"

    @property
    def move_record(self) -> Path:
        """From where to where models and engines are on their way; there while they are."""
        return self.state / "moving.json"

    @property
    def engine_key(self) -> Path:
        """What the manifests of compiled plans are sealed with: plans from elsewhere are not loaded."""
        return self.state / "engines.key"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"


def find_places(environ: Mapping[str, str]) -> Places:
    """The places of this user: below DESKSIDE_HOME if that is set and not empty, else the platform's folders.

    Raises InvalidRequest for a relative DESKSIDE_HOME: it would mean another folder after every `cd`.
    """
    home = environ.get(HOME_VARIABLE)
    if home:
        path = Path(home).expanduser()
        if not path.is_absolute():
            raise InvalidRequest(
                f"{HOME_VARIABLE} is '{home}', which is relative to wherever a program starts; give an absolute folder.",
                HOME_VARIABLE,
            )
        return Places.under(path)

    from platformdirs import PlatformDirs  # 10 ms that a portable installation never needs

    dirs = PlatformDirs("deskside", appauthor=False)
    return Places(
        data=dirs.user_data_path, cache=dirs.user_cache_path, state=dirs.user_state_path, config=dirs.user_config_path
    )


def bundled_asset(name: str) -> Path:
    """A file or folder that ships with Deskside, e.g. `demo_model`: `assets/` beside the package `core`.

    True of a checkout (editable or not), of an installed wheel and of a frozen application, where PyInstaller keeps
    packages and data in one folder. Raises NotFound, naming the path, when the installation lacks it.
    """
    path = Path(__file__).resolve().parent.parent / "assets" / name
    if not path.exists():
        raise NotFound(f"This installation has no '{path}', which ships with Deskside; install Deskside again.")
    return path


def _component(text: str, what: str) -> str:
    if not _KEY.fullmatch(text):
        raise InvalidRequest(
            f"'{text}' cannot be {what}: use at most 128 letters, digits, '.', '_' and '-', no '.' at either end."
        )
    return text
