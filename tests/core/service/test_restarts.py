from __future__ import annotations

from core.service.restarts import RestartPolicy


def test_back_off_doubles_up_to_its_most() -> None:
    policy = RestartPolicy(limit=6)
    assert [policy.crashed() for _ in range(6)] == [1.0, 2.0, 4.0, 4.0, 4.0, None]


def test_three_crashes_without_a_completed_request_are_enough() -> None:
    policy = RestartPolicy()
    assert policy.crashed() == 1.0
    assert policy.crashed() == 2.0
    policy.reset()
    assert policy.crashed() == 1.0
    assert policy.crashed() == 2.0
    assert policy.crashed() is None
