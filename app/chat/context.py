"""How much of the model's context the open chat takes: estimated at once, counted by the service soon after."""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, QTimer, Slot

from app.chat.choices import choice
from app.chat.composer import Composer
from app.chat.controller import ChatController
from app.chat.meter import Meter
from app.chat.prompt import about_tokens, messages_of
from app.store.records import Message
from app.threads import Operation

COUNT_MS = 400


class ContextCount(QObject):
    """Shows it on `meter`."""

    def __init__(self, controller: ChatController, composer: Composer, meter: Meter, parent: QObject) -> None:
        super().__init__(parent)
        self._controller, self._session = controller, controller.session
        self._composer, self._meter = composer, meter
        self._count: Operation | None = None
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.setInterval(COUNT_MS)
        self._counting.timeout.connect(self._count_tokens)
        self._estimating = QTimer(self)
        self._estimating.setSingleShot(True)
        self._estimating.timeout.connect(self.estimate)

    @Slot()
    def count_soon(self) -> None:
        """Once nothing has changed for a moment."""
        self._counting.start()

    def estimate_soon(self) -> None:
        """In the next turn of the event loop."""
        self._estimating.start()

    def show_used(self, used: int, exact: bool) -> None:
        self._meter.show_context(used, self._size(), exact)

    @Slot()
    def estimate(self) -> None:
        """Before anybody counted."""
        current = self._controller.current
        path = current.tree.path()
        texts = [current.chat.settings.system_prompt, self._composer.text]
        texts += [message.content for message in path]
        files = [*self._composer.attachments, *(file for message in path for file in message.attachments)]
        texts += [file.text for file in files]
        self.show_used(math.ceil(sum(map(about_tokens, texts))), exact=False)

    def _size(self) -> int:
        models, name = self._session.models, self._controller.model
        if models is None:
            return 0
        loaded = (each.context for each in models.loaded if each.name == name)
        found = choice(models, name)
        return next((context for context in loaded if context), found.context if found is not None else 0)

    @Slot()
    def _count_tokens(self) -> None:
        """Exactly, by the service, where the model is loaded anyway."""
        self.estimate()
        models, name = self._session.models, self._controller.model
        loaded = models is not None and any(each.name == name and each.state == "ready" for each in models.loaded)
        path = self._controller.current.tree.path()
        draft = self._composer.text
        if not loaded or self._session.service.phase != "ready" or not (path or draft):
            return
        if draft or self._composer.attachments:
            path = [*path, Message("user", draft, attachments=self._composer.attachments)]
        messages = messages_of(path, self._controller.current.chat.settings)
        if self._count is not None:
            self._count.cancel()
        self._count = self._session.call(
            lambda client: client.count_tokens(messages, model=name),
            lambda reply: self._meter.show_context(reply.tokens, reply.context, exact=True),
            lambda error: None,
            owner=self,
        )
