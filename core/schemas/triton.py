"""/v2: the KServe v2 protocol and Triton's generate extension."""

from __future__ import annotations

from pydantic import Field

from core.schemas.base import Finish, Reply, Sampling


class TritonParameters(Sampling):
    """As Triton's TensorRT-LLM models name them. `bad_words` must be empty: use logit_bias. `apply_chat_template`: false takes
    `text_input` as it is; otherwise, for a model with a chat template, it is a user's message."""

    max_tokens: int | None = None
    stop_words: str | list[str] | None = None
    bad_words: str | list[str] | None = None
    random_seed: int | None = None
    n: int | None = None
    apply_chat_template: bool | None = None


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
    versions: list[str] = Field(default_factory=lambda: ["1"])
    platform: str = "deskside"
    inputs: list[TritonTensor]
    outputs: list[TritonTensor]


class Live(Reply):
    live: bool = True


class Ready(Reply):
    ready: bool = True
