"""How high a row of the transcript is, and where in the column it stands."""

from __future__ import annotations

from app.chat.code_view import CodeView
from app.chat.pieces import Files, Reasoning, Waiting
from app.chat.rows import BUBBLE, Entry, Row
from app.chat.views import TextView
from app.theme import M

EDGE = 6  # from a button's edge to its picture
USER_SHARE = 0.82  # of the column that the user's messages may take


def across(row: Row, column: int) -> tuple[int, int]:
    """Left edge and width within the column, which is so wide."""
    if row.kind in ("footer", "reasoning"):  # the pictures of their buttons stand where text stands
        return (EDGE if row.entry.is_user else -EDGE), column
    if row.kind == "thought":
        return M, column - 2 * M
    if not row.entry.is_user:
        return 0, column
    inner = row.entry.bubble or int(column * USER_SHARE) - 2 * BUBBLE
    return column - inner - BUBBLE, inner


def measure(row: Row, width: int) -> int:
    """The height of a row that has its widget, in a column so wide. Learns how wide the user's bubble is."""
    widget = row.widget
    assert widget is not None
    if row.kind == "plain" and isinstance(widget, TextView):
        most = int(width * USER_SHARE) - 2 * BUBBLE
        ideal = widget.ideal_width(most)
        entry = row.entry
        entry.bubble = max(60, *(ideal, entry.bubble if len([r for r in entry.rows if r.kind == "plain"]) > 1 else 0))
        for files in (each.widget for each in entry.rows if isinstance(each.widget, Files)):
            entry.bubble = max(entry.bubble, min(most, files.ideal_width()))
        return widget.content_height(entry.bubble)
    if isinstance(widget, Files) and row.entry.is_user:
        _widen_for(widget, row.entry, int(width * USER_SHARE) - 2 * BUBBLE)
    if row.kind == "thought":
        width -= 2 * M
    if isinstance(widget, (TextView, CodeView, Reasoning, Files, Waiting)):
        return widget.content_height(width)
    hint = widget.heightForWidth(width) if widget.hasHeightForWidth() else widget.sizeHint().height()
    return max(hint, widget.minimumSizeHint().height())


def _widen_for(files: Files, entry: Entry, most: int) -> None:
    """Rows are measured from the end where the end is followed: the text above which the names stand has its bubble."""
    needed = min(most, files.ideal_width())
    if 0 < entry.bubble < needed:
        entry.bubble = needed
        for text in (each.widget for each in entry.rows if each.kind == "plain"):
            if isinstance(text, TextView):
                text.content_height(needed)  # no line breaks otherwise, but right-to-left ones begin elsewhere
