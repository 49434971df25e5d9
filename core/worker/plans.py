"""A look into an engine's folder of TensorRT plans, for the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def inspect_plans(folder: Path, key_file: Path, *, kernels: bool) -> tuple[list[str], dict[str, Any]] | None:
    """Lines for people and an object for programs; None if there are no plans. Raises PlanError if they are damaged. Whether they
    would be trusted here is part of both."""
    from engines.tensorrt.describe import describe, describe_json
    from engines.tensorrt.plans import MANIFEST, PLANS, read_manifest, read_plan
    from engines.tensorrt.seal import PlanError, read_key

    place = folder / PLANS
    if not (place / MANIFEST).exists():
        return None
    plans = read_manifest(place)
    reason = ""
    try:
        for plan in read_manifest(place, read_key(key_file)).plans:
            read_plan(place, plan)
    except PlanError as error:
        reason = str(error)
    lines = describe(plans, kernels)
    lines.append(
        f"NOT USABLE HERE: {reason}" if reason else "seal and hashes are right: built by Deskside on this machine"
    )
    return lines, {**describe_json(plans), "trusted": not reason, "problem": reason or None}
