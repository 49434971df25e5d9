"""The `openai` package as its users call it, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

MESSAGES = [{"role": "user", "content": "Say something."}]
GO_ON = {"ignore_eos": True}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "maxLength": 5}, "days": {"enum": [1, 2]}},
            "required": ["place", "days"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 6}, "old": {"type": "boolean"}},
    "required": ["name", "old"],
    "additionalProperties": False,
}


def sdk_of(server: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.info.token, max_retries=0, timeout=30)


@pytest.fixture
def sdk(server: Any) -> Iterator[openai.OpenAI]:
    with sdk_of(server) as sdk:
        yield sdk


@pytest.fixture
def real_sdk(real: Any) -> Iterator[openai.OpenAI]:
    with sdk_of(real) as sdk:
        yield sdk


def test_chat_in_one_piece(sdk: openai.OpenAI) -> None:
    reply = sdk.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=12, seed=3, extra_body=GO_ON)
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 12
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 12


def test_a_stream_says_the_same_as_the_whole(sdk: openai.OpenAI) -> None:
    asked = {"model": "tiny", "messages": MESSAGES, "max_tokens": 40, "seed": 7, "n": 2, "extra_body": GO_ON}
    whole = sdk.chat.completions.create(**asked)
    texts, reasons, usage = ["", ""], [None, None], None
    for chunk in sdk.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
    assert texts == [choice.message.content for choice in whole.choices]
    assert texts[0] != texts[1]
    assert reasons == ["length", "length"]
    assert usage.completion_tokens == 80
    assert usage.prompt_tokens_details.cached_tokens > 0


def test_every_sampler_parameter_reaches_the_engine(server: Any, sdk: openai.OpenAI) -> None:
    ours = {
        "top_k": 7, "min_p": 0.1, "typical_p": 0.9, "repetition_penalty": 1.2, "stop_token_ids": [65], "min_tokens": 2,
        "ignore_eos": True, "include_stop": True, "skip_special_tokens": False, "priority": "batch",
    }  # fmt: skip
    sdk.chat.completions.create(
        model="tiny", messages=MESSAGES, temperature=0.3, top_p=0.8, seed=5, stop=["zz", "yy"], presence_penalty=0.5,
        frequency_penalty=-0.5, logit_bias={"66": -3}, max_completion_tokens=4, logprobs=True, top_logprobs=2,
        extra_body=ours,
    )  # fmt: skip
    submit = server.handle().submits[-1]
    params = submit.params
    assert (params.temperature, params.top_p, params.seed, params.stop) == (0.3, 0.8, 5, ("zz", "yy"))
    assert (params.presence_penalty, params.frequency_penalty, params.logit_bias) == (0.5, -0.5, {66: -3.0})
    assert (params.top_k, params.min_p, params.typical_p, params.repetition_penalty) == (7, 0.1, 0.9, 1.2)
    assert (params.max_tokens, params.min_tokens, params.logprobs) == (4, 2, 2)
    assert (params.stop_token_ids, params.ignore_eos, params.include_stop) == ((65,), True, True)
    assert params.skip_special_tokens is False
    assert submit.stop_ids == (65,)
    assert submit.priority == 1


def test_logprobs_stand_beside_their_tokens(sdk: openai.OpenAI) -> None:
    asked = {"model": "tiny", "messages": MESSAGES, "max_tokens": 9, "logprobs": True, "top_logprobs": 3, "seed": 1}
    whole = sdk.chat.completions.create(**asked, extra_body=GO_ON)
    entries = whole.choices[0].logprobs.content
    assert len(entries) == 9
    assert all(len(entry.top_logprobs) == 3 for entry in entries)
    streamed = []
    for chunk in sdk.chat.completions.create(**asked, stream=True, extra_body=GO_ON):
        for choice in chunk.choices:
            streamed += choice.logprobs.content if choice.logprobs else []
    assert [entry.bytes for entry in streamed] == [entry.bytes for entry in entries]


def test_completions_of_several_prompts(sdk: openai.OpenAI) -> None:
    asked = {"model": "tiny", "prompt": ["One", "Two"], "n": 2, "max_tokens": 6, "seed": 1, "extra_body": GO_ON}
    whole = sdk.completions.create(**asked, echo=True)
    assert [choice.index for choice in whole.choices] == [0, 1, 2, 3]
    assert [choice.text[:3] for choice in whole.choices] == ["One", "One", "Two", "Two"]
    assert whole.usage.completion_tokens == 24
    texts = ["", "", "", ""]
    for chunk in sdk.completions.create(**asked, echo=True, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in whole.choices]


def test_completions_take_token_ids_and_give_16_tokens_by_default(server: Any, sdk: openai.OpenAI) -> None:
    reply = sdk.completions.create(model="tiny", prompt=[1, 2, 3], logprobs=2, extra_body=GO_ON)
    assert server.handle().submits[-1].prompt_ids == [1, 2, 3]
    assert reply.usage.completion_tokens == 16
    assert len(reply.choices[0].logprobs.tokens) == len(reply.choices[0].logprobs.token_logprobs) == 16
    offsets = reply.choices[0].logprobs.text_offset
    assert offsets[0] == 0
    assert offsets == sorted(offsets)


def test_a_response_in_one_piece_and_as_events(sdk: openai.OpenAI) -> None:
    asked = {
        "model": "tiny",
        "input": "Hello",
        "instructions": "Be brief.",
        "max_output_tokens": 20,
        "extra_body": GO_ON,
    }
    whole = sdk.responses.create(**asked | {"extra_body": GO_ON | {"seed": 4}})
    assert whole.status == "incomplete"
    assert whole.incomplete_details.reason == "max_output_tokens"
    assert whole.usage.output_tokens == 20
    events = list(sdk.responses.create(**asked | {"extra_body": GO_ON | {"seed": 4}}, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text == events[-1].response.output_text


def test_a_response_to_a_whole_conversation(server: Any, sdk: openai.OpenAI) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"place": "x"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "rain"},
    ]
    sdk.responses.create(model="tiny", input=items, max_output_tokens=2)
    prompt = bytes(token for token in server.handle().submits[-1].prompt_ids if token < 256)
    assert prompt  # byte-level ids are not bytes; what counts is that the template took the roles
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        sdk.responses.create(model="tiny", input="x", previous_response_id="resp_1")
    with pytest.raises(openai.BadRequestError, match="input_image"):
        sdk.responses.create(model="tiny", input=[{"role": "user", "content": [{"type": "input_image"}]}])


@pytest.mark.parametrize("stream", [False, True])
def test_json_schema(real_sdk: openai.OpenAI, stream: bool) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    asked = {"model": "tiny", "messages": MESSAGES, "response_format": form, "max_tokens": 400, "seed": 2}
    if stream:
        chunks = real_sdk.chat.completions.create(**asked, stream=True)
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    else:
        reply = real_sdk.chat.completions.create(**asked)
        assert reply.choices[0].finish_reason == "stop"
        text = reply.choices[0].message.content
    value = json.loads(text)
    assert set(value) == {"name", "old"}
    assert isinstance(value["old"], bool)


def test_json_schema_of_a_response(real_sdk: openai.OpenAI) -> None:
    form = {"format": {"type": "json_schema", "name": "person", "schema": SCHEMA}}
    reply = real_sdk.responses.create(model="tiny", input="Who?", text=form, max_output_tokens=400)
    assert reply.status == "completed"
    assert set(json.loads(reply.output_text)) == {"name", "old"}


def test_regex_and_a_bad_grammar(real_sdk: openai.OpenAI) -> None:
    reply = real_sdk.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=50, extra_body={"regex": "[ab]{3}c"}
    )
    assert reply.choices[0].message.content[-1] == "c"
    with pytest.raises(openai.BadRequestError) as refused:
        real_sdk.chat.completions.create(model="tiny", messages=MESSAGES, extra_body={"regex": "[ab"})
    assert refused.value.param == "regex"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_forced_tool_call(real_sdk: openai.OpenAI, choice: Any) -> None:
    asked = {"model": "tiny", "messages": MESSAGES, "tools": [WEATHER], "tool_choice": choice, "max_tokens": 600}
    reply = real_sdk.chat.completions.create(**asked)
    assert reply.choices[0].finish_reason == "tool_calls"
    assert reply.choices[0].message.content is None
    (call,) = reply.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"place", "days"}


CALL = '<tool_call>\n{"name": "weather", "arguments": {"place": "Rome", "days": 2}}\n</tool_call>'
HERMES = (
    "{% if tools %}<tool_call>{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}{% if enable_thinking is defined %}"
    "thinking {{ enable_thinking }}{% endif %}{# <think> </think> #}"
)


def test_a_tool_call_that_the_model_writes(serve_with: Any) -> None:
    with (
        serve_with(template=HERMES, script=f"<think>Rome, then.</think>\n\nOne moment. {CALL}") as server,
        sdk_of(server) as sdk,
    ):
        asked = {"model": "tiny", "messages": MESSAGES, "tools": [WEATHER]}
        message = sdk.chat.completions.create(**asked).choices[0].message
        assert message.reasoning_content == "Rome, then."
        assert message.content.strip() == "One moment."
        assert json.loads(message.tool_calls[0].function.arguments) == {"place": "Rome", "days": 2}

        reasoning, content, arguments, name, finish = "", "", "", None, None
        for chunk in sdk.chat.completions.create(**asked, stream=True):
            delta = chunk.choices[0].delta
            reasoning += getattr(delta, "reasoning_content", None) or ""
            content += delta.content or ""
            for call in delta.tool_calls or ():
                name = call.function.name or name
                arguments += call.function.arguments or ""
            finish = chunk.choices[0].finish_reason or finish
        assert (reasoning, content.strip(), name, finish) == ("Rome, then.", "One moment.", "weather", "tool_calls")
        assert json.loads(arguments) == {"place": "Rome", "days": 2}

        flat = {"type": "function", "name": "weather", "parameters": WEATHER["function"]["parameters"]}
        reply = sdk.responses.create(model="tiny", input="Weather?", tools=[flat])
        assert [item.type for item in reply.output] == ["reasoning", "message", "function_call"]
        assert json.loads(reply.output[2].arguments) == {"place": "Rome", "days": 2}
        kinds = [event.type for event in sdk.responses.create(model="tiny", input="W?", tools=[flat], stream=True)]
        assert "response.reasoning_text.delta" in kinds
        assert kinds.index("response.function_call_arguments.done") < kinds.index("response.completed")

        without = sdk.chat.completions.create(model="tiny", messages=MESSAGES, tools=[WEATHER], tool_choice="none")
        assert CALL in without.choices[0].message.content


def test_the_conversation_with_the_tools_answer_goes_back(serve_with: Any) -> None:
    """What the SDK returned is sent again as it is, nulls and all."""
    with serve_with(template=HERMES, script=CALL) as server, sdk_of(server) as sdk:
        first = sdk.chat.completions.create(model="tiny", messages=MESSAGES, tools=[WEATHER]).choices[0].message
        answer = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sunny"}
        again = [*MESSAGES, first.model_dump(), answer]
        assert sdk.chat.completions.create(model="tiny", messages=again, tools=[WEATHER]).choices


def test_thinking_is_switched_by_any_of_its_names(serve_with: Any) -> None:
    with serve_with(template=HERMES, script="x") as server, sdk_of(server) as sdk:
        tokens = []
        for extra in (
            {"enable_thinking": False},
            {"chat_template_kwargs": {"enable_thinking": False}},
            {"reasoning_effort": "none"},
        ):
            sdk.chat.completions.create(model="tiny", messages=MESSAGES, extra_body=extra)
            tokens.append(server.handle().submits[-1].prompt_ids)
        assert tokens[0] == tokens[1] == tokens[2]
        sdk.chat.completions.create(model="tiny", messages=MESSAGES)
        assert server.handle().submits[-1].prompt_ids != tokens[0]


def test_the_final_message_is_continued(serve_with: Any) -> None:
    with serve_with(script=" and more") as server, sdk_of(server) as sdk:
        messages = [*MESSAGES, {"role": "assistant", "content": "Some"}]
        reply = sdk.chat.completions.create(
            model="tiny", messages=messages, extra_body={"continue_final_message": True}
        )
        assert reply.choices[0].message.content == " and more"
        with pytest.raises(openai.BadRequestError, match="continued"):
            sdk.chat.completions.create(model="tiny", messages=MESSAGES, extra_body={"continue_final_message": True})


def test_a_stop_string_ends_the_answer_and_is_told_to_the_engine(serve_with: Any) -> None:
    with serve_with(script="one two three four five") as server, sdk_of(server) as sdk:
        for stream in (False, True):
            reply = sdk.chat.completions.create(model="tiny", messages=MESSAGES, stop="three", stream=stream)
            if stream:
                text = "".join(choice.delta.content or "" for chunk in reply for choice in chunk.choices)
            else:
                text = reply.choices[0].message.content
                assert reply.choices[0].finish_reason == "stop"
                assert reply.usage.completion_tokens == len("one two ")
            assert text == "one two "
        assert [finish.keep_tokens for finish in server.handle().finishes] == [8, 8]


ERRORS: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"temperature": -1}, openai.BadRequestError, "temperature"),
    ({"top_p": "0.5"}, openai.BadRequestError, "top_p"),
    ({"max_tokens": 0}, openai.BadRequestError, "max_tokens"),
    ({"max_tokens": 100_000}, openai.BadRequestError, "max_tokens"),
    ({"n": 1000}, openai.BadRequestError, "n"),
    ({"logit_bias": {"x": 1}}, openai.BadRequestError, "logit_bias"),
    ({"logit_bias": {"99999": 1}}, openai.BadRequestError, "logit_bias"),
    ({"top_logprobs": 2}, openai.BadRequestError, "top_logprobs"),
    ({"messages": []}, openai.BadRequestError, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, openai.BadRequestError, "messages.0.role"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, openai.BadRequestError, "messages"),
    ({"extra_body": {"no_such_parameter": 1}}, openai.BadRequestError, "no_such_parameter"),
    ({"extra_body": {"chat_template_kwargs": {"messages": []}}}, openai.BadRequestError, "chat_template_kwargs"),
    ({"stream_options": {"include_usage": True}}, openai.BadRequestError, "stream_options"),
    ({"tool_choice": "required"}, openai.BadRequestError, "tool_choice"),
    ({"model": "no-such-model"}, openai.NotFoundError, ""),
    ({"model": "../../etc"}, openai.NotFoundError, ""),
    ({"model": "/etc"}, openai.NotFoundError, ""),
    ({"model": "broken"}, openai.UnprocessableEntityError, ""),
    ({"model": "base"}, openai.BadRequestError, "messages"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("change", "kind", "param"), ERRORS)
def test_errors_name_what_is_wrong(
    sdk: openai.OpenAI, change: dict[str, Any], kind: type[openai.APIStatusError], param: str, stream: bool
) -> None:
    if stream and "stream_options" in change:
        pytest.skip("right for a stream")
    asked = {"model": "tiny", "messages": MESSAGES, "max_tokens": 4, "stream": stream} | change
    with pytest.raises(kind) as refused:
        sdk.chat.completions.create(**asked)
    assert (refused.value.param or "") == param
    assert refused.value.body["message"].endswith(".")
    assert "Traceback" not in str(refused.value.body)


def test_a_prompt_longer_than_the_context_is_refused_with_the_numbers(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="4096") as refused:
        sdk.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "x" * 5000}])
    assert refused.value.code == "context_length_exceeded"


def test_models_are_listed_and_embeddings_refused(sdk: openai.OpenAI) -> None:
    models = {model.id: model for model in sdk.models.list()}
    assert models["tiny"].loaded
    assert models["tiny"].context == 4096
    assert sdk.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("none/such")
    with pytest.raises(openai.BadRequestError, match="not supported by this model"):
        sdk.embeddings.create(model="tiny", input="x")


def test_a_model_loads_with_its_first_request(sdk: openai.OpenAI) -> None:
    assert sdk.completions.create(model="base", prompt="x", max_tokens=2).model == "base"


def test_a_wrong_token(server: Any) -> None:
    wrong = openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0)
    with wrong as sdk, pytest.raises(openai.AuthenticationError):
        sdk.models.list()


async def _ask_many(server: Any, count: int) -> list[str]:
    import asyncio

    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=server.info.token) as sdk:

        async def ask(number: int) -> str:
            text = ""
            stream = await sdk.chat.completions.create(
                model="tiny", messages=MESSAGES, seed=number % 3, max_tokens=20, stream=True, extra_body=GO_ON
            )
            async for chunk in stream:
                text += chunk.choices[0].delta.content or "" if chunk.choices else ""
            return text

        return await asyncio.gather(*(ask(number) for number in range(count)))


def test_many_streams_at_once_do_not_mix(server: Any) -> None:
    import asyncio

    texts = asyncio.run(_ask_many(server, 30))
    assert len(set(texts)) == 3
    assert all(texts[i] == texts[i % 3] for i in range(30))
