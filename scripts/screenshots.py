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
    width: int = SIZE[0]
    steps: str = ""  # what is done before the picture is taken; "": what STEPS has for the page


SHOTS = (
    Shot("welcome-light", "chat", first_run=True),
    Shot("welcome-dark-chinese", "chat", theme="dark", language="zh_CN", first_run=True),
    Shot("chat-light", "chat"),
    Shot("chat-dark", "chat", theme="dark"),
    Shot("chat-chinese", "chat", language="zh_CN"),
    Shot("chat-large", "chat", font=20),
    Shot("chat-narrow", "chat", width=480, steps="above"),
    Shot("chat-scaled", "chat", theme="dark", scale=2),
    Shot("rich-light", "chat", steps="rich"),
    Shot("rich-dark", "chat", theme="dark", steps="rich"),
    Shot("rich-large", "chat", font=20, steps="rich"),
    Shot("long-light", "chat", steps="long"),
    Shot("composing-light", "chat", steps="composing"),
    Shot("composing-large", "chat", font=20, steps="composing"),
    Shot("panel-light", "chat", steps="panel"),
    Shot("panel-dark", "chat", theme="dark", steps="panel"),
    Shot("picker-light", "chat", steps="picker"),
    Shot("search-light", "chat", steps="search"),
    Shot("keys-light", "chat", steps="keys"),
    Shot("menu-light", "chat", steps="menu"),
    Shot("rename-light", "chat", steps="rename"),
    Shot("delete-dark", "chat", theme="dark", steps="delete"),
    Shot("export-light", "chat", steps="export"),
    Shot("selected-light", "chat", steps="selected"),
    Shot("file-dark", "chat", theme="dark", steps="file"),
    Shot("models-light", "models"),
    Shot("models-dark-chinese", "models", theme="dark", language="zh_CN"),
    Shot("models-large", "models", font=20),
    Shot("models-empty-light", "models", steps="empty"),
    Shot("models-building-light", "models", steps="building"),
    Shot("models-report-dark", "models", theme="dark", steps="report"),
    Shot("models-remove-light", "models", steps="remove"),
    Shot("documents-light", "documents"),
    Shot("documents-dark", "documents", theme="dark"),
    Shot("documents-chinese", "documents", language="zh_CN"),
    Shot("documents-large", "documents", font=20),
    Shot("documents-empty-light", "documents", steps="empty"),
    Shot("runtime-light", "runtime"),
    Shot("runtime-dark", "runtime", theme="dark"),
    Shot("runtime-large", "runtime", font=20),
    Shot("runtime-empty-light", "runtime", steps="empty"),
    Shot("settings-light", "settings"),
    Shot("settings-large", "settings", font=20),
    Shot("settings-dark-chinese", "settings", theme="dark", language="zh_CN"),
    Shot("settings-middle-light", "settings", steps="middle"),
    Shot("settings-end-light", "settings", steps="end"),
)


def take(shot: Shot, target: Path) -> None:
    """In this process: start the application, do what the page is for, save the picture."""
    from PySide6.QtCore import QPoint, QRect, QTimer
    from PySide6.QtGui import QPainter
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication, QDialog

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
    window.resize(shot.width, SIZE[1])
    window.show()
    wait(lambda: session.service.phase == "ready" and session.models is not None, 60)
    page: Any = window.show_page(shot.page)
    blocks: Callable[[], object] | None = None
    if not shot.first_run:
        blocks = STEPS[shot.steps or shot.page](page, session, wait)

    def photograph() -> None:
        picture = window.grab()
        for popup in application.topLevelWidgets():  # dialogs and menus are windows of their own
            if popup is not window and popup.isVisible():
                painter = QPainter(picture)
                place = popup.mapToGlobal(QPoint(0, 0)) - window.mapToGlobal(QPoint(0, 0))
                painter.drawPixmap(place, popup.grab())
                if isinstance(
                    popup, QDialog
                ):  # the frame that a desktop's window manager draws, and this screen has none
                    painter.drawRect(QRect(place, popup.size()).adjusted(-1, -1, 0, 0))
                painter.end()
        save(picture.toImage(), target)
        modal = application.activeModalWidget()
        if modal is not None:
            modal.close()

    if blocks is None:
        QTest.qWait(500)
        photograph()
    else:  # a dialog that answers before anything else goes on
        QTimer.singleShot(1000, photograph)
        blocks()
    window.close()
    lifecycle.stop(load_config(os.environ).places, grace=0.0)
    application.quit()


def save(image: Any, target: Path) -> None:
    """As a PNG of 256 colours, which are enough for a window: those that are there most, and means of the rest."""
    import numpy as np
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage

    image = image.convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), -1)[:, : image.width()] & 0xFFFFFF
    colours, counts = np.unique(pixels, return_counts=True)
    order = np.argsort(-counts)
    table = [int(colour) for colour in colours[order[:160]]]
    rest, weights = colours[order[160:]], counts[order[160:]]
    channels = np.stack([rest >> 16, rest >> 8 & 255, rest & 255], axis=1)
    boxes = (channels >> 4) @ np.array([256, 16, 1])
    by_size = sorted(((int(weights[boxes == box].sum()), int(box)) for box in np.unique(boxes)), reverse=True)
    for _, box in by_size[:96]:
        mean = np.average(channels[boxes == box], axis=0, weights=weights[boxes == box]).round().astype(int)
        table.append(int(mean[0]) << 16 | int(mean[1]) << 8 | int(mean[2]))
    flags = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
    found = image.convertToFormat(QImage.Format.Format_Indexed8, [0xFF000000 | each for each in table], flags)
    found.save(str(target), "PNG", 0)  # 0: as small as it gets


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


SUMMARY = """Sales rose by 4 % to 812 million, mostly in the second half of the year [p. 3]. The new plant opened in March and
reached its full output in September, a quarter earlier than planned [p. 7].

Costs grew more slowly than sales. Energy is bought at fixed prices until 2029, so that the company is little exposed to the
market [p. 12]. The board proposes a dividend of 1.20 per share, after 1.05 the year before [p. 15].
"""


def _documents(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """A real job, whose text is then a made-up one: the demo model is too small to write a good summary."""
    from core.schemas import Citation, DocumentInfo, SummaryReport

    path = Path(os.environ["DESKSIDE_HOME"]) / "annual-report-2026.md"
    path.write_text("# Annual report\n\nSales rose by 4 %.\n", encoding="utf-8")
    wait(lambda: page.form.model.count() > 0, 10)
    page.form.add([str(path)])
    page.form.go.click()
    wait(lambda: page.result is not None and page.result.work.job.state in ("done", "failed"), 120)
    work = page.result.work
    quotes = (
        (3, "Sales rose by 4 % to 812 million"), (7, "the new plant opened in March"),
        (12, "energy is bought at fixed prices until 2029"), (15, "the board proposes a dividend of 1.20 per share"),
    )  # fmt: skip
    work.summary = SummaryReport(
        summary=SUMMARY, coverage=100.0, chunks=18, tokens=2048, cached_tokens=0, seconds=9.0,
        citations=[Citation(page=number, chunk=0, quote=quote) for number, quote in quotes],
        documents=[DocumentInfo(path=str(path), name=path.name, format="pdf")], notes=["Page 9 has no text; it is a picture."],
    )  # fmt: skip
    page._show_result(None)
    page._show_result(work)


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
    wait(page.storage.isVisible, 10)


def _nothing(page: Any, session: Any, wait: Callable[..., None]) -> None:
    wait(lambda: False, 2)


RICH = r"""# Heat in a rod

The temperature obeys $\partial_t u = \alpha \nabla^2 u$, where $\alpha > 0$:

$$u(x, t) = \sum_{n=1}^{\infty} b_n \sin\left(\frac{n \pi x}{L}\right) e^{-\alpha (n\pi/L)^2 t}$$

> A quotation: *the theory of heat* hardly needs models.

- [x] Separate the variables
- Expand in sines
  1. odd terms
  2. even terms, which vanish

| Method | Order | Stable | Cost per step |
|---|:---:|---|---:|
| Explicit Euler | 1 | only if $\Delta t \le \Delta x^2 / 2\alpha$ | 1,000 |
| Crank–Nicolson | 2 | always | 3,000 |

```python
def step(u: list[float], r: float) -> list[float]:
    # one explicit step; r = alpha * dt / dx**2
    return [u[0], *(b + r * (a - 2 * b + c) for a, b, c in zip(u, u[1:], u[2:])), u[-1]]
```

See [Wikipedia](https://en.wikipedia.org/wiki/Heat_equation) and `numpy.roll`.

---

بالعربية: معادلة الحرارة تصف انتقال الحرارة مع الزمن.
"""


def _rich(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """Everything that Markdown has, an attachment, unfolded thoughts, a version of several, an answer that was cut off."""
    from app.store.records import Attachment, Chat, ChatSummary, Message, State

    title = "A title that goes on for longer than the window is wide, as those do that are made of a whole question"
    one = Message("user", "اشرح معادلة الحرارة، مع مثال.", attachments=[Attachment("heat-notes.pdf (12 pages)", "...")])
    two = Message("assistant", RICH, one.id, reasoning="First the equation, then a table.\n\nAnd code.", model="demo")
    other = Message("assistant", "Another try.", one.id)
    three = Message("user", "And in two dimensions?", two.id)
    four = Message("assistant", "In two dimensions", three.id, state=State.LENGTH, model="demo")
    messages = [one, other, two, three, four]
    page.controller.add_chat(Chat(ChatSummary(title=title), head=four.id, messages=messages))
    wait(lambda: page.transcript.settled, 5)
    page.transcript.scroll_to(two.id)
    entry = page.transcript.entry(two.id)
    next(row.widget for row in entry.rows if row.kind == "reasoning").button.click()
    page.transcript.verticalScrollBar().setValue(0)


def _long(page: Any, session: Any, wait: Callable[..., None]) -> None:
    from app.store.records import Chat, ChatSummary, Message

    text = "\n".join(f"{number}. line {number} of ten thousand" for number in range(1, 10_001))
    one = Message("user", "Please count to ten thousand. " + "https://example.org/" + "a-very-long-address/" * 12)
    two = Message("assistant", text, one.id, model="demo")
    page.controller.add_chat(Chat(ChatSummary(title="Counting"), head=two.id, messages=[one, two]))
    wait(lambda: page.transcript.settled, 10)
    bar = page.transcript.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    wait(lambda: page.transcript.settled, 5)


def _composing(page: Any, session: Any, wait: Callable[..., None]) -> None:
    from app.store.records import Attachment

    _chat(page, session, wait)
    page.composer.set_content(
        "Compare the two files.\nWhat differs, and why?",
        [Attachment("report-2026-final-version-with-a-long-name.txt", "a"), Attachment("notes.md", "b")],
    )
    page.composer.set_editing(True)
    page.controller.delete_chat(page.controller.current.id)
    page.composer.editor.setFocus()


def _above(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """The list of chats above the chat, as a narrow window shows it."""
    _chat(page, session, wait)
    page.toggle_sidebar()


def _panel(page: Any, session: Any, wait: Callable[..., None]) -> None:
    _chat(page, session, wait)
    page.toggle_panel()


def _picker(page: Any, session: Any, wait: Callable[..., None]) -> None:
    page.choose_model()
    wait(lambda: False, 1)


def _search(page: Any, session: Any, wait: Callable[..., None]) -> None:
    _chat(page, session, wait)
    page.sidebar.field.setText("page")
    wait(lambda: page.sidebar._hits is not None, 10)
    page.find_in_chat()
    page.find_bar.field.setText("cache")
    wait(lambda: False, 1)


def _keys(page: Any, session: Any, wait: Callable[..., None]) -> None:
    page.window().show_keys()
    wait(lambda: False, 1)


def _menu(page: Any, session: Any, wait: Callable[..., None]) -> None:
    _chat(page, session, wait)
    sidebar = page.sidebar
    page.menu = sidebar.menu_of(_chat_row(page))
    page.menu.popup(sidebar.list.mapToGlobal(sidebar.list.rect().center()))
    wait(lambda: False, 1)


def _chat_row(page: Any) -> Any:
    sidebar = page.sidebar
    return next(each for each in (sidebar.list.at(sidebar.model.index(i, 0)) for i in range(8)) if each.kind == "chat")


def _rename(page: Any, session: Any, wait: Callable[..., None]) -> Callable[[], object]:
    _chat(page, session, wait)
    return lambda: page.sidebar._rename(_chat_row(page))


def _delete(page: Any, session: Any, wait: Callable[..., None]) -> None:
    _chat(page, session, wait)
    page.controller.delete_chat(_chat_row(page).id)
    wait(lambda: False, 1)


def _export(page: Any, session: Any, wait: Callable[..., None]) -> Callable[[], object]:
    _chat(page, session, wait)
    folder = Path(os.environ["DESKSIDE_HOME"]) / "chats"
    folder.mkdir()
    os.chdir(folder)  # where the dialog begins
    return lambda: page.export()


def _selected(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """A drag from the first message into the answer's code."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from app.chat.selecting import editor_of

    _chat(page, session, wait)
    page.transcript.verticalScrollBar().setValue(0)
    wait(lambda: False, 1)
    rows = sorted((row for row in page.transcript.shown if row.segment is not None), key=lambda row: row.top)
    start, end = editor_of(rows[0].widget), editor_of(next(row.widget for row in rows if row.kind == "code"))
    cursor = start.textCursor()
    cursor.setPosition(9)
    QTest.mousePress(
        start.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0), start.cursorRect(cursor).center()
    )
    cursor = end.textCursor()
    cursor.setPosition(39)
    place = end.viewport().mapToGlobal(end.cursorRect(cursor).center())
    QTest.mouseMove(start.viewport(), start.viewport().mapFromGlobal(place))
    QTest.mouseRelease(
        start.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0), start.viewport().mapFromGlobal(place)
    )
    wait(lambda: False, 1)


def _file(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """A look at one of the files of a message."""
    from app.chat.pieces import Files
    from app.store.records import Attachment, Chat, ChatSummary, Message

    words = SUMMARY.split(" [")[0] + "."
    pages = [f"[page {number}]\n{' '.join([words] * 6)}" for number in range(1, 16)]
    files = [
        Attachment("annual-report-2026.pdf (15 pages)", "\n\n".join(pages), "/home/ana/annual-report-2026.pdf"),
        Attachment("notes & ideas.md", "# Ideas\n", "/home/ana/notes & ideas.md"),
    ]
    one = Message("user", "What do these say about sales?", attachments=files)
    two = Message("assistant", words, one.id, model="a larger model")
    page.controller.add_chat(Chat(ChatSummary(title="Sales"), head=two.id, messages=[one, two]))
    wait(lambda: page.transcript.settled, 5)
    next(each for each in page.transcript.widgets if isinstance(each, Files)).buttons[0].click()
    wait(lambda: False, 1)


def _report(page: Any, session: Any, wait: Callable[..., None]) -> None:
    """A real build of the demo model, until its engine answers."""
    _building(page, session, wait)
    wait(lambda: page.detail.engines and not page.controller.jobs, 120)
    page.detail.engines[0].report_button.click()
    wait(lambda: False, 0.3)
    page._area.ensureWidgetVisible(page.detail.engines[0], 0, 0)


def _remove(page: Any, session: Any, wait: Callable[..., None]) -> None:
    _building(page, session, wait)
    wait(lambda: page.detail.engines and not page.controller.jobs, 120)
    page.detail.engines[0].remove.ask.click()


def _building(page: Any, session: Any, wait: Callable[..., None]) -> None:
    wait(lambda: page.detail is not None and page.detail.fit.buttons, 10)
    page.detail.fit.go.click()
    wait(lambda: False, 1.2)


def _scrolled(part: float) -> Callable[..., None]:
    def steps(page: Any, session: Any, wait: Callable[..., None]) -> None:
        from PySide6.QtWidgets import QScrollArea

        _settings(page, session, wait)
        bar = page.findChild(QScrollArea).verticalScrollBar()
        bar.setValue(round(part * bar.maximum()))

    return steps


# What comes back, if anything, opens a dialog and returns when that is closed.
STEPS: dict[str, Callable[..., Callable[[], object] | None]] = {
    "chat": _chat,
    "models": _models,
    "documents": _documents,
    "runtime": _runtime,
    "settings": _settings,
    "empty": _nothing,
    "rich": _rich,
    "long": _long,
    "composing": _composing,
    "panel": _panel,
    "above": _above,
    "picker": _picker,
    "search": _search,
    "keys": _keys,
    "menu": _menu,
    "building": _building,
    "rename": _rename,
    "delete": _delete,
    "export": _export,
    "selected": _selected,
    "file": _file,
    "report": _report,
    "remove": _remove,
    "middle": _scrolled(0.5),
    "end": _scrolled(1.0),
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
