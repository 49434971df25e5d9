"""The list of models: installed ones, then what a search found. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.schemas import HubModel, InstalledStatus, ModelsReply, SearchReply

Section = Literal["here", "hub"]


@dataclass(frozen=True, slots=True)
class Row:
    """One model; a `header` is the title of a section. `key` is stable while the list changes."""

    key: str
    section: Section
    name: str = ""
    header: bool = False
    installed: InstalledStatus | None = None
    found: HubModel | None = None


def rows_of(models: ModelsReply | None, found: SearchReply | None) -> list[Row]:
    """What is here first; of what was found, that which is not here."""
    rows: list[Row] = []
    here = models.installed if models is not None else []
    if here:
        rows.append(Row("header:here", "here", header=True))
        rows += [Row(f"here:{item.name}", "here", item.name, installed=item) for item in here]
    names = {item.name for item in here} | {item.repo for item in here if item.repo}
    new = [item for item in found.models if item.repo not in names] if found is not None else []
    if new:
        rows.append(Row("header:hub", "hub", header=True))
        rows += [Row(f"hub:{item.repo}", "hub", item.repo, found=item) for item in new]
    return rows


def same_model(rows: list[Row], key: str) -> str:
    """The key of the row that shows the model of `key`: one that was found may be here by now, and one that was here gone but
    for the Hub. "" if there is none."""
    if any(row.key == key and not row.header for row in rows):
        return key
    name = key.partition(":")[2]
    for row in rows:
        if name and not row.header and name in (row.name, row.installed.repo if row.installed is not None else ""):
            return row.key
    return ""


def meant(text: str) -> tuple[Literal["nothing", "folder", "repo", "words"], str]:
    """What somebody typed or pasted into the search: a folder of this machine, a model's id (or the address of its page), or
    words to search for."""
    text = text.strip().strip("\"'")
    if not text:
        return "nothing", ""
    for prefix in ("https://huggingface.co/", "http://huggingface.co/", "huggingface.co/", "hf.co/"):
        if text.startswith(prefix):
            parts = text.removeprefix(prefix).split("?")[0].strip("/").split("/")
            return ("repo", "/".join(parts[:2])) if len(parts) >= 2 else ("words", parts[0])
    if text.startswith(("/", "~", "\\\\")) or text[1:3] in (":\\", ":/"):
        return "folder", str(Path(text).expanduser())
    if text.count("/") == 1 and not any(c.isspace() for c in text) and all(text.split("/")):
        return "repo", text
    return "words", text
