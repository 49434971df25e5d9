"""Write the golden files: tiny checkpoints saved by `transformers`, and what it computes with them.

    python tests/golden/make_golden.py --out FOLDER [case ...]

Needs torch and transformers (scripts/parity sets up a place that has them). For each case, FOLDER/<case>/ gets the checkpoint
and expected.npz: `prompt` int32 [P], `tokens` int32 [64] (greedy), `logits` float32 [64, vocab] (row 0 after the prefill, row i
after decode step i). Weights come from NumPy's frozen legacy generator, so they are the same on every machine; a seed is
taken only if no greedy choice is close, so that rounding cannot change the tokens.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

STEPS = 64
PROMPT = 21
MIN_GAP = 2e-3  # between the best and the second logit, an order of magnitude above the tolerance

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 32}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}


@dataclass(frozen=True)
class Case:
    """One checkpoint. `edit` changes the folder before transformers reads it back: spellings of older versions."""

    name: str
    config: type
    model: type
    dtype: torch.dtype
    options: dict[str, Any] = field(default_factory=dict)
    shard: str | None = None
    edit: Callable[[Path], None] | None = None


def old_style(folder: Path) -> None:
    """config.json as transformers 4 wrote it: rope_theta and rope_scaling, torch_dtype, no layer_types, nulls written out."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters", None) or {}
    config["rope_theta"] = rope.pop("rope_theta", 10000.0)
    kind = rope.pop("rope_type", "default")
    config["rope_scaling"] = {"type": kind, **rope} if kind != "default" else None
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    config["transformers_version"] = "4.40.0"
    path.write_text(json.dumps(config, indent=2) + "\n")


def llama_1(folder: Path) -> None:
    """The sparse config.json of the first Llama conversions."""
    old_style(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key in ("rope_theta", "rope_scaling", "num_key_value_heads", "head_dim", "attention_bias", "mlp_bias"):
        config.pop(key, None)
    config |= {"max_sequence_length": 128, "_name_or_path": "somewhere/else"}
    path.write_text(json.dumps(config, indent=2) + "\n")


def bare_gpt2(folder: Path) -> None:
    """GPT-2 as OpenAI's weights were first converted: no `transformer.` before the names, the causal masks among them."""
    path = folder / "model.safetensors"
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    config = json.loads((folder / "config.json").read_text())
    size = config["n_positions"]
    for layer in range(config["n_layer"]):
        tensors[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(1, 1, size, size, dtype=torch.uint8))
    save_file(tensors, path, metadata={"format": "pt"})


def sizes(**changes: Any) -> dict[str, Any]:
    """Llama-like options: hidden 32, two layers, four heads; small enough to commit."""
    return {
        "vocab_size": 97,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        **changes,
    }


def gpt(**changes: Any) -> dict[str, Any]:
    return {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, **changes}


T = transformers
BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32
LLAMA, MISTRAL = (T.LlamaConfig, T.LlamaForCausalLM), (T.MistralConfig, T.MistralForCausalLM)
QWEN2, QWEN3 = (T.Qwen2Config, T.Qwen2ForCausalLM), (T.Qwen3Config, T.Qwen3ForCausalLM)
GPT2, GPTJ = (T.GPT2Config, T.GPT2LMHeadModel), (T.GPTJConfig, T.GPTJForCausalLM)

CASES = (
    Case("llama-mha", *LLAMA, FP16, sizes(num_key_value_heads=4), edit=llama_1),
    Case("llama-gqa-llama3-tied", *LLAMA, BF16, sizes(rope_parameters=LLAMA3, tie_word_embeddings=True)),
    Case(
        "llama-mqa-linear-biases",
        *LLAMA,
        FP16,
        sizes(num_key_value_heads=1, rope_parameters=LINEAR, attention_bias=True, mlp_bias=True),
        edit=old_style,
    ),
    Case("llama-yarn-sharded", *LLAMA, BF16, sizes(head_dim=16, rope_parameters=YARN, vocab_size=131), shard="16KB"),
    Case("mistral-window", *MISTRAL, BF16, sizes(sliding_window=8), edit=old_style),
    Case("mistral-full-head-dim", *MISTRAL, FP32, sizes(sliding_window=None, head_dim=6, hidden_act="gelu")),
    Case("qwen2-gqa-tied", *QWEN2, BF16, sizes(tie_word_embeddings=True), edit=old_style),
    Case(
        "qwen2-window-yarn",
        *QWEN2,
        FP16,
        sizes(use_sliding_window=True, sliding_window=10, max_window_layers=1, rope_parameters=YARN),
        edit=old_style,
    ),
    Case("qwen3-gqa-tied", *QWEN3, BF16, sizes(head_dim=16, tie_word_embeddings=True)),
    Case(
        "qwen3-mqa-biases-window",
        *QWEN3,
        BF16,
        sizes(
            head_dim=8,
            num_key_value_heads=1,
            attention_bias=True,
            use_sliding_window=True,
            sliding_window=7,
            layer_types=["sliding_attention", "full_attention"],
        ),
    ),
    Case("gpt2", *GPT2, BF16, gpt()),
    Case("gpt2-bare-by-layer", *GPT2, FP16, gpt(n_inner=48, scale_attn_by_inverse_layer_idx=True), edit=bare_gpt2),
    Case("gptj", *GPTJ, BF16, gpt(rotary_dim=4)),
    Case("gptj-sharded", *GPTJ, FP16, gpt(n_head=2, rotary_dim=16, n_inner=64), shard="20KB"),
)


def randomize(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough to matter everywhere: the library's own start with zero biases and unit norms."""
    random = np.random.RandomState(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = random.standard_normal(tuple(parameter.shape))
        if parameter.ndim == 1:
            value = (1 + 0.2 * noise) if name.endswith("weight") else 0.3 * noise
        elif "embed" in name or "wte" in name or "wpe" in name:
            value = 0.7 * noise
        else:
            fan_in = parameter.shape[0] if ".c_" in name else parameter.shape[1]
            value = 1.5 * noise / np.sqrt(fan_in)
        parameter.data = torch.from_numpy(value.astype(np.float32))


@torch.no_grad()
def run(folder: Path, seed: int) -> dict[str, np.ndarray]:
    """Prefill and greedy decode with the cache, in fp32, one token at a time."""
    model = T.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prompt = np.random.RandomState(seed + 1).randint(0, model.config.vocab_size, PROMPT)
    ids = torch.from_numpy(prompt)[None]
    logits, tokens, cache = [], [], None
    for _ in range(STEPS):
        out = model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits.append(out.logits[0, -1].numpy().copy())
        tokens.append(int(logits[-1].argmax()))
        ids = torch.tensor([[tokens[-1]]])
    whole = model(input_ids=torch.tensor([[*prompt.tolist(), *tokens[:-1]]]), use_cache=False).logits[0, PROMPT - 1 :]
    assert np.abs(whole.numpy() - np.stack(logits)).max() < 1e-4, f"{folder.name}: cached and whole passes differ"
    return {
        "prompt": prompt.astype(np.int32),
        "tokens": np.array(tokens, np.int32),
        "logits": np.stack(logits).astype(np.float32),
    }


def make(case: Case, out: Path) -> None:
    folder = out / case.name
    for seed in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        model = case.model(case.config(**case.options, bos_token_id=1, eos_token_id=2))
        randomize(model, seed)
        model.to(case.dtype).save_pretrained(folder, **({"max_shard_size": case.shard} if case.shard else {}))
        if case.edit is not None:
            case.edit(folder)
        expected = run(folder, seed)
        best = np.sort(expected["logits"], axis=1)
        # Varied text, too: a model that repeats one token would hide mistakes in positions.
        if (best[:, -1] - best[:, -2]).min() > MIN_GAP and len(set(expected["tokens"].tolist())) >= 12:
            break
    else:
        raise SystemExit(f"{case.name}: no seed gives clear greedy choices.")
    np.savez_compressed(folder / "expected.npz", **expected)
    for path in folder.iterdir():
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{case.name}: seed {seed}, {size} bytes, {len(set(expected['tokens'].tolist()))} different tokens")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the cases")
    parser.add_argument("cases", nargs="*", help="names of cases; all by default")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for case in CASES:
        if not args.cases or case.name in args.cases:
            make(case, args.out)


if __name__ == "__main__":
    main()
