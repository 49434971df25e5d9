"""Export to a file that the user chooses, and import. Files are made and read on a thread of their own, a PDF in short turns: a
long chat takes seconds. Writing is atomic: an export that fails leaves no half a file."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.chat.as_html import to_html
from app.chat.controller import ChatController
from app.chat.export_words import Words
from app.chat.exporting import MOST_JSON, from_json, to_json, to_markdown
from app.preferences import folder_of, keep_folder
from app.sentences import said_of
from app.store.records import Chat
from app.store.tree import Tree
from core.errors import DesksideError, InvalidRequest

FILTERS = {
    "md": "Markdown (*.md)",
    "html": "HTML (*.html)",
    "json": "JSON (*.json)",
    "pdf": "PDF (*.pdf)",
}


def export_dialog(controller: ChatController, chat: Chat, parent: QWidget) -> None:
    """Ask where to, then write."""
    title = QCoreApplication.translate("Export", "Export this chat")
    stem = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", chat.summary.title).strip(" .")[:80] or "chat"
    preferences, messages = controller.session.preferences, controller.session.messages
    proposed = str(Path(folder_of(preferences)) / f"{stem}.md")
    name, chosen = QFileDialog.getSaveFileName(parent, title, proposed, ";;".join(FILTERS.values()))
    if not name:
        return
    path = Path(name)
    kind = next((key for key, text in FILTERS.items() if text == chosen), "md")
    ending = path.suffix.lstrip(".").lower()
    if path.name == f"{stem}.md":  # as proposed: then the kind that was chosen counts
        path = path.with_suffix(f".{kind}")
    elif ending not in FILTERS:
        path = path.with_name(f"{path.name}.{kind}")
    keep_folder(preferences, path)

    def done(_: object) -> None:
        text = QCoreApplication.translate("Export", "Exported to %1.")
        messages.info(text.replace("%1", str(path)))

    if path.suffix.lower() == ".pdf":
        controller.in_turns(export_pdf(chat, path, _words()), done, messages.error)
    else:
        controller.with_files(partial(export, chat, path, _words()), done, messages.error)


def _words() -> Words:
    return Words(
        QCoreApplication.translate("Export", "You"),
        QCoreApplication.translate("Export", "Assistant"),
        QCoreApplication.translate("Markdown", "image"),
        QCoreApplication.translate("Export", "File"),
        QCoreApplication.translate("Export", "Chat"),
    )


def export(chat: Chat, path: Path, words: Words) -> None:
    """The form is what the name ends with; for PDF see `export_pdf`. On any thread. Raises InvalidRequest."""
    kind = path.suffix.lstrip(".").lower()
    title = chat.summary.title or words.chat
    shown = Tree(chat.messages, chat.head).path()
    part = path.with_name(path.name + ".part")
    try:
        make = {"md": to_markdown, "html": to_html}.get(kind)
        text = make(title, shown, chat.settings, words) if make is not None else to_json([chat])
        part.write_text(text, encoding="utf-8", errors="replace")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def export_pdf(chat: Chat, path: Path, words: Words) -> Generator[None, None, None]:
    """A piece of the chat with each step. Raises InvalidRequest."""
    from app.chat.printing import printed

    part = path.with_name(path.name + ".part")
    shown = Tree(chat.messages, chat.head).path()
    try:
        yield from printed(chat.summary.title or words.chat, shown, chat.settings, words, part)
        os.replace(part, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> InvalidRequest:
    return InvalidRequest(f"{path} cannot be written ({error.strerror}); choose another place.")


def import_dialog(controller: ChatController, parent: QWidget) -> None:
    title = QCoreApplication.translate("Export", "Import chats")
    preferences = controller.session.preferences
    names, _ = QFileDialog.getOpenFileNames(parent, title, folder_of(preferences), FILTERS["json"])
    for name in names:
        keep_folder(preferences, Path(name))
        import_file(controller, Path(name))


def import_file(controller: ChatController, path: Path) -> None:
    """Add the chats of a file; what is wrong with it is said."""
    messages = controller.session.messages

    def done(chats: list[Chat]) -> None:
        controller.add_chats(chats)
        one = QCoreApplication.translate("Export", "Imported a chat.")
        many = QCoreApplication.translate("Export", "Imported %1 chats.")
        messages.info(one if len(chats) == 1 else many.replace("%1", str(len(chats))))

    def failed(error: DesksideError) -> None:
        messages.error(f"{path.name}: {said_of(error)}")

    controller.with_files(partial(_read, path), done, failed)


def _read(path: Path) -> list[Chat]:
    try:
        if path.stat().st_size > MOST_JSON:
            raise InvalidRequest(f"{path.name} is too large to be chats.")
        return from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path.name} is not a text file.") from error
