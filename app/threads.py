"""The only file of the window with threads in it: one runs asyncio (for the service), one runs plain calls in order (for
the chats' database). Whatever they bring back is delivered on the GUI thread, by a decorated slot of a QObject: a lambda
connected to another thread's signal would run on that other thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot
from shiboken6 import isValid

from core.errors import DesksideError, InternalError

R = TypeVar("R")
Success = Callable[[R], None]
Failure = Callable[[DesksideError], None]

log = logging.getLogger(__name__)


def silently(_: Any) -> None:
    """As a callback: for what need not be told, like the failure of something that is asked again with the next change."""


class Courier(QObject):
    """Lives on the GUI thread; `send` may be called on any."""

    _arrived = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def send(self, call: Callable[[], None]) -> None:
        """Run `call` on the GUI thread soon, after all that was sent before."""
        with contextlib.suppress(RuntimeError):  # the window is gone already
            self._arrived.emit(call)

    @Slot(object)
    def _deliver(self, call: Callable[[], None]) -> None:
        call()


class Operation:
    """Something under way for the user. Ends in exactly one call of success or failure, or in none once it was cancelled
    or its owner is gone. Use it on the GUI thread."""

    def __init__(self, owner: QObject | None = None) -> None:
        self._owner = owner
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.done = False
        self.cancelled = False

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for the outcome."""
        return not self.cancelled and not self.done and (self._owner is None or isValid(self._owner))

    def cancel(self) -> None:
        """Stop the work if it can be stopped; no callback follows."""
        if self.cancelled or self.done:
            return
        self.cancelled = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, call: Callable[[], None]) -> None:
        if self.wanted:
            self.done = True
            call()


def as_ours(error: BaseException) -> DesksideError:
    """Any exception as one that can be shown; a bug of ours is logged."""
    if isinstance(error, DesksideError):
        return error
    log.error("background work failed", exc_info=error)
    return InternalError("Something went wrong inside the window; the log says what.")


class AsyncThread:
    """A thread that runs an asyncio loop until `close`."""

    def __init__(self, courier: Courier, name: str) -> None:
        self._courier = courier
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(
        self,
        work: Callable[[], Awaitable[R]],
        success: Success[R],
        failure: Failure,
        owner: QObject | None = None,
    ) -> Operation:
        """Await `work()` on this thread; then one of the callbacks on the GUI thread."""
        operation = Operation(owner)
        operation._loop = self._loop

        def begin() -> None:
            operation._task = self._loop.create_task(self._carry_out(operation, work, success, failure))
            if operation.cancelled:
                operation._task.cancel()

        self._loop.call_soon_threadsafe(begin)
        return operation

    async def _carry_out(
        self, operation: Operation, work: Callable[[], Awaitable[R]], success: Success[R], failure: Failure
    ) -> None:
        try:
            result = await work()
        except asyncio.CancelledError:
            return
        except Exception as error:
            ours = as_ours(error)
            self._courier.send(lambda: operation._finish(lambda: failure(ours)))
        else:
            self._courier.send(lambda: operation._finish(lambda: success(result)))

    def close(self, timeout: float = 5.0) -> None:
        """Cancel everything and end the thread. Idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            with contextlib.suppress(Exception):
                self._loop.run_until_complete(asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 2.0))
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.run_until_complete(asyncio.sleep(0.01))  # a transport closes its socket some turns later
            self._loop.close()


class SerialThread:
    """A thread that makes one object (`open`) and runs calls on it, one after another, in the order of submission."""

    def __init__(self, courier: Courier, name: str, make: Callable[[], Any]) -> None:
        self._courier = courier
        self._make = make
        self._work: queue.SimpleQueue[Callable[[Any], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[Any], R], success: Success[R], failure: Failure, owner: QObject | None = None
    ) -> Operation:
        """Run `work(object)` on this thread; then one of the callbacks on the GUI thread. A call that has begun cannot be
        stopped, and one that was cancelled before is still run: what the user did is done."""
        operation = Operation(owner)

        def carry_out(subject: Any) -> None:
            try:
                if isinstance(subject, BaseException):
                    raise subject
                result = work(subject)
            except Exception as error:
                ours = as_ours(error)
                self._courier.send(lambda: operation._finish(lambda: failure(ours)))
            else:
                self._courier.send(lambda: operation._finish(lambda: success(result)))

        self._work.put(carry_out)
        return operation

    def close(self, timeout: float = 10.0) -> None:
        """Finish what was submitted, then end the thread. Idempotent."""
        self._work.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            subject: Any = self._make()
        except Exception as error:
            subject = error
        while (work := self._work.get()) is not None:
            work(subject)
        if hasattr(subject, "close"):
            subject.close()
