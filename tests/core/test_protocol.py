"""Every frame survives the pipe as it was; bytes that are no frame are a ProtocolError and nothing else."""

from __future__ import annotations

import enum
import types
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Events,
    FromWorker,
    Heartbeat,
    Hello,
    Phase,
    ProtocolError,
    Submit,
    Tokens,
    ToWorker,
    decode_from_worker,
    decode_to_worker,
    encode,
)

TO_WORKER = typing.get_args(ToWorker)
FROM_WORKER = typing.get_args(FromWorker)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation that a frame may use. A new kind of annotation fails here, and has to be thought about."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*(values(argument) for argument in arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=4).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(argument) for argument in arguments))
    if origin is list:
        return st.lists(values(arguments[0]), max_size=4)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{name: values(hints[name]) for name in kind.__struct_fields__})
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return {
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False),
        str: st.text(max_size=10),
        bool: st.booleans(),
        type(None): st.none(),
    }[kind]


@pytest.mark.parametrize("kind", [*TO_WORKER, *FROM_WORKER], ids=lambda kind: kind.__name__)
def test_every_frame_arrives_as_it_was_sent(kind: Any) -> None:
    decoders = [d for d, kinds in ((decode_to_worker, TO_WORKER), (decode_from_worker, FROM_WORKER)) if kind in kinds]
    assert decoders

    @settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(values(kind))
    def check(frame: Any) -> None:
        for decode in decoders:
            arrived = decode(encode(frame))
            assert type(arrived) is kind
            assert arrived == frame

    check()


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    for decode in (decode_to_worker, decode_from_worker):
        with pytest.raises(ProtocolError, match="cannot be read"):
            decode(data)


def test_arrays_without_end_are_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_to_worker(b"\x93\xa5Hello\x01" + b"\x91" * 100_000)


@given(st.data())
def test_a_damaged_frame_is_refused_or_is_another_frame(data: st.DataObject) -> None:
    frame = encode(Events((Tokens(7, 0, (1, 2, 3)), Tokens(8, 1, (4,)))))
    at = data.draw(st.integers(0, len(frame) - 1))
    damaged = frame[:at] + bytes([data.draw(st.integers(0, 255))]) + frame[at + 1 :]
    for candidate in (damaged, frame[:at]):
        try:
            decoded = decode_from_worker(candidate)
        except ProtocolError:
            continue
        assert isinstance(decoded, FROM_WORKER)


def test_directions_are_not_mixed() -> None:
    with pytest.raises(ProtocolError):
        decode_from_worker(encode(Cancel(1)))
    with pytest.raises(ProtocolError):
        decode_to_worker(encode(Heartbeat(Phase.IDLE, 0, 0.0, 0.0, None)))


def test_hello_is_readable_whatever_later_versions_add() -> None:
    later = msgspec.msgpack.encode(["Hello", PROTOCOL_VERSION + 7, "something new", {"a": 1}])
    assert decode_to_worker(later) == decode_from_worker(later) == Hello(PROTOCOL_VERSION + 7)


def test_a_long_prompt_fits_a_frame() -> None:
    from core.pipes import MAX_FRAME
    from core.sampling import SamplingParams

    frame = encode(Submit(1, [200_000] * 2_000_000, SamplingParams()))
    assert len(frame) < MAX_FRAME / 4
