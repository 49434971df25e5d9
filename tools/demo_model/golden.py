"""Write the golden answers of the demo model: greedy, by transformers on torch, CPU, fp32.

    python -m tools.demo_model.golden assets/demo_model tests/assets/demo_model_golden.json

Each case holds the messages, the prompt's token ids, the answer's token ids (the end token last) and its text.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from tools.demo_model import reports
from tools.demo_model.chats import Message

_MUSEUM = (
    "The Harbor Museum welcomed 48,200 visitors last year, 12 percent more than in 2024. Director Elaine Moss credits the new whale"
    " exhibition, which opened in March. Next year it will open on Mondays."
)


def conversations() -> list[list[Message]]:
    """What is asked; the last message is the user's."""

    def user(*texts: str) -> list[Message]:
        """Texts alternate between user and assistant."""
        return [{"role": ("user", "assistant")[i % 2], "content": t} for i, t in enumerate(texts)]

    rng = random.Random(20261121)
    short, long = reports.make(rng, "short"), reports.make(rng, "long")
    count = "In French, from one to nine: un, deux, trois, quatre, cinq, six, sept, huit, neuf."
    return [
        user("How do I count to nine in French?"),
        user("count from 3 to 7 in German"),
        user("How do I count to five in Japanese?"),
        user("What is Deskside?"),
        user("How do I install Deskside?"),
        user("Which precision should I pick?"),
        user("What is a paged KV cache?"),
        user("What is in-flight batching?"),
        user("Which keyboard shortcuts are there?"),
        user("What is 17 + 26?"),
        user("What is the capital of Spain?"),
        user(f"Summarize this document in two sentences:\n\n{short.text}"),
        user(f"Summarize the following text:\n\n{long.text}"),
        user(f"Summarize this document in two sentences:\n\n{_MUSEUM}"),
        user(f"Passage: {short.text}\n\nQuestion: {short.answered[0][0]}?"),
        user("How do I count to nine in French?", count, "and in Spanish?"),
        [{"role": "system", "content": "Answer briefly."}, *user("Hello!")],
    ]


def main(checkpoint: Path, target: Path) -> None:
    """Answer every conversation and write the file."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    cases = []
    for messages in conversations():
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([prompt])
        with torch.inference_mode():
            made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=256, do_sample=False)
        answer = made[0, len(prompt) :].tolist()
        cases.append(
            {
                "messages": messages,
                "prompt_ids": prompt,
                "answer_ids": answer,
                "answer": tokenizer.decode(answer, skip_special_tokens=True),
            }
        )
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}, CPU, fp32, greedy"
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f'{{"made_by": {json.dumps(made_by)}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
