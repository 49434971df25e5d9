"""What a 300-page summary costs a chat beside it, and what in-flight batching gives it.

    python benchmarks/documents.py [--pages 300] [--shape llama-3-8b --backend cuda]

Reported, one JSON line each:

`chat`: time between a chat's tokens while nothing else runs, and while the parts of a document are summarized, in one
service. `summary`: that job. `batching`: the same number of equally long chunks (other words, so that nothing is cached) all
at once and one at a time, in one engine; `prefill_s` is the share of the one-at-a-time run until the first token of each
answer.

Without --shape the demo model; with it random weights of that shape (vocabulary and tokenizer of the demo model), written to a
temporary folder: those of llama-3-8b are 14 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "demo_model"
# hidden, layers, heads, kv heads, head size, ffn, context, rope theta
SHAPES = {
    "llama-3-8b": (4096, 32, 32, 8, 128, 14336, 8192, 500000.0),
    "llama-3.2-1b": (2048, 16, 32, 8, 64, 8192, 8192, 500000.0),
    "tiny": (256, 8, 8, 4, 32, 768, 4096, 10000.0),
}
CHAT = [{"role": "user", "content": "How do I count to nine in French?"}]
CHAT_TOKENS = 48
_SUBJECTS = """
    mill bridge harbour council school market orchard library garden tower railway theatre museum hospital
"""
SUBJECTS = _SUBJECTS.split()


def page(number: int, seed: int) -> str:
    """About 1,400 characters of report-like text, different for each number and seed."""
    rng = random.Random(seed * 1_000_003 + number)
    lines = []
    for i in range(12):
        what, year = rng.choice(SUBJECTS), rng.randint(1700, 2020)
        lines.append(
            f"In {year} the {what} of district {rng.randint(1, 999)} counted {rng.randint(1000, 99999)} visitors, "
            f"{rng.randint(2, 40)} per cent more than the {rng.choice(SUBJECTS)} on page {number}, line {i}."
        )
    return " ".join(lines)


def write_checkpoint(folder: Path, shape: str) -> Path:
    """Random bf16 weights, scaled so that activations stay finite; every tensor is a slice of one bank."""
    hidden, layers, heads, kv_heads, head, ffn, context, theta = SHAPES[shape]
    folder.mkdir(parents=True)
    config = json.loads((ASSETS / "config.json").read_text())
    config |= {
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": head, "intermediate_size": ffn, "max_position_embeddings": context, "rope_theta": theta,
        "tie_word_embeddings": False,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_bytes((ASSETS / name).read_bytes())
    vocab = config["vocab_size"]
    shapes = {
        "model.embed_tokens.weight": (vocab, hidden),
        "model.norm.weight": (hidden,),
        "lm_head.weight": (vocab, hidden),
    }
    for i in range(layers):
        at = f"model.layers.{i}."
        shapes |= {
            at + "input_layernorm.weight": (hidden,), at + "post_attention_layernorm.weight": (hidden,),
            at + "self_attn.q_proj.weight": (heads * head, hidden), at + "self_attn.k_proj.weight": (kv_heads * head, hidden),
            at + "self_attn.v_proj.weight": (kv_heads * head, hidden), at + "self_attn.o_proj.weight": (hidden, heads * head),
            at + "mlp.gate_proj.weight": (ffn, hidden), at + "mlp.up_proj.weight": (ffn, hidden),
            at + "mlp.down_proj.weight": (hidden, ffn),
        }  # fmt: skip
    header, offset = {}, 0
    for name, dims in shapes.items():
        size = 2 * int(np.prod(dims))
        header[name] = {"dtype": "BF16", "shape": list(dims), "data_offsets": [offset, offset + size]}
        offset += size
    head_bytes = json.dumps(header).encode()
    head_bytes += b" " * (-len(head_bytes) % 8)
    rng = np.random.default_rng(0)
    piece = ((rng.standard_normal(1 << 22, np.float32) * 0.02).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    ones = np.uint16(0x3F80).tobytes()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(head_bytes).to_bytes(8, "little") + head_bytes)
        for number, dims in enumerate(shapes.values()):
            size = 2 * int(np.prod(dims))
            if len(dims) == 1:
                file.write(ones * dims[0])
                continue
            skip = 2 * 4099 * (number % 200)
            file.write(piece[skip : skip + size])
            left = size - min(size, len(piece) - skip)
            while left:
                file.write(piece[:left])
                left -= min(left, len(piece))
    return folder


def chat_once(client: Any, model: str) -> tuple[float, float]:
    """(mean time between tokens, time to the first) of one chat."""
    from core.client_events import Finished, Text, Used

    began = time.perf_counter()
    first = last = None
    tokens = 0
    for event in client.stream_chat(CHAT, model=model, temperature=0.0, max_tokens=CHAT_TOKENS, ignore_eos=True):
        now = time.perf_counter()
        if isinstance(event, Text) and first is None:
            first = now
        if isinstance(event, (Text, Finished)):
            last = now
        if isinstance(event, Used):
            tokens = event.usage.completion_tokens
    assert first is not None
    assert last is not None
    return (last - first) / max(1, tokens - 1), first - began


def responsiveness(model: str, pages: int, home: Path) -> None:
    from core import lifecycle
    from core.client import Client
    from core.config import load_config
    from core.schemas import JobReply

    source = home / "report.txt"
    source.write_text("\f".join(page(number, 0) for number in range(1, pages + 1)))
    places = load_config(os.environ).places
    try:
        with Client(lifecycle.attach_or_start(places)) as client:
            backend = client.load(model).backend
            for _ in range(3):
                chat_once(client, model)
            idle = [chat_once(client, model) for _ in range(12)]
            job = client.summarize([source], model=model, length="medium")
            stage: list[Any] = ["", None]

            def follow() -> None:
                for event in client.document_events(job.id):
                    if event.job is not None:
                        stage[0] = event.job.stage if event.kind == "progress" else "end"
                    if event.kind == "end":
                        stage[1] = event.summary or event.job

            watcher = threading.Thread(target=follow)
            watcher.start()
            while stage[0] in ("", "read"):
                time.sleep(0.01)
            busy = []
            while stage[0] in ("map", "combine"):
                busy.append(chat_once(client, model))
            busy = busy[:-1] or busy  # the last one saw the end of the stage
            watcher.join()
            again = [chat_once(client, model) for _ in range(12)]
    finally:
        lifecycle.stop(places)
    report = stage[1]
    if isinstance(report, JobReply):
        raise SystemExit(f"The summary failed: {report.error}")
    if not busy:
        raise SystemExit(f"{pages} pages were summarized before a chat could be measured; take more with --pages.")
    quiet = statistics.median(gap for gap, _ in idle + again)
    loud = statistics.median(gap for gap, _ in busy)
    emit(
        "chat", model=model, backend=backend, chats=len(busy), idle_ms=1e3 * quiet, during_ms=1e3 * loud, ratio=loud / quiet,
        idle_first_ms=1e3 * statistics.median(first for _, first in idle + again),
        during_first_ms=1e3 * statistics.median(first for _, first in busy),
    )  # fmt: skip
    emit(
        "summary", pages=pages, chunks=report.chunks, requests=report.requests, coverage=report.coverage, tokens=report.tokens,
        cached_tokens=report.cached_tokens, output_tokens=report.output_tokens, seconds=report.seconds,
    )  # fmt: skip


def batching(folder: str, backend: str | None, count: int, slots: int) -> None:
    from core import LLM
    from core.documents.budget import budget_for
    from core.documents.chunk import chunk
    from core.documents.document import Block, Document, Page
    from core.documents.local import LocalModel, greedy
    from core.documents.model import Prompter
    from core.documents.prompts import Task
    from core.protocol import Priority

    with LLM(folder, backend=backend, num_slots=slots) as llm:
        model = LocalModel(llm)
        prompter, task = Prompter(llm.prompts), Task()
        budget = budget_for(model, prompter, task)

        def prompts(seed: int) -> list[list[int]]:
            pages = tuple(Page(i, (Block(page(i, seed)),)) for i in range(1, 6 * count + 1))
            document = Document(path="", name="", format="txt", pages=pages)
            chunks = chunk([document], budget.chunk, prompter.count)
            assert len(chunks) >= count
            return [prompter.ids(task.part(item.text)) for item in chunks[:count]]

        llm.generate(prompts(9)[:2], greedy(4))
        together, alone = prompts(1), prompts(2)
        began = time.perf_counter()
        results = llm.generate(together, greedy(budget.note), priority=Priority.BATCH)
        at_once = time.perf_counter() - began
        prefill = one_by_one = 0.0
        tokens = 0
        for ids in alone:
            began = time.perf_counter()
            first = None
            stream = llm.stream(ids, greedy(budget.note), priority=Priority.BATCH)
            while not stream.ended:
                if stream.step() and first is None:
                    first = time.perf_counter() - began
            one_by_one += time.perf_counter() - began
            prefill += first or 0.0
            tokens += stream.result.usage.output_tokens
        emit(
            "batching", backend=llm.backend, chunks=count, chunk_tokens=statistics.mean(map(len, alone)), at_once_s=at_once,
            one_at_a_time_s=one_by_one, speedup=one_by_one / at_once, prefill_s=prefill, decode_s=one_by_one - prefill,
            output_tokens=tokens, output_tokens_at_once=sum(result.usage.output_tokens for result in results),
        )  # fmt: skip


def emit(benchmark: str, **figures: Any) -> None:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    load = (
        round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    )  # of the last minute: what else is busy here
    print(json.dumps({"benchmark": benchmark, **rounded, "load": load}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, help="random weights of this shape; without it the demo model")
    parser.add_argument("--backend", help="as `deskside core chat --backend`")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--chunks", type=int, default=32, help="of the comparison at once / one at a time")
    parser.add_argument("--slots", type=int, default=64, help="sequences at once in that comparison")
    parser.add_argument("--only", choices=("chat", "batching"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        os.environ["DESKSIDE_HOME"] = str(home)
        if args.backend:
            os.environ["DESKSIDE_BACKEND"] = args.backend
        model, folder = "demo", "demo"
        if args.shape:
            model = "bench"
            folder = str(write_checkpoint(home / "data" / "models" / model, args.shape))
        if args.only != "batching":
            responsiveness(model, args.pages, home)
        if args.only != "chat":
            batching(folder, args.backend, args.chunks, args.slots)


if __name__ == "__main__":
    main()
