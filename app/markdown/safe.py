"""What must not happen because a model wrote it: text that reads otherwise than it is, links that open something else than a
web page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Embeddings, overrides and isolates turn text around; the rest is invisible or breaks lines where none is seen.
_BIDI = "\u202a-\u202e\u2066-\u2069"
_TRICKS = re.compile(f"[{_BIDI}\u200e\u200f\u061c\ufeff\u2028\u2029\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_DOMAIN = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})", re.IGNORECASE)
MOST_URL = 4096


def plain(text: str) -> str:
    """Without characters that turn text around or control anything. Right-to-left scripts need none of them."""
    return _TRICKS.sub(_instead, text)


def _instead(found: re.Match[str]) -> str:
    return "\n" if found[0] in "\u2028\u2029" else ""


def visible(text: str) -> str:
    """For code, where a hidden character changes meaning: such characters are written out."""
    return _TRICKS.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def has_tricks(text: str) -> bool:
    return _TRICKS.search(text) is not None


def safe_link(url: str) -> str | None:
    """The address, if a click may open it in the browser: http and https with a host, nothing that hides who it leads to."""
    if len(url) > MOST_URL or _TRICKS.search(url) or any(character.isspace() for character in url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or "@" in parts.netloc or "\\" in url:
        return None
    return url


def shown_host(url: str) -> str:
    """The host as the network knows it: look-alike letters become xn--."""
    host = urlsplit(url).hostname or ""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host.encode("ascii", "backslashreplace").decode("ascii")


def misleads(text: str, url: str) -> bool:
    """Whether a link's text names another host than the one it leads to."""
    named = _DOMAIN.search(text)
    host = shown_host(url)
    if named is None:
        return not host.isascii() or "xn--" in host
    named_host = named[1].lower().removeprefix("www.")
    return not (host.removeprefix("www.") == named_host or host.endswith("." + named_host))
