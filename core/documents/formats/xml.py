"""XML from strangers: no entities, no DTD, no network, no deep or huge trees."""

from __future__ import annotations

from typing import Any

from lxml import etree

from core.documents.trouble import corrupt

Element = Any  # lxml's element class is written in C


def parse(data: bytes, name: str, what: str) -> Element:
    """The root element. Raises DocumentUnusable."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise corrupt(name, what, error) from error
    if root is None:
        raise corrupt(name, what, "it is empty")
    if root.getroottree().docinfo.doctype:
        raise corrupt(name, what, "it declares entities, which no program that writes this format does")
    return root


def local(element: Element) -> str:
    """The tag without its namespace; "" for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """An attribute by its local name, whatever its namespace; "" where it is missing."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return ""
