"""Folders of ours: `open_model` gives the packed tensors, and refuses what does not fit, by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.api.errors import ConfigError, ContractError, EngineError, UnsupportedError, WeightError
from engines.models import open_model
from engines.network import ops
from engines.network.schemes import SCHEMES, Scheme
from engines.quantization.encode import encode
from engines.quantization.formats.deskside import write_config
from engines.weights import DType, Tensor, to_float32

DEMO = Path(__file__).parents[3] / "assets" / "demo_model"


@pytest.fixture
def folder(tmp_path, write_safetensors):
    """The demo model's first layer-like tensors: all of it, with every linear of a layer in group-64 int4."""
    scheme = SCHEMES["int4-g64"]
    arrays, schemes = {}, {}
    with open_model(DEMO) as model:
        linears = {w for node in model.network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights}
        for param in model.network.params:
            tensor = model.load(param)
            if param in linears and param != "embed.weight":
                schemes[param] = scheme
                for suffix, array in encode(scheme, to_float32(tensor)).items():
                    arrays[f"{param}.{suffix}" if suffix else param] = array
            else:
                arrays[param] = np.array(tensor.data)
    write_safetensors(tmp_path / "model.safetensors", arrays)
    config = json.loads((DEMO / "config.json").read_text())
    config["quantization_config"] = write_config("int4-g64", schemes, [(1.0, 2.0)] * 8)
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def edit(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config["quantization_config"])
    (folder / "config.json").write_text(json.dumps(config))


def test_packed_tensors(folder):
    with open_model(folder) as model:
        assert len(model.schemes) == 8 * 7
        assert model.dtype is DType.BF16
        assert model.kv_scales == [(1.0, 2.0)] * 8
        name = "layers.3.mlp.down.weight"
        scheme = model.schemes[name]
        assert scheme == Scheme("int4", "group", 64)
        for suffix, (dtype, shape) in scheme.tensors(256, 768).items():
            tensor = model.load(f"{name}.{suffix}" if suffix else name)
            assert isinstance(tensor, Tensor)
            assert (tensor.dtype, tensor.shape) == (dtype, shape)
        assert model.load("embed.weight").dtype is DType.BF16
        with pytest.raises(ContractError, match="no tensor 'zero'"):
            model.load(f"{name}.zero")
        with pytest.raises(WeightError, match="quantized"):
            model.convert(name, model.load(name))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (UnsupportedError, lambda c: c.update(version=2)),
        (UnsupportedError, lambda c: c["schemes"][0].update(weights="int3")),
        (UnsupportedError, lambda c: c["schemes"][0].update(spin=1)),
        (ConfigError, lambda c: c["linears"].update({"layers.0.attn.q.weight": 7})),
        (ConfigError, lambda c: c.update(linears=None)),
        (ConfigError, lambda c: c.update(kv_scales=[[0, 1]])),
        (WeightError, lambda c: c["linears"].pop("layers.0.attn.q.weight")),
        (WeightError, lambda c: c["schemes"][0].update(group=32)),
        (EngineError, lambda c: c.update(kv_scales=[[1.0, 1.0]])),
    ],
)
def test_a_config_that_does_not_fit_is_named(folder, kind, change):
    edit(folder, change)
    with pytest.raises(kind, match=str(folder)):
        open_model(folder)


def test_a_damaged_scale_is_named(folder, write_safetensors):
    path = folder / "model.safetensors"
    with open_model(folder) as model:
        arrays = {name: np.array(model.store.read(name).data) for name in model.store.names}
    arrays["layers.0.attn.o.weight.scale"][0, 0] = np.nan
    write_safetensors(path, arrays)
    with open_model(folder) as model, pytest.raises(WeightError, match=r"layers\.0\.attn\.o\.weight\.scale"):
        model.load("layers.0.attn.o.weight.scale")
