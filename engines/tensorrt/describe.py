"""What is in a folder of plans, for people and programs: segments, fused kernels, precisions, sizes."""

from __future__ import annotations

from typing import Any

from engines.tensorrt.layers import summary
from engines.tensorrt.plans import Bound, Plan, Plans


def describe(plans: Plans, kernels: bool = False) -> list[str]:
    """Lines of text. `kernels`: every launch of the first profile too."""
    count = len(plans.pieces)
    launches = sum(len(plans.plans[piece.plan].kernels[0]) for piece in plans.pieces if plans.plans[piece.plan].kernels)
    lines = [
        f"{plans.family}, {plans.precision}, {plans.compute} between layers; built for {', '.join(plans.targets)} with "
        f"{'TensorRT for RTX' if plans.library == 'rtx' else 'TensorRT'} {plans.version}",
        f"{count} segments from {len(plans.plans)} plans, {plans.nbytes / 1e6:,.1f} MB, built in {plans.seconds:,.1f} s"
        + (f" with at most {plans.peak_rss / 1e6:,.0f} MB of memory" if plans.peak_rss else ""),
        f"a decode step launches {launches} kernels of TensorRT's, beside attention and sampling, which are Deskside's own",
    ]
    for number, plan in enumerate(plans.plans):
        users = [index for index, piece in enumerate(plans.pieces) if piece.plan == number]
        lines.append(
            f"{plan.file}  {plan.bytes / 1e6:8,.2f} MB  {plan.seconds:6,.2f} s  segments {_ranges(users)}  "
            f"weights {_weights(plan)}"
        )
        for profile, launched in zip(plan.profiles, plan.kernels, strict=False):
            rows = f"{profile.least}-{profile.most} rows"
            lines.append(f"    {rows:<16} {len(launched)} launches: {summary(launched)}")
        if kernels and plan.kernels:
            lines += [f"        {k.kind:<16} {k.name:<48} {' '.join(k.types)}".rstrip() for k in plan.kernels[0]]
    return lines


def describe_json(plans: Plans) -> dict[str, Any]:
    """The same as one object."""
    return {
        "family": plans.family,
        "precision": plans.precision,
        "compute": plans.compute,
        "gpus": list(plans.targets),
        "library": plans.library,
        "version": plans.version,
        "bytes": plans.nbytes,
        "seconds": plans.seconds,
        "peak_rss": plans.peak_rss or None,
        "max_tokens": plans.max_tokens,
        "plans": [
            {
                "file": plan.file,
                "bytes": plan.bytes,
                "seconds": plan.seconds,
                "weights": "constants" if plan.constants else "inputs",
                "scratch_bytes": plan.activation,
                "profiles": [
                    {"rows": [profile.least, profile.best, profile.most], "kernels": [_kernel(k) for k in launched]}
                    for profile, launched in zip(plan.profiles, plan.kernels, strict=False)
                ],
            }
            for plan in plans.plans
        ],
        "segments": [_segment(piece) for piece in plans.pieces],
    }


def _kernel(kernel: Any) -> dict[str, Any]:
    return {"name": kernel.name, "kind": kernel.kind, "reads": list(kernel.types)}


def _segment(piece: Bound) -> dict[str, Any]:
    parameters = list(dict.fromkeys(name for params in piece.params for name in params))
    return {"plan": piece.plan, "inputs": list(piece.inputs), "outputs": list(piece.outputs), "parameters": parameters}


def _weights(plan: Plan) -> str:
    kinds = ", ".join(
        dict.fromkeys(w.dtype for w in plan.weights if w.form in ("plain", "codes", "codes_t") or "nib" in w.form)
    )
    return f"{'inside' if plan.constants else 'as inputs'} ({kinds})"


def _ranges(numbers: list[int]) -> str:
    """0, 1-31."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)
