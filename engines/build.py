"""From a checkpoint to an engine: check, quantize, compile, verify, done.

What each stage makes lies in a working folder beside the engine's place, with a note of the stages that are finished: after a
kill the next call goes on behind the last of them. The engine takes its place by one rename at the end, or not at all.

    <work>/state.json       the inputs, and per finished stage what it found and how long it took
    <work>/engine/          becomes the engine's folder
    <work>/expected.npy     log-probabilities of the reference, which the backend is checked against
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines import backends, verify
from engines.api.errors import Cancelled, ContractError, EngineError
from engines.api.manifest import DeviceInfo, Manifest, Quality, Report
from engines.evaluate import Scores, log_softmax, score, text_logits
from engines.measure import PeakMemory
from engines.models import Model, open_model
from engines.precisions import Precision, find_precision
from engines.store.files import describe_files, take_file, write_whole
from engines.store.folder import publish

Int32 = NDArray[np.int32]

STAGES = ("check", "quantize", "compile", "verify")
_CHECKED = 32  # tokens compared with the reference

OnProgress = Callable[[str, int, int], None]
# Runs a function of `engines.verify`, by name, in a process of its own and returns its answer; raises the EngineError that it
# raised, DeviceError if the process died or did not answer in time.
Isolate = Callable[[str, Mapping[str, Any]], dict[str, Any]]
# Inside, the GPU is ours with so many bytes free.
Lease = Callable[[int], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """`name`, `model`, `key`: for the manifest. `precision`: see `engines.precisions`. `backend`: auto, reference, cuda, tensorrt.
    `device`: the GPU here, or a sentence why there is none. `share`: unchanged files of the checkpoint may be hard links.
    `extra_files`: names to take along where they exist (tokenizer, templates). `kv_tokens`: of the KV pool while it is verified;
    `predicted[backend]`: bytes that were said to be taken with that. `evaluated`: at most so many tokens are scored.
    For TensorRT: `gpus` to build for, such as sm89 (none: the GPU here), the file of the key that plans are sealed with, and the
    folder of the RTX pack."""

    name: str
    model: str
    key: str
    precision: str
    backend: str = "auto"
    device: DeviceInfo | str = "No GPU was looked for."
    share: bool = False
    extra_files: tuple[str, ...] = ()
    kv_tokens: int = 4096
    prompt_tokens: int = 512
    predicted: Mapping[str, int] = field(default_factory=dict)
    calibration: str = ""
    evaluated: int = 512
    gpus: tuple[str, ...] = ()
    key_file: Path | None = None
    pack: Path | None = None


def isolated_here(function: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """No process of its own: for tests and scripts."""
    return getattr(verify, function)(request)  # type: ignore[no-any-return]


def no_lease(needed: int) -> AbstractContextManager[Any]:
    """Nobody else uses the GPU."""
    return nullcontext()


def build(
    checkpoint_dir: Path,
    spec: BuildSpec,
    out_dir: Path,
    cache_dir: Path,
    calibration_ids: Sequence[Int32],
    evaluation_ids: Int32,
    on_progress: OnProgress = lambda stage, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    work_dir: Path | None = None,
    isolate: Isolate = isolated_here,
    lease: Lease = no_lease,
) -> Manifest:
    """Build the engine of `checkpoint_dir` in `out_dir`, replacing what is there, and return its manifest.

    `cache_dir`: compiled kernels and measured choices. `work_dir`: on the volume of `out_dir`; None: beside it. `on_progress` is
    told of (stage, done, total) in units of the stage; `cancelled` is asked often.

    Raises Cancelled (the finished stages are kept), ModelError, DeviceError; OSError for a full disk, with what the unfinished
    stage wrote removed.
    """
    work = work_dir or out_dir.with_name(f".{out_dir.name}.building")
    run = _Build(checkpoint_dir, spec, work, cache_dir, on_progress, cancelled, isolate, lease)
    with PeakMemory() as memory:
        run.begin(_inputs(checkpoint_dir, spec, calibration_ids))
        with open_model(checkpoint_dir) as model:
            run.stage("check", lambda: run.check(model))
            run.stage("quantize", lambda: run.quantize(model, calibration_ids), clear=run.clear_engine)
            report = run.finish(model, evaluation_ids)
            revision = model.revision
    manifest = Manifest(
        name=spec.name,
        model=spec.model,
        source=str(checkpoint_dir.resolve()),
        model_revision=revision,
        precision=spec.precision,
        backend=run.backend,
        key=spec.key,
        device=spec.device
        if run.backend != "reference" and isinstance(spec.device, DeviceInfo) and run.tried(run.backend)
        else None,
        versions=backends.versions_of(run.backend, spec.device, spec.gpus),
        calibration=spec.calibration,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=describe_files(run.engine, cancelled=cancelled),
    )
    manifest = msgspec.structs.replace(
        manifest, report=msgspec.structs.replace(report, size_bytes=manifest.size, peak_bytes=memory.peak)
    )
    publish(run.engine, manifest, out_dir)
    shutil.rmtree(work, ignore_errors=True)
    return manifest


@dataclass(slots=True)
class _State:
    """state.json."""

    inputs: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class _Build:
    """One run of `build`. `backend`: the one chosen so far."""

    def __init__(
        self,
        checkpoint: Path,
        spec: BuildSpec,
        work: Path,
        cache: Path,
        on_progress: OnProgress,
        cancelled: Callable[[], bool],
        isolate: Isolate,
        lease: Lease,
    ) -> None:
        self.checkpoint, self.spec, self.work, self.cache = checkpoint, spec, work, cache
        self.engine = work / "engine"
        self.backend = ""
        self._precision: Precision = find_precision(spec.precision)
        self._progress, self._cancelled = on_progress, cancelled
        self._isolate, self._lease = isolate, lease
        self._state = _State()

    # --- stages and what is kept of them -------------------------------------------------------------------------------------

    def begin(self, inputs: dict[str, Any]) -> None:
        """Take over what an earlier run with the same inputs finished; anything else goes."""
        path = self.work / "state.json"
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
        except (OSError, msgspec.MsgspecError):
            state = _State()
        if state.inputs != inputs:
            shutil.rmtree(self.work, ignore_errors=True)
            state = _State(inputs)
        self._state = state
        self.engine.mkdir(parents=True, exist_ok=True)
        for stray in self.engine.rglob(".*.part"):  # of a run that was killed while it wrote a small file
            stray.unlink()

    def stage(
        self, name: str, work: Callable[[], dict[str, Any]], clear: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """What stage `name` found: from the notes if it was finished, else by doing it. `clear` removes what it wrote."""
        done = self._state.stages.get(name)
        if done is not None:
            return done
        clear()
        self.check_cancelled()
        self._progress(shown(name), 0, 0)
        started = time.monotonic()
        try:
            found = work()
        except OSError:
            clear()  # on a full disk, room is what is needed now
            raise
        self._state.stages[name] = found
        self._state.seconds[name] = round(time.monotonic() - started, 3)
        write_whole(self.work / "state.json", msgspec.json.encode(self._state))
        return found

    def check_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled("The build was stopped.")

    def clear_engine(self) -> None:
        shutil.rmtree(self.engine, ignore_errors=True)
        self.engine.mkdir(parents=True)

    # --- the stages ----------------------------------------------------------------------------------------------------------

    def check(self, model: Model) -> dict[str, Any]:
        """Whether it can become what is asked for, before hours are spent."""
        self._precision.check(model)
        if self.spec.backend != "auto":
            spec = self.spec
            backends.check(spec.backend, spec.precision, spec.device, spec.gpus, spec.pack)
        return {}

    def quantize(self, model: Model, calibration_ids: Sequence[Int32]) -> dict[str, Any]:
        """The weights in their precision, and the small files beside them."""
        self._precision.write(
            model,
            self.engine,
            calibration_ids=calibration_ids,
            share=self.spec.share,
            on_progress=self._progress,
            cancelled=self._cancelled,
        )
        for name in self.spec.extra_files:
            source = self.checkpoint / name
            if source.is_file():
                take_file(
                    source, self.engine / name, share=False, on_bytes=lambda count: None, cancelled=self._cancelled
                )
        return {}

    def finish(self, model: Model, evaluation_ids: Int32) -> Report:
        """Compile for the first backend that passes, score the weights, verify."""
        reasons: list[str] = []
        candidates = backends.candidates(self.spec.backend, self.spec.device, reasons)
        for backend in candidates:
            self.backend = backend
            try:
                self.stage(f"compile-{backend}", lambda backend=backend: self.compile(backend))  # type: ignore[misc]
                quality = self.judge(model, evaluation_ids)
                found = self.stage(f"verify-{backend}", lambda backend=backend: self.verify(backend, evaluation_ids))  # type: ignore[misc]
            except Cancelled:
                raise
            except EngineError as error:
                if backend == candidates[-1]:
                    raise
                reasons.append(str(error))
                continue
            return Report(
                size_bytes=0,
                predicted_bytes=self.spec.predicted.get(backend),
                quality=quality,
                backend_reason=self.reason(backend, reasons),
                backend_why=backends.why(self.spec.backend, self.spec.device, reasons, self.tried(backend)),
                stages=_public(self._state.seconds),
                **found,
            )
        raise ContractError("There was no backend to build for.")

    def reason(self, backend: str, reasons: list[str]) -> str:
        """Why `backend` was taken; of plans that were tried here, which backend will run them."""
        from engines.tensorrt import choice

        said = backends.reason(backend, self.spec.backend, reasons, self.tried(backend))
        chosen = choice.recall(self.engine) if backend == "tensorrt" else None
        return said if chosen is None else f"{said} {chosen.reason}"

    def judge(self, model: Model, ids: Int32) -> Quality:
        """The quality of the built weights; and what the reference says of the first tokens, kept for `verify`."""
        with open_model(self.engine) as built:
            self.stage("expected", lambda: self.expected(built, ids))
            return msgspec.convert(self.stage("quality", lambda: self.quality(model, built, ids)), Quality)

    def quality(self, model: Model, built: Model, ids: Int32) -> dict[str, Any]:
        """Perplexity and agreement of the built weights beside the checkpoint's, both run by the reference."""
        ids = self._evaluated(model, ids)
        same = self._precision.keeps_values(model)
        rounds = 1 if same else 2

        def run(which: Model, number: int) -> Scores:
            def tell(done: int, total: int) -> None:
                self._progress("verify", number * total + done, rounds * total)

            logits = text_logits(which, ids, on_progress=tell, cancelled=self._cancelled)
            return score(logits, ids)

        before = run(model, 0)
        after = before if same else run(built, 1)
        return {
            "tokens": len(ids) - 1,
            "perplexity": after.perplexity,
            "unquantized_perplexity": before.perplexity,
            "top1_agreement": float((before.best == after.best).mean()),
        }

    def expected(self, built: Model, ids: Int32) -> dict[str, Any]:
        """What the reference says of the first tokens."""
        ids = self._evaluated(built, ids)[:_CHECKED]
        logits = text_logits(built, ids, cancelled=self._cancelled)
        with (self.work / "expected.npy").open("wb") as file:
            np.save(file, np.stack([log_softmax(row) for row in logits]), allow_pickle=False)
        return {"ids": ids.tolist()}

    def compile(self, backend: str) -> dict[str, Any]:
        if backend == "tensorrt":
            here = backends.builds_on_gpu(backend, self.spec.device, self.spec.gpus)
            with self._lease(self.spec.predicted.get(backend, 0)) if here else nullcontext():
                return backends.build_tensorrt_plans(self.engine, self.spec, self._progress, self._cancelled)
        if backend == "reference":
            return {}
        with self._lease(self.spec.predicted.get(backend, 0)):
            self._progress("compile", 0, 0)
            return self._isolate("warm", self._request(backend))

    def tried(self, backend: str) -> bool:
        """Whether the engine can be run here at all."""
        return backends.tried_here(backend, self.spec.device, self.spec.gpus)

    def verify(self, backend: str, ids: Int32) -> dict[str, Any]:
        if not self.tried(backend):
            return {}
        request = self._request(backend) | {
            "ids": self._state.stages["expected"]["ids"],
            "expected": str(self.work / "expected.npy"),
            "prompt_tokens": self.spec.prompt_tokens,
        }
        with self._lease(self.spec.predicted.get(backend, 0)) if backend != "reference" else nullcontext():
            self._progress("verify", 0, 0)
            found = self._isolate("check", request)
            if backend == "tensorrt":
                self._choose(request, found.get("tokens_per_s"))
            return found

    def _choose(self, request: dict[str, Any], speed: float | None) -> None:
        """TensorRT agreed with the reference: measure CUDA too, and keep which one `auto` shall take."""
        from engines.tensorrt import choice

        try:
            beside = self._isolate("check", request | {"backend": "cuda"}).get("tokens_per_s")
        except Cancelled:
            raise
        except EngineError as error:
            beside = str(error)
        choice.keep(self.engine, choice.decide(speed, beside))

    def _request(self, backend: str) -> dict[str, Any]:
        return {
            "folder": str(self.engine),
            "backend": backend,
            "cache": str(self.cache),
            "kv_tokens": self.spec.kv_tokens,
            "key_file": None if self.spec.key_file is None else str(self.spec.key_file),
            "pack": None if self.spec.pack is None else str(self.spec.pack),
        }

    def _evaluated(self, model: Model, ids: Int32) -> Int32:
        """As many of the text's tokens as the model's context and the time allow; some tokens where no text was given."""
        ids = np.asarray(ids, np.int32).reshape(-1)
        if len(ids) < 2:
            ids = np.arange(_CHECKED, dtype=np.int32) % model.config.vocab_size
        return ids[: min(self.spec.evaluated, model.config.max_context)]


def _public(seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds by the names that people see."""
    found: dict[str, float] = {}
    for stage, value in seconds.items():
        found[shown(stage)] = round(found.get(shown(stage), 0.0) + value, 3)
    return found


def shown(stage: str) -> str:
    """The stage that people see: one of STAGES."""
    kind = stage.partition("-")[0]
    return kind if kind in STAGES else "verify"


def _inputs(checkpoint: Path, spec: BuildSpec, calibration_ids: Sequence[Int32]) -> dict[str, Any]:
    """Whatever the result of a stage depends on, as JSON."""
    import hashlib

    from engines.store.folder import checkpoint_revision

    digest = hashlib.sha256()
    for ids in calibration_ids:
        digest.update(np.ascontiguousarray(ids, np.int32).tobytes() + b"|")
    device = spec.device
    return {
        "revision": checkpoint_revision(checkpoint),
        "precision": spec.precision,
        "backend": spec.backend,
        "device": msgspec.to_builtins(device) if isinstance(device, DeviceInfo) else None,
        "kv_tokens": spec.kv_tokens,
        "gpus": list(spec.gpus),
        "calibration": digest.hexdigest(),
        "key": spec.key,
    }
