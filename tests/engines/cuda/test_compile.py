"""Every kernel file compiles for every architecture the backend is for: by NVRTC where its package is there, else by nvcc."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engines.api.errors import DeviceError
from engines.cuda import nvrtc
from engines.cuda.nvrtc import KERNELS, Compiler, cache_key, headers, options, sources

ARCHS = (75, 80, 89, 90, 120)  # 86 is compiled from the text that 80 is: no condition lies between them
# The shapes of attention in use: Llama-3's on every architecture; on the oldest and one with all it can have, those of the demo
# model, GPT-J and Phi-2 too.
DEFINES = {
    "attention_decode": (
        {"HEAD_DIM": 128, "GROUP": 4},
        {"HEAD_DIM": 32, "GROUP": 2, "SOFT_CAP": 1},
        {"HEAD_DIM": 256, "GROUP": 1},
        {"HEAD_DIM": 80, "GROUP": 1, "ALIBI": 1, "PDL": 2},
        {"HEAD_DIM": 128, "GROUP": 4, "KV_FP8": 1, "PDL": 1},
        {"HEAD_DIM": 80, "GROUP": 1, "KV_FP8": 1},
        {"HEAD_DIM": 64, "GROUP": 8, "SINKS": 1},
    ),
    "attention_prefill": (
        {"HEAD_DIM": 128, "GROUP": 4},
        {"HEAD_DIM": 256, "GROUP": 1, "TILE_KEYS": 32},
        {"HEAD_DIM": 80, "GROUP": 1, "ALIBI": 1, "TILE_KEYS": 16},
        {"HEAD_DIM": 128, "GROUP": 4, "KV_FP8": 1},
        {"HEAD_DIM": 64, "GROUP": 8, "SINKS": 1},
    ),
    "attention_prefill_sm90": (
        {"HEAD_DIM": 128, "GROUP": 4},
        {"HEAD_DIM": 128, "GROUP": 4, "KV_FP8": 1},
        {"HEAD_DIM": 64, "GROUP": 1, "SOFT_CAP": 1},
        {"HEAD_DIM": 64, "GROUP": 8, "SINKS": 1},
    ),
    "rope_kv": ({"HEAD_DIM": 128}, {"HEAD_DIM": 128, "KV_FP8": 1, "PDL": 1}),
    "gemv": ({}, {"ROWS": 1, "UNROLL": 8, "PDL": 1}),
    "skinny_fp8": ({}, {"TOKENS": 24, "WARPS": 4, "UNROLL": 4, "PDL": 2}, {"CODE_INT8": 1, "PDL": 1}),
    "packed": (
        {},
        {"STAGES": 3, "GROUP": 64, "ZERO": 1, "TOKENS": 4},
        {"BITS": 8, "GROUP": 128, "ZERO": 1, "PDL": 1, "TOKENS": 2},
    ),
    "packed_wide": (
        {"TILES": 8, "ROW_TILES": 2},
        {"TILES": 8, "STAGES": 3, "GROUP": 64, "ZERO": 1},
        {"BITS": 8, "GROUP": 0, "TILES": 3, "ROW_TILES": 2, "PDL": 1},
    ),
    "packed_sm90": (
        {"ROW_TILES": 2, "TOKENS": 128, "STAGES": 3, "INPUTS": 3},
        {"ROW_TILES": 1, "TOKENS": 16, "GROUP": 32, "ZERO": 1},
        {"ROW_TILES": 2, "TOKENS": 64, "BITS": 8, "GROUP": 0, "PDL": 1, "STAGES": 3},
    ),
    "elementwise": ({}, {"CODE_INT8": 1, "PDL": 1}),
}


def has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


QUICK = ("--Ofast-compile=max",)
NVRTC = has("cuda.bindings.nvrtc") and has("nvidia.cu13")
NVCC = shutil.which("nvcc")
needs_compiler = pytest.mark.skipif(not (NVRTC or NVCC), reason="neither NVRTC's packages nor nvcc are here")


@needs_compiler
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name", sources())
def test_compiles(name: str, arch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first shape as the product compiles it, on the oldest architecture and on one with all it can have; the rest with
    little optimisation, a tenth of the time: what is no C++, no instruction of that architecture, or too large is refused alike."""
    for number, defines in enumerate(DEFINES.get(name, ({},))[: None if arch in (75, 90) else 1]):
        quick = number > 0 or arch not in (75, 90)
        monkeypatch.setattr(nvrtc, "options", lambda *what, quick=quick: (*options(*what), *QUICK[:quick]))
        if NVRTC:
            assert Compiler(arch, None).compile(name, defines)[:4] == b"\x7fELF"
            continue
        macros = [f"-D{key}={value}" for key, value in defines.items()]
        command = [
            str(NVCC),
            "-cubin",
            options(arch, {})[0].replace("--gpu-architecture", "-arch"),
            "-std=c++17",
            *macros,
            "-o",
            str(tmp_path / "out"),
            str(KERNELS / f"{name}.cu"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "serialized" not in done.stderr, "products that wait for each other: attention is half as fast then"


def test_no_kernel_differs_between_the_architectures_that_are_compiled_and_those_that_are_not() -> None:
    text = "".join(file.read_text() for file in KERNELS.iterdir() if file.suffix in (".cu", ".cuh"))
    limits = {int(limit) for limit in re.findall(r"\bARCH\s*[<>=!]+\s*(\d+)", text)}
    assert {800, 890} <= limits <= {10 * arch for arch in ARCHS}


@pytest.mark.skipif(not NVRTC, reason="NVRTC's packages are not here")
def test_modules_are_kept_and_errors_are_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler(90, tmp_path / "cache")
    first = compiler.compile("gemv", {"TOKENS": 2})
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(b"kept")
    assert compiler.compile("gemv", {"TOKENS": 2}) == b"kept" != first
    assert compiler.compile("gemv", {"TOKENS": 1}) != b"kept"
    with pytest.raises(DeviceError, match="gemv does not compile for sm_90"):
        compiler.compile("gemv", {"TOKENS": -1})


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    from engines.cuda.nvrtc import _write

    (tmp_path / "file").write_bytes(b"")
    _write(tmp_path / "file" / "below.cubin", b"code")
    assert (tmp_path / "file").read_bytes() == b""


def test_key_changes_with_everything_the_code_depends_on() -> None:
    base = ("source", {"name": "header"}, options(90, {"A": 1}), "nvrtc 13.0")
    keys = {
        cache_key(*base),
        cache_key("other", *base[1:]),
        cache_key(base[0], {"name": "other"}, *base[2:]),
        cache_key(*base[:2], options(89, {"A": 1}), base[3]),
        cache_key(*base[:2], options(90, {"A": 2}), base[3]),
        cache_key(*base[:3], "nvrtc 13.1"),
    }
    assert len(keys) == 6
    assert cache_key(*base) == cache_key("source", {"name": "header"}, options(90, {"A": 1}), "nvrtc 13.0")


def test_kernels_include_nothing_but_their_headers() -> None:
    """NVRTC is given those: no CUDA package's folder has to be found."""
    for path in KERNELS.iterdir():
        included = re.findall(r"^#include (.*)$", path.read_text(), re.M)
        assert bool(included) == (path.name != "common.cuh")
        assert {name.strip('"') for name in included} <= set(headers())
