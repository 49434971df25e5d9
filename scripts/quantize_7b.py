"""Quantize a checkpoint of 7 billion random weights, and watch the memory of the process that does it.

    python scripts/quantize_7b.py [--folder /tmp] [--layers 32] [--recipe int4] [--tokens N]

Writes a Llama of the shape of Llama 2 7B in bf16 (13.5 GB; fewer `--layers` where the disk is smaller), drops it from the page
cache, quantizes it in a child process whose RssAnon is sampled 50 times a second (Linux), and deletes both. Prints the peak,
MB/s of bf16 read, and beside it, measured here and now on the same disk: a plain write with fsync, a plain cold read, and memcpy.
With `--tokens` the recipe is calibrated on so many random tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from engines.weights import DType
from engines.weights.writer import SafetensorsWriter

ROOT = Path(__file__).resolve().parent.parent
HIDDEN, FFN, VOCAB, HEADS = 4096, 11008, 32000, 32
GIB = 1 << 30


def layout(layers: int) -> dict[str, tuple[DType, tuple[int, ...]]]:
    shapes = {"model.embed_tokens.weight": (VOCAB, HIDDEN)}
    for i in range(layers):
        prefix = f"model.layers.{i}"
        shapes |= {f"{prefix}.self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in "qkvo"}
        shapes |= {f"{prefix}.mlp.{name}_proj.weight": (FFN, HIDDEN) for name in ("gate", "up")}
        shapes[f"{prefix}.mlp.down_proj.weight"] = (HIDDEN, FFN)
        shapes |= {f"{prefix}.{name}_layernorm.weight": (HIDDEN,) for name in ("input", "post_attention")}
    shapes |= {"model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCAB, HIDDEN)}
    return {name: (DType.BF16, shape) for name, shape in shapes.items()}


def write_checkpoint(folder: Path, layers: int) -> int:
    """Random normal weights, taken from one pool of 64 M numbers at random places (drawing 7 G of them takes minutes). Returns
    the file's bytes."""
    rng = np.random.default_rng(0)
    pool = (rng.standard_normal(1 << 26, np.float32) * np.float32(0.02)).view(np.uint32) >> np.uint32(16)
    bits = pool.astype(np.uint16)
    kinds = layout(layers)
    with SafetensorsWriter(folder / "model.safetensors", kinds) as file:
        for name, (_, shape) in kinds.items():
            left = int(np.prod(shape))
            if len(shape) == 1:
                file.write(name, np.full(shape, 0x3F80, np.uint16))
                left = 0
            while left:
                start = int(rng.integers(0, len(bits) - (1 << 20)))
                piece = bits[start : start + left]
                file.write(name, piece)
                left -= len(piece)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": FFN,
        "num_hidden_layers": layers, "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "vocab_size": VOCAB,
        "max_position_embeddings": 4096, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": "bfloat16",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return (folder / "model.safetensors").stat().st_size


def forget(path: Path) -> None:
    """Drop a file from the page cache, where the system can."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_speed(folder: Path, size: int = 2 * GIB) -> tuple[float, float]:
    """MB/s of a plain sequential write with fsync, and of a plain sequential read of it from the disk."""
    path, block = folder / "speed.tmp", np.random.default_rng(0).bytes(16 << 20)
    try:
        begin = time.perf_counter()
        with path.open("wb", buffering=0) as file:
            for _ in range(size // len(block)):
                file.write(block)
            os.fsync(file.fileno())
        written = time.perf_counter() - begin
        forget(path)
        begin = time.perf_counter()
        with path.open("rb", buffering=0) as file:
            while file.read(16 << 20):
                pass
        return size / written / 1e6, size / (time.perf_counter() - begin) / 1e6
    finally:
        path.unlink(missing_ok=True)


def memcpy_speed() -> float:
    """MB/s at which one thread copies 512 MiB, the best of five."""
    source, target = np.ones(1 << 29, np.uint8), np.zeros(1 << 29, np.uint8)
    best = 1e9
    for _ in range(5):
        begin = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - begin)
    return source.nbytes / best / 1e6


def rss_anon(pid: int) -> int:
    """Bytes of anonymous memory a process has resident; 0 once it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


CHILD = """
import sys, time, numpy as np
from pathlib import Path
from engines.quantization.checkpoint import quantize_checkpoint
tokens = int(sys.argv[4])
ids = [np.random.default_rng(1).integers(0, 32000, tokens).astype(np.int32)] if tokens else None
begin = time.process_time()
report = quantize_checkpoint(Path(sys.argv[1]), sys.argv[3], Path(sys.argv[2]), calibration_ids=ids)
print(report.bytes_in, report.bytes_out, report.seconds, time.process_time() - begin)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--recipe", default="int4")
    parser.add_argument("--tokens", type=int, default=0)
    args = parser.parse_args()
    need = sum(2 * int(np.prod(shape)) for _, shape in layout(args.layers).values())
    free = shutil.disk_usage(args.folder).free
    if free < 1.5 * need + 4 * GIB:
        sys.exit(
            f"{args.folder} has {free / 1e9:.0f} GB free and {1.5 * need / 1e9 + 4:.0f} are needed: fewer --layers."
        )
    work = Path(tempfile.mkdtemp(prefix="quantize-7b-", dir=args.folder))
    try:
        model, out = work / "model", work / "out"
        model.mkdir()
        out.mkdir()
        begin = time.perf_counter()
        size = write_checkpoint(model, args.layers)
        print(f"checkpoint: {size / 1e9:.2f} GB, made in {time.perf_counter() - begin:.0f} s", flush=True)
        write, read = disk_speed(work)
        print(
            f"disk: write with fsync {write:.0f} MB/s, cold read {read:.0f} MB/s; memcpy {memcpy_speed():.0f} MB/s",
            flush=True,
        )
        forget(model / "model.safetensors")
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(model), str(out), args.recipe, str(args.tokens)],
            stdout=subprocess.PIPE, text=True, env=environ,
        )  # fmt: skip
        peak, samples = 0, 0
        while child.poll() is None:
            peak, samples = max(peak, rss_anon(child.pid)), samples + 1
            time.sleep(0.02)
        if child.returncode or child.stdout is None:
            sys.exit(f"The child failed with exit code {child.returncode}.")
        bytes_in, bytes_out, seconds, busy = child.stdout.read().split()
        speed = int(bytes_in) / float(seconds) / 1e6
        print(
            f"{args.recipe}: {float(seconds):.1f} s, {speed:.0f} MB/s of bf16 in, {int(bytes_out) / 1e9:.2f} GB out (fsync counted)"
        )
        load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
        print(f"{float(busy):.1f} s of processor time, {int(bytes_in) / float(busy) / 1e6:.0f} MB/s per core{load}")
        print(f"peak RssAnon {peak / 1e6:.0f} MB in {samples} samples (limit of the issue: 4 GiB)")
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, NumPy {np.__version__}, {time.strftime('%Y-%m-%d', time.gmtime())}"
        )
        if peak > 4 * GIB:
            sys.exit("More than 4 GiB.")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
