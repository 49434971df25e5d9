"""Export to a file that the user chooses, and import. Writing is atomic: an export that fails leaves no half a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QMarginsF
from PySide6.QtGui import QPageLayout, QPageSize, QTextDocument
from PySide6.QtWidgets import QFileDialog, QWidget

from app.chat.controller import ChatController
from app.chat.exporting import MOST_JSON, from_json, to_html, to_json, to_markdown
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
    words = QCoreApplication.translate("Export", "Export this chat")
    stem = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", chat.summary.title).strip(" .")[:80] or "chat"
    name, chosen = QFileDialog.getSaveFileName(parent, words, f"{stem}.md", ";;".join(FILTERS.values()))
    if not name:
        return
    path = Path(name)
    if path.suffix.lstrip(".").lower() not in FILTERS:
        kind = next((key for key, text in FILTERS.items() if text == chosen), "md")
        path = path.with_name(f"{path.name}.{kind}")
    messages = controller.session.messages
    try:
        export(chat, path)
    except DesksideError as error:
        messages.error(error)
    else:
        text = QCoreApplication.translate("Export", "Exported to %1.")
        messages.info(text.replace("%1", str(path)))


def export(chat: Chat, path: Path) -> None:
    """The form is what the name ends with. Raises InvalidRequest."""
    kind = path.suffix.lstrip(".").lower()
    title = chat.summary.title or "Chat"
    shown = Tree(chat.messages, chat.head).path()
    part = path.with_name(path.name + ".part")
    try:
        if kind == "pdf":
            _write_pdf(to_html(title, shown, chat.settings), part)
        else:
            make = {"md": to_markdown, "html": to_html}.get(kind)
            text = make(title, shown, chat.settings) if make is not None else to_json([chat])
            part.write_text(text, encoding="utf-8", errors="replace")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidRequest(f"{path} cannot be written ({error.strerror}); choose another place.") from error


def _write_pdf(html: str, path: Path) -> None:
    """Through Qt's printer, A4."""
    from PySide6.QtPrintSupport import QPrinter

    printer = QPrinter(QPrinter.PrinterMode.ScreenResolution)
    printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    printer.setOutputFileName(str(path))
    printer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4),
            QPageLayout.Orientation.Portrait,
            QMarginsF(18, 18, 18, 18),
            QPageLayout.Unit.Millimeter,
        )
    )
    document = _Inert()
    document.setHtml(html)
    document.setPageSize(printer.pageRect(QPrinter.Unit.DevicePixel).size())
    document.print_(printer)
    if not path.exists():
        raise OSError(5, "the printer wrote nothing")


class _Inert(QTextDocument):
    def loadResource(self, kind: int, name: object) -> object:
        return None


def import_dialog(controller: ChatController, parent: QWidget) -> None:
    words = QCoreApplication.translate("Export", "Import chats")
    names, _ = QFileDialog.getOpenFileNames(parent, words, "", FILTERS["json"])
    for name in names:
        import_file(controller, Path(name))


def import_file(controller: ChatController, path: Path) -> None:
    """Add the chats of a file; what is wrong with it is said."""
    messages = controller.session.messages
    try:
        if path.stat().st_size > MOST_JSON:
            raise InvalidRequest(f"{path.name} is too large to be chats.")
        chats = from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        messages.error(f"{path} cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        messages.error(f"{path.name} is not a text file.")
    except DesksideError as error:
        messages.error(f"{path.name}: {said_of(error)}")
    else:
        for chat in chats:
            controller.add_chat(chat)
        one = QCoreApplication.translate("Export", "Imported a chat.")
        many = QCoreApplication.translate("Export", "Imported %1 chats.")
        messages.info(one if len(chats) == 1 else many.replace("%1", str(len(chats))))
