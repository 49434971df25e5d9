"""What is decided before a device is touched: buckets, buffers, memory, weights' places, records, refusals."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.api import SamplerParams, SlotInit, TokenMasks
from engines.api.errors import ContractError, DeviceError, UnsupportedError
from engines.cuda import driver
from engines.cuda.attention import check_attention, decode_tile_warps, prefill_shared, tile_keys, tile_tokens
from engines.cuda.buckets import choose, decode_buckets, mixed_buckets
from engines.cuda.codes import CodePlan, plan_codes
from engines.cuda.driver import DeviceInfo
from engines.cuda.exact import ExactGemm
from engines.cuda.gemm import Gemm, Shape, Tactic, TacticCache, logits_stride
from engines.cuda.launch import pack_arguments
from engines.cuda.memory import DeviceTensor, align
from engines.cuda.program import row_shape
from engines.cuda.sampling import argmax_parts, check_masks
from engines.cuda.slots import PARAMS, check_init, is_plain, pack_counts, pack_lists, pack_params
from engines.cuda.state import Limits, decode_blocks, max_splits, page_bytes
from engines.cuda.values import plan_buffers, split
from engines.cuda.weights import groups, schemes_of, to_element, weight_bytes
from engines.network import ops
from engines.passes import compile_program
from engines.weights import DType, Tensor, round_bf16


@given(st.integers(1, 1024), st.integers(1, 8192))
def test_every_size_has_a_bucket_that_wastes_little(slots: int, tokens: int) -> None:
    for buckets, limit in ((decode_buckets(slots), slots), (mixed_buckets(tokens), tokens)):
        assert list(buckets) == sorted(set(buckets))
        assert buckets[-1] == limit
        for size in {1, limit, (limit + 1) // 2}:
            assert size <= choose(buckets, size) <= max(16, 2 * size)
        with pytest.raises(ValueError, match="no bucket"):
            choose(buckets, limit + 1)


def test_decode_buckets() -> None:
    assert decode_buckets(256) == (1, 2, 4, *range(8, 129, 8), 192, 256)
    assert decode_buckets(1) == (1,)


@pytest.mark.parametrize("options", [{}, {"tied": True, "bias": True}, {"qk_norm": True}])
def test_buffers_never_overlap_while_both_live(make_model: Any, options: dict[str, Any]) -> None:
    program = compile_program(make_model(**options).network)
    parts = split(program)
    nodes = (*parts.body, *parts.head)
    sizes = {name: 32 * width for name, width in program.network.widths.items()}
    keep = frozenset(name for node in parts.head for name in node.inputs)
    plan = plan_buffers(nodes, sizes, keep)
    last = {name: i for i, node in enumerate(nodes) for name in (*node.inputs, *node.outputs)}
    last.update(dict.fromkeys(keep, len(nodes)))
    made = {name: i for i, node in enumerate(nodes) for name in node.outputs}
    for a in made:
        assert plan.offsets[a] + sizes[a] <= plan.size
        for b in made:
            if a != b and made[a] <= made[b] <= last[a]:
                apart = plan.offsets[a] + sizes[a] <= plan.offsets[b] or plan.offsets[b] + sizes[b] <= plan.offsets[a]
                assert apart, (a, b)
    assert plan.size < sum(sizes[name] for name in made) / 2


def test_head_is_what_follows_the_gather(make_model: Any) -> None:
    parts = split(compile_program(make_model().network))
    assert [type(node.op) for node in parts.head] == [ops.GatherLogits, ops.RMSNorm, ops.Linear]
    assert not any(isinstance(node.op, ops.GatherLogits) for node in parts.body)


def test_weights_lie_once_and_joined(make_model: Any) -> None:
    model = make_model(tied=True)
    program = compile_program(model.network)
    found = groups(program)
    assert ("l.0.q.weight", "l.0.k.weight", "l.0.v.weight") in found
    assert found.count(("embed.weight",)) == 1
    assert {name for group in found for name in group} == set(model.network.params)
    exact = sum(2 * int(np.prod(shape)) for shape in model.network.params.values())
    assert exact <= weight_bytes(program) <= exact + 256 * len(found)


@given(
    st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100),
        min_size=1,
    )
)
def test_bf16_rounds_to_nearest_even(values: list[float]) -> None:
    x = np.array(values, np.float32)
    found = (round_bf16(x).astype(np.uint32) << 16).view(np.float32)
    below = (x.view(np.uint32) & 0xFFFF0000).view(np.float32).astype(np.float64)
    above = ((x.view(np.uint32) & 0xFFFF0000) + 0x10000).view(np.float32).astype(np.float64)
    nearest = np.minimum(np.abs(below - x), np.abs(above - x))
    np.testing.assert_array_equal(np.abs(found.astype(np.float64) - x), nearest)
    tie = np.abs(below - x) == np.abs(above - x)
    assert (round_bf16(x)[tie] & 1 == 0).all()


def test_weights_of_other_types_are_converted() -> None:
    half = Tensor("w", DType.FP16, np.array([1.0, -2.5], np.float16))
    np.testing.assert_array_equal(to_element(half, True), half.data.view(np.uint16))
    np.testing.assert_array_equal(to_element(half, False), [0x3F80, 0xC020])
    full = Tensor("w", DType.FP32, np.array([1.0, -2.5], np.float32))
    np.testing.assert_array_equal(to_element(full, True), half.data.view(np.uint16))


def test_limits(make_model: Any) -> None:
    layers = make_model(heads=8, kv_heads=4, head_dim=64).network.attention_layers()
    assert page_bytes(layers, 16) == 3 * 2 * 4 * 64 * 16 * 2
    limits = Limits(512, 64, 16, 100, 1000, 512, 64)
    assert limits.max_tiles(32) == 16 + 65
    assert limits.plan_words > 2 * 512 + 64 * 63
    assert max_splits(64, 132, 8) == 64 + 396
    assert tile_tokens(4) == 32
    assert tile_tokens(71) == 1
    assert [decode_tile_warps(group) for group in (1, 16, 17, 71)] == [1, 1, 2, 5]
    assert (decode_blocks(128), decode_blocks(160)) == (4, 2)
    # Rows of 80 take 128 in shared memory, those of 48 take 64; the budgets are those of sm_90, sm_86 and sm_75.
    assert [prefill_shared(dim, 64) >> 10 for dim in (32, 48, 64, 80, 128, 256)] == [16, 32, 32, 64, 64, 128]
    assert [tile_keys(256, size << 10) for size in (227, 99, 64)] == [64, 32, 32]
    assert [tile_keys(128, size << 10) for size in (227, 99, 64)] == [64, 64, 64]
    assert tile_keys(256, 48 << 10) == 16
    assert logits_stride(1003) == 1008
    assert argmax_parts(1, 132) == 32
    assert argmax_parts(256, 132) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head_dim": 40}, "multiple of 16 up to 256 and the model's have 40"),
        ({"head_dim": 272}, "272"),
        ({"num_heads": 129, "num_kv_heads": 1}, "129"),
    ],
)
def test_attention_without_a_kernel_is_refused(change: dict[str, Any], words: str) -> None:
    fields: dict[str, Any] = {"layer": 0, "num_heads": 4, "num_kv_heads": 2, "head_dim": 64, "scale": 0.1, **change}
    with pytest.raises(UnsupportedError, match=words):
        check_attention(ops.Attention(**fields))


def test_devices_that_cannot_be_used_say_why() -> None:
    good = DeviceInfo(0, "A GPU", 90, 13000, 132, 1 << 37, 227 << 10)
    good.check()
    with pytest.raises(DeviceError, match=r"for CUDA 12\.4 and the CUDA backend needs 13\.0"):
        DeviceInfo(0, "A GPU", 90, 12040, 132, 1 << 37, 227 << 10).check()
    with pytest.raises(UnsupportedError, match=r"capability 7\.0"):
        DeviceInfo(0, "A GPU", 70, 13000, 80, 1 << 34, 96 << 10).check()
    with pytest.raises(DeviceError, match="pip install"):
        driver.load("cuda.no_such_module")


def test_pieces_of_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that no other way gives the same bits for: 64 rows at a time, x and y moving on by theirs."""
    ran: list[Any] = []
    monkeypatch.setattr(Gemm, "_run", lambda self, shape, tactic, w, bias, x, y, stride: ran.append((shape.m, x, y)))
    gemm = object.__new__(ExactGemm)
    gemm._run(Shape(48, 32, 130), Tactic("lt", "00", rows=64), 1, 0, 1 << 20, 1 << 21, 48)
    assert ran == [(64, (1 << 20) + 64 * 64 * i, (1 << 21) + 64 * 96 * i) for i in range(3)]
    ran.clear()
    gemm._run(Shape(48, 32, 65, out_float=True), Tactic("lt", "00", rows=64), 1, 0, 0, 0, 48)
    assert ran == [(64, 0, 0), (64, 64 * 64, 64 * 192)]
    ran.clear()
    gemm._run(Shape(48, 32, 130), Tactic("lt", "00"), 1, 0, 0, 0, 48)
    assert ran == [(130, 0, 0)]


def test_arguments_become_cells() -> None:
    assert pack_arguments([5, -1, 1.5]) == [5, 2**64 - 1, struct.unpack("<I", struct.pack("<f", 1.5))[0]]


def test_rows_of_a_tensor() -> None:
    tensor = DeviceTensor(1024, (10, 4), "bf16", 2)
    assert tensor.nbytes == 80
    assert tensor.rows(2, 5) == DeviceTensor(1024 + 16, (3, 4), "bf16", 2)
    assert align(1) == align(256) == 256


def init(**params: Any) -> SlotInit:
    return SlotInit(1, SamplerParams(**params), np.array([7, 8, 7], np.int32), np.array([9, 9, 8], np.int32))


def test_records_are_what_the_kernel_reads() -> None:
    assert PARAMS.itemsize == 128
    params = SamplerParams(
        temperature=0.5, seed=2**63 + 5, stop_ids=(3, 4), min_tokens=2, logit_bias=((6, 1.5),), logprobs=3
    )
    (record,) = pack_params(params, 11, 4096, 8192)
    assert (record["temperature"], record["seed_low"], record["seed_high"]) == (0.5, 5, 2**31)
    assert (record["stop_count"], record["bias_count"], record["logprobs"], record["prompt_len"]) == (2, 1, 3, 11)
    assert pack_lists(params).tolist() == [3, 4, 6, np.float32(1.5).view(np.int32)]
    assert pack_lists(SamplerParams(stop_ids=(3, 4))).tolist() == []
    counts = pack_counts(init(), 12)
    assert counts[7] == 0x8000
    assert counts[8] == 0x8001
    assert counts[9] == 0x8002
    assert counts[6] == 0


@pytest.mark.parametrize(
    ("params", "plain"),
    [
        ({"temperature": 0}, True),
        ({"temperature": 0, "min_tokens": 3, "stop_ids": (1,)}, True),
        ({"temperature": 1}, False),
        ({"temperature": 0, "repetition_penalty": 1.1}, False),
        ({"temperature": 0, "logit_bias": ((1, 2.0),)}, False),
        ({"temperature": 0, "logprobs": 0}, False),
    ],
)
def test_plain_rows(params: dict[str, Any], plain: bool) -> None:
    assert is_plain(SamplerParams(**params)) is plain


def test_slots_and_masks_out_of_range_are_refused() -> None:
    check_init(init(), 2, 10)
    with pytest.raises(ContractError, match="not one of the 1 slots"):
        check_init(init(), 1, 10)
    with pytest.raises(ContractError, match="starts with a token id"):
        check_init(init(), 2, 9)
    with pytest.raises(ContractError, match="logit_bias or stop_ids"):
        check_init(init(stop_ids=(10,)), 2, 10)
    ones = np.full((1, 2), 2**32 - 1, np.uint32)
    check_masks(TokenMasks(np.array([0], np.int32), ones), 1, 2)
    for rows, bits, words in (
        ([0, 0], np.vstack([ones, ones]), "name logit rows"),
        ([1], ones, "has 1"),
        ([0], ones[:, :1], "uint32"),
        ([0], ones * 0, "no token"),
    ):
        with pytest.raises(ContractError, match=words):
            check_masks(TokenMasks(np.array(rows, np.int32), bits), 1, 2)


def test_choices_of_products_are_kept_for_one_library_and_device(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "tactics.json"
    cache = TacticCache("H200 1.0", file)
    cache.read()
    cache.put("4096x4096x1", Tactic("gemv", rows=2, unroll=4, micros=8.5))
    cache.write()
    again, other = TacticCache("H200 1.0", file), TacticCache("H200 1.1", file)
    again.read()
    other.read()
    assert again.tactics == cache.tactics
    assert other.tactics == {}
    file.write_text('{"identity": "H200 1.0", "tactics": {"x": {"nonsense": 1}}}')
    again.read()
    assert again.tactics == {}


def test_who_makes_codes_and_who_scales_products(make_model: Any) -> None:
    """Of a Llama with FP8 weights: norms and the gated activation make codes, attention, norms and the gate scale; the attention's
    output and the last sum have passes of their own."""
    model = make_model(layers=2).quantized("fp8")
    program = compile_program(model.network, model.schemes)
    parts = split(program)
    nodes = (*parts.body, *parts.head)
    plan = plan_codes(nodes, program.network.output)
    maker = {name: node for node in nodes for name in node.outputs}
    assert sorted(type(maker[name].op).__name__ for name in plan.codes) == [
        "AddRMSNorm", "AddRMSNorm", "AddRMSNorm", "GatedActivation", "GatedActivation", "RMSNorm",
    ]  # fmt: skip
    assert sorted(plan.raw.values()) == sorted(
        node.op.weights
        for node in nodes
        if isinstance(node.op, ops.Linear) and node.op.weights not in (("head.weight",), ("l.1.down.weight",))
    )
    plain = make_model(layers=2)
    assert plan_codes(split(compile_program(plain.network)).body, "none") == CodePlan({}, {})


def test_products_with_biases_are_scaled_by_a_pass_of_their_own(make_model: Any) -> None:
    model = make_model(bias=True).quantized("fp8")
    program = compile_program(model.network, model.schemes)
    plan = plan_codes(split(program).body, program.network.output)
    assert ("l.0.q.weight", "l.0.k.weight", "l.0.v.weight") not in plan.raw.values()


def test_arena_of_codes(make_model: Any) -> None:
    """A byte for a code, four for the scale of a row."""
    plain, coded = make_model(), make_model().quantized("fp8")
    program, other = compile_program(plain.network), compile_program(coded.network, coded.schemes)
    rows = [sum(plain.network.params[w][0] for w in group) for group in groups(other) if group in schemes_of(other)]
    saved = sum(int(np.prod(plain.network.params[w])) for group in schemes_of(other) for w in group)
    assert weight_bytes(other) == weight_bytes(program) - saved + sum(align(4 * n) for n in rows)


@pytest.mark.parametrize("scheme", ["fp8-w8a16", "nvfp4", "nvfp4-w4a16"])
def test_schemes_without_kernels_are_refused_by_name(make_model: Any, scheme: str) -> None:
    model = make_model().quantized(scheme)
    with pytest.raises(UnsupportedError, match=rf"does not run {scheme} weights"):
        schemes_of(compile_program(model.network, model.schemes))


@given(st.integers(1, 32768))
def test_rows_fit_into_registers(width: int) -> None:
    threads, vectors = row_shape(width)
    assert threads % 32 == 0
    assert threads <= 512
    assert threads * vectors * 8 >= width


def test_too_wide_a_row_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="32768 columns"):
        row_shape(32769)
