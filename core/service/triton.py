"""/v2: the KServe v2 inference protocol as far as text goes, with Triton's generate extension.

    curl -X POST localhost:PORT/v2/models/demo/generate -H "Authorization: Bearer $TOKEN" -d \\
      '{"text_input": "How do I count to nine in French?", "parameters": {"max_tokens": 100}}'

A chat model given a bare question has nothing to say to it, so `text_input` goes through the model's chat template where there
is one, unless `apply_chat_template` is false: for clients that write the template's tokens themselves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import APIRouter, Request, Response

from core.errors import InvalidRequest, NotFound, Unavailable
from core.sampling import SamplingParams
from core.schemas import Live, Ready, TritonModel, TritonParameters, TritonReply, TritonRequest, TritonTensor
from core.service.body import AnyTypeRoute, caller_of
from core.service.chat import Caller
from core.service.parameters import priority_of, sampling_params
from core.service.replies import TRITON_ERRORS, answer_once, answer_stream
from core.service.runs import Run
from core.service.sse import event
from core.service.state import Service
from core.text.prompt import Prompt


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/v2", route_class=AnyTypeRoute, tags=["KServe v2"], responses=TRITON_ERRORS)

    @router.get("/health/live")
    async def live() -> Live:
        """The process runs. Needs no token."""
        return Live()

    @router.get("/health/ready")
    async def ready() -> Ready:
        """Requests are taken. Needs no token."""
        service.check_accepting()
        return Ready()

    @router.get("/models/{model}")
    async def metadata(model: str) -> TritonModel:
        """Inputs and outputs of a model that is installed or loaded."""
        await _known(service, model)
        return TritonModel(
            name=model,
            inputs=[TritonTensor(name="text_input", datatype="BYTES", shape=[1])],
            outputs=[TritonTensor(name="text_output", datatype="BYTES", shape=[1])],
        )

    @router.get("/models/{model}/ready")
    async def model_ready(model: str) -> Ready:
        """The model is loaded and answers."""
        for loaded in service.models.loaded:
            if loaded.name == model and loaded.handle.state == "ready":
                return Ready()
        await _known(service, model)
        raise Unavailable(f"The model '{model}' is not loaded; its first request loads it.", 5)

    @router.post("/models/{model}/generate", response_model=TritonReply)
    async def generate(model: str, body: TritonRequest, request: Request) -> Response:
        """The model's whole answer to `text_input` (without a chat template: the text that follows it)."""
        if body.stream:
            raise InvalidRequest("generate answers in one piece; use generate_stream.", "stream")
        return await answer_once(request, _generate(service, model, body, caller_of(request)))

    @router.post("/models/{model}/generate_stream", response_model=TritonReply)
    async def generate_stream(model: str, body: TritonRequest, request: Request) -> Response:
        """The same as server-sent events, each with what is new."""
        chunks = _stream(service, model, body, caller_of(request))
        return await answer_stream(service, request, chunks, lambda error: event({"error": error.error.message}))

    return router


async def _known(service: Service, name: str) -> None:
    names = {model.name for model in service.models.loaded}
    if name not in names and name not in {model.name for model in await service.models.installed()}:
        raise NotFound(f"There is no model '{name}'; GET /v1/models lists those that can be used.")


def _merged(body: TritonRequest) -> TritonParameters:
    """Of the two places where a parameter may stand, `parameters` goes before."""
    given = body.model_dump(exclude_none=True, exclude={"id", "text_input", "stream", "parameters"})
    if body.parameters is not None:
        given |= body.parameters.model_dump(exclude_none=True)
    return TritonParameters(**given)


def _params(merged: TritonParameters) -> SamplingParams:
    if any(_words(merged.bad_words)):
        raise InvalidRequest("bad_words is not supported; lower a token's chances with logit_bias.", "bad_words")
    if merged.n not in (None, 1):
        raise InvalidRequest("One text is generated for each request here; send several.", "n")
    stop = [*_words(merged.stop), *_words(merged.stop_words)]
    seed = merged.seed if merged.random_seed is None else merged.random_seed
    merged = merged.model_copy(update={"stop": stop or None, "seed": seed})
    return sampling_params(merged, max_tokens=merged.max_tokens)


def _words(value: str | list[str] | None) -> list[str]:
    """Triton's clients send [""] for none."""
    return [word for word in ([value] if isinstance(value, str) else value or []) if word]


async def _run(service: Service, name: str, body: TritonRequest, caller: Caller) -> Run:
    merged = _merged(body)
    params = _params(merged)
    model = await service.models.get(name)
    is_chat = bool(body.text_input) and model.prompts.template is not None and merged.apply_chat_template is not False

    def encode() -> Prompt:
        if is_chat:
            return model.prompts.chat([{"role": "user", "content": body.text_input}])
        return model.prompts.text(body.text_input)

    prompt = await service.encoders.run(len(body.text_input), encode)
    priority = priority_of(merged)
    return Run(model, prompt, params, service.limits, client=caller.name, priority=priority, metrics=service.metrics)


def _reply(body: TritonRequest, run: Run, text: str, finish: Any = None) -> TritonReply:
    done = run.generation.done
    return TritonReply(
        id=body.id,
        model_name=run.model.name,
        text_output=text,
        finish_reason=finish,
        prompt_tokens=done.prompt_tokens if done else None,
        output_tokens=done.output_tokens if done else None,
    )


async def _generate(service: Service, name: str, body: TritonRequest, caller: Caller) -> TritonReply:
    with service.admission.enter(caller.name, 1):
        run = await _run(service, name, body, caller)
        texts, finish = [], None
        async for deltas in run.batches():
            for delta in deltas:
                texts.append(delta.text)
                finish = delta.finish_reason or finish
        return _reply(body, run, "".join(texts), finish and finish.value)


async def _stream(service: Service, name: str, body: TritonRequest, caller: Caller) -> AsyncGenerator[bytes, None]:
    with service.admission.enter(caller.name, 1):
        run = await _run(service, name, body, caller)
        finish = None
        async for deltas in run.batches():
            text = "".join([delta.text for delta in deltas])
            finish = next((delta.finish_reason for delta in deltas if delta.finish_reason), finish)
            if text:
                yield event(_reply(body, run, text).model_dump(exclude_none=True))
        yield event(_reply(body, run, "", finish and finish.value).model_dump(exclude_none=True))
