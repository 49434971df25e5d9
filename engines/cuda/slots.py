"""What the sampler knows of each slot: parameters as the kernels read them, and tables in device memory where a slot needs some."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import ContractError
from engines.api.sampling import SamplerParams, SlotInit
from engines.cuda.memory import Memory, StagingRing

# struct SlotParams of kernels/sample.cu.
PARAMS: Final = np.dtype(
    [
        ("temperature", "<f4"),
        ("top_k", "<i4"),
        ("top_p", "<f4"),
        ("min_p", "<f4"),
        ("typical_p", "<f4"),
        ("repetition", "<f4"),
        ("presence", "<f4"),
        ("frequency", "<f4"),
        ("seed_low", "<u4"),
        ("seed_high", "<u4"),
        ("sample_index", "<i4"),
        ("logprobs", "<i4"),
        ("prompt_len", "<i4"),
        ("min_tokens", "<i4"),
        ("stop_count", "<i4"),
        ("bias_count", "<i4"),
        ("counts", "<u8"),
        ("lists", "<u8"),
        ("reserved", "<i4", (12,)),
    ]
)
RECORD_WORDS: Final = 2 + PARAMS.itemsize // 4
NEVER: Final = np.iinfo(np.int32).max


def check_init(init: SlotInit, num_slots: int, vocab_size: int) -> None:
    """Raises ContractError for a slot or an id out of range."""
    if not 0 <= init.slot < num_slots:
        raise ContractError(f"Slot {init.slot} is not one of the {num_slots} slots.")
    for ids in (init.prompt_ids, init.output_ids):
        if len(ids) and (ids.min() < 0 or ids.max() >= vocab_size):
            raise ContractError(f"Slot {init.slot} starts with a token id outside the vocabulary of {vocab_size}.")
    named = [id_ for id_, _ in init.params.logit_bias] + list(init.params.stop_ids)
    if named and (min(named) < 0 or max(named) >= vocab_size):
        raise ContractError(
            f"Slot {init.slot} names a token id outside the vocabulary of {vocab_size} in logit_bias or stop_ids."
        )


def pack_params(params: SamplerParams, prompt_len: int, counts: int, lists: int) -> NDArray[np.void]:
    """One PARAMS record; `counts`, `lists`: device addresses or 0."""
    record = np.zeros(1, PARAMS)
    seed = params.seed & 0xFFFFFFFFFFFFFFFF
    record["temperature"], record["top_k"], record["top_p"] = params.temperature, params.top_k, params.top_p
    record["min_p"], record["typical_p"] = params.min_p, params.typical_p
    record["repetition"], record["presence"] = params.repetition_penalty, params.presence_penalty
    record["frequency"] = params.frequency_penalty
    record["seed_low"], record["seed_high"] = seed & 0xFFFFFFFF, seed >> 32
    record["sample_index"], record["prompt_len"] = params.sample_index, prompt_len
    record["logprobs"] = -1 if params.logprobs is None else params.logprobs
    record["min_tokens"] = params.min_tokens
    record["stop_count"] = len(params.stop_ids) if params.min_tokens else 0
    record["bias_count"] = len(params.logit_bias)
    record["counts"], record["lists"] = counts, lists
    return record


def pack_lists(params: SamplerParams) -> NDArray[np.int32]:
    """Stop ids (where min_tokens asks for them), bias ids, biases as float32 bits."""
    stops = np.array(params.stop_ids if params.min_tokens else (), np.int32)
    bias_ids = np.array([id_ for id_, _ in params.logit_bias], np.int32)
    biases = np.array([bias for _, bias in params.logit_bias], np.float32).view(np.int32)
    return np.concatenate([stops, bias_ids, biases])


def pack_counts(init: SlotInit, vocab_size: int) -> NDArray[np.uint16]:
    """uint16 [vocab]: bit 15, seen in prompt or output; the rest, times in the output."""
    counts = np.minimum(np.bincount(init.output_ids, minlength=vocab_size), 0x7FFF).astype(np.uint16)
    counts[init.prompt_ids] |= 0x8000
    counts[init.output_ids] |= 0x8000
    return counts


def is_plain(params: SamplerParams) -> bool:
    """True if, once `min_tokens` are there, the token is the argmax of the model's own logits and nothing else is asked."""
    return (
        params.temperature == 0
        and params.repetition_penalty == 1.0
        and not params.presence_penalty
        and not params.frequency_penalty
        and not params.logit_bias
        and params.logprobs is None
    )


class Slots:
    """Host side of all slots. `plain_from` int32 [slots]: position from which a token of the slot is a plain argmax.
    `logprobs` int32 [slots]: how many most likely tokens are reported; -1 where nothing is."""

    def __init__(self, num_slots: int, vocab_size: int, memory: Memory, staging: StagingRing) -> None:
        self._num_slots = num_slots
        self._vocab_size = vocab_size
        self._memory = memory
        self._staging = staging
        self._counts: dict[int, int] = {}
        self._lists: dict[int, tuple[int, int]] = {}
        self._pending: dict[int, NDArray[np.int32]] = {}
        self._ready = np.zeros(num_slots, np.bool_)
        self.plain_from = np.full(num_slots, NEVER, np.int32)
        self.logprobs = np.full(num_slots, -1, np.int32)
        self.params = memory.take(num_slots * PARAMS.itemsize)
        self.last_token = memory.take(num_slots * 4)
        self._records = memory.take(num_slots * RECORD_WORDS * 4)

    def init(self, init: SlotInit) -> None:
        """Take a slot's start; tables go to the device at once, the record with `flush`."""
        check_init(init, self._num_slots, self._vocab_size)
        params, slot = init.params, init.slot
        counts = lists = 0
        if params.repetition_penalty != 1.0 or params.presence_penalty or params.frequency_penalty:
            if slot not in self._counts:
                self._counts[slot] = self._memory.take(2 * self._vocab_size)
            counts = self._counts[slot]
            self._staging.upload(pack_counts(init, self._vocab_size), counts)
        words = pack_lists(params)
        if len(words):
            held, size = self._lists.get(slot, (0, 0))
            if size < len(words):
                held, size = self._memory.take(4 * len(words)), len(words)  # the old one is freed with the engine
                self._lists[slot] = held, size
            lists = held
            self._staging.upload(words, lists)
        record = np.empty(RECORD_WORDS, np.int32)
        last = init.output_ids if len(init.output_ids) else init.prompt_ids
        record[0], record[1] = slot, last[-1] if len(last) else 0
        record[2:] = pack_params(params, len(init.prompt_ids), counts, lists).view(np.int32)
        self._pending[slot] = record
        self._ready[slot] = True
        start = len(init.prompt_ids) + params.min_tokens if params.min_tokens and params.stop_ids else 0
        self.plain_from[slot] = start if is_plain(params) else NEVER
        self.logprobs[slot] = -1 if params.logprobs is None else params.logprobs

    def flush(self) -> tuple[int, int]:
        """Send pending records; their number and device address for the kernel init_slots."""
        count = len(self._pending)
        if count:
            self._staging.upload(np.stack(list(self._pending.values())), self._records)
            self._pending.clear()
        return count, self._records

    def check_used(self, slots: NDArray[np.int32]) -> None:
        """Raises ContractError for a slot never initialised."""
        if not self._ready[slots].all():
            slot = int(slots[~self._ready[slots]][0])
            raise ContractError(f"Slot {slot} is used before init_slot.")
