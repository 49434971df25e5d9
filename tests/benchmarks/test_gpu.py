"""benchmarks/gpu.py: the steps that it makes up."""

from __future__ import annotations

import pytest

from benchmarks.gpu import kernel_steps, mixed_rows


def test_a_mixed_step_is_448_decodes_and_12_prompts() -> None:
    rows = mixed_rows(512, 2048)
    assert rows == [(191, 1)] * 448 + [(0, 128)] * 12


@pytest.mark.parametrize(("slots", "max_tokens"), [(256, 2048), (64, 512), (512, 1024), (4, 64), (8, 200), (1, 512)])
def test_a_mixed_step_keeps_to_slots_and_tokens(slots: int, max_tokens: int) -> None:
    rows = mixed_rows(slots, max_tokens)
    assert 0 < len(rows) <= slots
    assert sum(count for _, count in rows) <= max_tokens
    assert rows == sorted(rows, key=lambda row: row[1]), "decodes come first"


def test_steps_are_named_after_what_they_hold() -> None:
    assert [name for name, _ in kernel_steps(512, 2048)] == [
        "decode 1 x 1000", "decode 64 x 1000", "decode 256 x 256", "mixed 448 x 192 + 12 x 128", "prefill 2048",
    ]  # fmt: skip
    small = dict(kernel_steps(48, 256))
    assert small["decode 48 x 1000"] == [(1000, 1)] * 48
    assert small["mixed 42 x 192 + 1 x 128"] == [(191, 1)] * 42 + [(0, 128)]
    assert small["prefill 256"] == [(0, 256)]
