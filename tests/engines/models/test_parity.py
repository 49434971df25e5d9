"""The golden files against a fresh run of `transformers`, and our engine against both. Run by scripts/parity: needs torch."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.models import open_model
from engines.reference.engine import ReferenceEngine
from engines.weights import WeightStore

pytestmark = [pytest.mark.parity, pytest.mark.timeout(600)]  # a first import of torch takes its time
if importlib.util.find_spec("torch") is None:
    pytest.skip("needs torch: run scripts/parity", allow_module_level=True)

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.npz").exists())
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The golden files as this machine's torch and transformers make them."""
    out = tmp_path_factory.mktemp("golden")
    subprocess.run([sys.executable, GOLDEN / "make_golden.py", "--out", out], check=True, timeout=500)
    return out


def expected(folder):
    with np.load(folder / "expected.npz") as file:
        return {name: file[name] for name in file.files}


def test_the_script_makes_the_committed_cases(fresh):
    assert sorted(path.name for path in fresh.iterdir()) == CASES


@pytest.mark.parametrize("case", CASES)
def test_the_committed_files_are_what_transformers_makes(fresh, case):
    with WeightStore.open(GOLDEN / case) as ours, WeightStore.open(fresh / case) as theirs:
        assert ours.names == theirs.names
        for name in ours.names:
            assert ours.dtype(name) is theirs.dtype(name)
            np.testing.assert_array_equal(ours.read(name).data, theirs.read(name).data, err_msg=name)
    ours, theirs = expected(GOLDEN / case), expected(fresh / case)
    np.testing.assert_array_equal(ours["prompt"], theirs["prompt"])
    np.testing.assert_array_equal(ours["tokens"], theirs["tokens"])
    np.testing.assert_allclose(ours["logits"], theirs["logits"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_our_engine_follows_a_fresh_run(fresh, case):
    """All cases' steps as the engine serves them: prefill, then decodes from the slot's own last token."""
    want = expected(fresh / case)
    prompt, steps = want["prompt"], len(want["tokens"])
    pages = np.arange(1, 8, dtype=np.int32)
    with open_model(fresh / case) as model:
        engine = ReferenceEngine(model, num_pages=8, page_size=16, num_slots=1, max_tokens=64, threads=1)
        engine.init_slot(SlotInit(0, SamplerParams(temperature=0.0), prompt, np.zeros(0, np.int32)))
        for i in range(steps):
            start = 0 if i == 0 else len(prompt) + i - 1
            end = len(prompt) + i
            row = PlanRow(0, start, prompt if i == 0 else None, pages[: -(-end // 16)], True, i > 0)
            step = engine.forward(StepPlan.build(i, [row]))
            np.testing.assert_allclose(step.logits[0], want["logits"][i], atol=TOLERANCE, rtol=0, err_msg=f"step {i}")
            engine.sample(step)
            assert engine.collect(step).token_ids[0] == want["tokens"][i]
        engine.close()
