"""Requests as a summarizer has them, in flight or in batches: lengths, groups, and eager transformers as the other side.

torch and transformers are imported only where they run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.random_models import SHAPES

Request = tuple[int, int]  # prompt tokens, output tokens
PROMPTS, OUTPUTS = (128, 3000), (20, 250)
_SHARE = (
    0.7  # of free memory, what a batch is chosen for: caches grow by being copied, and freed pieces do not fit again
)
_SECONDS = 75.0


def summaries(count: int, context: int) -> list[Request]:
    """Lengths of `count` requests, always the same; a longer list begins with the shorter one.

    Prompts log-normal, median 1,100, sigma 0.55: two thirds lie between 630 and 1,900; cut to [128, 3,000] and to what the context
    leaves beside the longest output. Outputs log-normal, median 60, sigma 0.7, cut to [20, 250]: one in twelve is above 160.
    """
    prompts = np.random.default_rng(11).lognormal(np.log(1100), 0.55, count)
    outputs = np.random.default_rng(12).lognormal(np.log(60), 0.7, count)
    longest = min(PROMPTS[1], context - OUTPUTS[1] - 1)
    prompts, outputs = np.clip(prompts, PROMPTS[0], longest), np.clip(outputs, *OUTPUTS)
    return list(zip(prompts.astype(int).tolist(), outputs.astype(int).tolist(), strict=True))


def grouped(requests: list[Request], size: int) -> list[list[Request]]:
    """In order, `size` at a time."""
    return [requests[i : i + size] for i in range(0, len(requests), size)]


def batch_that_fits(shape: str, requests: list[Request], free: int) -> int:
    """The largest power of two whose padded batch fits into `free` bytes beside weights in 16 bits: the cache of the longest prompt
    and output, and a layer's activations while the prompts are read. 0 if none does."""
    vocab, _, hidden, layers, heads, kv_heads, head_dim, ffn, _ = SHAPES[shape]
    layer = hidden * head_dim * 2 * (heads + kv_heads) + 3 * hidden * ffn
    weights = 2 * (layers * layer + 2 * vocab * hidden)
    prompt, out = (max(lengths) for lengths in zip(*requests, strict=True))
    row = 2 * ((prompt + out) * 2 * layers * kv_heads * head_dim + prompt * (6 * hidden + 3 * ffn))
    rows = int((_SHARE * free - weights) // row)
    return 1 << (rows.bit_length() - 1) if rows > 0 else 0


def config_of(shape: str) -> Any:
    """The shape as transformers says it, without end tokens."""
    import transformers

    vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn, theta = SHAPES[shape]
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None, "tie_word_embeddings": False}
    if shape.startswith("gpt-j"):
        return transformers.GPTJConfig(
            vocab_size=vocab, n_positions=context, n_embd=hidden, n_layer=layers, n_head=heads, rotary_dim=64, n_inner=ffn, **ends
        )  # fmt: skip
    return transformers.LlamaConfig(
        vocab_size=vocab, max_position_embeddings=context, hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=head_dim, intermediate_size=ffn,
        rope_parameters={"rope_type": "default", "rope_theta": theta}, **ends,
    )  # fmt: skip


def eager_transformers(shape: str, requests: list[Request], batch: int = 0) -> dict[str, Any]:
    """Static batches in transformers: bf16, random weights made on the device, prompts padded on the left, each batch generating
    as long as its longest request. As many batches, in order, as 75 seconds hold, one at least; only tokens that a request asked
    for count. `batch`: 0 for the largest power of two that fits. A batch that does not fit after all is halved."""
    import torch
    import transformers

    started = time.perf_counter()
    gpu = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if gpu else 4 << 30
    batch = batch or batch_that_fits(shape, requests, free)
    if not batch:
        raise RuntimeError(f"{shape} in 16 bits does not fit into {free / 2**30:.0f} GiB beside one request.")
    config, device = config_of(shape), torch.device("cuda" if gpu else "cpu")
    attention = "eager" if shape.startswith("gpt-j") else "sdpa"  # transformers has no other for GPT-J
    with device:
        make = transformers.AutoModelForCausalLM.from_config
        model = make(config, dtype=torch.bfloat16, attn_implementation=attention).eval()
    random = torch.Generator(device).manual_seed(0)

    def generate(lengths: list[int], out: int) -> None:
        width = max(lengths)
        ids = torch.randint(0, config.vocab_size, (len(lengths), width), generator=random, device=device)
        left = width - torch.tensor(lengths, device=device)
        mask = (torch.arange(width, device=device) >= left[:, None]).long()
        model.generation_config = transformers.GenerationConfig(
            max_new_tokens=out, do_sample=False, use_cache=True, pad_token_id=0
        )
        with torch.inference_mode():
            made = model.generate(ids, attention_mask=mask).cpu()
        assert made.shape == (len(lengths), width + out), tuple(made.shape)

    generate([32] * min(batch, len(requests)), 3)
    loaded = time.perf_counter() - started
    print(f"... transformers: ready in {loaded:.1f} s, batches of {batch}", file=sys.stderr, flush=True)
    done, seconds, batch = run_batches(
        requests, batch, generate, torch.OutOfMemoryError, torch.cuda.empty_cache if gpu else lambda: None
    )
    tokens = sum(out for _, out in requests[:done])
    return {
        "attention": attention, "batch": batch, "requests": done, "of_requests": len(requests), "output_tokens": tokens,
        "seconds": round(seconds, 2), "output_tokens_per_s": round(tokens / seconds, 1), "start_s": round(loaded, 1),
        "torch": torch.__version__, "transformers": transformers.__version__,
    }  # fmt: skip


def run_batches(
    requests: list[Request],
    batch: int,
    generate: Callable[[list[int], int], None],
    too_large: type[BaseException],
    release: Callable[[], None],
    clock: Callable[[], float] = time.perf_counter,
    limit: float = _SECONDS,
) -> tuple[int, float, int]:
    """(requests done, seconds, size of the batches that were done). No batch is begun that would end after `limit` if it took as
    long as the last. A batch that raises `too_large` counts for nothing, and all begins anew with half its size."""
    done, spent, last = 0, 0.0, 0.0
    while done < len(requests) and spent + last <= limit:
        group = requests[done : done + batch]
        started = clock()
        full = False
        try:
            generate([length for length, _ in group], max(out for _, out in group))
        except too_large:
            if batch == 1:
                raise
            full = True
        if full:  # not in the handler, where the traceback still holds the tensors
            release()
            done, spent, last, batch = 0, 0.0, 0.0, batch // 2
            print(f"... out of memory: batches of {batch}", file=sys.stderr, flush=True)
            continue
        last = clock() - started
        done, spent = done + len(group), spent + last
        print(f"... {done} requests after {spent:.0f} s", file=sys.stderr, flush=True)
    return done, spent, batch
