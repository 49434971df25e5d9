"""Property tests: whatever the schedule, pages are conserved, every request ends once, and each gives what it gives alone."""

import os
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import NeverFits
from core.protocol import Priority

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "100"))

request_strategy = st.fixed_dictionaries(
    {
        "prompt": st.tuples(
            st.integers(1, 5), st.integers(1, 70)
        ),  # (family, length): few families, so that prefixes meet
        "max_tokens": st.integers(1, 40),
        "n": st.sampled_from([1, 1, 1, 2, 3]),
        "priority": st.sampled_from(list(Priority)),
        "client": st.sampled_from(["", "a"]),
        "at": st.integers(0, 40),
        "cancel_after": st.one_of(st.none(), st.integers(0, 30)),
        "finish_after": st.one_of(st.none(), st.integers(1, 20)),
    }
)


def tokens_of(prompt):
    family, length = prompt
    return [1 + (family * 31 + i // 3) % 97 for i in range(length)]


@pytest.mark.timeout(300 + ROUNDS)
@given(
    requests=st.lists(request_strategy, min_size=1, max_size=12),
    lookahead=st.integers(0, 1),
    num_pages=st.integers(8, 60),
    page_size=st.sampled_from([1, 4, 16]),
    num_slots=st.integers(1, 6),
    max_tokens=st.integers(8, 64),
    stop_rate=st.sampled_from([0.0, 0.05]),
    patience=st.sampled_from([3, 64]),
)
@settings(
    max_examples=ROUNDS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_schedule(
    make_driver, requests, lookahead, num_pages, page_size, num_slots, max_tokens, stop_rate, patience
):
    driver = make_driver(
        num_pages=num_pages,
        page_size=page_size,
        num_slots=num_slots,
        max_tokens=max_tokens,
        max_context=200,
        lookahead=lookahead,
        stop_rate=stop_rate,
        policy={"patience_steps": patience, "quantum_tokens": 8, "min_chunk": 4},
    )

    @cache
    def alone(i):
        wide = make_driver(num_pages=2000, page_size=16, num_slots=8, max_context=200, stop_rate=stop_rate)
        request = requests[i]
        wide.submit(i, tokens_of(request["prompt"]), n=request["n"], max_tokens=request["max_tokens"])
        wide.run()
        return wide

    accepted, started = set(), {}
    while driver.loop.busy or len(started) < len(requests):
        for i, request in enumerate(requests):
            if i not in started and request["at"] <= driver.turns:
                started[i] = driver.turns
                try:
                    driver.submit(
                        i,
                        tokens_of(request["prompt"]),
                        n=request["n"],
                        max_tokens=request["max_tokens"],
                        priority=request["priority"],
                        client=request["client"],
                    )
                    accepted.add(i)
                except NeverFits:
                    assert request["prompt"][1] + request["max_tokens"] > driver.scheduler.capacity
            if i in accepted and i not in driver.dones:
                if request["cancel_after"] is not None and driver.turns - started[i] >= request["cancel_after"]:
                    driver.cancel(i)
                keep = request["finish_after"]
                if keep is not None and len(driver.outputs[i, 0]) >= keep and (i, 0) not in driver.ends:
                    driver.finish(i, 0, keep)
        driver.step()
        for sequence in driver.scheduler.running:
            sequence.check()
        assert driver.turns < 20_000
    driver.scheduler.check()
    assert set(driver.dones) == accepted
    for i in accepted:
        for index in range(requests[i]["n"]):
            assert (i, index) in driver.ends
            got, want = driver.outputs[i, index], alone(i).outputs[i, index]
            assert got == want[: len(got)]
            if requests[i]["cancel_after"] is None and (requests[i]["finish_after"] is None or index):
                assert got == want
