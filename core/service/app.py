"""The HTTP application: routes, errors and the door before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from core.service import admin, documents, library_routes, openai, triton
from core.service.auth import App, Guard
from core.service.exposition import CONTENT_TYPE
from core.service.replies import ERRORS, install, refuse
from core.service.state import Service


def create_api(service: Service) -> FastAPI:
    """The routes, without the door: for tests of their form and for the OpenAPI document."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
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
    for module in (openai, triton, admin, documents, library_routes):
        api.include_router(module.routes(service))

    @api.get("/metrics", tags=["Prometheus"], response_class=PlainTextResponse, responses=ERRORS)
    async def metrics() -> Response:
        """Counters, gauges and histograms in Prometheus' text form."""
        service.gather_metrics()
        return Response(service.metrics.render(), media_type=CONTENT_TYPE)

    return api


def create_app(service: Service, *, lan: bool = False, names: Iterable[str] = ()) -> App:
    """The application as it is served. `lan`, `names`: see core.service.auth.Guard."""
    return Guard(create_api(service), service.token, refuse, lan=lan, names=names)
