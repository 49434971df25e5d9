"""The check of a backend against the reference: passes what is right, names what is wrong, reads only the start of a big model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import selfcheck
from engines.models import open_model
from engines.reference.engine import ReferenceEngine
from engines.selfcheck import Excerpt, check, key

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.npz").exists())


def reference(change: Any = lambda logits: None, token: int | None = None) -> selfcheck.Candidate:
    """The reference as candidate, its logits changed in place by `change(logits)`, or its samples replaced by `token`."""

    class Odd(ReferenceEngine):
        def sample(self, step: Any, masks: Any = None) -> None:
            super().sample(step, masks)
            if token is not None:
                step.sampled.token_ids[:] = token

    def make(excerpt: Excerpt) -> Any:
        engine = Odd(excerpt, num_pages=24, num_slots=4, max_tokens=64, threads=1)

        def logits(step: Any, rows: int) -> Any:
            assert len(step.logits) == rows
            change(step.logits)
            return step.logits

        return engine, logits

    return make


@pytest.mark.parametrize("case", CASES)
def test_what_computes_the_same_passes(case: str) -> None:
    result = check(GOLDEN / case, reference())
    assert result.passed
    assert result.error == 0
    assert "2 of 2 layers are within 0.0%" in result.reason


def noisy(logits: Any) -> None:
    logits += np.random.default_rng(0).standard_normal(logits.shape) * np.abs(logits).mean() * 0.5


def poisoned(logits: Any) -> None:
    logits[0, 5] = np.nan


def shifted(logits: Any) -> None:
    """Right for one row, wrong for the second: only a step with several rows tells."""
    logits[1:] = np.roll(logits[1:], 1, axis=1)


@pytest.mark.parametrize(
    ("change", "words"), [(noisy, "off the reference's in step 0"), (poisoned, "not finite"), (shifted, "in step 1")]
)
def test_what_computes_something_else_fails(change: Any, words: str) -> None:
    result = check(GOLDEN / "llama-mha", reference(change))
    assert not result.passed
    assert words in result.reason


def test_what_samples_something_else_fails() -> None:
    result = check(GOLDEN / "gptj", reference(token=3))
    assert not result.passed
    assert "not the likeliest in step 0" in result.reason


@pytest.mark.parametrize("case", ["gpt2", "gptj", "qwen2-gqa-tied"])
def test_a_big_model_is_read_in_part(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer of two, and fewer tokens; what is read is the model's own."""
    monkeypatch.setattr(selfcheck, "_LAYER_PARAMS", 1000)
    monkeypatch.setattr(selfcheck, "_VOCAB_PARAMS", 1000)
    monkeypatch.setattr(selfcheck, "max", lambda *values: max(v for v in values if v != 256), raising=False)
    with open_model(GOLDEN / case) as model:
        excerpt = Excerpt.of(model)
        assert (excerpt.config.num_layers, excerpt.config.vocab_size) == (1, 24)
        assert len(excerpt.network.attention_layers()) == 1
        for name, shape in excerpt.network.params.items():
            part, whole = excerpt.load(name), model.load(name)
            assert part.shape == shape
            np.testing.assert_array_equal(part.data, whole.data[: shape[0]])
    result = check(GOLDEN / case, reference())
    assert result.passed
    assert "1 of 2 layers" in result.reason


def test_the_answer_is_for_one_model_and_one_machine() -> None:
    keys = {
        key(GOLDEN / case, machine)
        for case in ("gpt2", "gptj")
        for machine in ("H200 driver 13000", "RTX 4060 driver 13000")
    }
    assert len(keys) == 4
    assert key(GOLDEN / "gpt2", "H200 driver 13000") in keys
