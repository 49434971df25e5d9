"""`Engine.update_weights` in checkpoint names: after it, the engine is the one that a folder with those weights would give."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.api import PlanRow, SamplerParams, SlotInit, StepPlan
from engines.api.errors import WeightError
from engines.models import open_model
from engines.reference.engine import ReferenceEngine
from engines.weights import WeightStore

GOLDEN = Path(__file__).parents[2] / "golden"
PROMPT = np.array([3, 14, 15, 92, 65, 35], np.int32)


def prefill(engine):
    engine.init_slot(SlotInit(0, SamplerParams(temperature=0.0), PROMPT, np.zeros(0, np.int32)))
    step = engine.forward(StepPlan.build(0, [PlanRow(0, 0, PROMPT, np.array([1], np.int32), True, False)]))
    logits = step.logits.copy()
    engine.sample(step)
    engine.collect(step)
    return logits


def load(folder):
    with open_model(folder) as model:
        return ReferenceEngine(model, num_pages=2, page_size=16, num_slots=1, max_tokens=16, threads=1)


def swapped(folder):
    """The checkpoint's tensors with those of layers 0 and 1 exchanged: the same shapes and dtypes, another model."""
    with WeightStore.open(folder) as store:
        tensors = {name: np.array(store.read(name).data) for name in store.names}
    places = {name: name.replace("h.0.", "h.?.").replace("layers.0.", "layers.?.") for name in tensors}
    return {name: tensors[_other(place, name)] for name, place in places.items()}


def _other(place, name):
    if "?" in place:
        return place.replace("?", "1")
    return name.replace("h.1.", "h.0.").replace("layers.1.", "layers.0.")


@pytest.mark.parametrize("case", ["gpt2", "gpt2-bare-by-layer", "llama-gqa-llama3-tied", "llama-mha", "gptj"])
def test_as_if_loaded_from_disk(case, tmp_path, write_safetensors):
    folder = tmp_path / case
    shutil.copytree(GOLDEN / case, folder)
    tensors = swapped(folder)
    engine = load(folder)
    before = prefill(engine)
    assert engine.update_weights(tensors) == 1
    after = prefill(engine)
    write_safetensors(folder / "model.safetensors", tensors)
    np.testing.assert_array_equal(after, prefill(load(folder)))
    assert np.abs(after - before).max() > 0.1


def test_one_bad_tensor_changes_nothing():
    engine = load(GOLDEN / "gpt2")
    before = prefill(engine)
    tensors = swapped(GOLDEN / "gpt2")
    tensors["transformer.ln_f.bias"] = np.full(32, 0x7FC0, np.uint16)
    with pytest.raises(WeightError, match=r"transformer\.ln_f\.bias .* NaN"):
        engine.update_weights(tensors)
    assert engine.weight_version == 0
    np.testing.assert_array_equal(prefill(engine), before)
