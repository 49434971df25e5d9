"""Which layout a `quantization_config` names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engines.api.errors import ConfigError, UnsupportedError
from engines.quantization.formats import awq, compressed_tensors, deskside, gptq, modelopt
from engines.quantization.formats.format import Format
from engines.weights.strict_json import brief

_READERS: dict[str, Callable[[Mapping[str, Any], str], Format]] = {
    deskside.METHOD: deskside.read_config,
    "awq": awq.read_config,
    "gptq": gptq.read_config,
    "compressed-tensors": compressed_tensors.read_config,
    "modelopt": modelopt.read_config,
}
MODELOPT_FILE = "hf_quant_config.json"


def read_format(values: Any, where: str) -> Format:
    """`values`: the `quantization_config` of the file `where`. Raises ConfigError, or UnsupportedError naming what is not read."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: quantization_config must be an object; download it again.")
    method = values.get("quant_method")
    if method is None and values.get("quant_library") == "modelopt":
        method = "modelopt"
    if not isinstance(method, str) or method not in _READERS:
        raise UnsupportedError(
            f"{where} says the weights are quantized with {brief(method)!r}, which this version does not read "
            f"(it reads {', '.join(_READERS)}); use the unquantized checkpoint."
        )
    return _READERS[method](values, where)


def read_modelopt_file(values: Mapping[str, Any], where: str) -> Format:
    """The settings that ModelOpt writes beside config.json (`MODELOPT_FILE`), where that itself says nothing."""
    section = values.get("quantization")
    if not isinstance(section, Mapping):
        raise ConfigError(f"{where} has no quantization; download it again.")
    return modelopt.read_config(section, where)
