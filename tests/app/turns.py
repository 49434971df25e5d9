"""How long the turns of the event loop take, and how slow the machine is just now at work of their kind."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import monotonic, sleep, thread_time

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from shiboken6 import delete

from app.chat.views import TextView
from app.icons import icon_button
from app.main import calm_collector
from app.pages.base import scrolled_column
from app.parts import Card, button, label, progress_bar

LIMIT = 0.016  # seconds of processor time
BASE = 0.0095  # seconds that `fixed_work` takes on the machine that the limit was found on, with nothing else running
ROUNDS, MOST = 3, 8


class Turns:
    """Of each thing that the user does or sees, the longest turn of the event loop: its processor time on the GUI thread, in
    seconds. Everything is done three times, or, where something took too long each time, up to eight times; the least counts, as
    what else the machine does only ever adds. The limit of 16 ms grows on a machine that is slow at `fixed_work`, which is done
    in every round. The collector of garbage is as calm as in the program."""

    def __init__(self) -> None:
        self._runs: list[dict[str, float]] = []
        self._slowness: list[float] = []

    def rounds(self) -> Iterator[int]:
        thresholds = gc.get_threshold()
        calm_collector()
        try:
            for number in range(MOST):
                if number >= ROUNDS and not self.over():
                    break
                self._runs.append({})
                yield number
                self._slowness += [fixed_work() / BASE for _ in range(8)]
        finally:
            gc.unfreeze()
            gc.set_threshold(*thresholds)
        assert not self.over(), f"{self.over()}, limit {1000 * self.limit:.1f} ms"

    def does(self, name: str, work: Callable[[], object], done: Callable[[], bool] = lambda: True) -> None:
        deadline = monotonic() + 60
        begun = thread_time()
        work()
        turns = [thread_time() - begun]
        while len(turns) < 3 or not done():
            begun = thread_time()
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
            turns.append(thread_time() - begun)
            assert monotonic() < deadline, name
            if not done():
                sleep(0.001)
        self._runs[-1][name] = max(turns)

    @property
    def limit(self) -> float:
        """In seconds. One that takes part of a machine with others has better and worse moments; what is measured gets the best of
        three and more, so the best quarter of them counts here."""
        return LIMIT * max(1.0, sorted(self._slowness)[len(self._slowness) // 4])

    def over(self) -> dict[str, float]:
        """What took longer than the limit each time, in milliseconds."""
        least = {name: min(run[name] for run in self._runs) for name in self._runs[0]}
        return {name: round(1000 * took, 1) for name, took in least.items() if took > self.limit}


def fixed_work() -> float:
    """The processor time of what turns are made of, in seconds: ordinary widgets made, polished by the style sheet, laid out and
    painted, and a text. Not the same one twice at once: between them the processor's caches are filled with something else, as
    in use."""
    bytes(bytearray(4 << 20))
    begun = thread_time()
    area, column = scrolled_column()
    card = Card("A card")
    choice = QComboBox()
    choice.addItems(["one", "two"])
    card.row(label("What it is", "muted"), choice, button("Do it", "primary"), icon_button("copy", "Copy"))
    for widget in (QLineEdit("words"), progress_bar("Progress"), label("Some words about it. " * 8)):
        card.column.addWidget(widget)
    column.addWidget(card)
    view = TextView()
    view.show_markdown("Some **bold** words about `paging`, and more of them.\n\n- one\n- two\n")
    view.setFixedHeight(view.content_height(600))
    column.addWidget(view)
    area.resize(700, 400)
    area.grab()
    took = thread_time() - begun
    delete(area)
    return took
