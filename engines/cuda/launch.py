"""Kernels as callables: grid, block and arguments in, enqueued on the engine's stream."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from engines.api.errors import ContractError, DeviceError, UnsupportedError
from engines.cuda.driver import Driver
from engines.cuda.nvrtc import Compiler

Grid = tuple[int, int, int]
# Programmatic dependent launch: when the next kernel may start (PDL in kernels/common.cuh), and the first devices that have it.
OVERLAPS: Final = {"off": 0, "early": 1, "late": 2}
OVERLAP_ARCH: Final = 90


def overlap_macros(overlap: str, arch: int) -> dict[str, int]:
    """Macros for kernels that may overlap; none where they do not, so that what is compiled then is what always was."""
    if overlap not in OVERLAPS:
        raise ContractError(f"overlap is {', '.join(OVERLAPS)}, not {overlap!r}.")
    return {"PDL": OVERLAPS[overlap]} if OVERLAPS[overlap] and arch >= OVERLAP_ARCH else {}


class Chain:
    """Launches of which each may start before the one in front of it has ended. Our kernels wait in the device for what is in front
    (`after_previous` in kernels/common.cuh); whatever else is launched in between starts after all of it, as always."""

    def __init__(self) -> None:
        self._open = self._begun = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """To the end of the block. The first launch starts when all in front has ended: copies of weights, of a plan."""
        self._open, self._begun = True, False
        try:
            yield
        finally:
            self._open = False

    def follows(self) -> bool:
        """Called once a launch: whether it may overlap."""
        found = self._open and self._begun
        self._begun = self._open
        return found


def pack_arguments(arguments: Sequence[int | float]) -> list[int]:
    """One 64-bit cell per argument: a pointer, an integer (the kernel reads as many low bytes as it declares) or a float32."""
    return [
        struct.unpack("<I", struct.pack("<f", value))[0] if isinstance(value, float) else value & 0xFFFFFFFFFFFFFFFF
        for value in arguments
    ]


class Kernel:
    """One function of a loaded module."""

    def __init__(
        self, driver: Driver, name: str, function: Any, stream: Any, shared: int, chain: Chain | None = None
    ) -> None:
        """`chain`: given for a kernel that waits for the ones in front of it."""
        self._name = name
        self._chain = chain
        self.count = _count_parameters(driver, function)
        self._launch = driver.api.cuLaunchKernel
        self._driver = driver
        self._function = function
        self._stream = stream
        self._shared = shared

    def __call__(self, grid: Grid, block: int, *arguments: int | float, shared: int | None = None) -> None:
        """Enqueue. Python ints become integers and pointers, floats float32. Raises ContractError for another number of arguments
        than the kernel has (the driver would read what lies behind them), DeviceError."""
        if len(arguments) != self.count:
            raise ContractError(f"The kernel {self._name} takes {self.count} arguments and was given {len(arguments)}.")
        cells = (ctypes.c_uint64 * len(arguments))(*pack_arguments(arguments))
        base = ctypes.addressof(cells)
        pointers = (ctypes.c_void_p * len(arguments))(*range(base, base + 8 * len(arguments), 8))
        size = self._shared if shared is None else shared
        if self._chain is not None and self._chain.follows():
            self._overlap(grid, block, size, ctypes.addressof(pointers))
            return
        (code,) = self._launch(self._function, *grid, block, 1, 1, size, self._stream, ctypes.addressof(pointers), 0)
        if int(code):
            self._driver.call(
                "cuLaunchKernel", self._function, *grid, block, 1, 1, size, self._stream, ctypes.addressof(pointers), 0
            )

    def _overlap(self, grid: Grid, block: int, shared: int, arguments: int) -> None:
        """Enqueue so that it may start before the kernel in front has ended; in a graph that is captured, an edge of that kind."""
        api = self._driver.api
        attribute = api.CUlaunchAttribute()
        attribute.id = api.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION
        attribute.value.programmaticStreamSerializationAllowed = 1
        config = api.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = grid
        config.blockDimX, config.blockDimY, config.blockDimZ = block, 1, 1
        config.sharedMemBytes, config.hStream = shared, self._stream
        config.attrs, config.numAttrs = [attribute], 1
        self._driver.call("cuLaunchKernelEx", config, self._function, arguments, 0)


def _count_parameters(driver: Driver, function: Any) -> int:
    count = 0
    while not int(driver.api.cuFuncGetParamInfo(function, count)[0]):
        count += 1
    return count


class Modules:
    """Modules compiled and loaded at their first use. `base`: macros that every module is compiled with."""

    def __init__(self, driver: Driver, compiler: Compiler, stream: Any, base: Mapping[str, int]) -> None:
        self._driver = driver
        self._compiler = compiler
        self._stream = stream
        self._base = dict(base)
        self._modules: dict[tuple[Any, ...], Any] = {}
        self._chain = Chain() if self.overlap else None

    def overlapping(self, allowed: bool = True) -> AbstractContextManager[None]:
        """While it is open, kernels of kernels/ may start before the ones in front of them have ended: for the launches of a step,
        which read no weights that something in front writes. Nothing where PDL is not among the macros, or not `allowed`."""
        return self._chain.open() if self._chain is not None and allowed else nullcontext()

    @property
    def overlap(self) -> int:
        """PDL of kernels/common.cuh."""
        return self._base.get("PDL", 0)

    @property
    def fp16(self) -> bool:
        """Whether elements are float16, else bfloat16."""
        return bool(self._base.get("ELEM_FP16", 0))

    def kernel(self, file: str, name: str, defines: Mapping[str, int] | None = None, shared: int = 0) -> Kernel:
        """The kernel `name` of kernels/<file>.cu. `shared`: most bytes of dynamic shared memory it is launched with."""
        macros = {**self._base, **(defines or {})}
        key = (file, *sorted(macros.items()))
        if key not in self._modules:
            self._modules[key] = self._driver.call("cuModuleLoadData", self._compiler.compile(file, macros))
        return self._function(key, name, shared, self._chain)

    def custom(self, name: str, source: str, arguments: int) -> Kernel:
        """The kernel `name` of CUDA C++ that came with a network. Raises UnsupportedError if the source has none of that name,
        or one that does not take so many `arguments`."""
        key = ("custom", name, source)
        if key not in self._modules:
            code = self._compiler.compile_source(name, source, self._base)
            self._modules[key] = self._driver.call("cuModuleLoadData", code)
        try:
            kernel = self._function(key, name, 0)
        except DeviceError as error:
            raise UnsupportedError(
                f'The cuda_source of {name} has no kernel of that name: declare extern "C" __global__ void {name}(...).'
            ) from error
        if kernel.count != arguments:
            raise UnsupportedError(
                f"The kernel of the custom operation {name} takes {kernel.count} arguments where its inputs, parameters and "
                f"outputs are {arguments}; see docs/custom-op.md."
            )
        return kernel

    def _function(self, key: tuple[Any, ...], name: str, shared: int, chain: Chain | None = None) -> Kernel:
        function = self._driver.call("cuModuleGetFunction", self._modules[key], name.encode())
        attributes = self._driver.api.CUfunction_attribute
        fixed = self._driver.call("cuFuncGetAttribute", attributes.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function)
        if shared + fixed > 48 * 1024:
            attribute = attributes.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self._driver.call("cuFuncSetAttribute", function, attribute, shared)
        return Kernel(self._driver, name, function, self._stream, shared, chain)

    def close(self) -> None:
        for module in self._modules.values():
            self._driver.call("cuModuleUnload", module)
        self._modules.clear()
