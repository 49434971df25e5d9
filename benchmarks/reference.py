"""Tokens per second of the reference engine, driven directly, and the ratio to transformers on torch in the same run.

    python benchmarks/reference.py                 ours only
    python benchmarks/reference.py --torch         needs torch and transformers: an environment of its own

Models: the bundled demo model where it is there, and a random Llama of 134 million parameters (hidden 768, 12 layers, 12
heads, SwiGLU 2048, vocabulary 32000, bf16 weights) written to a temporary folder. Both sides decode greedily from the same
prompt and compute the same number of tokens; rounds alternate, and each figure is the median of its rounds. Our engine
computes in fp32; torch is measured in fp32 and in bf16, and the ratio is to the faster of the two. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engines.api import Engine, PlanRow, SamplerParams, SlotInit, StepPlan
from engines.factory import open_engine
from engines.models import open_model

PROMPT, DECODE, PREFILL = 32, 48, 512
DEMO = Path(__file__).resolve().parent.parent / "assets" / "demo_model"


def write_llama(folder: Path) -> None:
    """A random Llama checkpoint in bf16."""
    hidden, layers, ffn, vocab = 768, 12, 2048, 32000
    rng = np.random.default_rng(0)
    shapes = {"model.embed_tokens": (vocab, hidden), "lm_head": (vocab, hidden), "model.norm": (hidden,)}
    for i in range(layers):
        at = f"model.layers.{i}."
        shapes |= {f"{at}self_attn.{x}_proj": (hidden, hidden) for x in "qkvo"}
        shapes |= {f"{at}mlp.gate_proj": (ffn, hidden), f"{at}mlp.up_proj": (ffn, hidden)}
        shapes |= {f"{at}mlp.down_proj": (hidden, ffn)}
        shapes |= {f"{at}input_layernorm": (hidden,), f"{at}post_attention_layernorm": (hidden,)}
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[f"{name}.weight"] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    raw = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    raw += b" " * (-len(raw) % 8)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        for shape in shapes.values():
            noise = rng.standard_normal(shape, np.float32) * np.float32(0.05) if len(shape) > 1 else np.ones(shape)
            file.write((noise.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes())
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": ffn,
        "num_hidden_layers": layers, "num_attention_heads": 12, "num_key_value_heads": 12, "vocab_size": vocab,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "hidden_act": "silu", "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


class Ours:
    """The engine with a page table by hand: every sequence owns a fixed run of pages."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.pages = -(-(PREFILL + DECODE) // 16)
        self.engine: Engine = open_engine(
            folder, num_slots=16, kv_tokens=17 * 16 * self.pages, max_tokens=PREFILL, threads=threads
        )
        with open_model(folder) as model:  # an end token must not end one side's text (transformers' min_new_tokens)
            self.params = SamplerParams(temperature=0, min_tokens=1 + DECODE, stop_ids=model.eos_ids)
        # Interleaved, as pages are when sequences grow side by side.
        self.table = 1 + np.arange(16)[:, None] + 16 * np.arange(self.pages)[None]
        self.steps = 0

    def step(self, rows: list[PlanRow]) -> np.ndarray:
        self.steps += 1
        step = self.engine.forward(StepPlan.build(self.steps, rows))
        self.engine.sample(step)
        return self.engine.collect(step).token_ids

    def row(self, slot: int, start: int, ids: np.ndarray | None) -> PlanRow:
        end = start + (1 if ids is None else len(ids))
        return PlanRow(slot, start, ids, self.table[slot, : -(-end // 16)].astype(np.int32), True, ids is None)

    def prefill(self, prompts: np.ndarray) -> tuple[float, np.ndarray]:
        """Seconds, first tokens [batch]."""
        for slot, ids in enumerate(prompts):
            self.engine.init_slot(SlotInit(slot, self.params, ids, ids[:0]))
        begin = time.perf_counter()
        tokens = self.step([self.row(slot, 0, ids) for slot, ids in enumerate(prompts)])
        return time.perf_counter() - begin, tokens

    def decode(self, prompts: np.ndarray) -> tuple[float, np.ndarray]:
        """Seconds for DECODE steps after the first token, tokens [batch, 1 + DECODE]."""
        tokens = [self.prefill(prompts)[1]]
        begin = time.perf_counter()
        for i in range(DECODE):
            rows = [self.row(slot, PROMPT + i, None) for slot in range(len(prompts))]
            tokens.append(self.step(rows))
        return time.perf_counter() - begin, np.stack(tokens, axis=1)


class Torch:
    """transformers' own `generate`, greedy, dynamic cache."""

    def __init__(self, folder: Path, dtype: str, threads: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        torch.set_num_threads(threads)
        self.torch = torch
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()

    def prefill(self, prompts: np.ndarray) -> tuple[float, np.ndarray]:
        ids = self.torch.from_numpy(prompts.astype(np.int64))
        with self.torch.inference_mode():
            begin = time.perf_counter()
            logits = self.model(ids, logits_to_keep=1).logits
            return time.perf_counter() - begin, logits.argmax(-1).numpy()

    def decode(self, prompts: np.ndarray) -> tuple[float, np.ndarray]:
        def generate(count: int) -> tuple[float, Any]:
            begin = time.perf_counter()
            out = self.model.generate(
                ids, attention_mask=self.torch.ones_like(ids), do_sample=False, pad_token_id=0,
                max_new_tokens=count, min_new_tokens=count,
            )  # fmt: skip
            return time.perf_counter() - begin, out[:, ids.shape[1] :].numpy()

        ids = self.torch.from_numpy(prompts.astype(np.int64))
        with self.torch.inference_mode():
            first = generate(1)[0]
            seconds, tokens = generate(1 + DECODE)
        return seconds - first, tokens


def measure(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of each side's figure, one warm-up each, then rounds that alternate."""
    for side in sides.values():
        side()
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            figures[name].append(side())
    return {name: statistics.median(values) for name, values in figures.items()}


def bench(name: str, folder: Path, with_torch: bool, rounds: int, threads: int) -> None:
    ours = Ours(folder, threads)
    others = (
        {f"torch {dtype}": Torch(folder, dtype, threads) for dtype in ("float32", "bfloat16")} if with_torch else {}
    )
    rng = np.random.default_rng(1)
    vocab = ours.engine.spec.vocab_size
    for batch in (1, 16):
        prompts = rng.integers(3, vocab, (batch, PROMPT)).astype(np.int32)

        def speed(side: Ours | Torch, prompts: np.ndarray = prompts) -> float:
            return len(prompts) * DECODE / side.decode(prompts)[0]

        sides = {"ours": ours, **others}
        got = measure({key: (lambda side=side: speed(side)) for key, side in sides.items()}, rounds)
        line: dict[str, Any] = {
            "model": name,
            "measure": "decode",
            "batch": batch,
            "prompt": PROMPT,
            "new_tokens": DECODE,
        }
        if with_torch:
            same = ours.decode(prompts)[1] == others["torch float32"].decode(prompts)[1]
            line["tokens_equal_to_torch_fp32"] = round(float(same.mean()), 4)
        report(line, got)
    if ours.engine.spec.max_context >= PREFILL:
        prompts = rng.integers(3, vocab, (1, PREFILL)).astype(np.int32)
        sides = {"ours": ours, **others}
        got = measure(
            {key: (lambda side=side: PREFILL / side.prefill(prompts)[0]) for key, side in sides.items()}, rounds
        )
        report({"model": name, "measure": "prefill", "batch": 1, "prompt": PREFILL}, got)
    ours.engine.close()
    del ours, others
    gc.collect()


def report(line: dict[str, Any], got: dict[str, float]) -> None:
    line["tokens_per_s"] = {key: round(value, 1) for key, value in got.items()}
    if len(got) > 1:
        line["ratio"] = round(got["ours"] / max(value for key, value in got.items() if key != "ours"), 2)
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", action="store_true", help="measure transformers on torch as well")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    )
    parser.add_argument("--model", type=Path, help="another checkpoint folder, in place of both models")
    args = parser.parse_args()
    machine = {
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": args.threads,
        "numpy": np.__version__,
    }
    if args.torch:
        import torch
        import transformers

        machine |= {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps(machine), flush=True)
    if args.model:
        bench(args.model.name, args.model, args.torch, args.rounds, args.threads)
        return
    if (DEMO / "config.json").exists():
        bench("demo", DEMO, args.torch, args.rounds, args.threads)
    with tempfile.TemporaryDirectory() as folder:
        write_llama(Path(folder))
        bench("random llama 134M", Path(folder), args.torch, args.rounds, args.threads)


if __name__ == "__main__":
    main()
