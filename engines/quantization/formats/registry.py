"""Which layout a `quantization_config` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.api.errors import ConfigError, UnsupportedError
from engines.quantization.formats import deskside
from engines.quantization.formats.format import Format
from engines.weights.strict_json import brief

_READERS = {deskside.METHOD: deskside.read_config}


def read_format(values: Any, where: str) -> Format:
    """`values`: the `quantization_config` of the file `where`. Raises ConfigError, or UnsupportedError naming what is not read."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: quantization_config must be an object; download it again.")
    method = values.get("quant_method")
    if not isinstance(method, str) or method not in _READERS:
        raise UnsupportedError(
            f"{where} says the weights are quantized with {brief(method)!r}, which this version does not read "
            f"(it reads {', '.join(_READERS)}); use the unquantized checkpoint."
        )
    return _READERS[method](values, where)
