"""Whatever stands in config.json, opening a model ends in a model or in a ModelError."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.api.errors import ModelError
from engines.models.config import ConfigReader
from engines.models.registry import FAMILIES, find_family, read_eos_ids
from engines.network.rope import inv_freq

GOLDEN = Path(__file__).parents[2] / "golden"
CONFIGS = {path.parent.name: json.loads(path.read_text()) for path in sorted(GOLDEN.glob("*/config.json"))}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 70)
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["linear", "yarn", "llama3", "default", "dynamic", "gelu", "full_attention", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["rope_type", "factor", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def read(config):
    reader = ConfigReader(Path("config.json"), config)
    family = find_family(reader, FAMILIES)
    config = family.read_config(reader)
    read_eos_ids(Path("nowhere"), reader, config.vocab_size)
    network = family.define(config)
    for op in network.attention_layers()[:1]:
        if op.rope is not None and op.rope.rotary_dim < 1000:
            assert inv_freq(op.rope).shape == (op.rope.rotary_dim // 2,)


@pytest.mark.parametrize("case", sorted(CONFIGS))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_value_anywhere(case, data):
    config = json.loads(json.dumps(CONFIGS[case]))
    rope = config.get("rope_parameters") or config.get("rope_scaling")
    target = rope if rope and data.draw(st.booleans()) else config
    for key in data.draw(st.lists(st.sampled_from(sorted(target)), min_size=1, max_size=2)):
        target[key] = data.draw(values)
    with contextlib.suppress(ModelError):
        read(config)
