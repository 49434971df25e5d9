"""Every quantization pattern built for every target that runs it: what the library fused, by its own log; and every family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.api.errors import UnsupportedError
from engines.models import open_model
from engines.network.builder import Builder
from engines.network.graph import Network
from engines.network.schemes import Scheme
from engines.passes import compile_program
from engines.tensorrt.build import Built, Compiler, Profile, token_profiles
from engines.tensorrt.library import Library
from engines.tensorrt.network import emit_piece, needs_constants
from engines.tensorrt.pieces import Piece, cut, pieces_of
from engines.tensorrt.targets import TARGETS, check_targets, kind_of, linears_of, parse_targets
from engines.weights import DType, Tensor

GOLDEN = Path(__file__).parents[2] / "golden"
FUSED = "runtime_fusion"
W8A8 = Scheme("int8", "channel", activations="int8", activation_scale="dynamic_token")
FP8 = Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token")
FP8_STATIC = Scheme("fp8", "tensor", activations="fp8", activation_scale="static_tensor")
NVFP4 = Scheme("nvfp4", "group", 16, activations="nvfp4", activation_scale="static_tensor")
# Launches of a middle segment, and of its four products the kind and the types read as the log tells them (constants left out).
PATTERNS: dict[str, tuple[Scheme | None, int, str, set[str]]] = {
    "16 bit": (None, 7, "", {"BFloat16"}),
    "int8": (Scheme("int8", "channel"), 7, FUSED, {"BFloat16", "Float", "Int8"}),
    "w8a8": (W8A8, 9, "gemm", {"Int8"}),
    "w8a8-static": (Scheme("int8", "channel", None, False, "int8", "static_tensor"), 9, "gemm", {"Int8"}),
    "int4": (Scheme("int4", "group", 128), 7, FUSED, {"BFloat16"}),
    "int4-g32-zero": (Scheme("int4", "group", 32, zero_points=True), 14, FUSED, {"BFloat16"}),
    "fp8": (FP8, 9, "gemm", {"FP8"}),
    "fp8-tensor-static": (FP8_STATIC, 9, "gemm", {"FP8"}),
    "fp8-w8a16": (Scheme("fp8", "channel"), 7, FUSED, {"BFloat16", "Float", "FP8"}),
    "nvfp4": (NVFP4, 15, "gemm", {"FP4E2M1", "FP8"}),
}


def network(hidden: int = 256, ffn: int = 512) -> Network:
    """Two layers of Llama, large enough for the library to fuse as it does at full size."""
    b = Builder()
    x = b.embedding(b.tokens, "embed", 64, hidden)
    for i in range(2):
        h = b.rms_norm(x, f"{i}.n1", 1e-5)
        q, k, v = (b.linear(h, f"{i}.{name}", size) for name, size in (("q", hidden), ("k", 128), ("v", 128)))
        x = x + b.linear(
            b.attention(q, k, v, layer=i, num_heads=hidden // 64, num_kv_heads=2, head_dim=64), f"{i}.o", hidden
        )
        h = b.rms_norm(x, f"{i}.n2", 1e-5)
        gate = b.activation(b.linear(h, f"{i}.gate", ffn), "silu")
        x = x + b.linear(gate * b.linear(h, f"{i}.up", ffn), f"{i}.down", hidden)
    return b.build(b.linear(b.rms_norm(b.gather_logits(x), "norm", 1e-5), "head", 64))


def loader(net: Network, scheme: Scheme) -> Callable[[str], Tensor]:
    """Tensors of the right types with arbitrary values: a plan's kernels do not depend on them."""

    def load(param: str) -> Tensor:
        name, _, suffix = (param, "", "") if param in net.params else param.rpartition(".")
        shape = net.params[name]
        if len(shape) == 1:
            return Tensor(param, DType.FP16, np.ones(shape, np.float16))
        dtype, packed = scheme.tensors(*shape)[suffix]
        size = int(np.prod(packed))
        values = (
            np.full(packed, 0.01) if dtype.is_float else np.random.default_rng(0).integers(56, 68, size).reshape(packed)
        )
        return Tensor(param, dtype, values.astype(dtype.numpy))

    return load


def middle(scheme: Scheme | None, *sizes: int) -> tuple[Network, Piece]:
    net = network(*sizes)
    linears = [name for name, shape in net.params.items() if len(shape) == 2 and name[0] in "01"]
    program = compile_program(net, dict.fromkeys(linears, scheme) if scheme is not None else {})
    return program.network, pieces_of(cut(program))[1]


def build(compiler: Compiler, scheme: Scheme | None, target: str, profiles: tuple[Profile, ...], *sizes: int) -> Built:
    net, piece = middle(scheme, *sizes)
    compute = TARGETS[target].compute
    check_targets(linears_of([piece], net.params), compute, [TARGETS[target]])
    load = loader(net, scheme) if scheme is not None and needs_constants(piece) else None
    emitted = emit_piece(compiler.library.trt, compiler.builder, piece, net.widths, net.params, compute, load)
    return compiler.build(emitted, [TARGETS[target]], profiles)


@pytest.fixture(scope="module")
def compiler(library: Library) -> Compiler:
    return Compiler(library)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_are_fused_or_refused_by_name(compiler: Compiler, pattern: str, target: str) -> None:
    scheme, launches, kind, types = PATTERNS[pattern]
    if scheme is not None and kind_of(scheme) not in TARGETS[target].kinds:
        with pytest.raises(
            UnsupportedError, match=rf"{scheme.label} does not run on {target} .*; or build for .*sm120"
        ):
            build(compiler, scheme, target, token_profiles(64))
        return
    built = build(compiler, scheme, target, token_profiles(64))
    (kernels,) = built.log.kernels
    assert len(kernels) == launches
    if TARGETS[target].compute == "bf16":
        products = (
            [k for k in kernels if k.kind == kind and set(k.types) == types]
            if kind
            else [k for k in kernels if k.kind in ("gemm", FUSED) and set(k.types) == types]
        )
        # A zero point's small product reads the same types.
        assert len(products) == (7 if scheme is not None and scheme.zero_points else 4), kernels


def test_small_constants_are_stored_packed(compiler: Compiler) -> None:
    """Four bits a weight in the plan, scales and the library's own code beside them, also with three profiles."""
    net, piece = middle(Scheme("int4", "group", 128), 512, 1024)
    weights = sum(int(np.prod(net.params[name])) for name in piece.params)
    one = build(compiler, Scheme("int4", "group", 128), "sm89", token_profiles(64), 512, 1024).plan.nbytes
    three = build(compiler, Scheme("int4", "group", 128), "sm89", token_profiles(1024), 512, 1024).plan.nbytes
    assert weights / 2 < one < weights
    assert three - one < weights / 2  # code for two profiles more, no second copy


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        (Scheme("int8", "group", 64), "int8-g64"),
        (Scheme("int4", "group", 8), r"blocks of 256, 128"),
        (Scheme("nvfp4", "group", 16), "nvfp4-w4a16"),
    ],
)
def test_what_the_library_would_widen_at_every_step_is_refused(compiler: Compiler, scheme: Scheme, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        build(compiler, scheme, "sm120", token_profiles(64))


def test_one_unsupported_gpu_among_several_is_named() -> None:
    _, piece = middle(FP8)
    with pytest.raises(UnsupportedError, match=r"fp8 does not run on sm86 \(GeForce RTX 30.*int4; or build for sm89"):
        check_targets(linears_of([piece], network().params), "bf16", parse_targets("sm89,sm86,sm120"))


FAMILIES = {
    "gpt2-bare-by-layer": 1,
    "gptj-sharded": 1,
    "llama-mha": 1,
    "mistral-window": 1,
    "qwen2-gqa-tied": 1,
    "qwen3-gqa-tied": 1,
}


@pytest.mark.parametrize(
    "scheme",
    [None, Scheme("int8", "channel"), W8A8, Scheme("int4", "group", 16), FP8, NVFP4],
    ids=lambda s: s.label if s else "bf16",
)
@pytest.mark.parametrize("case", FAMILIES)
def test_every_family_builds_in_every_precision(
    compiler: Compiler, quantized: Any, case: str, scheme: Scheme | None
) -> None:
    with open_model(GOLDEN / case) as plain:
        model = plain if scheme is None else quantized(plain, scheme)
        program = compile_program(model.network, model.schemes)
        piece = pieces_of(cut(program))[FAMILIES[case]]
        check_targets(linears_of([piece], program.network.params), "bf16", [TARGETS["sm120"]])
        load = model.load if needs_constants(piece) else None
        emitted = emit_piece(
            compiler.library.trt, compiler.builder, piece, program.network.widths, program.network.params, "bf16", load
        )
        assert compiler.build(emitted, [TARGETS["sm120"]], token_profiles(64)).plan.nbytes
