"""Model families, and `open_model`, which finds the one that a checkpoint folder holds."""

from engines.models.config import ModelConfig
from engines.models.family import Family, Source
from engines.models.model import Model
from engines.models.registry import FAMILIES, open_model

__all__ = ["FAMILIES", "Family", "Model", "ModelConfig", "Source", "open_model"]
