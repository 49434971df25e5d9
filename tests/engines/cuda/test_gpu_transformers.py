"""Whole models against transformers on the same GPU: real layer shapes, few layers, random weights; and the demo model.

The truth is transformers in float32. Ours may be no further from it than transformers in the same 16 bits is.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.cuda.engine import CudaEngine
from engines.models import open_model

missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore"),  # of transformers
    pytest.mark.skipif(bool(missing), reason=f"compares with {', '.join(missing)}"),
]

DEMO = Path(__file__).parents[3] / "assets" / "demo_model"
YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 64}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip


def like_llama(hidden: int, heads: int, kv_heads: int, ffn: int, layers: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": 32000, "hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "intermediate_size": ffn, "num_hidden_layers": layers, "max_position_embeddings": 1024, **more,
    }  # fmt: skip


def like_gpt(vocab: int, hidden: int, heads: int, layers: int, **more: Any) -> dict[str, Any]:
    return {"vocab_size": vocab, "n_embd": hidden, "n_head": heads, "n_layer": layers, "n_positions": 1024, **more}


# Family in transformers, dtype, config: the layers of Llama-3-8B, Mistral-7B, Qwen2-7B, Qwen3-8B, GPT-2 XL, GPT-J-6B.
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("Llama", "bfloat16", like_llama(4096, 32, 8, 14336, 4, rope_parameters=LLAMA3)),
    "llama-fp16": ("Llama", "float16", like_llama(2048, 16, 16, 5504, 4)),
    "mistral": ("Mistral", "bfloat16", like_llama(4096, 32, 8, 14336, 3, sliding_window=50)),
    "qwen2": ("Qwen2", "bfloat16", like_llama(3584, 28, 4, 18944, 2, rope_parameters=YARN)),
    "qwen3": ("Qwen3", "bfloat16", like_llama(4096, 32, 8, 12288, 3, head_dim=128, tie_word_embeddings=True)),
    "gpt2": ("GPT2LMHead", "bfloat16", like_gpt(50257, 1600, 25, 6)),
    "gptj": ("GPTJ", "bfloat16", like_gpt(50400, 4096, 16, 3, rotary_dim=64, tie_word_embeddings=False)),
}
PROMPT, STEPS, ROWS = 70, 50, 4


def theirs(folder: Path, ids: np.ndarray, dtype: Any) -> np.ndarray:
    """Logits [rows, STEPS, vocab] from the prompt's last token on, all tokens read at once, float32."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    # Loaded anew: `to` would round the rotary frequencies as well.
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to("cuda").eval()
    with torch.no_grad():
        out = model(torch.tensor(ids, device="cuda")).logits[:, PROMPT - 1 : -1].float().cpu().numpy()
    del model
    torch.cuda.empty_cache()
    return out


def ours(engine: CudaEngine, one: Any, ids: np.ndarray) -> np.ndarray:
    """The same, token by token after the prompt."""
    for slot in range(ROWS):
        one.start(slot)
    ends = [0, *range(PROMPT, PROMPT + STEPS)]
    made = [one.feed({slot: ids[slot, start:end].tolist() for slot in range(ROWS)}) for start, end in pairwise(ends)]
    return np.stack([[step[slot] for step in made] for slot in range(ROWS)])


def compare(name: str, folder: Path, dtype: Any, cache: Path, feeder: Any) -> None:
    import torch

    with open_model(folder) as loaded:
        engine = CudaEngine(loaded, num_pages=200, num_slots=8, max_tokens=512, cache=cache)
    ids = np.random.default_rng(0).integers(6, engine.spec.vocab_size, (ROWS, PROMPT + STEPS))
    same, truth = theirs(folder, ids, dtype), theirs(folder, ids, torch.float32)
    try:
        found = ours(engine, feeder(engine), ids)
    finally:
        engine.close()
    assert np.isfinite(found).all()
    far = [float(np.linalg.norm(x - truth) / np.linalg.norm(truth)) for x in (found, same)]
    top = [float((x.argmax(-1) == truth.argmax(-1)).mean()) for x in (found, same)]
    both = float((found.argmax(-1) == same.argmax(-1)).mean())
    print(
        f"\n{name}: error of logits {far[0]:.5f}, of transformers {far[1]:.5f}; top-1 as float32 {top[0]:.3f}, of transformers "
        f"{top[1]:.3f}; as each other {both:.3f}"
    )
    assert far[0] < 1.15 * far[1]
    assert top[0] > top[1] - 0.05


@pytest.mark.parametrize("name", CASES)
def test_logits_are_as_near_the_truth_as_transformers(
    name: str, tmp_path: Path, kernel_cache: Path, feeder: Any
) -> None:
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    family, kind, options = CASES[name]
    dtype = getattr(torch, kind)
    torch.manual_seed(0)
    base = family.removesuffix("LMHead")
    config = getattr(transformers, f"{base}Config")(**options, initializer_range=0.03)
    cls = getattr(transformers, f"{family}Model" if family != base else f"{family}ForCausalLM")
    with torch.device("cuda"):
        model = cls(config).eval()
    with torch.no_grad():
        for key, value in model.named_parameters():  # norms and biases that do something
            if value.ndim == 1:
                value.normal_(0.0, 0.1)
                if not key.endswith("bias"):
                    value.add_(1.0)
    model.to(dtype).save_pretrained(tmp_path)
    del model
    compare(name, tmp_path, dtype, kernel_cache, feeder)


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo model is not there")
def test_demo_model(kernel_cache: Path, feeder: Any) -> None:
    import torch

    compare("demo", DEMO, torch.bfloat16, kernel_cache, feeder)
