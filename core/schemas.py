"""Everything that crosses the HTTP boundary: one set of Pydantic models, used by the service and by `core.client`.

Requests refuse unknown parameters by name, so that no setting is swallowed; what stock clients send and has no effect here is
listed as such. Types only: the ranges of sampling parameters are checked in one place, `core.sampling`. Where the OpenAI API
has a form (https://platform.openai.com/docs/api-reference), that form is kept; what is ours is marked "Deskside".
"""

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


# --- errors ------------------------------------------------------------------------------------------------------------


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


# --- what requests share -----------------------------------------------------------------------------------------------


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


# --- /v1/chat/completions ----------------------------------------------------------------------------------------------


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
    top_logprobs: list[TopLogprob] = []


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


# --- /v1/completions ---------------------------------------------------------------------------------------------------


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


# --- /v1/responses -----------------------------------------------------------------------------------------------------


class ResponseTool(Strict):
    """A function, in the flat form of the Responses API."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=256)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedResponseTool(Strict):
    type: Literal["function"]
    name: str


class ResponseSchemaFormat(Strict):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    type: Literal["json_schema"]
    name: str = "answer"
    description: str | None = None
    json_schema: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseText(Strict):
    format: Annotated[TextFormat | JsonObjectFormat | ResponseSchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ResponseReasoning(Strict):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: str | None = None


class ResponsesRequest(Sampling, NoEffect):
    """Text in, text out. Nothing is stored, so `previous_response_id` is refused: send the whole conversation."""

    model: str | None = None
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: int | None = None
    text: ResponseText | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedResponseTool | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ResponseReasoning | None = None
    truncation: Literal["disabled", "auto"] | None = None
    background: bool | None = None
    include: list[str] | None = None
    previous_response_id: str | None = None
    top_logprobs: int | None = None
    enable_thinking: bool | None = None


class ResponseUsage(Reply):
    input_tokens: int
    input_tokens_details: PromptDetails
    output_tokens: int
    output_tokens_details: CompletionDetails
    total_tokens: int


class Response(Reply):
    """The response object; `output` holds items of type message, reasoning and function_call."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Literal["in_progress", "completed", "incomplete", "failed"]
    model: str
    output: list[dict[str, Any]]
    usage: ResponseUsage | None = None
    error: dict[str, Any] | None = None
    incomplete_details: dict[str, Any] | None = None


# --- /v1/models, /v1/embeddings ----------------------------------------------------------------------------------------


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


# --- /v2 (KServe, Triton) ----------------------------------------------------------------------------------------------


class TritonParameters(Sampling):
    """As Triton's TensorRT-LLM models name them. `bad_words` must be empty: use logit_bias."""

    max_tokens: int | None = None
    stop_words: str | list[str] | None = None
    bad_words: str | list[str] | None = None
    random_seed: int | None = None
    n: int | None = None


class TritonRequest(TritonParameters):
    """`parameters` may stand beside `text_input` or inside `parameters`."""

    id: str | None = None
    text_input: str
    stream: bool | None = None
    parameters: TritonParameters | None = None


class TritonReply(Reply):
    """`text_output`: the generated text, without the prompt. In a stream, what is new; the last event has the rest."""

    id: str | None = None
    model_name: str
    model_version: str = "1"
    text_output: str
    finish_reason: Finish | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None


class TritonTensor(Reply):
    name: str
    datatype: str
    shape: list[int]


class TritonModel(Reply):
    name: str
    versions: list[str] = ["1"]
    platform: str = "deskside"
    inputs: list[TritonTensor]
    outputs: list[TritonTensor]


class Live(Reply):
    live: bool = True


class Ready(Reply):
    ready: bool = True


# --- /v1/deskside ------------------------------------------------------------------------------------------------------


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
    unknown) in `stage`. `result`: a path. Times: seconds since 1970."""

    id: str
    kind: str
    params: dict[str, Any]
    state: str
    stage: str = ""
    done: int = 0
    total: int = 0
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
    """One loaded model. Sequences and pages are what its worker last reported; None before its first report."""

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
    pages_total: int | None = None
    step: int | None = None


class InstalledStatus(Reply):
    name: str
    architecture: str
    context: int | None = None
    size: int = 0
    loaded: bool = False
    problem: str = ""


class Status(Reply):
    """The whole service at a glance."""

    version: str
    pid: int
    address: str
    uptime: float
    open_requests: int
    max_requests: int
    stopping: bool = False
    models: list[ModelStatus]


class ModelsReply(Reply):
    installed: list[InstalledStatus]
    loaded: list[ModelStatus]


class ServiceEvent(Reply):
    """One event of /v1/deskside/events. `kind`: hello, model (its state changed), job, stopping."""

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
