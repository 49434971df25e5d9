"""What the passes make of real families, node by node, and what they leave alone."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from engines.api.errors import ContractError
from engines.models import gptj, llama, qwen3
from engines.network import Builder, Network, Node, Rope, Segment, custom_op, ops
from engines.passes import compile_program, fuse, segment, validate

LLAMA = llama.LlamaConfig(
    vocab_size=97,
    max_context=64,
    hidden_size=32,
    num_layers=3,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    intermediate_size=48,
    activation="silu",
    norm_eps=1e-6,
    rope=Rope(8, 10000.0),
    attention_bias=False,
    mlp_bias=False,
    tied=False,
)


def kinds(nodes):
    return [type(node.op).__name__ for node in nodes]


def block(b, hidden=8, **kwargs):
    """q, k, v and attention over an embedding, for the tests that build by hand."""
    x = b.embedding(b.tokens, "embed", 11, hidden)
    q, k, v = (b.linear(x, name, hidden, **kwargs) for name in "qkv")
    return x, b.attention(q, k, v, layer=0, num_heads=2, num_kv_heads=2, head_dim=hidden // 2)


def finish(b, x):
    return b.build(b.linear(b.gather_logits(x), "lm_head", 11))


def test_llama_program():
    program = compile_program(llama.define(LLAMA))
    first, *middle, last = [stage for stage in program.stages if isinstance(stage, Segment)]
    layer = ["Linear", "AddRMSNorm", "Linear", "GatedActivation", "Linear", "AddRMSNorm", "Linear"]
    assert kinds(first.nodes) == ["Embedding", "RMSNorm", "Linear"]
    assert [kinds(s.nodes) for s in middle] == [layer, layer]
    assert kinds(last.nodes) == [*layer[:5], "Add", "GatherLogits", "RMSNorm", "Linear"]
    cuts = [stage for stage in program.stages if isinstance(stage, Node)]
    assert [node.op.layer for node in cuts] == [0, 1, 2]
    assert [isinstance(stage, Node) for stage in program.stages] == [False, True] * 3 + [False]


def test_llama_fused_parameters_and_widths():
    network = fuse(llama.define(LLAMA))
    qkv = next(node for node in network.nodes if node.outputs == ("qkv.1",))
    assert qkv.op.weights == tuple(f"layers.1.attn.{n}.weight" for n in "qkv")
    assert network.widths["qkv.1"] == (4 + 2 * 2) * 8
    gate_up = next(node for node in network.nodes if isinstance(node.op, ops.GatedActivation))
    assert network.widths[gate_up.inputs[0]] == 2 * 48
    assert network.widths[gate_up.outputs[0]] == 48
    assert gate_up.op.kind == "silu"
    producer = next(node for node in network.nodes if node.outputs == gate_up.inputs)
    assert producer.op.weights == ("layers.0.mlp.gate.weight", "layers.0.mlp.up.weight")
    assert network.params == llama.define(LLAMA).params


def test_the_residual_stream_crosses_every_cut():
    program = compile_program(llama.define(LLAMA))
    segments = [stage for stage in program.stages if isinstance(stage, Segment)]
    assert segments[0].inputs == ("tokens",)
    for i, (before, after) in enumerate(itertools.pairwise(segments)):
        stream, qkv = before.outputs
        assert qkv == f"qkv.{i}"
        assert set(after.inputs) == {f"attention.{i}", stream}
        add = next(node for node in after.nodes if isinstance(node.op, ops.AddRMSNorm))
        assert add.inputs[1] == stream  # x is what the block adds, the residual is the stream
    assert segments[-1].outputs == (program.network.output,)


def test_every_segment_reads_only_what_was_made():
    config = gptj.GPTJConfig(97, 64, 32, 3, 4, 4, 8, 64, "gelu_tanh", 1e-5, Rope(4, 10000.0, interleaved=True), False)
    made = {"tokens", "positions"}
    for stage in compile_program(gptj.define(config)).stages:
        assert made.issuperset(stage.inputs)
        made.update(stage.outputs)


def test_gptj_keeps_its_parallel_residual():
    config = gptj.GPTJConfig(97, 64, 32, 1, 4, 4, 8, 64, "gelu_tanh", 1e-5, Rope(4, 10000.0, interleaved=True), False)
    network = fuse(gptj.define(config))
    assert kinds(network.nodes) == [
        *("Embedding", "LayerNorm", "Linear", "Attention", "Linear", "Add", "Linear", "Activation", "Linear", "Add"),
        *("GatherLogits", "LayerNorm", "Linear"),
    ]
    norm = network.nodes[1].outputs
    assert [kinds([node]) for node in network.nodes if node.inputs == norm] == [["Linear"], ["Linear"]]


def test_qwen3_norms_stay_with_attention():
    config = qwen3.Qwen3Config(97, 64, 32, 1, 4, 2, 16, 48, "silu", 1e-6, Rope(16, 1e6), (None,), False, True)
    network = fuse(qwen3.define(config))
    attention = network.attention_layers()[0]
    assert (attention.q_norm, attention.k_norm) == ("layers.0.attn.q_norm.weight", "layers.0.attn.k_norm.weight")
    assert network.nodes[-1].op.weights == ("embed.weight",)
    assert "lm_head.weight" not in network.params


def test_biases_are_fused_in_order():
    b = Builder()
    x, y = block(b, bias=True)
    network = fuse(finish(b, x + y))
    assert network.nodes[1].op == ops.Linear(("q.weight", "k.weight", "v.weight"), ("q.bias", "k.bias", "v.bias"))


def test_unlike_linears_stay_apart():
    b = Builder()
    x = b.embedding(b.tokens, "embed", 11, 8)
    q = b.linear(x, "q", 8, bias=True)
    k, v = b.linear(x, "k", 8), b.linear(x, "v", 8)
    y = b.attention(q, k, v, layer=0, num_heads=2, num_kv_heads=2, head_dim=4)
    network = fuse(finish(b, y))
    assert len(network.nodes[4].inputs) == 3  # attention keeps q, k and v


def test_a_linear_with_another_reader_is_not_fused_away():
    b = Builder()
    x = b.embedding(b.tokens, "embed", 11, 8)
    q, k, v = (b.linear(x, name, 8) for name in "qkv")
    y = b.attention(q, k, v, layer=0, num_heads=2, num_kv_heads=2, head_dim=4)
    network = fuse(finish(b, y + q))
    assert kinds(network.nodes).count("Linear") == 4


@pytest.mark.parametrize("swap", [False, True])
def test_gate_is_first_whichever_way_the_product_is_written(swap):
    b = Builder()
    x, y = block(b)
    gate = b.activation(b.linear(y, "gate", 6), "gelu")
    up = b.linear(y, "up", 6)
    network = fuse(finish(b, x + b.linear(up * gate if swap else gate * up, "down", 8)))
    linear = next(node for node in network.nodes if node.outputs[0].startswith("gate_up"))
    assert linear.op.weights == ("gate.weight", "up.weight")


def test_a_sum_read_by_two_norms_feeds_one_fused_norm():
    b = Builder()
    x, y = block(b)
    total = x + y
    one, two = b.rms_norm(total, "one", 1e-6), b.rms_norm(total, "two", 1e-6)
    network = fuse(finish(b, one + two))
    assert kinds(network.nodes).count("AddRMSNorm") == 1
    assert kinds(network.nodes).count("RMSNorm") == 1


def test_custom_operations_cut():
    double = custom_op("double", lambda width: (width,), lambda x: 2 * x)
    b = Builder()
    x, y = block(b)
    program = compile_program(finish(b, x + double(double(y))))
    assert [type(s).__name__ for s in program.stages] == ["Segment", "Node", "Node", "Node", "Segment"]
    assert [type(s.op).__name__ for s in program.stages[1:4]] == ["Attention", "Custom", "Custom"]
    assert program.stages[4].inputs == ("embed", "double_2")


def test_segment_without_fusion_is_exact_too():
    program = segment(llama.define(LLAMA))
    assert program.stages[0].outputs == ("embed", "layers.0.attn.q", "layers.0.attn.k", "layers.0.attn.v")


def good() -> Network:
    return llama.define(LLAMA)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda n: replace(n, nodes=n.nodes[1:]), "reads embed, which nothing before it makes"),
        (lambda n: replace(n, nodes=(*n.nodes, n.nodes[-1])), "is made twice"),
        (lambda n: replace(n, nodes=(n.nodes[1], n.nodes[0], *n.nodes[2:])), "which nothing before it makes"),
        (lambda n: replace(n, widths={**n.widths, "embed": 31}), "the network says 31"),
        (lambda n: replace(n, widths={**n.widths, "ghost": 3}), "nothing makes: ['ghost']"),
        (lambda n: replace(n, params={**n.params, "ghost": (3,)}), "nothing uses: ['ghost']"),
        (lambda n: replace(n, params={**n.params, "norm.weight": (31,)}), "norm.weight has shape (31,)"),
        (lambda n: replace(n, params={k: v for k, v in n.params.items() if k != "norm.weight"}), "not declared"),
        (lambda n: replace(n, output="embed"), "is not a value [L, vocab]"),
        (lambda n: replace(n, nodes=(Node(n.nodes[0].op, ("tokens",), ("embed", "b")), *n.nodes[1:])), "makes 1 value"),
    ],
)
def test_validate_finds(broken, reason):
    validate(good())
    with pytest.raises(ContractError) as caught:
        validate(broken(good()))
    assert reason in str(caught.value)
