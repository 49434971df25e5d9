"""What an engine needs of a loaded model, and the tensors that may replace its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import WeightError
from engines.network.graph import Network
from engines.network.schemes import Scheme
from engines.weights.dtype import DType
from engines.weights.tensor import Tensor

# How callers of `update_weights` hold each type (NumPy has no bfloat16).
_DTYPES = {np.dtype(np.uint16): DType.BF16, np.dtype(np.float16): DType.FP16, np.dtype(np.float32): DType.FP32}


class BuildableModel(Protocol):
    """What building plans needs of `engines.models.Model`."""

    @property
    def network(self) -> Network: ...
    @property
    def family(self) -> str: ...
    @property
    def dtype(self) -> DType: ...
    @property
    def revision(self) -> str: ...
    @property
    def schemes(self) -> Mapping[str, Scheme]: ...

    def load(self, param: str) -> Tensor:
        """A parameter in its own shape; of a quantized weight, one of its tensors (`engines.network.schemes`)."""


class LoadedModel(BuildableModel, Protocol):
    """What an engine needs of it. `config`: anything with `vocab_size` and `max_context`."""

    @property
    def config(self) -> Any: ...
    @property
    def kv_scales(self) -> Sequence[tuple[float, float]] | None: ...

    def convert(self, param: str, stored: Tensor) -> Tensor:
        """The parameter that a checkpoint tensor makes; WeightError if shape, dtype or values are not as they must be."""

    def params_of(self, tensor: str) -> tuple[str, ...]:
        """The parameters made of a checkpoint tensor; WeightError for an unknown name."""


def replacements(model: LoadedModel, tensors: Mapping[str, NDArray[np.generic]]) -> Iterator[tuple[str, Tensor]]:
    """Each parameter that checkpoint `tensors` make, with the tensor to `convert`. Raises WeightError: unknown name or type."""
    for name, data in tensors.items():
        params = model.params_of(name)
        if not params:  # a buffer that holds nothing to load, of whatever type
            continue
        if data.dtype not in _DTYPES:
            raise WeightError(
                f"The new tensor {name} is a NumPy array of {data.dtype}; give fp32, fp16, or bf16 as its uint16 bits."
            )
        tensor = Tensor(name, _DTYPES[data.dtype], data)
        for param in params:
            yield param, tensor
