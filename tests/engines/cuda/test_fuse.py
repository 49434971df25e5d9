"""Which nodes the CUDA backend joins, and which values it keeps as codes: decided without a device."""

from __future__ import annotations

from typing import Any

from engines.cuda.codes import plan_codes
from engines.cuda.fuse import AddLayerNorm, fuse_layer_norms
from engines.cuda.values import split
from engines.models import gpt2, gptj
from engines.network import Builder, Network, Rope, ops
from engines.network.schemes import SCHEMES
from engines.passes import compile_program


def gptj_network() -> Network:
    rope = Rope(16, 1e4, interleaved=True)
    return gptj.define(gptj.GPTJConfig(96, 64, 64, 3, 2, 2, 32, 256, "gelu_tanh", 1e-5, rope, False))


def gpt2_network() -> Network:
    return gpt2.define(gpt2.GPT2Config(96, 64, 64, 3, 2, 2, 32, 256, "gelu_tanh", 1e-5, (0.2, 0.2, 0.2), True))


def fused(network: Network) -> tuple[Any, ...]:
    parts = split(compile_program(network))
    crossing = frozenset(name for node in parts.head for name in node.inputs)
    nodes = fuse_layer_norms(parts.body, crossing)
    # Nothing is read before it is made, and everything that is wanted is made once.
    made = {"tokens", "positions"}
    for node in nodes:
        assert made.issuperset(node.inputs)
        assert made.isdisjoint(node.outputs)
        made.update(node.outputs)
    assert {name for node in parts.body for name in node.outputs} & crossing <= made
    return nodes


def test_the_sums_of_a_parallel_block_and_the_next_norm_are_one() -> None:
    nodes = fused(gptj_network())
    sums = [node for node in nodes if isinstance(node.op, AddLayerNorm)]
    assert len(sums) == 2  # the last block's sum goes to the head, whose norm sees other rows
    assert [len(node.inputs) for node in sums] == [3, 3]
    assert sums[0].inputs[0] == "embed"
    assert sums[1].inputs[0] == sums[0].outputs[0]


def test_a_sum_of_two_and_its_norm_are_one() -> None:
    nodes = fused(gpt2_network())
    sums = [node for node in nodes if isinstance(node.op, AddLayerNorm)]
    # Token and position embeddings and the first norm; then each block's two sums but the last.
    assert [len(node.inputs) for node in sums] == [2] * 6
    assert [node.op.weight for node in sums[:3]] == [
        "layers.0.attn_norm.weight", "layers.0.mlp_norm.weight", "layers.1.attn_norm.weight",
    ]  # fmt: skip


def test_a_sum_that_others_read_stays_a_sum() -> None:
    """The inner sum is read twice: it may not vanish into the outer one. Two norms of a sum: one moves to it."""
    b = Builder()
    x = b.embedding(b.tokens, "embed", 96, 64)
    q, k, v = (b.linear(x, name, 64) for name in "qkv")
    a = b.attention(q, k, v, layer=0, num_heads=2, num_kv_heads=2, head_dim=32)
    inner = x + a
    outer = inner + b.linear(inner, "up", 64)
    both = b.layer_norm(outer, "n1", 1e-5) * b.layer_norm(outer, "n2", 1e-5)
    network = b.build(b.linear(b.gather_logits(both + inner), "head", 96))
    nodes = fused(network)
    kinds = [type(node.op).__name__ for node in nodes]
    assert kinds.count("AddLayerNorm") == 1
    assert kinds.count("LayerNorm") == 1
    assert kinds.count("Add") == 2
    (node,) = (node for node in nodes if isinstance(node.op, AddLayerNorm))
    assert len(node.inputs) == 2
    assert node.op.weight == "n1.weight"


def codes_of(network: Network, scheme: str) -> Any:
    linears = [w for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
    schemes = {name: SCHEMES[scheme] for name in linears if not name.startswith(("lm_head", "embed"))}
    program = compile_program(network, schemes)
    parts = split(program)
    crossing = frozenset(name for node in parts.head for name in node.inputs)
    nodes = (*fuse_layer_norms(parts.body, crossing), *parts.head)
    return nodes, plan_codes(nodes, program.network.output)


def test_a_norm_that_two_linears_read_is_made_as_codes_once() -> None:
    nodes, plan = codes_of(gptj_network(), "fp8")
    norms = [node.outputs[-1] for node in nodes if type(node.op).__name__ in ("LayerNorm", "AddLayerNorm")]
    activations = [node.outputs[0] for node in nodes if type(node.op).__name__ == "Activation"]
    assert set(plan.codes) == {*norms[:3], *activations}  # not the norm of the head
    # Every product is left as it comes out, biases or not, but those of the last block's plain sum.
    linears = [node.outputs[0] for node in nodes if type(node.op).__name__ == "Linear"][:-1]
    assert set(linears) - set(plan.raw) == {linears[-1], linears[-3]}


def test_static_scales_are_not_shared() -> None:
    nodes, plan = codes_of(gptj_network(), "fp8-tensor")
    norms = [node.outputs[-1] for node in nodes if type(node.op).__name__ in ("LayerNorm", "AddLayerNorm")]
    assert not set(norms) & set(plan.codes)
