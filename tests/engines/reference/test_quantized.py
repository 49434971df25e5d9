"""The reference backend executes every scheme: what it computes, and that a token's result never depends on the others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from engines.api.errors import ContractError, WeightError
from engines.network import ops
from engines.network.schemes import FP8_MAX, INT8_MAX, SCHEMES, Scheme
from engines.passes import compile_program
from engines.quantization import activations
from engines.quantization.decode import codes, dequantize
from engines.quantization.encode import encode
from engines.reference.linear import Linear
from engines.reference.quantized import QuantizedLinear
from engines.reference.workers import Workers
from engines.weights import DType, Tensor

ALL = {
    **SCHEMES,
    "fp8-static": Scheme("fp8", "channel", activations="fp8", activation_scale="static_tensor"),
    "w8a8-static": Scheme("int8", "tensor", activations="int8", activation_scale="static_tensor"),
    "int4-zero": Scheme("int4", "group", 64, zero_points=True),
    "int8-pre": Scheme("int8", "channel", pre_scale=True),
}


def pack(scheme: Scheme, w: np.ndarray, input_scale: float = 0.02) -> dict[str, Tensor]:
    """All tensors of a weight, by suffix."""
    arrays = encode(dataclasses.replace(scheme, zero_points=False), w)
    rng = np.random.default_rng(len(w))
    for suffix, (_, shape) in scheme.tensors(*w.shape).items():
        if suffix == "zero":
            arrays[suffix] = rng.integers(4, 12, shape).astype(np.uint8)
        if suffix == "input_scale":
            arrays[suffix] = np.array(input_scale, np.float32)
        if suffix == "pre_scale":
            arrays[suffix] = np.random.default_rng(0).uniform(0.5, 2, shape).astype(np.float32)
    return {s: Tensor(s, dtype, arrays[s]) for s, (dtype, _) in scheme.tensors(*w.shape).items()}


class Quantized:
    """A model in memory with every linear but the head in `scheme`."""

    def __init__(self, model, scheme, **options):
        self.plain = model
        names = [w for node in model.network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
        self.schemes = {name: scheme for name in names if name != "head.weight"}
        self.packed = {name: pack(scheme, model.arrays[name], **options) for name in self.schemes}

    def __getattr__(self, name):
        return getattr(self.plain, name)

    def load(self, param):
        weight, _, suffix = (param, "", "") if param in self.plain.arrays else param.rpartition(".")
        return self.packed[weight][suffix] if weight in self.packed else self.plain.load(param)

    def widened(self):
        """The plain model with the same values."""
        arrays = {n: dequantize(self.schemes[n], self.packed[n]) for n in self.schemes}
        return dataclasses.replace(self.plain, arrays={**self.plain.arrays, **arrays})


@pytest.fixture
def model(make_model):
    return make_model(hidden=128, ffn=256, head_dim=16, num_heads=8, num_kv_heads=4, bias=True)


TOKENS = [5, 17, 3, 96, 41, 8, 12]


@pytest.mark.parametrize("name", [n for n, s in ALL.items() if s.activations is None and not s.pre_scale])
def test_weight_only_is_the_model_with_the_widened_weights(name, model, make_driver):
    quantized = Quantized(model, ALL[name])
    got, want = make_driver(quantized), make_driver(quantized.widened())
    assert got.engine.spec.precision == ALL[name].label
    for driver in (got, want):
        driver.start(0)
    np.testing.assert_array_equal(got.feed({0: TOKENS})[0], want.feed({0: TOKENS})[0])


@pytest.mark.parametrize("name", ALL)
def test_other_tokens_do_not_matter(name, model, make_driver):
    """Bit for bit, with outliers in the other sequences that would ruin a scale shared between tokens."""
    quantized = Quantized(model, ALL[name])
    quantized.plain.arrays["embed.weight"][90:] *= 50
    alone, together = make_driver(quantized), make_driver(quantized, seed=1)
    alone.start(0)
    for slot in range(3):
        together.start(slot)
    want = alone.feed({0: TOKENS})[0]
    together.feed({0: TOKENS[:3], 1: [96, 95, 2]})
    got = together.feed({2: [96] * 5, 0: TOKENS[3:], 1: [94]})[0]
    np.testing.assert_array_equal(got, want)


def test_outliers_reach_their_own_sequence(model, make_driver):
    """The test above can fail: the outliers do change what they are part of."""
    results = []
    for factor in (1, 50):
        quantized = Quantized(model, SCHEMES["w8a8"])
        quantized.plain.arrays["embed.weight"][90:] *= factor
        driver = make_driver(quantized)
        driver.start(0)
        results.append(driver.feed({0: [96, *TOKENS]})[0])
        quantized.plain.arrays["embed.weight"][90:] /= factor
    assert np.abs(results[0] - results[1]).max() > 1e-3


@pytest.mark.parametrize("name", [n for n, s in ALL.items() if s.activations or s.pre_scale])
def test_a_linear_against_the_formula_in_float64(name):
    scheme = ALL[name]
    rng = np.random.default_rng(0)
    w, x = (rng.standard_normal(shape).astype(np.float32) for shape in ((40, 256), (5, 256)))
    bias = rng.standard_normal(40).astype(np.float32)
    held = pack(scheme, w)
    by_row = scheme.activations is not None and scheme.weights != "nvfp4"
    rows = np.broadcast_to(held["scale"].data, (40,)).astype(np.float32) if by_row else None
    array = codes(scheme, held) if by_row else dequantize(scheme, held)
    pre = held["pre_scale"].data if scheme.pre_scale else None
    static = np.float32(0.02) if scheme.activation_scale == "static_tensor" else None
    linear = QuantizedLinear(scheme, Linear(array, None, Workers(1)), bias, rows, static, pre)
    seen = x * (1 if pre is None else pre)
    if scheme.activations is not None:
        limit = FP8_MAX if scheme.activations == "fp8" else INT8_MAX
        scale = static if static is not None else np.abs(seen).max(axis=1, keepdims=True) / np.float32(limit)
        if scheme.activations == "nvfp4":
            seen = activations.static_nvfp4(seen, scale)
        elif scheme.activations == "fp8":
            seen = activations.static_fp8(seen, scale).astype(np.float64) * scale
        else:
            seen = np.clip(np.rint(seen / scale), -127, 127) * scale
    want = seen.astype(np.float64) @ dequantize(scheme, held).astype(np.float64).T + bias
    np.testing.assert_allclose(linear(x), want, rtol=1e-4, atol=1e-4)


def test_static_scales_of_fused_parts_are_joined_by_the_greatest(model):
    from engines.reference.weights import Parameters

    scheme = SCHEMES["fp8-tensor"]
    quantized = Quantized(model, scheme)
    names = ("l.0.q.weight", "l.0.k.weight", "l.0.v.weight")
    quantized.packed[names[1]]["input_scale"] = Tensor("s", DType.FP32, np.array(0.5, np.float32))
    joined = Parameters(quantized).quantized(scheme, names)
    assert joined.input_scale == np.float32(0.5)
    sizes = [model.network.params[name][0] for name in names]
    scales = [quantized.packed[name]["scale"].data for name in names]
    assert len(set(map(float, scales))) == 3
    np.testing.assert_array_equal(joined.rows, np.repeat(scales, sizes))


def test_one_linear_has_one_pre_scale(model, make_driver):
    quantized = Quantized(model, ALL["int8-pre"])
    quantized.packed["l.0.k.weight"]["pre_scale"].data[3] += 1
    with pytest.raises(WeightError, match=r"l\.0\.k\.weight\.pre_scale differs"):
        make_driver(quantized)


def test_different_schemes_are_not_fused(model, make_driver):
    quantized = Quantized(model, SCHEMES["int8"])
    del quantized.schemes["l.0.k.weight"], quantized.packed["l.0.k.weight"]
    program = compile_program(model.network, quantized.schemes)
    linears = [n.op.weights for n in program.network.nodes if isinstance(n.op, ops.Linear)]
    assert ("l.0.k.weight",) in linears
    assert ("l.1.q.weight", "l.1.k.weight", "l.1.v.weight") in linears
    got, want = make_driver(quantized), make_driver(quantized.widened())
    for driver in (got, want):
        driver.start(0)
    np.testing.assert_allclose(got.feed({0: TOKENS})[0], want.feed({0: TOKENS})[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["embed.weight", "norm.weight", "nonsense"])
def test_only_linears_are_quantized(name, model):
    with pytest.raises(ContractError, match=name):
        compile_program(model.network, {name: SCHEMES["int8"]})


def test_quantized_weights_are_not_replaced(model, make_driver):
    driver = make_driver(Quantized(model, SCHEMES["int8"]))
    with pytest.raises(WeightError, match="quantized"):
        driver.engine.update_weights({"l.0.o.weight": model.arrays["l.0.o.weight"]})
    driver.engine.update_weights({"head.weight": model.arrays["head.weight"]})
