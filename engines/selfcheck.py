"""Does a backend compute on this machine what the reference does? Asked with the first layers of the real model.

The answer holds for one GPU, driver, set of libraries, set of kernels and model: `key`. Whoever asks does so in a process of its
own (`core.worker.selfcheck`), because a backend that does not work may crash or hang.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.api import Engine, PlanRow, SamplerParams, SlotInit, StepPlan
from engines.api.errors import ContractError
from engines.models import Model, open_model
from engines.models.registry import FAMILIES
from engines.network import Network
from engines.network.schemes import Scheme
from engines.reference.engine import ReferenceEngine
from engines.weights import DType, Tensor

# The reference holds four bytes of each: 1 GB for the layers, 0.25 GB for the vocabulary.
_LAYER_PARAMS: Final = 250_000_000
_VOCAB_PARAMS: Final = 32_000_000
# Relative error of logits that rounding explains, with room: 16 bits give 0.01 to 0.05; where inputs of products are rounded to
# codes as well, a value near the border of two falls to either side, and up to 0.18 was seen. Something else is 1 off.
TOLERANCE: Final = 0.15
TOLERANCE_OF_CODES: Final = 0.35
_PAGE, _PAGES, _SLOTS, _TOKENS = 16, 24, 4, 64
_PACKAGES: Final = ("cuda-bindings", "nvmath-python", "nvidia-cublas", "nvidia-cuda-nvrtc")

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`reason`: one sentence. `error`: the greatest relative error of a step's logits."""

    passed: bool
    reason: str
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first layers of a model, and of its vocabulary: what an engine needs of a model (`LoadedModel`)."""

    model: Model
    network: Network
    config: Any

    @classmethod
    def of(cls, model: Model) -> Excerpt:
        """As many layers as hold 250 million parameters, but one at least; all of a small model."""
        config: Any = model.config
        (family,) = (family for family in FAMILIES if family.name == model.family)
        sizes = {name: int(np.prod(shape)) for name, shape in model.network.params.items()}
        one = sum(size for name, size in sizes.items() if name.startswith("layers.0."))
        layers = max(1, min(config.num_layers, _LAYER_PARAMS // max(one, 1)))
        vocab = config.vocab_size
        if not any(name.startswith(("embed.", "lm_head.")) for name in model.schemes):
            vocab = min(vocab, max(256, _VOCAB_PARAMS // config.hidden_size // 8 * 8))
        config = replace(config, num_layers=layers, vocab_size=vocab)
        return cls(model, family.define(config), config)

    @property
    def family(self) -> str:
        return self.model.family

    @property
    def dtype(self) -> DType:
        return self.model.dtype

    @property
    def revision(self) -> str:
        return self.model.revision

    @property
    def schemes(self) -> dict[str, Scheme]:
        return {name: scheme for name, scheme in self.model.schemes.items() if name in self.network.params}

    @property
    def kv_scales(self) -> Any:
        return None

    def load(self, param: str) -> Tensor:
        tensor = self.model.load(param)
        shape = self.network.params.get(param)
        if shape is None or param in self.model.schemes or tensor.shape == shape:
            return tensor
        return Tensor(param, tensor.dtype, np.ascontiguousarray(tensor.data[: shape[0]]))

    def convert(self, param: str, stored: Tensor) -> Tensor:
        raise ContractError("An excerpt of a model takes no new weights.")

    def params_of(self, tensor: str) -> tuple[str, ...]:
        raise ContractError("An excerpt of a model takes no new weights.")


# Makes the engine to be checked from an excerpt: the engine, and the logits [rows, vocab] of its last forward, given (step, rows).
Candidate = Callable[[Excerpt], "tuple[Engine, Callable[[Any, int], Float32]]"]


def cuda(cache: Path | None) -> Candidate:
    """The CUDA backend."""

    def make(excerpt: Excerpt) -> tuple[Engine, Callable[[Any, int], Float32]]:
        from engines.cuda.engine import CudaEngine

        engine = CudaEngine(
            excerpt, num_pages=_PAGES, page_size=_PAGE, num_slots=_SLOTS, max_tokens=_TOKENS, cache=cache
        )
        return engine, lambda step, rows: engine.logits(rows)

    return make


def key(folder: Path, environment: str) -> str:
    """What an answer holds for: the model in `folder`, our kernels, the libraries, and `environment` (GPU and driver)."""
    digest = hashlib.sha256(environment.encode())
    for package in _PACKAGES:
        try:
            digest.update(f"{package} {importlib.metadata.version(package)}".encode())
        except importlib.metadata.PackageNotFoundError:
            digest.update(f"{package} none".encode())
    for file in sorted((Path(__file__).parent / "cuda").rglob("*")):
        if file.suffix in (".py", ".cu", ".cuh"):
            digest.update(file.read_bytes())
    with open_model(folder) as model:
        digest.update(model.revision.encode())
    return digest.hexdigest()[:32]


def cuda_environment() -> str:
    """The GPU and its driver. Raises DeviceError or UnsupportedError where there is none that could be used."""
    from engines.cuda.driver import Driver

    driver = Driver()
    driver.release()
    return f"{driver.info.name} sm_{driver.info.arch} driver {driver.info.driver}"


def check(folder: Path, candidate: Candidate) -> CheckResult:
    """Prompts in pieces, beside each other and beside generated tokens; logits against the reference's, and the tokens that are
    sampled against the logits. Raises what opening the model or making the engine raises."""
    with open_model(folder) as model:
        excerpt = Excerpt.of(model)
        engine, logits_of = candidate(excerpt)
        try:
            reference = ReferenceEngine(
                excerpt, num_pages=_PAGES, page_size=_PAGE, num_slots=_SLOTS, max_tokens=_TOKENS
            )
            coded = any(scheme.activations for scheme in excerpt.schemes.values())
            worst, tolerance = 0.0, TOLERANCE_OF_CODES if coded else TOLERANCE
            for number, pieces in enumerate(_schedule(excerpt.config.vocab_size)):
                found, tokens = _step(engine, logits_of, number, pieces)
                wanted, _ = _step(reference, lambda step, rows: step.logits, number, pieces)
                if not np.isfinite(found).all():
                    return CheckResult(False, f"Its logits are not finite in step {number}.", float("inf"))
                error = float(np.max(np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)))
                worst = max(worst, error)
                if error > tolerance:
                    return CheckResult(
                        False, f"Its logits are {error:.0%} off the reference's in step {number}.", error
                    )
                rows = np.arange(len(tokens))
                if (found[rows, tokens] < found.max(axis=1)).any():
                    return CheckResult(False, f"It sampled a token that is not the likeliest in step {number}.", error)
            reference.close()
        finally:
            engine.close()
    layers = f"{excerpt.config.num_layers} of {model.config.num_layers} layers"
    return CheckResult(True, f"Logits of {layers} are within {worst:.1%} of the reference's.", worst)


# Slot -> (tokens before, the tokens of this step).
_Pieces = Mapping[int, "tuple[int, NDArray[np.int32]]"]


def _schedule(vocab: int) -> list[_Pieces]:
    rng = np.random.default_rng(0)
    sizes = [{0: 17}, {0: 30, 1: 1}, {0: 1, 1: 40, 2: 5}, {0: 1, 1: 1, 2: 1}, {0: 1, 2: 19, 1: 1}, {0: 1, 1: 1, 2: 1}]
    done = dict.fromkeys(range(_SLOTS), 0)
    found: list[_Pieces] = []
    for step in sizes:
        found.append({slot: (done[slot], rng.integers(0, vocab, size, dtype=np.int32)) for slot, size in step.items()})
        for slot, size in step.items():
            done[slot] += size
    return found


def _step(
    engine: Engine, logits_of: Callable[[Any, int], Float32], number: int, pieces: _Pieces
) -> tuple[Float32, NDArray[np.int32]]:
    """One step, greedy: logits [rows, vocab] of the last token of each piece, and the tokens sampled."""
    rows = []
    for slot, (start, ids) in pieces.items():
        if start == 0:
            engine.init_slot(SlotInit(slot, SamplerParams(temperature=0.0), ids, ids[:0]))
        # Pages of a slot are not side by side.
        need = -(-(start + len(ids)) // _PAGE)
        pages = np.arange(1 + slot, 1 + slot + need * _SLOTS, _SLOTS, dtype=np.int32)
        rows.append(PlanRow(slot, start, ids, pages, True, len(ids) == 1 and start > 0))
    rows.sort(key=lambda row: not row.is_decode)
    step = engine.forward(StepPlan.build(number, rows))
    logits = np.array(logits_of(step, len(rows)), np.float32)
    engine.sample(step)
    return logits, engine.collect(step).token_ids
