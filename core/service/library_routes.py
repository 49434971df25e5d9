"""/v1/deskside: the model library. Downloads and builds are jobs, whose progress /v1/deskside/events tells."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from core.schemas import (
    BuildRequest,
    FitReply,
    HubModelReply,
    HubTokenReply,
    HubTokenRequest,
    JobReply,
    LinkReply,
    LinkRequest,
    PullRequest,
    RemoveReply,
    RemoveRequest,
    SearchReply,
    ServiceEvent,
    StorageReply,
    StorageRequest,
)
from core.service.body import JsonRoute
from core.service.replies import ERRORS
from core.service.state import Service

Name = Annotated[str, Query(min_length=1, max_length=400)]


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1/deskside", route_class=JsonRoute, tags=["Library"], responses=ERRORS)

    def changed(name: str) -> None:
        service.events.publish(ServiceEvent(kind="library", model=name))

    @router.get("/hub/search")
    async def search(
        query: Annotated[str, Query(max_length=200)], limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> SearchReply:
        """Models on the Hub with safetensors weights."""
        return await service.library.search(query, limit)

    @router.get("/hub/model")
    async def look(model: Name) -> HubModelReply:
        """A model on the Hub, REPO[@revision], looked at without downloading it."""
        return await service.library.look(model)

    @router.post("/hub/token")
    async def keep_token(body: HubTokenRequest) -> HubTokenReply:
        """Remember an access token for gated and private models. It is never given back."""
        return await service.library.keep_token(body.token)

    @router.get("/fit")
    async def fit(
        model: Name,
        gpu: Annotated[str | None, Query(max_length=100)] = None,
        context: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
        chats: Annotated[int, Query(ge=1, le=4096)] = 1,
    ) -> FitReply:
        """Will a model fit, here or on the Hub, on the GPU here or one by name? For every precision."""
        return await service.library.fit(model, gpu, context, chats)

    @router.post("/pull")
    async def pull(body: PullRequest) -> JobReply:
        """Queue a download."""
        service.check_accepting()
        return service.job_reply(service.jobs.submit("pull", {"model": body.model}))

    @router.post("/build")
    async def build(body: BuildRequest) -> JobReply:
        """Queue the way from a model, on this machine or on the Hub, to an engine that is ready to be loaded."""
        service.check_accepting()
        return service.job_reply(service.jobs.submit("build", body.model_dump(exclude_none=True)))

    @router.get("/storage")
    async def storage() -> StorageReply:
        """Where models and engines lie, and how much room they take."""
        return await service.library.storage()

    @router.post("/storage/move")
    async def move(body: StorageRequest) -> JobReply:
        """Queue moving models and engines to another folder. Idle models are unloaded first; refused while one answers."""
        service.check_accepting()
        return service.job_reply(await service.move_library(body.folder))

    @router.post("/storage/use")
    async def use(body: StorageRequest) -> StorageReply:
        """Models and engines lie in another folder from now on; what is in the present one stays there, unused."""
        service.check_accepting()
        await service.use_library(body.folder)
        return await service.library.storage()

    @router.post("/models/link")
    async def link(body: LinkRequest) -> LinkReply:
        """Install a folder of this machine as it lies there, without a copy."""
        reply = await service.library.link(body.folder, body.name)
        changed(reply.name)
        return reply

    @router.post("/models/remove")
    async def remove(body: RemoveRequest) -> RemoveReply:
        """Delete a model with its engines, a link, or one engine. Refused while it is loaded, unless `unload`."""
        reply = await service.remove_model(body.model, body.unload)
        changed(reply.name)
        return reply

    return router
