from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.errors import Unavailable
from core.library.retry import Attempts, Policy, Transient, retry_after

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Fri, 02 Jan 2026 03:04:35 GMT", 30.0),
        ("Fri, 02 Jan 2026 03:04:35 -0000", 30.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after({"retry-after": value}, NOW) == seconds


def test_delays_double_up_to_a_cap_with_jitter():
    policy = Policy(base_s=1.0, cap_s=60.0)
    for failures, full in [(1, 1), (2, 2), (3, 4), (7, 60), (5000, 60)]:
        delays = {policy.delay(failures) for _ in range(50)}
        assert all(full / 2 <= delay <= full for delay in delays)
        assert len(delays) > 10


def test_failures_count_in_a_row_only():
    slept, notes = [], []
    attempts = Attempts("Work", Policy(attempts=3, base_s=0.1), slept.append, notes.append)
    for _ in range(5):
        attempts.failed(Transient("a reason"))
        attempts.progressed()
    attempts.failed(Transient("a reason", retry_after=50.0))
    assert slept[-1] == 50.0
    attempts.failed(Transient("a reason"))
    with pytest.raises(Unavailable, match="Work failed 3 times in a row: a reason; check the network"):
        attempts.failed(Transient("a reason"))
    assert len(slept) == len(notes) == 7
