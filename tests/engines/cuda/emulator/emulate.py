"""Our CUDA kernels on the CPU, for tests: a kernel file is translated to C++, compiled by g++, and run block by block.

The file is preprocessed with the macros that the engine would give NVRTC, `__CUDA_ARCH__` among them, so that each
architecture's own branches are what runs. Every inline `asm` becomes a call named after the instruction in its template,
operands in the template's order: a wrong template is wrong here too. What instructions and CUDA's functions do is in cuda.hpp;
one that is missing there does not compile. Not emulated: TMA, clusters, textures, speed.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.cuda.launch import Chain, pack_arguments
from engines.cuda.nvrtc import KERNELS

HERE = Path(__file__).parent
COMPILER = shutil.which("g++")
_FLAGS = (
    "-std=c++20", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-fno-strict-aliasing", "-U_FORTIFY_SOURCE", "-w",
    "-ftrivial-auto-var-init=pattern", "-fsanitize=bounds,alignment", "-fsanitize-undefined-trap-on-error",
)  # fmt: skip
_BOUNDS = r"(?:__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)\s*)?"
_KERNEL = re.compile(rf"__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(")
_DYNAMIC = re.compile(r"extern\s+__shared__\s+(?:__align__\(\d+\)\s*)?([\w ]+?)\s*(\w+)\s*\[\s*\]\s*;")
_ASM = re.compile(r"\basm\b(?:\s+volatile\b)?\s*\(")

_EXPORT = """
extern "C" const char *run_NAME(const uint64_t *cells, const unsigned *grid, int block, size_t shared, int order) {
    return emu::launch([](const uint64_t *c) { emu::call(NAME, c); }, cells, grid, block, shared, order);
}
extern "C" int count_NAME() { return emu::count(NAME); }
"""


class EmulationError(AssertionError):
    """A kernel did what a GPU does not allow, or what is not emulated."""


def translate_asm(source: str) -> str:
    """Every `asm(template : outputs : inputs)` as calls of ptx_<instruction>."""
    parts, at = [], 0
    while found := _ASM.search(source, at):
        end, sections, depth, quoted, start = found.end(), [], 0, False, found.end()
        while True:
            char = source[end]
            if quoted:
                end += char == "\\"
                quoted = char != '"'
            elif char == '"':
                quoted = True
            elif char in "([":
                depth += 1
            elif char in ")]":
                if not depth:
                    break
                depth -= 1
            elif char == ":" and not depth:
                sections.append(source[start:end])
                start = end + 1
            end += 1
        sections.append(source[start:end])
        template = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', sections[0]))
        operands = [text for section in sections[1:3] for text in _operands(section)]
        parts += [
            source[at : found.start()],
            "do { ",
            *(_call(line, operands) for line in _lines(template)),
            "} while (0)",
        ]
        at = end + 1
    return "".join(parts) + source[at:]


def _operands(section: str) -> list[str]:
    """The C++ expressions of `"r"(a), "f"(b)`."""
    found, at = [], 0
    while start := section.find("(", at) + 1:
        depth, end = 1, start
        while depth:
            depth += {"(": 1, ")": -1}.get(section[end], 0)
            end += 1
        found.append(section[start : end - 1])
        at = end
    return found


def _lines(template: str) -> list[str]:
    return [line.strip() for line in template.replace("\\n", " ").split(";") if line.strip()]


def _call(line: str, operands: list[str]) -> str:
    """A line of a template: an instruction, or what stands around it (registers of its own, a label, a jump back)."""
    if declared := re.fullmatch(r"\{? *\.reg \.(\w+) (\w+)", line):
        return f"{'bool' if declared[1] == 'pred' else 'uint64_t'} {declared[2]} = 0; "
    if line == "}":
        return ""
    if jump := re.fullmatch(r"@!(\w+) bra (\w+)", line):
        return f"if (!{jump[1]}) goto {jump[2]}; "
    if label := re.match(r"(\w+):\s+", line):
        return f"{label[1]}: {_call(line[label.end() :], operands)}"
    name, _, rest = line.partition(" ")
    arguments = [text.strip() for text in re.sub(r"[{}\[\]]", "", rest).split(",") if text.strip()]
    given = [f"({operands[int(text[1:])]})" if text.startswith("%") else text for text in arguments]
    return f"ptx_{re.sub('[.:]', '_', name)}({', '.join(given)}); "


def translate(preprocessed: str) -> str:
    """C++ of a preprocessed kernel file, with an exported `run_<kernel>` and `count_<kernel>` for each kernel."""
    source = _DYNAMIC.sub(r"\1 *\2 = emu::dynamic_shared<\1>();", translate_asm(preprocessed))
    made = ['#include "cuda.hpp"', "namespace {", source, "}"]
    made += [_EXPORT.replace("NAME", name) for name in _KERNEL.findall(preprocessed)]
    made += [
        'extern "C" void set_guard(const uint64_t *ranges, int count) { emu::guarded = ranges, emu::guards = count; }'
    ]
    return "\n".join(made)


def build(name: str, source: str, defines: Mapping[str, int], folder: Path) -> Path:
    """The shared library of CUDA C++ `source` with these macros; made once per folder. Raises EmulationError with g++'s words."""
    flags = [f"-D{macro}={value}" for macro, value in sorted(defines.items())]
    headers = [path.read_text(encoding="utf-8") for path in (*sorted(KERNELS.glob("*.cuh")), HERE / "cuda.hpp")]
    stem = f"{name}-{hashlib.sha256(chr(0).join([source, *headers, *flags]).encode()).hexdigest()[:24]}"
    target = folder / f"{stem}.so"
    if target.exists():
        return target
    (folder / f"{stem}.cu").write_text(source, encoding="utf-8")
    preprocessed = _compile(["-E", "-x", "c++", *flags, "-I", str(KERNELS), str(folder / f"{stem}.cu")])
    (folder / f"{stem}.cpp").write_text(translate(preprocessed), encoding="utf-8")
    header = folder / "cuda.hpp.gch"  # parsing the header takes longer than a kernel
    if not header.exists():
        _compile([*_FLAGS, "-x", "c++-header", "-o", str(header), str(HERE / "cuda.hpp")])
    _compile([*_FLAGS, "-I", str(folder), "-I", str(HERE), "-o", str(target), str(folder / f"{stem}.cpp")])
    return target


def _compile(arguments: list[str]) -> str:
    done = subprocess.run([str(COMPILER), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulationError(f"g++ does not compile the kernel: {done.stderr[:4000]}")
    return done.stdout


class EmulatedKernel:
    """As `engines.cuda.launch.Kernel`. Runs at once, on buffers of `Emulator`."""

    def __init__(self, library: ctypes.CDLL, name: str, shared: int, machine: Emulator) -> None:
        self._run, self._name, self._shared, self._machine = library[f"run_{name}"], name, shared, machine
        self._guard = library.set_guard
        self._run.restype = ctypes.c_char_p
        self.count = int(library[f"count_{name}"]())

    def __call__(self, grid: tuple[int, int, int], block: int, *arguments: float, shared: int | None = None) -> None:
        if len(arguments) != self.count:
            raise EmulationError(f"{self._name} takes {self.count} arguments and was given {len(arguments)}.")
        cells = (ctypes.c_uint64 * len(arguments))(*pack_arguments(arguments))
        size = self._shared if shared is None else shared
        guarded = self._machine.guarded() if self._machine.chain.follows() else []
        ranges = (ctypes.c_uint64 * len(guarded))(*guarded)
        self._guard(ranges, len(ranges) // 2)
        wrong = self._run(cells, (ctypes.c_uint32 * 3)(*grid), block, ctypes.c_size_t(size), self._machine.order)
        if wrong:
            raise EmulationError(f"{self._name}: {wrong.decode()}")


def upload(data: np.ndarray, target: int) -> None:
    """As `StagingRing.upload`."""
    flat = np.ascontiguousarray(data)
    ctypes.memmove(target, flat.ctypes.data, flat.nbytes)


class EmulatedDriver:
    """The calls of `engines.cuda.driver.Driver` that loading and checking weights make."""

    def __init__(self, arch: int) -> None:
        self.info = SimpleNamespace(arch=arch, name=f"emulated sm_{arch}", multiprocessors=132, shared_per_block=232448)

    def call(self, name: str, *arguments: Any) -> None:
        match name, arguments:
            case (("cuMemcpyDtoH" | "cuMemcpyHtoDAsync" | "cuMemcpyDtoDAsync"), (target, source, size, *_)):
                ctypes.memmove(target, source, size)
            case "cuMemsetD8Async", (target, value, size, _):
                ctypes.memset(target, value, size)
            case (("cuCtxSynchronize" | "cuStreamSynchronize"), _):
                pass
            case _:
                raise EmulationError(f"{name} is not emulated.")


class Emulator:
    """As `Gpu` of conftest.py. `order`: of threads and blocks, 0 ascending, 1 descending, 2 mixed. `arch`: whose branches run.
    `overlap`: PDL of kernels/common.cuh; where it is not 0, a kernel that `chain` lets overlap starts while the ones in front run:
    until all threads of a block have waited for them, no buffer can be touched but `constant` ones."""

    def __init__(self, folder: Path, arch: int = 90, order: int = 0, fp16: bool = False, overlap: int = 0) -> None:
        self.folder, self.order, self.fp16, self.overlap = folder, order, fp16, overlap
        self.constant: set[int] = set()
        self.chain = Chain()
        self.driver = EmulatedDriver(arch)
        self.memory = SimpleNamespace(take=self.poisoned, give=lambda ptr: None)
        self.modules = SimpleNamespace(kernel=self.kernel, fp16=fp16, overlap=overlap)
        self.staging = SimpleNamespace(upload=upload)
        self.stream = 0
        self._buffers: dict[int, tuple[mmap.mmap, int, Any]] = {}
        self._libraries: dict[Path, ctypes.CDLL] = {}

    def kernel(self, file: str, name: str, defines: Mapping[str, int] | None = None, shared: int = 0) -> EmulatedKernel:
        """The kernel `name` of kernels/<file>.cu."""
        source = (KERNELS / f"{file}.cu").read_text(encoding="utf-8")
        return self.compile(file, source, name, defines, shared)

    def compile(
        self, label: str, source: str, name: str, defines: Mapping[str, int] | None = None, shared: int = 0
    ) -> EmulatedKernel:
        """The kernel `name` of CUDA C++ `source`."""
        overlap = {"PDL": self.overlap} if self.overlap else {}
        macros = {
            "ELEM_FP16": int(self.fp16),
            **overlap,
            "__CUDA_ARCH__": self.driver.info.arch * 10,
            **({"__CUDA_ARCH_FEAT_SM90_ALL": 1} if self.driver.info.arch == 90 else {}),
            **(defines or {}),
        }
        path = build(label, source, macros, self.folder)
        if path not in self._libraries:
            self._libraries[path] = ctypes.CDLL(str(path))
        return EmulatedKernel(self._libraries[path], name, shared, self)

    def guarded(self) -> list[int]:
        """Address and size of the pages of each buffer that kernels in front may write or read."""
        page, made = mmap.PAGESIZE, []
        for address, (block, _, _) in self._buffers.items():
            if self.overlap and address not in self.constant:
                made += [address // page * page, len(block) - page]
        return made

    def poisoned(self, nbytes: int) -> int:
        """A block of 0xFF bytes that ends, up to 16 bytes, at a page that cannot be touched."""
        size, page = -(-max(nbytes, 1) // 16) * 16, mmap.PAGESIZE
        room = -(-size // page) * page
        block = mmap.mmap(-1, room + page)
        view = ctypes.c_char.from_buffer(block)
        base = ctypes.addressof(view)
        if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(base + room), ctypes.c_size_t(page), 0):
            raise OSError(ctypes.get_errno(), "mprotect failed")
        address = base + room - size
        ctypes.memset(address, 0xFF, size)
        self._buffers[address] = (block, nbytes, view)
        return address

    def put(self, array: np.ndarray) -> int:
        data = np.ascontiguousarray(array)
        address = self.poisoned(data.nbytes)
        ctypes.memmove(address, data.ctypes.data, data.nbytes)
        return address

    def get(self, ptr: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        out = np.empty(shape, dtype)
        ctypes.memmove(out.ctypes.data, ptr, out.nbytes)
        return out

    def get_bf16(self, ptr: int, shape: tuple[int, ...]) -> np.ndarray:
        return (self.get(ptr, shape, np.uint16).astype(np.uint32) << 16).view(np.float32)
