"""Linear biases on attention scores (Press et al. 2021), computed once here for every backend."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def alibi_slopes(num_heads: int) -> NDArray[np.float32]:
    """Slope of each head: 2^(-8 i / n) for a power of two, the odd steps of the next one for the rest. Scores get
    slope * (position of the key - position of the query)."""
    power = 2 ** math.floor(math.log2(num_heads))
    slopes = [2.0 ** (-8.0 * (i + 1) / power) for i in range(power)]
    slopes += [2.0 ** (-4.0 * (2 * i + 1) / power) for i in range(num_heads - power)]
    return np.array(slopes, np.float32)
