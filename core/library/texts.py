"""Texts as token ids, for calibrating and judging quantized weights: the bundled conversations, or a file of the user's.

The bundled ones are in assets/texts (made by tools/demo_model/texts.py): one conversation per line, as JSON messages. A model
with a chat template reads them in its own form, another as plain text.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidRequest, ModelUnusable, NotFound
from core.paths import bundled_asset
from core.text.prompt import PromptBuilder

Int32 = NDArray[np.int32]

MAX_FILE = 8 << 20
_PIECE = 2048  # tokens of one sequence


def evaluation_ids(builder: PromptBuilder) -> Int32:
    """One sequence: all conversations of the fixed text, one after the other."""
    return np.concatenate(_bundled(builder, "evaluation.jsonl"))


def calibration_ids(builder: PromptBuilder, file: Path | None) -> list[Int32]:
    """Sequences of at most 2048 tokens: the bundled text, or `file` in UTF-8. Raises NotFound, InvalidRequest."""
    if file is None:
        return _bundled(builder, "calibration.jsonl")
    try:
        if file.stat().st_size > MAX_FILE:
            raise InvalidRequest(
                f"{file} is larger than {MAX_FILE >> 20} MiB; some thousand words are enough.", "calibration"
            )
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file} to calibrate with.") from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(f"{file} cannot be read as UTF-8 text ({error}).", "calibration") from error
    ids = builder.tokenizer.encode(text)
    if len(ids) < 64:
        raise InvalidRequest(f"{file} has {len(ids)} tokens; give some thousand words of text.", "calibration")
    return [np.array(ids[at : at + _PIECE], np.int32) for at in range(0, len(ids), _PIECE)]


def _bundled(builder: PromptBuilder, name: str) -> list[Int32]:
    lines = (bundled_asset("texts") / name).read_text(encoding="utf-8").splitlines()
    return [np.array(_ids(builder, json.loads(line)), np.int32) for line in lines]


def _ids(builder: PromptBuilder, messages: list[dict[str, str]]) -> list[int]:
    if builder.template is not None:
        try:
            text = builder.template.render(messages, add_generation_prompt=False)
            return builder.tokenizer.encode(text)
        except (InvalidRequest, ModelUnusable):  # a template that takes no system message, say: the text will do
            pass
    return builder.tokenizer.encode("\n\n".join(message["content"] for message in messages))
