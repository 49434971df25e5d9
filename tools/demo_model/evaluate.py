"""Held-out scores of a demo-model checkpoint, through transformers (greedy, batched).

    python -m tools.demo_model.evaluate CHECKPOINT [--device cuda] [--count 400] [--json scores.json]

Nothing asked here was trained on: topic questions are the ``held`` ones, sums are the held-out pairs, texts come from
seeds that training never used (their names and numbers are drawn anew). A summary is scored by its facts: recall is the
share of the key facts it states, precision the share of the names and numbers in it that the text holds.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tools.demo_model import chats, numbers, reports, talk_window, unknown
from tools.demo_model.phrasing import ASKING, capital

SEED = 987_654_321
Case = tuple[str, list[chats.Message], Callable[[str], dict[str, float]]]


def _exact(expected: str) -> Callable[[str], dict[str, float]]:
    return lambda text: {"exact": float(text == expected)}


def facts_in(text: str) -> list[str]:
    """The names and numbers a text states: digit groups, and words with a capital inside a sentence."""
    found = re.findall(r"\d[\d.,:-]*\d|\d", text)
    for part in re.split(r"(?<=[.!?])\s+", text):
        found += re.findall(r"\b[A-Z][\w'-]+", part)[1:] if part[:1].isupper() else re.findall(r"\b[A-Z][\w'-]+", part)
    return found


def score_summary(report: reports.Report) -> Callable[[str], dict[str, float]]:
    """Exact match, recall of the key facts, precision of names and numbers."""

    def score(text: str) -> dict[str, float]:
        stated = facts_in(text)
        precision = sum(f in report.text for f in stated) / len(stated) if stated else 1.0
        low = text.lower()
        recall = sum(k.lower() in low for k in report.key) / len(report.key) if report.key else 1.0
        return {
            "exact": float(text == chats.two_sentences(report)),
            "recall": recall,
            "precision": precision,
            "all_facts_right": float(recall == 1.0 and precision == 1.0),
        }

    return score


def cases(count: int) -> list[Case]:
    """The held-out cases, ``count`` of each drawn kind."""
    out: list[Case] = []

    def user(text: str) -> list[chats.Message]:
        return [{"role": "user", "content": text}]

    for topic in chats.TOPICS:
        for question in topic.held:
            accepts = topic.accepts
            out.append(
                (
                    "deskside_paraphrase",
                    user(capital(question) + ("?" if question.lower().split(" ")[0].rstrip(",") in ASKING else ".")),
                    lambda text, accepts=accepts: {"exact": float(accepts(text))},
                )
            )
    for question, key in talk_window.HELD_KEYS:
        out.append(("keys_paraphrase", user(question), lambda text, key=key: {"exact": float(f"**{key}**" in text)}))
    out += [("out_of_scope", user(q), lambda text: {"exact": float(text in unknown.ANSWERS)}) for q in unknown.HELD]
    rng = random.Random(SEED)
    for _ in range(count):
        question, answer = numbers.arithmetic(rng, want_held=True)
        out.append(("arithmetic", user(question), _exact(answer)))
    for _ in range(count // 4):
        question, answer = numbers.word_problem(rng, want_held=True)
        out.append(
            (
                "word_problem",
                user(question),
                lambda text, a=answer: {"exact": float(text.split(",")[0] == a.split(",")[0])},
            )
        )
    for _ in range(count):
        question, answer = numbers.counting(rng)
        out.append(("counting", user(question), _exact(answer)))
    for size in ("short", "medium", "long"):
        for _ in range(count // 2):
            report = reports.make(rng, size)
            out.append(
                (
                    f"summary_{size}",
                    user(f"Summarize this document in two sentences:\n\n{report.text}"),
                    score_summary(report),
                )
            )
    for _ in range(count // 2):
        report = reports.make(rng, rng.choice(("short", "medium")))
        question, _ = chats.summary_turn(rng, report, styles=False)
        out.append(("summary_phrasings", user(question), score_summary(report)))
    for _ in range(count // 4):
        report = reports.extract(rng, rng.choice(("short", "medium")))
        out.append(
            (
                "summary_free_text",
                user(f"Summarize this document in two sentences:\n\n{report.text}"),
                score_summary(report),
            )
        )
    for _ in range(count // 4):
        question, answer = chats.combine_turn(rng)
        out.append(("combine", user(question), _exact(answer)))
    for _ in range(count // 2):
        report = reports.make(rng, rng.choice(("short", "medium")))
        question, answer = rng.choice(report.answered)
        out.append(("passage_question", user(f"Passage: {report.text}\n\nQuestion: {question}?"), _exact(answer)))
        if report.unanswered:
            out.append(
                (
                    "passage_absent",
                    user(f"Passage: {report.text}\n\nQuestion: {rng.choice(report.unanswered)}?"),
                    _exact(chats.ABSENT),
                )
            )
    for _ in range(count // 4):
        messages = chats.conversation(rng)[:-1]
        answer = ""
        if len(messages) >= 3:
            first, follow = messages[0], messages[-1]
            question, answer = numbers.counting(rng)
            messages = [*messages[:-1], {"role": "user", "content": question}]
            assert first is not follow
            out.append(("counting_later_turn", messages, _exact(answer)))
    return out


def answers(
    model: object, tokenizer: object, chats_: list[list[chats.Message]], batch: int = 32, limit: int = 220
) -> list[str]:
    """Greedy answers, batched by length."""
    prompts = [tokenizer.apply_chat_template(m, tokenize=False, add_generation_prompt=True) for m in chats_]  # type: ignore[attr-defined]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    texts = [""] * len(prompts)
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        inputs = tokenizer(
            [prompts[i] for i in chosen],
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=False,
        ).to(model.device)  # type: ignore[operator,attr-defined]
        with torch.inference_mode():
            made = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=limit,
                do_sample=False,
            )  # type: ignore[attr-defined]
        for i, row in zip(chosen, made[:, inputs["input_ids"].shape[1] :], strict=True):
            texts[i] = tokenizer.decode(row, skip_special_tokens=True)  # type: ignore[attr-defined]
    return texts


def main() -> None:
    """Score a checkpoint, print the table, and write scores and failures as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--failures", type=int, default=0, help="how many failures of each kind to print")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    model = AutoModelForCausalLM.from_pretrained(options.checkpoint, dtype=torch.float32).to(options.device).eval()
    todo = cases(options.count)
    begun = time.monotonic()
    texts = answers(model, tokenizer, [m for _, m, _ in todo], options.batch)
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    failures: dict[str, list[dict[str, str]]] = defaultdict(list)
    for (kind, messages, score), text in zip(todo, texts, strict=True):
        result = score(text)
        for name, value in result.items():
            sums[kind][name].append(value)
        if result.get("all_facts_right", result["exact"]) < 1.0:
            failures[kind].append({"prompt": messages[-1]["content"], "answer": text})
    scores = {
        kind: {"cases": len(values["exact"]), **{n: round(sum(v) / len(v), 4) for n, v in values.items()}}
        for kind, values in sums.items()
    }
    for kind, values in scores.items():
        print(f"{kind:22s} " + "  ".join(f"{n} {v}" for n, v in values.items()))
        for failure in failures[kind][: options.failures]:
            print(
                "    Q:",
                failure["prompt"][-160:].replace("\n", " "),
                "\n    A:",
                failure["answer"][:160].replace("\n", " "),
            )
    print(f"{len(todo)} cases in {time.monotonic() - begun:.0f} s")
    if options.json:
        options.json.write_text(
            json.dumps(
                {"scores": scores, "failures": {k: v[:60] for k, v in failures.items()}}, ensure_ascii=False, indent=1
            ),
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
