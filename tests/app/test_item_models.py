from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
QT_MODEL = re.compile(r"Q\w+Model")  # QAbstractListModel, QSortFilterProxyModel, QStandardItemModel, ...
NOT_OF_ITEMS = {"QItemSelectionModel"}


def test_every_item_model_is_under_the_model_tester() -> None:
    """Whatever class of `app` is a model for Qt's views is checked by pytest-qt's `qtmodeltester` in some test."""
    models: set[str] = set()
    for path in (ROOT / "app").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = {
                    base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases
                }
                if bases & models or any(QT_MODEL.fullmatch(base) for base in bases - NOT_OF_ITEMS):
                    models.add(node.name)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and QT_MODEL.fullmatch(node.func.id):
                raise AssertionError(f"{path.name} makes a {node.func.id} of its own; give it a class and test that")
    assert len(models) >= 3
    tested = "\n".join(
        text
        for path in (ROOT / "tests" / "app").rglob("test_*.py")
        if "qtmodeltester.check" in (text := path.read_text(encoding="utf-8")) and path.name != Path(__file__).name
    )
    assert {name for name in models if f"{name}(" not in tested} == set()
