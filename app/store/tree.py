"""A chat's messages as a tree: an edit or another answer is a sibling, so nothing is ever overwritten. What is shown is the
path from a first message to `head`.

        ┌─ u1 ── a1 ── u2 ── a2
    ───┤            └─ u2' ── a2'     head: a2' shows u1 a1 u2' a2', with < 2/2 > at u2'
        └─ u1'
"""

from __future__ import annotations

from collections.abc import Iterable

from app.store.records import Message


class Tree:
    """Knows ids and order; the store writes the same changes to disk."""

    def __init__(self, messages: Iterable[Message] = (), head: str = "") -> None:
        self._messages: dict[str, Message] = {}
        self._children: dict[str, list[str]] = {"": []}
        for message in messages:
            self.add(message)
        self.head = head if head in self._messages else self._newest_below("")

    def __contains__(self, message: str) -> bool:
        return message in self._messages

    def __getitem__(self, message: str) -> Message:
        return self._messages[message]

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages(self) -> list[Message]:
        """Every branch, in the order of creation."""
        return list(self._messages.values())

    def add(self, message: Message) -> None:
        """A message whose parent is missing (a damaged or foreign file) becomes a first one."""
        parent = message.parent if message.parent in self._messages else ""
        message.parent = parent
        self._messages[message.id] = message
        self._children[parent].append(message.id)
        self._children[message.id] = []

    def path(self) -> list[Message]:
        """What is shown, first message first."""
        return self.path_to(self.head)

    def path_to(self, message: str) -> list[Message]:
        """From a first message to this one, both included; [] for ""."""
        found = []
        while message:
            found.append(self._messages[message])
            message = self._messages[message].parent
        return found[::-1]

    def siblings(self, message: str) -> list[str]:
        """The versions of a message, itself included, oldest first."""
        return list(self._children[self._messages[message].parent])

    def choose(self, message: str) -> str:
        """Show this version of a message: the new head, the newest message below it."""
        self.head = self._newest_below(message)
        return self.head

    def below(self, message: str) -> list[str]:
        """The message and everything that follows it, in every branch."""
        found, rest = [], [message]
        while rest:
            current = rest.pop()
            found.append(current)
            rest += self._children[current]
        return found

    def remove(self, message: str) -> list[Message]:
        """Take a message and all below it out; returns them, parents first, for `add` to undo it. The head moves to a
        sibling's branch, or to the parent."""
        gone = [self._messages[each] for each in self.below(message)]
        parent = self._messages[message].parent
        siblings = self._children[parent]
        at = siblings.index(message)
        siblings.remove(message)
        for each in gone:
            del self._messages[each.id], self._children[each.id]
        if self.head not in self._messages:
            self.head = self._newest_below(siblings[min(at, len(siblings) - 1)]) if siblings else parent
        return gone

    def _newest_below(self, message: str) -> str:
        """Follow the youngest child down."""
        while self._children[message]:
            message = self._children[message][-1]
        return message
