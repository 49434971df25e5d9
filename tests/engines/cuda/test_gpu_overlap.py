"""Kernels of a decode step that start before the ones in front of them have ended: the same bits as without, on a device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.cuda.engine import CudaEngine
from engines.models import open_model

pytestmark = pytest.mark.gpu

DEMO = Path(__file__).parents[3] / "assets" / "demo_model"
GQA: dict[str, Any] = {"heads": 8, "kv_heads": 2, "head_dim": 128, "hidden": 512, "ffn": 1024}
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "2"))
# Scheme, shape, type of the cache.
KINDS: dict[str, tuple[str | None, dict[str, Any], str]] = {
    "bf16": (None, GQA, "auto"),
    "bf16-bias": (None, {"bias": True, "qk_norm": True, "head_dim": 64, "tied": True}, "auto"),
    "fp8": ("fp8", GQA, "fp8"),
    "int4": ("int4", GQA, "auto"),
    "int8": ("int8", GQA, "fp8"),
    "w8a8": ("w8a8", GQA, "auto"),
}


@pytest.fixture
def make(kernel_cache: Path, request: pytest.FixtureRequest) -> Any:
    def build(model: Any, like: CudaEngine | None = None, **options: Any) -> CudaEngine:
        """`like`: an engine whose choice of products is this one's too, since others round otherwise."""
        sizes = {"num_pages": 400, "num_slots": 32, "max_tokens": 512, "cache": kernel_cache}
        engine = CudaEngine(model, **{**sizes, **options})
        request.addfinalizer(engine.close)
        if like is not None:
            engine._gemm.tactics.tactics.update(like._gemm.tactics.tactics)
        return engine

    return build


def walk(one: Any, seed: int, vocab: int, steps: int) -> list[Any]:
    """Prompts of ragged lengths, then decodes of 1 to 20 rows, each token the device's own: logits and tokens of every step."""
    engine, rng, found = one.engine, np.random.default_rng(seed), []

    def run(pieces: dict[int, Any]) -> None:
        step = engine.forward(one.plan(pieces))
        engine.sample(step)
        found.append((engine.collect(step).token_ids, engine.logits(len(pieces))))

    for slot in range(20):
        prompt = rng.integers(0, vocab, int(rng.integers(1, 150))).tolist()
        one.start(slot, prompt, temperature=0)
        run({slot: prompt})
    for _ in range(steps):
        slots = rng.permutation(20)[: int(rng.choice([1, 1, 1, 2, 3, 5, 8, 9, 20]))]
        run(dict.fromkeys(slots.tolist()))
    return found


def check(found: list[Any], wanted: list[Any]) -> None:
    for i, ((tokens, logits), (wanted_tokens, wanted_logits)) in enumerate(zip(found, wanted, strict=True)):
        np.testing.assert_array_equal(tokens, wanted_tokens, err_msg=f"step {i}")
        np.testing.assert_array_equal(logits.view(np.uint32), wanted_logits.view(np.uint32), err_msg=f"step {i}")


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_the_same_to_the_bit(kind: str, make: Any, make_model: Any, feeder: Any) -> None:
    """In graphs; with the last seed kernel by kernel too."""
    scheme, shape, kv = KINDS[kind]
    plain = None
    for seed in range(ROUNDS):
        model = make_model(seed=seed, layers=6, **shape)
        model = model.quantized(scheme) if scheme else model
        plain = make(model, plain, kv_dtype=kv)
        wanted = walk(feeder(plain, seed), seed, 1003, 60)
        for overlap in ("early", "late"):
            for graphs in ("lazy", "off") if seed == ROUNDS - 1 else ("lazy",):
                ours = make(model, plain, kv_dtype=kv, overlap=overlap, graphs=graphs)
                check(walk(feeder(ours, seed), seed, 1003, 60), wanted)


@pytest.mark.parametrize("overlap", ["early", "late"])
def test_the_deterministic_mode_too(overlap: str, make: Any, make_model: Any, feeder: Any) -> None:
    model = make_model(**GQA)
    plain = make(model, deterministic=True)
    wanted = walk(feeder(plain), 0, 1003, 60)
    ours = make(model, plain, deterministic=True, overlap=overlap)
    check(walk(feeder(ours), 0, 1003, 60), wanted)


@pytest.mark.parametrize("overlap", ["early", "late"])
def test_new_weights_between_steps_in_flight(overlap: str, make: Any, make_model: Any, feeder: Any) -> None:
    """Weights are read before the wait: a step enqueued behind new ones, while the step in front runs, must not have the old."""
    models = [make_model(seed=seed, layers=6, **GQA) for seed in (1, 2)]

    def run(engine: CudaEngine) -> list[Any]:
        one, found = feeder(engine), []
        one.start(0, [1, 2, 3], temperature=0)
        engine.collect(sampled(engine, one.plan({0: [1, 2, 3]})))
        for i in range(20):
            first = sampled(engine, one.plan({0: None}))
            engine.update_weights(models[(i + 1) % 2].arrays)
            second = sampled(engine, one.plan({0: None}))
            found += [(engine.collect(step).token_ids, engine.logits(1)) for step in (first, second)]
        return found

    def sampled(engine: CudaEngine, plan: Any) -> Any:
        step = engine.forward(plan)
        engine.sample(step)
        return step

    plain = make(models[0])
    wanted = run(plain)
    check(run(make(models[0], plain, overlap=overlap)), wanted)


@pytest.mark.skipif(not DEMO.is_dir(), reason="the demo model is not there")
@pytest.mark.parametrize("overlap", ["early", "late"])
def test_the_demo_model(overlap: str, make: Any, feeder: Any) -> None:
    """400 tokens of one text at a time, two steps in flight, as a worker runs them."""
    with open_model(DEMO) as model:
        plain = make(model)
        ours = make(model, overlap=overlap)
    texts = []
    for engine in (plain, ours):
        one, rng, text = feeder(engine), np.random.default_rng(4), []
        if engine is ours:
            ours._gemm.tactics.tactics.update(plain._gemm.tactics.tactics)
        for slot in range(3):
            prompt = rng.integers(6, 4096, 30).tolist()
            one.start(slot, prompt, temperature=0)
            waiting = []
            for i in range(400):
                step = engine.forward(one.plan({slot: prompt if i == 0 else None}))
                engine.sample(step)
                waiting.append(step)
                if i:
                    text.append(int(engine.collect(waiting.pop(0)).token_ids[0]))
            text.append(int(engine.collect(waiting.pop()).token_ids[0]))
        texts.append(text)
    assert texts[0] == texts[1]
