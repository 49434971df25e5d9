"""The scenarios of scripts/soak.py, briefly. SOAK_ROUNDS (default 5) makes them longer."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))


@pytest.mark.parametrize("seed", [0, 1])
def test_200_streams_with_random_cancels(workers: Any, seed: int) -> None:
    figures = asyncio.run(workers.soak.streams(ROUNDS / 2, concurrent=200, seed=seed))
    assert figures["completed"] > 20
    assert figures["left"] > 20
    assert figures["stopped"] > 20
    assert figures["tokens_compared"] > 1000


@pytest.mark.timeout(600)
def test_sigkill_at_random_moments_during_8_streams(workers: Any) -> None:
    figures = asyncio.run(workers.soak.kills(ROUNDS))
    assert figures["streams"] == 8 * ROUNDS
    assert figures["engine_died"] > 4 * ROUNDS
    assert figures["noticed_s_max"] < 10  # at once; silence alone would tell after 30 s
