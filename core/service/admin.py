"""/v1/deskside: what the window and the command line need beyond generating."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from core.errors import InvalidRequest
from core.library.there import is_missing
from core.schemas import (
    CountReply,
    CountRequest,
    DiskStatus,
    JobReply,
    JobRequest,
    JobsReply,
    LoadRequest,
    ModelsReply,
    ModelStatus,
    Ping,
    ServiceEvent,
    Status,
    StopRequest,
    UnloadRequest,
    WeightsReply,
    WeightsRequest,
)
from core.service.body import JsonRoute
from core.service.models import LoadedModel
from core.service.parameters import chars_of, plain, plain_tools
from core.service.replies import ERRORS, answer_stream
from core.service.sse import event
from core.service.state import Service
from core.text.prompt import Prompt


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/deskside", route_class=JsonRoute, tags=["Deskside"], responses=ERRORS)

    @router.get("/ping")
    async def ping() -> Ping:
        return Ping(version=service.version, pid=service.pid)

    @router.get("/status")
    async def status() -> Status:
        """The service, its models, their sequences and pages; the machine's GPUs and disk."""
        gpus = await service.gpus.read()
        places = service.models.places
        disk = await asyncio.to_thread(lambda: None if is_missing(places) else disk_status(places.library_root))
        return status_of(service).model_copy(update={"gpus": list(gpus.found), "no_gpu": gpus.reason, "disk": disk})

    @router.get("/models")
    async def models() -> ModelsReply:
        """Every model on this machine, its engines, and what is loaded."""
        installed, orphans = await service.library.installed({model.name for model in service.models.loaded})
        loaded = [model_status(model) for model in service.models.loaded]
        missing = await asyncio.to_thread(lambda: service.library.missing)
        return ModelsReply(installed=installed, loaded=loaded, orphans=orphans, missing=missing)

    @router.post("/models/load")
    async def load(body: LoadRequest) -> ModelStatus:
        """Load a model, by name or folder, and answer when it is ready."""
        service.check_accepting()
        model = await service.models.load(
            body.model, idle_timeout=body.idle_timeout, num_slots=body.num_slots, kv_tokens=body.kv_tokens
        )
        return model_status(model)

    @router.post("/models/unload")
    async def unload(body: UnloadRequest) -> ModelsReply:
        """Unload a model; answers it is making may take some seconds more."""
        await service.models.unload(body.model)
        return await models()

    @router.post("/weights")
    async def weights(body: WeightsRequest) -> WeightsReply:
        """Replace a loaded model's weights in place: same names, shapes and dtypes. Cached prompts are dropped."""
        model = await service.models.get(body.model)
        folder = Path(body.folder)
        if not folder.is_absolute():
            raise InvalidRequest("folder must be absolute: the service has a working directory of its own.", "folder")
        version = await model.handle.update_weights(folder)
        return WeightsReply(model=model.name, weight_version=version)

    @router.post("/count_tokens")
    async def count_tokens(body: CountRequest) -> CountReply:
        """How many tokens a prompt is, exactly as generating would count them."""
        if (body.messages is None) == (body.prompt is None):
            raise InvalidRequest("Give either messages or a prompt.", "messages")
        model = await service.models.get(body.model)
        prompt = await service.encoders.run(
            chars_of(body.prompt or "") + sum(chars_of(message.content) for message in body.messages or []),
            lambda: _prompt(model, body),
        )
        return CountReply(model=model.name, tokens=len(prompt.ids), context=model.ready.capacity)

    @router.get("/jobs")
    async def jobs() -> JobsReply:
        """Downloads, builds and document work, in the order of submission; ended ones too."""
        return JobsReply(jobs=[service.job_reply(job) for job in service.jobs.list()])

    @router.post("/jobs")
    async def submit_job(body: JobRequest) -> JobReply:
        """Queue a job."""
        service.check_accepting()
        return service.job_reply(service.jobs.submit(body.kind, body.params))

    @router.get("/jobs/{job}")
    async def job(job: str) -> JobReply:
        return service.job_reply(service.jobs.get(job))

    @router.post("/jobs/{job}/pause")
    async def pause_job(job: str) -> JobReply:
        """A running one stops where it can go on later."""
        return service.job_reply(service.jobs.pause(job))

    @router.post("/jobs/{job}/resume")
    async def resume_job(job: str) -> JobReply:
        """Back into the queue; a failed one is tried again."""
        return service.job_reply(service.jobs.resume(job))

    @router.post("/jobs/{job}/cancel")
    async def cancel_job(job: str) -> JobReply:
        """End it and remove its folder."""
        return service.job_reply(service.jobs.cancel(job))

    @router.delete("/jobs/{job}")
    async def remove_job(job: str) -> JobsReply:
        """Forget a job that has ended."""
        service.jobs.remove(job)
        return await jobs()

    @router.post("/stop")
    async def stop(body: StopRequest) -> Status:
        """Stop the service: no new requests, open answers may take `grace` seconds."""
        service.request_stop(body.grace)
        return status_of(service)

    @router.get("/events", response_model=ServiceEvent)
    async def events(request: Request) -> Response:
        """Changes of state as server-sent events. While somebody listens, a private service does not end on its own."""
        return await answer_stream(service, request, _events(service), lambda error: event(error.model_dump()))

    return router


def status_of(service: Service) -> Status:
    return Status(
        version=service.version,
        pid=service.pid,
        address=service.address,
        uptime=time.monotonic() - service.started,
        open_requests=service.admission.total,
        max_requests=service.limits.max_sequences,
        stopping=service.stopping,
        lan=service.lan,
        models=[model_status(model) for model in service.models.loaded],
    )


def model_status(model: LoadedModel) -> ModelStatus:
    """What the worker last said of itself: nobody waits for it here."""
    info, last = model.handle.info, model.handle.last_status
    reply = ModelStatus(
        name=model.name,
        folder=str(model.folder),
        state=model.handle.state,
        idle_timeout=model.idle_timeout,
        idle_seconds=0.0 if model.open else time.monotonic() - model.last_used,
        open_requests=model.open,
        restarts=model.handle.restarts,
    )
    if info is not None:
        reply.worker_pid, reply.backend, reply.precision = info.pid, info.backend, info.precision
        reply.context, reply.pages_total, reply.page_size = info.capacity, info.num_pages, info.page_size
    if last is not None:
        reply.running, reply.waiting, reply.step = last.running, last.waiting, last.steps
        reply.pages_used, reply.pages_cached, reply.pages_free = last.pages_held, last.pages_cached, last.pages_free
        reply.prompt_tokens, reply.cached_tokens = last.prompt_tokens, last.cached_tokens
        reply.preemptions = last.preemptions
        if last.running:  # the last word of a worker before it idles tells of the time before
            reply.output_tokens_per_s = last.output_tokens_per_s
            reply.prompt_tokens_per_s = last.prompt_tokens_per_s
    return reply


def disk_status(folder: Path) -> DiskStatus | None:
    """Of the volume that `folder` is, or will be, on."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        usage = shutil.disk_usage(existing)
    except OSError:
        return None
    return DiskStatus(folder=str(folder), total=usage.total, free=usage.free)


async def _events(service: Service) -> AsyncGenerator[bytes, None]:
    yield _event(ServiceEvent(kind="hello", message=service.version))
    async for change in service.events.listen():
        yield _event(change)


def _event(reply: BaseModel) -> bytes:
    return event(reply.model_dump(exclude_none=True))


def _prompt(model: LoadedModel, body: CountRequest) -> Prompt:
    if body.prompt is not None:
        return model.prompts.text(body.prompt)
    variables = dict(body.chat_template_kwargs or {})
    if body.enable_thinking is not None:
        variables["enable_thinking"] = body.enable_thinking
    return model.prompts.chat(
        plain(body.messages or []),
        plain_tools(body.tools),
        continue_final_message=bool(body.continue_final_message),
        **variables,
    )
