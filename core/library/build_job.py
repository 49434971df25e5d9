"""The job kind `build`: from a model, on this machine or on the Hub, to an engine in its place. In a process of its own.

    download (where it is not here) -> check -> quantize -> compile -> verify

`engines.build` does the stages; here is what it must not know: names, folders, texts, locks, the Hub, and who else uses the GPU.
Its working folder is in the job's, or beside the engines where those lie on another disk: cancelling the job removes it, and a job
that is resumed goes on with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from core.config import Config, load_config
from core.errors import Busy, DesksideError, DiskFull, DoesNotFit, InvalidRequest, NotFound, from_engine
from core.jobs.child import JobContext, Stopped, run
from core.library import fetch
from core.library.catalog import find_installed, find_model
from core.library.engines import BuiltEngine, built_engines, engine_key, engine_name, find_engine
from core.library.files import tree_size
from core.library.fit import fit, fit_one, host_bytes, precision_named, recommend, weight_bytes
from core.library.gpus import Gpu, find_gpu, present_gpus
from core.library.hub import Hub
from core.library.installed import collect_trash, remove_engine_folder
from core.library.isolated import run_isolated
from core.library.locks import engine_lock_name, holder, lock_path, own_model, try_model, use_model
from core.library.manifest import links_to
from core.library.names import parse_repo
from core.library.progress import Progress
from core.library.pull import Pull
from core.library.select import SMALL_FILES
from core.library.shape import ModelShape, read_shape
from core.library.texts import Int32, calibration_ids, evaluation_ids
from core.library.tokens import find_token
from core.packs.install import pack_folder
from core.packs.pinned import RTX
from core.paths import Places
from core.pipes import Connection
from core.text.prompt import PromptBuilder
from engines.api.errors import Cancelled, EngineError, StaleError
from engines.api.manifest import DeviceInfo, Manifest
from engines.build import BuildSpec, build
from engines.precisions import find_precision
from engines.store import check_engine, find_manifest
from engines.store.folder import checkpoint_revision

_SM = re.compile(r"\s*sm_?\d+\s*(,\s*sm_?\d+\s*)*", re.IGNORECASE)
_SPARE = 256 << 20  # bytes kept free besides the engine: caches, logs
_KV_TOKENS = 4096
_WORK_FLOPS = 6e12  # of judging the weights, twice: a minute or so on a desktop's cores
_LEAST, _MOST = 64, 1024  # tokens that are judged


class BuildParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`model`: demo, an installed name, a folder, or REPO[@revision]. `precision` auto: what fits best here. `gpu`: one by name
    that the engine must fit. `calibration`: a text file, None for the bundled text."""

    model: str
    precision: str = "auto"
    backend: str = "auto"
    gpu: str | None = None
    calibration: str | None = None


def main(connection: Connection) -> None:
    """The role `build`."""
    run(connection, work)


def work(context: JobContext) -> Path:
    """Returns the engine's folder."""
    try:
        params = msgspec.convert(context.params, BuildParams)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The parameters of the build cannot be used ({error}).", "params") from error
    try:
        return _Work(context, params, load_config(os.environ)).run()
    except Cancelled:
        raise Stopped from None
    except EngineError as error:
        raise from_engine(error) from error


class _Work:
    """One build."""

    def __init__(self, context: JobContext, params: BuildParams, config: Config) -> None:
        self.context, self.params, self.config = context, params, config
        self.places: Places = config.places
        self.log = context.folder / "log.txt"
        self.gpus = _targets(params)

    def run(self) -> Path:
        collect_trash(self.places)
        self.context.progress("check", 0, 0)
        name, folder = self._model()
        using = use_model(folder, self.places)
        try:
            return self._build(name, folder)
        finally:
            if using is not None:
                using.release()

    # --- the model -------------------------------------------------------------------------------------------------------------

    def _model(self) -> tuple[str, Path]:
        """Its name here (the folder's path, where it is not installed) and its folder; downloaded first if only the Hub has it."""
        asked = self.params.model
        if find_engine(asked, self.places) is not None:
            raise InvalidRequest(f"{asked} is an engine; give the model that it was built of.", "model")
        try:
            folder = find_model(asked, self.places)
        except NotFound:
            if "/" not in asked or asked.startswith(("/", ".", "~")):
                raise
            return self._pull(asked)
        if find_installed(asked, self.places) is not None:
            return asked, folder
        for name in links_to(folder, self.places.models):  # by its path, and installed all the same
            return name, folder
        try:
            return folder.relative_to(self.places.models.resolve()).as_posix(), folder
        except ValueError:
            return str(folder), folder

    def _pull(self, model: str) -> tuple[str, Path]:
        parse_repo(model)
        hub = Hub(token=find_token(self.places, os.environ), offline=self.config.offline)

        def show(progress: Progress) -> None:
            try:
                self.context.progress(progress.stage, progress.done, progress.total)
            except Stopped:
                pull.stop()

        def say(text: str) -> None:
            print(text, file=sys.stderr, flush=True)

        pull = Pull(model, self.places, hub, on_progress=show, on_note=say)

        def watch() -> None:
            self.context.stop.wait()
            pull.stop()

        threading.Thread(target=watch, name="pull-stop", daemon=True).start()
        try:
            pulled = pull.run()
        except fetch.Stopped:
            raise Stopped from None
        self.context.progress("check", 0, 0)
        return pulled.name, pulled.folder

    # --- the engine ------------------------------------------------------------------------------------------------------------

    def _build(self, model: str, folder: Path) -> Path:
        shape = read_shape(folder)
        device = self._device()
        precision = self._precision(shape, device)
        text = find_precision(precision).needs_calibration
        label = Path(model).name if Path(model).is_absolute() else model
        name = engine_name(label, precision, self.params.backend)
        builder = PromptBuilder.from_folder(folder, self.places.cache / "tokenizers")
        file = Path(self.params.calibration) if self.params.calibration else None
        calibration = calibration_ids(builder, file) if text or file else []
        digest = _digest(calibration) if text else ""
        inputs = {
            "revision": checkpoint_revision(folder),
            "precision": precision,
            "backend": self.params.backend,
            "device": msgspec.to_builtins(device) if isinstance(device, DeviceInfo) else None,
            "calibration": digest,
        }
        if self.params.backend == "tensorrt":
            inputs |= {"gpus": self.gpus, "tensorrt": RTX.version}
        key = engine_key(name, msgspec.json.encode(inputs, order="sorted").decode())
        target = self.places.engine(key)
        lock_file = lock_path(engine_lock_name(target), self.places, "build")
        lock = try_model(engine_lock_name(target), self.places, "build")
        if lock is None:
            raise Busy(f"The engine {name} is being built already{holder(lock_file)}; wait for that or stop it.")
        with lock:
            if self._is_there(target, device):
                return target
            self._check_fit(shape, precision, device)
            self._check_disk(shape, precision)
            spec = BuildSpec(
                name=name,
                model=model,
                key=key,
                precision=precision,
                backend=self.params.backend,
                device=device,
                share=folder.is_relative_to(self.places.models),
                extra_files=tuple(file for file in SMALL_FILES if file != "config.json"),
                kv_tokens=min(_KV_TOKENS, shape.context),
                predicted=_predicted(shape, precision, device),
                calibration=digest,
                gpus=self.gpus,
                key_file=self.places.engine_key,
                pack=pack_folder(RTX, self.places),
                evaluated=int(min(_MOST, max(_LEAST, _WORK_FLOPS / (2 * shape.parameters)))),
            )
            manifest = self._run(folder, spec, target, calibration, evaluation_ids(builder))
        self._remove_former(manifest, target)
        if not self._work.is_relative_to(self.context.folder):
            shutil.rmtree(self._work.parent, ignore_errors=True)
        return target

    def _run(
        self, folder: Path, spec: BuildSpec, target: Path, calibration: list[Int32], evaluation: Int32
    ) -> Manifest:
        work = self._work

        def isolate(function: str, request: Mapping[str, Any]) -> dict[str, Any]:
            return run_isolated(function, request, stop=self.context.stop, log=self.log)

        owned = own_model(engine_lock_name(target), self.places) if target.exists() else None
        try:
            return build(
                folder,
                spec,
                target,
                self.places.kernels,
                calibration,
                evaluation,
                self.context.progress,
                self.context.stop.is_set,
                work_dir=work,
                isolate=isolate,
                lease=self.context.gpu,
            )
        finally:
            if owned is not None:
                owned.release()

    @property
    def _work(self) -> Path:
        """Where the engine gathers: on the volume of the engines, as it takes its place by a rename."""
        folder = self.context.folder
        if self.places.library is None or folder.is_relative_to(self.places.engines):
            return folder / "work"
        return self.places.building(self.context.id) / "work"

    def _device(self) -> DeviceInfo | str:
        """The GPU here, or why there is none; looked for in a process of its own, for a broken driver can end it."""
        if self.params.backend == "reference":
            return "The reference backend was asked for."
        try:
            answer = run_isolated("probe", {}, stop=self.context.stop, log=self.log, timeout=120)
        except Cancelled:
            raise
        except EngineError as error:
            return str(error)
        if answer["device"] is None:
            return str(answer["reason"])
        return msgspec.convert(answer["device"], DeviceInfo)

    def _precision(self, shape: ModelShape, device: DeviceInfo | str) -> str:
        """What was asked for; with `auto`, what fits here with the least loss."""
        wanted = self.params.precision
        if wanted != "auto":
            return wanted
        if shape.quantized:
            return "stored"
        gpu = self._gpu(device)
        if gpu is not None:
            context = min(8192, shape.context)
            advice = recommend(fit(shape, gpu, context, 1), shape, gpu, context, 1)
            if advice.precision is None:
                raise DoesNotFit(advice.sentence)
            return {"int4": "int4-awq"}.get(advice.precision, advice.precision)
        return "fp16" if shape.dtype == "F16" else "bf16"

    def _gpu(self, device: DeviceInfo | str) -> Gpu | None:
        """The GPU that the engine must fit: the one that was named, else the one here without what others use, for the service's
        own models make room. None: it will run on the processor."""
        if self.params.gpu is not None and _SM.fullmatch(self.params.gpu) and self.params.backend == "tensorrt":
            return None  # an architecture has no memory: cards of several sizes share it
        if self.params.gpu is not None:
            return find_gpu(self.params.gpu)
        if isinstance(device, str):
            return None
        here = next((gpu for gpu in present_gpus() if gpu.name == device.name), None)
        major, minor = divmod(int(device.arch.removeprefix("sm_")), 10)
        known = here or Gpu(device.name, device.memory, (major, minor), 0, 0, True)
        return replace(known, others=0)

    def _check_fit(self, shape: ModelShape, precision: str, device: DeviceInfo | str) -> None:
        """Refused before hours are spent: with the numbers, and what would fit."""
        gpu = self._gpu(device)
        if gpu is None or (self.params.backend == "reference" and self.params.gpu is None):
            return
        context = min(_KV_TOKENS, shape.context)
        one = fit_one(shape, gpu, context, 1, precision)
        if one.reason:
            advice = recommend(fit(shape, gpu, context, 1), shape, gpu, context, 1)
            what = f"{self.params.model} in {precision} does not fit on {gpu.name}: it {one.reason}"
            raise DoesNotFit(f"{what}. {advice.sentence}")

    def _check_disk(self, shape: ModelShape, precision: str) -> None:
        """Room for the engine, less what an earlier run has written already."""
        needed = weight_bytes(shape, precision_named(precision, shape)) + _SPARE - tree_size(self._work)
        self.places.engines.mkdir(parents=True, exist_ok=True)
        free = min(shutil.disk_usage(place).free for place in (self.places.engines, self.context.folder))
        if free < needed:
            raise DiskFull(
                f"The engine of {self.params.model} in {precision} needs {needed / 1e9:,.2f} GB, but the disk with "
                f"{self.places.engines} has only {free / 1e9:,.2f} GB free; free {(needed - free) / 1e9:,.2f} GB and go on, or "
                f"move models and engines to another disk (Settings, Storage)."
            )

    def _is_there(self, target: Path, device: DeviceInfo | str) -> bool:
        """Whether this very engine was built before and is whole."""
        try:
            manifest = find_manifest(target)
            if manifest is None:
                return False
            check_engine(target, manifest, device=lambda: _device_or_raise(device), revision=checkpoint_revision)
        except (StaleError, OSError):
            return False
        return True

    def _remove_former(self, manifest: Manifest, target: Path) -> None:
        """An engine of that name for what was here before. One that is loaded stays until the next build."""
        for engine in built_engines(self.places):
            other = engine.manifest
            if engine.folder != target and other and (other.name, other.model) == (manifest.name, manifest.model):
                _remove_quietly(engine, self.places)


def _targets(params: BuildParams) -> tuple[str, ...]:
    """What TensorRT builds for: architectures as they were named, that of a card by name, or none for the GPU here."""
    if params.backend != "tensorrt" or params.gpu is None:
        return ()
    if _SM.fullmatch(params.gpu):
        return tuple(word.strip().lower() for word in params.gpu.split(","))
    major, minor = find_gpu(params.gpu).capability
    return (f"sm{10 * major + minor}",)


def _remove_quietly(engine: BuiltEngine, places: Places) -> None:
    try:
        remove_engine_folder(engine, places)
    except DesksideError as error:
        print(error.message, file=sys.stderr, flush=True)


def _device_or_raise(device: DeviceInfo | str) -> DeviceInfo:
    if isinstance(device, str):
        raise StaleError(device)
    return device


def _predicted(shape: ModelShape, precision: str, device: DeviceInfo | str) -> dict[str, int]:
    """Bytes on each backend with the KV pool that is used while verifying."""
    tokens = min(_KV_TOKENS, shape.context)
    found = {"reference": host_bytes(shape, tokens)}
    if isinstance(device, DeviceInfo):
        major, minor = divmod(int(device.arch.removeprefix("sm_")), 10)
        one = fit_one(shape, Gpu(device.name, device.memory, (major, minor), 0, 0, True), tokens, 1, precision)
        found |= dict.fromkeys(("cuda", "tensorrt"), one.needed)
    return found


def _digest(sequences: list[Int32]) -> str:
    digest = hashlib.sha256()
    for ids in sequences:
        digest.update(np.ascontiguousarray(ids).tobytes() + b"|")
    return digest.hexdigest()[:16]
