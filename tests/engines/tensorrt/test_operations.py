"""Operations that no family of today uses, or not alone: one network of all of them, interpreted and built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engines.api.errors import UnsupportedError
from engines.network import custom_op, ops
from engines.network.builder import Builder
from engines.network.graph import Network
from engines.passes import compile_program
from engines.tensorrt.build import Compiler, row_profiles, token_profiles
from engines.tensorrt.library import Library
from engines.tensorrt.network import emit_piece
from engines.tensorrt.pieces import Piece, cut, pieces_of
from engines.tensorrt.targets import TARGETS

reverse = custom_op("reverse", lambda width: (width,), lambda x: np.ascontiguousarray(x[:, ::-1]))


def everything() -> Network:
    b = Builder()
    x = b.scale(b.embedding(b.tokens, "embed", 61, 64), 8.0)
    h = b.layer_norm(x, "n1", 1e-5, bias=False)
    q, k, v = (b.linear(h, name, 64, bias=True) for name in "qkv")
    x = x + b.linear(b.attention(q, k, v, layer=0, num_heads=4, num_kv_heads=4, head_dim=16), "o", 64)
    x = x + reverse(b.linear(x, "before", 64))
    h = b.layer_norm(x, "n2", 1e-5)
    for kind in ("gelu", "gelu_tanh", "relu", "silu"):
        h = h + b.activation(b.linear(h, f"up_{kind}", 64), kind)
    x = b.soft_cap(x * h, 5.0)
    logits = b.linear(b.rms_norm(b.gather_logits(x), "norm", 1e-5), "lm_head", 61, bias=True)
    return b.build(b.scale(b.soft_cap(logits, 3.0), 0.5))


def test_all_operations_compute_what_the_reference_does(compare: Callable[..., Any], make_model: Any) -> None:
    wanted, found, runner = compare(make_model.of(everything()), "fp16", True)
    assert np.linalg.norm(found - wanted) < 5e-6 * np.linalg.norm(wanted)
    kinds = {type(node.op) for node in runner.nodes}
    assert kinds == {Piece, ops.Embedding, ops.Attention, ops.Custom, ops.GatherLogits}
    used = {type(node.op) for piece in pieces_of(runner.nodes) for node in piece.nodes}
    assert used == {
        ops.Linear, ops.RMSNorm, ops.LayerNorm, ops.Activation, ops.Add, ops.Mul, ops.Scale, ops.SoftCap,
    }  # fmt: skip


@pytest.mark.parametrize("target", ["sm75", "sm89"])
def test_all_operations_build(library: Library, target: str) -> None:
    compiler = Compiler(library)
    network = compile_program(everything()).network
    for piece in pieces_of(cut(compile_program(everything()))):
        emitted = emit_piece(
            library.trt, compiler.builder, piece, network.widths, network.params, TARGETS[target].compute, None
        )
        profiles = token_profiles(64) if piece.rows == "T" else row_profiles(8)
        assert compiler.build(emitted, [TARGETS[target]], profiles).plan.nbytes
        logits = [port.dtype for port in emitted.outputs if port.value == network.output]
        assert logits == (["fp32"] if piece.logits else [])


def test_an_operation_without_an_emission_is_named(library: Library) -> None:
    from engines.network.graph import Node

    piece = Piece(0, (Node(ops.GatherLogits(), ("x",), ("y",)),), ("x",), ("y",), "T")
    with pytest.raises(UnsupportedError, match="no operation GatherLogits"):
        emit_piece(library.trt, Compiler(library).builder, piece, {"x": 8, "y": 8}, {}, "fp16", None)
