"""manifest.json of an engine folder: what was built, of what, for what, and what was measured. Written by `engines.store`.

The folder also holds everything that is needed to run the engine without the model that it was made of: config.json, tokenizer
files, weights as the backend takes them, plans. A reader ignores fields that it does not know; `format` changes when an older
reader would misunderstand the rest.
"""

from __future__ import annotations

import msgspec

MANIFEST_FILE = "manifest.json"
FORMAT = 1
MAX_BYTES = 4_000_000


class DeviceInfo(msgspec.Struct, frozen=True):
    """The GPU that an engine was built on and for. `arch`: such as sm_90. `memory` in bytes."""

    name: str
    arch: str
    memory: int
    driver: str


class EngineFile(msgspec.Struct, frozen=True):
    """`path` below the folder, with `/`. `sha256` of the content. `mtime_ns`: while size and time of change are these, the
    content is not read again to be believed."""

    path: str
    size: int
    sha256: str
    mtime_ns: int


class Quality(msgspec.Struct, frozen=True):
    """Against the unquantized weights over `tokens` of a fixed text. `top1_agreement`: how often the most likely next token is
    the same, 0 to 1."""

    tokens: int
    perplexity: float
    unquantized_perplexity: float
    top1_agreement: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The report card of a build, in bytes and seconds. `predicted_bytes`: what `fit` said. `actual_bytes` of `memory_of` ("gpu" or
    "process") once loaded. `first_token_s` for a prompt of `prompt_tokens`; `tokens_per_s` of one sequence after that.
    `checked_tokens` were compared with the reference backend; `max_difference` of their log-probabilities. `backend_reason`: a
    sentence; `backend_why`: the same in a word of `engines.backends.why`. `stages`: seconds of each. `peak_bytes`: anonymous memory
    of the build's process at most."""

    size_bytes: int
    predicted_bytes: int | None = None
    actual_bytes: int | None = None
    memory_of: str = ""
    first_token_s: float | None = None
    prompt_tokens: int = 0
    tokens_per_s: float | None = None
    checked_tokens: int = 0
    max_difference: float | None = None
    quality: Quality | None = None
    backend_reason: str = ""
    backend_why: str = ""
    stages: dict[str, float] = {}
    peak_bytes: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: what users call it; `model`: what it was made of; `source`: the folder of that, `model_revision` when it was made.
    `precision`: a name in `engines.quantization.SCHEMES`, or bf16, fp16. `backend`: reference, cuda or tensorrt. `device` None: any
    machine. `versions`: of the libraries without which plans cannot be read. `calibration`: digest of the ids, "" for none.
    `created`: ISO 8601, UTC."""

    name: str
    model: str
    source: str
    model_revision: str
    precision: str
    backend: str
    key: str
    device: DeviceInfo | None = None
    versions: dict[str, str] = {}
    tensor_parallel: int = 1
    kv_dtype: str = "auto"
    limits: dict[str, int] = {}
    calibration: str = ""
    created: str = ""
    files: tuple[EngineFile, ...] = ()
    report: Report | None = None
    format: int = FORMAT

    @property
    def again(self) -> str:
        """What to do about an engine that cannot be used, as the end of a sentence."""
        backend = f" --backend {self.backend}" if self.name.endswith(f"-{self.backend}") else ""
        return f"build it again with: deskside core build {self.model} --precision {self.precision}{backend}"

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def decode(data: bytes) -> Manifest:
    """Raises ValueError, in words: not JSON, another shape, or a format of a newer Deskside."""
    try:
        form = msgspec.json.decode(data, type=_Form)
        if form.format != FORMAT:
            raise ValueError(f"it has format {form.format}, this version reads {FORMAT}")
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def encode(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


class _Form(msgspec.Struct):
    format: int
