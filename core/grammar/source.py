"""What a request asks for, as it crosses the pipe to the worker, and the limits that both sides hold it to."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["json_schema", "json_object", "regex", "lark"]

MAX_CHARS = 128 << 10  # of a schema or grammar; the largest in public collections of schemas are about that
MAX_REGEX_CHARS = 16 << 10
MAX_DEPTH = 64  # of a schema


class GrammarSource(msgspec.Struct, frozen=True, array_like=True):
    """`text`: the JSON Schema as JSON text, the regular expression (Rust syntax, matched as a whole), or the Lark grammar
    (llguidance's dialect, rule `start`); "" for json_object, which is any JSON object."""

    kind: Kind
    text: str = ""
