"""The bundled texts that quantization is calibrated and judged on: conversations by the generator of the demo model's data, from
seeds that its training never used.

    python -m tools.demo_model.texts assets/texts
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from tools.demo_model import chats

LONGEST = 1600  # characters of one conversation


def conversations(seed: str, characters: int) -> list[list[dict[str, str]]]:
    """Of `characters` characters in all, a little more."""
    rng, found, total = random.Random(seed), [], 0
    while total < characters:
        chat = [{"role": m["role"], "content": m["content"]} for m in chats.chat(rng)]
        size = sum(len(message["content"]) for message in chat)
        if size <= LONGEST:
            found.append(chat)
            total += size
    return found


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, characters in (("evaluation", 9_000), ("calibration", 60_000)):
        lines = [json.dumps(chat, ensure_ascii=False) for chat in conversations(f"bundled/{name}", characters)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
