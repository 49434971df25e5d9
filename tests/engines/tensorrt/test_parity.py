"""Every layer, weight, axis and type that TensorRT receives, against the reference backend, for every family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.models import open_model
from engines.network.schemes import Scheme
from engines.tensorrt.weights import Weight

GOLDEN = Path(__file__).parents[2] / "golden"
DEMO = Path(__file__).parents[3] / "assets" / "demo_model"
CASES = sorted(path.name for path in GOLDEN.iterdir() if (path / "expected.npz").exists())
FAMILY_CASES = sorted({case.split("-")[0]: case for case in CASES}.values())
# Of the norm of all logits: what 16 bits between layers cost, with weights that are random and unkind.
TOLERANCE = {"bf16": 0.05, "fp16": 0.006}


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


SCHEMES = {
    "int8": Scheme("int8", "channel"),
    "int8-zero-pre": Scheme("int8", "channel", zero_points=True, pre_scale=True),
    "w8a8": Scheme("int8", "channel", activations="int8", activation_scale="dynamic_token"),
    "w8a8-static": Scheme("int8", "tensor", activations="int8", activation_scale="static_tensor"),
    "int4": Scheme("int4", "group", 16),
    "int4-zero": Scheme("int4", "group", 16, zero_points=True),
    "int4-channel-zero-pre": Scheme("int4", "channel", zero_points=True, pre_scale=True),
    "fp8": Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
    "fp8-tensor": Scheme("fp8", "tensor", activations="fp8", activation_scale="static_tensor"),
    "fp8-w8a16": Scheme("fp8", "channel"),
    "nvfp4": Scheme("nvfp4", "group", 16, activations="nvfp4", activation_scale="static_tensor"),
}


@pytest.mark.parametrize("compute", ["bf16", "fp16"])
@pytest.mark.parametrize("case", CASES)
def test_interpreted_networks_give_the_reference_logits(compare: Callable[..., Any], case: str, compute: str) -> None:
    with open_model(GOLDEN / case) as model:
        wanted, found, _ = compare(model, compute)
    assert relative_error(found, wanted) < TOLERANCE[compute]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("case", FAMILY_CASES)
def test_quantized_networks_compute_what_the_reference_does(
    compare: Callable[..., Any], quantized: Any, case: str, scheme: str
) -> None:
    """Without rounding between layers, which would flip codes, nothing but the order of sums may differ; scales per channel of
    INT4 are rounded to the 16 bits in which TensorRT takes them."""
    with open_model(GOLDEN / case) as plain:
        model = quantized(plain, SCHEMES[scheme])
        assert len(model.schemes) >= 8
        wanted, found, _ = compare(model, "fp16", True)
    assert relative_error(found, wanted) < (3e-3 if scheme == "int4-channel-zero-pre" else 5e-6)


@pytest.mark.parametrize(("scheme", "tolerance"), [("int8", 0.01), ("int4", 0.01), ("w8a8", 0.05), ("fp8", 0.12)])
@pytest.mark.parametrize("compute", ["bf16", "fp16"])
def test_quantized_networks_with_their_rounding(
    compare: Callable[..., Any], quantized: Any, scheme: str, tolerance: float, compute: str
) -> None:
    with open_model(GOLDEN / "llama-yarn-sharded") as plain:
        wanted, found, _ = compare(quantized(plain, SCHEMES[scheme]), compute)
    assert relative_error(found, wanted) < tolerance * (1 if compute == "fp16" else 4)


@pytest.mark.parametrize("wrong", ["scale", ""])
@pytest.mark.parametrize("scheme", ["int8", "int4-zero", "fp8", "nvfp4"])
def test_a_wrong_scale_or_code_is_noticed(
    compare: Callable[..., Any], quantized: Any, scheme: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit, or one scale by a tenth, in one tensor of one layer, seen by the networks only."""
    original = Weight.prepare

    def spoilt(self: Weight, load: Any) -> Any:
        made = original(self, load)
        if any(name == ("layers.1.mlp.down.weight." + wrong).rstrip(".") for name in self.params):
            made = made.copy()
            flat = made.reshape(-1)
            if flat.dtype == np.float32:
                flat[1] *= np.float32(1.1)
            else:
                flat.view(np.uint8)[1] ^= 0x04
        return made

    monkeypatch.setattr(Weight, "prepare", spoilt)
    with open_model(GOLDEN / "llama-yarn-sharded") as plain:
        wanted, found, _ = compare(quantized(plain, SCHEMES[scheme]), "fp16", True)
    assert relative_error(found, wanted) > 2e-5


@pytest.mark.parametrize("scheme", [None, "w8a8"])
def test_the_demo_model_says_the_same(compare: Callable[..., Any], quantized: Any, scheme: str | None) -> None:
    """Trained weights, which random ones are not: the likeliest next token, and how far all logits are off, in bf16."""
    with open_model(DEMO) as plain:
        model = plain if scheme is None else quantized(plain, SCHEMES[scheme])
        wanted, found, _ = compare(model, "bf16")
    assert (found.argmax(axis=1) == wanted.argmax(axis=1)).all()
    assert relative_error(found, wanted) < (0.02 if scheme is None else 0.06)
