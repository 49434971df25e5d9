"""The CUDA backend on random weights in the real shape of a model. One JSON line per figure, and a table of kernels.

    python benchmarks/gpu.py --shape llama-3-8b --only batch1,kernels,128/128
    python benchmarks/gpu.py --shape llama-3-8b --precision int4 --slots 64 --only batch1,kernels

`batch1`: one request at a time, 128 prompt tokens: time to the first token, between tokens. `IN/OUT`: so many requests of IN prompt
and OUT generated tokens, all queued at once. `kernels`: every kind of launch alone, summed over the layers, with the bytes it must
move and its share of the floor. Greedy, end tokens ignored, no prefix reuse (random prompts).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from core.protocol import Done, Priority, Submit, Tokens
from core.sampling import SamplingParams
from core.worker.loop import EngineLoop, scheduler_config
from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.cuda.engine import CudaEngine
from engines.cuda.program import Launch
from engines.models import gptj, llama
from engines.network import Network, ops
from engines.network.schemes import SCHEMES, Scheme
from engines.quantization.floats import encode_e4m3
from engines.weights import DType, Tensor

SHAPES = {
    "llama-3-8b": (128256, 8192, 4096, 32, 32, 8, 128, 14336, 500000.0),
    "llama-2-7b": (32000, 4096, 4096, 32, 32, 32, 128, 11008, 10000.0),
    "llama-3.2-1b": (128256, 8192, 2048, 16, 32, 8, 64, 8192, 500000.0),
    "gpt-j-6b": (50400, 2048, 4096, 28, 16, 16, 256, 16384, 10000.0),
    "tiny": (4096, 4096, 256, 4, 8, 4, 32, 768, 10000.0),
}
REQUESTS = {"128/128": 1024, "128/2048": 512, "1000/1000": 512, "2048/128": 256}
# Of the codes of random weights, as numbers: E4M3 around 16, bytes and nibbles of every value alike.
DEVIATION = {"fp8": 16.0, "int8": 73.9, "int4": 4.6}
FLOATS = {DType.FP32: np.float32, DType.FP16: np.float16}
COPY_RATE = 4.3e12  # bytes per second that a device copy moves on an H200 (measured)
MATMUL_RATE = 790e12  # bf16 operations per second of a large product on an H200 (measured)


@dataclass
class RandomModel:
    """Weights are slices of one random bank, scaled so that activations stay finite; codes of the layers' linears of another."""

    network: Network
    config: Any
    bank: np.ndarray
    codes: np.ndarray
    family: str = "llama"
    revision: str = "random"
    dtype: DType = DType.BF16
    taken: int = field(default=0)
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    kv_scales: None = None

    def load(self, param: str) -> Tensor:
        if param.endswith(".scale"):
            weight = param.removesuffix(".scale")
            scheme = self.schemes[weight]
            dtype, size = scheme.tensors(*self.network.params[weight])["scale"]
            return Tensor(param, dtype, np.full(size, 0.02 / DEVIATION[scheme.weights], FLOATS[dtype]))
        shape = self.network.params[param]
        if len(shape) == 1:
            return Tensor(param, DType.BF16, np.full(shape, 0 if param.endswith("bias") else 0x3F80, np.uint16))
        size, self.taken = int(np.prod(shape)), self.taken + 4099
        if param in self.schemes:
            start = self.taken % 65536
            dtype, shape = self.schemes[param].tensors(*shape)[""]
            size = int(np.prod(shape))
            codes = self.codes[start : start + size].reshape(shape)
            return Tensor(param, dtype, codes.view(np.int8) if dtype is DType.INT8 else codes)
        start = self.taken % 65536
        return Tensor(param, DType.BF16, self.bank[start : start + size].reshape(shape))

    def convert(self, param: str, stored: Tensor) -> Tensor:
        return stored

    def params_of(self, tensor: str) -> tuple[str, ...]:
        return ()


def llama_network(shape: str) -> Network:
    vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn, theta = SHAPES[shape]
    rope = ops.Rope(head_dim, theta)
    sizes = (vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn)
    return llama.define(llama.LlamaConfig(*sizes, "silu", 1e-5, rope, False, False, False))


def gptj_network(shape: str) -> Network:
    vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn, theta = SHAPES[shape]
    rope = ops.Rope(64, theta, interleaved=True)
    sizes = (vocab, context, hidden, layers, heads, kv_heads, head_dim, ffn)
    return gptj.define(gptj.GPTJConfig(*sizes, "gelu_tanh", 1e-5, rope, False))


def random_model(shape: str, precision: str) -> RandomModel:
    vocab, context, hidden, *_, ffn, _ = SHAPES[shape]
    rng = np.random.default_rng(0)
    piece = (rng.standard_normal(1 << 22, np.float32) * 0.02).view(np.uint32) >> 16
    largest = max(vocab * hidden, ffn * hidden) + 65536
    bank = np.tile(piece.astype(np.uint16), -(-largest // len(piece)))
    network = gptj_network(shape) if shape.startswith("gpt-j") else llama_network(shape)
    about = SimpleNamespace(vocab_size=vocab, max_context=context)
    if precision == "bf16":
        return RandomModel(network, about, bank, bank)
    fp8 = SCHEMES[precision].weights == "fp8"
    piece8 = (
        encode_e4m3(rng.standard_normal(1 << 20).astype(np.float32) * 16)
        if fp8
        else rng.integers(0, 256, 1 << 20).astype(np.uint8)
    )
    codes = np.tile(piece8, -(-(ffn * hidden + 65536) // len(piece8)))
    linears = [w for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
    schemes = {name: SCHEMES[precision] for name in linears if name != "lm_head.weight"}
    return RandomModel(network, about, bank, codes, schemes=schemes)


def emit(args: argparse.Namespace, **figures: Any) -> None:
    mode = {"mode": "deterministic"} if args.deterministic else {}
    print(json.dumps({"model": args.shape, "precision": args.precision, **mode, **figures}), flush=True)


def submit(i: int, rng: np.random.Generator, vocab: int, length: int, out: int, priority: Priority) -> Submit:
    params = SamplingParams(temperature=0.0, seed=1, max_tokens=out, ignore_eos=True).resolve({})
    return Submit(i, rng.integers(0, vocab, length).tolist(), params, priority=priority)


def batch1(args: argparse.Namespace, engine: CudaEngine) -> None:
    rng = np.random.default_rng(1)
    firsts, gaps = [], []
    for i in range(6):
        loop = EngineLoop(engine)
        request = submit(i, rng, engine.spec.vocab_size, 128, 200, Priority.INTERACTIVE)
        times = [time.perf_counter()]
        loop.submit(request)
        while loop.busy:
            times += [time.perf_counter() for event in loop.step() if isinstance(event, Tokens)]
        if i:
            firsts.append(times[1] - times[0])
            gaps += list(np.diff(times[1:-1]))
    gap = statistics.median(gaps)
    floor = weight_bytes(engine) / COPY_RATE
    emit(
        args, benchmark="batch1", first_token_ms=round(1e3 * statistics.median(firsts), 2), inter_token_ms=round(1e3 * gap, 3),
        tokens_per_s=round(1 / statistics.mean(gaps), 1), share_of_floor=round(floor / statistics.mean(gaps), 3),
    )  # fmt: skip


def weight_bytes(engine: CudaEngine) -> int:
    """Of every weight that a decode step reads: all but the embedding."""
    network = engine._runner._network
    coded = {w: node.op.scheme for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights}
    total = 0
    for name, shape in network.params.items():
        scheme = coded.get(name)
        if name != "embed.weight":
            total += 2 * int(np.prod(shape)) if scheme is None else scheme.bytes(*shape)
    return total


def throughput(args: argparse.Namespace, engine: CudaEngine, name: str) -> None:
    length, out = map(int, name.split("/"))
    count = args.requests or REQUESTS[name]
    rng = np.random.default_rng(2)
    loop = EngineLoop(engine, scheduler_config(engine.spec, max_waiting=100_000))
    for i in range(count):
        loop.submit(submit(i, rng, engine.spec.vocab_size, length, out, Priority.BATCH))
    tokens = done = steps = 0
    started = time.perf_counter()
    while loop.busy:
        for event in loop.step():
            tokens += len(event.ids) if isinstance(event, Tokens) else 0
            done += isinstance(event, Done)
        steps += 1
    seconds = time.perf_counter() - started
    assert done == count
    assert tokens == count * out
    emit(
        args, benchmark=name, requests=count, output_tokens_per_s=round(tokens / seconds, 1),
        seconds=round(seconds, 2), steps=steps, step_ms=round(1e3 * seconds / steps, 2), preemptions=loop.scheduler.preemptions,
    )  # fmt: skip


def plan_of(engine: CudaEngine, rows: list[tuple[int, int]]) -> StepPlan:
    """Rows (tokens before, tokens): decodes where tokens are 1."""
    size, page, made = engine.spec.kv.page_size, 1, []
    for slot, (start, count) in enumerate(rows):
        need = -(-(start + count) // size)
        pages = np.arange(page, page + need, dtype=np.int32)
        page += need
        engine.init_slot(SlotInit(slot, SamplerParams(temperature=0), np.array([1], np.int32), np.zeros(0, np.int32)))
        made.append(PlanRow(slot, start, np.full(count, 5, np.int32), pages, True, count == 1))
    return StepPlan.build(1, made)


def kernels(args: argparse.Namespace, engine: CudaEngine, label: str, rows: list[tuple[int, int]]) -> None:
    plan = plan_of(engine, rows)
    step = engine.forward(plan)
    engine.sample(step)
    engine.collect(step)
    runner, widths = engine._runner, engine._runner._network.widths
    tokens, prefill = plan.num_tokens, plan.num_decodes < plan.num_rows
    kinds: dict[str, list[tuple[Any, Any, bool]]] = {}
    head = False
    for node, run in runner.launches():
        head = head or isinstance(node.op, ops.GatherLogits)
        name = type(node.op).__name__
        if isinstance(node.op, ops.Linear):
            shape = runner._params.get(*node.op.weights).shape
            name = f"Linear {shape[0]}x{shape[1]}"
        kinds.setdefault(name, []).append((node, run, head))
    total = 0.0
    for name, members in kinds.items():
        in_head = members[0][2]
        count = plan.num_logits if in_head else tokens
        launch = Launch(count, prefill and not in_head)
        engine._choose_products("head" if in_head else "body", count)
        micros = engine._gemm.measure(lambda members=members, launch=launch: [run(launch) for _, run, _ in members], 5)  # type: ignore[misc]
        moved = flops = 0
        for node, _, _ in members:
            moved += 2 * count * sum(widths[n] for n in (*node.inputs, *node.outputs))
            if isinstance(node.op, ops.Linear):
                n, k = runner._params.get(*node.op.weights).shape
                scheme = node.op.scheme
                moved += 2 * n * k if scheme is None else scheme.bytes(n, k)
                # a product of codes runs at twice the rate
                flops += 2 * n * k * count * (0.5 if scheme is not None and scheme.activations else 1)
            if isinstance(node.op, ops.Attention):
                kv = int(plan.kv_len.sum())
                moved += (2 if args.kv == "fp8" else 4) * kv * node.op.num_kv_heads * node.op.head_dim
                flops += sum(4 * n * (s + (n + 1) / 2) for s, n in rows) * node.op.num_heads * node.op.head_dim
        floor = max(moved / COPY_RATE, flops / MATMUL_RATE) * 1e6
        total += micros
        emit(
            args, benchmark="kernel", step=label, kernel=name, launches=len(members), us=round(micros, 1),
            each_us=round(micros / len(members), 2),
            megabytes=round(moved / 1e6, 2), gflop=round(flops / 1e9, 2), share_of_floor=round(floor / micros, 3),
            tactic=tactic(engine, members[0][0], count),
        )  # fmt: skip
    emit(args, benchmark="kernel_sum", step=label, us=round(total, 1))


def tactic(engine: CudaEngine, node: Any, rows: int) -> str:
    if not isinstance(node.op, ops.Linear):
        return ""
    n, k = engine._runner._params.get(*node.op.weights).shape
    tactics = engine._gemm.tactics.tactics
    found = [t for key, t in tactics.items() if key.partition("-")[0].rstrip("fbqi") == f"{n}x{k}x{rows}"]
    if not found or found[0].kind == "lt":
        return "cublasLt"
    if found[0].kind == "unpack":
        return "unpacked, cublasLt"
    tiles = f"x{found[0].row_tiles}/{found[0].split}" if found[0].kind == "packed" else ""
    return f"{found[0].kind} {found[0].rows}x{found[0].unroll}{tiles}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="llama-3-8b")
    parser.add_argument("--precision", choices=("bf16", "fp8", "int8", "int4", "int4-g64", "w8a8"), default="bf16")
    parser.add_argument(
        "--kv", choices=("auto", "fp8"), default=None, help="type of the cache; as --precision if not given"
    )
    parser.add_argument("--only", default="batch1,kernels,128/128")
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--page-size", type=int, default=16)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--deterministic", action="store_true")
    parser.add_argument("--cache", type=Path, default=None, help="folder for compiled kernels and measured choices")
    args = parser.parse_args()
    args.kv = args.kv or ("fp8" if args.precision == "fp8" else "auto")
    wanted = args.only.split(",")
    started = time.perf_counter()
    model = random_model(args.shape, args.precision)
    made = time.perf_counter()
    engine = CudaEngine(
        model,
        num_slots=args.slots,
        max_tokens=args.max_tokens,
        page_size=args.page_size,
        cache=args.cache,
        graphs="lazy",
        kv_dtype=args.kv,
        deterministic=args.deterministic,
    )
    loaded = time.perf_counter()
    engine.warm_up()
    warm = time.perf_counter()
    emit(
        args, benchmark="start", device=engine._driver.info.name, make_weights_s=round(made - started, 1),
        load_s=round(loaded - made, 1),
        warm_up_s=round(warm - loaded, 1), graphs=len(engine._graphs), kv_pages=engine.spec.kv.num_pages,
        allocated_gib=round(engine._memory.allocated / 2**30, 1),
    )  # fmt: skip
    for name in wanted:
        if name == "batch1":
            batch1(args, engine)
        elif name == "kernels":
            kernels(args, engine, "decode 1 x 1000", [(1000, 1)])
            kernels(args, engine, "decode 64 x 1000", [(1000, 1)] * 64)
            kernels(args, engine, "decode 256 x 256", [(255, 1)] * min(256, args.slots))
            kernels(args, engine, "prefill 2048", [(0, 2048)])
        elif name:
            throughput(args, engine, name)
    engine.close()


if __name__ == "__main__":
    main()
