"""Kernels from source: compiled by NVRTC for the device at hand, kept on disk by what they were made from.

The sources include no CUDA header, so that NVRTC is all it takes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engines.api.errors import DeviceError
from engines.cuda.driver import load

KERNELS: Final = Path(__file__).parent / "kernels"


def sources() -> tuple[str, ...]:
    """Names of all kernel files, without ending."""
    return tuple(sorted(path.stem for path in KERNELS.glob("*.cu")))


def headers() -> dict[str, str]:
    """Text of each file that kernels include, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(KERNELS.glob("*.cuh"))}


def options(arch: int, defines: Mapping[str, int]) -> tuple[str, ...]:
    """Command line of the compiler."""
    flags = (f"-D{macro}={value}" for macro, value in sorted(defines.items()))
    # wgmma exists under the name of this one architecture only; modules are made for the device at hand, so nothing is lost.
    name = "sm_90a" if arch == 90 else f"sm_{arch}"
    return (f"--gpu-architecture={name}", "--std=c++17", *flags)


def cache_key(source: str, included: Mapping[str, str], flags: tuple[str, ...], version: str) -> str:
    """Name of a module in the cache: changes with whatever the machine code depends on."""
    digest = hashlib.sha256()
    for part in (source, *included.values(), *flags, version):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


class Compiler:
    """`cache`: folder for compiled modules, given by the caller; None keeps nothing on disk."""

    def __init__(self, arch: int, cache: Path | None) -> None:
        self._api: Any = load("cuda.bindings.nvrtc")
        self._arch = arch
        self._cache = cache
        major, minor = self._must(self._api.nvrtcVersion())
        self._version = f"nvrtc {major}.{minor}"
        self._headers = headers()

    def compile(self, name: str, defines: Mapping[str, int] | None = None) -> bytes:
        """Machine code (cubin) of kernels/<name>.cu. DeviceError with the compiler's message if it does not compile."""
        return self.compile_source(name, (KERNELS / f"{name}.cu").read_text(encoding="utf-8"), defines)

    def compile_source(self, name: str, source: str, defines: Mapping[str, int] | None = None) -> bytes:
        """Machine code (cubin) of `source`, which may include the files of `headers`; `name` is for messages."""
        flags = options(self._arch, defines or {})
        file = None
        if self._cache is not None:
            file = self._cache / f"{name}-{cache_key(source, self._headers, flags, self._version)}.cubin"
            try:
                return file.read_bytes()
            except OSError:
                pass
        code = self._compile(name, source, flags)
        if file is not None:
            _write(file, code)
        return code

    def _compile(self, name: str, source: str, flags: tuple[str, ...]) -> bytes:
        api = self._api
        program = self._must(
            api.nvrtcCreateProgram(
                source.encode(),
                f"{name}.cu".encode(),
                len(self._headers),
                [text.encode() for text in self._headers.values()],
                [header.encode() for header in self._headers],
            )
        )
        try:
            (code,) = api.nvrtcCompileProgram(program, len(flags), [flag.encode() for flag in flags])
            if int(code):
                log = b" " * self._must(api.nvrtcGetProgramLogSize(program))
                api.nvrtcGetProgramLog(program, log)
                text = log.decode(errors="replace").strip("\0 \n")
                raise DeviceError(f"The kernel {name} does not compile for sm_{self._arch}: {text}")
            binary: bytes = b" " * self._must(api.nvrtcGetCUBINSize(program))
            self._must(api.nvrtcGetCUBIN(program, binary))
            return binary
        finally:
            api.nvrtcDestroyProgram(program)

    def _must(self, result: tuple[Any, ...]) -> Any:
        code, *values = result
        if int(code):
            raise DeviceError(f"NVRTC failed: {self._api.nvrtcGetErrorString(code)[1].decode()}.")
        return values[0] if len(values) == 1 else tuple(values) or None


def _write(file: Path, code: bytes) -> None:
    """Whole or not at all: several processes may compile the same kernel. A cache that cannot be written is no error."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as out:
            out.write(code)
        os.replace(name, file)
    except OSError:
        return
