"""Generated ids, remembered, so that the next turn of a chat has the very ids whose KV pages are still there.

The prefix cache works on ids. Encoding an answer's text again often gives other ids than the model chose (it may write a word
in two tokens that the tokenizer would write in one), and from there on every page would be computed again. So a conversation's
prompt and answer are remembered as text and as ids; when the next prompt begins with that same text, its ids are put together
from the remembered ones and the encoding of what is new. Only whole matches count: the result must stand for exactly the bytes
of the plain encoding, otherwise the plain encoding is used.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from core.text.tokenizer import Tokenizer

_TRIES = 4  # places tried for the border between remembered and new ids
_BYTES_PER_CHAR = 2


@dataclass(frozen=True, slots=True)
class _Turn:
    """A prompt and what was generated for it: `text` is the prompt's, `ids` the prompt's and the answer's, in a row."""

    text: str
    ids: array[int]
    prompt_len: int

    @property
    def size(self) -> int:
        return len(self.text) * _BYTES_PER_CHAR + len(self.ids) * self.ids.itemsize


class History:
    """Turns of recent conversations, least recently used ones dropped first. Safe between threads."""

    def __init__(self, tokenizer: Tokenizer, max_turns: int = 256, max_bytes: int = 64 << 20) -> None:
        """`max_bytes`: of text and ids together."""
        self._tokenizer = tokenizer
        self._max_turns = max_turns
        self._max_bytes = max_bytes
        self._turns: OrderedDict[tuple[str, bytes], _Turn] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._turns)

    def remember(self, prompt_text: str, prompt_ids: Sequence[int], generated_ids: Sequence[int]) -> None:
        """Keep what was generated for a prompt. `prompt_text` is the text that `prompt_ids` stand for."""
        if not prompt_text or not generated_ids:
            return
        ids = array("I", [*prompt_ids, *generated_ids])
        turn = _Turn(prompt_text, ids, len(prompt_ids))
        if turn.size > self._max_bytes:
            return
        key = (prompt_text, ids[len(prompt_ids) :].tobytes())  # several samples of one prompt are several turns
        with self._lock:
            old = self._turns.pop(key, None)
            self._bytes += turn.size - (old.size if old else 0)
            self._turns[key] = turn
            while self._turns and (len(self._turns) > self._max_turns or self._bytes > self._max_bytes):
                _, dropped = self._turns.popitem(last=False)
                self._bytes -= dropped.size

    def splice(self, text: str, plain: list[int]) -> list[int]:
        """The ids for `text`, of which `plain` is the ordinary encoding: with remembered ids as far as they say the same."""
        with self._lock:
            found = {
                # The same prompt again (another try, a benchmark) can be there many times: the last says as much as all.
                (key if len(turn.text) < len(text) else None): (key, turn)
                for key, turn in self._turns.items()
                if text.startswith(turn.text)
            }
        turns = list(found.values())
        borders = []
        for key, turn in turns:
            rest = text[len(turn.text) :]
            generated = turn.ids[turn.prompt_len :].tolist()
            for continues in (True, False):  # a template may or may not write the space that a first token stands for
                ends = self._matching(generated, rest, continues)
                borders += [(len(turn.text) + chars, count, key, turn) for count, chars in ends[-_TRIES:]]
        if not borders:
            return plain
        whole = self._tokenizer.to_bytes(plain)
        for _, count, key, turn in sorted(borders, key=lambda border: border[0], reverse=True):
            ids = self._with_tail(turn.ids[: turn.prompt_len + count].tolist(), plain, whole)
            if ids is not None:
                with self._lock:
                    if key in self._turns:
                        self._turns.move_to_end(key)
                return ids
        return plain

    def _matching(self, generated: list[int], rest: str, continues: bool) -> list[tuple[int, int]]:
        """(tokens, characters) of every leading part of `generated` whose text begins `rest`."""
        stream = self._tokenizer.detokenizer(skip_special=False, continues=continues)
        ends = [(0, 0)]
        chars = 0
        for count, token_id in enumerate(generated, 1):
            piece = stream.feed(token_id)
            if not rest.startswith(piece, chars):
                break
            chars += len(piece)
            ends.append((count, chars))
        return ends

    def _with_tail(self, head: list[int], plain: list[int], whole: bytes) -> list[int] | None:
        """`head` and the end of `plain`, if together they stand for `whole`, the bytes of `plain`."""
        start = self._tokenizer.to_bytes(head)
        if not whole.startswith(start):
            return None
        missing = len(whole) - len(start)
        cut = len(plain)
        while missing > 0:  # token by token from the end: ends at a border of `plain`, or not at all
            cut -= 1
            missing -= len(self._tokenizer.token_bytes(plain[cut]))
        return head + plain[cut:] if missing == 0 else None
