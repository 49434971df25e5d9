"""LLM: a model in this process, for scripts and tests. Scheduler and engine run in the caller's thread; no service needed.

from core import LLM, SamplingParams

with LLM("demo") as llm:
    for result in llm.generate(["One, two,", [5, 6, 7]], SamplingParams(max_tokens=20)):
        print(result.text, result.finish_reason, result.usage.output_tokens)
    for delta in llm.stream([{"role": "user", "content": "Hello!"}]):
        print(delta.text, end="")
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.config import load_config
from core.errors import DesksideError, InternalError, InvalidRequest, from_code, from_engine
from core.generation import Delta, Generation
from core.interrupts import uninterrupted
from core.library.catalog import find_model, generation_defaults
from core.library.locks import use_model
from core.protocol import Cancel, Event, Outcome, Priority
from core.results import Result, Sample, Usage
from core.sampling import SamplingParams
from core.text.prompt import Prompt, PromptBuilder
from core.worker.loop import EngineLoop, scheduler_config
from engines.api import EngineSpec
from engines.api.errors import EngineError

Message = Mapping[str, Any]
PromptLike = str | Sequence[int] | Sequence[Message]


class LLM:
    """A loaded model. Calls from several threads take turns; several `stream`s of one thread may be interleaved."""

    def __init__(
        self,
        model: str | Path = "demo",
        *,
        backend: str | None = None,
        deterministic: bool | None = None,
        kv_cache: str | None = None,
        num_slots: int = 64,
        max_tokens_per_step: int = 512,
        kv_tokens: int | None = None,
        threads: int | None = None,
    ) -> None:
        """`model`: `demo`, an installed name, or a folder. `backend`, `deterministic` and `kv_cache` None take
        the configured ones. `num_slots`: sequences at once; `max_tokens_per_step`: prompt and generated tokens of one step;
        `kv_tokens`: size of the KV cache.

        Raises NotFound, ModelUnusable, DeviceUnusable, InvalidRequest."""
        from core.packs.install import pack_folder
        from core.packs.pinned import RTX
        from core.worker.selfcheck import settle
        from engines.factory import open_engine

        for name, value, least in (
            ("num_slots", num_slots, 1),
            ("max_tokens_per_step", max_tokens_per_step, num_slots),
            ("kv_tokens", kv_tokens, 1),
        ):
            if value is not None and value < least:
                why = ", one for each of the num_slots" if least > 1 else ""
                raise InvalidRequest(f"{name} is {value}; it must be at least {least}{why}.", name)
        config = load_config(os.environ, {"backend": backend, "deterministic": deterministic, "kv_cache": kv_cache})
        self.folder = find_model(str(model), config.places)
        self.prompts = PromptBuilder.from_folder(self.folder, config.places.cache / "tokenizers")
        self.defaults = generation_defaults(self.folder)
        self._in_use = use_model(self.folder, config.places)
        try:
            with _engine_errors():
                engine = open_engine(
                    self.folder,
                    backend=settle(self.folder, config.backend, config.places.kernels),
                    num_slots=num_slots,
                    max_tokens=max_tokens_per_step,
                    kv_tokens=kv_tokens,
                    threads=threads,
                    cache=config.places.kernels,
                    deterministic=config.deterministic,
                    kv_dtype=config.kv_cache,
                    key_file=config.places.engine_key,
                    pack=pack_folder(RTX, config.places),
                )
        except BaseException:
            self._release()
            raise
        # Whoever calls `generate` holds all its prompts already: as many as there are may wait.
        self._loop = EngineLoop(engine, scheduler_config(engine.spec, max_waiting=sys.maxsize))
        self._lock = RLock()
        self._open: dict[int, _Running] = {}
        self._left: deque[_Running] = deque()  # of streams that nobody holds any more
        self._next_id = 0
        self._closed = False

    @property
    def spec(self) -> EngineSpec:
        """What was loaded: vocabulary, context, backend, KV pool."""
        return self._loop.engine.spec

    @property
    def context(self) -> int:
        """Tokens that the model takes, prompt and answer together."""
        return self.spec.max_context

    @property
    def backend(self) -> str:
        return self.spec.backend

    # --- generating ------------------------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: PromptLike | Iterable[str | Sequence[int]],
        params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        priority: Priority = Priority.INTERACTIVE,
        on_done: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """Run all prompts (texts or token ids) in flight together; results in the order given. `params`: one for all, or as
        many as prompts. `on_done(i, result)` is called as each finishes. A bad prompt or parameter raises before any runs."""
        items: list[PromptLike] = [prompts] if _is_one(prompts) else list(prompts)  # type: ignore[arg-type, list-item]
        return self.generate_many(items, params, priority=priority, on_done=on_done)

    def generate_many(
        self,
        prompts: Sequence[PromptLike],
        params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        priority: Priority = Priority.INTERACTIVE,
        on_done: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """`generate` for prompts of any kind, conversations among them."""
        return self._run([self._prompt(item) for item in prompts], params, priority, on_done)

    def chat(
        self,
        messages: Sequence[Message],
        params: SamplingParams | None = None,
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        **template_variables: Any,
    ) -> Result:
        """Answer a conversation: messages {"role", "content"} through the model's chat template."""
        prompt = self.prompts.chat(messages, tools, **template_variables)
        return self._run([prompt], params, Priority.INTERACTIVE, None)[0]

    def stream(
        self,
        prompt: PromptLike,
        params: SamplingParams | None = None,
        *,
        priority: Priority = Priority.INTERACTIVE,
        wants_progress: bool = False,
        **template_variables: Any,
    ) -> Stream:
        """Deltas of one prompt (text, ids, or chat messages) as they are made. Leaving the iterator cancels the request."""
        built = self._prompt(prompt, **template_variables)
        with self._lock:
            running = self._submit(built, self._resolve(params), priority, wants_progress)
        return Stream(self, running)

    def turn(self) -> None:
        """One step of the engine for every open stream; their deltas wait for `Stream.poll`."""
        with self._lock:
            self._check_open()
            self._turn()

    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> int:
        """Replace weights in place: checkpoint names, shapes and dtypes (bfloat16 as uint16 bit patterns). Atomic. Drops
        reusable KV; what is running goes on with the new weights. Returns the weight version. Raises ModelUnusable."""
        with self._lock:
            self._check_open()
            with _engine_errors():
                version, events = self._loop.update_weights(tensors)
            self._dispatch(events)
            return version

    def close(self) -> None:
        """Cancel what runs and free the engine. Idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for request in list(self._open):
                    self._dispatch(self._loop.cancel(Cancel(request)))
                self._loop.engine.close()
                self._release()

    def _release(self) -> None:
        """The folder may be removed again."""
        if self._in_use is not None:
            self._in_use.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside ----------------------------------------------------------------------------------------------------------

    def _prompt(self, prompt: PromptLike, **variables: Any) -> Prompt:
        if isinstance(prompt, str):
            return self.prompts.text(prompt)
        items = list(prompt) if isinstance(prompt, (Sequence, np.ndarray)) else None
        if items is None or isinstance(prompt, bytes):
            raise InvalidRequest(
                f"A prompt is a {type(prompt).__name__}; give text, a list of token ids, or a list of messages.",
                "prompt",
            )
        if items and isinstance(items[0], Mapping):
            return self.prompts.chat(items, **variables)  # type: ignore[arg-type]
        ids = [int(item) if isinstance(item, np.integer) else item for item in items]
        built = self.prompts.ids(ids)  # type: ignore[arg-type]
        vocab = self.spec.vocab_size
        if max(built.ids) >= vocab:
            raise InvalidRequest(
                f"The prompt holds token id {max(built.ids)}; this model's are below {vocab}.", "prompt"
            )
        return built

    def _resolve(self, params: SamplingParams | None) -> SamplingParams:
        if params is not None and not isinstance(params, SamplingParams):
            raise InvalidRequest(f"params is a {type(params).__name__}; give SamplingParams.", "params")
        return (params or SamplingParams()).check(self.spec.vocab_size).resolve(self.defaults)

    def _run(
        self,
        prompts: list[Prompt],
        params: SamplingParams | Sequence[SamplingParams] | None,
        priority: Priority,
        on_done: Callable[[int, Result], None] | None,
    ) -> list[Result]:
        each: list[Any] = [params] * len(prompts)  # one for all; `_resolve` refuses what is none
        if isinstance(params, Sequence):
            each = list(params)
        if len(each) != len(prompts):
            raise InvalidRequest(
                f"{len(prompts)} prompts came with {len(each)} sampling parameters; give one or as many."
            )
        resolved = [self._resolve(one) for one in each]
        with self._lock:
            runs: list[_Running] = []
            finished: deque[_Running] = deque()
            try:
                for prompt, one in zip(prompts, resolved, strict=True):
                    runs.append(self._submit(prompt, one, priority, False, finished))
                index = {run: i for i, run in enumerate(runs)}
                while index:
                    self._turn()
                    while finished:
                        run = finished.popleft()
                        run.collect()
                        i = index.pop(run)
                        if on_done:
                            on_done(i, run.result())
            except BaseException:
                for run in runs:
                    self._cancel(run)
                raise
        return [run.result() for run in runs]

    def _submit(
        self,
        prompt: Prompt,
        params: SamplingParams,
        priority: Priority,
        wants_progress: bool,
        finished: deque[_Running] | None = None,
    ) -> _Running:
        """Start a request; once it is done it is put into `finished`."""
        self._check_open()
        with uninterrupted():
            self._cancel_left()
            self._next_id += 1
            generation = Generation(
                self._next_id, prompt, params, self.prompts, priority=priority, wants_progress=wants_progress
            )
            self._loop.submit(generation.submit)
            running = _Running(generation, finished)
            self._open[self._next_id] = running
            return running

    def _turn(self) -> None:
        """One step of the engine, for whoever is open. If it fails, all of them end with that error."""
        with uninterrupted():
            self._cancel_left()
            try:
                with _engine_errors():
                    events = self._loop.step()
            except BaseException as error:
                ours = error if isinstance(error, DesksideError) else InternalError(f"{type(error).__name__}: {error}")
                self._dispatch(self._loop.abort(ours.code, ours.message))
                raise
            self._dispatch(events)

    def _dispatch(self, events: Iterable[Event]) -> None:
        for event in events:
            running = self._open.get(event.request)
            if running is None:
                continue
            running.deltas += running.generation.take(event)
            for finish in running.generation.take_finishes():
                self._dispatch(self._loop.finish(finish))
            if running.generation.done is None or self._open.pop(event.request, None) is None:
                continue  # goes on, or its end was seen by the call above
            if running.finished is not None:
                running.finished.append(running)

    def _cancel(self, running: _Running) -> None:
        with self._lock, uninterrupted():
            if running.generation.done is None and not self._closed:
                self._dispatch(self._loop.cancel(Cancel(running.generation.submit.request)))

    def _leave(self, running: _Running) -> None:
        """`_cancel` from a finalizer: at any moment and in any thread, so the next call does it."""
        if running.generation.done is None:
            self._left.append(running)

    def _cancel_left(self) -> None:
        while self._left:
            self._cancel(self._left.popleft())

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidRequest("This LLM is closed; make a new one.")


@dataclass(slots=True, eq=False)
class _Running:
    """A request in the loop: deltas not yet handed out, and the samples as far as they were collected."""

    generation: Generation
    finished: deque[_Running] | None = None
    deltas: list[Delta] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        params = self.generation.params
        self.samples = [Sample(logprobs=None if params.logprobs is None else []) for _ in range(params.n)]

    def collect(self) -> list[Delta]:
        """Take the waiting deltas into the samples."""
        deltas, self.deltas = self.deltas, []
        for delta in deltas:
            sample = self.samples[delta.index]
            sample.text += delta.text
            sample.token_ids += delta.token_ids
            if sample.logprobs is not None:
                sample.logprobs += delta.logprobs
            if delta.finish_reason is not None:
                sample.finish_reason, sample.stop = delta.finish_reason, delta.stop
        return deltas

    def result(self) -> Result:
        """Raises what went wrong, if the request failed."""
        done = self.generation.done
        assert done is not None
        if done.outcome is Outcome.FAILED:
            if done.code == "constraint_failed":
                raise InvalidRequest(done.message)
            raise from_code(done.code, done.message)
        usage = Usage(done.prompt_tokens, done.cached_tokens, done.output_tokens)
        return Result(self.generation.prompt.ids, self.samples, usage)


class Stream(Iterator[Delta]):
    """Deltas of one request. After the last, `result` holds the whole; `progress` tells how far the prompt is computed."""

    def __init__(self, llm: LLM, running: _Running) -> None:
        self._llm = llm
        self._running = running
        self._ready: list[Delta] = []

    @property
    def progress(self) -> float:
        """Share of the prompt computed so far (needs `wants_progress`)."""
        progress = self._running.generation.progress
        return 0.0 if progress is None else progress.computed / progress.total

    @property
    def result(self) -> Result:
        if self._running.generation.done is None:
            raise InvalidRequest("The stream has not ended yet; read it to its end first.")
        return self._running.result()

    @property
    def ended(self) -> bool:
        """True once every delta was handed out."""
        return self._running.generation.done is not None and not self._running.deltas and not self._ready

    def poll(self) -> list[Delta]:
        """The deltas that are there now; does not run the engine."""
        with self._llm._lock:
            ready, self._ready = self._ready, []
            return ready + self._running.collect()

    def step(self) -> list[Delta]:
        """One turn of the engine: this request's new deltas, perhaps none while its prompt is computed."""
        with self._llm._lock:
            if not self._running.deltas and self._running.generation.done is None:
                self._llm._turn()
            return self._running.collect()

    def __next__(self) -> Delta:
        while not self._ready:
            if self.ended:
                self._running.result()  # raises if it failed
                raise StopIteration
            self._ready = self.step()
        return self._ready.pop(0)

    def close(self) -> None:
        """Cancel the request if it still runs."""
        self._llm._cancel(self._running)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self._llm._leave(self._running)


def _is_one(prompts: object) -> bool:
    """A text, a list of ids, or a list of messages: one prompt rather than many."""
    if isinstance(prompts, str):
        return True
    return isinstance(prompts, Sequence) and bool(prompts) and isinstance(prompts[0], (int, np.integer, Mapping))


@contextmanager
def _engine_errors() -> Iterator[None]:
    """The boundary: engine errors become ours."""
    try:
        yield
    except EngineError as error:
        raise from_engine(error) from error
    except MemoryError as error:
        raise _out_of_memory() from error


def _out_of_memory() -> DesksideError:
    from core.errors import DeviceUnusable

    return DeviceUnusable(
        "This machine has too little free memory for the model; close other programs or take a smaller one."
    )
