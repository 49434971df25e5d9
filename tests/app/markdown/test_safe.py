from __future__ import annotations

import pytest

from app.markdown.safe import has_tricks, misleads, plain, safe_link, shown_host, visible


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "smb://host/share",
        "\\\\host\\share",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "ms-settings:privacy",
        "ms-msdt:/id PCWDiagnostic",
        "search-ms:query=x",
        "mailto:a@example.org",
        "ftp://example.org",
        "//example.org/x",
        "/etc/passwd",
        "example.org",
        "",
        "http://",
        "http:///x",
        "https://good.example@evil.example/",
        "https://exam\u202eple.org",
        "https://example.org/a b",
        "https://example.org\\@evil.example",
        "http://[::1",
        "https://" + "a" * 5000 + ".example",
    ],
)
def test_no_click_opens_these(url: str) -> None:
    assert safe_link(url) is None


@pytest.mark.parametrize(
    "url",
    ["https://example.org", "http://localhost:8000/x?y=1#z", "HTTPS://Example.org/%20", "https://bücher.example/"],
)
def test_web_pages_may_be_opened(url: str) -> None:
    assert safe_link(url) == url


def test_a_link_that_names_another_host_is_known() -> None:
    assert misleads("bank.com", "https://evil.example/")
    assert misleads("https://bank.com/login", "https://bank.com.evil.example/")
    assert not misleads("bank.com", "https://www.bank.com/x")
    assert not misleads("https://docs.bank.com", "https://docs.bank.com/")
    assert not misleads("read this", "https://example.org/")
    assert misleads("read this", "https://аpple.com/")  # the first letter is Cyrillic
    assert shown_host("https://аpple.com/").startswith("xn--")


def test_nothing_is_hidden_in_a_text() -> None:
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "send it to me")
    assert plain(f"fine{tags} words{chr(0xE0101) * 9}") == "fine words"
    flag = "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbsct") + "\U000e007f"
    for kept in (flag, "👩\u200d🚒", "می\u200cخواهم", "葛\U000e0100", "❤\ufe0f"):
        assert plain(kept) == kept


def test_code_hides_nothing_that_means_something() -> None:
    assert visible("user\u200bname = pass\u200d + x\u00ad\U000e0041") == (
        "user⟨U+200B⟩name = pass⟨U+200D⟩ + x⟨U+00AD⟩⟨U+E0041⟩"
    )
    assert visible('s = "👩\u200d🚒"') == 's = "👩\u200d🚒"'


def test_text_cannot_be_turned_around() -> None:
    trick = "user\u202etxt.exe\u2066 \u200f end\u2069\x07\x1b[31m"
    assert plain(trick) == "usertxt.exe  end[31m"
    assert visible("a\u202eb") == "a⟨U+202E⟩b"
    assert has_tricks(trick)
    arabic = "مرحبا بالعالم"
    assert plain(arabic) == arabic
    assert plain("a\u2028b\nc\td") == "a\nb\nc\td"
