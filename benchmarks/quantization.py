"""What each precision costs in quality: the tables of docs/quantization.md.

    python benchmarks/quantization.py              both models, every recipe
    python benchmarks/quantization.py demo int4    one model, some recipes

Random: a Llama of 134 million random weights (benchmarks/reference.py writes it), 512 random tokens to calibrate, 256 others to
compare. Weight error is |W' - W| / |W| (Frobenius) over all quantized weights together, W being what is rounded: the weight, after
scales were moved into it. KL is the mean of KL(original || quantized) of the next-token distribution, in nats. On random weights no
activation matters more than another, so that AWQ has nothing to find there.

Demo: the bundled model on chats of tools/demo_model from seeds that training never used; 20,000 tokens to calibrate, 12,000 others
to compare: perplexity, its change, and the share of positions where both models prefer the same next token. Prints Markdown.
"""

from __future__ import annotations

import argparse
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.reference import DEMO, write_llama
from engines.models import open_model
from engines.quantization.calibrate import Calibration, calibrate
from engines.quantization.checkpoint import quantize_checkpoint
from engines.quantization.decode import dequantize
from engines.quantization.quality import Quality, compare
from engines.quantization.recipes import RECIPES, choose_schemes
from engines.weights import to_float32


def chats(seed: int, tokens: int) -> list[np.ndarray]:
    """Token ids of generated chats, each cut at 1024, until there are `tokens` of them."""
    from tokenizers import Tokenizer

    from tools.demo_model import chats as generator
    from tools.demo_model.tokenizer import encode_chat

    tokenizer = Tokenizer.from_file(str(DEMO / "tokenizer.json"))
    rng = random.Random(seed)
    texts: list[np.ndarray] = []
    while sum(map(len, texts)) < tokens:
        texts.append(np.array(encode_chat(tokenizer, generator.chat(rng))[0][:1024], np.int32))
    return texts


def noise(seed: int, vocab: int, count: int, length: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(3, vocab, length).astype(np.int32) for _ in range(count)]


def weight_error(original: Path, quantized: Path, recipe: str, texts: Sequence[np.ndarray]) -> float:
    """The relative error of all quantized weights together."""
    plan = RECIPES[recipe]
    with open_model(original) as plain, open_model(quantized) as packed:
        found = Calibration()
        if plan.method != "nearest":
            schemes = choose_schemes(plain.network, plan.scheme)
            found = calibrate(
                plain, plan, schemes, texts, kv_cache=False, on_progress=lambda *_: None, cancelled=lambda: False
            )
        lost, whole = 0.0, 0.0
        for name, scheme in packed.schemes.items():
            w = to_float32(plain.load(name)) * found.columns.get(name, np.float32(1))
            if name in found.rows:
                w /= found.rows[name][:, None]
            tensors = {s: packed.load(f"{name}.{s}" if s else name) for s in scheme.tensors(*w.shape)}
            error = dequantize(scheme, tensors) - w
            lost += float(np.vdot(error, error))
            whole += float(np.vdot(w, w))
    return float(np.sqrt(lost / whole))


def measure(
    folder: Path, recipe: str, calibration: Sequence[np.ndarray], texts: Sequence[np.ndarray], kv_dtype: str = "fp32"
) -> tuple[Quality, float, float, float]:
    """Quality, weight error, size against bf16, seconds to quantize."""
    out = Path(tempfile.mkdtemp(prefix="quantized-"))
    try:
        begin = time.perf_counter()
        report = quantize_checkpoint(folder, recipe, out, calibration_ids=calibration, kv_cache=kv_dtype == "fp8")
        seconds = time.perf_counter() - begin
        with open_model(folder) as plain, open_model(out) as packed:
            quality = compare(plain, packed, texts, kv_dtype=kv_dtype)
        return quality, weight_error(folder, out, recipe, calibration), report.bytes_out / report.bytes_in, seconds
    finally:
        shutil.rmtree(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", choices=("both", "random", "demo"), default="both")
    parser.add_argument("recipes", nargs="*", help=f"of {', '.join(RECIPES)}; all of them if none is named")
    args = parser.parse_args()
    recipes = args.recipes or list(RECIPES)
    print(f"{platform.machine()}, NumPy {np.__version__}, {time.strftime('%Y-%m-%d', time.gmtime())}\n", flush=True)
    if args.model != "demo":
        print("| recipe | size of bf16 | weight error | KL of logits | quantized in |\n| --- | --- | --- | --- | --- |")
        with tempfile.TemporaryDirectory() as folder:
            write_llama(Path(folder))
            vocab = 32000
            calibration, texts = noise(1, vocab, 4, 128), noise(2, vocab, 2, 128)
            for recipe in recipes:
                quality, error, size, seconds = measure(Path(folder), recipe, calibration, texts)
                print(f"| {recipe} | {size:.0%} | {error:.2%} | {quality.kl:.2e} | {seconds:.1f} s |", flush=True)
    if args.model != "random":
        calibration, texts = chats(1, 20_000), chats(987, 12_000)
        print("\n| recipe | perplexity | change | same next token | KL |\n| --- | --- | --- | --- | --- |")
        first = True
        for recipe, kv_dtype in [(recipe, "fp32") for recipe in recipes] + [("fp8", "fp8")]:
            quality, _, _, _ = measure(DEMO, recipe, calibration, texts, kv_dtype)
            if first:
                print(f"| bf16 | {quality.original_perplexity:.4f} | | | |")
                first = False
            change = quality.perplexity / quality.original_perplexity - 1
            name = recipe if kv_dtype == "fp32" else f"{recipe}, {kv_dtype} cache"
            print(
                f"| {name} | {quality.perplexity:.4f} | {change:+.2%} | {quality.top1:.2%} | {quality.kl:.5f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
