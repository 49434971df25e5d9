"""The CUDA driver through NVIDIA's bindings: packages found, the device opened, every return code checked."""

from __future__ import annotations

import ctypes
import importlib
import sys
from dataclasses import dataclass
from typing import Any, Final

from engines.api.errors import DeviceError, DriverError, OutOfMemory, UnsupportedError

MIN_ARCH: Final = 75
# The driver that first ran CUDA 13, whose libraries the extra `gpu` installs.
MIN_DRIVER: Final = 13000


def load(module: str) -> Any:
    """A module of the GPU packages. DeviceError naming what to install if it is missing."""
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError, OSError) as error:
        raise DeviceError(
            f"The CUDA backend needs {module}, which cannot be loaded ({error}); install it with: pip install 'deskside[gpu]'."
        ) from error


def find_driver() -> None:
    """Raises DeviceError if the NVIDIA driver is not installed. Imports no package: cheap where there is no GPU."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        raise DriverError("No NVIDIA driver is installed; install it, or use --backend reference.") from error


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """`arch`: compute capability as 10 * major + minor. `driver`: CUDA version of the driver, 13000 for 13.0. Sizes in bytes."""

    index: int
    name: str
    arch: int
    driver: int
    multiprocessors: int
    memory: int
    shared_per_block: int

    def check(self) -> None:
        """Raises UnsupportedError or DeviceError if this backend cannot run here."""
        if self.driver < MIN_DRIVER:
            raise DriverError(
                f"The NVIDIA driver is for CUDA {self.driver // 1000}.{self.driver % 1000 // 10} and the CUDA backend needs "
                f"{MIN_DRIVER // 1000}.{MIN_DRIVER % 1000 // 10}; update the driver, or use --backend reference."
            )
        if self.arch < MIN_ARCH:
            raise UnsupportedError(
                f"{self.name} has compute capability {self.arch // 10}.{self.arch % 10} and the CUDA backend needs "
                f"{MIN_ARCH // 10}.{MIN_ARCH % 10} (RTX 20 series) or newer; use --backend reference."
            )


class Driver:
    """One device's primary context, made current for the calling thread by `use`."""

    def __init__(self, index: int = 0) -> None:
        find_driver()
        self.api = load("cuda.bindings.driver")
        try:
            self._must(self.api.cuInit(0))
        except RuntimeError as error:  # the bindings found no driver library
            raise DeviceError(f"No NVIDIA driver can be used ({error}); install NVIDIA's driver.") from error
        count = self._must(self.api.cuDeviceGetCount())
        if index >= count:
            raise DeviceError(
                f"GPU {index} was asked for and {count} are visible to the NVIDIA driver; choose another."
            )
        self._device = self._must(self.api.cuDeviceGet(index))
        self.info = self._describe(index)
        self.info.check()
        self._context = self._must(self.api.cuDevicePrimaryCtxRetain(self._device))
        self.use()

    def use(self) -> None:
        """Make the context current for this thread."""
        self._must(self.api.cuCtxSetCurrent(self._context))

    def call(self, name: str, *arguments: Any) -> Any:
        """A function of the driver by its C name. Returns what it makes: nothing, one value, or a tuple."""
        return self._must(getattr(self.api, name)(*arguments), name)

    def free_memory(self) -> int:
        """Bytes free on the device now."""
        return int(self.call("cuMemGetInfo")[0])

    def release(self) -> None:
        self.call("cuDevicePrimaryCtxRelease", self._device)

    def _must(self, result: tuple[Any, ...], name: str = "cuInit") -> Any:
        code, *values = result
        if int(code):
            self._raise(code, name)
        return values[0] if len(values) == 1 else tuple(values) or None

    def _raise(self, code: Any, name: str) -> None:
        text = self.api.cuGetErrorString(code)[1]
        reason = text.decode() if isinstance(text, bytes) else str(code)
        if int(code) == 2:
            free, total = self.api.cuMemGetInfo()[1:] or (0, 0)
            raise OutOfMemory(
                f"The GPU is out of memory ({free / 2**30:.1f} of {total / 2**30:.1f} GiB free); close other programs that use it, "
                f"or take a smaller model or a smaller KV cache."
            )
        raise DeviceError(f"The GPU failed in {name}: {reason} (error {int(code)}); load the model again.")

    def _describe(self, index: int) -> DeviceInfo:
        attribute = self.api.CUdevice_attribute
        names = {
            "major": attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            "minor": attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            "sms": attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
            "shared": attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
        }
        value = {name: int(self._must(self.api.cuDeviceGetAttribute(key, self._device))) for name, key in names.items()}
        label = self._must(self.api.cuDeviceGetName(128, self._device))
        return DeviceInfo(
            index=index,
            name=label.split(b"\0")[0].decode(),
            arch=10 * value["major"] + value["minor"],
            driver=int(self._must(self.api.cuDriverGetVersion())),
            multiprocessors=value["sms"],
            memory=int(self._must(self.api.cuDeviceTotalMem(self._device))),
            shared_per_block=value["shared"],
        )
