"""Builds of a tiny model: stages, resuming, cancelling, full disks, backends that fail; and text scored layer by layer."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engines import verify
from engines.api.errors import Cancelled, DeviceError, StaleError, UnsupportedError
from engines.api.manifest import DeviceInfo
from engines.build import STAGES, BuildSpec, build, isolated_here
from engines.evaluate import log_softmax, score, text_logits
from engines.factory import open_engine
from engines.models import open_model
from engines.store import find_manifest
from engines.weights import DType

GPU = DeviceInfo("RTX 4090", "sm_89", 24 << 30, "580.65")
IDS = np.arange(200, dtype=np.int32) * 7 % 96
MOMENTS = int(os.environ.get("SOAK_ROUNDS", "4"))


@pytest.fixture
def checkpoint(tmp_path: Path, write_safetensors: Any) -> Path:
    """A Llama of two layers in float32."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    hidden, ffn, vocab = 128, 256, 96
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocab, "hidden_size": hidden,
        "intermediate_size": ffn, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "hidden_act": "silu",
        "tie_word_embeddings": False, "eos_token_id": 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    rng = np.random.default_rng(0)
    shapes = {
        "model.embed_tokens.weight": (vocab, hidden),
        "lm_head.weight": (vocab, hidden),
        "model.norm.weight": (hidden,),
    }
    for i in range(2):
        at = f"model.layers.{i}."
        shapes |= {at + "input_layernorm.weight": (hidden,), at + "post_attention_layernorm.weight": (hidden,)}
        shapes |= {at + f"self_attn.{n}_proj.weight": (hidden if n in "qo" else hidden // 2, hidden) for n in "qkvo"}
        shapes |= {at + f"mlp.{n}_proj.weight": (ffn, hidden) for n in ("gate", "up")} | {
            at + "mlp.down_proj.weight": (hidden, ffn)
        }
    arrays = {
        n: rng.normal(0, 0.1, s).astype(np.float32) if len(s) > 1 else np.ones(s, np.float32) for n, s in shapes.items()
    }
    write_safetensors(folder / "model.safetensors", arrays)
    return folder


class Runner:
    """Builds into the same place again and again. `stages`: those begun; `asked`: functions of engines.verify that ran."""

    def __init__(self, checkpoint: Path, root: Path) -> None:
        self.checkpoint, self.out = checkpoint, root / "engines" / "key"
        self.cache = root / "cache"
        self.stages: list[str] = []
        self.asked: Counter[str] = Counter()
        self.calls = 0
        self.stop_at = 0
        self.fail: dict[str, Exception] = {}

    def __call__(self, precision: str = "bf16", **options: Any) -> Any:
        options = {"extra_files": ("tokenizer.json", "none.json"), "kv_tokens": 120, "prompt_tokens": 16} | options
        spec = BuildSpec("tiny:x", "tiny", "key", precision, **options)
        return build(
            self.checkpoint, spec, self.out, self.cache, [IDS], IDS, self._tell, self._stopped, isolate=self._isolate
        )

    def _tell(self, stage: str, done: int, total: int) -> None:
        assert stage in (*STAGES, "calibrate")
        assert 0 <= done <= total or total == 0
        if not self.stages or self.stages[-1] != stage:
            self.stages.append(stage)

    def _stopped(self) -> bool:
        self.calls += 1
        return bool(self.stop_at) and self.calls >= self.stop_at

    def _isolate(self, function: str, request: Any) -> dict[str, Any]:
        self.asked[function] += 1
        key = f"{function}-{request['backend']}"
        if key in self.fail:
            raise self.fail[key]
        if request["backend"] == "cuda":  # plays one that works
            request = dict(request) | {"backend": "reference"}
        return isolated_here(function, msgspec.json.decode(msgspec.json.encode(dict(request))))


@pytest.fixture
def run(checkpoint: Path, tmp_path: Path) -> Runner:
    return Runner(checkpoint, tmp_path)


def nothing_but(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_an_engine_in_bf16(run: Runner) -> None:
    manifest = run()
    assert run.stages == list(STAGES)
    assert find_manifest(run.out) == manifest
    assert nothing_but(run.out.parent, "key")
    assert nothing_but(run.out, "config.json", "manifest.json", "model.safetensors", "tokenizer.json")
    assert (manifest.backend, manifest.device, manifest.precision) == ("reference", None, "bf16")
    report = manifest.report
    assert report.size_bytes == manifest.size == sum(file.size for file in manifest.files)
    assert report.quality.tokens == 199
    assert 0.95 < report.quality.top1_agreement <= 1
    assert report.checked_tokens == 32
    assert report.max_difference < 1e-3
    assert report.tokens_per_s > 0
    assert report.first_token_s > 0
    assert set(report.stages) == set(STAGES)
    with open_model(run.out) as model:
        assert model.dtype is DType.BF16
    engine = open_engine(run.out, kv_tokens=64)
    assert engine.spec.backend == "reference"
    engine.close()


@pytest.mark.parametrize(
    ("precision", "smaller"), [("int8", 1.6), ("int4-awq-g64", 2.3), ("fp8-tensor", 1.6), ("nvfp4", 2.2), ("w8a8", 1.6)]
)
def test_quantized_engines(run: Runner, precision: str, smaller: float) -> None:
    manifest = run(precision)
    assert run.stages[-1] == "verify"
    # Embeddings and head, a fifth of this tiny model, stay in 16 bits.
    assert manifest.size * smaller < (run.checkpoint / "model.safetensors").stat().st_size / 2 * 1.6
    quality = manifest.report.quality
    assert quality.unquantized_perplexity > 1
    assert abs(quality.perplexity / quality.unquantized_perplexity - 1) < 0.2
    with open_model(run.out) as model:
        assert model.schemes


def test_unchanged_files_may_be_shared(run: Runner) -> None:
    run()
    first = run.out
    run.checkpoint, run.out = first, first.with_name("other")
    (first / "manifest.json").unlink()  # a checkpoint in bf16 now
    manifest = run(share=True)
    assert (run.out / "model.safetensors").samefile(first / "model.safetensors")
    assert not (run.out / "tokenizer.json").samefile(first / "tokenizer.json")
    assert manifest.report.quality.perplexity == manifest.report.quality.unquantized_perplexity


def test_it_goes_on_behind_the_last_finished_stage(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    run.fail["check-reference"] = KeyError("killed here")
    with pytest.raises(KeyError):
        run("int4")
    assert run.stages == ["check", "quantize", "compile", "verify"]
    assert not run.out.exists()
    run.stages.clear()
    run.fail.clear()
    monkeypatch.setattr("engines.precisions.quantize_checkpoint", None)  # may not be called again
    manifest = run("int4")
    assert run.stages == ["verify"]
    assert manifest.report.stages["quantize"] > 0
    assert nothing_but(run.out.parent, "key")


def test_a_small_file_cut_short_by_a_kill_is_not_taken_along(run: Runner) -> None:
    run.fail["check-reference"] = KeyError("killed here")
    with pytest.raises(KeyError):
        run()
    run.fail.clear()
    (run.out.with_name(".key.building") / "engine" / ".manifest.json.part").write_bytes(b"{")
    assert ".manifest.json.part" not in {file.path for file in run().files}
    assert nothing_but(run.out, "config.json", "manifest.json", "model.safetensors", "tokenizer.json")


def test_other_inputs_start_anew(run: Runner) -> None:
    run.fail["check-reference"] = KeyError("killed here")
    with pytest.raises(KeyError):
        run("int4")
    run.fail.clear()
    run.stages.clear()
    assert run("int8").precision == "int8"
    assert run.stages == list(STAGES)


def test_cancelled_at_any_moment_leaves_no_engine(run: Runner) -> None:
    run("int4-awq")
    total, run.calls = run.calls, 0
    assert total > 40
    import shutil

    shutil.rmtree(run.out)
    for stop_at in sorted({1, 2, 3, *np.linspace(4, total - 1, MOMENTS).astype(int).tolist()}):
        run.stop_at, run.calls = stop_at, 0
        with pytest.raises(Cancelled):
            run("int4-awq")
        assert not run.out.exists()
        shutil.rmtree(run.out.with_name(".key.building"))
    run.stop_at = 0
    run("int4-awq")
    assert nothing_but(run.out.parent, "key")


def test_a_full_disk_gives_back_its_room_and_the_build_goes_on_later(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [40_000]
    real = os.write

    def write(self: Any, data: Any) -> None:
        room[0] -= memoryview(data).nbytes
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = memoryview(data)
        while view:
            view = view[real(self._file.fileno(), view) :]

    with monkeypatch.context() as patch:
        patch.setattr("engines.weights.writer.SafetensorsWriter._put", write)
        with pytest.raises(OSError, match="No space left"):
            run("int4")
    assert not run.out.exists()
    work = run.out.with_name(".key.building")
    assert sum(path.stat().st_size for path in work.rglob("*") if path.is_file()) < 2_000
    run.stages.clear()
    run("int4")
    assert run.stages == ["quantize", "compile", "verify"]


def test_auto_takes_the_gpu_where_it_agrees(run: Runner) -> None:
    manifest = run(device=GPU)
    assert (manifest.backend, manifest.device) == ("cuda", GPU)
    assert run.asked == {"warm": 1, "check": 1}
    assert "first choice" in manifest.report.backend_reason


@pytest.mark.parametrize("where", ["warm-cuda", "check-cuda"])
def test_auto_falls_back_and_says_why(run: Runner, where: str) -> None:
    run.fail[where] = DeviceError("The process that checked the engine was ended by signal 11 (SIGSEGV).")
    manifest = run(device=GPU)
    assert (manifest.backend, manifest.device) == ("reference", None)
    assert "SIGSEGV" in manifest.report.backend_reason


def test_a_backend_that_was_asked_for_and_fails_leaves_no_engine(run: Runner) -> None:
    run.fail["check-cuda"] = DeviceError("does not agree")
    with pytest.raises(DeviceError, match="does not agree"):
        run(backend="cuda", device=GPU)
    assert not run.out.exists()
    with pytest.raises(DeviceError, match="No NVIDIA driver"):
        run(backend="cuda", device="No NVIDIA driver is installed.")


def test_what_cannot_be_is_refused_first(run: Runner) -> None:
    with pytest.raises(UnsupportedError, match="There is no precision 'int3'"):
        run("int3")
    run("int4")
    run.checkpoint, run.out = run.out, run.out.with_name("again")
    with pytest.raises(UnsupportedError, match=r"quantized already.*--precision stored"):
        run("int8")
    manifest = run("stored")
    assert manifest.report.quality.top1_agreement == 1.0


def test_a_wrong_backend_is_noticed(run: Runner, tmp_path: Path) -> None:
    """As if its kernels computed something else: the reference's answer comes from other weights."""
    run()
    with open_model(run.out) as model:
        logits = text_logits(model, IDS[:16])
    request = {
        "folder": str(run.out),
        "backend": "reference",
        "cache": str(tmp_path),
        "kv_tokens": 64,
        "prompt_tokens": 8,
    }
    request["ids"] = IDS[:16].tolist()
    np.save(tmp_path / "right.npy", np.stack([log_softmax(row) for row in logits]))
    assert verify.check(request | {"expected": str(tmp_path / "right.npy")})["max_difference"] < 1e-3
    np.save(tmp_path / "wrong.npy", np.stack([log_softmax(row[::-1].copy()) for row in logits]))
    with pytest.raises(DeviceError, match="does not agree with the reference"):
        verify.check(request | {"expected": str(tmp_path / "wrong.npy")})
    assert verify.compare(np.zeros((1, 3), np.float32), np.full((1, 3), np.nan, np.float32))[0] == float("inf")


def test_an_engine_for_another_machine_is_not_opened(run: Runner) -> None:
    run(device=GPU)
    (run.out / "tokenizer.json").write_text("{ }")
    with pytest.raises(StaleError, match="has 3 bytes where 2 were built"):
        open_engine(run.out, kv_tokens=64)


def test_text_scored_layer_by_layer_is_what_the_engine_says(run: Runner) -> None:
    run("int4")
    ids = IDS[:40]
    for folder in (run.checkpoint, run.out):
        with open_model(folder) as model:
            logits = text_logits(model, ids)
        (run.out / "manifest.json").unlink(missing_ok=True)
        engine = open_engine(folder, backend="reference", kv_tokens=64)
        np.testing.assert_allclose(logits, verify._logits(engine, ids), rtol=0, atol=2e-4)
        engine.close()
    scores = score(logits, ids)
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum(1, keepdims=True))
    np.testing.assert_allclose(scores.logprobs, exact[np.arange(39), ids[1:]], atol=1e-5)
    assert scores.best.tolist() == exact[:39].argmax(1).tolist()
