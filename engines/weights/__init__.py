"""Checkpoints: safetensors by memory map, strictly; no pickle, ever."""

from engines.weights.dtype import DType
from engines.weights.store import WeightStore
from engines.weights.tensor import Tensor, check_finite, from_float32, round_bf16, to_float32

__all__ = ["DType", "Tensor", "WeightStore", "check_finite", "from_float32", "round_bf16", "to_float32"]
