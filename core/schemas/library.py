"""/v1/deskside: the model library: searching the Hub, will it fit, pull, build, link, remove, what is installed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.schemas.base import Reply, Strict

# auto: the most faithful that fits on the GPU; stored: as the checkpoint is; the others as docs/library.md describes them.
Precision = Literal[
    "auto", "bf16", "fp16", "stored", "fp8", "fp8-tensor", "fp8-w8a16", "int8", "w8a8", "int4", "int4-g64", "int4-awq",
    "int4-awq-g64", "nvfp4", "nvfp4-w4a16",
]  # fmt: skip
Backend = Literal["auto", "reference", "cuda", "tensorrt"]


class HubModel(Reply):
    """One result of a search. `parameters`: of the safetensors weights, where the Hub knows. `installed`: it is here."""

    repo: str
    downloads: int
    likes: int
    gated: bool
    licence: str = ""
    parameters: int | None = None
    installed: bool = False


class SearchReply(Reply):
    """The most downloaded first; only models with safetensors weights."""

    query: str
    models: list[HubModel]


class HubModelReply(Reply):
    """A repository looked at: `size` bytes would be fetched. `page`: for people. `token`: an access token is known here."""

    repo: str
    commit: str
    gated: bool
    licence: str = ""
    size: int
    parameters: int
    context: int
    quantized: bool = False
    page: str
    installed: bool = False
    token: bool = False


class FitGpu(Reply):
    """`others_bytes`: what other programs use: measured now, or assumed for a GPU that is not here."""

    name: str
    bytes: int
    compute_capability: list[int]
    bandwidth_bytes_per_s: int | None = None
    others_bytes: int
    others_measured: bool


class FitPrecision(Reply):
    """`reason`: why it does not fit; `lacks_capability`: the compute capability it takes, where that is why. `max_context`: tokens
    per chat that would. `max_tokens_per_s`: for one chat, what the memory's bandwidth allows at most."""

    precision: str
    weights_bytes: int
    kv_bytes: int
    workspace_bytes: int
    runtime_bytes: int
    others_bytes: int
    needed_bytes: int
    available_bytes: int
    fits: bool
    reason: str | None = None
    lacks_capability: list[int] | None = None
    max_context: int
    max_tokens_per_s: float | None = None


class FitReply(Reply):
    """For every precision. `on_hub`: the model is not here and `download_bytes` would be fetched. `recommended` None: none
    fits; `reason` is a sentence either way."""

    model: str
    on_hub: bool = False
    download_bytes: int = 0
    parameters: int
    gpu: FitGpu
    context: int
    chats: int
    precisions: list[FitPrecision]
    recommended: str | None = None
    reason: str


class PullRequest(Strict):
    """`model`: REPO[@revision]."""

    model: str = Field(min_length=1, max_length=400)


class BuildRequest(Strict):
    """`model`: an installed name, `demo`, or REPO[@revision], which is downloaded first. `gpu`: a GPU by name that the engine
    must fit (None: the one here). `calibration`: a text file on this machine; None: the bundled text."""

    model: str = Field(min_length=1, max_length=400)
    precision: Precision = "auto"
    backend: Backend = "auto"
    gpu: str | None = Field(default=None, max_length=100)
    calibration: str | None = Field(default=None, max_length=4096)


class LinkRequest(Strict):
    """`folder`: absolute. `name` None: the folder's own."""

    folder: str
    name: str | None = Field(default=None, max_length=200)


class StorageReply(Reply):
    """Where models and engines lie. `default`: the folder where they do as long as none was chosen. Sizes and room in bytes.
    `missing`: the chosen folder is not there, as of a disk that is not connected. `held_by`: the environment variable that chose
    it, "" if a user can."""

    folder: str
    default: str
    models: int
    engines: int
    free: int
    total: int
    missing: bool
    held_by: str = ""


class StorageRequest(Strict):
    """`folder`: absolute, on this machine; "" for the default one."""

    folder: str = Field(max_length=4000)


class LinkReply(Reply):
    name: str
    folder: str


class RemoveRequest(Strict):
    """`model`: a model with all its engines, or one engine by its name (`demo:int4`). `unload`: what is loaded of it is unloaded
    first; else it is refused."""

    model: str = Field(min_length=1, max_length=400)
    unload: bool = False


class RemoveReply(Reply):
    """`linked`: only the link is gone, the folder it named is as it was. `engines`: that went with it."""

    name: str
    freed: int
    linked: bool = False
    engines: list[str] = Field(default_factory=list)


class HubTokenRequest(Strict):
    token: str = Field(min_length=1, max_length=1000)


class HubTokenReply(Reply):
    """`kept`: where, in words."""

    kept: str


class QualityCard(Reply):
    """Against the unquantized weights, over `tokens` of a fixed text: perplexity of both, and how often the most likely next
    token is the same (0 to 1)."""

    tokens: int
    perplexity: float
    unquantized_perplexity: float
    top1_agreement: float


class ReportCard(Reply):
    """What a build measured. Bytes and seconds. `memory_of`: "gpu" or "process", whose memory `actual_bytes` is. `checked_tokens`
    were compared with the reference backend; their logits differ by `max_difference` at most. `reason`: why this backend;
    `why`: in a word: asked (for), preferred, no_device, fallback (the others failed here), untried (no GPU of its kind here)."""

    size_bytes: int
    predicted_bytes: int | None = None
    actual_bytes: int | None = None
    memory_of: str = ""
    first_token_s: float | None = None
    prompt_tokens: int = 0
    tokens_per_s: float | None = None
    checked_tokens: int = 0
    max_difference: float | None = None
    quality: QualityCard | None = None
    reason: str = ""
    why: str = ""
    build_s: float = 0.0
    peak_bytes: int | None = None


class EngineStatus(Reply):
    """A built engine. `name` is what requests and load take for it: MODEL:PRECISION, or MODEL:PRECISION-BACKEND where a backend was
    asked for. `problem`: why it cannot be used, as after a driver update; then build it again."""

    name: str
    model: str
    precision: str
    backend: str
    gpu: str = ""
    size: int = 0
    created: str = ""
    folder: str = ""
    loaded: bool = False
    problem: str = ""
    report: ReportCard | None = None
