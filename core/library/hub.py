"""The Hub as we use it: what a repository holds, whether we may read it, and at which addresses. Through huggingface_hub.

Only metadata comes this way. The bytes are fetched by core.library.fetch, which resumes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from core.errors import AccessDenied, InvalidRequest, ModelUnusable, NotFound, TokenNeeded, Unavailable
from core.library.names import check_file
from core.library.retry import RETRIED, Attempts, Policy, Sleep, Transient, describe_status, retry_after

_TIMEOUT = 30.0
_CLIENTS = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")  # what huggingface_hub has been built on

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """`hash`: what the bytes must have: the sha256 of an LFS file (64 hex digits), else the git blob id (40)."""

    path: str
    size: int
    hash: str


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """One commit of a repository. `repo`: as the Hub calls it now (repositories get renamed). `gated`: it wants an accepted
    licence. `licence`: as the model's card names it, "" unknown."""

    repo: str
    commit: str
    gated: bool
    licence: str
    files: tuple[RemoteFile, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One result of a search. `parameters` of the safetensors weights, where the Hub knows."""

    repo: str
    downloads: int
    likes: int
    gated: bool
    licence: str
    parameters: int | None


class Hub:
    """`token` None: anonymous. `offline`: every call raises Unavailable. Raises as `_translated` says."""

    def __init__(
        self,
        *,
        token: str | None = None,
        offline: bool = False,
        endpoint: str | None = None,
        policy: Policy | None = None,
    ) -> None:
        from huggingface_hub import HfApi, constants

        # Else it looks for the names of other programs in our environment, by a list from the Hub, and tells what it found.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        self.token = token
        self.offline = offline or bool(constants.HF_HUB_OFFLINE)
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.policy = policy or Policy()
        self._api = HfApi(endpoint=self.endpoint, token=token or False)

    def model(
        self,
        repo: str,
        revision: str | None,
        *,
        sleep: Sleep,
        note: Callable[[str], None] = lambda text: None,
    ) -> RemoteModel:
        """The commit that `revision` (None: main) names now, and the files in its top folder."""

        def ask() -> RemoteModel:
            info = self._api.model_info(repo, revision=revision or "main", timeout=_TIMEOUT)
            name, commit = info.id or repo, info.sha
            if not commit:
                raise Transient("the Hub's answer names no commit")
            tree = self._api.list_repo_tree(name, revision=commit)
            files = [_remote_file(entry, name) for entry in tree if hasattr(entry, "size")]
            return RemoteModel(name, commit, bool(info.gated), _licence(info), tuple(files))

        return self._ask(ask, f"Looking up {repo}", repo, revision, sleep, note)

    def search(self, query: str, limit: int = 20) -> list[Found]:
        """Models with safetensors weights that match, the most downloaded first."""

        def ask() -> list[Found]:
            found = self._api.list_models(
                search=query,
                filter=["safetensors", "text-generation"],
                sort="downloads",
                limit=limit,
                expand=["downloads", "likes", "gated", "tags", "safetensors"],
            )
            return [
                Found(
                    item.id,
                    item.downloads or 0,
                    item.likes or 0,
                    bool(item.gated),
                    _licence(item),
                    item.safetensors.total if item.safetensors else None,
                )
                for item in found
            ]

        def stop(seconds: float) -> None:
            raise Unavailable("The Hub cannot answer the search at the moment; try again later.")

        return self._ask(ask, "The search", "", None, stop, lambda text: None)

    def url(self, repo: str, commit: str, path: str) -> str:
        """Where the bytes of a file are; the Hub redirects large ones elsewhere."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(repo, path, revision=commit, endpoint=self.endpoint)

    def page(self, repo: str) -> str:
        """The page of a model, for people."""
        return f"{self.endpoint}/{repo}"

    def check_online(self) -> None:
        if self.offline:
            raise Unavailable(
                "Deskside is offline by its setting (offline, HF_HUB_OFFLINE), so the Hub is not asked; "
                "switch it off, or use `deskside core pull --link FOLDER`."
            )

    def denied(self, status: int, repo: str, gated: bool | None) -> AccessDenied | NotFound:
        """What a 401 or 403 means for the person. `gated` None: not known."""
        page = self.page(repo)
        if gated:
            if self.token is None:
                return TokenNeeded(
                    f"{repo} is gated: accept the licence at {page}, then give an access token of your account "
                    f"(deskside core pull {repo} --token -)."
                )
            return AccessDenied(
                f"{repo} is gated and your account may not read it (HTTP {status}): accept the licence at {page}, then try again; "
                f"some authors take a while to approve, and the token needs the permission to read gated models."
            )
        if self.token is not None:
            return AccessDenied(
                f"The Hub refuses {repo} with your access token (HTTP {status}); check at {page} that the name is right and that "
                f"this token may read it."
            )
        return NotFound(
            f"There is no model {repo} on {self.endpoint} that everybody may read (HTTP {status}); check the name, or give an "
            f"access token if it is private (--token -)."
        )

    def _ask(
        self,
        ask: Callable[[], T],
        what: str,
        repo: str,
        revision: str | None,
        sleep: Sleep,
        note: Callable[[str], None],
    ) -> T:
        self.check_online()
        attempts = Attempts(what, self.policy, sleep, note)
        while True:
            try:
                with self._translated(repo, revision):
                    return ask()
            except Transient as error:
                attempts.failed(error)

    @contextmanager
    def _translated(self, repo: str, revision: str | None) -> Iterator[None]:
        """Transient for what may pass; NotFound, AccessDenied, InvalidRequest or Unavailable for what does not."""
        from huggingface_hub import errors

        try:
            yield
        except (errors.OfflineModeIsEnabled, errors.LocalTokenNotFoundError) as error:
            raise Unavailable("Hugging Face's client is offline by HF_HUB_OFFLINE; unset it to download.") from error
        except errors.RevisionNotFoundError as error:
            raise NotFound(
                f"{repo} has no revision '{revision}'; its branches and commits are at {self.page(repo)}/tree/main."
            ) from error
        except errors.HFValidationError as error:
            raise InvalidRequest(
                f"'{repo}' is no name of a model; write it as on the Hub, such as Qwen/Qwen3-8B."
            ) from error
        except errors.HfHubHTTPError as error:
            status = error.response.status_code
            if status == 404:
                raise NotFound(
                    f"There is no model {repo} on {self.endpoint}; check the name at {self.page(repo)}."
                ) from error
            if status in (401, 403):
                raise self.denied(status, repo, isinstance(error, errors.GatedRepoError) or None) from error
            if status in RETRIED:
                wait = retry_after(error.response.headers)
                raise Transient(f"{self.endpoint} {describe_status(status)}", wait) from error
            raise Unavailable(
                f"{self.endpoint} refuses the request (HTTP {status}); try again later, or check HF_ENDPOINT."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable(
                f"{self.endpoint} sends answers that are not the Hub's ({type(error).__name__}); check HF_ENDPOINT, or log "
                f"in to this network first if it asks for that in a browser."
            ) from error
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _CLIENTS:
                raise
            raise Transient(f"{self.endpoint} cannot be reached ({describe_network(error)})") from error


def describe_network(error: Exception) -> str:
    """A network client's exception in a few words."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200].rstrip(".")


def _remote_file(entry: Any, repo: str) -> RemoteFile:
    path, size = entry.path, entry.size
    if not isinstance(path, str) or not isinstance(size, int) or size < 0:
        raise ValueError("a file without path or size")
    digest = entry.lfs.sha256 if entry.lfs is not None else entry.blob_id
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest):
        raise ModelUnusable(f"The repository {repo} gives no usable hash for {path[:80]!r}; it cannot be verified.")
    return RemoteFile(check_file(path, repo), size, digest)


def _licence(info: Any) -> str:
    for tag in info.tags or []:
        if tag.startswith("license:"):
            return str(tag.removeprefix("license:"))
    return ""
