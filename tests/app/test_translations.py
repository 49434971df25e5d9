"""Every text of the window is translated into every language, and the files say so truly.

The texts are found here by Python's own parser, apart from lupdate, which can take a text for another context's: it looks at
tokens, not at the program.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app import languages
from app.languages import install_language

ROOT = Path(__file__).resolve().parents[2]
TS = ROOT / "app" / "translations"
FIELDS = re.compile(r"\{\w*\}|%\d|%n")


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", ROOT / "scripts" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Finder(ast.NodeVisitor):
    """(context, text) of every call to tr, translate and QT_TRANSLATE_NOOP; `odd`: those whose text is not a literal."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: set[tuple[str, str]] = set()
        self.odd: list[str] = []
        self._classes: list[str] = []
        self._marked: set[str] = set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._classes.append(node.name)
        self.generic_visit(node)
        self._classes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        function = node.func
        called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if called == "tr" and isinstance(function, ast.Attribute):
            self._add(self._classes[-1] if self._classes else "?", node, 0)
        elif called in ("translate", "QT_TRANSLATE_NOOP") and len(node.args) >= 2:
            context = node.args[0]
            if isinstance(context, ast.Constant):
                self._add(str(context.value), node, 1)

    def _add(self, context: str, node: ast.Call, index: int) -> None:
        text = node.args[index]
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            self.found.add((context, text.value))
        elif isinstance(text, (ast.JoinedStr, ast.BinOp)):
            self.odd.append(f"{self.name}:{node.lineno}")


def texts() -> tuple[set[tuple[str, str]], list[str]]:
    found: set[tuple[str, str]] = set()
    odd: list[str] = []
    for path in sorted((ROOT / "app").rglob("*.py")):
        finder = Finder(str(path.relative_to(ROOT)))
        finder.visit(ast.parse(path.read_text(encoding="utf-8")))
        found |= finder.found
        odd += finder.odd
    return found, odd


def messages(language: str) -> Iterator[tuple[str, str, ET.Element]]:
    """(context, text, its message)."""
    for context in ET.parse(TS / f"deskside_{language}.ts").getroot().iter("context"):
        for message in context.iter("message"):
            yield context.findtext("name", ""), message.findtext("source", ""), message


def test_every_text_of_the_code_is_in_the_chinese_file_and_no_other() -> None:
    found, odd = texts()
    assert odd == [], "a text put together before it is translated cannot be translated"
    known = {(context, text) for context, text, _ in messages("zh_CN")}
    assert found - known == set(), "run scripts/translations.py and translate what is new"
    assert known - found == set(), (
        "run scripts/translations.py: these texts are gone, or lupdate took them for another class's"
    )


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_nothing_is_unfinished_and_every_blank_is_filled(language: str) -> None:
    for context, text, message in messages(language):
        translation = message.find("translation")
        assert translation is not None
        assert translation.get("type") is None, f"not finished: {context}: {text!r}"
        forms = [form.text or "" for form in translation.findall("numerusform")] or [translation.text or ""]
        for form in forms:
            assert form.strip(), f"empty: {context}: {text!r}"
            assert sorted(FIELDS.findall(form)) == sorted(FIELDS.findall(text)), f"{context}: {text!r} -> {form!r}"


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_files_are_what_the_tools_make_of_the_code(language: str, tmp_path: Path) -> None:
    made = script()
    source = tmp_path / f"deskside_{language}.ts"
    current = TS / f"deskside_{language}.ts"
    source.write_bytes(current.read_bytes())
    made.update(language, source)
    assert source.read_text(encoding="utf-8") == current.read_text(encoding="utf-8"), "run scripts/translations.py"
    made.compile_ts(current, tmp_path / "made.qm")
    compiled = ROOT / "assets" / "translations" / f"deskside_{language}.qm"
    assert (tmp_path / "made.qm").read_bytes() == compiled.read_bytes(), "run scripts/translations.py"


@pytest.fixture
def english_again(qapp: QApplication) -> Iterator[None]:
    yield
    while languages._installed:
        qapp.removeTranslator(languages._installed.pop())
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.mark.usefixtures("english_again")
def test_the_language_changes_while_the_window_is_open(qtbot: QtBot) -> None:
    heard: list[QEvent.Type] = []

    class Listener(QWidget):
        def changeEvent(self, event: QEvent) -> None:
            heard.append(event.type())

    widget = Listener()
    qtbot.addWidget(widget)
    assert install_language("zh_CN") == "zh_CN"
    QApplication.sendPostedEvents(None, 0)
    assert QEvent.Type.LanguageChange in heard
    assert QCoreApplication.translate("MainWindow", "Models") == "模型"
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "取消"  # Qt's own texts too
    install_language("en")
    assert QCoreApplication.translate("MainWindow", "Models") == "Models"


@pytest.mark.usefixtures("english_again")
@pytest.mark.parametrize(
    ("language", "count", "text"),
    [("en", 1, "1 more graphics card."), ("en", 2, "2 more graphics cards."), ("zh_CN", 2, "另有 2 块显卡。")],
)
def test_plural_forms(language: str, count: int, text: str, qapp: QApplication) -> None:
    install_language(language)
    assert QCoreApplication.translate("WelcomeCard", "%n more graphics card(s).", None, count) == text
