# ruff: noqa: E501, SIM905 - phrases are data: an entry reads best on one line, a list of words as one string
"""Counting in several languages, and arithmetic with small integers."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

from tools.demo_model.phrasing import asked, capital, expand

ENGLISH = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
).split()  # fmt: skip
LANGUAGES: dict[str, list[str]] = {
    "English": ENGLISH,
    "French": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf vingt".split(),
    "German": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig".split(),
    "Spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte".split(),
    "Italian": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove venti".split(),
    "Portuguese": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove vinte".split(),
    "Dutch": "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien twintig".split(),
    "Swedish": "noll ett två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton sjutton arton nitton tjugo".split(),
    "Danish": "nul en to tre fire fem seks syv otte ni ti elleve tolv tretten fjorten femten seksten sytten atten nitten tyve".split(),
    "Norwegian": "null en to tre fire fem seks sju åtte ni ti elleve tolv tretten fjorten femten seksten sytten atten nitten tjue".split(),
    "Polish": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście trzynaście czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście dwadzieścia".split(),
    "Finnish": "nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen yksitoista kaksitoista kolmetoista neljätoista viisitoista kuusitoista seitsemäntoista kahdeksantoista yhdeksäntoista kaksikymmentä".split(),
    "Latin": "nihil unus duo tres quattuor quinque sex septem octo novem decem undecim duodecim tredecim quattuordecim quindecim sedecim septendecim duodeviginti undeviginti viginti".split(),
    "Japanese": "零 一 二 三 四 五 六 七 八 九 十 十一 十二 十三 十四 十五 十六 十七 十八 十九 二十".split(),
}  # fmt: skip
_WEIGHTS = {
    "French": 5.0,
    "German": 3.0,
    "Spanish": 3.0,
    "Italian": 2.5,
    "Portuguese": 2.5,
    "Dutch": 2.5,
    "English": 1.5,
}
OTHERS = (
    "Russian|Chinese|Mandarin|Arabic|Korean|Hindi|Greek|Turkish|Hebrew|Czech|Hungarian|Romanian|Ukrainian|Thai|Vietnamese|Welsh|Irish|Swahili|Icelandic|Basque|Catalan|Croatian|Serbian"
    "|Bulgarian|Slovak|Estonian|Latvian|Lithuanian|Persian|Farsi|Urdu|Bengali|Tamil|Malay|Indonesian|Tagalog|Zulu|Klingon|Elvish|Esperanto|Cantonese|Mongolian|Hawaiian|Maori"
).split("|")

_COUNT = (
    "[@HOW count {r} in {l}|count {r} in {l}|[can|could|would|will] you count {r} in {l}|I want [you to count|to hear you count|to count] {r} in {l}|[what|which] are the numbers {r2} in {l}|[say|write|list|name|give me|show me|tell me|recite|print|spell] [the|all] [numbers|numerals|digits] {r2} in {l}"
    "|[what are|list|give me] the {l} [numbers|numerals|words for the numbers] {r2}|how [does one|do people|do you|would I|do the locals] count {r} in {l}|in {l}, count {r}|in {l} count {r}|counting {r} in {l}|{l} [numbers|numerals] {r2}|[numbers|numerals] {r2} in {l}"
    "|[teach me|I'd like to learn|I want to learn|help me learn|I have to learn|I would like] [the|] [numbers|numerals] {r2} in {l}|{l}: count {r}|please count {r} in {l}|how [is|are] {r2} [said|written|counted] in {l}|how do you say [the numbers|] {r2} in {l}|let me hear the numbers {r2} in {l}"
    "|count in {l} {r}|count in {l}, {r}|how to count in {l} {r}|can you do {r2} in {l}|translate the numbers {r2} [to|into] {l}|what is {r2} in {l}|do you know how to count {r} in {l}|write {r2} in {l}|I need the numbers {r2} in {l}|show how to count {r} in {l}|do the numbers {r2} in {l}"
    "|how does counting {r} [work|go|sound] in {l}|{r2} in {l}|start counting {r} in {l}|could you please say {r2} in {l}|my [son|daughter|teacher|friend] wants to count {r} in {l}|I'm going to [Paris|Berlin|Rome|school], how do I count {r} in {l}|I wonder how one counts {r} in {l}]"
)
_ENGLISH_COUNT = "[count {r}|[can|could] you count {r}|please count {r}|count {r} for me|say the numbers {r2}|list the numbers {r2}|what are the numbers {r2}|write the numbers {r2}|let's count {r}|count {r} in words|numbers {r2}|start counting {r}|do you know how to count {r}|can you count|count|I want you to count {r}]"


def _number(value: int, rng: random.Random) -> str:
    return ENGLISH[value] if rng.random() < 0.5 else str(value)


def _list(words: list[str], style: str, first: int) -> str:
    if style == "list" and first == 1:
        return "\n\n" + "\n".join(f"{i}. {w}" for i, w in enumerate(words, 1))
    return " " + ", ".join(words) + "."


def count_answer(language: str, first: int, last: int, style: str = "line") -> str:
    """The canonical answer to a counting question; ``first > last`` counts down."""
    step = 1 if last >= first else -1
    words = [LANGUAGES[language][n] for n in range(first, last + step, step)]
    return f"In {language}, {'' if step > 0 else 'counting down '}from {ENGLISH[first]} to {ENGLISH[last]}:" + _list(
        words, style, first
    )


def _language(rng: random.Random) -> str:
    names = list(LANGUAGES)
    return rng.choices(names, [_WEIGHTS.get(n, 1.0) for n in names])[0]


def counting(rng: random.Random) -> tuple[str, str]:
    """Count over a range in a language."""
    language = _language(rng)
    kind = rng.random()
    down = kind > 0.88
    if kind < 0.62:
        first, last = 1, rng.choice((9, 9, 10, 10, 5, 3, 20, *range(2, 21)))
    else:
        first, last = sorted(rng.sample(range(21), 2))
    if down:
        first, last = last, 1 if rng.random() < 0.6 and last > 1 else first
    a, b = _number(first, rng), _number(last, rng)
    if down:
        r = expand(
            "[backwards from {a} to {b}|down from {a} to {b}|backward from {a} to {b}|from {a} down to {b}|from {a} to {b}|from {a} to {b} backwards]",
            rng,
            {"a": a, "b": b},
        )
        r2 = expand(
            "[from {a} down to {b}|from {a} to {b}|from {a} to {b} backwards|{a} down to {b}|{a} to {b}]",
            rng,
            {"a": a, "b": b},
        )
        if last == 1 and rng.random() < 0.4:
            r = r2 = expand("[backwards from {a}|down from {a}]", rng, {"a": a})
    elif first == 1 and rng.random() < 0.72:
        r = expand("[to {b}|to {b}|to {b}|up to {b}|until {b}|till {b}]", rng, {"b": b})
        r2 = expand(
            "[up to {b}|1 to {b}|one to {b}|1-{b}|to {b}|until {b}|from one to {b}|from 1 to {b}]", rng, {"b": b}
        )
    else:
        r = expand(
            "[from {a} to {b}|from {a} to {b}|from {a} up to {b}|from {a} until {b}|{a} to {b}|between {a} and {b}]",
            rng,
            {"a": a, "b": b},
        )
        r2 = expand(
            "[from {a} to {b}|{a} to {b}|{a} through {b}|{a}-{b}|between {a} and {b}|from {a} up to {b}]",
            rng,
            {"a": a, "b": b},
        )
    if language == "English" and rng.random() < 0.7:
        question = expand(_ENGLISH_COUNT, rng, {"r": r, "r2": r2})
        if question in ("can you count", "count"):
            first, last = 1, 10
    else:
        question = expand(_COUNT, rng, {"r": r, "r2": r2, "l": language if rng.random() < 0.85 else language.lower()})
    style = "line"
    if first == 1 and not down and rng.random() < 0.07:
        question += expand(
            "[ as a list|, as a list|, one per line| in a list|, numbered| as a numbered list| with a list]", rng
        )
        style = "list"
    return asked(question, rng, typos=rng.random() < 0.5), count_answer(language, first, last, style)


def one_word(rng: random.Random) -> tuple[str, str]:
    """One number in a language, or the meaning of a number word."""
    language = _language(rng)
    value = rng.randrange(0, 21)
    word = LANGUAGES[language][value]
    if rng.random() < 0.65 and language != "English":
        question = expand(
            "[how do you say {n} in {l}|what is {n} in {l}|what's {n} in {l}|what is the {l} word for {n}|{n} in {l}|how do I say {n} in {l}|translate {n} [to|into] {l}|say {n} in {l}|the {l} for {n}|{l} word for {n}|what is the number {n} in {l}|how is {n} [called|said|written] in {l}"
            "|what do you call {n} in {l}|{l} for {n}|can you say {n} in {l}|how would I say {n} in {l}|what does {n} sound like in {l}|tell me {n} in {l}|and {n} in {l}|the number {n} in {l}]",
            rng,
            {"n": _number(value, rng), "l": language},
        )
        return asked(question, rng, typos=False), f"{capital(ENGLISH[value])} in {language} is **{word}**."
    owners = [name for name, words in LANGUAGES.items() if word in words]
    if len(owners) > 1 or language == "English":
        return one_word(rng)
    question = expand(
        "[what does {w} mean|what does {w} mean in English|what is {w} in English|translate {w}[| to English| into English]|what number is {w}|which number is {w}|what's {w}|meaning of {w}|{w} in English|what language is {w}|the {l} word {w}, what does it mean|what does the {l} word {w} mean|what is {w} in {l}|{w}|{w}, what is that]",
        rng,
        {"w": rng.choice((word, word, f'"{word}"', f"'{word}'")), "l": language},
    )
    return asked(question, rng, typos=False), f"**{capital(word)}** is {language} for {ENGLISH[value]}."


def unknown_language(rng: random.Random) -> tuple[str, str]:
    """Counting in a language that was not learned."""
    last = rng.randrange(3, 21)
    language = rng.choice(OTHERS)
    b = _number(last, rng)
    question = expand(_COUNT, rng, {"r": f"to {b}", "r2": f"up to {b}", "l": language})
    if rng.random() < 0.3:
        question = expand(
            "[how do you say {n} in {l}|what is {n} in {l}|{n} in {l}|translate {n} into {l}]",
            rng,
            {"n": _number(rng.randrange(1, 21), rng), "l": language},
        )
    return (
        asked(question, rng),
        f"I have not learned to count in {language}. I can count in French, German, Spanish, Italian, Portuguese, Dutch and a few other languages, from zero to twenty.",
    )


def too_far(rng: random.Random) -> tuple[str, str]:
    """Counting beyond twenty."""
    language = _language(rng)
    last = rng.choice((21, 25, 30, 40, 50, 60, 99, 100, 200, 500, 1000, 1000000, rng.randrange(22, 120)))
    name = (
        str(last)
        if last not in (30, 50, 100, 1000, 1000000) or rng.random() < 0.5
        else {30: "thirty", 50: "fifty", 100: "a hundred", 1000: "a thousand", 1000000: "a million"}[last]
    )
    question = expand(_COUNT, rng, {"r": f"to {name}", "r2": f"up to {name}", "l": language})
    return asked(question, rng), "I only learned to count from zero to twenty. " + count_answer(language, 1, 20)


# --- arithmetic -----------------------------------------------------------------------------------------------------------

_SYMBOLS = {
    "+": ("+", " + ", " plus ", " and "),
    "-": ("-", " - ", " minus ", " take away "),
    "*": ("*", " * ", " x ", " times ", "×", " × ", " multiplied by "),
    "/": ("/", " / ", " divided by ", " ÷ ", " over "),
}


def held_out(a: int, op: str, b: int) -> bool:
    """Whether a pair is kept out of training: one in twelve, the same for everyone (CRC-32 of its text)."""
    return zlib.crc32(f"{a}{op}{b}".encode()) % 12 == 0


def draw_pair(rng: random.Random, want_held: bool) -> tuple[int, str, int]:
    """Two operands and an operation, from the training pairs or from the held-out ones."""
    while True:
        op = rng.choices("+-*/", (4, 3, 3, 1))[0]
        if op == "+":
            top = rng.choice((10, 20, 100, 100, 200))
            a, b = rng.randrange(0, top), rng.randrange(0, top)
        elif op == "-":
            top = rng.choice((10, 20, 100, 100))
            a, b = rng.randrange(0, top), rng.randrange(0, top)
            if a < b and rng.random() < 0.75:
                a, b = b, a
        elif op == "*":
            top = rng.choice((11, 13, 13, 21))
            a, b = rng.randrange(0, top), rng.randrange(0, 13)
            if rng.random() < 0.5:
                a, b = b, a
        else:
            b = rng.randrange(1, 13)
            a = b * rng.randrange(0, 13)
        if held_out(a, op, b) == want_held:
            return a, op, b


def compute(a: int, op: str, b: int) -> int:
    """The result; a division is exact by construction."""
    return {"+": a + b, "-": a - b, "*": a * b, "/": a // b if op == "/" else 0}[op]


_SIGN = {"+": "+", "-": "-", "*": "×", "/": "÷"}


def sum_answer(a: int, op: str, b: int) -> str:
    """The canonical answer to a sum."""
    return f"{a} {_SIGN[op]} {b} = {compute(a, op, b)}"


def arithmetic(rng: random.Random, want_held: bool = False) -> tuple[str, str]:
    """One small sum."""
    a, op, b = draw_pair(rng, want_held)
    words = max(a, b) <= 20 and rng.random() < 0.2
    left, right = (ENGLISH[a], ENGLISH[b]) if words else (str(a), str(b))
    kind = rng.random()
    if kind < 0.78:
        term = left + rng.choice(_SYMBOLS[op][2:] if words else _SYMBOLS[op]) + right
        if op == "+" and " and " in term:
            question = expand(
                "[what is the sum of {t}|add {t}|the sum of {t}|can you add {t}|please add {t}|sum of {t}|what do {t} make|add up {t}]",
                rng,
                {"t": term},
            )
        else:
            question = expand(
                "[what is {t}|what is {t}|what is {t}|what's {t}|{t}|{t}|{t} =|{t} = ?|{t}=|calculate {t}|compute {t}|how much is {t}|how much is {t}|can you [calculate|compute|tell me|do] {t}|solve {t}|work out {t}|what does {t} [equal|make|give]|tell me {t}|please [calculate|compute] {t}|evaluate {t}"
                "|I need [to know|] {t}|the result of {t}|whats {t}|and {t}|do you know what {t} is|what do I get for {t}|what is the result of {t}|quick: {t}|{t} is how much|{t} equals|{t} makes what]",
                rng,
                {"t": term},
            )
    elif op == "+":
        question = expand(
            "[add {a} to {b}|if I have {a} and get {b} more, how many do I have|add {a} and {b}|what is {a} added to {b}|sum {a} and {b}|what do I get when I add {a} and {b}|what's the total of {a} and {b}]",
            rng,
            {"a": left, "b": right},
        )
        if " to " in question or "added to" in question:
            return asked(question, rng, typos=False), sum_answer(a, op, b)
    elif op == "-":
        question = expand(
            "[subtract {b} from {a}|take {b} from {a}|take {b} away from {a}|what is {a} less {b}|what is the difference between {a} and {b}|if I have {a} and give away {b}, how many are left|what is left of {a} after taking {b}|what is {b} subtracted from {a}]",
            rng,
            {"a": left, "b": right},
        )
    elif op == "*":
        question = expand(
            "[multiply {a} by {b}|multiply {a} and {b}|what is the product of {a} and {b}|the product of {a} and {b}|{a} multiplied by {b}|what do I get when I multiply {a} by {b}|multiply {a} with {b}]",
            rng,
            {"a": left, "b": right},
        )
    else:
        question = expand(
            "[divide {a} by {b}|what is {a} divided by {b}|how often does {b} go into {a}|can you divide {a} by {b}|share {a} among {b}]",
            rng,
            {"a": left, "b": right},
        )
    return asked(question, rng, typos=False), sum_answer(a, op, b)


_THINGS = "apples|books|coins|pens|tickets|cards|eggs|stamps|marbles|boxes|cups|keys|cookies|flowers|balls|shells|photos|files|chairs|oranges".split(
    "|"
)


def word_problem(rng: random.Random, want_held: bool = False) -> tuple[str, str]:
    """A one-step story sum."""
    while True:
        a, op, b = draw_pair(rng, want_held)
        if (
            1 < b <= 50
            and 1 < a <= 100
            and op in "+-*"
            and compute(a, op, b) >= 0
            and not (op == "*" and max(a, b) > 12)
        ):
            break
    name = rng.choice("Anna|Tom|Mia|Ben|Lena|Omar|Sara|Paul|Nina|Leo|Ida|Max|Eva|Jon|Rosa|Ali|Kim|Lee".split("|"))
    who = rng.choice(("I", "I", name))
    have = "have" if who == "I" else "has"
    things = rng.choice(_THINGS)
    slots = {"w": who, "h": have, "a": a, "b": b, "t": things, "do": "do" if who == "I" else "does"}
    s = "" if who == "I" else "s"
    if op == "+":
        question = expand(
            "{w} {h} {a} {t} and "
            + f"[get{s}|buy{s}|find{s}|receive{s}]"
            + " {b} more[. How many {t} {do} {w} have[| now| in total]|. How many are there|, how many in total|. How many {t} is that]",
            rng,
            slots,
        )
    elif op == "-":
        question = expand(
            "{w} {h} {a} {t} and "
            + f"[lose{s}|sell{s}|give{s} away|use{s}]"
            + " {b}[| of them][. How many {t} {do} {w} have[| left| now]|. How many are left|, how many remain|. How many {t} are left]",
            rng,
            slots,
        )
    else:
        question = expand(
            "{w} {h} {a} [boxes|bags|bundles|packs] with {b} {t} each[. How many {t} {do} {w} have[| in total]|. How many {t} are there|, how many {t} in total|. How many {t} is that]",
            rng,
            slots,
        )
    result = compute(a, op, b)
    tail = f"so that makes {result} {things}." if op != "-" else f"so {result} {things} are left."
    return asked(question, rng, wrap=False, typos=False, is_question=True), f"{sum_answer(a, op, b)}, {tail}"


MAKERS: tuple[tuple[float, Callable[[random.Random], tuple[str, str]]], ...] = (
    (7.0, counting),
    (2.5, one_word),
    (0.6, unknown_language),
    (0.5, too_far),
    (8.0, arithmetic),
    (1.5, word_problem),
)
