"""Precisions that an engine can be built in: 16 bits, the checkpoint as it is, and the quantizer's recipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import UnsupportedError
from engines.models.model import Model
from engines.quantization.checkpoint import quantize_checkpoint
from engines.quantization.recipes import RECIPES, needs_calibration
from engines.store.sixteen import keep_files, write_sixteen
from engines.weights import DType

STORED = "stored"
SIXTEEN = {"bf16": DType.BF16, "fp16": DType.FP16}
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Precision:
    """`name`: bf16, fp16, stored, or a recipe of `engines.quantization`."""

    name: str

    @property
    def is_recipe(self) -> bool:
        return self.name not in (*SIXTEEN, STORED)

    @property
    def needs_calibration(self) -> bool:
        """Whether text must be run through the model to find its numbers."""
        return self.is_recipe and needs_calibration(self.name)

    def keeps_values(self, model: Model) -> bool:
        """Whether the result computes with the very numbers of the checkpoint."""
        return self.name == STORED or model.dtype is SIXTEEN.get(self.name)

    def check(self, model: Model) -> None:
        """Raises UnsupportedError if `model` cannot be brought to this precision."""
        if model.schemes and self.name != STORED:
            raise UnsupportedError(
                f"The weights in {model.folder} are quantized already and quantizing them again would only lose more; build them "
                f"as they are (--precision stored), or take the unquantized checkpoint."
            )

    def write(
        self,
        model: Model,
        target: Path,
        *,
        calibration_ids: Sequence[NDArray[np.int32]],
        share: bool,
        on_progress: OnProgress,
        cancelled: Callable[[], bool],
    ) -> None:
        """Weights and config.json into `target`. Stages told: "quantize" in bytes, "calibrate" in layers. Raises Cancelled, what
        `check` raises, WeightError, OSError."""
        self.check(model)

        def tell(done: int, total: int) -> None:
            on_progress("quantize", done, total)

        if self.is_recipe:
            quantize_checkpoint(
                model.folder,
                self.name,
                target,
                calibration_ids=calibration_ids,
                on_progress=on_progress,
                cancelled=cancelled,
                kv_cache=self.needs_calibration,  # the text is run anyway
            )
        elif self.name == STORED:
            keep_files(model, target, share=share, on_progress=tell, cancelled=cancelled)
        else:
            write_sixteen(model, SIXTEEN[self.name], target, share=share, on_progress=tell, cancelled=cancelled)


def find_precision(name: str) -> Precision:
    """Raises UnsupportedError naming what there is."""
    known = (*SIXTEEN, STORED, *RECIPES)
    if name not in known:
        raise UnsupportedError(f"There is no precision {name!r} in this version; there are {', '.join(known)}.")
    return Precision(name)
