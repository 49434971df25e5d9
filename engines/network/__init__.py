"""The model-definition API: write a model once, every backend runs it. See docs/add-a-model.md and docs/custom-op.md."""

from engines.network.builder import Builder, Value
from engines.network.custom import CustomOp, custom_op
from engines.network.graph import Network, Node, Program, Segment
from engines.network.ops import ActivationKind, Rope, RopeScaling

__all__ = [
    "ActivationKind",
    "Builder",
    "CustomOp",
    "Network",
    "Node",
    "Program",
    "Rope",
    "RopeScaling",
    "Segment",
    "Value",
    "custom_op",
]
