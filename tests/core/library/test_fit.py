"""Memory predictions against arithmetic done by hand, and what is said when something does not fit."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest

from core.cli import main
from core.errors import Busy, InvalidRequest, ModelUnusable, NotFound
from core.library.fit import PRECISIONS, fit, kv_bytes, recommend, weight_bytes
from core.library.gpus import ASSUMED_DESKTOP, GIB, Gpu, find_gpu, present_gpus
from core.library.installed import remove_model
from core.library.shape import read_shape, shape_of
from core.llm import LLM

LLAMA_8B = {
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


def llama_tensors(dtype="BF16"):
    tensors = [
        ("model.embed_tokens.weight", dtype, (128256, 4096)),
        ("lm_head.weight", dtype, (128256, 4096)),
        ("model.norm.weight", dtype, (4096,)),
    ]
    for i in range(32):
        for name, shape in {
            "self_attn.q_proj": (4096, 4096),
            "self_attn.k_proj": (1024, 4096),
            "self_attn.v_proj": (1024, 4096),
            "self_attn.o_proj": (4096, 4096),
            "mlp.gate_proj": (14336, 4096),
            "mlp.up_proj": (14336, 4096),
            "mlp.down_proj": (4096, 14336),
            "input_layernorm": (4096,),
            "post_attention_layernorm": (4096,),
        }.items():
            tensors.append((f"model.layers.{i}.{name}.weight", dtype, shape))
    return tensors


@pytest.fixture
def llama():
    return shape_of(LLAMA_8B, llama_tensors(), "config.json")


def precision(name):
    return next(item for item in PRECISIONS if item.name == name)


def test_llama_8b_by_hand(llama):
    assert llama.parameters == 8_030_261_248  # as its authors state
    assert llama.stored == weight_bytes(llama, precision("bf16")) == 16_060_522_496
    linear = 32 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 14336 * 4096)
    kept = (8_030_261_248 - linear) * 2
    assert weight_bytes(llama, precision("int4")) == kept + linear // 2 + linear // 128 * 2
    assert weight_bytes(llama, precision("nvfp4")) == kept + linear // 2 + linear // 16
    rows = 32 * (4096 * 2 + 1024 * 2 + 14336 * 2 + 4096)
    assert weight_bytes(llama, precision("int8")) == kept + linear + rows * 2
    assert kv_bytes(llama, 8192, 1) == 8192 * 131072  # 128 KiB a token
    assert kv_bytes(llama, 1, 3) == 3 * 16 * 131072  # whole pages


def test_groups_that_do_not_divide_are_whole(llama):
    shape = shape_of(LLAMA_8B, [("a.weight", "BF16", (3, 130))], "x")
    assert weight_bytes(shape, precision("int4")) == 3 * (65 + 2 * 2)


def test_what_fits_on_eight_gigabytes(llama):
    gpu = find_gpu("rtx4060")
    fits = {item.precision: item for item in fit(llama, gpu, 8192, 1)}
    assert "would need 1" in fits["bf16"].reason
    assert "of the 7.0 GiB that are free" in fits["fp8"].reason
    assert fits["nvfp4"].reason == "needs compute capability 10.0, this GPU has 8.9"
    assert not fits["int4"].reason
    assert fits["int4"].needed <= fits["int4"].available
    advice = recommend(list(fits.values()), llama, gpu, 8192, 1)
    assert advice.precision == "int4"
    assert advice.sentence.startswith("int4 is the most faithful that fits with 8,192 tokens; bf16 would need")
    limit = fits["int4"].max_context
    assert 8192 < limit < 131072
    assert limit % 16 == 0
    again = {item.precision: item for item in fit(llama, gpu, limit, 1)}
    assert not again["int4"].reason
    assert {item.precision: item for item in fit(llama, gpu, limit + 16, 1)}["int4"].reason


def test_what_others_use_counts(llama):
    gpu = find_gpu("rtx4090")
    busy = Gpu(gpu.name, gpu.memory, gpu.capability, gpu.bandwidth, 12 * GIB, True)
    assert recommend(fit(llama, gpu, 8192, 1), llama, gpu, 8192, 1).precision == "bf16"
    advice = recommend(fit(llama, busy, 8192, 1), llama, busy, 8192, 1)
    assert advice.precision == "fp8"
    assert "could be up to" in advice.sentence


def test_nothing_fits(llama):
    gpu = find_gpu("RTX 2060")
    advice = recommend(fit(llama, gpu, 8192, 1), llama, gpu, 8192, 1)
    assert advice.precision is None
    assert advice.sentence.startswith("No precision fits on RTX 2060 with 8,192 tokens")
    gpu = find_gpu("rtx4060")
    advice = recommend(fit(llama, gpu, 65536, 4), llama, gpu, 65536, 4)
    assert "tokens per chat would fit" in advice.sentence


def test_the_checkpoints_own_type_comes_first(llama):
    gpu = find_gpu("h200")
    assert recommend(fit(llama, gpu, 8192, 1), llama, gpu, 8192, 1).precision == "bf16"
    half = shape_of(LLAMA_8B, llama_tensors("F16"), "x")
    assert recommend(fit(half, gpu, 8192, 1), half, gpu, 8192, 1).precision == "fp16"
    old = find_gpu("rtx 2080 ti")
    fits = {item.precision: item for item in fit(llama, old, 100, 1)}
    assert fits["bf16"].reason == "needs compute capability 8.0, this GPU has 7.5"


def test_a_quantized_checkpoint_is_taken_as_it_is():
    shape = shape_of(LLAMA_8B | {"quantization_config": {"quant_method": "awq"}}, llama_tensors("I8"), "x")
    [only] = fit(shape, find_gpu("rtx4090"), 8192, 1)
    assert (only.precision, only.weights) == ("as stored", shape.stored)


def test_speed_is_bounded_by_bandwidth(llama):
    [bf16, *_] = fit(llama, find_gpu("h200"), 8192, 1)
    assert bf16.tokens_per_s == pytest.approx(4.8e12 / (16_060_522_496 + 4096 * 131072))


@pytest.mark.parametrize(("context", "chats"), [(0, 1), (1, 0), (131073, 1)])
def test_questions_that_make_no_sense(llama, context, chats):
    with pytest.raises(InvalidRequest):
        fit(llama, find_gpu("h200"), context, chats)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rtx4060", "RTX 4060"),
        ("NVIDIA GeForce RTX 4060 Ti", "RTX 4060 Ti"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090 Laptop"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA H200", "H200"),
        ("rtx4060ti16gb", "RTX 4060 Ti 16GB"),
    ],
)
def test_names_of_gpus(name, found):
    assert find_gpu(name).name == found


def test_an_unknown_gpu():
    with pytest.raises(NotFound, match="There is no GPU 'rtx4061' in the table; did you mean RTX 4060"):
        find_gpu("rtx4061")
    with pytest.raises(NotFound, match="known are RTX 2060"):
        find_gpu("voodoo")


class Nvml(types.ModuleType):
    """Two GPUs as the driver tells of them, one of which is lost."""

    def __init__(self):
        super().__init__("pynvml")
        self.open = 0

    def nvmlInit(self):
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return 3

    def nvmlDeviceGetHandleByIndex(self, index):
        if index == 1:
            raise RuntimeError("GPU is lost")
        return index

    def nvmlDeviceGetName(self, handle):
        return b"NVIDIA GeForce RTX 4060 Ti" if handle else "NVIDIA Future 1"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return types.SimpleNamespace(total=16380 << 20, used=(3 if handle else 9) * GIB)

    def nvmlDeviceGetCudaComputeCapability(self, handle):
        return [8, 9]


def test_the_gpus_here(monkeypatch):
    nvml = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    first, second = present_gpus()
    assert (first.name, first.others, first.measured) == ("NVIDIA GeForce RTX 4060 Ti", 3 * GIB, True)
    assert (first.capability, first.bandwidth) == ((8, 9), 288 * 10**9)
    assert (second.name, second.bandwidth) == ("NVIDIA Future 1", 0)
    assert nvml.open == 0
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert present_gpus() == []


# --- reading -------------------------------------------------------------------------------------------------------------


def test_a_real_checkpoint(tiny_model):
    shape = read_shape(tiny_model)
    assert (shape.layers, shape.hidden, shape.kv_heads, shape.head_dim, shape.context) == (2, 32, 2, 8, 256)
    assert len(shape.linear) == 14
    assert shape.dtype == "F32"
    assert shape.stored == shape.parameters * 4


def test_headers_that_are_none(make_tiny_model):
    folder = make_tiny_model()
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for content in (b"", b"12345678", whole[:9], b"\xff" * 100, (50).to_bytes(8, "little") + rng.bytes(60), whole[:40]):
        path.write_bytes(content)
        with pytest.raises(ModelUnusable, match="is not a safetensors file"):
            read_shape(folder)
    path.unlink()
    with pytest.raises(ModelUnusable, match="no safetensors weights"):
        read_shape(folder)


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size"])
def test_a_config_that_does_not_say(key):
    for value in (None, 0, -1, "x", True, 1.5, 2**40):
        with pytest.raises(ModelUnusable, match=f"has no usable {key}"):
            shape_of({**LLAMA_8B, key: value}, [], "config.json")


# --- the command line, and locks -----------------------------------------------------------------------------------------


def test_fit_on_the_command_line(home, tiny_model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert main(["core", "fit", str(tiny_model)]) == 6
    assert "name one with --gpu" in capsys.readouterr().err
    assert main(["core", "fit", str(tiny_model), "--gpu", "rtx4060"]) == 0
    assert "bf16 is the most faithful that fits with 256 tokens" in capsys.readouterr().out
    assert main(["core", "fit", str(tiny_model), "--gpu", "rtx4060", "--chats", "4", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["recommended"] == "bf16"
    assert value["gpu"]["others_bytes"] == ASSUMED_DESKTOP
    assert [item["precision"] for item in value["precisions"]] == [item.name for item in PRECISIONS]
    for item in value["precisions"]:
        parts = ("weights_bytes", "kv_bytes", "workspace_bytes", "runtime_bytes")
        assert item["needed_bytes"] == sum(item[part] for part in parts)
    assert main(["core", "fit", str(tiny_model), "--gpu", "rtx4060", "--context", "257"]) == 2
    assert main(["core", "fit", "nothing"]) == 3


def test_a_loaded_model_is_not_removed(home, places, make_tiny_model):
    folder = make_tiny_model()
    places.models.mkdir(parents=True)
    folder.rename(places.models / "mine")
    with LLM("mine", backend="reference", kv_tokens=64), pytest.raises(Busy, match="mine is in use"):
        remove_model("mine", places)
    remove_model("mine", places)
