"""The CUDA backend on random weights in the real shape of a model. One JSON line per figure, and a table of kernels.

    python benchmarks/gpu.py --shape llama-3-8b --only batch1,kernels,128/128
    python benchmarks/gpu.py --shape llama-3-8b --precision int4 --slots 64 --only batch1,kernels
    python benchmarks/gpu.py --precision fp8 --only summarize,summarize:32,transformers
    python benchmarks/gpu.py --shape llama-2-70b --precision fp8 --only batch1,128/128 --requests 512

`batch1`: one request at a time, 128 prompt tokens: time to the first token, between tokens. `IN/OUT`: so many requests of IN
prompt and OUT generated tokens, all queued at once; then a line for each kind of step (decodes alone, with prompt tokens): how
many, how long, and what of it is the host's own time (gpu_account.py tells it apart). Both with tokens per joule, where the
driver counts joules. `kernels`: every kind of launch alone, summed over the layers, with the bytes it must move and its share of
the floor. `summarize`: requests as long as a summarizer's (gpu_batches.py) in flight, and the same in groups of `slots`, the next
when the last has ended; `summarize:N` with N slots. `transformers`, once the engine is closed: the same requests in static batches
in eager transformers on torch, bf16, as many as 75 seconds hold.

Greedy, end tokens ignored, no prefix reuse (random prompts). A part that fails says so, and the next goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.gpu_account import EnergyCounter, StepAccount, accounted, energy_figures
from benchmarks.gpu_batches import Request, eager_transformers, grouped, summaries
from benchmarks.random_models import SHAPES, random_model
from core.protocol import Done, Priority, Submit, Tokens
from core.sampling import SamplingParams
from core.worker.loop import EngineLoop, scheduler_config
from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.cuda.buckets import choose
from engines.cuda.engine import CudaEngine
from engines.cuda.program import Launch
from engines.network import ops

REQUESTS = {"128/128": 1024, "128/2048": 512, "1000/1000": 512, "2048/128": 256}
COPY_RATE = 4.3e12  # bytes per second that a device copy moves on an H200 (measured)
MATMUL_RATE = 790e12  # bf16 operations per second of a large product on an H200 (measured)


def emit(args: argparse.Namespace, **figures: Any) -> None:
    mode = {"mode": "deterministic"} if args.deterministic else {}
    mode |= {"overlap": args.overlap} if args.overlap != "auto" else {}
    print(json.dumps({"model": args.shape, "precision": args.precision, **mode, **figures}), flush=True)


def submit(i: int, rng: np.random.Generator, vocab: int, length: int, out: int, priority: Priority) -> Submit:
    params = SamplingParams(temperature=0.0, seed=1, max_tokens=out, ignore_eos=True).resolve({})
    return Submit(i, rng.integers(0, vocab, length).tolist(), params, priority=priority)


def energy_counter(engine: CudaEngine) -> EnergyCounter:
    bus = b""
    with suppress(Exception):  # a driver that does not tell: no figure
        bus = engine._driver.call("cuDeviceGetPCIBusId", 13, engine._driver._device).split(b"\0")[0]
    return EnergyCounter(bus.decode())


def batch1(args: argparse.Namespace, engine: CudaEngine) -> None:
    rng = np.random.default_rng(1)
    counter, started, before, tokens = energy_counter(engine), 0.0, None, 0
    firsts, gaps = [], []
    for i in range(6):
        if i == 1:
            started, before = time.perf_counter(), counter.joules()
        loop = EngineLoop(engine)
        request = submit(i, rng, engine.spec.vocab_size, 128, 200, Priority.INTERACTIVE)
        times = [time.perf_counter()]
        loop.submit(request)
        while loop.busy:
            times += [time.perf_counter() for event in loop.step() if isinstance(event, Tokens)]
        if i:
            firsts.append(times[1] - times[0])
            gaps += list(np.diff(times[1:-1]))
            tokens += 200
    energy = energy_figures(before, counter.joules(), tokens, time.perf_counter() - started)
    gap = statistics.median(gaps)
    floor = weight_bytes(engine) / COPY_RATE
    emit(
        args, benchmark="batch1", first_token_ms=round(1e3 * statistics.median(firsts), 2), inter_token_ms=round(1e3 * gap, 3),
        tokens_per_s=round(1 / statistics.mean(gaps), 1), share_of_floor=round(floor / statistics.mean(gaps), 3), **energy,
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


@dataclass
class Served:
    """Requests served: output tokens, seconds, steps, preemptions, where the steps' time went, joules."""

    tokens: int
    seconds: float
    steps: int
    preemptions: int
    account: StepAccount
    energy: dict[str, float]

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


def serve(engine: CudaEngine, groups: list[list[Request]], slots: int) -> Served:
    """All requests of a group queued when its time starts; the next group when it has ended. At most `slots` run at once."""
    rng = np.random.default_rng(2)
    queued, i = [], 0
    for group in groups:
        queued.append([])
        for length, out in group:
            queued[-1].append(submit(i, rng, engine.spec.vocab_size, length, out, Priority.BATCH))
            i += 1
    loop = EngineLoop(engine, scheduler_config(engine.spec, num_slots=slots, max_waiting=100_000))
    counter = energy_counter(engine)
    tokens, done, seconds, joules = 0, 0, 0.0, 0.0
    with accounted(loop) as account:
        for requests in queued:
            for request in requests:
                loop.submit(request)
            account.begin()
            before, started = counter.joules(), time.perf_counter()
            while loop.busy:
                for event in loop.step():
                    tokens += len(event.ids) if isinstance(event, Tokens) else 0
                    done += isinstance(event, Done)
            seconds += time.perf_counter() - started
            joules += (counter.joules() or 0.0) - (before or 0.0)
    assert done == i, (done, i)
    assert tokens == sum(out for group in groups for _, out in group), tokens
    energy = energy_figures(0.0, joules, tokens, seconds)
    steps = sum(map(len, account.rows.values()))
    return Served(tokens, seconds, steps, loop.scheduler.preemptions, account, energy)


def throughput(args: argparse.Namespace, engine: CudaEngine, name: str) -> None:
    length, out = map(int, name.split("/"))
    count = args.requests or REQUESTS.get(name, 256)
    emit_served(args, name, args.slots, count, serve(engine, [[(length, out)] * count], args.slots))


def summarize(args: argparse.Namespace, engine: CudaEngine, slots: int, rates: dict[int, float]) -> None:
    """In flight, then in groups. `rates`: output tokens per second in flight, by slots."""
    requests = summaries(args.requests or max(3 * slots, 256), engine.spec.max_context)
    prompts, outs = zip(*requests, strict=True)
    flying = serve(engine, [requests], slots)
    rates[slots] = flying.rate
    emit_served(
        args, "summarize", slots, len(requests), flying, mean_prompt=round(statistics.mean(prompts), 1),
        mean_output=round(statistics.mean(outs), 1),
    )  # fmt: skip
    static = serve(engine, grouped(requests, slots), slots)
    emit_served(
        args, "summarize static", slots, len(requests), static, in_flight_ratio=round(flying.rate / static.rate, 3)
    )


def transformers(args: argparse.Namespace, context: int) -> None:
    requests = summaries(args.requests or max(3 * args.slots, 256), context)
    found = eager_transformers(args.shape, requests, args.transformers_batch)
    ratio = {"in_flight_ratio": round(args.in_flight / found["output_tokens_per_s"], 2)} if args.in_flight else {}
    emit(args, benchmark="summarize transformers bf16", **found, **ratio)


def emit_served(args: argparse.Namespace, name: str, slots: int, count: int, served: Served, **figures: Any) -> None:
    emit(
        args, benchmark=name, slots=slots, requests=count, output_tokens_per_s=round(served.rate, 1),
        seconds=round(served.seconds, 2), steps=served.steps, step_ms=round(1e3 * served.seconds / served.steps, 2),
        preemptions=served.preemptions, **served.energy, **figures,
    )  # fmt: skip
    for kind, about in served.account.summary().items():
        emit(args, benchmark=f"{name} steps", kind=kind, **about)


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


def mixed_rows(slots: int, max_tokens: int) -> list[tuple[int, int]]:
    """Of a step amid a throughput run: 448 decodes at 192 tokens and 12 prompts of 128, as far as slots and tokens go."""
    prompts = min(12, max(1, slots // 8))
    decodes = min(448, slots - prompts)
    return [(191, 1)] * decodes + [(0, 128)] * min(prompts, (max_tokens - decodes) // 128)


def kernel_steps(slots: int, max_tokens: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """Names and rows of the steps whose kernels are timed."""
    some, many, prompt = min(64, slots), min(256, slots), min(2048, max_tokens)
    mixed = mixed_rows(slots, max_tokens)
    decodes = sum(count == 1 for _, count in mixed)
    return [
        ("decode 1 x 1000", [(1000, 1)]),
        (f"decode {some} x 1000", [(1000, 1)] * some),
        (f"decode {many} x 256", [(255, 1)] * many),
        (f"mixed {decodes} x 192 + {len(mixed) - decodes} x 128", mixed),
        (f"prefill {prompt}", [(0, prompt)]),
    ]


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
        buckets = engine._mixed_buckets if prefill and not in_head else engine._decode_buckets
        launch = Launch(choose(buckets, count), prefill and not in_head)
        engine._choose_products("head" if in_head else "body", launch.rows)
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
            tactic=tactic(engine, members[0][0], launch.rows),
        )  # fmt: skip
    emit(args, benchmark="kernel_sum", step=label, tokens=tokens, rows=plan.num_rows, us=round(total, 1))


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
    tiles = f"x{found[0].row_tiles}/{found[0].split}" if found[0].kind in ("wide", "sm90") else ""
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
    parser.add_argument("--transformers-batch", type=int, default=0, help="0: the largest power of two that fits")
    parser.add_argument(
        "--in-flight",
        type=float,
        default=0.0,
        help="tokens per second of `summarize`, to compare `transformers` alone with",
    )
    parser.add_argument("--deterministic", action="store_true")
    parser.add_argument(
        "--overlap", choices=("auto", "off", "early", "late"), default="auto", help="of a decode step's kernels"
    )
    parser.add_argument("--cache", type=Path, default=None, help="folder for compiled kernels and measured choices")
    args = parser.parse_args()
    args.kv = args.kv or ("fp8" if args.precision == "fp8" else "auto")
    names = [name for name in args.only.split(",") if name]
    last = ["transformers"] if "transformers" in names else []
    names = [name for name in names if name != "transformers"]
    rates: dict[int, float] = {}
    failed = []
    engine = tried(args, "start", open_engine, args) if names else None
    if engine is not None:
        failed += [name for name in names if tried(args, name, run, args, engine, name, rates) is None]
        tried(args, "close", engine.close)
    elif names:
        failed.append("start")
    if last and names:  # in a process of its own: the GPU is as if nothing had run, whatever failed here
        rate = max(rates.values(), default=0.0)
        code = subprocess.run([sys.executable, *sys.argv, "--only", *last, "--in-flight", f"{rate}"]).returncode
        failed += last if code else []
    elif last and tried(args, *last, transformers, args, SHAPES[args.shape][1]) is None:
        failed += last
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}.")


def tried(args: argparse.Namespace, name: str, part: Callable[..., Any], *arguments: Any) -> Any:
    """What the part returns, True if nothing; None if it failed, which its line says."""
    print(f"... {name}", file=sys.stderr, flush=True)
    try:
        made = part(*arguments)
    except Exception as error:
        traceback.print_exc()
        emit(args, benchmark=name, error=f"{type(error).__name__}: {error}")
        return None
    return True if made is None else made


def open_engine(args: argparse.Namespace) -> CudaEngine:
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
        overlap=args.overlap,
    )
    loaded = time.perf_counter()
    print(f"... loaded in {loaded - started:.1f} s", file=sys.stderr, flush=True)
    engine.warm_up()
    warm = time.perf_counter()
    emit(
        args, benchmark="start", device=engine._driver.info.name, make_weights_s=round(made - started, 1),
        load_s=round(loaded - made, 1),
        warm_up_s=round(warm - loaded, 1), graphs=len(engine._graphs), kv_pages=engine.spec.kv.num_pages,
        allocated_gib=round(engine._memory.allocated / 2**30, 1),
    )  # fmt: skip
    return engine


def run(args: argparse.Namespace, engine: CudaEngine, name: str, rates: dict[int, float]) -> None:
    if name == "batch1":
        batch1(args, engine)
    elif name == "kernels":
        steps = kernel_steps(args.slots, args.max_tokens)
        lost = [label for label, rows in steps if tried(args, label, kernels, args, engine, label, rows) is None]
        if lost:
            raise RuntimeError(f"{len(lost)} of {len(steps)} steps failed")
    elif name.partition(":")[0] == "summarize":
        summarize(args, engine, min(args.slots, int(name.partition(":")[2] or args.slots)), rates)
    else:
        throughput(args, engine, name)


if __name__ == "__main__":
    main()
