"""Work that only the GUI thread can do, a piece with each turn of the event loop."""

from __future__ import annotations

from collections.abc import Generator

from PySide6.QtCore import QObject, QTimer, Slot

from app.threads import Failure, Success, as_ours


class Turns(QObject):
    """Begins at once. Ends with one of the callbacks, or with none after `close`."""

    def __init__(
        self, work: Generator[None, None, None], success: Success[None], failure: Failure, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._work, self._success, self._failure = work, success, failure
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._turn)
        self._timer.start(0)

    def close(self) -> None:
        """Give up what is not done. Idempotent."""
        self._timer.stop()
        self._work.close()
        self.deleteLater()

    @Slot()
    def _turn(self) -> None:
        try:
            next(self._work)
        except StopIteration:
            self.close()
            self._success(None)
        except Exception as error:
            self.close()
            self._failure(as_ours(error))
