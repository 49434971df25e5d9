"""Opening checkpoints: what is read, and what is refused by name."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.api.errors import ConfigError, ContractError, UnsupportedError, WeightError
from engines.models import FAMILIES, open_model
from engines.models import llama as llama_family
from engines.network import RopeScaling
from engines.weights import DType, Tensor, WeightStore

GOLDEN = Path(__file__).parents[2] / "golden"


def copy(case, tmp_path):
    folder = tmp_path / case
    shutil.copytree(GOLDEN / case, folder)
    return folder


@pytest.fixture
def llama(tmp_path):
    return copy("llama-gqa-llama3-tied", tmp_path)


@pytest.fixture
def untied(tmp_path):
    return copy("llama-mha", tmp_path)


def edit(folder, **changes):
    """Change config.json; None writes null, `...` removes the key."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def reweigh(folder, write, change):
    """Rewrite model.safetensors after `change` has edited a dict of its arrays."""
    with WeightStore.open(folder) as store:
        arrays = {name: np.array(store.read(name).data) for name in store.names}
    change(arrays)
    write(folder / "model.safetensors", arrays)


def refused(kind, folder):
    with pytest.raises(kind) as caught:
        open_model(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def test_a_model(llama):
    with open_model(llama) as model:
        assert model.family == "llama"
        assert model.dtype is DType.BF16
        assert model.eos_ids == (2,)
        assert (model.config.num_heads, model.config.num_kv_heads, model.config.head_dim) == (4, 2, 8)
        assert model.config.rope.scaling == RopeScaling("llama3", 4.0, 32, low_freq_factor=1.0, high_freq_factor=4.0)
        assert model.config.max_context == 128
        with pytest.raises(AttributeError):
            model.config.vocab_size = 5
        q = model.load("layers.1.attn.q.weight")
        assert q.shape == (32, 32)
        assert not q.data.flags.owndata
        assert model.checkpoint_name("layers.1.attn.q.weight") == "model.layers.1.self_attn.q_proj.weight"
        assert model.params_of("model.norm.weight") == ("norm.weight",)
        with pytest.raises(ContractError, match="no parameter ghost"):
            model.load("ghost")
        with pytest.raises(WeightError, match="no tensor ghost"):
            model.params_of("ghost")


@pytest.mark.parametrize("case", sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()))
def test_every_parameter_loads_in_its_shape(case):
    with open_model(GOLDEN / case) as model:
        used = set()
        for param, shape in model.network.params.items():
            assert model.load(param).shape == shape
            used.add(model.checkpoint_name(param))
            assert param in model.params_of(model.checkpoint_name(param))
        assert all(name in used or not model.params_of(name) for name in model.store.names)


def test_gpt2_slices_one_tensor_into_three():
    with open_model(GOLDEN / "gpt2") as model:
        stored = model.store.read("transformer.h.0.attn.c_attn.weight").data
        parts = [model.load(f"layers.0.attn.{name}.weight").data for name in "qkv"]
        np.testing.assert_array_equal(np.concatenate(parts), stored.T)
        assert model.params_of("transformer.h.0.attn.c_attn.weight") == tuple(
            f"layers.0.attn.{name}.weight" for name in "qkv"
        )


def test_convert_takes_only_the_same_shape_and_dtype(llama):
    with open_model(llama) as model:
        name = "model.norm.weight"
        fresh = Tensor(name, DType.BF16, np.full(32, 0x4000, np.uint16))
        assert (model.convert("norm.weight", fresh).data == 0x4000).all()
        with pytest.raises(WeightError, match=r"model.norm.weight is fp32 \[32\] where the model has bf16 \[32\]"):
            model.convert("norm.weight", Tensor(name, DType.FP32, np.ones(32, np.float32)))
        with pytest.raises(WeightError, match="keeps shapes"):
            model.convert("norm.weight", Tensor(name, DType.BF16, np.zeros(31, np.uint16)))
        with pytest.raises(WeightError, match="NaN"):
            model.convert("norm.weight", Tensor(name, DType.BF16, np.full(32, 0x7FC0, np.uint16)))


def test_revision_follows_config_and_weights(llama, write_safetensors):
    def revision():
        with open_model(llama) as model:
            return model.revision

    first = revision()
    assert revision() == first
    reweigh(llama, write_safetensors, lambda arrays: arrays["model.norm.weight"].__iadd__(1))
    os.utime(llama / "model.safetensors", ns=(1, 1))
    second = revision()
    edit(llama, rms_norm_eps=1e-4)
    assert len({first, second, revision()}) == 3


def test_eos_ids_of_both_files(llama):
    edit(llama, eos_token_id=[5, 7])
    (llama / "generation_config.json").write_text('{"eos_token_id": [7, 9, 400]}')
    with open_model(llama) as model:
        assert model.eos_ids == (5, 7, 9)  # 400 is outside the vocabulary
    edit(llama, eos_token_id="stop")
    assert "eos_token_id is 'stop'" in refused(ConfigError, llama)


# --- config.json ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"a": 1, "a": 2}', "named twice"),
        ("{}", "neither architectures nor a model_type"),
        ('{"architectures": "LlamaForCausalLM"}', "must be a list of names"),
    ],
)
def test_broken_config(llama, text, reason):
    (llama / "config.json").write_text(text)
    assert reason in refused(ConfigError, llama)


def test_no_config(llama, tmp_path):
    (llama / "config.json").unlink()
    assert "config.json: No such file" in refused(ConfigError, llama)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "choose the folder of a Hugging Face checkpoint" in refused(ConfigError, empty)


def test_config_without_permission(llama, monkeypatch):
    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert "config.json: Permission denied" in refused(ConfigError, llama)


def test_unknown_architecture_lists_the_supported_ones(llama):
    edit(llama, architectures=["FalconForCausalLM"])
    message = refused(UnsupportedError, llama)
    assert "'FalconForCausalLM'" in message
    for family in FAMILIES:
        assert family.architectures[0] in message


def test_model_type_stands_in_for_architectures(llama):
    edit(llama, architectures=...)
    with open_model(llama) as model:
        assert model.family == "llama"
    edit(llama, architectures=["LlamaForCausalLM"], model_type="mistral")
    assert "contradict each other" in refused(ConfigError, llama)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        (ConfigError, {"hidden_size": ...}, "has no hidden_size"),
        (ConfigError, {"hidden_size": None}, "has no hidden_size"),
        (ConfigError, {"hidden_size": "32"}, "hidden_size is '32' and must be a whole number"),
        (ConfigError, {"hidden_size": True}, "hidden_size is 'True'"),
        (ConfigError, {"num_hidden_layers": 0}, "num_hidden_layers is '0'"),
        (ConfigError, {"num_hidden_layers": 2_000_000_000}, "must be at most 1024"),
        (ConfigError, {"vocab_size": 97.5}, "vocab_size is '97.5'"),
        (ConfigError, {"rms_norm_eps": -1e-6}, "rms_norm_eps is '-1e-06' and must be a number above 0"),
        (ConfigError, {"tie_word_embeddings": 1}, "tie_word_embeddings is '1' and must be true or false"),
        (ConfigError, {"num_key_value_heads": 3}, "4 attention heads cannot share 3"),
        (ConfigError, {"head_dim": None, "num_attention_heads": 6}, "32 does not divide into 6 heads"),
        (ConfigError, {"head_dim": 7}, "rotary embedding of 7 of 7 dimensions"),
        (ConfigError, {"rope_parameters": [1]}, "rope_parameters is '[1]' and must be an object"),
        (ConfigError, {"rope_scaling": {"type": "linear", "factor": 2}}, "both rope_parameters and rope_scaling"),
        (
            ConfigError,
            {"rope_parameters": {"rope_theta": 1.0}},
            "rope_parameters.rope_theta is '1.0' and must be a number above 1",
        ),
        (ConfigError, {"rope_parameters": {"rope_type": "linear"}}, "has no rope_parameters.factor"),
        (UnsupportedError, {"hidden_act": "quick_gelu"}, "hidden_act = 'quick_gelu' is not supported"),
        (UnsupportedError, {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, "rope_type = 'dynamic'"),
        (UnsupportedError, {"rope_parameters": {"rope_type": "warp"}}, "supported: default, linear, llama3, yarn"),
        (
            UnsupportedError,
            {"rope_parameters": ..., "rope_scaling": {"type": "longrope", "factor": 2.0}},
            "rope_scaling.type = 'longrope'",
        ),
        (UnsupportedError, {"rope_parameters": {"rope_type": "default", "spin": 2}}, "rope_parameters.spin = 2"),
        (UnsupportedError, {"pretraining_tp": 2}, "pretraining_tp = '2' is not supported; supported: 1"),
        (UnsupportedError, {"residual_multiplier": 0.22}, "residual_multiplier = 0.22 is an option"),
        (UnsupportedError, {"sliding_window": 4096}, "sliding_window = 4096"),
        (UnsupportedError, {"quantization_config": {"quant_method": "hqq"}}, "quantized with 'hqq'"),
    ],
)
def test_refused_values(llama, kind, changes, words):
    edit(llama, **changes)
    message = refused(kind, llama)
    assert words in message
    assert "config.json" in message


@pytest.mark.parametrize(
    "changes",
    [
        {"torch_dtype": "bfloat16", "use_cache": False, "_name_or_path": "x", "unsloth_fixed": True},
        {"attention_dropout": 0.1, "bos_token_id": 1, "auto_map": {"AutoModel": "evil.py"}},
        {"residual_multiplier": None, "some_flag": False, "list_of_nothing": []},
        {"pretraining_tp": 1, "rope_scaling": None, "quantization_config": None},
        {"is_llama_config": True, "rope_interleaved": False, "transformers.js_config": {"dtype": "q4"}},
        {"hidden_size": 32.0},
    ],
)
def test_harmless_values(llama, changes):
    edit(llama, **changes)
    open_model(llama).close()


def test_old_and_new_spelling_are_one_config(llama):
    with open_model(llama) as model:
        new = model.config
    rope = json.loads((llama / "config.json").read_text())["rope_parameters"]
    theta = rope.pop("rope_theta")
    edit(llama, rope_parameters=..., rope_theta=theta, rope_scaling=rope, dtype=..., torch_dtype="bfloat16")
    with open_model(llama) as model:
        assert model.config == new


def test_yarn_extends_the_context(llama):
    yarn = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
    edit(llama, rope_parameters=..., rope_theta=1000.0, rope_scaling=yarn)
    with open_model(llama) as model:
        assert model.config.max_context == 512
        assert model.config.rope.scaling.attention_factor == pytest.approx(1.1386, abs=1e-4)


@pytest.mark.parametrize(
    ("case", "changes", "words"),
    [
        ("gptj", {"rotary_dim": 10}, "rotary_dim 10 is not an even part of the 8"),
        ("gptj", {"rotary_dim": None}, "has no rotary_dim"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention = True"),
        ("qwen3-gqa-tied", {"layer_types": ["full_attention"]}, "one entry for each of 2 layers"),
        ("qwen3-gqa-tied", {"layer_types": ["full_attention", "linear_attention"]}, "layer_types"),
        ("qwen3-gqa-tied", {"layer_types": ["full_attention", "sliding_attention"]}, "sliding_window is off"),
    ],
)
def test_refused_by_a_family(tmp_path, case, changes, words):
    folder = copy(case, tmp_path)
    edit(folder, **changes)
    assert words in refused((ConfigError, UnsupportedError), folder)


def test_mistral_without_the_key_has_the_window_of_its_first_version(tmp_path):
    folder = copy("mistral-window", tmp_path)
    windows = []
    for value in (8, None, ...):
        edit(folder, sliding_window=value)
        with open_model(folder) as model:
            windows.append(model.network.attention_layers()[0].sliding_window)
    assert windows == [8, None, 4096]


# --- weights --------------------------------------------------------------------------------------------------------------

DOWN = "model.layers.1.mlp.down_proj.weight"


def test_missing_tensor(llama, write_safetensors):
    reweigh(llama, write_safetensors, lambda arrays: arrays.pop(DOWN))
    assert f"Tensor {DOWN} is missing" in refused(WeightError, llama)


def test_extra_tensor(llama, write_safetensors):
    reweigh(llama, write_safetensors, lambda arrays: arrays.update({"model.layers.0.extra": arrays[DOWN]}))
    assert "Tensor model.layers.0.extra in" in refused(WeightError, llama)


def test_one_layer_more_than_the_config_says(llama):
    edit(llama, num_hidden_layers=1)
    assert "Tensor model.layers.1." in refused(WeightError, llama)


def test_mis_shaped_tensor(llama, write_safetensors):
    reweigh(llama, write_safetensors, lambda arrays: arrays.update({DOWN: np.ascontiguousarray(arrays[DOWN].T)}))
    message = refused(WeightError, llama)
    assert f"Tensor {DOWN} in {llama / 'model.safetensors'} has shape [48, 32]" in message
    assert "[32, 48]" in message


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8])
def test_wrong_dtype(llama, write_safetensors, dtype):
    reweigh(llama, write_safetensors, lambda arrays: arrays.update({DOWN: arrays[DOWN].astype(dtype)}))
    assert f"is {np.dtype(dtype).name}; weights must be bf16, fp16 or fp32" in refused(WeightError, llama)


def test_fp8(llama, encode_safetensors, pack_safetensors):
    with WeightStore.open(llama) as store:
        arrays = {name: np.array(store.read(name).data) for name in store.names}
    arrays[DOWN] = arrays[DOWN].astype(np.uint8)
    header, data = encode_safetensors(arrays)
    header[DOWN]["dtype"] = "F8_E4M3"
    (llama / "model.safetensors").write_bytes(pack_safetensors(header, data))
    assert "is fp8_e4m3; weights must be" in refused(WeightError, llama)


def test_nan_weights_are_found_when_loaded(llama, write_safetensors):
    reweigh(llama, write_safetensors, lambda arrays: arrays[DOWN].__setitem__((3, 4), 0x7FC0))
    with open_model(llama) as model, pytest.raises(WeightError) as caught:
        model.load("layers.1.mlp.down.weight")
    assert f"Tensor {DOWN} in {llama / 'model.safetensors'} holds a NaN or an infinity at [3, 4]" in str(caught.value)


def test_buffers_of_old_versions_are_ignored(llama, write_safetensors):
    buffers = {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32) for i in range(2)}
    reweigh(llama, write_safetensors, lambda arrays: arrays.update(buffers))
    with open_model(llama) as model:
        assert model.params_of("model.layers.0.self_attn.rotary_emb.inv_freq") == ()


def test_tied_head_that_is_stored_too(llama, write_safetensors):
    reweigh(llama, write_safetensors, lambda a: a.update({"lm_head.weight": a["model.embed_tokens.weight"].copy()}))
    with open_model(llama) as model:
        model.load("embed.weight")
    reweigh(llama, write_safetensors, lambda arrays: arrays["lm_head.weight"].__setitem__((0, 0), 0))
    with open_model(llama) as model, pytest.raises(WeightError, match=r"lm_head\.weight in .* differs"):
        model.load("embed.weight")


def test_untied_head_that_is_missing(untied, write_safetensors):
    reweigh(untied, write_safetensors, lambda arrays: arrays.pop("lm_head.weight"))
    assert "Tensor lm_head.weight is missing" in refused(WeightError, untied)


def test_pickles_only(llama):
    (llama / "model.safetensors").rename(llama / "pytorch_model.bin")
    assert "pytorch_model.bin, a format that can run code" in refused(WeightError, llama)


def test_truncated_shard(tmp_path):
    folder = copy("llama-yarn-sharded", tmp_path)
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:100])
    assert str(shard) in refused(WeightError, folder)
    shard.unlink()
    assert re.search(r"\(1 of \d+ shards", refused(WeightError, folder))


def test_a_family_of_ones_own(llama):
    mine = replace(llama_family.FAMILY, name="mine", architectures=("MineForCausalLM",), model_types=("mine",))
    edit(llama, architectures=["MineForCausalLM"], model_type="mine")
    refused(UnsupportedError, llama)
    with open_model(llama, families=(*FAMILIES, mine)) as model:
        assert model.family == "mine"


def test_a_family_that_forgets_a_source(llama):
    broken = replace(llama_family.FAMILY, sources=lambda config, names: {})
    with pytest.raises(ContractError, match=r"llama does not say where parameter embed\.weight comes from"):
        open_model(llama, families=(broken,))
