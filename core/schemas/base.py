"""What all requests and answers share: errors, sampler parameters, formats, tools, messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Priority = Literal["interactive", "batch"]
Finish = Literal["stop", "length", "tool_calls", "cancelled", "error"]


class Strict(BaseModel):
    """A request: unknown names and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Reply(BaseModel):
    """An answer. Readers ignore what they do not know, so that an older client reads a newer service."""

    model_config = ConfigDict(extra="ignore")


class ErrorBody(Reply):
    """`code` is a stable word for programs (see core.errors), `param` names the parameter at fault."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorReply(Reply):
    error: ErrorBody


class TritonError(Reply):
    """The KServe v2 form of an error."""

    error: str


class Sampling(Strict):
    """Sampler parameters of every generating route; meaning and ranges: `core.sampling.SamplingParams`. From
    repetition_penalty on they are Deskside's own."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    repetition_penalty: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    min_tokens: int | None = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool | None = None
    include_stop: bool | None = None
    skip_special_tokens: bool | None = None
    priority: Priority | None = None


class NoEffect(Strict):
    """Parameters that stock clients send and that change nothing here: there is one user, and nothing is stored."""

    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class JsonSchema(Strict):
    """`schema`: JSON Schema of the answer. `strict` has no effect: an answer always keeps to it."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    name: str = "answer"
    description: str | None = None
    json_schema: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class TextFormat(Strict):
    type: Literal["text"]


class JsonObjectFormat(Strict):
    type: Literal["json_object"]


class JsonSchemaFormat(Strict):
    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


class Function(Strict):
    name: str = Field(min_length=1, max_length=256)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Strict):
    type: Literal["function"]
    function: Function


class NamedFunction(Strict):
    name: str


class NamedTool(Strict):
    type: Literal["function"]
    function: NamedFunction


class Message(BaseModel):
    """One message of a conversation. Further fields go to the chat template as they are; what it cannot use, it says."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
