"""What the build pipeline asks of TensorRT: may it be built, build it, can it be tried here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from engines.api.errors import Cancelled, ContractError, DeviceError, UnsupportedError
from engines.api.manifest import DeviceInfo
from engines.models import open_model
from engines.network.schemes import SCHEMES
from engines.tensorrt.compile import Spec, build_plans
from engines.tensorrt.compile import check as check_model
from engines.tensorrt.library import Kind, load_library
from engines.tensorrt.plans import PLANS
from engines.tensorrt.seal import read_key
from engines.tensorrt.targets import TARGETS, Target, check_targets, parse_targets, target_of


def targets(names: Sequence[str], device: DeviceInfo | str) -> tuple[Target, ...]:
    """Those that were named, else the GPU here. Raises UnsupportedError, also for a data-centre GPU that is not this machine's;
    DeviceError if there is neither."""
    if names:
        found = parse_targets(",".join(names))
        if found[0].library == "datacenter" and (isinstance(device, str) or _arch(device) != found[0].arch):
            raise UnsupportedError(
                f"Plans for {found[0]} can be built on that very GPU only, and this machine has none; build them there, or name "
                f"one of {', '.join(TARGETS)}."
            )
        return found
    if isinstance(device, str):
        raise DeviceError(
            f"There is no GPU here to build for ({device.rstrip('.')}); name one, such as --gpu sm89 (GeForce RTX 40)."
        )
    return (target_of(_arch(device)),)


def library_of(names: Sequence[str], device: DeviceInfo | str) -> Kind:
    """Which library builds for them. Raises what `targets` raises."""
    return targets(names, device)[0].library


def runs_here(names: Sequence[str], device: DeviceInfo | str) -> bool:
    """Whether what is built for `names` can be tried on the GPU of this machine."""
    return not isinstance(device, str) and _arch(device) in {target.arch for target in targets(names, device)}


def check(precision: str, names: Sequence[str], device: DeviceInfo | str, pack: Path | None) -> None:
    """Whatever can be refused before anything is quantized: GPU, precision on it, library. A `precision` that is no scheme's name
    is 16 bits, or what the checkpoint has: `build` checks that."""
    found = targets(names, device)
    scheme = SCHEMES.get(precision)
    if scheme is not None:
        check_targets([(scheme, _WIDTH)], "fp16", found)
    load_library(found[0].library, pack)


def build(
    engine: Path,
    names: Sequence[str],
    device: DeviceInfo | str,
    *,
    key_file: Path | None,
    pack: Path | None,
    on_progress: Callable[[str, int, int], None],
    cancelled: Callable[[], bool],
) -> dict[str, Any]:
    """Plans of the model in the folder `engine`, into its `plans/`. Raises Cancelled, UnsupportedError, DeviceError."""
    if key_file is None:
        raise ContractError("TensorRT plans are sealed with a key: say where it is.")

    def tell(stage: str, done: int, total: int) -> None:
        if cancelled():
            raise Cancelled("The build was stopped.")
        on_progress(stage, done, total)

    spec = Spec(targets(names, device))
    library = load_library(spec.targets[0].library, pack)
    with open_model(engine) as model:
        check_model(model, spec)
        plans = build_plans(model, spec, engine / PLANS, library=library, key=read_key(key_file), on_progress=tell)
    return {"library": library.name, "plans": len(plans.plans), "bytes": plans.nbytes, "peak_rss": plans.peak_rss}


# Columns of a linear, as far as schemes are concerned that take any group.
_WIDTH: Final = 1 << 14


def _arch(device: DeviceInfo) -> int:
    return int(device.arch.removeprefix("sm_"))
