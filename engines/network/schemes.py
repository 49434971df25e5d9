"""How a linear layer's weight is stored and its input rounded: the words that models, passes and backends share.

A quantized weight `w` of logical shape [out, in] is several tensors, named after the parameter:

    w               the packed codes
    w.scale         what codes are multiplied by: fp32 [] or [out], fp16 [out, in / group]; E4M3 [out, in / 16] for NVFP4
    w.scale2        NVFP4's second level, fp32 []
    w.zero          with zero_points: the code that stands for 0, uint8 [out] or [out, in / group]
    w.input_scale   static scale of the input, fp32 []: the input is rounded to multiples of it (NVFP4: see `Scheme`)
    w.pre_scale     fp32 [in]: the input is multiplied by it before anything else

Codes: int8 [out, in]; int4 in uint8 [out, in / 2], two along `in` per byte, the low nibble first, stored as code + 8;
E4M3FN in uint8 [out, in]; E2M1 in uint8 [out, in / 2], the low nibble first. A value is code * scale: (stored - zero) * scale
with zero points, where stored is 0 .. 15 (int4) or code + 128 (int8); code * scale * scale2 for NVFP4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

from engines.api.errors import ContractError, UnsupportedError
from engines.weights.dtype import DType

NVFP4_BLOCK: Final = 16
FP8_MAX: Final = 448.0
FP4_MAX: Final = 6.0
INT8_MAX: Final = 127
INT4_MAX: Final = 7

_WEIGHTS: Final = {"int8": DType.INT8, "int4": DType.UINT8, "fp8": DType.FP8_E4M3, "nvfp4": DType.UINT8}


@dataclass(frozen=True, slots=True)
class Scheme:
    """`weights`: type of the codes. `per`: what shares a scale; `group` columns for "group". `zero_points`: int4 and int8 only.

    `activations`: None leaves the input as it is (weight-only), else it is rounded to that type, with a scale
    - "dynamic_token": of each token, max |x| / 448 (fp8) or / 127 (int8);
    - "static_tensor": `input_scale`, values beyond it saturate. NVFP4 rounds blocks of 16 with dynamic E4M3 scales under the
      static second level `input_scale`, as its weights are.
    A token's result never depends on the other tokens of the step.

    `pre_scale`: the input is multiplied by a vector first (AWQ and SmoothQuant where it is not folded into the layer before).
    """

    weights: Literal["int8", "int4", "fp8", "nvfp4"]
    per: Literal["tensor", "channel", "group"]
    group: int | None = None
    zero_points: bool = False
    activations: Literal["int8", "fp8", "nvfp4"] | None = None
    activation_scale: Literal["dynamic_token", "static_tensor"] | None = None
    pre_scale: bool = False

    def __post_init__(self) -> None:
        grouped = self.per == "group"
        wrong = (
            self.weights not in _WEIGHTS
            or grouped != (self.group is not None)
            or (self.group is not None and (self.group < 8 or self.group % 8))
            or (self.weights == "fp8" and grouped)
            or (self.weights == "int4" and self.per == "tensor")
            or (self.weights == "nvfp4" and self.group != NVFP4_BLOCK)
            or (self.zero_points and self.weights not in ("int4", "int8"))
            or (self.activations is None) != (self.activation_scale is None)
            or (self.activations is not None and self.activations != self.weights)
            or (self.activations is not None and (self.zero_points or (grouped and self.weights != "nvfp4")))
            or (self.activations == "nvfp4" and self.activation_scale != "static_tensor")
        )
        if wrong:
            raise ContractError(f"{self} is not a scheme: its parts contradict each other.")

    @property
    def label(self) -> str:
        """A short name for people: int4-g128, fp8, nvfp4-w4a16."""
        if self.weights == "nvfp4":
            return "nvfp4" if self.activations else "nvfp4-w4a16"
        if self.activations is not None:
            kind = {"fp8": "fp8", "int8": "w8a8"}[self.weights]
            static = "-static" if self.activation_scale == "static_tensor" else ""
            return kind + ("-tensor" if self.per == "tensor" else "") + static
        kind = self.weights if self.weights != "fp8" else "fp8-w8a16"
        return f"{kind}-g{self.group}" if self.group else kind

    def tensors(self, out: int, width: int) -> dict[str, tuple[DType, tuple[int, ...]]]:
        """Suffix ("" for the codes, else "scale", ...) -> type and shape of each tensor of a weight [out, width]. Raises
        UnsupportedError if the weight cannot be cut so."""
        if self.group is not None and width % self.group:
            raise UnsupportedError(f"{width} columns are not a multiple of the group of {self.group} ({self.label}).")
        if width % 2 and self.weights in ("int4", "nvfp4"):
            raise UnsupportedError(f"{self.label} packs two columns into a byte, and there are {width}.")
        columns = width // 2 if self.weights in ("int4", "nvfp4") else width
        found: dict[str, tuple[DType, tuple[int, ...]]] = {"": (_WEIGHTS[self.weights], (out, columns))}
        per: tuple[int, ...] = () if self.per == "tensor" else (out,)
        if self.group is not None:
            per = (out, width // self.group)
        kind = DType.FP8_E4M3 if self.weights == "nvfp4" else DType.FP16 if self.group is not None else DType.FP32
        found["scale"] = (kind, per)
        if self.weights == "nvfp4":
            found["scale2"] = (DType.FP32, ())
        if self.zero_points:
            found["zero"] = (DType.UINT8, per)
        if self.activation_scale == "static_tensor":
            found["input_scale"] = (DType.FP32, ())
        if self.pre_scale:
            found["pre_scale"] = (DType.FP32, (width,))
        return found

    def bytes(self, out: int, width: int) -> int:
        """Of all tensors of a weight [out, width]."""
        total = 0
        for dtype, shape in self.tensors(out, width).values():
            size = dtype.itemsize
            for n in shape:
                size *= n
            total += size
        return total

    def to_json(self) -> dict[str, Any]:
        """Every field, by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> Scheme:
        """The reverse of `to_json`, for a scheme found in the file `where`. Raises UnsupportedError for fields or values of
        another version."""
        known = {field.name for field in fields(cls)}
        try:
            if values.keys() - known:
                raise ContractError(f"unknown fields {sorted(values.keys() - known)}")
            return cls(**values)
        except (ContractError, TypeError, AttributeError) as error:
            raise UnsupportedError(
                f"{where} has a quantization scheme of another version ({error}); build the engine again."
            ) from None


def precision(schemes: Mapping[str, Scheme]) -> str | None:
    """The labels of a model's schemes in one word (`int4-g128`, or `fp8+int8` of a mixture); None if there are none."""
    return "+".join(sorted({scheme.label for scheme in schemes.values()})) or None


# What `quantize_checkpoint` can make, by name; how the numbers are found is `engines.quantization.recipes`.
SCHEMES: Final[Mapping[str, Scheme]] = {
    "int8": Scheme("int8", "channel"),
    "int4": Scheme("int4", "group", 128),
    "int4-g64": Scheme("int4", "group", 64),
    "int4-awq": Scheme("int4", "group", 128),
    "int4-awq-g64": Scheme("int4", "group", 64),
    "fp8": Scheme("fp8", "channel", activations="fp8", activation_scale="dynamic_token"),
    "fp8-tensor": Scheme("fp8", "tensor", activations="fp8", activation_scale="static_tensor"),
    "fp8-w8a16": Scheme("fp8", "channel"),
    "nvfp4": Scheme("nvfp4", "group", NVFP4_BLOCK, activations="nvfp4", activation_scale="static_tensor"),
    "nvfp4-w4a16": Scheme("nvfp4", "group", NVFP4_BLOCK),
    "w8a8": Scheme("int8", "channel", activations="int8", activation_scale="dynamic_token"),
}
