"""The buffer between the worker's pipe and one reader."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Unavailable
from core.protocol import Done, Event, FinishReason, Outcome, Progress, SampleEnd, Submit, TokenLogprob, Tokens
from core.sampling import SamplingParams
from core.service.streams import EventStream, merged

DONE = Done(7, Outcome.COMPLETED, 3, 0, 9)


async def _start(stream: EventStream) -> None: ...


def make(n: int = 1, start: Any = _start) -> tuple[EventStream, list[EventStream]]:
    left: list[EventStream] = []
    return EventStream(Submit(7, [1, 2, 3], SamplingParams(n=n)), start, left.append), left


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_batches_as_they_come() -> None:
    async def main() -> None:
        stream, left = make()
        first = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        stream.push(Progress(7, 3, 3, 0))
        stream.push(Tokens(7, 0, (1,)))
        assert await first == (Progress(7, 3, 3, 0), Tokens(7, 0, (1,)))
        stream.push(Tokens(7, 0, (2,)))
        stream.push(SampleEnd(7, 0, FinishReason.STOP, 2))
        stream.push(DONE)
        stream.push(DONE)
        assert await anext(stream) == (Tokens(7, 0, (2,)), SampleEnd(7, 0, FinishReason.STOP, 2), DONE)
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        await stream.aclose()
        assert left == []

    run(main())


def test_a_reader_that_leaves_early_is_reported_once() -> None:
    async def main() -> None:
        stream, left = make()
        stream.push(Tokens(7, 0, (1,)))
        async with stream:
            assert await anext(stream) == (Tokens(7, 0, (1,)),)
        await stream.aclose()
        stream.push(Tokens(7, 0, (2,)))
        assert left == [stream]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    run(main())


def test_a_stream_that_was_never_begun_is_nobodys() -> None:
    async def main() -> None:
        stream, left = make()
        await stream.aclose()
        assert left == []
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    run(main())


def test_a_stream_that_cannot_start_raises_and_is_over() -> None:
    async def refuse(stream: EventStream) -> None:
        raise Unavailable("Later.", 3.0)

    async def main() -> None:
        stream, left = make(start=refuse)
        with pytest.raises(Unavailable):
            await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        await stream.aclose()
        assert left == []

    run(main())


def test_waiting_with_a_time_limit_loses_nothing() -> None:
    async def main() -> None:
        stream, left = make()
        for token in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)
            stream.push(Tokens(7, 0, (token,)))
            assert await anext(stream) == (Tokens(7, 0, (token,)),)
        assert left == []

    run(main())


def test_failing_ends_every_open_sample_and_keeps_what_there_is() -> None:
    async def main() -> None:
        stream, _ = make(n=3)
        for event in (
            Progress(7, 3, 3, 2),
            Tokens(7, 0, (1, 2)),
            Tokens(7, 1, (5,)),
            Tokens(7, 1, (6,)),
            SampleEnd(7, 0, FinishReason.STOP, 2),
        ):
            stream.push(event)
        stream.fail("engine_died", "It died.")
        stream.fail("engine_died", "Again.")
        assert (await anext(stream))[4:] == (
            SampleEnd(7, 0, FinishReason.STOP, 2),
            SampleEnd(7, 1, FinishReason.ERROR, 2),
            SampleEnd(7, 2, FinishReason.ERROR, 0),
            Done(7, Outcome.FAILED, 3, 2, 4, "engine_died", "It died."),
        )

    run(main())


def test_a_reader_that_does_not_come_makes_nothing_grow_but_its_text() -> None:
    async def main() -> None:
        stream, _ = make(n=2)
        most = 0
        for token in range(20_000):
            stream.push(Progress(7, token, 20_000, 0))
            stream.push(Tokens(7, token % 2, (token,), (TokenLogprob(-1.0),)))
            most = max(most, len(stream._events))
        assert most < 100
        stream.push(DONE)
        batch = await anext(stream)
        assert [i for e in batch if isinstance(e, Tokens) and e.index == 0 for i in e.ids] == list(range(0, 20_000, 2))
        assert sum(len(e.logprobs) for e in batch if isinstance(e, Tokens)) == 20_000
        assert batch[-1] == DONE

    run(main())


def stories() -> st.SearchStrategy[list[Event]]:
    """Any order that the contract allows: tokens of a sample before its end, one Done at the end."""

    @st.composite
    def draw_story(draw: st.DrawFn) -> list[Event]:
        events: list[Event] = []
        open_samples = list(range(draw(st.integers(1, 3))))
        while open_samples:
            index = draw(st.sampled_from(open_samples))
            what = draw(st.integers(0, 5))
            if what == 0:
                events.append(SampleEnd(7, index, FinishReason.STOP, 1))
                open_samples.remove(index)
            elif what == 1:
                events.append(Progress(7, len(events), 100, 0))
            else:
                ids = tuple(draw(st.lists(st.integers(0, 99), min_size=1, max_size=3)))
                events.append(Tokens(7, index, ids))
        return [*events, DONE]

    return draw_story()


def told(events: list[Event]) -> tuple[Any, ...]:
    """What a reader makes of events, however they are cut."""
    ids: dict[int, list[int]] = {}
    ends: list[Event] = []
    progress: Event | None = None
    for event in events:
        if isinstance(event, Tokens):
            assert event.index not in {end.index for end in ends if isinstance(end, SampleEnd)}
            ids.setdefault(event.index, []).extend(event.ids)
        elif isinstance(event, Progress):
            progress = event
        else:
            ends.append(event)
    return ids, ends, progress


@given(stories(), st.data())
def test_merging_tells_the_same_story(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    twice = merged([*merged(events[:cut]), *events[cut:]])
    assert told(twice) == told(events)
    assert twice[-1] == DONE
    assert len(merged(events[:-1])) <= 1 + 2 * 3
