"""One window for each user and place: a second start brings the first one to the front, and ends.

The first listens on a local socket (a named pipe on Windows) whose name comes from its places; whoever connects asks it to
come forward. A socket that a crash left behind is nobody's: it is taken over.
"""

from __future__ import annotations

import hashlib

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from core.paths import Places

WAIT_MS = 1000


def name_of(places: Places) -> str:
    """Of the socket: the same for the same folders, and for nobody else's."""
    return f"deskside-{hashlib.sha256(str(places.state).encode()).hexdigest()[:16]}"


def raise_first(places: Places) -> bool:
    """Ask the window that is open already to come forward; False if there is none."""
    socket = QLocalSocket()
    socket.connectToServer(name_of(places))
    reached = socket.waitForConnected(WAIT_MS)
    socket.abort()
    return reached


class SingleInstance(QObject):
    """The first window's side. `wanted`: somebody started it again."""

    wanted = Signal()

    def __init__(self, places: Places, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._asked)
        name = name_of(places)
        if not self._server.listen(name):
            QLocalServer.removeServer(name)  # nobody answered there
            self._server.listen(name)  # without it a second window opens, as before

    def close(self) -> None:
        self._server.close()

    @Slot()
    def _asked(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.abort()
            socket.deleteLater()
        self.wanted.emit()
