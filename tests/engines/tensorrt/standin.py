"""A stand-in of TensorRT's runtime objects and of the device: memory is the host's, addresses are real, work goes through the
interpreter. It records every call, and refuses what the library is documented to refuse or to do wrongly."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.tensorrt.network import Emitted

BYTES = {"FLOAT": 4, "HALF": 2, "BF16": 2, "INT8": 1, "FP8": 1}


def at(address: int, nbytes: int) -> np.ndarray:
    """Host memory at an address, as bytes that may be written."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(address))


class HostDevice:
    """Memory that looks like a GPU's, and one stream that can be captured."""

    def __init__(self) -> None:
        self.blocks: dict[int, np.ndarray] = {}
        self.graph: list[Callable[[], None]] | None = None

    def take(self, nbytes: int) -> int:
        block = np.full(nbytes + 512, 0xFF, np.uint8)  # NaN in every float type: what is not written is noticed
        address = -(-block.ctypes.data // 256) * 256
        self.blocks[address] = block
        return address

    def upload(self, data: np.ndarray, target: int) -> None:
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        at(target, flat.nbytes)[:] = flat

    def run(self, work: Callable[[], None]) -> None:
        """Now, or when the graph that is being captured is replayed."""
        if self.graph is not None:
            self.graph.append(work)
        else:
            work()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = self.graph = []
        try:
            work()
        finally:
            self.graph = None
        return lambda: [step() for step in graph] and None


@dataclass
class StandIn:
    """Looks like the `trt` module to `engines.tensorrt.runtime`. `emitted`: by SHA-256 of the plan. `calls`: all, in order."""

    trt: Any
    device: HostDevice
    interpret: Callable[..., Mapping[str, np.ndarray]]
    decode: Callable[..., np.ndarray]
    encode: Callable[[np.ndarray, str], np.ndarray]
    emitted: Mapping[str, Emitted]
    profiles: Mapping[str, list[tuple[int, int]]]
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    scratch: int = 1000
    capturable: bool = True
    rtx: bool = True  # else what the full TensorRT does not have is not there
    fail: str = ""  # the name of a call that shall fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trt, name)  # enumerations, ILogger

    def Runtime(self, logger: Any) -> Any:
        self.logger = logger
        return SimpleNamespace(deserialize_cuda_engine=self._deserialize)

    def _deserialize(self, data: bytes) -> Any:
        self.calls.append(("deserialize", len(data)))
        if self.fail == "deserialize":
            self.logger.log(self.trt.ILogger.ERROR, "the plan is\nnot for this GPU")
            return None
        return FakeEngine(self, hashlib.sha256(data).hexdigest())


class FakeEngine:
    def __init__(self, owner: StandIn, digest: str) -> None:
        self.owner = owner
        self.emitted = owner.emitted[digest]
        self.profiles = owner.profiles[digest]
        network = self.emitted.network
        inputs = [network.get_input(i) for i in range(network.num_inputs)]
        outputs = [network.get_output(i) for i in range(network.num_outputs)]
        self.inputs = {t.name: t for t in inputs}
        self.tensors = {t.name: t for t in [*inputs, *outputs]}
        self.names = [*self.tensors]
        self.num_io_tensors = len(self.names)

    def get_tensor_name(self, i: int) -> str:
        return self.names[i]

    def get_tensor_dtype(self, name: str) -> Any:
        return self.tensors[name].dtype

    def get_tensor_shape(self, name: str) -> Any:
        return self.tensors[name].shape

    def get_tensor_mode(self, name: str) -> Any:
        modes = self.owner.trt.TensorIOMode
        return modes.INPUT if name in self.inputs else modes.OUTPUT

    def get_device_memory_size_for_profile_v2(self, profile: int) -> int:
        return self.owner.scratch * (profile + 1)

    def create_runtime_config(self) -> Any:
        return FakeConfig(self.owner) if self.owner.rtx else FullConfig(self.owner)

    def create_execution_context(self, config: Any) -> Any:
        if self.owner.rtx:
            assert config.cuda_graph_strategy == self.owner.trt.CudaGraphStrategy.DISABLED
        assert config.allocation == self.owner.trt.ExecutionContextAllocationStrategy.USER_MANAGED
        return FakeContext(self, config)


class FullConfig:
    """The runtime settings that both libraries have."""

    __slots__ = ("allocation", "owner")

    def __init__(self, owner: StandIn) -> None:
        self.owner = owner
        self.allocation: Any = None

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.allocation = strategy


class FakeConfig(FullConfig):
    def __init__(self, owner: StandIn) -> None:
        super().__init__(owner)
        self.cache: Any = None
        self.cuda_graph_strategy: Any = None
        self.dynamic_shapes_kernel_specialization_strategy: Any = None

    def create_runtime_cache(self) -> Any:
        cache = SimpleNamespace(content=b"new", serialize=lambda: b"compiled kernels")
        cache.deserialize = lambda data: setattr(cache, "content", data) or True
        self.owner.calls.append(("cache", cache))
        return cache

    def set_runtime_cache(self, cache: Any) -> None:
        self.cache = cache


class FakeContext:
    def __init__(self, engine: FakeEngine, config: FakeConfig) -> None:
        self.engine, self.owner, self.config = engine, engine.owner, config
        self.profile: int | None = None
        self.memory: tuple[int, int] | None = None
        self.addresses: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.compiled: set[tuple[Any, ...]] = set()

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self.profile = profile
        return profile < len(self.engine.profiles)

    def set_device_memory(self, address: int, size: int) -> None:
        assert address % 256 == 0
        assert size >= self.engine.get_device_memory_size_for_profile_v2(self.profile or 0)
        self.memory = (address, size)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert self.profile is not None
        low, high = self.engine.profiles[self.profile]
        self.shapes[name] = tuple(shape)
        return name in self.engine.inputs and low <= shape[0] <= high

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address % 256 == 0
        self.addresses[name] = address
        return name in self.engine.tensors

    def is_stream_capturable(self, stream: int) -> bool:
        if not self.owner.rtx:
            raise AttributeError("'IExecutionContext' object has no attribute 'is_stream_capturable'")
        return self.owner.capturable

    def execute_async_v3(self, stream: int) -> bool:
        owner, engine = self.owner, self.engine
        assert self.memory is not None, "no scratch memory"
        missing = set(engine.tensors) - set(self.addresses)
        assert not missing, f"no address for {missing}"
        dynamic = {name for name, t in engine.inputs.items() if -1 in tuple(t.shape)}
        assert set(self.shapes) == dynamic, "shapes of the dynamic inputs, and of them only"
        if self._compiles_by_shape():
            key = tuple(sorted(self.shapes.items()))
            assert key in self.compiled or owner.device.graph is None, (
                f"would compile for {key} while a stream is captured"
            )
            self.compiled.add(key)
        else:
            assert owner.device.graph is None, "captured a context that is for eager steps"
        rows = next(iter(self.shapes.values()))[0]
        owner.calls.append(("execute", engine.emitted, self.profile, rows, dict(self.addresses), stream))
        if owner.fail == "execute":
            return False
        # Addresses as they are now: binding others later must not change what was enqueued.
        owner.device.run(lambda bound=dict(self.addresses), shapes=dict(self.shapes): self._work(bound, shapes, rows))
        return True

    def _compiles_by_shape(self) -> bool:
        """At the first run with each; the full TensorRT, too, must have run a shape before it is captured."""
        owner = self.owner
        if not owner.rtx:
            return True
        eager = owner.trt.DynamicShapesKernelSpecializationStrategy.EAGER
        return bool(self.config.dynamic_shapes_kernel_specialization_strategy == eager)

    def _work(self, bound: dict[str, int], shapes: dict[str, tuple[int, ...]], rows: int) -> None:
        owner, engine = self.owner, self.engine
        feeds = {}
        for name, tensor in engine.inputs.items():
            shape = shapes.get(name, tuple(tensor.shape))
            kind = {"HALF": "fp16", "BF16": "bf16", "FLOAT": "fp32", "INT8": "int8", "FP8": "fp8"}[tensor.dtype.name]
            nbytes = int(np.prod(shape)) * BYTES[tensor.dtype.name]
            feeds[name] = owner.decode(kind, at(bound[name], nbytes).copy(), shape)
        for name, value in owner.interpret(owner.trt, engine.emitted, feeds).items():
            data = owner.encode(value, engine.tensors[name].dtype.name)
            at(bound[name], data.nbytes)[:] = data.reshape(-1).view(np.uint8)


class FullLibrary:
    """The `trt` module of the full TensorRT as far as its interface goes: what TensorRT for RTX alone has is not there (compute
    capabilities, its flag, its runtime settings); the rest is `trt`'s, which builds for any GPU if it is told none."""

    ONLY_RTX = frozenset({"ComputeCapability", "CudaGraphStrategy", "DynamicShapesKernelSpecializationStrategy"})

    def __init__(self, trt: Any) -> None:
        self._trt = trt

    def __getattr__(self, name: str) -> Any:
        if name in self.ONLY_RTX:
            raise AttributeError(f"module 'tensorrt' has no attribute {name!r}")
        if name == "BuilderFlag":
            flags = self._trt.BuilderFlag
            return SimpleNamespace(
                **{flag: getattr(flags, flag) for flag in flags.__members__ if flag != "REQUIRE_USER_ALLOCATION"}
            )
        return getattr(self._trt, name)
