"""The worker's engine: opened as its options say, and given new weights from a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.child import resolve
from core.errors import InternalError
from core.packs.install import pack_folder
from core.packs.pinned import RTX
from core.paths import find_places
from core.protocol import EngineOptions, Event, Ready
from core.worker.loop import EngineLoop
from core.worker.selfcheck import settle
from engines.api import Engine

OnProgress = Callable[[str, int, int], None]


def open_worker_engine(folder: Path, options: EngineOptions, on_progress: OnProgress | None = None) -> Engine:
    """`on_progress`: see `engines.factory.open_engine`. Raises EngineError; InternalError for a `target` that makes no engine."""
    if not options.target:
        from engines.factory import open_engine

        places = find_places(os.environ)
        cache = places.kernels
        if on_progress is not None and options.backend == "auto":
            on_progress("compile", 0, 0)  # its deadline has room for the check
        return open_engine(
            folder,
            backend=settle(folder, options.backend, cache),
            num_slots=options.num_slots,
            max_tokens=options.max_tokens,
            kv_tokens=options.kv_tokens,
            kv_bytes=options.kv_bytes,
            page_size=options.page_size,
            threads=options.threads,
            on_progress=on_progress,
            cache=cache,
            deterministic=options.deterministic,
            kv_dtype=options.kv_dtype,
            key_file=places.engine_key,
            pack=pack_folder(RTX, places),
        )
    keywords = msgspec.json.decode(options.arguments, type=dict[str, object])
    engine: object = resolve(options.target)(**keywords)
    if not isinstance(engine, Engine):
        raise InternalError(f"{options.target} made no engine.")
    return engine


def describe(loop: EngineLoop, pid: int, load_s: float) -> Ready:
    """What the service needs to know of a loaded engine."""
    spec = loop.engine.spec
    return Ready(
        model=spec.model,
        backend=spec.backend,
        precision=spec.precision,
        model_revision=spec.model_revision,
        vocab_size=spec.vocab_size,
        max_context=spec.max_context,
        capacity=loop.scheduler.capacity,
        max_tokens=spec.max_tokens,
        num_slots=spec.num_slots,
        page_size=spec.kv.page_size,
        num_pages=loop.scheduler.pages.pool.capacity,
        bytes_per_page=spec.kv.bytes_per_page,
        kv_dtype=spec.kv.kv_dtype,
        lookahead=spec.lookahead,
        pid=pid,
        load_s=load_s,
    )


def update_weights(loop: EngineLoop, folder: Path) -> tuple[int, list[Event], float]:
    """Give the engine the checkpoint in `folder`. Returns the weight version, the events of the step that was in flight and
    the seconds it took. Raises WeightError, and then nothing changed."""
    from engines.weights import WeightStore

    started = time.monotonic()
    with WeightStore.open(folder) as store:
        version, events = loop.update_weights({name: store.read(name).data for name in store.names})
    return version, events, time.monotonic() - started
