"""What the size of a model depends on, from config.json and the headers of its weights; no weights are read.

The header's format is in engines.weights.safetensors, which checks it in full when a model is loaded. Here only names,
dtypes and shapes are wanted, and a header that is not one is named.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelUnusable
from core.library.catalog import read_json

MAX_HEADER = 100_000_000
# Matrices that stay in 16 bits whatever the others become: looked up by row, or the last before the logits.
_KEPT = ("embed", "wte", "wpe", "lm_head", "norm", "router", ".gate.")
_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}

BAD_HEADER = (ValueError, KeyError, TypeError, AttributeError, RecursionError)

Tensor = tuple[str, str, tuple[int, ...]]  # name, dtype, shape


@dataclass(frozen=True, slots=True)
class ModelShape:
    """`linear`: (rows, columns) of every matrix that a quantization changes; `kept`: parameters that stay in 16 bits;
    `stored`: bytes of the weights as they lie on disk; `dtype`: of most of them; `quantized`: they are quantized already."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    context: int
    linear: tuple[tuple[int, int], ...]
    kept: int
    stored: int
    dtype: str
    quantized: bool

    @property
    def parameters(self) -> int:
        return self.kept + sum(rows * columns for rows, columns in self.linear)


def read_shape(folder: Path) -> ModelShape:
    """Of a checkpoint folder. Raises NotFound, ModelUnusable."""
    config = read_json(folder / "config.json")
    single = folder / "model.safetensors"
    files = [single] if single.exists() else sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelUnusable(f"{folder} has no safetensors weights; download the model again.")
    tensors = [tensor for file in files for tensor in _read_header(file)]
    return shape_of(config, tensors, str(folder / "config.json"))


def shape_of(config: dict[str, Any], tensors: Iterable[Tensor], source: str) -> ModelShape:
    """From what config.json holds and every tensor of the weights. `source` names the config in errors."""
    nested = config.get("text_config")
    text = nested if isinstance(nested, dict) else config

    def number(*keys: str, default: int | None = None) -> int:
        for key in keys:
            value = text.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
                return value
        if default is None:
            raise ModelUnusable(f"{source} has no usable {keys[0]}; how much memory the model needs cannot be told.")
        return default

    hidden, heads = number("hidden_size", "n_embd"), number("num_attention_heads", "n_head")
    linear, kept, stored = [], 0, 0
    sizes: dict[str, int] = {}
    for name, dtype, shape in tensors:
        count = math.prod(shape)
        bits = _BITS.get(dtype, 8)
        stored += count * bits // 8
        sizes[dtype] = sizes.get(dtype, 0) + count * bits
        if len(shape) == 2 and name.endswith(".weight") and not any(part in name for part in _KEPT):
            linear.append((shape[0], shape[1]))
        else:
            kept += count
    return ModelShape(
        layers=number("num_hidden_layers", "n_layer"),
        hidden=hidden,
        heads=heads,
        kv_heads=number("num_key_value_heads", default=heads),
        head_dim=number("head_dim", default=max(1, hidden // heads)),
        intermediate=number("intermediate_size", "n_inner", default=4 * hidden),
        vocab=number("vocab_size"),
        context=number("max_position_embeddings", "n_positions", default=2048),
        linear=tuple(linear),
        kept=kept,
        stored=stored,
        dtype=max(sizes, key=lambda dtype: sizes[dtype], default=""),
        quantized=any(config.get(key) is not None for key in ("quantization_config", "compression_config")),
    )


def _read_header(path: Path) -> list[Tensor]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER, path.stat().st_size - 8):
                raise ValueError("its header is longer than the file")
            return parse_tensors(file.read(length))
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); correct its permissions.") from error
    except BAD_HEADER as error:
        raise ModelUnusable(f"{path} is not a safetensors file ({error}); download the model again.") from error


def parse_tensors(header: bytes) -> list[Tensor]:
    """The tensors of a safetensors header. Raises one of BAD_HEADER."""
    entries = json.loads(header)
    return [
        (name, str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
        for name, entry in entries.items()
        if name != "__metadata__"
    ]
