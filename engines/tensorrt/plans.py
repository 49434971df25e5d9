"""A folder of plans: what was built, how it is bound to the model, hashed and sealed; checked before the library sees a byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from engines.api.errors import ModelError
from engines.tensorrt.build import Profile
from engines.tensorrt.layers import Kernel
from engines.tensorrt.network import Port
from engines.tensorrt.seal import PlanError, check_seal, sealed
from engines.tensorrt.weights import Weight

MANIFEST: Final = "plans.json"
PLANS: Final = "plans"  # the folder of plans in an engine's folder
FORMAT: Final = 1
_CHUNK: Final = 8 << 20
_FILE = re.compile(r"piece-\d{3}\.plan")


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan file. `inputs`, `outputs`, `weights` name its bindings; of shared plans those of the first piece. `constants`: the
    weights are inside. `kernels`: of each profile, as the builder's log tells. `activation`: bytes of scratch per context."""

    file: str
    bytes: int
    sha256: str
    signature: str
    constants: bool
    profiles: tuple[Profile, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    weights: tuple[Weight, ...]
    kernels: tuple[tuple[Kernel, ...], ...]
    activation: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Bound:
    """A piece of the program: its plan, the values at the plan's inputs and outputs, the parameters of each of its weights."""

    plan: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Plans:
    """The manifest. `library`, `version`: what built it. `peak_rss`: of the building process in bytes, 0 where unknown."""

    library: str
    version: str
    targets: tuple[str, ...]
    compute: str
    precision: str
    family: str
    model_revision: str
    max_tokens: int
    num_slots: int
    plans: tuple[Plan, ...]
    pieces: tuple[Bound, ...]
    seconds: float
    peak_rss: int

    def weights(self, piece: int) -> tuple[Weight, ...]:
        """The weights that a piece's inputs take, by the parameters of that piece; none where they are inside the plan."""
        bound = self.pieces[piece]
        plan = self.plans[bound.plan]
        if plan.constants:
            return ()
        return tuple(
            Weight(w.name, params, w.form, w.dtype, w.shape, w.rows)
            for w, params in zip(plan.weights, bound.params, strict=True)
        )

    @property
    def nbytes(self) -> int:
        return sum(plan.bytes for plan in self.plans)


def write_plan(path: Path, plan: Any) -> tuple[int, str]:
    """Stream a plan (a buffer) to disk: bytes and SHA-256."""
    view = memoryview(plan).cast("B")
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, len(view), _CHUNK):
            piece = view[start : start + _CHUNK]
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return len(view), digest.hexdigest()


def write_manifest(folder: Path, plans: Plans, key: bytes) -> None:
    """Seal and write, last and whole: a folder without it holds nothing."""
    text = json.dumps(sealed({"format": FORMAT, **_to_json(plans)}, key), indent=1)
    part = folder / (MANIFEST + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(folder / MANIFEST)


def read_manifest(folder: Path, key: bytes | None = None) -> Plans:
    """What the folder holds. `key`: checks the seal; None only to show it (`inspect`). Raises PlanError."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise PlanError(f"{path} is of another version of Deskside; build the engine again.")
        if key is not None:
            check_seal(values, key, path)
        return _from_json(values)
    except OSError as error:
        raise PlanError(f"{path} cannot be read ({error.strerror}); build the engine again.") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(f"{path} is damaged ({error}); build the engine again.") from None


def check_fits(plans: Plans, folder: Path, *, library: str, version: str, target: str, revision: str) -> None:
    """Raises PlanError, one sentence, if the plans are for another library, GPU or model."""
    wrong = None
    if (plans.library, plans.version) != (library, version):
        wrong = (
            f"was built with {_library(plans.library)} {plans.version}, and {_library(library)} {version} is installed"
        )
    elif target not in plans.targets:
        wrong = f"was built for {', '.join(plans.targets)}, and the GPU here is {target}"
    elif plans.model_revision != revision:
        wrong = "was built from other weights than the model has now"
    if wrong:
        raise PlanError(f"The engine in {folder} {wrong}; build it again with deskside core build.")


def read_plan(folder: Path, plan: Plan) -> bytes:
    """The bytes of a plan whose size and hash are those of the sealed manifest. Raises PlanError."""
    path = folder / plan.file
    try:
        size = path.stat().st_size
        if size != plan.bytes:
            raise PlanError(f"{path} has {size} bytes where {plan.bytes} were written; build the engine again.")
        data = path.read_bytes()
    except OSError as error:
        raise PlanError(f"{path} cannot be read ({error.strerror}); build the engine again.") from None
    if hashlib.sha256(data).hexdigest() != plan.sha256:
        raise PlanError(f"{path} was changed since it was built; build the engine again.")
    return data


def _library(kind: str) -> str:
    return "TensorRT for RTX" if kind == "rtx" else "TensorRT"


def _to_json(plans: Plans) -> dict[str, Any]:
    # Through text and back: what is sealed is what will be read.
    made: dict[str, Any] = json.loads(json.dumps(asdict(plans)))
    return made


def _from_json(values: Mapping[str, Any]) -> Plans:
    plans = tuple(
        Plan(
            **{
                **entry,
                "profiles": tuple(Profile(**p) for p in entry["profiles"]),
                "inputs": tuple(Port(**p) for p in entry["inputs"]),
                "outputs": tuple(Port(**p) for p in entry["outputs"]),
                "weights": tuple(
                    Weight(**{**w, "params": tuple(w["params"]), "shape": tuple(w["shape"]), "rows": tuple(w["rows"])})
                    for w in entry["weights"]
                ),
                "kernels": tuple(
                    tuple(Kernel(**{**k, "types": tuple(k["types"])}) for k in row) for row in entry["kernels"]
                ),
            }
        )
        for entry in values["plans"]
    )
    pieces = tuple(
        Bound(p["plan"], tuple(p["inputs"]), tuple(p["outputs"]), tuple(tuple(params) for params in p["params"]))
        for p in values["pieces"]
    )
    for plan in plans:
        if not _FILE.fullmatch(plan.file):
            raise ModelError(f"the plan {plan.file!r} is no file of its folder")
    rest = {k: v for k, v in values.items() if k not in ("format", "seal", "plans", "pieces", "targets")}
    return Plans(targets=tuple(values["targets"]), plans=plans, pieces=pieces, **rest)
