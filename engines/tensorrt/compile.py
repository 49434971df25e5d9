"""A model -> a folder of plans: each piece emitted, built, written and let go before the next, so that memory holds one."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engines.api.errors import UnsupportedError
from engines.network.schemes import precision
from engines.passes import compile_program
from engines.tensorrt.build import Compiler, row_profiles, token_profiles
from engines.tensorrt.library import Library
from engines.tensorrt.network import emit_piece, needs_constants, signature
from engines.tensorrt.pieces import cut, pieces_of
from engines.tensorrt.plans import Bound, Plan, Plans, write_manifest, write_plan
from engines.tensorrt.targets import Target, check_targets, linears_of
from engines.tensorrt.weights import ElementType
from engines.weights import DType
from engines.weights.loaded import BuildableModel

# Called with (stage, done, total); what it raises ends the build, within one plan's time.
OnProgress = Callable[[str, int, int], None]

STAGE: Final = "compile"
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Spec:
    """What to build for. `max_tokens`: of one step, the size of a prefill chunk: activation memory grows with it. `num_slots`:
    logit rows at most."""

    targets: tuple[Target, ...]
    max_tokens: int = 2048
    num_slots: int = 256

    def compute(self, dtype: DType) -> ElementType:
        """fp16 for a checkpoint in fp16 or a GPU without bf16, else bf16."""
        return "fp16" if dtype is DType.FP16 or any(target.compute == "fp16" for target in self.targets) else "bf16"


def check(model: BuildableModel, spec: Spec) -> ElementType:
    """Everything that can be refused before building, refused: UnsupportedError. Returns the 16-bit type. Needs no library."""
    program = compile_program(model.network, model.schemes)
    compute = spec.compute(model.dtype)
    check_targets(linears_of(pieces_of(cut(program)), program.network.params), compute, spec.targets)
    return compute


def build_plans(
    model: BuildableModel,
    spec: Spec,
    folder: Path,
    *,
    library: Library,
    key: bytes,
    on_progress: OnProgress | None = None,
) -> Plans:
    """Build every plan of `model` into `folder`, which is made, and whose manifest comes last.

    Pieces of one shape share a plan whose weights are inputs; pieces with INT4 or NVFP4 weights have one each. Raises
    UnsupportedError before anything is built, DeviceError with the library's reason, or what `on_progress` raised.
    """
    compute = check(model, spec)
    if any(target.library != library.kind for target in spec.targets):
        raise UnsupportedError(
            f"{library.name} does not build for {', '.join(map(str, spec.targets))}; take --backend cuda there."
        )
    program = compile_program(model.network, model.schemes)
    network = program.network
    pieces = pieces_of(cut(program))
    started = time.perf_counter()
    compiler = Compiler(library)
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, int] = {}
    owners = []
    for piece in pieces:
        name = signature(piece, network.widths, network.params)
        name = f"{name}-{piece.index}" if needs_constants(piece) else name
        owners.append(names.setdefault(name, len(names)))
    plans: list[Plan] = []
    bound: list[Bound] = []
    total = _STEPS * len(names)
    for piece, owner in zip(pieces, owners, strict=True):
        constants = needs_constants(piece)
        if owner < len(plans):
            # Emitted for its bindings alone: a network of inputs, without a byte of weights.
            emitted = emit_piece(library.trt, compiler.builder, piece, network.widths, network.params, compute, None)
        else:
            done = _STEPS * owner
            if on_progress is not None:
                on_progress(STAGE, done, total)
            emitted = emit_piece(
                library.trt, compiler.builder, piece, network.widths, network.params, compute,
                model.load if constants else None,
            )  # fmt: skip
            profiles = token_profiles(spec.max_tokens, constants) if piece.rows == "T" else row_profiles(spec.num_slots)
            built = compiler.build(emitted, spec.targets, profiles, _steps(on_progress, done, total))
            file = f"piece-{owner:03}.plan"
            size, digest = write_plan(folder / file, built.plan)
            plans.append(
                Plan(
                    file, size, digest, [*names][owner], constants, profiles, emitted.inputs, emitted.outputs,
                    emitted.weights, built.log.kernels, built.log.activation, round(built.seconds, 3),
                )
            )  # fmt: skip
            del built
        bound.append(Bound(owner, piece.inputs, piece.outputs, tuple(w.params for w in emitted.weights)))
        del emitted
    made = Plans(
        library=library.kind,
        version=library.version,
        targets=tuple(target.name for target in spec.targets),
        compute=compute,
        precision=precision(model.schemes) or compute,
        family=model.family,
        model_revision=model.revision,
        max_tokens=spec.max_tokens,
        num_slots=spec.num_slots,
        plans=tuple(plans),
        pieces=tuple(bound),
        seconds=round(time.perf_counter() - started, 3),
        peak_rss=peak_rss(),
    )
    write_manifest(folder, made, key)
    if on_progress is not None:
        on_progress(STAGE, total, total)
    return made


def peak_rss() -> int:
    """The most memory this process has held, mapped files included, in bytes; 0 where the system does not say."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return 0
    size = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return size if sys.platform == "darwin" else 1024 * size


def _steps(on_progress: OnProgress | None, done: int, total: int) -> Any:
    if on_progress is None:
        return None
    return lambda share: on_progress(STAGE, done + int(share * (_STEPS - 1)), total)
