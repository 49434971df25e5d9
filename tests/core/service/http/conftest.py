"""A real HTTP server on a real socket, over engine loops with stub engines in this process: what the loop was asked, and what
became of its pages, can be looked at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from core.config import load_config
from core.errors import DesksideError, ModelUnusable
from core.lifecycle import ServiceInfo
from core.protocol import Cancel, Done, EngineOptions, Event, Finish, Outcome, Ready, Submit
from core.service.models import Engines
from core.service.server import ServeOptions, serve
from core.service.supervisor import Supervisor
from core.text.tokenizer import Tokenizer
from core.worker.loop import EngineLoop, scheduler_config
from engines.stub import StubEngine

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_model(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A checkpoint folder as far as text goes: byte-level tokenizer and chat template, no weights."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = tokenizers.Tokenizer(
        models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True) for token in ("</s>", "<|im_start|>", "<|im_end|>")])
    raw.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {"eos_token": "</s>"}
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "config.json").write_text(
        json.dumps({"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}), encoding="utf-8"
    )
    (folder / "model.safetensors").write_bytes(b"\0" * 8)
    return folder


class ScriptedEngine(StubEngine):
    """Writes `script`, then its end token, whatever it is asked."""

    def __init__(self, script: list[int], stop_id: int, **settings: Any) -> None:
        super().__init__(stop_id=stop_id, **settings)
        self.script = script
        self.end = stop_id

    def _choose(self, slot: int, digest: int, position: int, bits: Any) -> int:
        init = self._inits[slot]
        assert init is not None
        generated = position - len(init.prompt_ids)
        return self.script[generated] if generated < len(self.script) else self.end


class FakeStream:
    def __init__(self, handle: FakeHandle, submit: Submit) -> None:
        self._handle = handle
        self._submit = submit
        self._events: list[Event] = []
        self._arrived = asyncio.Event()
        self._started = self._over = False

    def push(self, event: Event) -> None:
        self._events.append(event)
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[tuple[Event, ...]]:
        return self

    async def __anext__(self) -> tuple[Event, ...]:
        if not self._started:
            self._started = True
            self._handle.begin(self._submit, self)
        if self._over:
            raise StopAsyncIteration
        await self._arrived.wait()
        self._arrived.clear()
        batch, self._events = tuple(self._events), []
        self._over = any(isinstance(event, Done) for event in batch)
        return batch

    async def aclose(self) -> None:
        if self._started and not self._over:
            self._over = True
            self._handle.cancel(self._submit.request)


@dataclass
class FakeHandle:
    """The engine loop of one model, stepped by a task. `submits`: all that it was asked; `step_seconds`: between steps."""

    engine: StubEngine
    step_seconds: float = 0.0
    state: str = "ready"
    last_status: None = None
    restarts: int = 0
    submits: list[Submit] = field(default_factory=list)
    finishes: list[Finish] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    dones: dict[int, Done] = field(default_factory=dict)
    fail_with: tuple[str, str] | None = None
    max_waiting: int = 10_000

    def __post_init__(self) -> None:
        self.steps = 0
        config = scheduler_config(self.engine.spec, max_waiting=self.max_waiting)
        self.loop = EngineLoop(self.engine, config, on_step=self._count)
        self._streams: dict[int, FakeStream] = {}
        self._ids = iter(range(1, 10**9))
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run())
        spec = self.engine.spec
        self.info = Ready(
            "stub", "stub", "int32", "stub", spec.vocab_size, spec.max_context, self.loop.scheduler.capacity,
            spec.max_tokens, spec.num_slots, spec.kv.page_size, spec.kv.num_pages - 1, 64, "int32", 0, 0, 0.0,
        )  # fmt: skip

    def next_request_id(self) -> int:
        return next(self._ids)

    def stream(self, submit: Submit) -> FakeStream:
        return FakeStream(self, submit)

    def begin(self, submit: Submit, stream: FakeStream) -> None:
        self.submits.append(submit)
        self._streams[submit.request] = stream
        try:
            self.loop.submit(submit)
        except DesksideError as error:
            self._dispatch([Done(submit.request, Outcome.FAILED, 0, 0, 0, error.code, error.message)])
        self._wake.set()

    def finish(self, request: int, index: int, keep_tokens: int) -> None:
        self.finishes.append(Finish(request, index, keep_tokens))
        self._dispatch(self.loop.finish(self.finishes[-1]))

    def cancel(self, request: int) -> None:
        self.cancelled.append(request)
        self._dispatch(self.loop.cancel(Cancel(request)))

    async def update_weights(self, folder: Path) -> int:
        if not folder.is_dir():
            raise ModelUnusable(f"There is no {folder}.")
        return 1

    async def status(self) -> Any:
        return None

    async def stop(self, grace: float = 0.0) -> None:
        self.state = "stopped"
        for request in list(self._streams):
            self._dispatch(self.loop.cancel(Cancel(request)))
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _count(self, step: object) -> None:
        self.steps += 1

    async def _run(self) -> None:
        while True:
            if not self.loop.busy:
                self.loop.check_idle()
                await self._wake.wait()
            self._wake.clear()
            if self.fail_with is not None:
                (code, message), self.fail_with = self.fail_with, None
                self._dispatch(self.loop.abort(code, message))
            self._dispatch(self.loop.step())
            await asyncio.sleep(self.step_seconds)

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Done):
                assert event.request not in self.dones
                self.dones[event.request] = event
                self._streams.pop(event.request).push(event)
            else:
                self._streams[event.request].push(event)


class FakeEngines:
    """Where the service gets its handles. `stub`: arguments of the next engines."""

    def __init__(self) -> None:
        self.handles: dict[str, FakeHandle] = {}
        self.stub: dict[str, Any] = {}
        self.step_seconds = 0.0
        self.script: str | None = None

    async def load(self, model_folder: Path, options: EngineOptions, name: str = "") -> FakeHandle:
        if "broken" in name:
            raise ModelUnusable(f"{model_folder} is broken; download it again.")
        settings = {"vocab_size": 259, "num_pages": 512, "num_slots": 64, "max_context": 4096} | self.stub
        if self.script is None:
            engine = StubEngine(**settings)
        else:
            tokenizer = Tokenizer.from_folder(model_folder)
            engine = ScriptedEngine(tokenizer.encode(self.script), tokenizer.eos_ids[0], **settings)
        handle = FakeHandle(engine, self.step_seconds)
        self.handles[name] = handle
        return handle

    async def unload(self, name: str, grace: float = 0.0) -> None:
        await self.handles.pop(name).stop(grace)

    async def events(self) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield


@dataclass
class Running:
    """A server under test."""

    info: ServiceInfo
    engines: FakeEngines | None
    home: Path
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.info.address

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.info.token}"}

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=30, trust_env=False, **options)

    def handle(self, name: str = "tiny") -> FakeHandle:
        assert self.engines is not None
        return self.engines.handles[name]


Serve = Callable[..., "contextlib.AbstractContextManager[Running]"]


@contextlib.contextmanager
def running(home: Path, options: ServeOptions, engines: FakeEngines | None) -> Iterator[Running]:
    config = load_config({"DESKSIDE_HOME": str(home), "DESKSIDE_OFFLINE": "1"})
    ready: threading.Event = threading.Event()
    found: list[Any] = []

    def make(_: Any) -> Engines:
        found.append(asyncio.get_running_loop())
        return engines or Supervisor(logs=home / "logs")

    def on_ready(info: ServiceInfo) -> None:
        found.append(info)
        ready.set()

    def run() -> None:
        try:
            serve(config, options, make, version="test", on_ready=on_ready)
        except BaseException as error:
            found.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    assert isinstance(found[-1], ServiceInfo), found
    server = Running(found[1], engines, home, found[0])
    try:
        yield server
    finally:
        with contextlib.suppress(httpx.HTTPError), server.client() as client:
            client.post("/v1/deskside/stop", json={"grace": 0})
        thread.join(60)
        assert not thread.is_alive()


def starter(home: Path) -> Serve:
    """Start a server: `with serve_with(stub={...}, limits=...) as server`."""

    def start(
        *,
        stub: dict[str, Any] | None = None,
        script: str | None = None,
        step_seconds: float = 0.0,
        template: str | None = TEMPLATE,
        **options: Any,
    ) -> contextlib.AbstractContextManager[Running]:
        write_model(home / "data" / "models" / "tiny", template)
        engines = FakeEngines()
        engines.stub, engines.step_seconds, engines.script = stub or {}, step_seconds, script
        return running(home, ServeOptions(**({"model": "tiny", "jobs": ()} | options)), engines)

    return start


@pytest.fixture
def serve_with(tmp_path: Path) -> Serve:
    return starter(tmp_path)


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """The same for a server that a whole module uses."""
    return starter(tmp_path_factory.mktemp("module"))


def real_engine(**stub: Any) -> EngineOptions:
    """A real worker process over the stub engine."""
    arguments = json.dumps({"vocab_size": 259, "num_pages": 4000, "num_slots": 64, "max_context": 8192} | stub)
    return EngineOptions(target="engines.stub:StubEngine", arguments=arguments)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """As `server`, with a real supervisor and worker process: what grammars need."""
    home = tmp_path_factory.mktemp("real")
    write_model(home / "data" / "models" / "tiny")
    with running(home, ServeOptions(model="tiny", jobs=(), engine=real_engine()), None) as server:
        yield server


@pytest.fixture
def serve_real(tmp_path: Path) -> Serve:
    """The same with a stub engine of one's own: `with serve_real(seconds_per_step=0.01) as server`."""

    def start(**stub: Any) -> contextlib.AbstractContextManager[Running]:
        write_model(tmp_path / "data" / "models" / "tiny")
        return running(tmp_path, ServeOptions(model="tiny", jobs=(), engine=real_engine(**stub)), None)

    return start


@pytest.fixture(scope="module")
def serve_demo(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """The bundled demo model on the reference engine."""
    engine = EngineOptions(backend="reference")
    return lambda: running(tmp_path_factory.mktemp("demo"), ServeOptions(model="demo", jobs=(), engine=engine), None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the tests of a module that only ask."""
    home = tmp_path_factory.mktemp("home")
    write_model(home / "data" / "models" / "tiny")
    write_model(home / "data" / "models" / "base", template=None)
    write_model(home / "data" / "models" / "broken")
    with running(home, ServeOptions(model="tiny", jobs=()), FakeEngines()) as server:
        yield server


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
