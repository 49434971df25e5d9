"""A small segment in every precision, built: whether a library builds on a machine what was built on ours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engines.network.builder import Builder
from engines.network.schemes import Scheme
from engines.passes import compile_program
from engines.tensorrt.build import Compiler, token_profiles
from engines.tensorrt.library import Library
from engines.tensorrt.network import emit_piece, needs_constants
from engines.tensorrt.pieces import cut, pieces_of
from engines.tensorrt.targets import Target, kind_of
from engines.weights import DType, Tensor

SAMPLES: dict[str, Scheme] = {
    "int8": Scheme("int8", "channel"),
    "w8a8": Scheme("int8", "channel", activations="int8", activation_scale="dynamic_token"),
    "int4": Scheme("int4", "group", 128),
    "fp8": Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
    "nvfp4": Scheme("nvfp4", "group", 16, activations="nvfp4", activation_scale="static_tensor"),
}


def build_samples(library: Library, targets: Iterable[Target]) -> dict[str, list[str]]:
    """Target -> the precisions that were built for it: 16 bits, and all of SAMPLES that run there. Raises DeviceError with the
    library's reason for the first that it could not build."""
    compiler = Compiler(library)
    built: dict[str, list[str]] = {}
    for target in targets:
        done = built.setdefault(target.name, [])
        for label, scheme in [(target.compute, None), *SAMPLES.items()]:
            if scheme is None or kind_of(scheme) in target.kinds:
                _build(compiler, scheme, target)
                done.append(label)
    return built


def _build(compiler: Compiler, scheme: Scheme | None, target: Target) -> None:
    b = Builder()
    x = b.embedding(b.tokens, "embed", 64, 256)
    for i in range(2):
        h = b.rms_norm(x, f"{i}.norm", 1e-5)
        q, k, v = (b.linear(h, f"{i}.{name}", 256) for name in "qkv")
        attention = b.attention(q, k, v, layer=i, num_heads=4, num_kv_heads=4, head_dim=64)
        x = x + b.linear(attention, f"{i}.o", 256)
        h = b.rms_norm(x, f"{i}.mlp_norm", 1e-5)
        gate = b.activation(b.linear(h, f"{i}.gate", 512), "silu")
        x = x + b.linear(gate * b.linear(h, f"{i}.up", 512), f"{i}.down", 256)
    network = b.build(b.linear(b.gather_logits(x), "head", 64))
    linears = [name for name, shape in network.params.items() if len(shape) == 2 and name[0].isdigit()]
    program = compile_program(network, {} if scheme is None else dict.fromkeys(linears, scheme))
    piece = pieces_of(cut(program))[1]
    shapes = program.network.params

    def load(param: str) -> Tensor:
        name, _, suffix = (param, "", "") if param in shapes else param.rpartition(".")
        if scheme is None or len(shapes[name]) == 1:
            return Tensor(param, DType.FP16, np.ones(shapes[name], np.float16))
        dtype, shape = scheme.tensors(*shapes[name])[suffix]
        value = 0.01 if dtype.is_float else 0x38  # E4M3: 1
        return Tensor(param, dtype, np.full(shape, value, dtype.numpy))

    emitted = emit_piece(
        compiler.library.trt, compiler.builder, piece, program.network.widths, shapes, target.compute,
        load if needs_constants(piece) else None,
    )  # fmt: skip
    compiler.build(emitted, [target], token_profiles(64))
