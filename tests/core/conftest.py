"""Fixtures of the runtime's tests: a driver for the engine loop over the stub engine, and a tiny real model."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.protocol import Cancel, Done, Event, Finish, Outcome, Priority, Progress, SampleEnd, Submit, Tokens
from core.sampling import SamplingParams
from core.scheduler import PlannedStep
from core.worker.loop import EngineLoop, scheduler_config
from engines.stub import StubEngine

EOS = 0


class Driver:
    """`outputs[(request, index)]`: tokens; `ends`, `dones`: the events that closed them; `steps`: every applied step."""

    def __init__(self, engine: StubEngine, clock: Callable[[], float] | None = None, **policy: Any) -> None:
        self.engine = engine
        self.steps: list[PlannedStep] = []
        extra = {"clock": clock} if clock else {}
        self.loop = EngineLoop(engine, scheduler_config(engine.spec, **policy), on_step=self.steps.append, **extra)
        self.outputs: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.logprobs: dict[tuple[int, int], list[object]] = defaultdict(list)
        self.ends: dict[tuple[int, int], SampleEnd] = {}
        self.dones: dict[int, Done] = {}
        self.progress: dict[int, list[Progress]] = defaultdict(list)
        self.turns = 0

    @property
    def scheduler(self):
        return self.loop.scheduler

    def submit(
        self,
        request: int,
        prompt: Sequence[int],
        *,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
        constraint: Callable[[], Any] | None = None,
        wants_progress: bool = False,
        **params: Any,
    ) -> None:
        sampling = SamplingParams(**({"seed": request, "temperature": 1.0} | params)).check()
        stop_ids = (() if sampling.ignore_eos else (EOS,)) + sampling.stop_token_ids
        frame = Submit(request, list(prompt), sampling, stop_ids, priority, client, wants_progress)
        self.loop.submit(frame, constraint)

    def cancel(self, request: int) -> None:
        self.record(self.loop.cancel(Cancel(request)))

    def finish(self, request: int, index: int, keep: int) -> None:
        self.record(self.loop.finish(Finish(request, index, keep)))

    def step(self) -> None:
        self.turns += 1
        self.record(self.loop.step())

    def record(self, events: list[Event]) -> None:
        for event in events:
            assert event.request not in self.dones, f"{event} came after Done"
            if isinstance(event, Tokens):
                assert (event.request, event.index) not in self.ends
                self.outputs[event.request, event.index] += event.ids
                self.logprobs[event.request, event.index] += event.logprobs
            elif isinstance(event, SampleEnd):
                assert (event.request, event.index) not in self.ends
                self.ends[event.request, event.index] = event
            elif isinstance(event, Done):
                self.dones[event.request] = event
            else:
                self.progress[event.request].append(event)

    def run(self, limit: int = 20_000) -> None:
        """Until nothing is left to do; then every page must be free or cached."""
        for _ in range(limit):
            if not self.loop.busy:
                self.scheduler.check()
                return
            self.step()
        raise AssertionError(f"not idle after {limit} steps")

    def completed(self, request: int) -> bool:
        return self.dones[request].outcome is Outcome.COMPLETED


@pytest.fixture
def make_driver() -> Callable[..., Driver]:
    def make(
        *, clock: Callable[[], float] | None = None, policy: dict[str, Any] | None = None, **engine: Any
    ) -> Driver:
        return Driver(StubEngine(**engine), clock, **(policy or {}))

    return make


@pytest.fixture(params=[0, 1], ids=["lookahead0", "lookahead1"])
def lookahead(request: pytest.FixtureRequest) -> int:
    return int(request.param)


CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_tiny_model(folder: Path, *, seed: int = 0, context: int = 256) -> Path:
    """A random two-layer Llama with a byte-level tokenizer and a chat template: a normal checkpoint of about 100 kB."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = tokenizers.Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"])
    vocab, hidden, ffn, heads, kv_heads, layers = raw.get_vocab_size(), 32, 64, 4, 2, 2
    folder.mkdir(parents=True, exist_ok=True)
    raw.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"eos_token": "<|end|>", "chat_template": CHAT_TEMPLATE, "tokenizer_class": "PreTrainedTokenizerFast"}
        )
    )
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "eos_token_id": raw.token_to_id("<|end|>"),
    }
    (folder / "config.json").write_text(json.dumps(config))
    rng = np.random.default_rng(seed)
    head = hidden // heads
    shapes = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        layer = f"model.layers.{i}."
        shapes |= {
            layer + "input_layernorm.weight": (hidden,),
            layer + "post_attention_layernorm.weight": (hidden,),
            layer + "self_attn.q_proj.weight": (heads * head, hidden),
            layer + "self_attn.k_proj.weight": (kv_heads * head, hidden),
            layer + "self_attn.v_proj.weight": (kv_heads * head, hidden),
            layer + "self_attn.o_proj.weight": (hidden, heads * head),
            layer + "mlp.gate_proj.weight": (ffn, hidden),
            layer + "mlp.up_proj.weight": (ffn, hidden),
            layer + "mlp.down_proj.weight": (hidden, ffn),
        }
    arrays = {
        name: np.ones(shape, np.float32) if len(shape) == 1 else rng.normal(0, 0.15, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    write_safetensors(folder / "model.safetensors", arrays)
    return folder


def write_safetensors(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """float32 arrays in the safetensors format."""
    header, offset = {}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values()))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read-only: tests that change the checkpoint make their own with `make_tiny_model`."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def make_tiny_model(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "tiny", **options: Any) -> Path:
        return write_tiny_model(tmp_path / name, **options)

    return make


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Deskside home of the test's own."""
    folder = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith("DESKSIDE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DESKSIDE_HOME", str(folder))
    monkeypatch.setenv("DESKSIDE_BACKEND", "reference")  # as tests/conftest.py
    return folder
