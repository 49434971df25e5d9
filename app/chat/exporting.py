"""A chat as Markdown or JSON, and JSON back again. No Qt."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from app.chat.export_words import Words
from app.chat.presets import checked
from app.chat.prompt import content_of
from app.store.records import Attachment, Chat, ChatSettings, ChatSummary, Message, State, new_id
from app.store.tree import Tree
from core.errors import InvalidRequest

FORMAT = "deskside-chats"
VERSION = 1
MOST_JSON = 500_000_000


def to_markdown(title: str, path: Sequence[Message], settings: ChatSettings, words: Words | None = None) -> str:
    """The branch that is shown."""
    words = words or Words()
    parts = [f"# {title}\n"]
    if settings.system_prompt:
        parts.append(f"> {settings.system_prompt.strip()}\n".replace("\n", "\n> ").rstrip("> ") + "\n")
    parts += [f"## {words.who(message)}\n\n{content_of(message).strip()}\n" for message in path]
    return "\n".join(parts)


def to_json(chats: Sequence[Chat]) -> str:
    """Whole chats with every branch."""
    made = {"format": FORMAT, "version": VERSION, "chats": [_chat_out(chat) for chat in chats]}
    return json.dumps(made, ensure_ascii=False, indent=1)


def _chat_out(chat: Chat) -> dict[str, Any]:
    return {
        "title": chat.summary.title,
        "model": chat.summary.model,
        "created": _time(chat.summary.created),
        "updated": _time(chat.summary.updated),
        "settings": asdict(chat.settings),
        "head": chat.head,
        "messages": [_message_out(message) for message in chat.messages],
    }


def _message_out(message: Message) -> dict[str, Any]:
    files = [{"name": each.name, "text": each.text} for each in message.attachments]  # not where they lay
    return asdict(message) | {"created": _time(message.created), "attachments": files}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def from_json(text: str) -> list[Chat]:
    """Chats with new ids. Reads what `to_json` writes, and OpenAI-style message lists. Raises InvalidRequest, saying what is
    wrong; fields that are not known are left out."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"The file is not JSON ({str(error)[:80]}); choose one that was exported as JSON."
        ) from error
    if isinstance(data, dict) and data.get("format") == FORMAT and isinstance(data.get("chats"), list):
        found = [_chat_in(each) for each in data["chats"] if isinstance(each, dict)]
    elif isinstance(data, dict) and isinstance(data.get("messages"), list):
        found = [_chat_in(data)]
    elif isinstance(data, list) and all(isinstance(each, dict) and "role" in each for each in data) and data:
        found = [_chat_in({"messages": data})]
    else:
        raise InvalidRequest("The file holds no chats; choose one that was exported as JSON.")
    return [chat for chat in found if chat.messages]


def _chat_in(data: dict[str, Any]) -> Chat:
    names: dict[str, str] = {}
    messages: list[Message] = []
    settings_data = data.get("settings")
    prompt = _text(settings_data.get("system_prompt")) if isinstance(settings_data, dict) else ""
    sampling = checked(settings_data.get("sampling")) if isinstance(settings_data, dict) else {}
    previous = ""
    for each in data["messages"] if isinstance(data.get("messages"), list) else []:
        if not isinstance(each, dict):
            continue
        role, content = each.get("role"), _content(each.get("content"))
        if role == "system" and not messages:
            prompt = content
            continue
        if role not in ("user", "assistant"):
            continue
        parent = names.get(_text(each.get("parent")), "") if "id" in each else previous
        message = Message(role, content, parent)
        message.reasoning = _text(each.get("reasoning"))
        message.model = _text(each.get("model"))
        message.created = _seconds(each.get("created"), message.created)
        message.state = _state(each.get("state"))
        message.error = _text(each.get("error"))
        files = each.get("attachments")
        message.attachments = [
            Attachment(_text(file.get("name")), _text(file.get("text")))
            for file in (files if isinstance(files, list) else [])
            if isinstance(file, dict)
        ]
        info = each.get("info")
        message.info = info if isinstance(info, dict) else {}
        names[_text(each.get("id")) or message.id] = message.id
        previous = message.id
        messages.append(message)
    title = _text(data.get("title"))
    summary = ChatSummary(new_id(), title, model=_text(data.get("model")))
    summary.created = _seconds(data.get("created"), min((each.created for each in messages), default=summary.created))
    summary.updated = _seconds(data.get("updated"), max((each.created for each in messages), default=summary.updated))
    head = names.get(_text(data.get("head")), "")
    tree = Tree(messages, head)
    return Chat(summary, ChatSettings(prompt, "", sampling), head=tree.head, messages=messages)


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _content(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return _text(value)


def _state(value: Any) -> State:
    try:
        state = State(value)
    except ValueError:
        return State.DONE
    return State.INTERRUPTED if state is State.STREAMING else state


def _seconds(value: Any, default: float) -> float:
    if isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value < 1e11:
        return float(value)
    if isinstance(value, str) and re.match(r"\d{4}-", value):
        try:
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            pass
    return default
