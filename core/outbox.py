"""Frames that go out without making their sender wait: an engine loop must not stop, nor an event loop, because the other
process is slow to read."""

from __future__ import annotations

import threading
import time
from collections import deque

from core.pipes import Connection, FrameTooLarge, PipeClosed


class Outbox:
    """Sends frames over a connection, in order, from a thread of its own.

    It does not limit what waits in it: callers look at `pending`, or wait for it to shrink.
    """

    def __init__(self, connection: Connection, name: str = "outbox") -> None:
        self._connection = connection
        self._frames: deque[bytes] = deque()
        self._pending = 0
        self._closing = False
        self._open = True
        self._changed = threading.Condition(threading.Lock())
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Bytes that the system has not taken yet."""
        return self._pending

    @property
    def open(self) -> bool:
        """False once the other process no longer reads, or after `close`."""
        return self._open

    def put(self, frame: bytes) -> bool:
        """Send a frame soon. False: it will never arrive."""
        with self._changed:
            if not self._open or self._closing:
                return False
            self._frames.append(frame)
            self._pending += len(frame)
            self._changed.notify_all()
            return True

    def wait_below(self, limit: int, timeout: float) -> bool:
        """True as soon as at most `limit` bytes are pending, or the other process is gone; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending <= limit or not self._open, timeout)

    def close(self, timeout: float = 0.0) -> bool:
        """Take nothing more, and send what is pending for at most `timeout` seconds. True: all was sent and the thread ended."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive() and not self._frames

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._frames and not self._closing:
                    self._changed.wait()
                if not self._frames:
                    self._open = False
                    return
                frame = self._frames.popleft()
            try:
                self._connection.send(frame)
            except (PipeClosed, FrameTooLarge):
                with self._changed:
                    self._open = False
                    self._frames.clear()
                    self._pending = 0
                    self._changed.notify_all()
                return
            with self._changed:
                self._pending -= len(frame)
                self._changed.notify_all()
