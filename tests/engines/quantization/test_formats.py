"""Checkpoints quantized elsewhere: the values are those that each layout's writer meant, and what is not read is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engines.api.errors import EngineError, UnsupportedError, WeightError
from engines.models import open_model
from engines.network.schemes import Scheme
from engines.quantization.decode import check_tensors, dequantize
from engines.quantization.quality import every_logit

LAYOUTS = {
    "awq": (lambda f: f.awq(), Scheme("int4", "group", 32, zero_points=True)),
    "awq g16": (lambda f: f.awq(16), Scheme("int4", "group", 16, zero_points=True)),
    "gptq": (lambda f: f.gptq(), Scheme("int4", "group", 32)),
    "gptq asymmetric": (lambda f: f.gptq(sym=False), Scheme("int4", "group", 32, zero_points=True)),
    "gptq v2": (lambda f: f.gptq(sym=False, v2=True), Scheme("int4", "group", 32, zero_points=True)),
    "gptq 8 bit": (lambda f: f.gptq(bits=8), Scheme("int8", "group", 32)),
    "gptq 8 bit asymmetric": (lambda f: f.gptq(bits=8, sym=False), Scheme("int8", "group", 32, zero_points=True)),
    "compressed fp8": (
        lambda f: f.compressed_fp8(),
        Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
    ),
    "compressed fp8 static": (
        lambda f: f.compressed_fp8("tensor", static=True),
        Scheme("fp8", "tensor", activations="fp8", activation_scale="static_tensor"),
    ),
    "compressed int8": (
        lambda f: f.compressed_int8(),
        Scheme("int8", "channel", activations="int8", activation_scale="dynamic_token"),
    ),
    "compressed int4": (lambda f: f.compressed_int4(), Scheme("int4", "group", 32)),
    "modelopt fp8": (
        lambda f: f.modelopt_fp8(),
        Scheme("fp8", "tensor", activations="fp8", activation_scale="static_tensor"),
    ),
    "modelopt fp8 per channel": (
        lambda f: f.modelopt_fp8(per_channel=True),
        Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
    ),
    "modelopt nvfp4": (
        lambda f: f.modelopt_nvfp4(),
        Scheme("nvfp4", "group", 16, activations="nvfp4", activation_scale="static_tensor"),
    ),
    "modelopt nvfp4 weight-only": (lambda f: f.modelopt_nvfp4(inputs=False), Scheme("nvfp4", "group", 16)),
    "modelopt nvfp4 awq": (
        lambda f: f.modelopt_nvfp4(awq=True),
        Scheme("nvfp4", "group", 16, activations="nvfp4", activation_scale="static_tensor", pre_scale=True),
    ),
}
IDS = [np.array([3, 40, 17, 8, 25, 11, 0, 46], np.int32)]


def param(module: str) -> str:
    """Our name of a module's weight."""
    _, _, layer, kind, name = module.split(".")
    return f"layers.{layer}.{'attn' if kind == 'self_attn' else 'mlp'}.{name.removesuffix('_proj')}.weight"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_values_are_the_writers(layout, foreign):
    write, scheme = LAYOUTS[layout]
    made = foreign()
    folder = made.save(write(made))
    with open_model(folder) as model:
        assert model.schemes == {param(module): scheme for module in made.values}
        for module, values in made.values.items():
            name = param(module)
            out, width = values.shape
            tensors = {s: model.load(f"{name}.{s}" if s else name) for s in scheme.tensors(out, width)}
            check_tensors(name, scheme, tensors, out, width)
            got = dequantize(scheme, tensors)
            np.testing.assert_allclose(got, values, rtol=1e-6, atol=1e-9)
            if scheme.pre_scale:
                np.testing.assert_array_equal(tensors["pre_scale"].data, made.tensors[f"{module}.pre_quant_scale"])


@pytest.mark.parametrize("layout", [name for name, (_, scheme) in LAYOUTS.items() if scheme.activations is None])
def test_the_reference_runs_them(layout, foreign):
    """Weight-only: the same logits as the plain checkpoint with the same values, up to its rounding to fp32."""
    made = foreign()
    packed = made.save(LAYOUTS[layout][0](made))
    plain = foreign()
    plain.tensors |= {f"{module}.weight": values.astype(np.float32) for module, values in made.values.items()}
    with open_model(packed) as model, open_model(plain.save()) as wide:
        for got, want in zip(every_logit(model, IDS, 1), every_logit(wide, IDS, 1), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3 * np.abs(want).max())


@pytest.mark.parametrize("layout", [name for name, (_, scheme) in LAYOUTS.items() if scheme.activations is not None])
def test_the_reference_rounds_inputs_as_they_say(layout, foreign):
    made = foreign()
    packed = made.save(LAYOUTS[layout][0](made))
    plain = foreign()
    for module, values in made.values.items():
        pre = made.tensors.get(f"{module}.pre_quant_scale", np.ones(1))
        plain.tensors[f"{module}.weight"] = (values * pre.astype(np.float64)).astype(np.float32)
    with open_model(packed) as model, open_model(plain.save()) as wide:
        for got, want in zip(every_logit(model, IDS, 1), every_logit(wide, IDS, 1), strict=True):
            error = np.linalg.norm(got - want) / np.linalg.norm(want)
            assert 1e-4 < error < (0.5 if "nvfp4" in layout else 0.15)


def test_modelopt_says_it_in_a_file_of_its_own(foreign):
    made = foreign()
    settings = made.modelopt_fp8()
    folder = made.save()
    quantization = {"quant_algo": settings["quant_algo"], "kv_cache_quant_algo": None, "exclude_modules": ["lm_head"]}
    (folder / "hf_quant_config.json").write_text(
        json.dumps({"producer": {"name": "modelopt", "version": "0.29.0"}, "quantization": quantization})
    )
    with open_model(folder) as model:
        assert len(model.schemes) == 14


@pytest.mark.parametrize("layout", ["modelopt_fp8", "awq"])
@pytest.mark.parametrize("pattern", ["self_attn.{}_scale", "self_attn.{0}_proj.{0}_scale"])
def test_scales_of_the_cache(pattern, layout, foreign):
    made = foreign()
    settings = getattr(made, layout)()
    for layer in range(2):
        for i, kind in enumerate("kv"):
            name = f"model.layers.{layer}." + pattern.format(kind)
            made.tensors[name] = np.array(0.1 * (layer + 1) + i, np.float32)
    with open_model(made.save(settings)) as model:
        assert np.allclose(model.kv_scales, [(0.1, 1.1), (0.2, 1.2)])
    del made.tensors["model.layers.1." + pattern.format("v")]
    with pytest.raises(WeightError, match="for some layers only"):
        open_model(made.save(settings))


def change(group, **values):
    def do(settings):
        next(iter(settings["config_groups"].values()))[group].update(values)

    return do


@pytest.mark.parametrize(
    ("layout", "edit", "words"),
    [
        ("awq", lambda s: s.update(version="gemv"), "AWQ version gemv is not read"),
        ("awq", lambda s: s.update(bits=3), "AWQ bits 3"),
        ("awq", lambda s: s.update(group_size="many"), "AWQ group_size many"),
        ("gptq", lambda s: s.update(bits=3), "GPTQ bits 3"),
        ("gptq", lambda s: s.update(checkpoint_format="marlin"), "GPTQ checkpoint_format marlin"),
        ("gptq", lambda s: s.update(group_size=0), "GPTQ group_size 0"),
        ("gptq", lambda s: s.update(quant_method="hqq"), "quantized with 'hqq'"),
        ("gptq", lambda s: s.update(quant_method=None), "quantized with 'None'"),
        ("compressed fp8", lambda s: s.update(format="marlin-24"), "format marlin-24"),
        ("compressed fp8", lambda s: s.update(sparsity_config={"format": "sparse-24-bitmask"}), "sparsity_config"),
        ("compressed fp8", lambda s: s["config_groups"].update(group_1={}), "config_groups 2"),
        ("compressed fp8", change("weights", symmetric=False), "symmetric, static"),
        ("compressed fp8", change("weights", strategy="block"), "fp8 or int8 per tensor or channel"),
        ("compressed fp8", change("weights", num_bits=6), "fp8 or int8 per tensor or channel"),
        ("compressed fp8", change("input_activations", strategy="group"), "dynamic per token"),
        ("compressed int4", change("weights", actorder="group"), "without actorder"),
        ("modelopt fp8", lambda s: s.update(quant_algo="W4A8_AWQ"), "quant_algo W4A8_AWQ"),
        ("modelopt fp8", lambda s: s.update(quant_algo="MIXED_PRECISION"), "quant_algo MIXED_PRECISION"),
        ("modelopt nvfp4", lambda s: s.update(group_size=32), "group_size 32"),
    ],
)
def test_settings_that_are_not_read_are_named(layout, edit, words, foreign):
    made = foreign()
    settings = LAYOUTS[layout][0](made)
    edit(settings)
    with pytest.raises(UnsupportedError) as caught:
        open_model(made.save(settings))
    assert words in str(caught.value)
    assert "config.json" in str(caught.value)


def test_act_order_is_named(foreign):
    made = foreign()
    settings = made.gptq()
    settings["desc_act"] = True
    open_model(made.save(settings)).close()  # sequential all the same: nothing was reordered
    made.tensors["model.layers.1.mlp.down_proj.g_idx"][[0, 40]] = [1, 0]
    with pytest.raises(UnsupportedError, match=r"act-order \(g_idx of model\.layers\.1\.mlp\.down_proj"):
        open_model(made.save(settings))


def test_a_bias_that_is_not_zero_is_not_dropped(foreign):
    made = foreign()
    settings = made.gptq()
    made.tensors["model.layers.0.self_attn.o_proj.bias"][5] = 1
    with pytest.raises(WeightError, match=r"o_proj\.bias .* has no place"):
        open_model(made.save(settings))


def test_zero_points_of_a_symmetric_checkpoint_are_looked_at(foreign):
    made = foreign()
    settings = made.gptq(sym=False)
    settings["sym"] = True
    with open_model(made.save(settings)) as model, pytest.raises(WeightError, match="zero points other than 8"):
        model.load("layers.0.attn.q.weight.scale")


def test_zero_points_that_wrap_are_named(foreign):
    made = foreign()
    settings = made.gptq(sym=False)
    made.tensors["model.layers.0.mlp.up_proj.qzeros"][0, 0] = -1
    with open_model(made.save(settings)) as model, pytest.raises(UnsupportedError, match="zero points beyond 4 bits"):
        model.load("layers.0.mlp.up.weight.zero")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damage_is_an_error_that_names_the_tensor(layout, foreign):
    """Each quantized tensor of one linear, missing or of another shape."""
    module = "model.layers.1.mlp.up_proj"
    whole = foreign()
    settings = LAYOUTS[layout][0](whole)
    optional = ("g_idx", "bias", "weight_shape", "pre_quant_scale")
    # Without these the module looks like one that is not quantized, or whose input is not rounded.
    marks = ("qweight", "weight_scale", "input_scale")
    for name in [name for name in whole.tensors if name.startswith(module)]:
        kind = name.removeprefix(module + ".")
        if kind not in optional:
            kept = whole.tensors.pop(name)
            if not (kind == "input_scale" and "modelopt" in layout):
                with pytest.raises(EngineError) as caught:
                    open_model(whole.save(settings))
                assert kind in marks or name in str(caught.value)
            whole.tensors[name] = kept
        if kind == "bias":
            continue
        kept = whole.tensors[name]
        array = getattr(kept, "codes", kept)
        longer = np.concatenate([array.reshape(-1), array.reshape(-1), array.reshape(-1)[:1]])
        whole.tensors[name] = type(kept)(longer) if hasattr(kept, "codes") else longer
        with pytest.raises(EngineError) as caught:
            open_model(whole.save(settings))
        assert name in str(caught.value)
        whole.tensors[name] = kept
    open_model(whole.save(settings)).close()


@pytest.mark.parametrize("layout", ["awq", "compressed fp8", "modelopt nvfp4"])
def test_a_scale_that_is_no_number_is_named(layout, foreign):
    made = foreign()
    settings = LAYOUTS[layout][0](made)
    name = "model.layers.0.mlp.gate_proj." + ("scales" if layout == "awq" else "weight_scale")
    tensor = made.tensors[name]
    if hasattr(tensor, "codes"):
        tensor.codes[0, 0] = 0x7F
    else:
        tensor[0, 0] = np.nan
    with open_model(made.save(settings)) as model, pytest.raises(EngineError, match="gate_proj"):
        model.load("layers.0.mlp.gate.weight.scale")


def test_families_that_cut_their_weights_refuse_quantized_ones(foreign):
    config = {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 4,
        "n_positions": 64, "vocab_size": 48, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
    }  # fmt: skip
    made = foreign()
    made.config = config
    made.modules = [("transformer.h.0.attn.c_attn", (96, 32))]
    sizes = {"wte.weight": (48, 32), "wpe.weight": (64, 32), "h.0.ln_1.weight": (32,), "h.0.ln_1.bias": (32,)}
    made.tensors = {f"transformer.{name}": np.ones(shape, np.float16) for name, shape in sizes.items()}
    settings = made.gptq()
    with pytest.raises(UnsupportedError, match="gpt2, whose weights must be cut"):
        open_model(made.save(settings))


def test_the_helper_rounds_as_the_format_says(one_code):
    assert [one_code(x) for x in (0.0, 1.0, -1.0, 448.0, 1e9, 2**-9, 17.0)] == [0, 0x38, 0xB8, 0x7E, 0x7E, 1, 0x58]
