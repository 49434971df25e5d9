"""Plans at work: opened by the library, one execution context per optimization profile, enqueued on our stream.

What the library promises and we rely on (docs/tensorrt.md; seen by nobody on a GPU of ours yet): addresses and shapes are read
when work is enqueued, so one context serves every layer of a shape, bound anew for each; contexts that never run at once share one
block of scratch memory; a context compiles kernels for a shape when it first runs with it, which must not happen while a stream
is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from engines.api.errors import ContractError, DeviceError, WeightError
from engines.tensorrt.emitter import trt_dtype
from engines.tensorrt.library import Library
from engines.tensorrt.network import Port
from engines.tensorrt.plans import Plan, Plans
from engines.tensorrt.seal import PlanError
from engines.tensorrt.weights import Load, Weight, to_type
from engines.weights import Tensor, to_float32

ALIGNMENT = 256  # of every address given to the library


class Device(Protocol):
    """What is needed of the GPU: memory at addresses that are multiples of 256, filled in order with the stream."""

    def take(self, nbytes: int) -> int: ...
    def upload(self, data: NDArray[Any], target: int) -> None: ...


@dataclass(slots=True)
class _Opened:
    """A plan with its contexts, by profile. `bound`: the piece whose addresses a context has, -1 for none."""

    engine: Any
    contexts: list[Any]
    bound: list[int]


class Segments:
    """Every piece of a model, ready to be enqueued.

    `read`: the checked bytes of a plan. `load`: the model's tensors, for weights that are inputs; used only here. `borrow`: the
    address of a weight that is on the device already, or None. `graph_rows`: steps of up to so many rows are captured, so their
    kernels are compiled per shape at warm-up; larger ones use kernels for any shape. `max_rows`: the greatest step there will be;
    profiles for larger ones stay closed, and take no scratch memory. `cache`: file for compiled kernels.
    """

    def __init__(
        self,
        library: Library,
        plans: Plans,
        read: Callable[[Plan], bytes],
        load: Load,
        device: Device,
        stream: int,
        *,
        graph_rows: int,
        max_rows: int,
        cache: Path | None = None,
        borrow: Callable[[Weight], int | None] = lambda weight: None,
    ) -> None:
        self._library, self._plans, self._device, self._stream = library, plans, device, stream
        self._graph_rows, self._max_rows = graph_rows, max_rows
        self._cache_file = cache
        self._messages: list[str] = []
        trt = library.trt
        self._runtime = trt.Runtime(_logger(trt, self._messages))
        self._cache: Any = None
        self._opened = [self._open(plan, read(plan)) for plan in plans.plans]
        scratch = max(
            (o.engine.get_device_memory_size_for_profile_v2(i) for o in self._opened for i in range(len(o.contexts))),
            default=0,
        )
        self.scratch_bytes = int(scratch)
        block = device.take(max(self.scratch_bytes, 1))
        for opened in self._opened:
            for context in opened.contexts:
                context.set_device_memory(block, self.scratch_bytes)
        self._places: dict[tuple[tuple[str, ...], str], tuple[Weight, int]] = {}
        self._addresses = [self._weights(piece, load, borrow) for piece in range(len(plans.pieces))]

    def enqueue(self, piece: int, rows: int, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Run piece `piece` on `rows` rows: addresses of its inputs and outputs in the order of its ports. Raises DeviceError."""
        bound = self._plans.pieces[piece]
        plan, opened = self._plans.plans[bound.plan], self._opened[bound.plan]
        number = self._profile(plan, rows)
        context = opened.contexts[number]
        for port, address in zip(plan.inputs, inputs, strict=True):
            self._must(context.set_input_shape(port.name, (rows, port.width)), f"took no {rows} rows")
            self._bind(context, port.name, address)
        for port, address in zip(plan.outputs, outputs, strict=True):
            self._bind(context, port.name, address)
        if opened.bound[number] != piece:
            for name, address in self._addresses[piece]:
                self._bind(context, name, address)
            opened.bound[number] = piece
        self._must(context.execute_async_v3(self._stream), "could not run")

    def capturable(self, piece: int, rows: int) -> bool:
        """Whether what `enqueue` last ran may be captured in a CUDA graph. Call it after a run of that size that was not. The full
        TensorRT cannot be asked: it can be captured after such a run, or capturing fails with a sentence."""
        if self._library.kind != "rtx":
            return True
        bound = self._plans.pieces[piece]
        number = self._profile(self._plans.plans[bound.plan], rows)
        return bool(self._opened[bound.plan].contexts[number].is_stream_capturable(self._stream))

    def places(self, param: str) -> list[tuple[int, Weight]]:
        """Where a 16-bit parameter lies: address and the weight that it is a part of. Empty if it is none of ours."""
        return [(address, weight) for weight, address in self._places.values() if param in weight.params]

    def check_update(self, param: str) -> None:
        """Raises WeightError if the parameter cannot be replaced while the engine runs."""
        if any(param in params for piece in self._plans.pieces for params in piece.params):
            found = self.places(param)
            if not found or any(weight.form != "plain" for _, weight in found):
                raise WeightError(
                    f"The weight {param} is quantized, or built into its plan: it cannot be replaced in a running engine."
                )

    def update(self, tensor: Tensor) -> None:
        """Write a parameter where it lies, in order with the stream. `check_update` comes before."""
        for address, weight in self.places(tensor.name):
            before = sum(weight.rows[: weight.params.index(tensor.name)])
            elements = before * (prod(weight.shape) // sum(weight.rows)) if before else 0
            self._device.upload(to_type(to_float32(tensor), weight.dtype), address + 2 * elements)

    def save(self) -> None:
        """Keep what was compiled for the next start."""
        if self._cache is None or self._cache_file is None:
            return
        self._cache_file.parent.mkdir(parents=True, exist_ok=True)
        part = self._cache_file.with_name(self._cache_file.name + ".part")
        part.write_bytes(bytes(memoryview(self._cache.serialize())))
        part.replace(self._cache_file)

    def close(self) -> None:
        """Let go of contexts, then engines, then the runtime: each needs what comes after. Idempotent."""
        for opened in self._opened:
            opened.contexts.clear()
        self._opened.clear()
        self._cache = self._runtime = None

    # --- opening ---------------------------------------------------------------------------------------------------------

    def _open(self, plan: Plan, data: bytes) -> _Opened:
        engine = self._runtime.deserialize_cuda_engine(data)
        self._must(engine is not None, f"could not open {plan.file}")
        self._check(plan, engine)
        contexts = []
        for number, profile in enumerate(plan.profiles):
            if profile.least > self._max_rows:
                break
            context = engine.create_execution_context(self._config(engine, profile.most <= self._graph_rows))
            self._must(context is not None, f"made no context of {plan.file}")
            self._must(context.set_optimization_profile_async(number, self._stream), f"has no profile {number}")
            contexts.append(context)
        return _Opened(engine, contexts, [-1] * len(contexts))

    def _config(self, engine: Any, eager: bool) -> Any:
        """No graphs of its own inside ours; kernels for exact shapes where shapes are few; scratch memory from us."""
        trt = self._library.trt
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        if self._library.kind == "rtx":
            config.cuda_graph_strategy = trt.CudaGraphStrategy.DISABLED
            strategies = trt.DynamicShapesKernelSpecializationStrategy
            config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER if eager else strategies.NONE
            if self._cache is None:
                self._cache = config.create_runtime_cache()
                if self._cache_file is not None and self._cache_file.exists():
                    # False where driver, GPU or library are others than when it was written: it fills anew.
                    self._cache.deserialize(self._cache_file.read_bytes())
            config.set_runtime_cache(self._cache)
        return config

    def _check(self, plan: Plan, engine: Any) -> None:
        """What the plan takes and gives is what the manifest says."""
        trt = self._library.trt
        wanted: dict[str, tuple[str, tuple[int, ...], bool]] = {}
        for ports, is_input in ((plan.inputs, True), (plan.outputs, False)):
            wanted |= {port.name: (port.dtype, (-1, port.width), is_input) for port in ports}
        if not plan.constants:
            wanted |= {weight.name: (weight.dtype, weight.shape, True) for weight in plan.weights}
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        found = {
            name: (
                engine.get_tensor_dtype(name),
                tuple(engine.get_tensor_shape(name)),
                engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT,
            )
            for name in names
        }
        if found != {name: (trt_dtype(trt, kind), shape, mode) for name, (kind, shape, mode) in wanted.items()}:  # type: ignore[arg-type]
            raise PlanError(f"{plan.file} takes other tensors than its manifest says; build the engine again.")

    def _weights(self, piece: int, load: Load, borrow: Callable[[Weight], int | None]) -> list[tuple[str, int]]:
        """Name and address of every weight of a piece, uploaded at its first use."""
        found = []
        for weight in self._plans.weights(piece):
            key = (weight.params, weight.form)
            if key not in self._places:
                address = borrow(weight)
                if address is None:
                    address = self._device.take(weight.nbytes)
                    self._device.upload(weight.prepare(load), address)
                self._places[key] = (weight, address)
            found.append((weight.name, self._places[key][1]))
        return found

    # --- helpers ---------------------------------------------------------------------------------------------------------

    def _profile(self, plan: Plan, rows: int) -> int:
        for number, profile in enumerate(plan.profiles):
            if rows in profile and profile.least <= self._max_rows:
                return number
        raise ContractError(f"{plan.file} takes up to {plan.profiles[-1].most} rows, not {rows}.")

    def _bind(self, context: Any, name: str, address: int) -> None:
        if address % ALIGNMENT:
            raise ContractError(f"The address {address:#x} for {name} is not a multiple of {ALIGNMENT}.")
        self._must(context.set_tensor_address(name, address), f"took no address for {name}")

    def _must(self, done: object, what: str) -> None:
        if not done:
            reason = " ".join(self._messages[-1].split()) if self._messages else "it gave no reason"
            raise DeviceError(f"{self._library.name} {what}: {reason}")


def port_bytes(port: Port, rows: int) -> int:
    """Bytes of a value of `rows` rows."""
    return rows * port.width * (4 if port.dtype == "fp32" else 2)


def _logger(trt: Any, messages: list[str]) -> Any:
    """Keeps errors and warnings."""
    base: Any = trt.ILogger

    class Log(base):  # type: ignore[misc]
        def log(self, severity: Any, message: str) -> None:
            if int(severity) <= 2:
                messages.append(message)
                del messages[:-20]

    return Log()
