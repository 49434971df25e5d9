"""The TensorRT libraries: found and imported here only, their absence a sentence."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

from engines.api.errors import DeviceError

Kind = Literal["rtx", "datacenter"]

# The version that was tried pattern by pattern; `Library.tried` says whether what is installed is that one.
RTX_VERSION: Final = "1.7.1.116"
# The package of the bindings comes first: the package without the suffix exists only with NVIDIA's meta package.
# `create_network(0)` is strongly typed since then, and the interface is the one that both libraries share.
_LEAST_DATACENTER: Final = 11
PACKAGES: Final[dict[Kind, str]] = {"rtx": "tensorrt-rtx-cu13-bindings", "datacenter": "tensorrt-cu13"}
_MODULES: Final[dict[Kind, tuple[str, ...]]] = {
    "rtx": ("tensorrt_rtx_bindings", "tensorrt_rtx"),
    "datacenter": ("tensorrt", "tensorrt_bindings"),
}


@dataclass(frozen=True, slots=True)
class Library:
    """`trt`: the module. `kind`: which of the two libraries. `version`: its own word."""

    trt: Any
    kind: Kind
    version: str

    @property
    def name(self) -> str:
        """For manifests and messages."""
        return f"TensorRT for RTX {self.version}" if self.kind == "rtx" else f"TensorRT {self.version}"

    @property
    def tried(self) -> bool:
        """Whether this very version passed our builds of every pattern."""
        return self.kind == "rtx" and self.version == RTX_VERSION


def load_library(kind: Kind = "rtx", pack: Path | None = None) -> Library:
    """The library. `pack`: a folder that holds its packages, as the RTX pack does; it is looked in first.

    Raises DeviceError, one sentence that says how to get it, if the library is missing or cannot be loaded.
    """
    if pack is not None and pack.is_dir() and str(pack) not in sys.path:
        sys.path.insert(0, str(pack))
        importlib.invalidate_caches()
    reason = ""
    for name in _MODULES[kind]:
        try:
            module: ModuleType = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.partition(".")[0] != name:
                reason = f" ({error})"
        except (ImportError, OSError, RuntimeError) as error:
            reason = f" ({error})"
        else:
            version = str(getattr(module, "__version__", "of no known version"))
            major = version.partition(".")[0]
            if kind == "rtx" or (major.isdigit() and int(major) >= _LEAST_DATACENTER):
                return Library(module, kind, version)
            reason = f" in a version that is used here ({version} is, {_LEAST_DATACENTER} or newer is needed)"
    if kind == "rtx":
        raise DeviceError(
            f"TensorRT for RTX is not installed{reason}; install the RTX pack with: deskside core pack install rtx, or take "
            f"--backend cuda."
        )
    raise DeviceError(
        f"TensorRT is not installed{reason}; install it with: pip install 'deskside[datacenter]', or take --backend cuda."
    )
