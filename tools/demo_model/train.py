"""Train the demo model on one GPU, against the clock.

    python -m tools.demo_model.train --tokenizer TOK_DIR --out OUT_DIR --minutes 8

Data come from worker processes that generate chats meanwhile. Hidden matrices are trained with Muon (orthogonalized
momentum), the embedding and the norms with AdamW; the learning rate warms up, stays, and falls to zero by the end of the
time. A checkpoint is written every minute.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import threading
import time
from pathlib import Path
from queue import Queue

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tools.demo_model import dataset
from tools.demo_model.model import Decoder, Packed, block_mask, save


def orthogonalize(g: Tensor) -> Tensor:
    """The nearest half-orthogonal matrices by five Newton-Schulz steps (the quintic of Muon). g [n, rows, columns]."""
    x = g.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


class Muon:
    """Momentum, orthogonalized per matrix; matrices of one shape are handled in one batch."""

    def __init__(self, parameters: list[Tensor], rate: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.groups: dict[tuple[int, ...], list[Tensor]] = {}
        for p in parameters:
            self.groups.setdefault(tuple(p.shape), []).append(p)
        self.buffers = {shape: torch.zeros(len(ps), *shape, device=ps[0].device) for shape, ps in self.groups.items()}
        self.orthogonalize = torch.compile(orthogonalize) if parameters[0].is_cuda else orthogonalize

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One step at ``factor`` times the base rate."""
        for shape, ps in self.groups.items():
            g = torch.stack([p.grad for p in ps])  # type: ignore[misc]
            buffer = self.buffers[shape]
            buffer.lerp_(g, 1 - self.momentum)
            update = self.orthogonalize(g.lerp(buffer, self.momentum)).float()
            rate = self.rate * factor
            scale = max(1.0, shape[0] / shape[1]) ** 0.5
            for p, u in zip(ps, update, strict=True):
                p.mul_(1 - rate * self.decay).add_(u, alpha=-rate * scale)


def _prefetch(folder: Path, length: int, seed: int, device: str, ahead: int = 6) -> Queue[tuple[Tensor, ...]]:
    queue: Queue[tuple[Tensor, ...]] = Queue(ahead)

    def work() -> None:
        for tokens, mask, positions, documents, starts in dataset.rows(folder, length, seed, length // 16):
            tensors = [torch.from_numpy(x) for x in (tokens, mask, positions, documents, starts)]
            if device == "cuda":
                tensors = [t.pin_memory().to(device, non_blocking=True) for t in tensors]
            queue.put(tuple(tensors))

    threading.Thread(target=work, daemon=True).start()
    return queue


def main() -> None:
    """Parse the arguments, train, write the checkpoint and a log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--shards", type=Path, default=Path("/dev/shm/demo_model_shards"))
    parser.add_argument("--workers", type=int, default=15)
    parser.add_argument("--shards-per-worker", type=int, default=10**9)
    parser.add_argument("--length", type=int, default=131072, help="tokens of one row, which is one step")
    parser.add_argument("--attention", choices=("varlen", "flex", "dense"), default="flex")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=0.003)
    parser.add_argument(
        "--text-weight", type=float, default=0.1, help="loss weight of text that the assistant did not write"
    )
    parser.add_argument("--resume", type=Path, help="a checkpoint to go on from, with lower rates")
    parser.add_argument("--hold", type=float, default=0.35, help="share of the time before the rate begins to fall")
    parser.add_argument("--warm-up", type=int, default=100, help="steps")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()

    begun = time.monotonic()
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    options.shards.mkdir(parents=True, exist_ok=True)
    workers = dataset.start(
        options.shards, options.tokenizer / "tokenizer.json", options.workers, options.seed, options.shards_per_worker
    )
    model = Decoder().to(options.device)
    if options.resume:
        tensors = load_file(str(options.resume / "model.safetensors"))
        model.load_state_dict({n.removeprefix("model."): t.float() for n, t in tensors.items()}, strict=True)
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}", flush=True)
    muon = Muon(hidden, options.rate)
    adam = torch.optim.AdamW(
        others, lr=options.adam_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=options.device == "cuda"
    )
    run = model if options.no_compile else torch.compile(model, dynamic=False)
    make_mask = (
        block_mask if options.no_compile or options.attention != "flex" else torch.compile(block_mask, dynamic=False)
    )
    queue = _prefetch(options.shards, options.length, options.seed, options.device)

    limit = options.minutes * 60
    log: list[dict[str, float]] = []
    step, tokens, saved, average = 0, 0, time.monotonic(), 0.0
    first = queue.get()
    clock = time.monotonic()
    while True:
        ids, mask, positions, documents, starts = first
        used = (time.monotonic() - begun) / limit
        factor = min(1.0, (step + 1) / options.warm_up) * min(1.0, max(0.0, (1.0 - used) / (1.0 - options.hold)))
        if used >= 1.0:
            break
        target_mask = mask[1:] + options.text_weight * (1 - mask[1:])
        target_mask = target_mask * (documents == torch.roll(documents, -1)).float()
        target_mask[-1] = 0.0
        packed = Packed(positions, starts, options.attention, make_mask(documents, options.attention))
        with torch.autocast(options.device, torch.bfloat16):
            loss = run(ids[:-1], ids[1:], target_mask, packed)
        loss.backward()
        muon.step(factor)
        for group in adam.param_groups:
            group["lr"] = options.adam_rate * factor
        adam.step()
        model.zero_grad(set_to_none=True)
        step += 1
        tokens += options.length
        if step == 1:
            print(f"first step after {time.monotonic() - begun:.1f} s, loss {loss.item():.3f}", flush=True)
            clock, tokens = time.monotonic(), 0
        elif step % 100 == 0 or step in (10, 30):
            average = loss.item()
            speed = tokens / (time.monotonic() - clock)
            passes = getattr(dataset._documents, "passes", 0.0)
            shards = len(list(options.shards.glob("shard-*")))
            log.append(
                {
                    "step": step,
                    "seconds": round(time.monotonic() - begun, 1),
                    "loss": round(average, 4),
                    "tokens_per_second": round(speed),
                    "passes": round(passes, 2),
                    "shards": shards,
                }
            )
            if step % 500 == 0 or step in (10, 30, 100, 200):
                print(json.dumps(log[-1]), flush=True)
            if not math.isfinite(average):
                raise SystemExit("the loss is not finite")
        if time.monotonic() - saved > 60:
            save(model, options.out)
            saved = time.monotonic()
        first = queue.get()
    (options.shards / "stop").touch()
    save(model, options.out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if options.tokenizer != options.out:
            shutil.copy(options.tokenizer / name, options.out / name)
    summary = {
        "steps": step,
        "tokens": step * options.length,
        "seconds": round(time.monotonic() - begun, 1),
        "loss": average,
        "log": log,
        "unique_shards": len(list(options.shards.glob("shard-*"))),
        "unique_tokens": int(sum(np.load(p, mmap_mode="r").shape[0] for p in options.shards.glob("shard-*.npy"))),
    }
    (options.out / "training_log.json").write_text(json.dumps(summary) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in summary.items() if k != "log"}), flush=True)
    for worker in workers:
        worker.terminate()


if __name__ == "__main__":
    main()
