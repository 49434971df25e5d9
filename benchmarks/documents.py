"""What a 300-page summary costs a chat beside it, and what in-flight batching gives it.

    python benchmarks/documents.py [--pages 300] [--in-process]
    python benchmarks/documents.py --shape llama-3-8b --backend cuda

Reported, one JSON line each; progress goes to stderr, and a part that fails is a line with its `error`, and exit code 1:

`chat`: time between a chat's tokens while nothing else runs, and while the parts of a document are summarized. `summary`: that
job. `batching`: chunks all at once, and as long ones (other words, so that nothing but the instruction is cached) one at a time,
in one engine; `speedup` compares the time for one. `prefill_s`: of the run one at a time, until the first token of each answer;
`at_once_first_s`: until each of those at once has begun.

Without --shape the demo model, and chats and summary through the service. With it random weights of that shape (tokenizer of the
demo model; no file is written), and with --in-process too, scheduler and engine in this process: what a GPU machine needs is
NumPy, msgspec, tokenizers, jinja2, platformdirs and the extra `gpu`.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from documents_engine import CHAT, CHAT_TOKENS, QUIET_CHATS, batching, beside_chat, emit, open_machine, page, tell

SHAPES = ("llama-3-8b", "llama-2-7b", "llama-3.2-1b", "tiny")  # of random_models.py


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


def through_service(pages: int, home: Path, model: str = "demo") -> None:
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
            idle = [chat_once(client, model) for _ in range(QUIET_CHATS)]
            job = client.summarize([source], model=model, length="medium")
            stage: list[Any] = ["", None]

            def follow() -> None:
                for event in client.document_events(job.id):
                    if event.job is not None:
                        stage[0] = event.job.stage if event.kind == "progress" else "end"
                        tell(f"{event.job.stage} {event.job.done}/{event.job.total}")
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
            again = [chat_once(client, model) for _ in range(QUIET_CHATS)]
    finally:
        lifecycle.stop(places)
    report = stage[1]
    if isinstance(report, JobReply):
        raise RuntimeError(f"the summary failed: {report.error}")
    if not busy:
        raise RuntimeError(f"{pages} pages were summarized before a chat could be measured; take more with --pages")
    quiet = statistics.median(gap for gap, _ in idle + again)
    loud = statistics.median(gap for gap, _ in busy)
    emit(
        "chat", through="service", model=model, backend=backend, chats=len(busy), idle_ms=1e3 * quiet, during_ms=1e3 * loud,
        ratio=loud / quiet,
        idle_first_ms=1e3 * statistics.median(first for _, first in idle + again),
        during_first_ms=1e3 * statistics.median(first for _, first in busy),
    )  # fmt: skip
    emit(
        "summary", through="service", pages=pages, chunks=report.chunks, requests=report.requests, coverage=report.coverage,
        tokens=report.tokens, cached_tokens=report.cached_tokens, output_tokens=report.output_tokens, seconds=report.seconds,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, help="random weights of this shape; without it the demo model")
    parser.add_argument("--backend", help="as `deskside core chat --backend`")
    parser.add_argument("--precision", default="bf16", help="of random weights, as in benchmarks/gpu.py")
    parser.add_argument("--in-process", action="store_true", help="without the service")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--chunks", type=int, default=32, help="of the comparison, at once")
    parser.add_argument("--alone", type=int, help="of the comparison, one at a time; as many if not given")
    parser.add_argument("--slots", type=int, default=64, help="sequences at once")
    parser.add_argument("--step-tokens", type=int, default=512, help="tokens of a step")
    parser.add_argument("--seconds", type=float, help="leave the summary after so long (in this process only)")
    parser.add_argument("--only", choices=("chat", "batching"))
    args = parser.parse_args()
    if args.shape and args.backend is None:
        parser.error("random weights take a --backend: cuda or reference")
    engine = functools.cache(
        lambda: open_machine(args.shape, args.backend, args.precision, args.slots, args.step_tokens)
    )
    parts: list[tuple[str, Callable[[], None]]] = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        os.environ["DESKSIDE_HOME"] = str(home)
        if args.backend:
            os.environ["DESKSIDE_BACKEND"] = args.backend
        if args.only != "batching":
            alone = args.in_process or args.shape is not None
            parts.append(
                (
                    "chat",
                    lambda: (
                        beside_chat(engine(), args.pages, args.seconds) if alone else through_service(args.pages, home)
                    ),
                )
            )
        if args.only != "chat":
            parts.append(("batching", lambda: batching(engine(), args.chunks, args.alone or args.chunks)))
        failed = []
        for name, part in parts:
            if not is_done(name, part):
                failed.append(name)
                engine.cache_clear()  # it may have died of it
    tell(f"failed: {', '.join(failed)}" if failed else "done")
    return 1 if failed else 0


def is_done(name: str, part: Callable[[], None]) -> bool:
    """Whether a part came to its end; the next does not depend on it."""
    try:
        part()
    except Exception as error:
        traceback.print_exc()
        emit(name, error=f"{type(error).__name__}: {error}")
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
