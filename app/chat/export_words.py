"""The few words that an export adds, in the window's language. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from app.store.records import Message


@dataclass(frozen=True, slots=True)
class Words:
    you: str = "You"
    assistant: str = "Assistant"
    image: str = "image"
    file: str = "File"
    chat: str = "Chat"

    def who(self, message: Message) -> str:
        """Who wrote it."""
        return self.you if message.role == "user" else message.model or self.assistant
