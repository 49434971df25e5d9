"""Which launches may start before the kernel in front of them has ended, and that every kernel waits for it."""

from __future__ import annotations

import ctypes
import re
from types import SimpleNamespace
from typing import Any

import pytest

from engines.api.errors import ContractError
from engines.cuda.launch import Kernel, Modules, overlap_macros
from engines.cuda.nvrtc import KERNELS, sources


class Recorder:
    """A driver that notes launches: ("plain" or "overlapping", function, grid, block, shared memory, arguments)."""

    def __init__(self) -> None:
        self.launches: list[tuple[Any, ...]] = []
        ids = SimpleNamespace(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION=6)
        self.api = SimpleNamespace(
            CUlaunchConfig=SimpleNamespace,
            CUlaunchAttribute=lambda: SimpleNamespace(value=SimpleNamespace()),
            CUlaunchAttributeID=ids,
            CUfunction_attribute=SimpleNamespace(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES=1),
            cuFuncGetParamInfo=lambda function, i: (0 if i < 2 else 1,),
            cuLaunchKernel=self.plain,
        )

    def plain(self, function: Any, *rest: Any) -> tuple[int]:
        *grid, x, y, z, shared, stream, arguments, _ = rest
        assert (y, z, stream) == (1, 1, "stream")
        self.launches.append(("plain", function, tuple(grid), x, shared, self.read(arguments)))
        return (0,)

    def call(self, name: str, *arguments: Any) -> Any:
        if name == "cuModuleLoadData":
            return arguments[0]
        if name == "cuModuleGetFunction":
            return arguments[1].decode()
        if name == "cuFuncGetAttribute":
            return 0
        assert name == "cuLaunchKernelEx"
        config, function, values, _ = arguments
        (attribute,) = config.attrs
        assert (config.numAttrs, attribute.id, attribute.value.programmaticStreamSerializationAllowed) == (1, 6, 1)
        assert (config.blockDimY, config.blockDimZ, config.hStream) == (1, 1, "stream")
        grid = (config.gridDimX, config.gridDimY, config.gridDimZ)
        kind = ("overlapping", function, grid, config.blockDimX, config.sharedMemBytes, self.read(values))
        self.launches.append(kind)
        return None

    @staticmethod
    def read(arguments: int) -> tuple[int, int]:
        first, second = (ctypes.c_void_p * 2).from_address(arguments)
        return ctypes.c_int.from_address(first).value, ctypes.c_int.from_address(second).value

    def kinds(self) -> list[str]:
        found = [launch[0] for launch in self.launches]
        self.launches.clear()
        return found


def modules(driver: Any, **macros: int) -> Modules:
    compiler: Any = SimpleNamespace(compile=lambda file, defines: b"code", compile_source=lambda *parts: b"code")
    return Modules(driver, compiler, "stream", {"ELEM_FP16": 0, **macros})


def test_all_but_the_first_of_a_chain_overlap() -> None:
    driver = Recorder()
    made = modules(driver, PDL=1)
    one, other = made.kernel("step", "one"), made.kernel("step", "other", shared=64)
    one((1, 1, 1), 32, 1, 2)
    with made.overlapping():
        one((1, 1, 1), 32, 1, 2)
        other((3, 2, 1), 128, 3, 4)
        one((1, 1, 1), 32, 1, 2, shared=8)
    one((1, 1, 1), 32, 1, 2)
    assert driver.launches[2] == ("overlapping", "other", (3, 2, 1), 128, 64, (3, 4))
    assert driver.launches[3][4] == 8
    assert driver.kinds() == ["plain", "plain", "overlapping", "overlapping", "plain"]
    with made.overlapping():
        one((1, 1, 1), 32, 1, 2)
    with made.overlapping(False):
        one((1, 1, 1), 32, 1, 2)
        one((1, 1, 1), 32, 1, 2)
    assert driver.kinds() == ["plain"] * 3


def test_what_does_not_wait_never_overlaps() -> None:
    """The kernels of a custom operation are somebody else's."""
    driver = Recorder()
    made = modules(driver, PDL=2)
    custom, ours = made.custom("frob", "source", 2), made.kernel("step", "one")
    with made.overlapping():
        for kernel in (ours, custom, ours, custom):
            kernel((1, 1, 1), 32, 1, 2)
    assert driver.kinds() == ["plain", "plain", "overlapping", "plain"]


def test_a_step_that_fails_leaves_no_chain_open() -> None:
    driver = Recorder()
    made = modules(driver, PDL=1)
    one = made.kernel("step", "one")

    def step() -> None:
        with made.overlapping():
            one((1, 1, 1), 32, 1, 2)
            one((1, 1, 1), 32)

    with pytest.raises(ContractError, match="takes 2 arguments"):
        step()
    one((1, 1, 1), 32, 1, 2)
    assert driver.kinds() == ["plain", "plain"]


def test_nothing_overlaps_unless_asked_for() -> None:
    driver = Recorder()
    made = modules(driver)
    with made.overlapping():
        for _ in range(3):
            made.kernel("step", "one")((1, 1, 1), 32, 1, 2)
    assert driver.kinds() == ["plain"] * 3


def test_macros() -> None:
    assert overlap_macros("off", 90) == {}
    assert overlap_macros("early", 90) == overlap_macros("early", 120) == {"PDL": 1}
    assert overlap_macros("late", 90) == {"PDL": 2}
    assert overlap_macros("early", 89) == {}  # the device has no such launches
    with pytest.raises(ContractError, match="off, early, late, not 'on'"):
        overlap_macros("on", 90)


def test_the_bindings_lay_the_launch_out() -> None:
    """In memory, as the driver will read it: the attribute's number, and 1."""
    api = pytest.importorskip("cuda.bindings.driver")
    seen: list[tuple[int, ...]] = []

    def call(name: str, config: Any, *rest: Any) -> None:
        words = (ctypes.c_uint32 * 14).from_address(config.getPtr())
        attribute = (ctypes.c_uint32 * 3).from_address(words[10] | words[11] << 32)
        seen.append((*words[:7], words[8], words[12], attribute[0], attribute[2]))

    driver: Any = SimpleNamespace(
        api=SimpleNamespace(
            CUlaunchConfig=api.CUlaunchConfig,
            CUlaunchAttribute=api.CUlaunchAttribute,
            CUlaunchAttributeID=api.CUlaunchAttributeID,
            cuLaunchKernel=None,
            cuFuncGetParamInfo=lambda function, i: (1,),
        ),
        call=call,
    )
    kernel = Kernel(driver, "one", None, api.CUstream(0x1234), 48)
    kernel._overlap((3, 2, 1), 128, 48, 0)
    assert seen == [(3, 2, 1, 128, 1, 1, 48, 0x1234, 1, 6, 1)]


def bodies(text: str) -> dict[str, str]:
    """The text of each kernel of a file, by name."""
    found = {}
    for part in text.split('extern "C" __global__')[1:]:
        head, _, rest = part.partition("{")
        names = re.findall(r"(\w+)\s*\(", re.sub(r"__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)", "", head))
        found[names[0]] = rest[: rest.index("\n}")]
    return found


@pytest.mark.parametrize("file", sources())
def test_every_kernel_waits_for_the_ones_in_front(file: str) -> None:
    """Whatever `Modules.kernel` gives may be launched to overlap. What comes before the wait, test_emulated_engine.py sees."""
    kernels = bodies((KERNELS / f"{file}.cu").read_text())
    assert kernels
    for name, body in kernels.items():
        waits = re.search(r"\b(after_previous|wait_for_previous)\(\);", body)
        assert waits, f"{name} of {file}.cu does not wait for the kernels in front of it"
        begun = re.sub(r"= \[&?\]\(int \w+\) \{ return [^;]*; \};", "", body[: waits.start()])  # a lambda ends nothing
        assert "return" not in begun, f"{name} may end before it has waited"
