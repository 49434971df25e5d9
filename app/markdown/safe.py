"""What must not happen because a model wrote it: text that reads otherwise than it is, links that open something else than a
web page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Embeddings, overrides and isolates turn text around; the rest is invisible or breaks lines where none is seen.
_BIDI = "\u202a-\u202e\u2066-\u2069"
_TRICKS = re.compile(f"[{_BIDI}\u200e\u200f\u061c\ufeff\u2028\u2029\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Nothing is seen of these either. Emoji, Persian, Thai and hyphenation need them; code does not, but for joiners in emoji.
_HIDDEN = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IN_CODE = re.compile(f"{_TRICKS.pattern}|[{_HIDDEN}]|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
# A whole message can be hidden in these. One that stands alone chooses the shape of a character; tags make flags of regions.
_SMUGGLED = re.compile(
    "(\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f)|[\ufe00-\ufe0f]{2,}|[\U000e0100-\U000e01ef]{2,}|[\U000e0000-\U000e00ff]"
)
_DOMAIN = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})", re.IGNORECASE)
MOST_URL = 4096


def plain(text: str) -> str:
    """Without characters that turn text around, control anything or hide text. Right-to-left scripts need none of them."""
    text = _TRICKS.sub(_instead, text)
    return text if text.isascii() else _SMUGGLED.sub(lambda found: found[1] or "", text)


def _instead(found: re.Match[str]) -> str:
    return "\n" if found[0] in "\u2028\u2029" else ""


def visible(text: str) -> str:
    """For code, where a hidden character changes meaning: such characters are written out."""
    return _IN_CODE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


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
