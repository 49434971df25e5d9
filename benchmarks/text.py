"""Text layer, on one core: python benchmarks/text.py [--model FOLDER]

Prints one JSON object per line: tokens/s of the whole way from token to text delta (detokenizer and stop strings), one token
per stream and step as the runtime sends them, and of encoding and rendering. Without --model, a byte-level tokenizer is trained
on this repository's own sources first.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from core.text.chat_template import ChatTemplate
from core.text.stop import StopStrings
from core.text.stream import TextStream
from core.text.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
STOPS = ["\n\nUser:", "<|endoftext|>", "\n\n\n\n\n", "Observation:"]


def own_tokenizer(texts: list[str]) -> Tokenizer:
    """Byte-level BPE with 4,096 tokens."""
    raw = tokenizers.Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=4096, initial_alphabet=alphabet, show_progress=False))
    return Tokenizer(raw, name="benchmark")


def streams(tokenizer: Tokenizer, ids: list[int], count: int, tokens: int, stops: list[str]) -> dict[str, object]:
    """`count` streams, a token each per step, for `tokens` steps; the slowest step tells what one step's text costs."""
    automaton = StopStrings(stops)
    running: list[TextStream[float]] = [TextStream(tokenizer.detokenizer(), automaton) for _ in range(count)]
    slowest = 0.0
    begin = time.perf_counter()
    for step in range(tokens):
        before = time.perf_counter()
        for index, stream in enumerate(running):
            stream.push([ids[(index * 97 + step) % len(ids)]], [-0.5])
        slowest = max(slowest, time.perf_counter() - before)
    seconds = time.perf_counter() - begin
    return {
        "what": "token to text delta",
        "streams": count,
        "stop_strings": len(stops),
        "tokens": count * tokens,
        "tokens_per_s": round(count * tokens / seconds),
        "us_per_token": round(seconds / (count * tokens) * 1e6, 2),
        "slowest_step_ms": round(slowest * 1e3, 2),
    }


def long_stream(tokenizer: Tokenizer, ids: list[int], tokens: int) -> dict[str, object]:
    """One stream in one batch, and the cost of its last tenth against its first: 1.0 is O(1) per token."""
    stream = tokenizer.detokenizer()
    tenth = tokens // 10
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        for index in range(tenth):
            stream.feed(ids[index % len(ids)])
        times.append(time.perf_counter() - begin)
    return {
        "what": "detokenizer alone",
        "tokens": tokens,
        "tokens_per_s": round(tokens / sum(times)),
        "last_tenth_to_second": round(times[-1] / times[1], 2),
    }


def timed(what: str, function: object, amount: int, unit: str) -> dict[str, object]:
    assert callable(function)
    function()
    begin = time.perf_counter()
    function()
    seconds = time.perf_counter() - begin
    return {"what": what, unit: amount, "ms": round(seconds * 1e3, 2), f"{unit}_per_s": round(amount / seconds)}


def import_ms(statement: str) -> float:
    """Time of an import in a fresh interpreter, without the interpreter's own start."""
    code = f"import time; t = time.perf_counter(); {statement}; print((time.perf_counter() - t) * 1e3)"
    return round(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout), 1
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a checkpoint folder whose tokenizer to use")
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    texts = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "core").rglob("*.py"))]
    text = "".join(texts) + "今日は良い天気です 👨‍👩‍👧‍👦 voilà " * 200
    begin = time.perf_counter()
    tokenizer = Tokenizer.from_folder(args.model) if args.model else own_tokenizer([text])
    loaded = time.perf_counter() - begin
    ids = tokenizer.encode(text)
    chat = [{"role": "user" if i % 2 == 0 else "assistant", "content": text[i * 50 : i * 50 + 400]} for i in range(100)]
    rendered = ChatTemplate(TEMPLATE)
    lines = [
        {
            "what": "machine",
            "python": platform.python_version(),
            "processor": platform.machine(),
            "tokenizer": tokenizer.name,
        },
        {"what": "import core.text.prompt", "ms": import_ms("import core.text.prompt")},
        *([{"what": "load tokenizer", "ms": round(loaded * 1e3, 1)}] if args.model else []),
        streams(tokenizer, ids, 256, args.steps, []),
        streams(tokenizer, ids, 256, args.steps, STOPS),
        streams(tokenizer, ids, 1, args.steps * 50, STOPS),
        long_stream(tokenizer, ids, 500_000),
        timed("encode", lambda: tokenizer.encode(text), len(ids), "tokens"),
        timed("render a chat of 100 messages", lambda: rendered.render(chat), len(rendered.render(chat)), "chars"),
    ]
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
