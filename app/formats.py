"""Numbers as the user's language writes them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale


def number(value: float, digits: int = 0) -> str:
    return QLocale().toString(float(value), "f", digits)


def size(count: int) -> str:
    """Bytes, in units of 1000 as disks and downloads are sold: "13.5 GB"."""
    return QLocale().formattedDataSize(max(0, count), 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def memory(count: int) -> str:
    """Bytes of GPU memory, in GiB as cards are sold: a card "with 8 GB" has 8 GiB."""
    return QCoreApplication.translate("Formats", "{number} GiB").format(number=number(count / (1 << 30), 1))


def percent(share: float) -> str:
    """Of 0 to 1."""
    return QCoreApplication.translate("Formats", "{number} %").format(number=number(100 * share))


def rate(tokens: float) -> str:
    digits = 1 if 0 < tokens < 10 else 0
    return QCoreApplication.translate("Formats", "{number} tokens/s").format(number=number(tokens, digits))


def parameters(count: int) -> str:
    """How large a model is, as its name would say it: "7.2 B", "135 M"."""
    if count >= 950_000_000:
        return QCoreApplication.translate("Formats", "{number} B parameters").format(number=number(count / 1e9, 1))
    return QCoreApplication.translate("Formats", "{number} M parameters").format(
        number=number(count / 1e6, 1 if count < 10_000_000 else 0)
    )


def duration(seconds: float) -> str:
    """Two units at most, the way one would say it."""
    whole = max(0, round(seconds))
    if whole < 60:
        return QCoreApplication.translate("Formats", "{s} s").format(s=number(whole))
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        if minutes >= 10 or not rest:
            return QCoreApplication.translate("Formats", "{m} min").format(m=number(minutes))
        return QCoreApplication.translate("Formats", "{m} min {s} s").format(m=number(minutes), s=number(rest))
    hours, minutes = divmod(minutes, 60)
    return QCoreApplication.translate("Formats", "{h} h {m} min").format(h=number(hours), m=number(minutes))
