"""The engine contract: what every backend provides to the scheduler's loop, and all that the loop knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api.plan import StepPlan
from engines.api.sampling import Sampled, SlotInit, TokenMasks


@dataclass(frozen=True, slots=True)
class KVSpec:
    """The KV pool as the engine lays it out; `core` knows page ids only. `page_size` in tokens, `bytes_per_page` over all
    layers, `num_pages` including the dummy page 0."""

    page_size: int
    bytes_per_page: int
    num_pages: int
    kv_dtype: str


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What an engine is and takes.

    `lookahead`: 0, collect each step before the next is planned; 1, one step may be in flight while the next is planned.
    `max_context`: positions the model was made for. `max_tokens`: packed tokens of one step. `model_revision`: changes when
    the weights on disk change; with `weight_version` it salts the prefix hash.
    """

    model: str
    backend: str
    precision: str
    vocab_size: int
    max_context: int
    max_tokens: int
    num_slots: int
    lookahead: int
    kv: KVSpec
    model_revision: str


class Engine(ABC):
    """A loaded model on a device.

    Order of calls. At lookahead 0: init_slot*, forward(N), sample(N), collect(N). At lookahead 1, with no grammar row:
    forward(N + 1), sample(N + 1), collect(N); with one: forward(N + 1), collect(N), advance the grammars, sample(N + 1, masks).
    All work is ordered: what a later call does happens after what earlier calls enqueued. Calls come from one thread.

    The engine writes into the pool only pages that a plan names (and page 0). It owns and mutates the slots' state: last
    token and penalty counts change in `sample`. A plan's buffer is not written again by anyone.

    Errors: `ContractError` for a malformed plan, `DeviceError` for the device. After a DeviceError the engine is dead.
    """

    spec: EngineSpec

    @property
    @abstractmethod
    def weight_version(self) -> int:
        """Starts at 0; `update_weights` adds 1."""

    @abstractmethod
    def init_slot(self, init: SlotInit) -> None:
        """(Re)set a slot, before the first forward that names it and after the last step that named its former owner."""

    @abstractmethod
    def forward(self, plan: StepPlan) -> Any:
        """Enqueue one step up to the logits of the plan's logit rows. Returns the step's handle, opaque to the caller."""

    @abstractmethod
    def sample(self, step: Any, masks: TokenMasks | None = None) -> None:
        """Enqueue sampling of the step's logit rows; sets each sampled row's slot token. Once per step, in order."""

    @abstractmethod
    def collect(self, step: Any) -> Sampled:
        """Wait for the host copy of the step's samples. Once per step, in order."""

    @abstractmethod
    def update_weights(self, tensors: Mapping[str, NDArray[np.generic]]) -> int:
        """Replace weights between steps: checkpoint names, shapes and dtypes as loaded (bf16 as uint16 bit patterns).

        Atomic: everything is checked first, and a `WeightError` leaves the old weights in force. Returns the new weight
        version. KV computed with the old weights must not be reused: the caller drops its prefix index."""

    @abstractmethod
    def close(self) -> None:
        """Free the device's memory. Idempotent; no call may follow."""
