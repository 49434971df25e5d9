"""Whole frames of bytes over a pair of pipes between two processes.

    frame:   u32 little-endian length | payload            length <= max_frame

What is inside a frame is the business of whoever sends it (msgspec structs, see core.protocol). One thread receives;
any thread may send.
"""

from __future__ import annotations

import os
import select
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator

from core.errors import InternalError

MAX_FRAME = 64 << 20
_HEADER = struct.Struct("<I")
_READ_SIZE = 1 << 20  # a pipe holds less, so one read takes all there is
_ONE_WRITE = 1 << 16  # below this, copying the payload behind its header is cheaper than a second system call


class PipeClosed(InternalError):
    """The other process closed its end or died. `mid_frame` says that a frame it had begun is lost."""

    def __init__(self, message: str, *, mid_frame: bool = False) -> None:
        super().__init__(message)
        self.mid_frame = mid_frame


class FrameTooLarge(InternalError):
    """A frame beyond the limit. Nothing was sent; or, on receiving, the stream is unusable from here on."""


class FrameDecoder:
    """Cuts a byte stream into frames, however the stream was chopped."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._max_frame = max_frame
        self._buffer = bytearray()

    @property
    def mid_frame(self) -> bool:
        """True when a frame has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, oldest first. Raises FrameTooLarge as soon as a header says so."""
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= _HEADER.size:
            (length,) = _HEADER.unpack_from(buffer, start)
            if length > self._max_frame:
                raise FrameTooLarge(f"A frame of {length} bytes arrived where at most {self._max_frame} are allowed.")
            end = start + _HEADER.size + length
            if end > len(buffer):
                break
            with memoryview(buffer) as view:
                frames.append(bytes(view[start + _HEADER.size : end]))
            start = end
        del buffer[:start]
        return frames


class Connection:
    """Both directions between two processes. It owns the two file descriptors it is given."""

    def __init__(self, read_fd: int, write_fd: int, max_frame: int = MAX_FRAME) -> None:
        self._read_fd = read_fd
        self._write_fd: int | None = write_fd
        self._open = True
        self._max_frame = max_frame
        self._decoder = FrameDecoder(max_frame)
        self._frames: deque[bytes] = deque()
        self._send_lock = threading.Lock()

    def fileno(self) -> int:
        """The end to read, for select and asyncio: when readable, call `drain`. On Windows asyncio cannot watch a
        pipe: iterate in a thread instead."""
        return self._read_fd

    def send(self, frame: bytes | bytearray | memoryview) -> None:
        """Sends one frame from any thread; blocks while the pipe is full.

        Raises FrameTooLarge before anything is sent, and PipeClosed when no one can receive it.
        """
        size = frame.nbytes if isinstance(frame, memoryview) else len(frame)
        if size > self._max_frame:
            raise FrameTooLarge(f"A frame of {size} bytes was to be sent where at most {self._max_frame} are allowed.")
        header = _HEADER.pack(size)
        with self._send_lock:
            if self._write_fd is None:
                raise PipeClosed("This end of the pipe is closed for sending.")
            try:
                if size < _ONE_WRITE:
                    _write(self._write_fd, memoryview(header + bytes(frame)))
                else:
                    _write(self._write_fd, memoryview(header))
                    _write(self._write_fd, memoryview(frame).cast("B"))
            except OSError as error:  # EPIPE; on Windows also EINVAL
                self._close_write()
                raise PipeClosed("The other process no longer reads its pipe.") from error
            except BaseException:  # interrupted in the middle of a frame: nothing sensible can follow it
                self._close_write()
                raise

    def receive(self) -> bytes:
        """The next frame; blocks until it is whole. Raises PipeClosed at the end, FrameTooLarge on a bad header."""
        while not self._frames:
            self._read()
        return self._frames.popleft()

    def drain(self) -> list[bytes]:
        """Every whole frame that is here now, perhaps none. After `fileno` became readable it does not block.

        Raises as `receive` does, once the frames before the end were handed out.
        """
        if not self._frames:
            self._read()
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def wait(self, timeout: float | None = None) -> bool:
        """True as soon as `drain` has something to say (a frame, a part of one, or the end); False after `timeout`
        seconds. None waits for ever."""
        return bool(self._frames) or _readable(self._read_fd, timeout)

    def __iter__(self) -> Iterator[bytes]:
        """Frames until the other process closes its end between two of them; anything else raises."""
        while True:
            try:
                frame = self.receive()
            except PipeClosed as end:
                if end.mid_frame:
                    raise
                return
            yield frame

    def end_sending(self) -> None:
        """Closes the sending direction: the other process sees the end. Receiving goes on. Can be repeated."""
        with self._send_lock:
            self._close_write()

    def close(self) -> None:
        """Closes both directions. Only when no thread is in `receive`: a closed descriptor's number is reused."""
        self.end_sending()
        if self._open:
            self._open = False
            os.close(self._read_fd)

    def _read(self) -> None:
        try:
            data = os.read(self._read_fd, _READ_SIZE)
        except OSError as error:
            raise PipeClosed(f"The pipe cannot be read ({error.strerror}).") from error
        if not data:
            cut = self._decoder.mid_frame
            raise PipeClosed(f"The other process ended{' in the middle of a frame' if cut else ''}.", mid_frame=cut)
        self._frames.extend(self._decoder.feed(data))

    def _close_write(self) -> None:
        if self._write_fd is not None:
            fd, self._write_fd = self._write_fd, None
            os.close(fd)


def _write(fd: int, data: memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


if sys.platform == "win32":

    def _readable(fd: int, timeout: float | None) -> bool:
        from core.windows import pipe_has_data

        deadline = None if timeout is None else time.monotonic() + timeout
        while not pipe_has_data(fd):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(0.002)  # anonymous pipes cannot be waited for on Windows
        return True

else:

    def _readable(fd: int, timeout: float | None) -> bool:
        poller = select.poll()  # not select(): it fails at descriptor 1024
        poller.register(fd, select.POLLIN)
        return bool(poller.poll(None if timeout is None else max(0, timeout * 1000)))
