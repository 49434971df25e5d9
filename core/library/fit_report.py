"""Will MODEL fit? For a model on this machine or on the Hub, and a GPU here or by name: what `fit` and the service answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import DeviceUnusable, NotFound
from core.library.catalog import find_model
from core.library.fit import Advice, Fit, fit, recommend
from core.library.gpus import Gpu, find_gpu, present_gpus
from core.library.hub import Hub
from core.library.remote import look_at
from core.library.shape import ModelShape, read_shape
from core.paths import Places

DEFAULT_CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class FitReport:
    """`on_hub`: the model is not here; `download` bytes would be fetched."""

    model: str
    on_hub: bool
    download: int
    shape: ModelShape
    gpu: Gpu
    context: int
    chats: int
    fits: list[Fit]
    advice: Advice

    def as_json(self) -> dict[str, object]:
        """The object that `deskside core fit --json` prints and the service answers (core.schemas.FitReply)."""
        gpu = self.gpu
        return {
            "model": self.model,
            "on_hub": self.on_hub,
            "download_bytes": self.download,
            "parameters": self.shape.parameters,
            "gpu": {
                "name": gpu.name,
                "bytes": gpu.memory,
                "compute_capability": list(gpu.capability),
                "bandwidth_bytes_per_s": gpu.bandwidth or None,
                "others_bytes": gpu.others,
                "others_measured": gpu.measured,
            },
            "context": self.context,
            "chats": self.chats,
            "precisions": [_json(item) for item in self.fits],
            "recommended": self.advice.precision,
            "reason": self.advice.sentence,
        }


def report_fit(
    model: str, places: Places, hub: Callable[[], Hub], gpu: str | None, context: int | None, chats: int
) -> FitReport:
    """`model`: as `find_model` takes it, else REPO[@revision] on the Hub. `gpu` None: the one here with the most free memory.
    `context` None: 8192, or all that the model has. Raises NotFound, InvalidRequest, DeviceUnusable, and what looking up raises."""
    named = find_gpu(gpu) if gpu is not None else None
    shape, download, on_hub = _shape(model, places, hub)
    chosen = named or here()
    tokens = min(DEFAULT_CONTEXT, shape.context) if context is None else context
    fits = fit(shape, chosen, tokens, chats)
    advice = recommend(fits, shape, chosen, tokens, chats)
    return FitReport(model, on_hub, download, shape, chosen, tokens, chats, fits, advice)


def here() -> Gpu:
    """The NVIDIA GPU of this machine with the most free memory. Raises DeviceUnusable."""
    gpus = present_gpus()
    if not gpus:
        raise DeviceUnusable(
            "No NVIDIA GPU was found here (driver, or the package nvidia-ml-py, is missing); name one with --gpu, such as rtx4060."
        )
    return gpus[0]


def _shape(model: str, places: Places, hub: Callable[[], Hub]) -> tuple[ModelShape, int, bool]:
    try:
        return read_shape(find_model(model, places)), 0, False
    except NotFound as error:
        if "/" not in model or model.startswith(("/", ".", "~")):
            raise NotFound(f"{error.message} A model on the Hub is written ORGANIZATION/NAME.") from error
    looked = look_at(model, hub())
    return looked.shape, looked.size, True


def _json(item: Fit) -> dict[str, object]:
    return {
        "precision": item.precision,
        "weights_bytes": item.weights,
        "kv_bytes": item.kv,
        "workspace_bytes": item.workspace,
        "runtime_bytes": item.runtime,
        "others_bytes": item.others,
        "needed_bytes": item.needed,
        "available_bytes": item.available,
        "fits": not item.reason,
        "reason": item.reason or None,
        "lacks_capability": None if item.lacks is None else list(item.lacks),
        "max_context": item.max_context,
        "max_tokens_per_s": None if item.tokens_per_s is None else round(item.tokens_per_s, 1),
    }
