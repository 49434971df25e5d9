"""From what a caller asks to the ids the runtime takes, and back: one object per model, for `LLM` and the service alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from core.errors import InvalidRequest
from core.text.chat_template import ChatTemplate
from core.text.history import History
from core.text.stop import StopStrings
from core.text.stream import TextStream
from core.text.tokenizer import Tokenizer

# How chat models end a turn; some checkpoints forget to list theirs as an EOS.
TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|end|>", "<|END_OF_TURN_TOKEN|>")


class Prompt(msgspec.Struct, frozen=True):
    """`ids`: never empty. `text`: what they stand for, special tokens spelled out; "" if the caller gave ids.

    `continues`: the answer's text goes on from the prompt's (a leading space of its first token belongs to it).
    """

    ids: list[int]
    text: str = ""
    continues: bool = True


class PromptBuilder:
    """Prompts of one model. Safe between threads."""

    def __init__(
        self, tokenizer: Tokenizer, template: ChatTemplate | None = None, history: History | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.history = history or History(tokenizer)

    @classmethod
    def from_folder(cls, path: str | Path, cache_folder: Path | None = None) -> PromptBuilder:
        """Tokenizer and chat template of a checkpoint folder. Raises ModelUnusable as they do."""
        tokenizer = Tokenizer.from_folder(path, cache_folder)
        return cls(tokenizer, ChatTemplate.from_folder(path, tokenizer.special.named))

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end an answer: every EOS, and the turn end that the chat template itself writes."""
        ids = list(self.tokenizer.eos_ids)
        source = self.template.source() if self.template is not None else ""
        for token in TURN_ENDS:
            token_id = self.tokenizer.token_id(token) if token in source else None
            if token_id is not None and token_id in self.tokenizer.special_ids:
                ids.append(token_id)
        return tuple(dict.fromkeys(ids))

    def text(self, prompt: str, add_special_tokens: bool = True) -> Prompt:
        """A text to go on from, with BOS where this model has one (once, also if the text begins with it), without EOS."""
        if not prompt:
            raise InvalidRequest("The prompt is empty; give at least one character.", "prompt")
        ids = self.tokenizer.encode(prompt, add_special_tokens)
        bos = self.tokenizer.bos_id
        if len(ids) > 1 and bos is not None and ids[0] == ids[1] == bos and prompt.startswith(self._spelled(bos)):
            del ids[0]
        if add_special_tokens:
            ends = set(self.tokenizer.eos_ids)
            while len(ids) > 1 and ids[-1] in ends and not prompt.endswith(self._spelled(ids[-1])):
                ids.pop()  # some tokenizers close every text; one to go on from must stay open
        return self.ids(ids)

    def ids(self, ids: Sequence[int]) -> Prompt:
        """A prompt given as token ids. Raises InvalidRequest if it is empty or holds an id that is none."""
        if not len(ids):
            raise InvalidRequest("The prompt is empty; give at least one token.", "prompt")
        for token_id in ids:
            if isinstance(token_id, bool) or not isinstance(token_id, int) or not 0 <= token_id < 2**31:
                raise InvalidRequest(f"The prompt holds {token_id!r}, which is not a token id.", "prompt")
        return Prompt(list(ids))

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        **variables: Any,
    ) -> Prompt:
        """A conversation, by the model's chat template (which writes BOS itself), with remembered ids where they fit.

        Raises InvalidRequest if this model has no template or the messages cannot be used, ModelUnusable for a bad template.
        """
        if self.template is None:
            raise InvalidRequest(
                f"{self.tokenizer.name} is a base model without a chat template; use generate with a plain prompt, "
                "or add a chat_template.jinja to its folder.",
                "messages",
            )
        text = self.template.render(messages, tools, add_generation_prompt, continue_final_message, **variables)
        if not text:
            raise InvalidRequest("The chat template makes an empty prompt of these messages.", "messages")
        ids = self.tokenizer.encode(text)
        return Prompt(self.history.splice(text, ids), text, continue_final_message)

    def remember(self, prompt: Prompt, generated_ids: Sequence[int]) -> None:
        """After an answer: keep its ids for the next turn. Prompts that were not chats are not kept."""
        self.history.remember(prompt.text, prompt.ids, generated_ids)

    def stream(
        self,
        prompt: Prompt,
        stops: StopStrings | None = None,
        include_stop: bool = False,
        min_tokens: int = 0,
        skip_special: bool = True,
    ) -> TextStream[Any]:
        """The stream that turns one sample's tokens into text."""
        return TextStream(self.tokenizer.detokenizer(skip_special, prompt.continues), stops, include_stop, min_tokens)

    def _spelled(self, token_id: int) -> str:
        return self.tokenizer.token_text(token_id) or "\0"
