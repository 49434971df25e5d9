"""Which backends can run an engine on this machine, in which order they are tried, and why."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engines.api.errors import DeviceError, UnsupportedError
from engines.api.manifest import DeviceInfo

BACKENDS = ("auto", "reference", "cuda", "tensorrt")


def check(
    backend: str, precision: str, device: DeviceInfo | str, gpus: Sequence[str] = (), pack: Path | None = None
) -> None:
    """Raises UnsupportedError or DeviceError if `backend` cannot be built for: here, or for TensorRT on `gpus` (sm89, ...)."""
    if backend not in BACKENDS:
        raise UnsupportedError(f"There is no backend {backend!r}; there are {', '.join(BACKENDS)}.")
    if backend == "tensorrt":
        from engines.tensorrt import pipeline

        pipeline.check(precision, gpus, device, pack)
    if backend == "cuda" and isinstance(device, str):
        raise DeviceError(device)


def candidates(wanted: str, device: DeviceInfo | str, reasons: list[str]) -> list[str]:
    """Backends to try, the preferred first. `reasons` takes why one was left out."""
    if wanted != "auto":
        return [wanted]
    if isinstance(device, str):
        reasons.append(device)
        return ["reference"]
    return ["cuda", "reference"]


def reason(backend: str, wanted: str, reasons: list[str], tried: bool = True) -> str:
    """Why `backend` was taken, as a sentence. `tried`: it ran here, and agreed."""
    if not tried:
        return f"{backend} was asked for; its plans were built, and run on no GPU yet, for this machine has none of that kind."
    if wanted != "auto":
        return f"{backend} was asked for."
    if not reasons:
        return f"{backend} is the first choice and agrees with the reference on this machine."
    return f"{backend}, because: {reasons[-1]}"


def why(wanted: str, device: DeviceInfo | str, reasons: list[str], tried: bool = True) -> str:
    """`reason` in a word."""
    if not tried:
        return "untried"
    if wanted != "auto":
        return "asked"
    if not reasons:
        return "preferred"
    return "no_device" if isinstance(device, str) else "fallback"


def versions_of(backend: str, device: DeviceInfo | str = "", gpus: Sequence[str] = ()) -> dict[str, str]:
    """Versions of the libraries that what was built needs, by package. The plans themselves say it too, and are checked by that."""
    if backend != "tensorrt":
        return {}
    from engines.tensorrt import pipeline
    from engines.tensorrt.library import PACKAGES

    name = PACKAGES[pipeline.library_of(gpus, device)]
    with suppress(importlib.metadata.PackageNotFoundError):
        return {name: importlib.metadata.version(name)}
    return {}


def builds_on_gpu(backend: str, device: DeviceInfo | str, gpus: Sequence[str]) -> bool:
    """Whether making its plans takes the GPU."""
    if backend != "tensorrt":
        return False
    from engines.tensorrt import pipeline

    return pipeline.library_of(gpus, device) == "datacenter"


def build_tensorrt_plans(
    engine: Path, spec: Any, on_progress: Callable[[str, int, int], None], cancelled: Callable[[], bool]
) -> dict[str, Any]:
    """The one place where plans are made: `engines.tensorrt` writes them into `engine`. `spec`: an `engines.build.BuildSpec`."""
    from engines.tensorrt import pipeline

    return pipeline.build(
        engine,
        spec.gpus,
        spec.device,
        key_file=spec.key_file,
        pack=spec.pack,
        on_progress=on_progress,
        cancelled=cancelled,
    )


def tried_here(backend: str, device: DeviceInfo | str, gpus: Sequence[str]) -> bool:
    """Whether what was built for `backend` can run on this machine."""
    if backend != "tensorrt":
        return True
    from engines.tensorrt import pipeline

    return pipeline.runs_here(gpus, device)
