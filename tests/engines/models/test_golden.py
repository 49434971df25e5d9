"""The reference engine against `transformers`, on checkpoints that it wrote itself (tests/golden/make_golden.py)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.models import Model, open_model
from engines.network import Network, Node, ops
from engines.reference.engine import ReferenceEngine

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.npz").exists())
TOLERANCE = 2e-4
PAGE = 8


def generate(model: Model, prompt: np.ndarray, steps: int, chunk: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Greedy tokens [steps] and the logits that chose them [steps, vocab]; the prompt in pieces of `chunk` tokens."""
    total = len(prompt) + steps
    pages = np.arange(1, -(-total // PAGE) + 1, dtype=np.int32)[::-1].copy()  # any order will do
    engine = ReferenceEngine(model, num_pages=len(pages) + 1, page_size=PAGE, num_slots=1, max_tokens=64, threads=1)
    engine.init_slot(SlotInit(0, SamplerParams(temperature=0.0), prompt, np.zeros(0, np.int32)))
    tokens, logits = [], []
    chunk = chunk or len(prompt)
    at = 0
    for number in range(steps - 1 + -(-len(prompt) // chunk)):
        piece = prompt[at : at + chunk] if at < len(prompt) else None
        length = 1 if piece is None else len(piece)
        covering = pages[: -(-(at + length) // PAGE)]
        wanted = at + length >= len(prompt)
        row = PlanRow(0, at, piece, covering, wants_logits=wanted, is_decode=piece is None)
        step = engine.forward(StepPlan.build(number, [row]))
        if wanted:
            logits.append(step.logits[0].copy())
        engine.sample(step)
        sampled = engine.collect(step)
        if wanted:
            tokens.append(int(sampled.token_ids[0]))
        at += length
    engine.close()
    return np.array(tokens), np.stack(logits)


def expected(case: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / case / "expected.npz") as file:
        return {name: file[name] for name in file.files}


def test_every_family_has_cases():
    families = {case.split("-")[0] for case in CASES}
    assert families >= {"llama", "mistral", "qwen2", "qwen3", "gpt2", "gptj"}


@pytest.mark.parametrize("chunk", [None, 5], ids=["whole", "chunked"])
@pytest.mark.parametrize("case", CASES)
def test_logits_and_tokens(case, chunk):
    want = expected(case)
    with open_model(GOLDEN / case) as model:
        tokens, logits = generate(model, want["prompt"], len(want["tokens"]), chunk)
    np.testing.assert_allclose(logits, want["logits"], atol=TOLERANCE, rtol=0)
    np.testing.assert_array_equal(tokens, want["tokens"])


def edit_attention(network: Network, **changes: object) -> Network:
    """`network` with every attention changed."""
    nodes = tuple(
        Node(replace(n.op, **changes), n.inputs, n.outputs) if isinstance(n.op, ops.Attention) else n
        for n in network.nodes
    )
    return replace(network, nodes=nodes)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("llama-mha", {"rope": None}),
        ("llama-gqa-llama3-tied", {"rope": ops.Rope(8, 1000.0)}),
        ("llama-mqa-linear-biases", {"rope": ops.Rope(8, 10000.0)}),
        ("llama-yarn-sharded", {"rope": ops.Rope(16, 500.0)}),
        ("llama-yarn-sharded", {"scale": 1 / 16}),
        ("mistral-window", {"sliding_window": None}),
        ("mistral-window", {"sliding_window": 9}),
        ("qwen2-window-yarn", {"sliding_window": None}),
        ("qwen3-mqa-biases-window", {"sliding_window": 7}),
        ("gpt2-bare-by-layer", {"scale": 8**-0.5}),
        ("gptj", {"rope": ops.Rope(4, 10000.0, interleaved=False)}),
        ("gptj-sharded", {"rope": ops.Rope(14, 10000.0, interleaved=True)}),
    ],
)
def test_the_golden_files_notice(case, changes):
    """Each variant is exercised: without it the logits are far off."""
    want = expected(case)
    with open_model(GOLDEN / case) as model:
        wrong = replace(model, network=edit_attention(model.network, **changes))
        _, logits = generate(wrong, want["prompt"], 30)
    assert np.abs(logits - want["logits"][:30]).max() > 50 * TOLERANCE
