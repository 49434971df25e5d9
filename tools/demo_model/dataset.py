"""Training data made while the model trains: worker processes write shards of tokenized chats, the trainer packs them into rows.

A shard is one .npy file of int32: the tokens of many chats, each token with its loss mask in bit 16
(``value = token | mask << 16``); a chat begins at every ``BEGIN`` token.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.demo_model.tokenizer import BEGIN, CONTEXT

MASK = 1 << 16
CHATS_PER_SHARD = 6000


def produce(folder: Path, tokenizer_file: Path, worker: int, seed: int, most: int) -> None:
    """Write shards until ``most`` exist or a file named ``stop`` appears. Runs in a process of its own."""
    from tokenizers import Tokenizer

    from tools.demo_model import chats
    from tools.demo_model.tokenizer import encode_chat

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    number = 0
    while number < most and not (folder / "stop").exists():
        rng = random.Random(f"{seed}/{worker}/{number}")
        values: list[int] = []
        for _ in range(CHATS_PER_SHARD):
            ids, mask = encode_chat(tokenizer, chats.chat(rng))
            if len(ids) <= CONTEXT:
                values += [t | (m << 16) for t, m in zip(ids, mask, strict=True)]
        part = folder / f"part-{worker}-{number}.tmp.npy"
        np.save(part, np.array(values, np.int32))
        part.rename(folder / f"shard-{worker:03d}-{number:05d}.npy")
        number += 1


def start(folder: Path, tokenizer_file: Path, workers: int, seed: int, most: int = 10**9) -> list[BaseProcess]:
    """Start the worker processes."""
    folder.mkdir(parents=True, exist_ok=True)
    context = get_context("spawn")
    made: list[BaseProcess] = []
    for worker in range(workers):
        process = context.Process(target=produce, args=(folder, tokenizer_file, worker, seed, most), daemon=True)
        process.start()
        made.append(process)
    return made


def _documents(folder: Path, rng: random.Random) -> Iterator[NDArray[np.int32]]:
    """Chats without end; new shards first, else those that were read least often."""
    used: dict[str, int] = {}
    while True:
        for path in folder.glob("shard-*.npy"):
            used.setdefault(path.name, 0)
        if not used:
            time.sleep(0.2)
            continue
        least = min(used.values())
        name = rng.choice([n for n, k in used.items() if k == least])
        used[name] += 1
        values = np.load(folder / name)
        begins = np.flatnonzero((values & (MASK - 1)) == BEGIN)
        pieces = np.split(values, begins[1:])
        order = list(range(len(pieces)))
        rng.shuffle(order)
        for index in order:
            yield pieces[index]
        _documents.passes = max(used.values()) - 1 + sum(k == max(used.values()) for k in used.values()) / len(used)  # type: ignore[attr-defined]


def rows(
    folder: Path, length: int, seed: int, most_sequences: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
    """Packed rows: tokens [length + 1], loss mask of each token [length + 1], positions [length], document numbers
    [length], starts [most_sequences + 1].

    A chat that does not fit at the end of a row is cut there; its start is still good training text.
    """
    source = _documents(folder, random.Random(seed))
    while True:
        tokens = np.zeros(length + 1, np.int64)
        mask = np.zeros(length + 1, np.float32)
        positions = np.zeros(length, np.int32)
        documents = np.zeros(length, np.int32)
        starts = np.full(most_sequences + 1, length, np.int32)
        at, number = 0, 0
        while at < length and number < most_sequences:
            piece = next(source)[: length - at]
            size = len(piece)
            tokens[at : at + size] = piece & (MASK - 1)
            mask[at : at + size] = piece >> 16
            positions[at : at + size] = np.arange(size)
            documents[at : at + size] = number
            starts[number] = at
            at += size
            number += 1
        yield tokens, mask, positions, documents, starts
