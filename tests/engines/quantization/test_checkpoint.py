"""A checkpoint quantized whole: what is written opens, computes nearly the same, and nothing about the way changes it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engines.api.errors import Cancelled, ContractError, UnsupportedError, WeightError
from engines.models import open_model
from engines.network import ops
from engines.network.schemes import SCHEMES
from engines.passes import compile_program
from engines.quantization.calibrate import Calibration, _move
from engines.quantization.checkpoint import quantize_checkpoint
from engines.quantization.decode import dequantize
from engines.quantization.folding import find_folds
from engines.quantization.quality import every_logit
from engines.quantization.recipes import RECIPES, choose_schemes, needs_calibration
from engines.weights import WeightStore, to_float32

GOLDEN = Path(__file__).parents[2] / "golden"
LLAMA = GOLDEN / "llama-gqa-llama3-tied"

# Relative, of random weights, whose logits are large; a scale that is wrong anywhere gives more than 1.
LOGIT_ERROR = {"int8": 0.06, "fp8": 0.3, "int4": 0.8, "nvfp4": 0.8}


def texts(vocab: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, vocab, n).astype(np.int32) for n in (40, 17, 33)]


def vocab(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text())["vocab_size"])


@pytest.mark.parametrize("case", ["llama-gqa-llama3-tied", "gpt2", "gptj", "qwen3-gqa-tied"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_written_opens_and_computes_nearly_the_same(case, recipe, tmp_path):
    folder = GOLDEN / case
    ids = texts(vocab(folder))
    report = quantize_checkpoint(folder, recipe, tmp_path, calibration_ids=ids, threads=1)
    with open_model(folder) as plain, open_model(tmp_path) as packed:
        assert packed.schemes.keys() == report.quantized.keys()
        odd = {w for w in report.kept if SCHEMES[recipe].weights == "int4" and plain.network.params[w][1] % 32}
        assert set(report.kept) - odd <= {"lm_head.weight", "embed.weight"}
        ids = texts(vocab(folder), 1)
        for want, got in zip(every_logit(plain, ids, 1), every_logit(packed, ids, 1), strict=True):
            error = np.linalg.norm(got - want) / np.linalg.norm(want)
            assert 0 < error < LOGIT_ERROR[SCHEMES[recipe].weights]
    assert report.bytes_out == (tmp_path / "model.safetensors").stat().st_size
    assert needs_calibration(recipe) == (recipe in ("int4-awq", "int4-awq-g64", "fp8-tensor", "nvfp4", "w8a8"))


def test_round_to_nearest_is_what_encode_says(tmp_path):
    quantize_checkpoint(LLAMA, "int8", tmp_path)
    with open_model(LLAMA) as plain, open_model(tmp_path) as packed:
        for name, scheme in packed.schemes.items():
            w = to_float32(plain.load(name))
            tensors = {s: packed.load(f"{name}.{s}" if s else name) for s in scheme.tensors(*w.shape)}
            error = np.abs(dequantize(scheme, tensors) - w)
            assert (error <= np.abs(w).max(axis=1, keepdims=True) * (0.5001 / 127)).all()
        for name in packed.network.params.keys() - packed.schemes.keys():
            np.testing.assert_array_equal(packed.load(name).data, plain.load(name).data)


@pytest.mark.parametrize("recipe", ["int4-awq", "fp8-tensor", "nvfp4", "w8a8"])
def test_threads_and_blocks_change_nothing(recipe, tmp_path, monkeypatch):
    written = []
    for threads, block in ((1, 1 << 18), (3, 200)):
        monkeypatch.setattr("engines.quantization.checkpoint._BLOCK", block)
        folder = tmp_path / str(threads)
        folder.mkdir()
        quantize_checkpoint(LLAMA, recipe, folder, calibration_ids=texts(vocab(LLAMA)), threads=threads)
        written.append((folder / "model.safetensors").read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("recipe", ["fp8-tensor", "nvfp4"])
def test_parts_of_a_fused_linear_share_their_scales(recipe, tmp_path):
    quantize_checkpoint(LLAMA, recipe, tmp_path, calibration_ids=texts(vocab(LLAMA)))
    shared = "scale" if recipe == "fp8-tensor" else "scale2"
    with open_model(tmp_path) as model:
        program = compile_program(model.network, model.schemes)
        fused = [n.op for n in program.network.nodes if isinstance(n.op, ops.Linear) and len(n.op.weights) > 1]
        assert fused
        for op in fused:
            for suffix in (shared, "input_scale"):
                assert len({float(model.load(f"{name}.{suffix}").data) for name in op.weights}) == 1


@pytest.mark.parametrize("case", ["llama-gqa-llama3-tied", "llama-mha", "gpt2", "gptj", "qwen3-gqa-tied"])
def test_moving_scales_between_layers_changes_nothing_else(case, tmp_path, write_safetensors):
    """Folds with strong random scales, no rounding: the folded model computes the same logits."""
    folder = GOLDEN / case
    rng = np.random.default_rng(0)
    found = Calibration()
    with open_model(folder) as model:
        folds = find_folds(model.network, choose_schemes(model.network, SCHEMES["int8"]))
        for fold in folds:
            width = model.network.params[fold.readers[0]][1]
            s = np.exp(rng.standard_normal(len(fold.shared(np.ones(width, np.float32))))).astype(np.float32)
            _move(model, fold, s, found)
        arrays = {}
        for name in model.network.params:
            w = to_float32(found.replaced.get(name) or model.load(name))
            w = w * found.columns.get(name, np.float32(1))
            arrays[name] = w / found.rows[name][:, None] if name in found.rows else w
        ids = texts(vocab(folder))
        before = list(every_logit(model, ids, threads=1))
        layers = len(model.network.attention_layers())
    # gpt2: gelu(up) has no place for scales, nor has the attention-and-mlp norm of gptj any less than one.
    assert len(folds) == {"gpt2": 3, "gptj": 2}.get(case, 4) * layers
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "deskside", "version": 1, "recipe": "", "schemes": [], "linears": {}, "kv_scales": None,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_safetensors(tmp_path / "model.safetensors", arrays)
    with open_model(tmp_path) as moved:
        after = list(every_logit(moved, ids, threads=1))
    # A bias that takes scale in is rounded to its own type again: that is all that may differ.
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=np.abs(a).max() * 5e-3)
        assert np.abs(a).max() > 0.5


def test_measured_cache_scales_are_kept(tmp_path):
    quantize_checkpoint(LLAMA, "int8", tmp_path, calibration_ids=texts(vocab(LLAMA)), kv_cache=True)
    with open_model(tmp_path) as model:
        assert model.kv_scales is not None
        assert len(model.kv_scales) == len(model.network.attention_layers())
        assert all(0 < k < 1 and 0 < v < 1 for k, v in model.kv_scales)


def test_progress_never_goes_back_and_ends_at_the_total(tmp_path):
    seen: dict[str, list[tuple[int, int]]] = {}
    quantize_checkpoint(
        LLAMA, "int4-awq", tmp_path, calibration_ids=texts(vocab(LLAMA)),
        on_progress=lambda stage, done, total: seen.setdefault(stage, []).append((done, total)),
    )  # fmt: skip
    assert list(seen) == ["calibrate", "quantize"]
    for calls in seen.values():
        done, totals = zip(*calls, strict=True)
        assert list(done) == sorted(done)
        assert done[-1] == totals[-1]
        assert len(set(totals)) == 1


@pytest.mark.parametrize("after", [0, 1, 5, 20, 35])
def test_cancelled_at_any_moment(after, tmp_path):
    calls = iter(range(10**6))
    with pytest.raises(Cancelled):
        quantize_checkpoint(
            LLAMA, "int4-awq", tmp_path, calibration_ids=texts(vocab(LLAMA)), cancelled=lambda: next(calls) >= after
        )
    assert not (tmp_path / "config.json").exists()


def test_long_operations_ask_whether_to_stop(tmp_path, monkeypatch):
    """Cancelling waits for a piece of an operation, never for all of it: products, tiles of attention, trials of a search."""
    monkeypatch.setattr("engines.reference.alone._WORK", 1 << 14)
    monkeypatch.setattr("engines.reference.attention._SHARE", 0)
    asked = {"calls": 0}
    between: list[int] = []

    def cancelled():
        asked["calls"] += 1
        return False

    def tell(stage, done, total):
        if stage == "calibrate":
            between.append(asked["calls"])

    quantize_checkpoint(
        LLAMA,
        "int4-awq",
        tmp_path,
        calibration_ids=texts(vocab(LLAMA)),
        on_progress=tell,
        cancelled=cancelled,
        threads=1,
    )
    with open_model(LLAMA) as model:
        calls = dict(zip(model.network.nodes, np.diff(between).tolist(), strict=False))
    tokens = sum(map(len, texts(1 << 5)))
    for node, count in calls.items():
        if isinstance(node.op, ops.Linear):
            out, width = next(iter(model.network.params[w] for w in node.op.weights))
            assert count > out * width * tokens // (1 << 14), node.op.weights
        if isinstance(node.op, ops.Attention):
            assert count > len(texts(1 << 5))
    first = next(count for node, count in calls.items() if isinstance(node.op, ops.Linear))
    assert first > 20  # q: with the search for its scales


@pytest.mark.parametrize("recipe", ["int8", "int4-awq"])
def test_a_nan_in_a_weight_is_named(recipe, tmp_path, write_safetensors):
    folder = tmp_path / "model"
    shutil.copytree(LLAMA, folder)
    with WeightStore.open(folder) as store:
        arrays = {name: np.array(store.read(name).data) for name in store.names}
    name = "model.layers.1.mlp.up_proj.weight"
    arrays[name][7, 3] = 0x7FC0
    write_safetensors(folder / "model.safetensors", arrays)
    with pytest.raises(WeightError, match=r"up_proj\.weight in .* holds a NaN or an infinity at \[7, 3\]"):
        quantize_checkpoint(folder, recipe, tmp_path, calibration_ids=texts(vocab(LLAMA)))


def test_what_cannot_be_done_is_said(tmp_path):
    with pytest.raises(UnsupportedError, match="no precision 'int3'; there are int8"):
        quantize_checkpoint(LLAMA, "int3", tmp_path)
    with pytest.raises(ContractError, match="needs calibration text"):
        quantize_checkpoint(LLAMA, "w8a8", tmp_path)
    with pytest.raises(ContractError, match="outside the model's vocabulary"):
        quantize_checkpoint(LLAMA, "w8a8", tmp_path, calibration_ids=[np.array([0, 10**6], np.int32)])
    with pytest.raises(ContractError, match="at least one sequence of two tokens"):
        quantize_checkpoint(LLAMA, "w8a8", tmp_path, calibration_ids=[np.array([3], np.int32)])
    quantize_checkpoint(LLAMA, "int8", tmp_path)
    other = tmp_path / "again"
    other.mkdir()
    with pytest.raises(UnsupportedError, match="quantized already"):
        quantize_checkpoint(tmp_path, "int8", other)
