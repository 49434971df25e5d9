from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QFileSystemModel, QLabel, QPushButton

from app.languages import install_language, resolve


@pytest.mark.parametrize(
    ("choice", "system", "locale"),
    [
        ("zh_CN", ["en-US"], "zh_CN"),
        ("en", ["zh-Hans-CN"], "en"),
        ("system", ["zh-Hans-CN", "en"], "zh_CN"),
        ("system", ["zh_CN"], "zh_CN"),
        ("system", ["de-DE", "zh-CN"], "zh_CN"),
        ("system", ["zh-Hant-TW"], "en"),
        ("system", ["zh-TW", "en-GB"], "en"),
        ("system", ["de-DE"], "en"),
        ("system", ["C"], "en"),
        ("system", []  , "en"),
        ("klingon", ["zh-CN"], "zh_CN"),
    ],
)  # fmt: skip
def test_which_language_is_meant(choice: str, system: list[str], locale: str) -> None:
    assert resolve(choice, system) == locale


def test_qt_s_own_file_dialog_is_all_chinese(qapp: QApplication, tmp_path: Path) -> None:
    """What desktops without a dialog of their own show. Qt's shipped translation lacks some of it."""
    (tmp_path / "folder").mkdir()
    install_language("zh_CN")
    try:
        dialog = QFileDialog(None, "", str(tmp_path))
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        texts = [label.text() for label in dialog.findChildren(QLabel) if label.text()]
        texts += [button.text() for button in dialog.findChildren(QPushButton)]
        model = dialog.findChild(QFileSystemModel)
        texts.append(model.type(model.index(str(tmp_path / "folder"))))
        dialog.deleteLater()
    finally:
        install_language("en")
    assert len(texts) >= 6
    for text in texts:
        assert not re.search("[A-Za-z]{2}", text), text
