"""`open_engine`: a folder in, an engine out, or one named error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.api.errors import ContractError, DeviceError, OutOfMemory, UnsupportedError
from engines.factory import open_engine


@pytest.fixture
def folder(tmp_path: Path, write_safetensors: Callable[[Path, Any], None]) -> Path:
    """A two-layer Llama in bf16, vocabulary of 32."""
    rng = np.random.default_rng(0)

    def bf16(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)

    tensors = {"model.embed_tokens.weight": bf16(32, 16), "model.norm.weight": bf16(16)}
    for i in range(2):
        names = {"self_attn.q_proj": (16, 16), "self_attn.k_proj": (8, 16), "self_attn.v_proj": (8, 16),
                 "self_attn.o_proj": (16, 16), "mlp.gate_proj": (24, 16), "mlp.up_proj": (24, 16),
                 "mlp.down_proj": (16, 24), "input_layernorm": (16,), "post_attention_layernorm": (16,)}  # fmt: skip
        tensors |= {f"model.layers.{i}.{name}.weight": bf16(*shape) for name, shape in names.items()}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 32, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "hidden_act": "silu", "tie_word_embeddings": True, "rope_theta": 10000.0,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `auto` does on a machine without a GPU, also on one that has one."""

    def find_driver() -> None:
        raise DeviceError("No NVIDIA driver is installed.")

    monkeypatch.setattr("engines.cuda.driver.find_driver", find_driver)


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_a_checkpoint_runs(folder: Path, backend: str) -> None:
    engine = open_engine(folder, backend=backend, num_slots=2, kv_tokens=100, max_tokens=16)
    try:
        assert (engine.spec.backend, engine.spec.lookahead, engine.spec.vocab_size) == ("reference", 0, 32)
        assert engine.spec.kv.num_pages == 8  # 7 pages of 16 for 100 tokens, and the dummy page
        prompt = np.array([1, 2, 3], np.int32)
        engine.init_slot(SlotInit(0, SamplerParams(temperature=0), prompt, prompt[:0]))
        step = engine.forward(StepPlan.build(0, [PlanRow(0, 0, prompt, np.array([4], np.int32), True, False)]))
        engine.sample(step)
        assert 0 <= engine.collect(step).token_ids[0] < 32
    finally:
        engine.close()


def test_the_pool_has_room_for_eight_contexts_by_default_and_obeys_a_limit(folder: Path) -> None:
    engine = open_engine(folder)
    assert engine.spec.kv.num_pages == 1 + 8 * 64 // 16
    page = engine.spec.kv.bytes_per_page
    engine.close()
    engine = open_engine(folder, kv_bytes=page * 5 + 1)
    assert engine.spec.kv.num_pages == 5
    engine.close()
    with pytest.raises(OutOfMemory, match=f"{page} bytes per page"):
        open_engine(folder, kv_bytes=page)


def test_unknown_backends_are_named(folder: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"'metal'.*auto, cuda, reference, tensorrt"):
        open_engine(folder, backend="metal")
    with pytest.raises(ContractError, match="not both"):
        open_engine(folder, kv_bytes=1, kv_tokens=1)


def test_a_cache_in_fp8_takes_a_quarter(folder: Path) -> None:
    pages = {}
    for kind in ("auto", "fp8"):
        engine = open_engine(folder, backend="reference", kv_bytes=1 << 20, kv_dtype=kind)
        pages[engine.spec.kv.kv_dtype] = engine.spec.kv.num_pages
        engine.close()
    assert pages["fp8"] == 4 * pages["fp32"]
    with pytest.raises(UnsupportedError, match="'int8'"):
        open_engine(folder, backend="reference", kv_dtype="int8")
