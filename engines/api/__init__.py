"""The contract between `core` and any engine, imported everywhere in `core`: NumPy at most, and that only for what needs it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.api.constraint import TokenConstraint as TokenConstraint
    from engines.api.engine import Engine as Engine
    from engines.api.engine import EngineSpec as EngineSpec
    from engines.api.engine import KVSpec as KVSpec
    from engines.api.plan import DUMMY_PAGE as DUMMY_PAGE
    from engines.api.plan import FROM_SLOT as FROM_SLOT
    from engines.api.plan import PlanRow as PlanRow
    from engines.api.plan import StepPlan as StepPlan
    from engines.api.sampling import Sampled as Sampled
    from engines.api.sampling import SamplerParams as SamplerParams
    from engines.api.sampling import SlotInit as SlotInit
    from engines.api.sampling import TokenMasks as TokenMasks

_WHERE = {
    "constraint": ("TokenConstraint",),
    "engine": ("Engine", "EngineSpec", "KVSpec"),
    "plan": ("DUMMY_PAGE", "FROM_SLOT", "PlanRow", "StepPlan"),
    "sampling": ("Sampled", "SamplerParams", "SlotInit", "TokenMasks"),
}
__all__ = [
    "DUMMY_PAGE",
    "FROM_SLOT",
    "Engine",
    "EngineSpec",
    "KVSpec",
    "PlanRow",
    "Sampled",
    "SamplerParams",
    "SlotInit",
    "StepPlan",
    "TokenConstraint",
    "TokenMasks",
]


def __getattr__(name: str) -> Any:
    """As `core` does: `engines.api.errors` and `engines.api.manifest` are read by programs that compute nothing."""
    for module, names in _WHERE.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"engines.api.{module}"), name)
    raise AttributeError(f"module 'engines.api' has no attribute {name!r}")
