"""The packs that can be installed, each a few wheels of one version, known by size and SHA-256: nothing else is ever unpacked."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import Final

from core.errors import InvalidRequest, NotFound


@dataclass(frozen=True, slots=True)
class Wheel:
    """`project`: its name in the package index. `python`: the version it is for, such as 3.11, or None for any. `system`:
    sys.platform."""

    project: str
    file: str
    size: int
    sha256: str
    python: str | None
    system: str


@dataclass(frozen=True, slots=True)
class Pack:
    """`wheels`: the first holds the licence and is small. `module`: what it is imported as."""

    name: str
    title: str
    version: str
    module: str
    wheels: tuple[Wheel, ...]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"

    def here(self) -> tuple[Wheel, ...]:
        """The wheels for this Python and system. Raises NotFound where the publisher has none."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        machine = platform.machine().lower()
        found = tuple(w for w in self.wheels if w.system == sys.platform and w.python in (None, python))
        if machine not in ("x86_64", "amd64") or len({w.project for w in found}) != len(
            {w.project for w in self.wheels}
        ):
            raise NotFound(
                f"{self.title} {self.version} is not published for Python {python} on {sys.platform} ({machine}); it is for Linux "
                f"and Windows on x86-64."
            )
        return found


_BINDINGS: Final = "tensorrt-rtx-cu13-bindings"
_LIBS: Final = "tensorrt-rtx-cu13-libs"
_VERSION: Final = "1.7.1.116"
_TAGS: Final = {"linux": "manylinux_2_28_x86_64", "win32": "win_amd64"}


def _bindings(python: str, system: str, size: int, sha256: str) -> Wheel:
    file = f"tensorrt_rtx_cu13_bindings-{_VERSION}-cp{python.replace('.', '')}-none-{_TAGS[system]}.whl"
    return Wheel(_BINDINGS, file, size, sha256, python, system)


def _libs(system: str, size: int, sha256: str) -> Wheel:
    return Wheel(_LIBS, f"tensorrt_rtx_cu13_libs-{_VERSION}-py3-none-{_TAGS[system]}.whl", size, sha256, None, system)


RTX: Final = Pack(
    "rtx",
    "TensorRT for RTX",
    _VERSION,
    "tensorrt_rtx_bindings",
    (
        _bindings("3.11", "linux", 1232170, "6a4d2bf39a98b71238046b9a9dd22d0e6b146be90cd56ac09f1e068933e4e18d"),
        _bindings("3.11", "win32", 876211, "39c2d8296f934863130531fb0901045a17bb0ea939d0c93678bfb9a0e317c581"),
        _bindings("3.12", "linux", 1227705, "52fb62cb86b922637848f5971b53153bf2e091c33948fa89efd215abaa52b044"),
        _bindings("3.12", "win32", 877765, "13c2d17a2814155ba84c8671d2078a3dc073101531af4d4750c3cb241847c869"),
        _bindings("3.13", "linux", 1227578, "f15cdb560cf2d926405789985509f5496e378ba457a7fb657592ce7f7311c0ff"),
        _bindings("3.13", "win32", 877663, "b6f7574b8f6063980d6d03f29d032f717dd1cfb4aa17b35e9dfa9874e46281c8"),
        _bindings("3.14", "linux", 1233684, "675881105d3fa967cc4b3a1258d2bd29545de92e19a7058c0c8a17afa62290cd"),
        _bindings("3.14", "win32", 878316, "410170fb3e09150dac51b3ca7535369b298a509195a25e76e013dff272b568b4"),
        _libs("linux", 95153708, "e3fd45fed001240d63304e77a2d4006319b839994237cb294b6e7ad72acaabcd"),
        _libs("win32", 93129282, "3f0bc38ffe0b755e9de672da7b9ed3c05ddfd2538160c36af2a1e0994508c940"),
    ),
)

PACKS: Final = {"rtx": RTX}


def find_pack(name: str) -> Pack:
    """Raises InvalidRequest for a name that is none."""
    if name not in PACKS:
        raise InvalidRequest(f"There is no pack '{name}'; there is: {', '.join(PACKS)}.", "pack")
    return PACKS[name]
