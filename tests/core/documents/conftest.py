"""Files as people's programs make them (make_files.py), and a model that does what a test tells it to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from core.documents.document import Document
from core.documents.limits import DEFAULT
from core.documents.model import Written
from core.documents.reader import read_here
from core.text.prompt import PromptBuilder

FILES = Path(__file__).parent / "files"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def files() -> Path:
    return FILES


@pytest.fixture(scope="session")
def facts() -> Document:
    """300 pages, a fact on each."""
    return read_here(FILES / "facts.pdf", DEFAULT)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes | str], Path]:
    def write(name: str, content: bytes | str) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> PromptBuilder:
    """A token for each byte."""
    folder = tmp_path_factory.mktemp("bytes")
    raw = tokenizers.Tokenizer(
        models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True) for token in ("</s>", "<|im_start|>", "<|im_end|>")])
    raw.save(str(folder / "tokenizer.json"))
    settings = {"eos_token": "</s>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return PromptBuilder.from_folder(folder)


class TestModel:
    """Answers with `answer(prompt text)`. `asked`: every prompt as text, in order; `batches`: how many came at once."""

    __test__ = False
    name = "test"

    def __init__(self, prompts: PromptBuilder, context: int, answer: Callable[[str], str]) -> None:
        self.prompts = prompts
        self.context = context
        self.answer = answer
        self.asked: list[str] = []
        self.batches: list[int] = []
        self.fail_after: int | None = None

    def write_many(
        self, prompts: Sequence[list[int]], max_tokens: int, on_done: Callable[[int, Written], None]
    ) -> None:
        self.batches.append(len(prompts))
        for number in reversed(range(len(prompts))):  # in any order
            if self.fail_after is not None and len(self.asked) >= self.fail_after:
                raise RuntimeError("the service was killed")
            on_done(number, self._written(prompts[number], max_tokens))

    def write(self, prompt: list[int], max_tokens: int, *, interactive: bool) -> Iterator[str | Written]:
        written = self._written(prompt, max_tokens)
        for i in range(0, len(written.text), 7):
            yield written.text[i : i + 7]
        yield written

    def _written(self, prompt: list[int], max_tokens: int) -> Written:
        assert len(prompt) + max_tokens <= self.context
        text = self.prompts.tokenizer.decode(prompt, skip_special=False)
        self.asked.append(text)
        answer = self.answer(text).encode()[:max_tokens].decode("utf-8", "ignore")
        return Written(answer, len(prompt), 10, len(answer))


@pytest.fixture
def make_model(builder: PromptBuilder) -> Callable[..., TestModel]:
    def make(answer: Callable[[str], str] = lambda text: "Nothing.", context: int = 4096) -> TestModel:
        return TestModel(builder, context, answer)

    return make
