"""Server-sent events (WHATWG HTML, 9.2), for many streams at once: per batch of tokens one await and one write.

A stream ends early when its reader leaves, or leaves its text unread for too long; whoever makes the chunks is then closed,
which cancels the request in the worker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Close = Callable[[], Awaitable[None]]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
DONE = b"data: [DONE]\n\n"
ABORT = "deskside.abort"  # scope["extensions"][ABORT](): cut this connection

encode = msgspec.json.Encoder().encode


def event(data: Any, name: str | None = None) -> bytes:
    """One event with JSON data."""
    body = encode(data)
    return b"data: %b\n\n" % body if name is None else b"event: %b\ndata: %b\n\n" % (name.encode(), body)


class SlowReaders:
    """Streams whose reader is being waited for. One timer for all of them, so that a write costs no timer of its own."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._streams: set[SseResponse] = set()

    def add(self, stream: SseResponse) -> None:
        self._streams.add(stream)

    def discard(self, stream: SseResponse) -> None:
        self._streams.discard(stream)

    async def watch(self) -> None:
        """Ends streams that were not read for too long. Runs as long as the service."""
        while True:
            await asyncio.sleep(min(1.0, self._seconds / 4))
            limit = time.monotonic() - self._seconds
            for stream in list(self._streams):
                if stream.blocked_since and stream.blocked_since < limit:
                    stream.cut()


class SseResponse:
    """An ASGI response. `chunks` yields bytes, each one write. `close` is awaited at the end, whatever happened."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], slow: SlowReaders, close: Close) -> None:
        self._chunks = chunks
        self._slow = slow
        self._close = close
        self._pump: asyncio.Task[None] | None = None
        self._abort: Callable[[], None] | None = None
        self._was_cut = False
        self.blocked_since = 0.0

    def cut(self) -> None:
        """The reader has not read for too long: end its stream and its connection."""
        self._was_cut = True
        if self._abort is not None:
            self._abort()
        if self._pump is not None:
            self._pump.cancel()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._abort = scope.get("extensions", {}).get(ABORT)
        self._pump = asyncio.create_task(self._run(send))
        self._slow.add(self)
        try:
            await unless_gone(receive, self._pump)
        except ReaderGone:
            pass
        except asyncio.CancelledError:
            if not self._was_cut:
                raise
            await asyncio.sleep(0.01)  # lets the cut connection end before the server looks at the unfinished response
        finally:
            self._slow.discard(self)
            await self._chunks.aclose()
            await self._close()

    async def _run(self, send: Send) -> None:
        now = time.monotonic
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        async for chunk in self._chunks:
            self.blocked_since = now()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            self.blocked_since = 0.0
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class ReaderGone(Exception):
    """Nobody waits for this answer any more."""


async def unless_gone(receive: Receive, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled, with ReaderGone, as soon as the client disconnects."""
    task = asyncio.ensure_future(work)

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    watcher = asyncio.create_task(gone())
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ReaderGone
        return task.result()
    finally:
        watcher.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # taken note of: nobody is left to see it
