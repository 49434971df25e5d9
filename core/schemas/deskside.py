"""/v1/deskside: what the window and the command line need beyond generating."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.schemas.base import Message, Reply, Strict, Tool
from core.schemas.library import EngineStatus


class LoadRequest(Strict):
    """`idle_timeout`: seconds without a request after which the model is unloaded; None takes the service's setting, 0
    never. `kv_tokens`, `num_slots`: as `core.LLM` has them."""

    model: str
    idle_timeout: float | None = Field(default=None, ge=0, le=31_536_000)
    kv_tokens: int | None = Field(default=None, ge=1, le=1 << 31)
    num_slots: int | None = Field(default=None, ge=1, le=4096)


class UnloadRequest(Strict):
    model: str


class WeightsRequest(Strict):
    """`folder`: a checkpoint of the same shapes on this machine."""

    model: str | None = None
    folder: str


class WeightsReply(Reply):
    model: str
    weight_version: int


class CountRequest(Strict):
    """What to count: `messages` through the chat template (with `tools`), or a plain `prompt`."""

    model: str | None = None
    messages: list[Message] | None = None
    tools: list[Tool] | None = None
    prompt: str | None = None
    continue_final_message: bool | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class CountReply(Reply):
    """`context`: what the model takes, prompt and answer together."""

    model: str
    tokens: int
    context: int


class JobRequest(Strict):
    """`params`: what jobs of this kind take."""

    kind: str
    params: dict[str, Any] = Field(default_factory=dict)


class JobReply(Reply):
    """A durable job, see core.jobs.job. `state`: queued, running, paused, done, failed, cancelled. `done` of `total` (0:
    unknown) in `stage`; `rate` of them a second over the last seconds, `eta` in seconds until the stage's end, where known while it
    runs. `note`: something the user should know, such as what it waits for. `result`: a path. Times: seconds since 1970."""

    id: str
    kind: str
    params: dict[str, Any]
    state: str
    stage: str = ""
    done: int = 0
    total: int = 0
    rate: float | None = None
    eta: float | None = None
    note: str = ""
    code: str = ""
    error: str = ""
    result: str = ""
    attempts: int = 0
    created: float
    updated: float
    started: float | None = None
    ended: float | None = None


class JobsReply(Reply):
    jobs: list[JobReply]


class StopRequest(Strict):
    """`grace`: seconds that running answers may still take."""

    grace: float = Field(default=5.0, ge=0, le=600)


class Ping(Reply):
    name: Literal["deskside"] = "deskside"
    version: str
    pid: int


class ModelStatus(Reply):
    """One loaded model. Sequences and pages are what its worker last reported; None before its first report. Rates are of
    about the last second; `prompt_tokens` and those of them that came from the cache count from the worker's start."""

    name: str
    folder: str
    state: str
    message: str = ""
    worker_pid: int | None = None
    backend: str | None = None
    precision: str | None = None
    context: int | None = None
    idle_timeout: float | None = None
    idle_seconds: float = 0.0
    open_requests: int = 0
    running: int | None = None
    waiting: int | None = None
    pages_used: int | None = None
    pages_cached: int | None = None
    pages_free: int | None = None
    pages_total: int | None = None
    page_size: int | None = None
    step: int | None = None
    output_tokens_per_s: float = 0.0
    prompt_tokens_per_s: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    preemptions: int = 0
    restarts: int = 0


class InstalledStatus(Reply):
    """A model on this machine. `linked`: its folder lies elsewhere. `repo`, `commit`, `licence`: where it was downloaded.
    `complete` False: a download that waits to be continued. `engines`: what was built of it. `problem`: why it cannot be used."""

    name: str
    architecture: str
    context: int | None = None
    size: int = 0
    loaded: bool = False
    problem: str = ""
    folder: str = ""
    linked: bool = False
    complete: bool = True
    repo: str = ""
    commit: str = ""
    licence: str = ""
    engines: list[EngineStatus] = Field(default_factory=list)


class GpuStatus(Reply):
    """One NVIDIA GPU now, as its driver says. `memory` and `used` (by everybody) in bytes; `load`: per cent of the last
    moment in which it worked, None unknown. `index`: the driver's number."""

    index: int
    name: str
    memory: int
    used: int
    load: int | None = None
    capability: tuple[int, int] | None = None


class DiskStatus(Reply):
    """The volume of models and engines. `folder`: where Deskside keeps them. In bytes."""

    folder: str
    total: int
    free: int


class Status(Reply):
    """The whole service at a glance. `no_gpu`: why `gpus` is empty: no_package (nvidia-ml-py), no_driver, no_device,
    driver_fault; "" otherwise. `lan`: other machines can reach it, at the address's port."""

    version: str
    pid: int
    address: str
    uptime: float
    open_requests: int
    max_requests: int
    stopping: bool = False
    lan: bool = False
    models: list[ModelStatus]
    gpus: list[GpuStatus] = Field(default_factory=list)
    no_gpu: str = ""
    disk: DiskStatus | None = None


class ModelsReply(Reply):
    """`installed`: the demo model first. `orphans`: engines whose model is no longer here; they work without it. `missing`: the
    folder of models and engines, if that is not there, as of a disk that is not connected; "" otherwise."""

    installed: list[InstalledStatus]
    loaded: list[ModelStatus]
    orphans: list[EngineStatus] = Field(default_factory=list)
    missing: str = ""


class ServiceEvent(Reply):
    """One event of /v1/deskside/events. `kind`: hello, model (its state changed), job, library (what is installed changed; ask
    /v1/deskside/models), stopping."""

    kind: str
    model: str | None = None
    state: str | None = None
    message: str = ""
    job: JobReply | None = None


class Progress(Reply):
    """Sent within a stream where the header X-Deskside-Progress asks for it: how far the prompt is computed, in tokens."""

    computed: int
    total: int
    cached: int
