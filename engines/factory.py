"""The one place where `core` gets an engine from: a model's folder and a backend's name in, a ready `Engine` out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engines.api.engine import Engine
from engines.api.errors import ContractError, DeviceError, EngineError, ModelError, OutOfMemory, UnsupportedError
from engines.models import Model, open_model
from engines.store import check_engine, find_manifest
from engines.store.device import find_device

if TYPE_CHECKING:
    from engines.cuda.engine import CudaEngine

BACKENDS: Final = ("auto", "cuda", "reference", "tensorrt")
_LOG: Final = logging.getLogger("deskside.engines")

# What `kv_tokens` is when nobody says: so many full contexts, within so many bytes.
_DEFAULT_CONTEXTS = 8
_DEFAULT_KV_BYTES = 2 << 30


def open_engine(
    folder: Path,
    *,
    backend: str = "auto",
    num_slots: int = 64,
    max_tokens: int = 512,
    kv_tokens: int | None = None,
    kv_bytes: int | None = None,
    page_size: int = 16,
    threads: int | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    cache: Path | None = None,
    kv_dtype: str = "auto",
    deterministic: bool = False,
    key_file: Path | None = None,
    pack: Path | None = None,
) -> Engine:
    """Load the checkpoint, or the built engine, in `folder`.

    `backend`: "auto" takes CUDA where a GPU can run the model, else the reference; why is logged. An engine built for
    TensorRT takes that if its build found it right and faster here (`engines.tensorrt.choice`). `num_slots`: sequences at
    once. `max_tokens`: packed tokens of a step. The KV pool holds `kv_tokens` tokens or takes `kv_bytes` bytes; with neither,
    on a GPU most of what is free, else room for 8 full contexts but at most 2 GiB. `threads`: of the reference backend, None
    for the cores this process may use. `cache`: folder for compiled kernels and measured choices of a GPU, None keeps
    nothing.
    `kv_dtype`: "auto" for a cache as precise as the backend computes, "fp8" for E4M3, a quarter to a half of the memory.
    `key_file`, `pack`: for TensorRT, the file of the key that plans are sealed with and the folder of the RTX pack.
    `deterministic`: results do not depend on what else is in a step (the reference's never do).
    `on_progress(phase, done, total)` is told of what goes on: phase "load", "compile" or "capture"; total 0 if it is unknown.

    A built engine (`engines.build`) is checked first: StaleError if it was changed, or belongs to another GPU, driver or revision.
    Its own backend is what "auto" means for it, but TensorRT.

    Raises UnsupportedError for a backend that is not in this version, OutOfMemory, and what `open_model` and loading raise.
    """
    if backend not in BACKENDS:
        raise UnsupportedError(
            f"There is no backend {backend!r} in this version, which has {', '.join(BACKENDS)}; choose one of them."
        )
    if kv_tokens is not None and kv_bytes is not None:
        raise ContractError("Give kv_tokens or kv_bytes, not both.")
    manifest = find_manifest(folder)
    if manifest is not None:
        check_engine(folder, manifest, device=find_device)
        if backend == "auto" and manifest.backend != "tensorrt":
            backend = manifest.backend
    tell = on_progress or (lambda phase, done, total: None)
    tell("load", 0, 0)
    pages = None if kv_tokens is None else 1 + -(-kv_tokens // page_size)
    gpu: dict[str, Any] = {
        "num_pages": pages, "kv_bytes": kv_bytes, "page_size": page_size, "num_slots": num_slots, "max_tokens": max_tokens,
    }  # fmt: skip

    def tensorrt(model: Model) -> CudaEngine:
        from engines.tensorrt.engine import open_tensorrt

        return open_tensorrt(model, folder, key_file, pack, cache, **gpu)

    def cuda(model: Model) -> CudaEngine:
        from engines.cuda.engine import CudaEngine

        return CudaEngine(model, cache=cache, deterministic=deterministic, kv_dtype=kv_dtype, **gpu)

    # The engine holds its own copies: the files need not stay mapped.
    with open_model(folder) as model:
        if backend == "tensorrt" and (kv_dtype != "auto" or deterministic):
            raise UnsupportedError(
                "The TensorRT backend has neither a deterministic mode nor another cache than 16 bits; use --backend cuda."
            )
        tries: list[tuple[str, Callable[[Model], CudaEngine], tuple[type[EngineError], ...], str]] = []
        if backend == "tensorrt" or (
            backend == "auto" and not deterministic and kv_dtype == "auto" and tensorrt_chosen(folder)
        ):
            tries.append(("tensorrt", tensorrt, (DeviceError, ModelError), "CUDA"))
        if backend in ("auto", "cuda"):
            tries.append(("cuda", cuda, (DeviceError, UnsupportedError), "reference"))
        # Of plans that were chosen and cannot be opened: told where CUDA cannot stand in for them, rather than running slowly.
        stale: EngineError | None = None
        for name, make, misfits, other in tries:
            try:
                engine = make(model)
                tell("capture", 0, 0)
                engine.warm_up()
                return engine
            except OutOfMemory:
                raise
            except misfits as error:
                if backend == name:
                    raise
                if stale is not None:
                    raise stale from error
                stale = error if name == "tensorrt" and manifest is not None else None
                _LOG.info("The %s backend runs %s: %s", other, folder, error)
        from engines.reference.engine import ReferenceEngine

        return ReferenceEngine(
            model,
            num_pages=_num_pages(model, kv_tokens, kv_bytes, page_size, kv_dtype),
            page_size=page_size,
            num_slots=num_slots,
            max_tokens=max_tokens,
            threads=threads,
            kv_dtype=kv_dtype,
        )


def tensorrt_chosen(folder: Path) -> bool:
    """Whether the build of the engine in `folder` found TensorRT right and faster on this machine."""
    from engines.tensorrt.choice import recall

    choice = recall(folder)
    if choice is not None:
        _LOG.info("%s", choice.reason)
    return choice is not None and choice.backend == "tensorrt"


def _num_pages(model: Model, kv_tokens: int | None, kv_bytes: int | None, page_size: int, kv_dtype: str) -> int:
    """Pages of the pool, the dummy page included."""
    if kv_tokens is not None:
        return 1 + -(-kv_tokens // page_size)
    from engines.reference.kv import bytes_per_page

    page_bytes = bytes_per_page(model.network.attention_layers(), page_size, "fp8" if kv_dtype == "fp8" else "fp32")
    most = (_DEFAULT_KV_BYTES if kv_bytes is None else kv_bytes) // page_bytes
    if most < 2:
        raise OutOfMemory(
            f"The KV cache of {model.folder} takes {page_bytes} bytes per page of {page_size} tokens and needs two pages at "
            f"least, and was given {kv_bytes} bytes; give it more memory."
        )
    if kv_bytes is not None:
        return most
    return min(most, 1 + -(-_DEFAULT_CONTEXTS * model.config.max_context // page_size))
