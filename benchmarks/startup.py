"""Start-up as a person feels it, each in a fresh process: `--help`, and the demo model's first character. JSON lines.

    python benchmarks/startup.py --runs 5

Targets: --help under 0.3 s, first character under 2 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

CASES = {
    "help": (["--help"], 0.3),
    "first_token_demo": (["chat", "demo", "--quiet", "--prompt", "How do I count to nine in French?"], 2.0),
}


def first_byte_seconds(words: list[str]) -> float:
    """From starting the process to the first byte on its stdout."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "core", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        seconds = time.perf_counter() - started
        process.communicate()
    if not first or process.returncode:
        raise SystemExit(f"`python -m core {' '.join(words)}` failed with exit code {process.returncode}.")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    for name, (words, target) in CASES.items():
        first_byte_seconds(words)  # fills caches of the operating system
        times = [first_byte_seconds(words) for _ in range(args.runs)]
        result = {"benchmark": name, "median_s": round(statistics.median(times), 3), "max_s": round(max(times), 3)}
        print(json.dumps(result | {"target_s": target, "runs": args.runs}))


if __name__ == "__main__":
    main()
