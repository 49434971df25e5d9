"""A repository on the Hub, looked at without downloading it: its files, and the shape of its model from config.json and the
headers of its weights, some kilobytes each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core.errors import ModelUnusable
from core.library.fetch import Control, Fetcher
from core.library.hub import Hub, RemoteFile, RemoteModel
from core.library.names import parse_repo
from core.library.retry import Policy
from core.library.select import CONFIG_FILE, INDEX_FILE, small_files, weight_files
from core.library.shape import BAD_HEADER, MAX_HEADER, ModelShape, Tensor, parse_tensors, shape_of

# Somebody waits for the answer: two attempts, then a sentence.
IMPATIENT = Policy(attempts=2, base_s=0.5, cap_s=2.0, patience_s=5.0, connect_s=10.0, stall_s=15.0)
_GUESS = 64 << 10  # of a header: enough for most shards in one request
_THREADS = 6


@dataclass(frozen=True, slots=True)
class Looked:
    """`files`: those that a download would fetch. `shape`: of the model."""

    model: RemoteModel
    files: tuple[RemoteFile, ...]
    shape: ModelShape

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def look_at(model: str, hub: Hub) -> Looked:
    """`model`: REPO[@revision]. Raises InvalidRequest, NotFound, AccessDenied, ModelUnusable, Unavailable."""
    repo, revision = parse_repo(model)
    control = Control()
    remote = hub.model(repo, revision, sleep=control.sleep)
    fetcher = Fetcher(hub, remote.repo, remote.commit, remote.gated, hub.policy, control)
    try:
        small = {file.path: file for file in small_files(remote)}
        index = fetcher.read(INDEX_FILE, 0, small[INDEX_FILE].size) if INDEX_FILE in small else None
        weights = weight_files(remote, index)
        with ThreadPoolExecutor(_THREADS, "look") as pool:
            tensors = [tensor for found in pool.map(lambda file: _tensors(fetcher, file), weights) for tensor in found]
        config = _object(fetcher.read(CONFIG_FILE, 0, small[CONFIG_FILE].size), remote.repo)
        shape = shape_of(config, tensors, f"config.json of {remote.repo}")
        return Looked(remote, (*small.values(), *weights), shape)
    finally:
        control.stop()
        fetcher.close()


def _tensors(fetcher: Fetcher, file: RemoteFile) -> Iterable[Tensor]:
    start = fetcher.read(file.path, 0, min(file.size, _GUESS))
    try:
        length = int.from_bytes(start[:8], "little")
        if len(start) < 8 or not 2 <= length <= min(MAX_HEADER, file.size - 8):
            raise ValueError("its header is longer than the file")
        if len(start) < 8 + length:
            start += fetcher.read(file.path, len(start), 8 + length - len(start))
        return parse_tensors(start[8 : 8 + length])
    except BAD_HEADER as error:
        raise ModelUnusable(
            f"{file.path} on the Hub is not a safetensors file ({error}); choose another model."
        ) from error


def _object(data: bytes, repo: str) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelUnusable(f"config.json of {repo} is not valid JSON ({error}); choose another model.") from error
    if not isinstance(value, dict):
        raise ModelUnusable(f"config.json of {repo} holds no JSON object; choose another model.")
    return value
