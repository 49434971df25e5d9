"""The calls of both clients for the model library. What they return is described in core.schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from core.schemas import (
    FitReply,
    HubModelReply,
    HubTokenReply,
    JobReply,
    JobsReply,
    LinkReply,
    RemoveReply,
    SearchReply,
    StorageReply,
)

R = TypeVar("R", bound=BaseModel)
_ROOT = "/v1/deskside"


def _path(route: str, **values: object) -> str:
    query = urlencode({name: value for name, value in values.items() if value is not None})
    return f"{_ROOT}/{route}" + (f"?{query}" if query else "")


def _job(job: str, action: str = "") -> str:
    return f"{_ROOT}/jobs/{quote(job, safe='')}" + (f"/{action}" if action else "")


def _build(model: str, precision: str, backend: str, gpu: str | None, calibration: str | None) -> dict[str, Any]:
    body = {"model": model, "precision": precision, "backend": backend, "gpu": gpu, "calibration": calibration}
    return {name: value for name, value in body.items() if value is not None}


class LibraryCalls:
    """Of the blocking client."""

    def _get(self, path: str, kind: type[R]) -> R:
        raise AssertionError("the client's own")

    def _post(self, path: str, body: dict[str, Any], kind: type[R], again: bool = True) -> R:
        raise AssertionError("the client's own")

    def _delete(self, path: str, kind: type[R]) -> R:
        raise AssertionError("the client's own")

    def search(self, query: str, limit: int = 20) -> SearchReply:
        """Models on the Hub with safetensors weights, the most downloaded first."""
        return self._get(_path("hub/search", query=query, limit=limit), SearchReply)

    def hub_model(self, model: str) -> HubModelReply:
        """One model on the Hub: REPO[@revision]."""
        return self._get(_path("hub/model", model=model), HubModelReply)

    def keep_hub_token(self, token: str) -> HubTokenReply:
        """For gated and private models."""
        return self._post(f"{_ROOT}/hub/token", {"token": token}, HubTokenReply)

    def fit(self, model: str, *, gpu: str | None = None, context: int | None = None, chats: int = 1) -> FitReply:
        """Will it fit, per precision? `model`: here or on the Hub."""
        return self._get(_path("fit", model=model, gpu=gpu, context=context, chats=chats), FitReply)

    def pull(self, model: str) -> JobReply:
        """Queue a download. Events of kind "job" tell how it goes."""
        return self._post(f"{_ROOT}/pull", {"model": model}, JobReply, again=False)

    def build(
        self,
        model: str,
        *,
        precision: str = "auto",
        backend: str = "auto",
        gpu: str | None = None,
        calibration: str | None = None,
    ) -> JobReply:
        """Queue the way from a model, here or on the Hub, to an engine; see core.schemas.BuildRequest."""
        body = _build(model, precision, backend, gpu, calibration)
        return self._post(f"{_ROOT}/build", body, JobReply, again=False)

    def link(self, folder: str, name: str | None = None) -> LinkReply:
        """Install a folder of this machine as it lies there."""
        return self._post(f"{_ROOT}/models/link", {"folder": folder, "name": name}, LinkReply, again=False)

    def remove(self, model: str, *, unload: bool = False) -> RemoveReply:
        """Delete a model with its engines, a link, or one engine. Raises Busy while it is loaded, unless `unload`."""
        return self._post(f"{_ROOT}/models/remove", {"model": model, "unload": unload}, RemoveReply, again=False)

    def storage(self) -> StorageReply:
        """Where models and engines lie, and how much room they take."""
        return self._get(f"{_ROOT}/storage", StorageReply)

    def move_storage(self, folder: str) -> JobReply:
        """Queue moving models and engines to `folder`, absolute; "" for the default one."""
        return self._post(f"{_ROOT}/storage/move", {"folder": folder}, JobReply, again=False)

    def use_storage(self, folder: str) -> StorageReply:
        """Models and engines lie in `folder` from now on; what is in the present one stays there."""
        return self._post(f"{_ROOT}/storage/use", {"folder": folder}, StorageReply, again=False)

    def jobs(self) -> JobsReply:
        """All of them, ended ones too."""
        return self._get(f"{_ROOT}/jobs", JobsReply)

    def job(self, job: str) -> JobReply:
        return self._get(_job(job), JobReply)

    def submit_job(self, kind: str, params: Mapping[str, Any]) -> JobReply:
        """A job of any kind."""
        return self._post(f"{_ROOT}/jobs", {"kind": kind, "params": dict(params)}, JobReply, again=False)

    def pause_job(self, job: str) -> JobReply:
        return self._post(_job(job, "pause"), {}, JobReply)

    def resume_job(self, job: str) -> JobReply:
        """Also a failed one: it is tried again."""
        return self._post(_job(job, "resume"), {}, JobReply)

    def cancel_job(self, job: str) -> JobReply:
        return self._post(_job(job, "cancel"), {}, JobReply)

    def remove_job(self, job: str) -> JobsReply:
        """Forget a job that has ended."""
        return self._delete(_job(job), JobsReply)


class AsyncLibraryCalls:
    """Of the client for asyncio; see LibraryCalls."""

    async def _get(self, path: str, kind: type[R]) -> R:
        raise AssertionError("the client's own")

    async def _post(self, path: str, body: dict[str, Any], kind: type[R], again: bool = True) -> R:
        raise AssertionError("the client's own")

    async def _delete(self, path: str, kind: type[R]) -> R:
        raise AssertionError("the client's own")

    async def search(self, query: str, limit: int = 20) -> SearchReply:
        return await self._get(_path("hub/search", query=query, limit=limit), SearchReply)

    async def hub_model(self, model: str) -> HubModelReply:
        return await self._get(_path("hub/model", model=model), HubModelReply)

    async def keep_hub_token(self, token: str) -> HubTokenReply:
        return await self._post(f"{_ROOT}/hub/token", {"token": token}, HubTokenReply)

    async def fit(self, model: str, *, gpu: str | None = None, context: int | None = None, chats: int = 1) -> FitReply:
        return await self._get(_path("fit", model=model, gpu=gpu, context=context, chats=chats), FitReply)

    async def pull(self, model: str) -> JobReply:
        return await self._post(f"{_ROOT}/pull", {"model": model}, JobReply, again=False)

    async def build(
        self,
        model: str,
        *,
        precision: str = "auto",
        backend: str = "auto",
        gpu: str | None = None,
        calibration: str | None = None,
    ) -> JobReply:
        body = _build(model, precision, backend, gpu, calibration)
        return await self._post(f"{_ROOT}/build", body, JobReply, again=False)

    async def link(self, folder: str, name: str | None = None) -> LinkReply:
        return await self._post(f"{_ROOT}/models/link", {"folder": folder, "name": name}, LinkReply, again=False)

    async def remove(self, model: str, *, unload: bool = False) -> RemoveReply:
        return await self._post(f"{_ROOT}/models/remove", {"model": model, "unload": unload}, RemoveReply, again=False)

    async def storage(self) -> StorageReply:
        return await self._get(f"{_ROOT}/storage", StorageReply)

    async def move_storage(self, folder: str) -> JobReply:
        return await self._post(f"{_ROOT}/storage/move", {"folder": folder}, JobReply, again=False)

    async def use_storage(self, folder: str) -> StorageReply:
        return await self._post(f"{_ROOT}/storage/use", {"folder": folder}, StorageReply, again=False)

    async def jobs(self) -> JobsReply:
        return await self._get(f"{_ROOT}/jobs", JobsReply)

    async def job(self, job: str) -> JobReply:
        return await self._get(_job(job), JobReply)

    async def submit_job(self, kind: str, params: Mapping[str, Any]) -> JobReply:
        return await self._post(f"{_ROOT}/jobs", {"kind": kind, "params": dict(params)}, JobReply, again=False)

    async def pause_job(self, job: str) -> JobReply:
        return await self._post(_job(job, "pause"), {}, JobReply)

    async def resume_job(self, job: str) -> JobReply:
        return await self._post(_job(job, "resume"), {}, JobReply)

    async def cancel_job(self, job: str) -> JobReply:
        return await self._post(_job(job, "cancel"), {}, JobReply)

    async def remove_job(self, job: str) -> JobsReply:
        return await self._delete(_job(job), JobsReply)
