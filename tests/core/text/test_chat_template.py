"""Rendering is what transformers renders, and every way to fail is one sentence."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from core.errors import InvalidRequest, ModelUnusable
from core.text.chat_template import ChatTemplate

VARIABLES = {"bos_token": "<s>", "eos_token": "</s>"}

# Written for these tests, in the manner of the families named.
LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}{%- set date_string = "?" %}{%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Functions:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" + system_message + "<|eot_id|>" }}
{%- for message in messages %}
    {%- if 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n{"name": "' + tool_call.name + '", "parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- else %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

QWEN = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(looking=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.looking and message.role == "user" and not message.content.startswith('<tool_response>') %}
        {%- set ns.looking = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- macro turn(role, text) %}<|im_start|>{{ role }}
{{ text }}{% endmacro %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == "user" or (message.role == "system" and not loop.first) %}
        {{- turn(message.role, content) + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- generation %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}
            {{- turn('assistant', '<think>\\n' ~ reasoning.strip('\\n') ~ '\\n</think>\\n\\n' ~ content.lstrip('\\n')) }}
        {%- else %}
            {{- turn('assistant', content) }}
        {%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' ~ tool_call.name ~ '", "arguments": ' }}
            {%- if tool_call.arguments is string %}{{- tool_call.arguments }}
            {%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
        {%- endgeneration %}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (loop.previtem.role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (loop.nextitem.role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- for message in loop_messages | rejectattr("role", "equalto", "tool") | rejectattr("tool_calls", "defined") %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/...") }}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (loop.last) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}{{- '"' + key + '": "' + val + '"' }}
                    {%- else %}{{- '"' + key + '": ' + val|tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" }}{%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "}]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
        {%- continue %}
    {%- endif %}
{%- endfor %}
"""

TEMPLATES = {"llama3": LLAMA3, "qwen": QWEN, "mistral": MISTRAL}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": 'It\'s "weather" <at> a place & time — à Paris',
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {
    "type": "function",
    "function": {"name": "weather", "arguments": {"city": "Köln", "days": [1, 2.5, None, True]}},
}
CHATS: dict[str, list[dict[str, Any]]] = {
    "one": [{"role": "user", "content": "  Hi {{ there }} 👋🏽 \n"}],
    "turns": [
        {"role": "system", "content": "Be <brief> & kind."},
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "<think>\nadd\n</think>\n\nTwo. "},
        {"role": "user", "content": "今日は"},
    ],
    "tools": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "rain"},
        {"role": "tool", "content": "sun"},
        {"role": "assistant", "content": "Wet.", "reasoning_content": "It rains."},
    ],
    "two users": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "two calls": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [CALL, CALL]}],
    "open": [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One, two, "}],
}
REFUSED = {("mistral", "two users"), ("llama3", "two calls")}  # the others take every chat


@pytest.fixture(scope="session")
def oracle() -> Any:
    """transformers' own rendering. Its import warns that there is no torch, which is so and as it should be."""
    from transformers.utils.chat_template_utils import render_jinja_template

    def render(template: str, messages: Any, **rest: Any) -> str:
        rendered, _ = render_jinja_template([messages], chat_template=template, **rest)
        return str(rendered[0])

    return render


@pytest.mark.parametrize("template", list(TEMPLATES))
@pytest.mark.parametrize("chat", list(CHATS))
@pytest.mark.parametrize("tools", [None, [TOOL], [TOOL, TOOL]], ids=["none", "one", "two"])
def test_rendering_is_that_of_transformers(oracle: Any, template: str, chat: str, tools: Any) -> None:
    ours = ChatTemplate(TEMPLATES[template], VARIABLES)
    refused = 0
    for extra in ({}, {"enable_thinking": False, "date_string": "1 Jan"}):
        for prompt in (True, False):
            refusal, expected = None, ""
            try:
                expected = oracle(
                    TEMPLATES[template], CHATS[chat], tools=tools, add_generation_prompt=prompt, **VARIABLES, **extra
                )
            except TemplateError as error:
                refusal = re.escape(str(error).rstrip("."))
            if refusal is None:
                assert ours.render(CHATS[chat], tools, prompt, **extra) == expected
            else:
                with pytest.raises(InvalidRequest, match=refusal):
                    ours.render(CHATS[chat], tools, prompt, **extra)
            refused += refusal is not None
    assert bool(refused) == ((template, chat) in REFUSED)


@pytest.mark.parametrize("template", list(TEMPLATES))
@pytest.mark.parametrize("content", ["One, two, ", "One,\n", "One"])
def test_a_message_left_open_is_that_of_transformers(oracle: Any, template: str, content: str) -> None:
    chat = [CHATS["open"][0], {"role": "assistant", "content": content}]
    expected = oracle(TEMPLATES[template], chat, continue_final_message=True, **VARIABLES)
    text = ChatTemplate(TEMPLATES[template], VARIABLES).render(chat, continue_final_message=True)
    assert text == expected
    assert text.endswith(content.rstrip() if template == "mistral" or template == "llama3" else content)


def test_small_things_of_transformers_environment(oracle: Any) -> None:
    source = (
        "{%- for x in [1,2,3,4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}"
        "{{ x }}{% endfor %}\n"
        "  {% set d = dict(a=1) %}\n{{ d }} {{ none }} {{ missing }} {{ 1.5 }} {{ [1, 'x'] }}\n"
        "{{ {'b': 1, 'a': '<é>'} | tojson(indent=2, sort_keys=true) }} {{ messages[0].content | upper | replace('H', 'J') }}\n"
        "{{ '%s-%d' % ('a', 3) }} {{ '{}:{x}'.format(1, x=2) }} {{ ['a', 'b'] | join(', ') }} {{ 'a' ~ 1 ~ missing }}\n"
        "{% for k, v in d.items() %}{{ k }}{{ v }}{{ loop.length }}{{ loop.last }}{% endfor %}"
        " {{ 7 // 2 }} {{ 2 ** 3 }} {{ 'ab' * 2 }}\n"
        "{{ messages | map(attribute='role') | list }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}\n"
        "{% set joined %}a{{ 1 }}b{% endset %}{{ joined | length }} {{ (1, 2)[0] }} {{ 'x'.center(5) }}{{ 'a b'.split() }}\n"
        "{{ [3, 1] | sort | first }} {{ [1, 2] | sum }} {{ 'a,b'.split(',') | join('|') }} {{ '  x' | trim | indent(2) }}"
    )
    chat = [{"role": "user", "content": "hi"}]
    assert ChatTemplate(source).render(chat) == oracle(source, chat, add_generation_prompt=True)


def test_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ChatTemplate("{{ strftime_now('%Y') }}").render(CHATS["one"])
    assert int(text) - datetime.now().year in (-1, 0)


def test_arguments_as_the_openai_api_sends_them() -> None:
    text = json.dumps(CALL["function"]["arguments"])
    sent = [
        {"role": "user", "content": "w"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "weather", "arguments": text}}]},
    ]
    parsed = [sent[0], {"role": "assistant", "content": None, "tool_calls": [CALL]}]
    template = ChatTemplate(QWEN)
    assert template.render(sent) == template.render(parsed)
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == text  # the caller's own is left as it was


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert ChatTemplate("{{ messages[0].content }}").render([{"role": "user", "content": parts}]) == "a\nb"


def test_where_templates_are_found(tmp_path: Path) -> None:
    assert ChatTemplate.from_folder(tmp_path) is None
    named = [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T{{ bos_token }}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    template = ChatTemplate.from_folder(tmp_path, VARIABLES)
    assert template is not None
    assert template.render(CHATS["one"]) == "D"
    assert template.render(CHATS["one"], [TOOL]) == "T<s>"
    (tmp_path / "chat_template.jinja").write_text("J", encoding="utf-8")
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "tool_use.jinja").write_text("A", encoding="utf-8")
    template = ChatTemplate.from_folder(tmp_path)
    assert template is not None
    assert (template.render(CHATS["one"]), template.render(CHATS["one"], [TOOL])) == ("J", "A")


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one message"),
        ("hello", "at least one message"),
        (["hello"], "Message 1 is a str"),
        ([{"role": "boss", "content": "x"}], "Message 1 has the role 'boss'; use one of system"),
        ([{"content": "x"}], "role None"),
        ([CHATS["one"][0], {"role": "user"}], r"Message 2 \(user\) has no content"),
        ([{"role": "user", "content": None}], "content of type NoneType"),
        ([{"role": "user", "content": 3}], "content of type int"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "part of type 'image_url'; this model reads text",
        ),
        ([{"role": "user", "content": "x", "extra": object()}], "holds a object"),
        ([{"role": "user", "content": "x", "extra": json.loads("[" * 90 + "]" * 90)}], "nested deeper than 64"),
    ],
)
def test_messages_that_cannot_be_used(messages: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        ChatTemplate("x").render(messages)


def test_a_template_that_raises_is_quoted() -> None:
    with pytest.raises(
        InvalidRequest, match=r'refuses these messages: "After the optional system message, .* alternate'
    ):
        ChatTemplate(MISTRAL, VARIABLES).render([CHATS["one"][0], CHATS["one"][0]])


def test_a_template_that_fails_names_file_and_reason() -> None:
    with pytest.raises(
        InvalidRequest, match=r"The chat template in a/b\.jinja fails on these messages \(UndefinedError: 'x' is und"
    ):
        ChatTemplate("{{ x.y }}", origin="a/b.jinja").render(CHATS["one"])


@pytest.mark.parametrize("source", ["{% for x in %}", "{{ x", "{% nonsense %}", "{{ x|nofilter }}"])
def test_a_template_that_is_not_jinja_names_file_and_line(source: str) -> None:
    with pytest.raises(ModelUnusable, match=r"The chat template in f is not valid \(line 2: "):
        ChatTemplate("\n" + source, origin="f")


def test_templates_of_another_shape(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": [3]}')
    with pytest.raises(ModelUnusable, match="neither text nor a list"):
        ChatTemplate.from_folder(tmp_path)
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff\xfe")
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(ModelUnusable, match="cannot be read"):
        ChatTemplate.from_folder(tmp_path)


def test_only_an_assistant_message_can_be_continued() -> None:
    with pytest.raises(InvalidRequest, match="Only an assistant message"):
        ChatTemplate(QWEN).render(CHATS["one"], continue_final_message=True)
    with pytest.raises(InvalidRequest, match="does not show it"):
        ChatTemplate("fixed").render(CHATS["open"], continue_final_message=True)
