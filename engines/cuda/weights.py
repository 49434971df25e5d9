"""A model's parameters on the device: one arena, each parameter once, joined ones side by side; loading and replacement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.cuda.driver import Driver
from engines.cuda.launch import Modules
from engines.cuda.memory import Arena, DeviceTensor, Memory, StagingRing, align
from engines.cuda.packed import PackedKernels, PackedLoader, Packing, check_packing
from engines.network import ops
from engines.network.graph import Program, Segment
from engines.network.schemes import Scheme
from engines.weights import DType, Tensor, round_bf16, to_float32
from engines.weights.loaded import LoadedModel, replacements

# Bytes of a weight that go through the staging buffers at a time.
_PIECE = 32 << 20


def to_element(tensor: Tensor, fp16: bool) -> NDArray[np.uint16]:
    """Bits of the engine's 16-bit type: as stored where it is that type, else rounded to nearest even."""
    wanted = DType.FP16 if fp16 else DType.BF16
    if tensor.dtype is wanted:
        return tensor.data.view(np.uint16)
    wide = to_float32(tensor)
    if fp16:
        return wide.astype(np.float16).view(np.uint16)
    return round_bf16(wide)


def groups(program: Program) -> list[tuple[str, ...]]:
    """Parameters that lie side by side, in the order they are used; a parameter used alone is a group of one. A parameter that
    several groups name is stored in each."""
    found: dict[tuple[str, ...], None] = {}
    for stage in program.stages:
        for node in stage.nodes if isinstance(stage, Segment) else (stage,):
            match node.op:
                case ops.Linear(weights=weights, biases=biases):
                    found[weights] = None
                    if biases:
                        found[biases] = None
                case ops.Embedding(weight=name) | ops.RMSNorm(weight=name) | ops.AddRMSNorm(weight=name):
                    found[(name,)] = None
                case ops.LayerNorm(weight=name, bias=bias):
                    found[(name,)] = None
                    if bias is not None:
                        found[(bias,)] = None
                case ops.Attention(q_norm=q_norm, k_norm=k_norm, sinks=sinks):
                    for part in (q_norm, k_norm, sinks):
                        if part is not None:
                            found[(part,)] = None
                case ops.Custom(params=params):
                    for name in params:
                        found[(name,)] = None
                case _:
                    pass
    return list(found)


def schemes_of(program: Program) -> dict[tuple[str, ...], Scheme]:
    """The scheme of each group of weights that has one. Raises UnsupportedError for a scheme without kernels."""
    found = {}
    for stage in program.stages:
        for node in stage.nodes if isinstance(stage, Segment) else ():
            if isinstance(node.op, ops.Linear) and node.op.scheme is not None:
                scheme = node.op.scheme
                if not is_coded(scheme):
                    check_packing(scheme)
                found[node.op.weights] = scheme
    return found


def is_coded(scheme: Scheme) -> bool:
    """Whether inputs are rounded too, to FP8 or INT8: a product of codes."""
    return scheme.activations in ("fp8", "int8") and not scheme.pre_scale


def weight_bytes(program: Program) -> int:
    """Size of the arena."""
    shapes, schemes, total = program.network.params, schemes_of(program), 0
    for group in groups(program):
        size = sum(int(np.prod(shapes[name])) for name in group)
        rows, packing = sum(shapes[name][0] for name in group), Packing.of(schemes.get(group))
        if packing is not None:
            total += packing.places(rows, shapes[group[0]][1])[2]
        elif group in schemes:
            total += align(size) + align(4 * rows)
        else:
            total += align(2 * size)
    return total


class Parameters:
    """Device tensors by group of parameters."""

    def __init__(
        self,
        driver: Driver,
        memory: Memory,
        staging: StagingRing,
        modules: Modules,
        program: Program,
        model: LoadedModel,
        fp16: bool,
    ) -> None:
        self._driver = driver
        self._staging = staging
        self._model = model
        self._fp16 = fp16
        self._places: dict[str, list[DeviceTensor]] = {}
        self._groups: dict[tuple[str, ...], DeviceTensor] = {}
        self._columns: dict[tuple[str, ...], int] = {}
        self._fixed: dict[tuple[str, ...], float] = {}
        shapes, schemes = program.network.params, schemes_of(program)
        arena = Arena(memory, weight_bytes(program))
        self.arena = arena.base
        dtype = "fp16" if fp16 else "bf16"
        packings = {group: packing for group in schemes if (packing := Packing.of(schemes[group])) is not None}
        loader = None
        if packings:
            largest = max(
                sum(int(np.prod(shapes[name])) for name in group) * p.bits // 8 for group, p in packings.items()
            )
            loader = PackedLoader(driver, memory, staging, PackedKernels(driver, modules), largest, fp16)
        for group in groups(program):
            rows = sum(shapes[name][0] for name in group)
            shape = (rows, *shapes[group[0]][1:])
            packing = packings.get(group)
            if packing is not None and loader is not None:
                k = shape[1]
                block = DeviceTensor(arena.take(packing.places(rows, k)[2]), (rows, k), schemes[group].weights, 1)
                self._groups[group] = block
                parts = [self._tensors(name, schemes[group]) for name in group]
                loader.load(packing, parts, k, block.ptr)
                continue
            if group in schemes:
                codes = DeviceTensor(arena.take(int(np.prod(shape))), shape, schemes[group].weights, 1)
                self._groups[group], self._columns[group] = codes, arena.take(4 * rows)
                self._load_codes(group, schemes[group])
                continue
            whole = DeviceTensor(arena.take(int(np.prod(shape)) * 2), shape, dtype, 2)
            self._groups[group] = whole
            at = 0
            for name in group:
                count = shapes[name][0]
                self._places.setdefault(name, []).append(whole.rows(at, at + count))
                at += count
        if loader is not None:
            loader.close()
        for name in self._places:
            self._write(name, model.load(name))

    def get(self, *names: str) -> DeviceTensor:
        return self._groups[names]

    def columns(self, group: tuple[str, ...]) -> int:
        """Of a group of codes: what each column of the product is multiplied by, the fixed scale of the input included; float32."""
        return self._columns[group]

    def fixed(self, group: tuple[str, ...]) -> float:
        """The scale that the input of a group of codes is rounded with, 0 where each token has its own."""
        return self._fixed[group]

    def _load_codes(self, group: tuple[str, ...], scheme: Scheme) -> None:
        codes, load = self._groups[group], self._model.load
        static = scheme.activation_scale == "static_tensor"
        # One input, one scale: of joined linears the widest.
        fixed = max(float(load(f"{name}.input_scale").data.reshape(())) for name in group) if static else 0.0
        self._fixed[group] = fixed
        columns, at = [], 0
        for name in group:
            tensor = load(name)
            count = tensor.shape[0]
            self._upload(tensor.data, codes.rows(at, at + count).ptr)
            scale = np.broadcast_to(to_float32(load(f"{name}.scale")), (count,))
            columns.append(scale * np.float32(fixed) if static else scale)
            at += count
        self._upload(np.concatenate(columns).astype(np.float32), self._columns[group])

    def _tensors(self, name: str, scheme: Scheme) -> dict[str, NDArray[Any]]:
        """The arrays of a packed weight by suffix."""
        suffixes = ("scale", "zero") if scheme.zero_points else ("scale",)
        load = self._model.load
        return {"": load(name).data, **{suffix: load(f"{name}.{suffix}").data for suffix in suffixes}}

    def _upload(self, data: NDArray[Any], target: int) -> None:
        flat = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        for start in range(0, len(flat), _PIECE):
            self._staging.upload(flat[start : start + _PIECE], target + start)

    def check(self, tensors: Mapping[str, NDArray[np.generic]]) -> dict[str, Tensor]:
        """The parameters that checkpoint `tensors` make, all checked, nothing changed. Raises WeightError."""
        return {param: self._model.convert(param, tensor) for param, tensor in replacements(self._model, tensors)}

    def has(self, name: str) -> bool:
        """Whether a parameter is here, and not only in somebody else's part of the program."""
        return name in self._places

    def write(self, params: Mapping[str, Tensor]) -> None:
        """Put checked parameters in place, in order with the stream."""
        for name, tensor in params.items():
            self._write(name, tensor)

    def _write(self, name: str, tensor: Tensor) -> None:
        places = self._places[name]
        if tensor.shape != places[0].shape:
            raise ContractError(
                f"Parameter {name} is {list(tensor.shape)} where the network has {list(places[0].shape)}."
            )
        bits = to_element(tensor, self._fp16)
        for place in places:
            self._upload(bits, place.ptr)
