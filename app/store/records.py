"""What a chat is made of. Ids are random and made by whoever creates the thing; times are seconds since 1970."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Role = Literal["user", "assistant"]


class State(StrEnum):
    """How an answer ended. STREAMING is found in a database only while a window writes it."""

    DONE = "done"
    STREAMING = "streaming"
    LENGTH = "length"  # stopped by a limit: max_tokens or the context
    STOPPED = "stopped"  # by the user
    INTERRUPTED = "interrupted"  # by a crash, of whatever process
    FAILED = "failed"  # an error; `Message.error` says which


# What "Continue" makes sense for.
UNFINISHED = frozenset({State.LENGTH, State.STOPPED, State.INTERRUPTED, State.FAILED})


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that goes with a message. `path`: of the file that was read, "" if it is not known; it says where the text
    came from, and is neither sent nor exported."""

    name: str
    text: str
    path: str = field(default="", compare=False)


@dataclass(slots=True)
class Message:
    """One message of the tree; `parent` is "" for a first one. `info`: tokens, speed, sampling that made it."""

    role: Role
    content: str
    parent: str = ""
    id: str = field(default_factory=new_id)
    reasoning: str = ""
    state: State = State.DONE
    error: str = ""
    model: str = ""
    created: float = field(default_factory=time.time)
    attachments: list[Attachment] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ChatSettings:
    """Of one chat. `sampling`: parameters of core.schemas.Sampling and max_tokens, those that the user set."""

    system_prompt: str = ""
    preset: str = ""
    sampling: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ChatSummary:
    """What the list of chats shows. `title` is "" until somebody writes. `folder`: an id or ""."""

    id: str = field(default_factory=new_id)
    title: str = ""
    folder: str = ""
    pinned: bool = False
    model: str = ""
    created: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)


@dataclass(slots=True)
class Chat:
    """A whole chat. `head`: the last message of the branch that is shown, "" in an empty one. `messages`: every branch, in
    the order of creation."""

    summary: ChatSummary
    settings: ChatSettings = field(default_factory=ChatSettings)
    head: str = ""
    draft: str = ""
    draft_attachments: list[Attachment] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Folder:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A chat that a search found, by its newest match. `snippet`: text around it, `start` and `length`: what to highlight
    in there; `message` is "" for a match in the title."""

    chat: str
    title: str
    message: str
    snippet: str
    start: int
    length: int
    updated: float
