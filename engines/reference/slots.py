"""What the engine keeps per slot between steps: last token, how many tokens there are, and penalty counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.api.sampling import SamplerParams, SlotInit


class SlotState:
    """One slot. `seen` bool [vocab] (prompt or output) and `counts` int32 [vocab] (output) exist only while a penalty asks."""

    __slots__ = ("counts", "params", "prompt_len", "seen")

    def __init__(self, init: SlotInit, vocab_size: int) -> None:
        params = init.params
        self.params: SamplerParams = params
        self.prompt_len = len(init.prompt_ids)
        self.seen: NDArray[np.bool_] | None = None
        self.counts: NDArray[np.int32] | None = None
        if params.repetition_penalty != 1.0:
            self.seen = np.zeros(vocab_size, np.bool_)
            self.seen[init.prompt_ids] = True
            self.seen[init.output_ids] = True
        if params.presence_penalty or params.frequency_penalty:
            self.counts = np.bincount(init.output_ids, minlength=vocab_size).astype(np.int32)

    def count(self, token: int) -> None:
        """Take a sampled token into the penalties."""
        if self.seen is not None:
            self.seen[token] = True
        if self.counts is not None:
            self.counts[token] += 1


class Slots:
    """All slots. `last_token` int32 [num_slots]: what FROM_SLOT stands for."""

    def __init__(self, num_slots: int, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._states: list[SlotState | None] = [None] * num_slots
        self.last_token = np.zeros(num_slots, np.int32)

    def init(self, init: SlotInit) -> None:
        """Raises ContractError for a slot or an id out of range."""
        if not 0 <= init.slot < len(self._states):
            raise ContractError(f"Slot {init.slot} is not one of the {len(self._states)} slots.")
        ids = np.concatenate([init.prompt_ids, init.output_ids])
        if len(ids) and (ids.min() < 0 or ids.max() >= self._vocab_size):
            raise ContractError(
                f"Slot {init.slot} starts with a token id outside the vocabulary of {self._vocab_size}."
            )
        named = [id_ for id_, _ in init.params.logit_bias] + list(init.params.stop_ids)
        if named and (min(named) < 0 or max(named) >= self._vocab_size):
            raise ContractError(
                f"Slot {init.slot} names a token id outside the vocabulary of {self._vocab_size} in logit_bias or stop_ids."
            )
        self._states[init.slot] = SlotState(init, self._vocab_size)
        self.last_token[init.slot] = ids[-1] if len(ids) else 0

    def __getitem__(self, slot: int) -> SlotState:
        state = self._states[slot]
        if state is None:
            raise ContractError(f"Slot {slot} is used before init_slot.")
        return state
