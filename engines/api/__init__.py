"""The contract between `core` and any engine: light to import (NumPy only), imported everywhere in `core`."""

from engines.api.constraint import TokenConstraint
from engines.api.engine import Engine, EngineSpec, KVSpec
from engines.api.plan import DUMMY_PAGE, FROM_SLOT, PlanRow, StepPlan
from engines.api.sampling import Sampled, SamplerParams, SlotInit, TokenMasks

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
