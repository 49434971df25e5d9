"""The HTTP application: routes, errors and the door before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from core.service import admin, openai, triton
from core.service.auth import App, Guard
from core.service.replies import install, refuse
from core.service.state import Service


def create_api(service: Service) -> FastAPI:
    """The routes, without the door: for tests of their form and for the OpenAPI document."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.close()

    api = FastAPI(
        title="Deskside",
        version=service.version,
        lifespan=lifespan,
        docs_url=None,  # would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    api.state.service = service
    install(api)
    for module in (openai, triton, admin):
        api.include_router(module.routes(service))
    return api


def create_app(service: Service, *, lan: bool = False, names: Iterable[str] = ()) -> App:
    """The application as it is served. `lan`, `names`: see core.service.auth.Guard."""
    return Guard(create_api(service), service.token, refuse, lan=lan, names=names)
