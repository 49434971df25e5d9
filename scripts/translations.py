"""Keeps the window's translations current with its texts, by Qt Linguist's tools, which come with PySide6-Essentials.

    python scripts/translations.py          update app/translations/*.ts from the code, compile assets/translations/*.qm
    python scripts/translations.py --todo   also list what is not translated yet

A text is translated in app/translations/deskside_zh_CN.ts (pyside6-linguist edits it). The English file holds plural forms only.
tests/app/test_translations.py fails while anything is missing or a file is not current.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TS = ROOT / "app" / "translations"
QM = ROOT / "assets" / "translations"
LANGUAGES = {"en": ("-pluralonly",), "zh_CN": ()}


def tool(name: str) -> Path:
    """lupdate or lrelease of the installed PySide6."""
    import PySide6

    folder = Path(PySide6.__file__).parent
    return next(
        path for path in (folder / f"{name}.exe", folder / "Qt" / "libexec" / name, folder / name) if path.is_file()
    )


def update(language: str, target: Path) -> None:
    """Rewrites a .ts file: new texts are added unfinished, texts that are gone are dropped."""
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "app").rglob("*.py"))
    options = ["-silent", "-no-obsolete", "-locations", "none", "-source-language", "en", "-target-language", language]
    command = [str(tool("lupdate")), *sources, *options, *LANGUAGES[language], "-ts", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)


def compile_ts(source: Path, target: Path) -> None:
    """Unfinished texts are left out, so that they appear in English."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([str(tool("lrelease")), "-silent", str(source), "-qm", str(target)], check=True)


def unfinished(source: Path) -> list[tuple[str, str]]:
    """(context, text) of everything that is not translated."""
    return [
        (context.findtext("name", ""), message.findtext("source", ""))
        for context in ET.parse(source).getroot().iter("context")
        for message in context.iter("message")
        if message.find("translation[@type='unfinished']") is not None
    ]


def main(arguments: list[str]) -> int:
    TS.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        source = TS / f"deskside_{language}.ts"
        update(language, source)
        compile_ts(source, QM / f"deskside_{language}.qm")
        left = unfinished(source)
        print(f"{source.relative_to(ROOT)}: {len(left)} not translated")
        if "--todo" in arguments:
            for context, text in left:
                print(f"  {context}: {text!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
