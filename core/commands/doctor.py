"""Check this installation and this machine: what works, what does not, and what to do about it."""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from core import __version__
from core.commands.options import add_json, print_json
from core.config import Config, load_config
from core.errors import DesksideError
from core.library.engines import built_engines
from core.library.gpus import GIB, present_gpus
from core.library.staging import unfinished
from core.library.there import is_missing
from core.packs.install import installed
from core.packs.pinned import RTX
from core.paths import Places
from core.probe import probe
from engines.api.driver import driver_version

PACKAGES = ("numpy", "tokenizers", "transformers", "msgspec", "jinja2", "huggingface-hub", "PySide6-Essentials")
GPU_PACKAGES = (
    "cuda-bindings",
    "nvidia-cuda-nvrtc",
    "nvidia-cublas",
    "nvmath-python",
    "tensorrt-rtx-cu13-bindings",
    "tensorrt-cu13",
)


@dataclass(frozen=True, slots=True)
class Check:
    """`detail`: what was found. `advice`: what to do, where something is amiss."""

    name: str
    status: Literal["ok", "note", "fail"]
    detail: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "each check")


def run(args: argparse.Namespace) -> int:
    checks = list(check_all(load_config(os.environ)))
    for check in checks:
        if args.json:
            print_json(
                {"name": check.name, "status": check.status, "detail": check.detail, "advice": check.advice or None}
            )
        else:
            print(
                f"{check.status:<5} {check.name:<18} {check.detail}"
                + (f"\n{'':<24} {check.advice}" if check.advice else "")
            )
    return 1 if any(check.status == "fail" for check in checks) else 0


def check_all(config: Config) -> Iterator[Check]:
    frozen = bool(getattr(sys, "frozen", False))
    yield Check("deskside", "ok", f"{__version__}, frozen" if frozen else _version("deskside") or "from source")
    yield Check(
        "python", "ok", f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} CPUs{_memory()}"
    )
    for name in () if frozen else PACKAGES:  # a frozen application holds its packages and not their metadata
        version = _version(name)
        if version is None:
            yield Check(
                name, "fail", "not installed", f"Install Deskside again: {sys.executable} -m pip install deskside"
            )
        else:
            yield Check(name, "ok", version)
    for label, folder in (("data", config.places.data), ("cache", config.places.cache), ("state", config.places.state)):
        yield check_folder(label, folder)
    yield check_child()
    yield check_demo()
    yield check_gpu()
    yield from check_backend(config)
    yield check_tensorrt(config.places)
    yield from check_memory()
    yield from check_library(config.places)
    yield Check(
        "Hub", "ok", "never asked: Deskside is offline by its setting" if config.offline else "asked only when you do"
    )
    found = [f"{name} {version}" for name in GPU_PACKAGES if (version := _version(name))]
    yield Check("GPU packages", "note", ", ".join(found) or "none installed")


def check_folder(label: str, folder: Path) -> Check:
    """Where files will go: writable, and how much room there is. Creates nothing."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return Check(
            label,
            "fail",
            f"{folder} cannot be written",
            "Correct its permissions, or set DESKSIDE_HOME to another folder.",
        )
    free = shutil.disk_usage(existing).free / 1e9
    advice = "Free some disk space before installing models." if free < 10 else ""
    return Check(label, "note" if advice else "ok", f"{folder}, {free:,.0f} GB free", advice)


def check_child() -> Check:
    """Deskside works in several processes: can one be started here?"""
    try:
        return Check("child process", "ok", f"answers after {probe():.2f} s")
    except DesksideError as error:
        advice = "Allow Deskside in your security software, or install it again."
        return Check("child process", "fail", error.message, advice)


def check_demo() -> Check:
    """The bundled model answers, on the backend that runs everywhere."""
    from core.llm import LLM
    from core.sampling import SamplingParams

    try:
        with LLM("demo", backend="reference", kv_tokens=512) as llm:
            result = llm.chat([{"role": "user", "content": "Hello!"}], SamplingParams(temperature=0.0, max_tokens=16))
            return Check("demo model", "ok", f"answers on {llm.spec.backend}: {result.text.strip()[:48]!r}")
    except DesksideError as error:
        return Check("demo model", "fail", error.message, "Install Deskside again.")


def check_gpu() -> Check:
    """Is there an NVIDIA driver? Asked of the driver library itself (cuDriverGetVersion), with no package needed."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return Check(
            "GPU",
            "note",
            "no NVIDIA driver found; models run on the processor",
            "Install NVIDIA's driver to use an NVIDIA GPU later on.",
        )
    version, count = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    code = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    cuda = f"CUDA {version.value // 1000}.{version.value % 1000 // 10}"
    if code or not count.value:
        return Check(
            "GPU",
            "note",
            f"the NVIDIA driver ({cuda}) finds no usable GPU (error {code})",
            "Restart the machine after a driver update.",
        )
    return Check("GPU", "note", f"{count.value} NVIDIA GPU(s), driver for {cuda}; `--backend cuda` runs models on it")


def check_backend(config: Config) -> Iterator[Check]:
    """What `--backend auto` found of the CUDA backend, where it was asked."""
    from core.worker.selfcheck import FILE, remembered

    found = remembered(config.places.kernels)
    passed = [model for _, model, verdict in found if verdict.passed]
    if passed:
        yield Check("CUDA backend", "ok", f"gave the reference's results for {', '.join(dict.fromkeys(passed))}")
    for gpu, model, verdict in found:
        if not verdict.passed:
            yield Check(
                "CUDA backend",
                "note",
                f"failed its check with {model} on {gpu}: {verdict.reason}",
                f"`auto` uses the processor for it; update the driver, or delete {config.places.kernels / FILE} to ask again.",
            )


def check_tensorrt(places: Places) -> Check:
    """Whether TensorRT for RTX is here; it is not loaded."""
    found = installed(RTX, places)
    if found is None:
        return Check(RTX.title, "note", "not installed; for RTX GPUs: deskside core pack install rtx")
    return Check(
        RTX.title, "note", f"{RTX.version} in {found.folder}" if found.folder else "in this Python environment"
    )


def check_memory() -> Iterator[Check]:
    """What of each GPU's memory is free, as the driver says."""
    for gpu in present_gpus():
        free = gpu.memory - gpu.others
        advice = "Close other programs that use the GPU before loading a large model." if free < gpu.memory / 2 else ""
        detail = (
            f"{gpu.name}: {free / GIB:.1f} of {gpu.memory / GIB:.1f} GiB free, driver {driver_version() or 'unknown'}"
        )
        yield Check("GPU memory", "note" if advice else "ok", detail, advice)


def check_library(places: Places) -> Iterator[Check]:
    """Engines that cannot be used here any more, and downloads that wait. Reads no weights."""
    if is_missing(places):
        advice = "Connect its disk, or choose another folder: deskside core storage --use FOLDER"
        yield Check("models, engines", "fail", f"{places.library} is not there", advice)
        return
    engines = built_engines(places)
    driver = driver_version()
    bad = 0
    for engine in engines:
        manifest, problem = engine.manifest, engine.problem
        device = manifest.device if manifest is not None else None
        if manifest is not None and not problem and device is not None and driver not in (None, device.driver):
            problem = f"checked with driver {device.driver}, this machine has {driver}; {manifest.again}."
        if problem:
            bad += 1
            yield Check("engine", "note", engine.name, problem)
    yield Check("engines", "ok", f"{len(engines) - bad} of {len(engines)} can be used")
    for item in unfinished(places):
        share = item.have / item.total if item.total else 0.0
        yield Check("download", "note", f"{item.name}: {share:.0%} is here", f"deskside core pull {item.name}")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _memory() -> str:
    memory = ""
    if sys.platform != "win32":
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB memory"
    return memory
