"""The library, the interpreter (interpreter.py), and a reference engine whose segments are interpreted TensorRT networks."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.models import Model
from engines.network import ops
from engines.network.builder import Builder
from engines.network.graph import Network
from engines.network.schemes import Scheme
from engines.passes import compile_program
from engines.quantization.encode import encode
from engines.reference.engine import ReferenceEngine
from engines.reference.program import Operations
from engines.tensorrt.library import Library, load_library
from engines.tensorrt.network import Emitted, emit_piece, needs_constants
from engines.tensorrt.pieces import Piece, cut
from engines.weights import DType, Tensor, to_float32

PAGE = 8


def _module(name: str) -> ModuleType:
    """A helper beside this file: pytest's importlib mode has no package to import it from."""
    full = f"tests_engines_tensorrt_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


class Log:
    """Makes a `trt.ILogger` that keeps what the library says."""

    def __init__(self, trt: Any) -> None:
        lines = self.lines = []

        class Logger(trt.ILogger):
            def log(self, severity: Any, message: str) -> None:
                lines.append((severity, message))

        self.logger = Logger()


class QuantizedModel:
    """`plain` with every linear but the head in `scheme`, where its columns allow."""

    def __init__(self, plain: Model, scheme: Scheme) -> None:
        self.plain = plain
        self.schemes: dict[str, Scheme] = {}
        self.packed: dict[str, dict[str, Tensor]] = {}
        rng = np.random.default_rng(3)
        linears = [node.op for node in plain.network.nodes if isinstance(node.op, ops.Linear)]
        names = [w for op in linears for w in op.weights if w not in ("lm_head.weight", "embed.weight")]
        values = {name: to_float32(plain.load(name)) for name in names}
        whole = np.float32(max(np.abs(value).max() for value in values.values()))
        pre_scales: dict[int, np.ndarray] = {}
        for name, value in values.items():
            out, width = value.shape
            if width % (scheme.group or 1) or scheme.group == width:
                continue
            arrays = encode(replace(scheme, zero_points=False), value, whole)
            for suffix, (_, shape) in scheme.tensors(out, width).items():
                if suffix == "zero":
                    arrays[suffix] = rng.integers(6, 11, shape).astype(np.uint8)
                    if scheme.weights == "int8":
                        arrays[suffix] += np.uint8(120)
                elif suffix == "input_scale":
                    arrays[suffix] = np.array(
                        0.01 if scheme.weights == "fp8" else 0.03 if scheme.weights == "int8" else 0.002, np.float32
                    )
                elif suffix == "pre_scale":
                    arrays[suffix] = pre_scales.setdefault(width, rng.uniform(0.5, 2, width).astype(np.float32))
            self.schemes[name] = scheme
            self.packed[name] = {
                suffix: Tensor(f"{name}.{suffix}", dtype, arrays[suffix])
                for suffix, (dtype, _) in scheme.tensors(out, width).items()
            }

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def load(self, param: str) -> Tensor:
        if param in self.packed:
            return self.packed[param][""]
        name, _, suffix = param.rpartition(".")
        return self.packed[name][suffix] if name in self.packed else self.plain.load(param)


@dataclass
class MemoryModel:
    """Llama with random weights of 16 bits, without files: what an engine and a builder need of a model."""

    network: Network
    arrays: dict[str, np.ndarray]
    schemes: dict[str, Scheme] = field(default_factory=dict)
    family: str = "memory"
    dtype: DType = DType.FP16
    revision: str = "0"
    kv_scales: tuple[tuple[float, float], ...] | None = None

    @property
    def config(self) -> Any:
        return SimpleNamespace(vocab_size=self.network.widths[self.network.output], max_context=64)

    def load(self, param: str) -> Tensor:
        return Tensor(param, DType.FP16, self.arrays[param])

    def convert(self, param: str, stored: Tensor) -> Tensor:
        return Tensor(param, DType.FP16, stored.data)

    def params_of(self, tensor: str) -> tuple[str, ...]:
        return (tensor,)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., MemoryModel]:
    def make(layers: int = 3, hidden: int = 64, ffn: int = 96, vocab: int = 61, seed: int = 0) -> MemoryModel:
        b = Builder()
        x = b.embedding(b.tokens, "embed", vocab, hidden)
        for i in range(layers):
            h = b.rms_norm(x, f"{i}.n1", 1e-5)
            q, k, v = (b.linear(h, f"{i}.{name}", size) for name, size in (("q", hidden), ("k", 32), ("v", 32)))
            attention = b.attention(
                q, k, v, layer=i, num_heads=hidden // 16, num_kv_heads=2, head_dim=16, rope=ops.Rope(16, 1e4)
            )
            x = x + b.linear(attention, f"{i}.o", hidden)
            h = b.rms_norm(x, f"{i}.n2", 1e-5)
            gate = b.activation(b.linear(h, f"{i}.gate", ffn), "silu")
            x = x + b.linear(gate * b.linear(h, f"{i}.up", ffn), f"{i}.down", hidden)
        return of(b.build(b.linear(b.rms_norm(b.gather_logits(x), "norm", 1e-5), "lm_head", vocab)), seed)

    def of(network: Network, seed: int = 0) -> MemoryModel:
        rng = np.random.default_rng(seed)
        arrays = {
            name: (rng.standard_normal(shape) * shape[-1] ** -0.5 if len(shape) > 1 else np.ones(shape)).astype(
                np.float16
            )
            for name, shape in network.params.items()
        }
        return MemoryModel(network, arrays)

    make.of = of  # type: ignore[attr-defined]
    return make


class InterpretedRunner:
    """Stands where the reference engine's runner does. `emitted`: the network of each piece, by index."""

    def __init__(self, trt: Any, model: Model, engine: ReferenceEngine, compute: str, exact: bool = False) -> None:
        self.trt = trt
        self.exact = exact
        program = compile_program(model.network, model.schemes)
        network = program.network
        self.nodes = cut(program)
        operations = reference_operations(engine)
        self.output = network.output
        self.log = Log(trt)
        self.builder = trt.Builder(self.log.logger)
        self.emitted: dict[int, Emitted] = {}
        self.feeds: dict[int, dict[str, np.ndarray]] = {}
        self.runs: dict[int, Callable[..., Any]] = {}
        interpreter = _module("interpreter")
        self.interpret = interpreter.interpret
        self.round_to = interpreter.round_to
        self.kind = {"bf16": "BF16", "fp16": "HALF"}[compute]
        for i, node in enumerate(self.nodes):
            if isinstance(node.op, Piece):
                load = model.load if needs_constants(node.op) else None
                emitted = emit_piece(trt, self.builder, node.op, network.widths, network.params, compute, load)
                self.emitted[i] = emitted
                inputs = () if load else emitted.weights
                self.feeds[i] = {w.name: interpreter.decode(w.dtype, w.prepare(model.load), w.shape) for w in inputs}
            else:
                self.runs[i] = operations.build(node, [False] * len(node.inputs))

    def __call__(self, step: Any) -> np.ndarray:
        values = {"tokens": step.tokens, "positions": step.plan.positions}
        for i, node in enumerate(self.nodes):
            if i in self.runs:
                made = self.runs[i](step, [values[name] for name in node.inputs])
                if not self.exact:  # our kernels write 16-bit values too
                    made = [self.round_to(y, self.kind) for y in made]
                values.update(zip(node.outputs, made, strict=True))
                continue
            emitted = self.emitted[i]
            feeds = self.feeds[i] | {port.name: values[port.value] for port in emitted.inputs}
            found = self.interpret(self.trt, emitted, feeds, exact=self.exact)
            values.update({port.value: found[port.name] for port in emitted.outputs})
        return values[self.output]


def run_logits(engine: ReferenceEngine, pieces: list[np.ndarray], slots: int = 1) -> np.ndarray:
    """Logits [len(pieces), vocab] of the last token of each piece of one sequence, fed in order."""
    total = sum(len(piece) for piece in pieces)
    pages = np.arange(1, -(-total // PAGE) + 1, dtype=np.int32)[::-1].copy()
    engine.init_slot(SlotInit(0, SamplerParams(temperature=0.0), pieces[0], np.zeros(0, np.int32)))
    found, at = [], 0
    for number, piece in enumerate(pieces):
        end = at + len(piece)
        row = PlanRow(0, at, piece, pages[: -(-end // PAGE)], wants_logits=True, is_decode=False)
        step = engine.forward(StepPlan.build(number, [row]))
        found.append(step.logits[0].copy())
        engine.sample(step)
        engine.collect(step)
        at = end
    return np.stack(found)


def reference_operations(engine: ReferenceEngine) -> Operations:
    """The callables of single operations, on the engine's own weights and cache."""
    assert engine._params is not None
    return Operations(engine._params, engine._pool, engine._workers)


def reference_engine(model: Model, max_tokens: int = 64) -> ReferenceEngine:
    return ReferenceEngine(model, num_pages=9, page_size=PAGE, num_slots=1, max_tokens=max_tokens, threads=1)


@pytest.fixture(scope="session")
def library() -> Library:
    if sys.platform not in ("linux", "win32"):
        pytest.importorskip("tensorrt_rtx_bindings")
    return load_library("rtx")


@pytest.fixture(scope="session")
def trt(library: Library) -> Any:
    return library.trt


@pytest.fixture(scope="session")
def interpreter() -> ModuleType:
    return _module("interpreter")


@pytest.fixture(scope="session")
def standin() -> ModuleType:
    return _module("standin")


@pytest.fixture
def compare_runs(trt: Any) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Logits of the interpreted networks, and of a runner made by `make` for a reference engine, in fp16."""

    def run(model: Any, make: Callable[[ReferenceEngine], Any]) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(7)
        pieces = [rng.integers(0, model.config.vocab_size, n).astype(np.int32) for n in (11, 5, 1, 1)]
        found = []
        for runner in (lambda engine: InterpretedRunner(trt, model, engine, "fp16"), make):
            engine = reference_engine(model)
            engine._runner = runner(engine)  # type: ignore[assignment]
            found.append(run_logits(engine, pieces))
            engine.close()
        return found[0], found[1]

    return run


@pytest.fixture
def compare(trt: Any) -> Callable[[Model, str], tuple[np.ndarray, np.ndarray, InterpretedRunner]]:
    """Logits of the reference and of the interpreted networks, for one prompt in two pieces and two more tokens."""

    def run(model: Model, compute: str, exact: bool = False) -> tuple[np.ndarray, np.ndarray, InterpretedRunner]:
        rng = np.random.default_rng(7)
        vocab = model.config.vocab_size
        pieces = [rng.integers(0, vocab, n).astype(np.int32) for n in (11, 5, 1, 1)]
        plain, other = reference_engine(model), reference_engine(model)
        runner = InterpretedRunner(trt, model, other, compute, exact)
        other._runner = runner  # type: ignore[assignment]
        try:
            return run_logits(plain, pieces), run_logits(other, pieces), runner
        finally:
            plain.close()
            other.close()

    return run


@pytest.fixture
def quantized() -> type[QuantizedModel]:
    return QuantizedModel
