"""Marks of texts that are translated where they are shown. Qt's own function is typed as giving an object; lupdate goes by
the name."""

from __future__ import annotations


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:
    """`text`, to be found by lupdate under `context`."""
    return text
