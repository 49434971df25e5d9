"""StepPlan: what one engine step does, in one contiguous int32 buffer.

One pinned copy takes it to the device, and tensor-parallel ranks get the same bytes. A fixed header holds the counts and the
offset of every section; each section starts on a multiple of 4 words (16 bytes).

    section      words   meaning
    tokens       T       token ids of the packed rows; FROM_SLOT: the slot's last sampled token
    positions    T       position of each token in its sequence
    query_start  R + 1   row r owns tokens query_start[r] .. query_start[r + 1] - 1
    slots        R       persistent slot of each row
    kv_len       R       tokens of the sequence in the cache once this step's are written
    page_start   R + 1   row r owns page_ids[page_start[r] .. page_start[r + 1] - 1]
    page_ids     P       page of token position p: page_ids[page_start[r] + p // page_size]
    logit_token  L       indices into the packed tokens whose logits are sampled
    logit_row    L       the row each of them belongs to
    page_copies  C * 2   (source page, destination page): copy-on-write, applied before anything else of the step, in any order

Rows with one token that continue a generation (decodes) come first: `num_decodes` of them. The token sampled from a row sits
at position kv_len[r] of its sequence: that is the position `engines.api.random` takes. Page 0 is the dummy page: never handed
out, and what padded rows of a captured graph read and write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError

Int32 = NDArray[np.int32]

MAGIC: Final = 0x44504C4E
VERSION: Final = 1
FROM_SLOT: Final = -1
DUMMY_PAGE: Final = 0

# Header words.
H_MAGIC, H_VERSION, H_STEP, H_WORDS = 0, 1, 2, 3
H_TOKENS, H_ROWS, H_DECODES, H_LOGITS, H_PAGES, H_COPIES = 4, 5, 6, 7, 8, 9
H_OFFSETS: Final = 10  # then ten offsets, in the order of SECTIONS
SECTIONS: Final = (
    "tokens",
    "positions",
    "query_start",
    "slots",
    "kv_len",
    "page_start",
    "page_ids",
    "logit_token",
    "logit_row",
    "page_copies",
)
HEADER_WORDS: Final = 20


class PlanRow(NamedTuple):
    """One sequence's part of a step. `token_ids`: int32 [n], or None for one token taken from the slot.
    `pages`: int32, the pages that cover positions 0 .. start + n - 1."""

    slot: int
    start: int
    token_ids: Int32 | None
    pages: Int32
    wants_logits: bool
    is_decode: bool


def _round_up(words: int) -> int:
    return (words + 3) & ~3


class StepPlan:
    """Typed views of one plan buffer. Build with `StepPlan.build`, receive with `StepPlan(buffer)`."""

    __slots__ = (
        "buffer",
        "kv_len",
        "logit_row",
        "logit_token",
        "page_copies",
        "page_ids",
        "page_start",
        "positions",
        "query_start",
        "slots",
        "tokens",
    )

    def __init__(self, buffer: Int32) -> None:
        if buffer.dtype != np.int32 or buffer.ndim != 1 or len(buffer) < HEADER_WORDS:
            raise ContractError("A step plan is a one-dimensional int32 buffer with a header.")
        head = buffer[:HEADER_WORDS].tolist()
        if head[H_MAGIC] != MAGIC or head[H_VERSION] != VERSION:
            raise ContractError(f"Step plan of version {head[H_VERSION]}, this engine reads version {VERSION}.")
        if head[H_WORDS] != len(buffer):
            raise ContractError(f"Step plan says {head[H_WORDS]} words but holds {len(buffer)}.")
        t, r, p = head[H_TOKENS], head[H_ROWS], head[H_PAGES]
        n_logits, n_copies = head[H_LOGITS], head[H_COPIES]
        at = head[H_OFFSETS:HEADER_WORDS]
        self.buffer = buffer
        self.tokens: Int32 = buffer[at[0] : at[0] + t]
        self.positions: Int32 = buffer[at[1] : at[1] + t]
        self.query_start: Int32 = buffer[at[2] : at[2] + r + 1]
        self.slots: Int32 = buffer[at[3] : at[3] + r]
        self.kv_len: Int32 = buffer[at[4] : at[4] + r]
        self.page_start: Int32 = buffer[at[5] : at[5] + r + 1]
        self.page_ids: Int32 = buffer[at[6] : at[6] + p]
        self.logit_token: Int32 = buffer[at[7] : at[7] + n_logits]
        self.logit_row: Int32 = buffer[at[8] : at[8] + n_logits]
        self.page_copies: Int32 = buffer[at[9] : at[9] + 2 * n_copies].reshape(n_copies, 2)

    @property
    def step(self) -> int:
        return int(self.buffer[H_STEP])

    @property
    def num_tokens(self) -> int:
        return int(self.buffer[H_TOKENS])

    @property
    def num_rows(self) -> int:
        return int(self.buffer[H_ROWS])

    @property
    def num_decodes(self) -> int:
        return int(self.buffer[H_DECODES])

    @property
    def num_logits(self) -> int:
        return int(self.buffer[H_LOGITS])

    @classmethod
    def build(
        cls,
        step: int,
        rows: Sequence[PlanRow],
        page_copies: Sequence[tuple[int, int]] = (),
        *,
        every_logit: bool = False,
    ) -> StepPlan:
        """Pack `rows` (decodes first) and copies into a fresh buffer: never rewritten, so it may stay in flight. `every_logit`: of
        rows that want logits, those of all their tokens and not of the last alone; for checks, which do not sample."""
        n_rows = len(rows)
        slots, first, token_ids, pages, wants_logits, is_decode = zip(*rows, strict=True) if rows else ((),) * 6
        counts = [1 if ids is None else len(ids) for ids in token_ids]
        page_counts = list(map(len, pages))
        logit_rows = [
            i for i, wants in enumerate(wants_logits) if wants for _ in range(counts[i] if every_logit else 1)
        ]
        n_decodes = sum(is_decode)
        n_tokens, n_pages = sum(counts), sum(page_counts)
        n_logits, n_copies = len(logit_rows), len(page_copies)
        sizes = (n_tokens, n_tokens, n_rows + 1, n_rows, n_rows, n_rows + 1, n_pages, n_logits, n_logits, 2 * n_copies)
        offsets = []
        words = HEADER_WORDS
        for size in sizes:
            offsets.append(words)
            words = _round_up(words + size)
        buffer = np.zeros(words, np.int32)
        buffer[:HEADER_WORDS] = (
            MAGIC,
            VERSION,
            step,
            words,
            n_tokens,
            n_rows,
            n_decodes,
            n_logits,
            n_pages,
            n_copies,
            *offsets,
        )
        plan = cls(buffer)
        starts = np.array(first, np.int32)
        count_array = np.array(counts, np.int32)
        np.cumsum(count_array, out=plan.query_start[1:])
        np.cumsum(np.array(page_counts, np.int32), out=plan.page_start[1:])
        plan.slots[:] = slots
        np.add(starts, count_array, out=plan.kv_len)
        if n_pages:
            np.concatenate(pages, out=plan.page_ids)
        # Decodes first: one token each, so packed index = row index.
        plan.tokens[:n_decodes] = [FROM_SLOT if ids is None else int(ids[0]) for ids in token_ids[:n_decodes]]
        plan.positions[:n_decodes] = starts[:n_decodes]
        query_start = plan.query_start.tolist()
        for i in range(n_decodes, n_rows):
            ids, begin, end = token_ids[i], query_start[i], query_start[i + 1]
            plan.tokens[begin:end] = FROM_SLOT if ids is None else ids
            plan.positions[begin:end] = np.arange(first[i], first[i] + end - begin, dtype=np.int32)
        plan.logit_row[:] = logit_rows
        if every_logit:
            spans = [range(query_start[i], query_start[i + 1]) for i in dict.fromkeys(logit_rows)]
            plan.logit_token[:] = [token for span in spans for token in span]
        else:
            plan.logit_token[:] = plan.query_start[1:][plan.logit_row] - 1
        if n_copies:
            plan.page_copies[:] = page_copies
        return plan

    def row_tokens(self, row: int) -> slice:
        """The packed tokens of a row."""
        return slice(int(self.query_start[row]), int(self.query_start[row + 1]))

    def row_pages(self, row: int) -> Int32:
        """The page table of a row, int32."""
        return self.page_ids[int(self.page_start[row]) : int(self.page_start[row + 1])]

    def check(self, *, page_size: int, num_pages: int, num_slots: int, vocab_size: int) -> None:
        """Every invariant that an engine relies on; O(tokens + pages). Raises ContractError naming the first one broken."""
        counts = np.diff(self.query_start)
        if self.num_rows == 0 or (counts < 1).any():
            raise ContractError("Every row of a step plan has at least one token.")
        if (counts[: self.num_decodes] != 1).any():
            raise ContractError("Decode rows come first and have one token each.")
        if not _distinct(self.slots) or self.slots.min() < 0 or self.slots.max() >= num_slots:
            raise ContractError("Slots of a step are distinct and within the engine's slots.")
        if (self.tokens < FROM_SLOT).any() or (self.tokens >= vocab_size).any():
            raise ContractError("A token id is outside the vocabulary.")
        from_slot = self.tokens == FROM_SLOT
        from_slot[self.query_start[1:] - 1] = False
        if from_slot.any():
            raise ContractError("FROM_SLOT may only stand for the last token of a row.")
        last = self.positions[self.query_start[1:] - 1]
        if (self.positions[self.query_start[:-1]] < 0).any() or (last + 1 != self.kv_len).any():
            raise ContractError("kv_len is the last position of the row plus one.")
        if (np.diff(self.page_start) != -(-self.kv_len // page_size)).any():
            raise ContractError("A row's page table covers its kv_len exactly.")
        if len(self.page_ids) and (self.page_ids.min() <= DUMMY_PAGE or self.page_ids.max() >= num_pages):
            raise ContractError("A page id is outside the pool, or the dummy page.")
        if len(self.page_copies) and (self.page_copies.min() <= DUMMY_PAGE or self.page_copies.max() >= num_pages):
            raise ContractError("A page copy is outside the pool, or touches the dummy page.")
        targets = self.page_copies[:, 1]
        if not _distinct(targets) or (len(targets) and np.isin(targets, self.page_copies[:, 0]).any()):
            raise ContractError("A page copy writes what another one of its step writes or reads.")
        first = self.page_start[:-1] + self.positions[self.query_start[:-1]] // page_size
        written = self.page_start[1:] - first
        at = np.repeat(first - (np.cumsum(written) - written), written) + np.arange(int(written.sum()))
        pages = self.page_ids[at]
        if not _distinct(pages):
            raise ContractError("Two rows write the same page.")


def _distinct(numbers: Int32) -> bool:
    """Whether no number is there twice."""
    ordered = np.sort(numbers)
    return not bool((ordered[1:] == ordered[:-1]).any())
