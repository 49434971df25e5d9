"""Messages to prompt text, by the Jinja template that came with the model.

Renders as transformers does (`apply_chat_template`), parity-tested, in the sandbox of `core.text.sandbox`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError

from core.errors import InvalidRequest, ModelUnusable
from core.text.messages import plain_data, plain_messages
from core.text.sandbox import BUDGET, Budget, ModelTemplateEnvironment
from core.text.special import read_json

SECONDS = 5.0
BASE_CHARS = 16 << 20
CHARS_PER_INPUT = 64
_END_MARK = "\ue000END-OF-FINAL-MESSAGE\ue000 "  # private-use characters; the space tells whether the template trims


class TemplateRaised(jinja2.TemplateError):
    """The template called raise_exception: it refuses these messages, in its own words."""


class ChatTemplate:
    """The chat template of a model, or several under names (`default`, `tool_use`). Compiled once, safe between threads."""

    def __init__(
        self,
        templates: str | Mapping[str, str],
        variables: Mapping[str, str] | None = None,
        origin: str = "this model",
        seconds: float = SECONDS,
    ) -> None:
        """`variables`: what templates read besides the messages, such as bos_token. `origin`: the file, for errors.

        Raises ModelUnusable, with the line, for a template that is not valid Jinja.
        """
        self.origin = origin
        self._seconds = seconds
        self._variables = dict(variables or {})
        self._sources = {"default": templates} if isinstance(templates, str) else dict(templates)
        environment = ModelTemplateEnvironment()
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = _strftime_now
        environment.add_filter("tojson", _tojson)
        self._compiled = {name: self._compile(environment, source) for name, source in self._sources.items()}

    @classmethod
    def from_folder(cls, path: str | Path, variables: Mapping[str, str] | None = None) -> ChatTemplate | None:
        """The template of a checkpoint folder, None if it has none (a base model).

        Looked for in chat_template.jinja (and additional_chat_templates/*.jinja), chat_template.json, tokenizer_config.json.
        """
        folder = Path(path)
        found: dict[str, str] = {}
        origin = folder / "tokenizer_config.json"
        for file in (folder / "chat_template.json", origin):
            if templates := _templates(read_json(file).get("chat_template"), file):
                found, origin = templates, file
                break
        single = folder / "chat_template.jinja"
        if single.is_file():
            found, origin = found | {"default": _read(single)}, single
        for extra in sorted(folder.glob("additional_chat_templates/*.jinja")):
            found[extra.stem] = _read(extra)
        return cls(found, variables, str(origin)) if found else None

    def source(self, tools: bool = False) -> str:
        """The Jinja text that is used, with or without tools."""
        return self._sources[self._choose(tools)]

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        **variables: Any,
    ) -> str:
        """The prompt text of a conversation.

        `messages`: role (system, developer, user, assistant, tool) and content, as in the OpenAI API. `tools`: JSON schemas.
        `continue_final_message`: leave the last assistant message open, so that the model goes on with it.
        `variables`: what this model's template understands besides, such as enable_thinking.
        Raises InvalidRequest if the messages are malformed or the template refuses them, ModelUnusable if the template itself
        is at fault (breaks the sandbox or its limits).
        """
        plain = plain_messages(messages)
        if continue_final_message:
            add_generation_prompt = False
            final = plain[-1].get("content")
            if plain[-1]["role"] != "assistant" or not isinstance(final, str):
                raise InvalidRequest(
                    "Only an assistant message with text can be continued; the last message is none.", "messages"
                )
            plain[-1]["content"] = final + _END_MARK
        given = plain_data([list(tools) if tools else None, variables])
        size = len(json.dumps([plain, given]))
        text = self._run(
            self._compiled[self._choose(bool(tools))],
            BASE_CHARS + CHARS_PER_INPUT * size,
            {"documents": None, **self._variables, **given[1]}
            | {"messages": plain, "tools": given[0], "add_generation_prompt": add_generation_prompt},
        )
        return self._cut(text) if continue_final_message else text

    def _choose(self, tools: bool) -> str:
        if tools and "tool_use" in self._compiled:
            return "tool_use"
        return "default" if "default" in self._compiled else next(iter(self._compiled))

    def _run(self, template: Any, chars: int, variables: Mapping[str, Any]) -> str:
        token = BUDGET.set(Budget(self._seconds, chars))
        try:
            return str(template.render(variables))
        except TemplateRaised as error:
            said = str(error).strip().rstrip(".")
            raise InvalidRequest(
                f'The chat template of this model refuses these messages: "{said}".', "messages"
            ) from error
        except (SecurityError, RecursionError, MemoryError) as error:
            reason = str(error).strip().rstrip(".") or "it calls itself too deeply"
            raise ModelUnusable(f"The chat template in {self.origin} was stopped: {reason}.") from error
        except Exception as error:  # a template is a program: any TypeError, KeyError, ... of its own
            reason = f"{type(error).__name__}: {error}".strip().rstrip(".")
            raise InvalidRequest(
                f"The chat template in {self.origin} fails on these messages ({reason}).", "messages"
            ) from error
        finally:
            BUDGET.reset(token)

    def _cut(self, text: str) -> str:
        mark = _END_MARK.rstrip()
        place = text.rfind(mark)
        if place < 0:
            raise InvalidRequest(
                f"The last message cannot be continued: the chat template in {self.origin} does not show it as it is.",
                "messages",
            )
        kept = text[:place]
        return kept if text.startswith(_END_MARK, place) else kept.rstrip()

    def _compile(self, environment: ModelTemplateEnvironment, source: str) -> Any:
        token = BUDGET.set(Budget(self._seconds, BASE_CHARS))
        try:
            return environment.compile_template(source)
        except jinja2.TemplateSyntaxError as error:
            reason = f"line {error.lineno}: {(error.message or 'syntax error').rstrip('.')}"
            raise ModelUnusable(f"The chat template in {self.origin} is not valid ({reason}).") from error
        except Exception as error:  # nested too deeply for the parser or for Python's compiler
            reason = str(error).strip().rstrip(".") or type(error).__name__
            raise ModelUnusable(f"The chat template in {self.origin} cannot be compiled: {reason}.") from error
        finally:
            BUDGET.reset(token)


def _templates(value: object, file: Path) -> dict[str, str]:
    """One template, or a list of {"name", "template"}."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        return {"default": value}
    entries = value if isinstance(value, list) else []
    named = {
        entry["name"]: entry["template"]
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("template"), str)
    }
    if not named:
        raise ModelUnusable(f"The chat template in {file} is neither text nor a list of named templates.")
    return named


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelUnusable(f"The chat template in {file} cannot be read: {error}.") from error


def _raise(message: object) -> str:
    raise TemplateRaised(str(message)[:1000])


def _strftime_now(pattern: str) -> str:
    return datetime.now().strftime(pattern[:256])


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Sequence[str] | None = None,
    sort_keys: bool = False,
) -> str:
    """As transformers has it: no HTML escapes."""
    BUDGET.get().weigh(value)
    if indent is not None and indent > 16:
        raise SecurityError(f"it indents JSON by {indent}")
    pair = None if separators is None else (str(separators[0])[:16], str(separators[1])[:16])
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=pair, sort_keys=sort_keys)
