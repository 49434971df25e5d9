"""Tiny models with bf16 weights, a driver that feeds any engine the same schedule, and the device for tests marked `gpu`."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.api import Engine, PlanRow, SamplerParams, SlotInit, StepPlan
from engines.api.errors import WeightError
from engines.cuda.driver import Driver
from engines.cuda.launch import Kernel, Modules
from engines.cuda.memory import Memory, StagingRing
from engines.cuda.nvrtc import Compiler
from engines.network import ops
from engines.network.builder import Builder
from engines.network.graph import Network
from engines.network.schemes import SCHEMES, Scheme
from engines.quantization.encode import encode
from engines.weights import DType, Tensor, round_bf16


def has_gpu() -> bool:
    """Whether the NVIDIA driver is here and finds a device."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return not driver.cuInit(0) and not driver.cuDeviceGetCount(ctypes.byref(count)) and count.value > 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not has_gpu():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU here"))


@dataclass
class MemoryModel:
    """What an engine needs of a model, without files: parameters are bf16 bits."""

    network: Network
    arrays: dict[str, np.ndarray]
    max_context: int = 4096
    family: str = "memory"
    revision: str = "0"
    dtype: DType = DType.BF16
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    kv_scales: Sequence[tuple[float, float]] | None = None

    @property
    def config(self) -> Any:
        return SimpleNamespace(vocab_size=self.network.widths[self.network.output], max_context=self.max_context)

    def load(self, param: str) -> Tensor:
        array = self.arrays[param]
        if param in self.schemes:
            scheme = self.schemes[param]
            return Tensor(param, scheme.tensors(*self.network.params[param])[""][0], array)
        return Tensor(param, {"<f4": DType.FP32, "<f2": DType.FP16}.get(array.dtype.str, DType.BF16), array)

    def quantized(self, name: str) -> MemoryModel:
        """The same with the weights of all linears but the head in a scheme of this name."""
        scheme = SCHEMES[name]
        linears = [w for node in self.network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
        arrays, schemes = dict(self.arrays), {}
        for param in linears:
            if param in ("head.weight", "lm_head.weight", "embed.weight"):
                continue
            wide = (self.arrays[param].astype(np.uint32) << 16).view(np.float32)
            for suffix, array in encode(scheme, wide).items():
                arrays[f"{param}.{suffix}" if suffix else param] = array
            if scheme.activation_scale == "static_tensor":
                arrays[f"{param}.input_scale"] = np.array(0.02, np.float32)
            schemes[param] = scheme
        return replace(self, arrays=arrays, schemes=schemes)

    def convert(self, param: str, stored: Tensor) -> Tensor:
        if stored.shape != self.arrays[param].shape or stored.dtype is not DType.BF16:
            raise WeightError(f"Tensor {param} has another shape or dtype.")
        return Tensor(param, DType.BF16, stored.data)

    def params_of(self, tensor: str) -> tuple[str, ...]:
        if tensor not in self.arrays:
            raise WeightError(f"There is no tensor {tensor}.")
        return (tensor,)


def llama(
    *,
    heads: int = 4,
    kv_heads: int = 2,
    head_dim: int = 32,
    hidden: int = 128,
    ffn: int = 256,
    layers: int = 3,
    vocab: int = 1003,
    seed: int = 0,
    bias: bool = False,
    tied: bool = False,
    window: int | None = None,
    qk_norm: bool = False,
    sinks: bool = False,
    max_context: int = 4096,
) -> MemoryModel:
    b = Builder()
    x = b.embedding(b.tokens, "embed", vocab, hidden)
    rope = ops.Rope(head_dim, 1e4)
    for i in range(layers):
        h = b.rms_norm(x, f"l.{i}.n1", 1e-5)
        q = b.linear(h, f"l.{i}.q", heads * head_dim, bias=bias)
        k = b.linear(h, f"l.{i}.k", kv_heads * head_dim, bias=bias)
        v = b.linear(h, f"l.{i}.v", kv_heads * head_dim, bias=bias)
        a = b.attention(
            q, k, v, layer=i, num_heads=heads, num_kv_heads=kv_heads, head_dim=head_dim, rope=rope, sliding_window=window,
            qk_norm=f"l.{i}.qk" if qk_norm else None, sinks=f"l.{i}.sinks" if sinks else None,
        )  # fmt: skip
        x = x + b.linear(a, f"l.{i}.o", hidden)
        h = b.rms_norm(x, f"l.{i}.n2", 1e-5)
        x = x + b.linear(
            b.activation(b.linear(h, f"l.{i}.gate", ffn), "silu") * b.linear(h, f"l.{i}.up", ffn), f"l.{i}.down", hidden
        )
    x = b.rms_norm(b.gather_logits(x), "norm", 1e-5)
    network = b.build(b.linear(x, "head", vocab, tied="embed.weight" if tied else None))
    return random_weights(network, seed, max_context)


def random_weights(network: Network, seed: int = 0, max_context: int = 4096) -> MemoryModel:
    """Matrices that keep the size of what they multiply, norms near 1, biases near 0, embeddings of size 1."""
    rng = np.random.default_rng(seed)

    def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
        x = rng.standard_normal(shape)
        if name == "embed.weight":
            return x
        return x * (shape[-1] ** -0.5 if len(shape) > 1 else 0.1) + (len(shape) == 1 and not name.endswith("bias"))

    arrays = {name: round_bf16(values(name, shape).astype(np.float32)) for name, shape in network.params.items()}
    return MemoryModel(network, arrays, max_context)


@dataclass
class Feeder:
    """Feeds sequences of known tokens to an engine in any pieces; pages come in random order, and are given back dirty."""

    engine: Engine
    seed: int = 0
    done: dict[int, int] = field(default_factory=dict)
    pages: dict[int, list[int]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        free = np.arange(1, self.engine.spec.kv.num_pages)
        np.random.default_rng(self.seed).shuffle(free)
        self.free = free.tolist()

    def start(self, slot: int, prompt: Sequence[int] = (), output: Sequence[int] = (), **params: Any) -> None:
        self.done[slot], self.pages[slot] = 0, []
        init = SlotInit(slot, SamplerParams(**params), np.array(prompt, np.int32), np.array(output, np.int32))
        self.engine.init_slot(init)

    def plan(self, pieces: Mapping[int, Sequence[int] | None], copies: Sequence[tuple[int, int]] = ()) -> StepPlan:
        rows = []
        for slot, tokens in pieces.items():
            n, start = 1 if tokens is None else len(tokens), self.done[slot]
            need = -(-(start + n) // self.engine.spec.kv.page_size)
            while len(self.pages[slot]) < need:
                self.pages[slot].append(self.free.pop())
            self.done[slot] = start + n
            ids = None if tokens is None else np.array(tokens, np.int32)
            rows.append(PlanRow(slot, start, ids, np.array(self.pages[slot], np.int32), True, n == 1 and start > 0))
        rows.sort(key=lambda row: not row.is_decode)
        self.order = [row.slot for row in rows]
        self.steps += 1
        return StepPlan.build(self.steps, rows, copies)

    def feed(self, pieces: Mapping[int, Sequence[int] | None]) -> dict[int, np.ndarray]:
        """One step: slot -> logits [vocab] of the last token of its piece."""
        step: Any = self.engine.forward(self.plan(pieces))
        logits = step.logits if hasattr(step, "logits") else self.engine.logits(len(self.order))  # type: ignore[attr-defined]
        return dict(zip(self.order, logits.copy(), strict=True))

    def sample(self, pieces: Mapping[int, Sequence[int] | None]) -> dict[int, int]:
        step = self.engine.forward(self.plan(pieces))
        self.engine.sample(step)
        return dict(zip(self.order, self.engine.collect(step).token_ids.tolist(), strict=True))

    def stop(self, slot: int) -> None:
        self.free[:0] = self.pages.pop(slot)
        del self.done[slot]


@pytest.fixture
def make_model() -> Callable[..., MemoryModel]:
    return llama


@pytest.fixture
def with_random_weights() -> Callable[..., MemoryModel]:
    return random_weights


@pytest.fixture
def feeder() -> type[Feeder]:
    return Feeder


@pytest.fixture(scope="session")
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


class Gpu:
    """The device with arrays in and out. bf16 arrays travel as uint16 bits."""

    def __init__(self, cache: Path) -> None:
        self.driver = Driver()
        self.memory = Memory(self.driver)
        self.stream = self.driver.call("cuStreamCreate", 1)
        self.modules = Modules(self.driver, Compiler(self.driver.info.arch, cache), self.stream, {"ELEM_FP16": 0})
        self.staging = StagingRing(self.driver, self.memory, self.stream, 2, 1 << 20)

    def kernel(self, file: str, name: str, defines: Mapping[str, int] | None = None, shared: int = 0) -> Kernel:
        return self.modules.kernel(file, name, defines, shared)

    def put(self, array: np.ndarray) -> int:
        data = np.ascontiguousarray(array)
        ptr = self.memory.take(data.nbytes)
        self.driver.call("cuMemcpyHtoDAsync", ptr, data.ctypes.data, data.nbytes, self.stream)
        self.driver.call("cuStreamSynchronize", self.stream)
        return ptr

    def poisoned(self, nbytes: int) -> int:
        """A block of 0xFF bytes: NaN in every float type."""
        ptr = self.memory.take(nbytes)
        self.driver.call("cuMemsetD8Async", ptr, 255, nbytes, self.stream)
        return ptr

    def get(self, ptr: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        self.driver.call("cuStreamSynchronize", self.stream)
        out = np.empty(shape, dtype)
        self.driver.call("cuMemcpyDtoH", out.ctypes.data, ptr, out.nbytes)
        return out

    def get_bf16(self, ptr: int, shape: tuple[int, ...]) -> np.ndarray:
        return (self.get(ptr, shape, np.uint16).astype(np.uint32) << 16).view(np.float32)


@pytest.fixture
def gpu(kernel_cache: Path) -> Iterator[Gpu]:
    device = Gpu(kernel_cache)
    yield device
    device.driver.call("cuCtxSynchronize")
    device.staging.close()
    device.modules.close()
    device.memory.close()
    device.driver.release()


def load_beside(name: str) -> ModuleType:
    """A file of this folder as a module: its checks can be run on another machine than its tests ask for."""
    path = Path(__file__).parent / name
    module = sys.modules.get(f"beside_{path.stem}")
    if module is None:
        spec = importlib.util.spec_from_file_location(f"beside_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"beside_{path.stem}"] = module
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def beside() -> Callable[[str], ModuleType]:
    return load_beside


@pytest.fixture(scope="session")
def emulator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emulator")


@pytest.fixture
def emulator(emulator_folder: Path) -> Callable[..., Any]:
    """Makes an Emulator (emulator/emulate.py): the kernels on the CPU. Skips where there is nothing to compile them with."""
    emulate = load_beside("emulator/emulate.py")
    if emulate.COMPILER is None or sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("kernels are emulated with g++ on Linux, x86-64")

    def make(**options: Any) -> Any:
        return emulate.Emulator(emulator_folder, **options)

    return make
