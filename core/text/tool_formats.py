"""How models write the tools they call, and which way a model's chat template teaches."""

from __future__ import annotations

import re

import msgspec


class ToolFormat(msgspec.Struct, frozen=True):
    """`marker` opens a block of calls, `close` ends it ("" where nothing does). `bare`: an answer may also begin with a call
    and no marker, which counts only if it names a tool that was offered. `array`: calls may stand in a JSON list. `header`:
    a name and the arguments may follow the marker instead of an object. `short_ids`: nine letters or digits."""

    name: str
    marker: str = ""
    close: str = ""
    bare: bool = False
    array: bool = False
    header: bool = False
    short_ids: bool = False


HERMES = ToolFormat("hermes", "<tool_call>", "</tool_call>", array=True)  # Hermes, Qwen
LLAMA = ToolFormat(
    "llama", "<|python_tag|>", bare=True
)  # Llama 3: {"name": ..., "parameters": ...}; also several, by ';'
MISTRAL = ToolFormat("mistral", "[TOOL_CALLS]", array=True, header=True, short_ids=True)
PLAIN = ToolFormat("plain", bare=True, array=True)

# Mistral, from tokenizer version 11 on: name[CALL_ID]id[ARGS]{...}, the middle parts optional.
HEADER = re.compile(r"([A-Za-z0-9_.-]{1,64})(?:\[CALL_ID\][A-Za-z0-9_-]{1,64})?(?:\[ARGS\])?\s*")
HEADER_CHARS = 160


def find_tool_format(template: str) -> ToolFormat:
    """The format that a chat template (its Jinja source) teaches; PLAIN where it shows none we know."""
    for shown, found in (("<tool_call>", HERMES), ("[TOOL_CALLS]", MISTRAL), ("<|python_tag|>", LLAMA)):
        if shown in template:
            return found
    return LLAMA if "ipython" in template else PLAIN
