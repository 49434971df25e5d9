"""What to summarize, and how: files by drop or button, length, style, language, a question to keep to."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.icons import icon_button
from app.parts import Card, button, form, label, line
from app.theme import S

PATTERNS = "*.pdf *.docx *.html *.htm *.txt *.md *.rst *.pptx *.epub *.odt *.csv"


class DocumentForm(Card):
    """`summarize` and `asked` carry paths and options of the service."""

    summarize = Signal(list, dict)
    asked = Signal(list, str, dict)

    def __init__(self) -> None:
        super().__init__(self.tr("New summary"))
        self.paths: list[str] = []
        self.hint = label(
            self.tr("Drop files or folders anywhere on this page: PDF, Word, HTML, Markdown, text."), "muted"
        )
        self.column.addWidget(self.hint)
        self.add_files = button(self.tr("Add files…"))
        self.add_folder = button(self.tr("Add a folder…"))
        self.add_files.clicked.connect(self._add_files)
        self.add_folder.clicked.connect(self._add_folder)
        self.row(self.add_files, self.add_folder)
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        self.column.addLayout(self._list)

        self.length = _choice(
            self.tr("Length"),
            (("short", self.tr("Short")), ("medium", self.tr("Medium")), ("long", self.tr("Long"))),
            "medium",
        )
        self.style_choice = _choice(
            self.tr("Style"),
            (
                ("paragraph", self.tr("Running text")),
                ("bullets", self.tr("Bullet points")),
                ("outline", self.tr("Outline")),
                ("plain", self.tr("Simple words")),
            ),
            "paragraph",
        )
        # The value is what the model is told, in English; None leaves it the document's own.
        self.language = _choice(
            self.tr("Language"),
            (
                (None, self.tr("As the document")),
                ("English", "English"),
                ("Simplified Chinese", "简体中文"),
                ("German", "Deutsch"),
                ("French", "Français"),
                ("Spanish", "Español"),
                ("Japanese", "日本語"),
            ),
            None,
        )
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        self.model.setMinimumContentsLength(14)
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.focus_on = QLineEdit()
        self.focus_on.setPlaceholderText(self.tr("everything"))
        self.focus_on.setAccessibleName(self.tr("Focus on"))
        rows = form()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)  # one edge at the right
        rows.addRow(self.tr("&Length"), self.length)
        rows.addRow(self.tr("&Style"), self.style_choice)
        rows.addRow(self.tr("L&anguage"), self.language)
        rows.addRow(self.tr("&Model"), self.model)
        rows.addRow(self.tr("&Focus on"), self.focus_on)
        self.column.addLayout(rows)
        self.go = button(self.tr("Summarize"), "primary")
        self.go.clicked.connect(self._go)
        self.row(self.go)
        self.column.addSpacing(S)
        self.column.addWidget(line())
        self.column.addSpacing(S)
        self.question = QLineEdit()
        self.question.setPlaceholderText(self.tr("Or ask the documents a question"))
        self.question.setAccessibleName(self.tr("Question to the documents"))
        self.question.returnPressed.connect(self._ask)
        self.question.textChanged.connect(self._enable)
        self.ask = button(self.tr("Ask"))
        self.ask.clicked.connect(self._ask)
        row = QHBoxLayout()
        row.setSpacing(S)
        row.addWidget(self.question, 1)
        row.addWidget(self.ask)
        self.column.addLayout(row)
        self._enable()

    def show_models(self, names: list[str], preferred: str) -> None:
        """`preferred`: the model of the chats, taken unless the user chose another here."""
        chosen = self.model.currentText() or preferred
        self.model.clear()
        self.model.addItems(names)
        self.model.setCurrentIndex(max(0, self.model.findText(chosen)))

    def add(self, paths: list[str]) -> None:
        """Files and folders, each once."""
        for path in paths:
            if path not in self.paths:
                self.paths.append(path)
        self._show_paths()

    @Slot()
    def clear(self) -> None:
        self.paths = []
        self.question.clear()
        self._show_paths()

    def options(self) -> dict[str, str | None]:
        return {
            "length": self.length.currentData(),
            "style": self.style_choice.currentData(),
            "language": self.language.currentData(),
            "focus": self.focus_on.text().strip() or None,
            "model": self.model.currentText() or None,
        }

    def _show_paths(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for path in self.paths:
            row = QWidget()
            across = QHBoxLayout(row)
            across.setContentsMargins(0, 0, 0, 0)
            name = label(Path(path).name or path)
            name.setToolTip(path)
            across.addWidget(name, 1)
            drop = icon_button("close", self.tr("Leave out {name}").format(name=Path(path).name))
            drop.clicked.connect(partial(self._leave_out, path))
            across.addWidget(drop)
            self._list.addWidget(row)
        self.hint.setVisible(not self.paths)
        self._enable()

    def _leave_out(self, path: str) -> None:
        self.paths.remove(path)
        self._show_paths()
        self.add_files.setFocus()

    @Slot()
    def _enable(self) -> None:
        self.go.setEnabled(bool(self.paths))
        self.ask.setEnabled(bool(self.paths) and bool(self.question.text().strip()))

    @Slot()
    def _add_files(self) -> None:
        kinds = self.tr("Documents") + f" ({PATTERNS});;" + self.tr("All files") + " (*)"
        files, _ = QFileDialog.getOpenFileNames(self, self.tr("Add files"), "", kinds)
        self.add(files)

    @Slot()
    def _add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Add a folder"))
        if folder:
            self.add([folder])

    @Slot()
    def _go(self) -> None:
        self.summarize.emit(list(self.paths), self.options())

    @Slot()
    def _ask(self) -> None:
        if self.ask.isEnabled():
            options = self.options()
            self.asked.emit(
                list(self.paths),
                self.question.text().strip(),
                {name: options[name] for name in ("language", "model")},
            )


def _choice(name: str, choices: tuple[tuple[str | None, str], ...], chosen: str | None) -> QComboBox:
    combo = QComboBox()
    for value, text in choices:
        combo.addItem(text, value)
    combo.setCurrentIndex(max(0, combo.findData(chosen)))
    combo.setAccessibleName(name)
    return combo
