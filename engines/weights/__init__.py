"""Checkpoints: safetensors by memory map, strictly; no pickle, ever."""

from engines.weights.dtype import DType
from engines.weights.store import WeightStore
from engines.weights.tensor import Tensor, check_finite, to_float32

__all__ = ["DType", "Tensor", "WeightStore", "check_finite", "to_float32"]
