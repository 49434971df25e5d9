"""/v1: the routes that OpenAI clients use."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response

from core.errors import InvalidRequest, NotFound
from core.schemas import (
    ChatCompletion,
    ChatRequest,
    Completion,
    CompletionRequest,
    EmbeddingsRequest,
    ErrorReply,
    ModelCard,
    ModelList,
    ResponsesRequest,
)
from core.schemas import Response as ResponseReply
from core.service.body import JsonRoute, caller_of
from core.service.chat import chat_completion, chat_events
from core.service.completions import completion, completion_events
from core.service.replies import ERRORS, answer_once, answer_stream
from core.service.responses import Responding
from core.service.sse import DONE, event
from core.service.state import Service


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=JsonRoute, tags=["OpenAI"], responses=ERRORS)

    @router.get("/models")
    async def list_models() -> ModelList:
        """Every model that a request may name: installed ones load with their first request."""
        return ModelList(data=await _cards(service))

    @router.get("/models/{model:path}")
    async def retrieve_model(model: str) -> ModelCard:
        for card in await _cards(service):
            if card.id == model:
                return card
        raise NotFound(f"There is no model '{model}'; GET /v1/models lists those that can be used.")

    @router.post("/chat/completions", responses=_or_events(ChatCompletion, "a `chat.completion.chunk`"))
    async def create_chat_completion(body: ChatRequest, request: Request) -> Response:
        """Answer a conversation."""
        service.check_accepting()
        caller = caller_of(request)
        if body.stream:
            return await answer_stream(service, request, chat_events(service, body, caller), _error_event)
        return await answer_once(request, chat_completion(service, body, caller))

    @router.post("/completions", responses=_or_events(Completion, "a `text_completion`"))
    async def create_completion(body: CompletionRequest, request: Request) -> Response:
        """Go on from a text."""
        service.check_accepting()
        caller = caller_of(request)
        if body.stream:
            return await answer_stream(service, request, completion_events(service, body, caller), _error_event)
        return await answer_once(request, completion(service, body, caller))

    @router.post("/responses", responses=_or_events(ResponseReply, "an event of the Responses API"))
    async def create_response(body: ResponsesRequest, request: Request) -> Response:
        """Answer a conversation, in the form of the Responses API. Nothing is stored."""
        service.check_accepting()
        responding = Responding(service, body, caller_of(request))
        if body.stream:
            return await answer_stream(service, request, responding.events(), responding.error_event)
        return await answer_once(request, responding.response())

    @router.post("/embeddings", status_code=400, response_model=ErrorReply)
    async def create_embeddings(body: EmbeddingsRequest) -> Response:
        """Always an error: there are no embeddings here."""
        model = await service.models.get(body.model)
        raise InvalidRequest(
            f"Embeddings are not supported by this model: '{model.name}' generates text only.", "model"
        )

    return router


def _or_events(model: Any, each: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "model": model,
            "description": f"The answer; with `stream` server-sent events, each {each}, at the end `[DONE]`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    }


def _error_event(error: ErrorReply) -> bytes:
    """The last event of a stream that failed. Clients take an `error` member for what it is."""
    return event(error.model_dump()) + DONE


async def _cards(service: Service) -> list[ModelCard]:
    now = int(time.time())
    loaded = {model.name: model for model in service.models.loaded}
    cards = {
        model.name: ModelCard(id=model.name, created=now, loaded=model.name in loaded, context=model.context)
        for model in await service.models.installed()
        if not model.problem or model.name in loaded
    }
    for name, model in loaded.items():
        info = model.handle.info
        cards[name] = ModelCard(id=name, created=model.created, loaded=True, context=info.capacity if info else None)
    return list(cards.values())
