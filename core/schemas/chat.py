"""/v1/chat/completions, /v1/completions, /v1/models and /v1/embeddings, as OpenAI has them; what is ours is marked "Deskside"."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.schemas.base import Finish, Message, NamedTool, NoEffect, Reply, ResponseFormat, Sampling, StreamOptions, Tool


class ChatRequest(Sampling, NoEffect):
    """OpenAI's parameters, and Deskside's: `grammar` (Lark), `regex`, `continue_final_message`, `enable_thinking`,
    `chat_template_kwargs`."""

    model: str | None = None
    messages: list[Message] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    modalities: list[Literal["text"]] | None = None
    grammar: str | None = None
    regex: str | None = None
    continue_final_message: bool | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class PromptDetails(Reply):
    cached_tokens: int = 0


class CompletionDetails(Reply):
    reasoning_tokens: int = 0


class Usage(Reply):
    """Tokens of a request. `cached_tokens`: of the prompt's, those that were not computed again."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails = CompletionDetails()


class FunctionCall(Reply):
    """`arguments`: JSON text."""

    name: str
    arguments: str


class ToolCall(Reply):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class TopLogprob(Reply):
    token: str
    logprob: float
    bytes: list[int] | None = None


class ContentLogprob(TopLogprob):
    top_logprobs: list[TopLogprob] = Field(default_factory=list)


class ChatLogprobs(Reply):
    content: list[ContentLogprob] | None = None
    refusal: None = None


class ChatMessage(Reply):
    role: Literal["assistant"] = "assistant"
    content: str | None = None
    refusal: None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class ChatChoice(Reply):
    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish


class ChatCompletion(Reply):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class FunctionDelta(Reply):
    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Reply):
    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta = FunctionDelta()


class ChatDelta(Reply):
    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChatChunkChoice(Reply):
    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish | None = None


class ChatChunk(Reply):
    """One event of a streamed chat completion."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: Usage | None = None


class CompletionRequest(Sampling, NoEffect):
    """A plain prompt, as text or token ids, or several. max_tokens is 16 where it is not given, as OpenAI has it."""

    model: str | None = None
    prompt: str | list[str] | list[int] | list[list[int]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    best_of: int | None = None
    max_tokens: int | None = None
    logprobs: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    response_format: ResponseFormat | None = None
    grammar: str | None = None
    regex: str | None = None


class CompletionLogprobs(Reply):
    """Beside each other: the tokens, where each begins in the text, and their log-probabilities."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None = None
    text_offset: list[int]


class CompletionChoice(Reply):
    index: int
    text: str
    logprobs: CompletionLogprobs | None = None
    finish_reason: Finish | None = None


class Completion(Reply):
    """A completion, or one event of a streamed one."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | None = None


class ModelCard(Reply):
    """`loaded`, `context`: Deskside; the context in tokens as far as it is known."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "deskside"
    loaded: bool = False
    context: int | None = None


class ModelList(Reply):
    object: Literal["list"] = "list"
    data: list[ModelCard]


class EmbeddingsRequest(BaseModel):
    """Read only as far as the answer needs: no model here makes embeddings."""

    model_config = ConfigDict(extra="allow")

    model: str | None = None
    input: Any = None
