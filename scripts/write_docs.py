"""Writes the documentation that is generated from code: docs/configuration.md.

    python scripts/write_docs.py

tests/core/test_config.py fails while the file differs from what this writes.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "configuration.md"


def configuration() -> str:
    """docs/configuration.md."""
    from core.config import describe_type, settings

    lines = [
        "# Configuration",
        "",
        "<!-- Written by scripts/write_docs.py from core/config.py: change it there. -->",
        "",
        "A setting comes from, first found: the command line, its environment variable, `config.toml`, the default.",
        "A name that does not exist or a value that does not fit is an error.",
        "",
        "| in config.toml | environment variable | values | default | |",
        "| --- | --- | --- | --- | --- |",
        "| | `DESKSIDE_HOME` | an absolute folder | the platform's own folders | One folder for everything Deskside keeps: "
        "models, engines, caches, logs and `config.toml`. |",
    ]
    lines += [
        f"| `{row.name}` | `{row.env}` | {describe_type(row.type).replace(chr(39), '`')} | `{toml(row.default)}` | {row.help} |"
        for row in settings()
    ]
    return (
        "\n".join(lines)
        + """

`config.toml` is in `$DESKSIDE_HOME/config/` if that variable is set, else in the platform's folder for settings:
`~/.config/deskside/` on Linux, `%LOCALAPPDATA%\\deskside\\` on Windows. For example:

```toml
log_level = "info"
```
"""
    )


def toml(value: object) -> str:
    """A default as it is written in config.toml."""
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    FILE.write_text(configuration(), encoding="utf-8", newline="\n")
