"""benchmarks/gpu.py: the steps that it makes up."""

from __future__ import annotations

import pytest

from benchmarks.gpu import mixed_rows


def test_a_mixed_step_is_448_decodes_and_12_prompts() -> None:
    rows = mixed_rows(512, 2048)
    assert rows == [(191, 1)] * 448 + [(0, 128)] * 12


@pytest.mark.parametrize(("slots", "max_tokens"), [(256, 2048), (64, 512), (512, 1024), (4, 64), (8, 200), (1, 512)])
def test_a_mixed_step_keeps_to_slots_and_tokens(slots: int, max_tokens: int) -> None:
    rows = mixed_rows(slots, max_tokens)
    assert 0 < len(rows) <= slots
    assert sum(count for _, count in rows) <= max_tokens
    assert rows == sorted(rows, key=lambda row: row[1]), "decodes come first"
