"""Host cost of one scheduler step (plan + apply, no engine) with N running sequences. One JSON line.

    python benchmarks/scheduler.py --running 256

Prints medians of plan, apply and their sum in microseconds. The target is under 1 ms at 256.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np

from core.protocol import Submit
from core.sampling import SamplingParams
from core.scheduler import Scheduler, SchedulerConfig
from engines.api import Sampled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--running", type=int, default=256)
    parser.add_argument("--prompt", type=int, default=200)
    parser.add_argument("--steps", type=int, default=1000)
    args = parser.parse_args()
    pages = args.running * (-(-(args.prompt + args.steps + 32) // 16)) + 1
    config = SchedulerConfig(max_tokens=8192, num_slots=args.running, max_context=8192, page_size=16)
    scheduler = Scheduler(config, pages, ("bench",))
    rng = np.random.default_rng(0)
    params = SamplingParams(temperature=1.0, seed=1, max_tokens=args.steps + 16)
    for i in range(args.running):
        scheduler.submit(Submit(i, rng.integers(1, 30_000, args.prompt).tolist(), params, (0,)))
    plans, applies = [], []
    while len(plans) < args.steps:
        start = time.perf_counter()
        planned = scheduler.plan()
        middle = time.perf_counter()
        assert planned is not None
        ids = rng.integers(1, 30_000, planned.plan.num_logits).astype(np.int32)
        begin = time.perf_counter()
        scheduler.apply(planned, Sampled(ids, np.zeros(len(ids), np.float32)), 0.01)
        end = time.perf_counter()
        if planned.plan.num_decodes == args.running:
            plans.append(middle - start)
            applies.append(end - begin)
    total = [a + b for a, b in zip(plans, applies, strict=True)]
    result = {
        "benchmark": "scheduler_step",
        "running": args.running,
        "steps": len(total),
        "plan_us": round(1e6 * statistics.median(plans), 1),
        "apply_us": round(1e6 * statistics.median(applies), 1),
        "step_us": round(1e6 * statistics.median(total), 1),
        "p99_us": round(1e6 * sorted(total)[int(0.99 * len(total))], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
