from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.pipes import Connection, FrameDecoder, FrameTooLarge, PipeClosed


@pytest.fixture
def pair() -> Iterator[tuple[Connection, Connection]]:
    """Two connected ends in one process, each allowing frames of 20 MB."""
    here_read, there_write = os.pipe()
    there_read, here_write = os.pipe()
    here, there = Connection(here_read, here_write, 20 << 20), Connection(there_read, there_write, 20 << 20)
    yield here, there
    here.close()
    there.close()


@given(st.lists(st.binary(max_size=300)), st.data())
def test_frames_survive_any_chopping(frames: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(struct.pack("<I", len(frame)) + frame for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    decoder = FrameDecoder(max_frame=300)
    got = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in decoder.feed(stream[start:end])
    ]
    assert got == frames
    assert not decoder.mid_frame


def test_a_header_beyond_the_limit_is_refused_before_its_payload_arrives() -> None:
    decoder = FrameDecoder(max_frame=10)
    assert decoder.feed(struct.pack("<I", 10) + b"0123456789") == [b"0123456789"]
    with pytest.raises(FrameTooLarge, match="11 bytes arrived where at most 10"):
        decoder.feed(struct.pack("<I", 11))


def test_frames_of_every_size_arrive_in_order(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    frames = [b"", b"x", b"y" * 65531, b"z" * 65536, bytes(range(256)) * 40_000]  # up to 10 MB, more than a pipe holds
    sender = threading.Thread(target=lambda: [here.send(frame) for frame in frames])
    sender.start()
    assert [there.receive() for _ in frames] == frames
    sender.join()


def test_any_buffer_can_be_sent(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    here.send(bytearray(b"ab"))
    here.send(memoryview(struct.pack("<2i", 1, 2)).cast("i"))
    assert there.receive() == b"ab"
    assert there.receive() == struct.pack("<2i", 1, 2)


def test_threads_do_not_mix_their_frames(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    threads = [
        threading.Thread(target=lambda n=n: [here.send(bytes([n]) * (n * 20_000)) for _ in range(20)])
        for n in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    counts = dict.fromkeys(range(1, 9), 0)
    for _ in range(160):
        frame = there.receive()
        assert frame == frame[:1] * (frame[0] * 20_000)
        counts[frame[0]] += 1
    assert set(counts.values()) == {20}
    for thread in threads:
        thread.join()


def test_a_frame_too_large_to_send_sends_nothing(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    with pytest.raises(FrameTooLarge):
        here.send(bytes((20 << 20) + 1))
    here.send(b"next")
    assert there.receive() == b"next"


def test_wait_and_drain(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    started = time.monotonic()
    assert not there.wait(0.05)
    assert 0.04 <= time.monotonic() - started < 30
    here.send(b"a")
    here.send(b"b")
    assert there.wait()
    assert there.drain() == [b"a", b"b"]
    here.send(b"c")
    here.send(b"d")
    assert there.receive() == b"c"
    assert there.wait(0), "a frame that was read with an earlier one counts"
    assert there.drain() == [b"d"]
    here.end_sending()
    assert there.wait(30), "so does the end"
    with pytest.raises(PipeClosed):
        there.drain()


def test_a_part_of_a_frame_does_not_block_drain() -> None:
    read, write = os.pipe()
    spare_read, spare_write = os.pipe()
    connection = Connection(read, spare_write)
    os.write(write, struct.pack("<I", 5) + b"ab")
    assert connection.drain() == []
    os.write(write, b"cde")
    assert connection.drain() == [b"abcde"]
    os.write(write, b"\x05\x00")
    os.close(write)
    assert connection.drain() == []
    with pytest.raises(PipeClosed, match="in the middle of a frame") as caught:
        connection.receive()
    assert caught.value.mid_frame
    connection.close()
    os.close(spare_read)


def test_iteration_ends_with_the_other_end(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    here.send(b"last")
    here.end_sending()
    assert list(there) == [b"last"]
    there.send(b"the other direction is still open")
    assert here.receive() == b"the other direction is still open"


def test_sending_to_nobody(pair: tuple[Connection, Connection]) -> None:
    here, there = pair
    there.close()
    there.close()
    for _ in range(2):
        with pytest.raises(PipeClosed):
            here.send(b"x")
