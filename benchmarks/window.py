"""How the window feels, in figures: cold start, memory, GUI-thread time of a streamed answer, opening a long chat, searching.

    python benchmarks/window.py            # offscreen, or on the screen there is
    xvfb-run python benchmarks/window.py   # through X11, as on a desktop

No GPU and no service: the tokens come from a made-up stream at 100 a second, through the same inbox, database and transcript.
Cold start is the median of five fresh processes, from the start of Python to the first painted window.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
WORDS = "the a of memory paging quantize model engine token cache prefix attention batch page kernel".split()  # noqa: SIM905


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", choices=["start"], help=argparse.SUPPRESS)
    parser.add_argument("--chats", type=int, default=10_000)
    args = parser.parse_args()
    if "DISPLAY" not in os.environ and "WAYLAND_DISPLAY" not in os.environ and sys.platform == "linux":
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if args.child:
        start_child()
        return
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}{busy}"
    )
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DESKSIDE_HOME"] = folder
        cold_start()
        in_one_window(args.chats)


def report(what: str, value: float, unit: str, target: str) -> None:
    print(f"{what:<58} {value:8.1f} {unit:<3} (target {target})", flush=True)


def start_child() -> None:
    from PySide6.QtCore import QEvent, QObject

    from app.main import open_window
    from core.config import load_config

    application, window = open_window(load_config(os.environ), start=False)

    class First(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                print(time.time(), flush=True)
                window.removeEventFilter(self)
                application.quit()
            return False

    watch = First()
    window.centralWidget().installEventFilter(watch)
    application.exec()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(peak, flush=True)
    window.close()


def cold_start() -> None:
    times, memory = [], []
    for _ in range(5):
        begin = time.time()
        command = [sys.executable, __file__, "--child", "start"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == 0, done.stderr
        painted, peak = (float(line) for line in done.stdout.split()[:2])
        times.append(painted - begin)
        memory.append(peak)
    report("cold start, process to first paint", 1000 * statistics.median(times), "ms", "1500")
    report("memory of the empty window", statistics.median(memory), "MB", "-")


def in_one_window(chats: int) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    from app.main import calm_collector, open_window
    from app.pages.chat import ChatPage
    from app.store.records import Chat, ChatSummary, Message, State
    from core.config import load_config

    config = load_config(os.environ)
    fill(config.places.chats_db, chats)
    _, window = open_window(config, start=False)
    calm_collector()
    page = window.show_page("chat")
    assert isinstance(page, ChatPage)

    def spin(milliseconds: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def until(done: object, limit: float = 20.0) -> None:
        loop, begin = QEventLoop(), time.perf_counter()
        while not done() and time.perf_counter() - begin < limit:  # type: ignore[operator]
            loop.processEvents()
            time.sleep(0.0005)  # a loop that only turns keeps the interpreter from the thread that it waits for

    until(lambda: len(page.controller.summaries) >= chats)
    until(lambda: window._preparation.done)  # the other pages are made meanwhile, which is no part of what follows
    spin(500)

    opened, worked = [], []
    for number in range(5):
        begin, before = time.perf_counter(), time.thread_time()
        page.controller.open_chat(f"long{number}")
        until(lambda number=number: page.controller.current.id == f"long{number}" and page.transcript.settled)
        opened.append(1000 * (time.perf_counter() - begin))
        worked.append(1000 * (time.thread_time() - before))
    report("opening a chat of 500 messages", statistics.median(opened), "ms", "200")
    report("  of it processor time of the GUI thread", statistics.median(worked), "ms", "-")

    for query in ("mem", "paging quantize", "量化"):
        page.sidebar.field.clear()
        spin(50)
        begin, before = time.perf_counter(), time.thread_time()
        page.sidebar.field.setText(query)
        until(lambda: page.sidebar._hits is not None)
        window.repaint()
        took, worked_for = time.perf_counter() - begin, time.thread_time() - before
        report(f"searching {chats:,} chats for “{query}”, to the screen", 1000 * took, "ms", "50")
        report("  of it processor time of the GUI thread", 1000 * worked_for, "ms", "-")
    page.sidebar.field.clear()
    spin(200)

    for name, text in (
        ("prose with lists and code", answer()),
        ("plain prose", " ".join(random.choices(WORDS, k=1000))),
    ):
        chat = Chat(ChatSummary(title="stream"), messages=[Message("user", "go")])
        page.controller.add_chat(chat)
        message = Message("assistant", "", chat.messages[0].id, state=State.STREAMING)
        page.controller._add(message)
        begin_answer(page, message)
        given = page.controller.answers.of(chat.summary.id)
        assert given is not None
        pieces = [text[i : i + 4] for i in range(0, len(text), 4)][:1000]
        pieces += ["word"] * (1000 - len(pieces))

        def feed(pieces: list[str] = pieces, given: object = given) -> None:
            for piece in pieces:
                given.inbox.parts.append((piece, ""))  # type: ignore[attr-defined]
                given.inbox.events += 1  # type: ignore[attr-defined]
                time.sleep(0.01)

        spin(300)
        feeder = threading.Thread(target=feed)
        before = time.thread_time()
        feeder.start()
        while feeder.is_alive():
            spin(500)  # each loop of ours is work of the GUI thread too
        report(f"GUI thread per 1,000 tokens, {name}", 1000 * (time.thread_time() - before), "ms", "300")
        given.stop()
        spin(200)
    report("memory at the end", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", "-")
    window.close()


def begin_answer(page: object, message: object) -> None:
    """An answer that nobody makes: its inbox is filled here."""
    from app.chat.answers import Answer

    controller = page.controller  # type: ignore[attr-defined]
    original, Answer.begin = Answer.begin, lambda self, *_: None  # type: ignore[method-assign]
    try:
        controller._begin(message, [], {})
    finally:
        Answer.begin = original  # type: ignore[method-assign]


def answer() -> str:
    block = (
        "## A heading\n\nSome **bold** words about `paging` and how a *cache* is kept, with a formula $x^2 + 1$.\n\n"
        "1. The first thing, explained at some length so that it wraps.\n2. The second thing.\n   - with a detail\n\n"
        "```python\ndef page(index: int) -> int:\n    # the next one\n    return index + 1\n```\n\n"
        "A paragraph that goes on for a while without anything special in it, as most of what models write does, and "
        "then ends.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    )
    return block * 10


def fill(path: Path, chats: int) -> None:
    """`chats` short ones, and five of 500 messages."""
    from app.store.records import Chat, ChatSummary
    from app.store.store import Store

    random.seed(1)
    store = Store(path)
    store._db.execute("PRAGMA synchronous = OFF")
    more = [f"word{i}" for i in range(2000)] + WORDS * 20
    for number in range(chats):
        texts = [" ".join(random.choices(more, k=30 if turn % 2 else 60)) for turn in range(4)]
        title = f"Chat about {random.choice(more)} {'量化模型' if number % 100 == 0 else number}"
        store.add_chat(Chat(ChatSummary(title=title), messages=chain(texts)))
    for number in range(5):
        texts = [answer()[:900] if turn % 2 else "Tell me more about paging, please." for turn in range(500)]
        messages = chain(texts)
        store.add_chat(Chat(ChatSummary(f"long{number}", "A long one"), head=messages[-1].id, messages=messages))
    store.close()


def chain(texts: list[str]) -> list:  # type: ignore[type-arg]
    from app.store.records import Message

    found: list[Message] = []
    for turn, text in enumerate(texts):
        found.append(Message("assistant" if turn % 2 else "user", text, found[-1].id if found else ""))
    return found


if __name__ == "__main__":
    main()
