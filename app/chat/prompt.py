"""What is sent to the service for a chat. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.store.records import ChatSettings, Message

TITLE_LENGTH = 60
_WIDE = bytes(range(0x2E, 0x100))  # U+2E00 and beyond


def messages_of(path: Sequence[Message], settings: ChatSettings) -> list[dict[str, Any]]:
    """The messages of a branch as the service takes them, the system prompt first; attached files before the words."""
    found: list[dict[str, Any]] = []
    if settings.system_prompt.strip():
        found.append({"role": "system", "content": settings.system_prompt})
    found += [{"role": message.role, "content": content_of(message)} for message in path]
    return found


def content_of(message: Message) -> str:
    files = [f"File: {each.name}\n\n{each.text.rstrip()}\n" for each in message.attachments]
    return "\n".join([*files, message.content]) if files else message.content


def about_tokens(text: str) -> float:
    """Before anybody counted: some four characters a token, one for Chinese and the like. 1 MB takes two milliseconds."""
    if text.isascii():
        return len(text) / 4
    high = text.encode("utf-16-le", "surrogatepass")[1::2]  # of each character, or half of one beyond the first plane
    narrow = len(high.translate(None, _WIDE))
    return narrow / 4 + len(high) - narrow


def title_of(text: str) -> str:
    """A title for a chat that begins with `text`: its first line, cut at a word."""
    line = next((line.strip(" #>*`\t") for line in text.splitlines() if line.strip(" #>*`\t")), "")
    line = " ".join(line.split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH]
    space = cut.rfind(" ")
    return (cut[:space] if space > TITLE_LENGTH // 2 else cut) + "…"
