from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from core.outbox import Outbox
from core.pipes import Connection, PipeClosed
from tests.waiting import PATIENCE


@pytest.fixture
def pair() -> Iterator[tuple[Connection, Connection]]:
    here_read, there_write = os.pipe()
    there_read, here_write = os.pipe()
    here, there = Connection(here_read, here_write), Connection(there_read, there_write)
    yield here, there
    here.close()
    there.close()


def test_frames_arrive_in_order_and_nobody_waits(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    outbox = Outbox(here)
    frames = [bytes([i % 256]) * 50_000 for i in range(100)]  # a pipe holds one of them
    started = time.monotonic()
    assert all(outbox.put(frame) for frame in frames)
    assert time.monotonic() - started < PATIENCE
    assert outbox.pending > 3_000_000
    assert not outbox.wait_below(0, 0.05)
    assert [there.receive() for _ in frames] == frames
    assert outbox.wait_below(0, PATIENCE)
    assert outbox.pending == 0
    assert outbox.close(PATIENCE)


def test_close_sends_what_is_pending_and_takes_no_more(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    outbox = Outbox(here)
    for _ in range(10):
        outbox.put(bytes(50_000))
    reader = threading.Thread(target=lambda: [there.receive() for _ in range(10)])
    reader.start()
    assert outbox.close(PATIENCE)
    reader.join()
    assert not outbox.put(b"late")
    assert not outbox.open


def test_close_does_not_wait_longer_than_asked_for_one_who_does_not_read(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    outbox = Outbox(here)
    outbox.put(bytes(1 << 20))
    started = time.monotonic()
    assert not outbox.close(0.1)
    assert time.monotonic() - started < PATIENCE
    there.receive()


def test_one_who_is_gone_is_noticed(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    outbox = Outbox(here)
    outbox.put(bytes(1 << 20))
    there.close()
    assert outbox.wait_below(0, PATIENCE)
    assert not outbox.open
    assert not outbox.put(b"x")
    with pytest.raises(PipeClosed):
        here.send(b"x")
