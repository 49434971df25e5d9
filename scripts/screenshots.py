"""Pictures of the real window with the real service, for docs/images and for looking at.

    xvfb-run -s "-screen 0 2600x1800x24" python scripts/screenshots.py OUT [--only chat-light ...]

Each picture is made by a process of its own, so that scale and language are those of a start: pages x light and dark, 100 %
and 200 %, English and Chinese, as SHOTS says. Everything is kept in a temporary folder; the network is not used.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIZE = (1180, 760)


@dataclass(frozen=True, slots=True)
class Shot:
    """`scale` of the whole window (200 % of a screen with fine pixels); `font` in points (20 is 200 %)."""

    name: str
    page: str
    theme: str = "light"
    language: str = "en"
    scale: int = 1
    font: int = 10
    first_run: bool = False


SHOTS = (
    Shot("welcome-light", "chat", first_run=True),
    Shot("chat-light", "chat"),
    Shot("chat-dark", "chat", theme="dark"),
    Shot("chat-chinese", "chat", language="zh_CN"),
    Shot("chat-large", "chat", font=20),
    Shot("chat-scaled", "chat", theme="dark", scale=2),
    Shot("models-light", "models"),
    Shot("models-dark-chinese", "models", theme="dark", language="zh_CN"),
    Shot("models-large", "models", font=20),
    Shot("documents-light", "documents"),
    Shot("documents-dark", "documents", theme="dark"),
    Shot("documents-chinese", "documents", language="zh_CN"),
    Shot("runtime-light", "runtime"),
    Shot("runtime-dark", "runtime", theme="dark"),
    Shot("settings-light", "settings"),
    Shot("settings-dark-chinese", "settings", theme="dark", language="zh_CN"),
)


def take(shot: Shot, target: Path) -> None:
    """In this process: start the application, do what the page is for, save the picture."""
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from app.session import Session
    from app.window import MainWindow
    from core import lifecycle
    from core.config import load_config

    application = QApplication([])
    session = Session(load_config(os.environ))
    for name, value in (
        ("theme", shot.theme),
        ("language", shot.language),
        ("font_size", shot.font),
        ("onboarded", not shot.first_run),
    ):
        session.preferences.set(name, value)

    def wait(until: Callable[[], Any], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not until() and time.monotonic() < deadline:
            QTest.qWait(50)

    window = MainWindow(session)
    session.start()
    window.resize(*SIZE)
    window.show()
    wait(lambda: session.service.phase == "ready" and session.models is not None, 60)
    page: Any = window.show_page(shot.page)
    if not shot.first_run:
        STEPS[shot.page](page, session, wait)
    QTest.qWait(500)
    window.grab().save(str(target))
    window.close()
    lifecycle.stop(load_config(os.environ).places, grace=0.0)
    application.quit()


QUESTION = "Why is a paged KV cache faster? Please show some code and a small table."
ANSWER = """A **paged** cache hands out memory in small pages, so that nothing is reserved for text that never comes.

1. Sequences of any length share one pool.
2. A second turn finds its pages again and computes only what is new.

```python
def pages_needed(tokens: int, page_size: int = 16) -> int:
    # the last page may be half empty, and that is all the waste there is
    return -(-tokens // page_size)
```

| Context | Reserved | Paged |
|---|---:|---:|
| 512 tokens | 4,096 | 512 |
| 1,000 tokens | 4,096 | 1,008 |

The waste per sequence is at most $p - 1$ tokens, where $p$ is the page size.
"""


def _chat(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """Made-up chats in the list, one of them open with everything that Markdown has, and a real answer of the demo model."""
    from app.store.records import Chat, ChatSummary, Message

    for title, days, pinned in (
        ("Ideas for the garden", 0.3, True), ("给妈妈的信", 0.1, False), ("Regular expressions, again", 1.2, False),
        ("رحلة إلى القاهرة", 2.0, False), ("A very long title that does not fit into the list at all", 3.0, False),
    ):  # fmt: skip
        page.controller.add_chat(Chat(ChatSummary(title=title, pinned=pinned, updated=time.time() - days * 86400)))
    one = Message("user", QUESTION)
    two = Message("assistant", ANSWER, one.id, reasoning="They want it short.", model="a larger model")
    page.controller.add_chat(Chat(ChatSummary(title="Why paging?"), head=two.id, messages=[one, two]))
    page.composer.submitted.emit("And how do I count to nine in French?", [])
    wait(lambda: False, 1)
    wait(lambda: not page.controller.answers.running, 40)


def _models(page: Any, session: Any, wait: Callable[..., None]) -> None:
    wait(lambda: page.detail is not None and page.detail.fit.buttons, 10)
    page.detail.fit.gpu.setCurrentIndex(1)
    page.detail.fit.gpu.activated.emit(1)
    wait(lambda: False, 2)


def _documents(page: Any, session: Any, wait: Callable[..., None]) -> None:
    wait(lambda: page.form.model.count() > 0, 10)
    page.form.add([str(ROOT / "README.md")])
    page.form.go.click()
    wait(lambda: page.result is not None and page.result.work.job.state in ("done", "failed"), 120)


def _runtime(page: Any, session: Any, wait: Callable[..., None]) -> None:
    async def ask(client: Any) -> None:
        import asyncio

        messages = [{"role": "user", "content": "Tell me about paging."}]
        await asyncio.gather(*(client.chat(messages, max_tokens=160, ignore_eos=True) for _ in range(6)))

    for _ in range(3):
        done: list[object] = []
        session.call(ask, done.append, done.append)
        wait(lambda found=done: found, 40)
    session.call(ask, None, lambda error: None)
    wait(lambda: False, 3)


def _settings(page: Any, session: Any, wait: Callable[..., None]) -> None:
    wait(page.storage.free.isVisible, 10)


STEPS: dict[str, Callable[..., None]] = {
    "chat": _chat,
    "models": _models,
    "documents": _documents,
    "runtime": _runtime,
    "settings": _settings,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", metavar="NAME", help=", ".join(shot.name for shot in SHOTS))
    parser.add_argument("--take", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    out: Path = args.out.absolute()
    if args.take:
        sys.path.insert(0, str(ROOT))
        take(next(shot for shot in SHOTS if shot.name == args.take), out / f"{args.take}.png")
        return 0
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for shot in SHOTS:
        if args.only and shot.name not in args.only:
            continue
        with tempfile.TemporaryDirectory() as home:
            environ = os.environ | {
                "DESKSIDE_HOME": home,
                "DESKSIDE_OFFLINE": "true",
                "QT_SCALE_FACTOR": str(shot.scale),
                "PYTHONPATH": str(ROOT),
            }
            command = [sys.executable, __file__, str(out), "--take", shot.name]
            code = subprocess.run(command, env=environ, timeout=300).returncode
        print(f"{shot.name}: {'failed' if code else 'ok'}", flush=True)
        failed |= code
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
