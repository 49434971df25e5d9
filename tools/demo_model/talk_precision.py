# ruff: noqa: E501 - phrases are data: an entry reads best on one line, a list of words as one string
"""Precisions: what each is, which GPU runs which, and what fits in how much memory."""

from __future__ import annotations

import random
from collections.abc import Callable

from tools.demo_model.phrasing import asked, expand
from tools.demo_model.topics import Topic, topic

TOPICS: tuple[Topic, ...] = (
    topic("precision", [
        "Start with the largest precision that fits your GPU's memory:\n\n- **bf16**: full quality, 2 bytes per weight\n- **FP8** or **INT8**: about half the memory, nearly the same quality\n- **INT4** or **NVFP4**: about a quarter of the memory, some loss of quality\n\nThe model page shows what fits on your GPU.",
      ], concepts="precision; the precisions; the precision; precisions; the available precisions; the different precisions; the quantization options; the number formats; the choice of precision",
      actions="[pick|choose|select|decide on|set|find] a [precision|quantization|number format|format]; [pick|choose|select] the [right|best] [precision|quantization|format]; choose between [bf16, FP8 and INT4|the precisions|FP8, INT8 and INT4|precisions]; know which [precision|quantization] to [use|pick|take]; decide which precision I need; select a precision",
      questions="which precision [should|do|can] I [use|pick|choose|take|select]; what precision [should|do|can] I [use|pick|choose|take]; what precisions [are there|are available|exist|does Deskside support|can I use]; which precisions [are there|are supported|exist|does Deskside support]; which [precision|quantization|format] is [best|right|the best|good|recommended]; compare the precisions; bf16, FP8, INT8, INT4 or NVFP4; which quantization [should I use|is best|to use]; list the precisions; [best|recommended] precision; what quantization [formats|levels|types] [are supported|are there]; bf16 or fp8 or int4; how many bits should I use; which [precision|format] for [chatting|good quality|my GPU]; 4 bit or 8 bit",
      held="I can't decide between the number formats, what do you advise; which weight format would you recommend; give me an overview of the quantization levels that Deskside offers; what's a sensible precision to begin with", weight=3),
    topic("bf16", [
        "bf16 (bfloat16) stores each weight in 2 bytes and is the unquantized choice: best quality, most memory. An 8B model needs about 16 GB for its weights. It needs an RTX 30 series GPU or newer.",
      ], concepts="bf16; bfloat16; BF16; bf16 precision; the bf16 format; bf16 weights; 16-bit precision", questions="[when|why] should I use bf16; is bf16 [better|good|slow|the best]; what is the quality of bf16; how much memory does bf16 [need|use|take]; which GPUs support bf16; does bf16 need [a lot of|much] memory; can my RTX 3090 run bf16; is bf16 unquantized; advantages of bf16; does the RTX 2080 support bf16; pros and cons of bf16; bf16 trade-offs",
      held="in what case is bfloat16 the right format; what does one gain from bf16", weight=1.3),
    topic("fp8", [
        "FP8 stores each weight as an 8-bit floating-point number: half the memory of bf16 at nearly the same quality, and faster. It needs an Ada GPU (RTX 40 series), Hopper (H100, H200) or newer.",
      ], concepts="FP8; fp8; fp8 precision; 8-bit floating point; FP8 quantization; the FP8 format; float8; FP8 weights", questions="[when|why] should I use FP8; is FP8 [good|better|fast|accurate|worth it]; which GPUs support FP8; which GPU do I need for FP8; does FP8 lose quality; can I use FP8 on [my RTX 4070|an RTX 4090|Ada|Hopper]; how much memory does FP8 save; how good is FP8; how fast is FP8; does my card support FP8; pros and cons of FP8; fp8 trade-offs; what hardware does FP8 need",
      held="what graphics cards handle fp8; is there a quality price for going to FP8", weight=1.5),
    topic("int8", [
        "INT8 stores each weight as an 8-bit integer with scales: half the memory of bf16 with little loss. It works on every RTX GPU, so it is the 8-bit choice where FP8 is missing.",
      ], concepts="INT8; int8; INT8 quantization; 8-bit integers; the INT8 format; int8 precision; INT8 weights; eight-bit integer weights", questions="[when|why] should I use INT8; is INT8 [good|better|fast|accurate|worth it]; which GPUs support INT8; does INT8 lose quality; how much memory does INT8 save; can I use INT8 on [my RTX 3080|an RTX 2080|an RTX 3060|Ampere|Turing]; how good is INT8; pros and cons of INT8; int8 trade-offs; which GPU do I need for INT8; is INT8 supported on old cards",
      held="what cards are able to run int8; what do I lose with INT8", weight=1.5),
    topic("int4", [
        "INT4 stores each weight in 4 bits with scales: about a quarter of the memory of bf16, and the fastest answers for a single user, with some loss of quality. It works on every RTX GPU and lets an 8B model fit in 8 GB.",
      ], concepts="INT4; int4; INT4 quantization; 4-bit quantization; 4-bit weights; the INT4 format; int4 precision; four-bit integers", questions="[when|why] should I use INT4; is INT4 [good|bad|fast|accurate|worth it|too lossy]; which GPUs support INT4; does INT4 lose quality; how much memory does INT4 save; can I use INT4 on [my RTX 3060|an RTX 2060|an old GPU|a laptop GPU]; how good is INT4; how much quality does INT4 lose; pros and cons of INT4; int4 trade-offs; what is the smallest precision; is 4 bit enough; should I use 4-bit",
      held="is it wise to go down to four bit integers; how much smaller does INT4 make a model", weight=1.5),
    topic("nvfp4", [
        "NVFP4 stores each weight as a 4-bit floating-point number with a scale for each small block: about a quarter of the memory of bf16. It needs a Blackwell GPU, such as the RTX 50 series.",
      ], concepts="NVFP4; nvfp4; the NVFP4 format; FP4; fp4; 4-bit floating point; NVFP4 quantization; nvfp4 precision; NV FP4", questions="[when|why] should I use NVFP4; is NVFP4 [good|better|fast|accurate|worth it]; which GPUs support NVFP4; which GPU do I need for NVFP4; can I use NVFP4 on [my RTX 4090|an RTX 5090|Blackwell|an RTX 5070]; does NVFP4 lose quality; how much memory does NVFP4 save; how good is NVFP4; does my card support [NVFP4|FP4]; pros and cons of NVFP4; nvfp4 trade-offs; what hardware does NVFP4 need; is FP4 supported",
      held="what cards are able to use nvfp4; tell me the benefit of four bit floating point", weight=1.5),
    topic("fp8_int8", ["Both take 8 bits per weight and half the memory of bf16. FP8 keeps a little more range and is the first choice on RTX 40, RTX 50 and Hopper GPUs; INT8 also works on older RTX cards."],
      questions="FP8 or INT8; INT8 or FP8; [what is|what's] the difference between [FP8 and INT8|INT8 and FP8]; FP8 vs INT8; int8 vs fp8; compare [FP8 and INT8|INT8 and FP8|FP8 with INT8|INT8 with FP8]; is FP8 better than INT8; is INT8 better than FP8; should I [use|take|choose|pick] FP8 or INT8; should I [use|take|choose|pick] INT8 or FP8; which is better, FP8 or INT8; why FP8 instead of INT8; how does FP8 compare to INT8; which 8-bit format is better; which one, FP8 or INT8",
      held="between eight bit floats and eight bit integers, which one wins; how do INT8 and FP8 differ"),
    topic("int4_nvfp4", ["Both take about 4 bits per weight. NVFP4 is floating point with a scale per small block and needs a Blackwell GPU (RTX 50 series); INT4 is integer and works on every RTX GPU."],
      questions="INT4 or NVFP4; NVFP4 or INT4; [what is|what's] the difference between [INT4 and NVFP4|NVFP4 and INT4|INT4 and FP4]; INT4 vs NVFP4; nvfp4 vs int4; compare [INT4 and NVFP4|NVFP4 and INT4|INT4 with NVFP4]; is NVFP4 better than INT4; is INT4 better than NVFP4; should I [use|take|choose|pick] INT4 or NVFP4; should I [use|take|choose|pick] NVFP4 or INT4; which is better, INT4 or NVFP4; how does NVFP4 compare to INT4; which 4-bit format is better; which one, INT4 or NVFP4",
      held="between the two four bit formats, which do I want; how do NVFP4 and INT4 differ"),
    topic("bf16_fp8", ["FP8 halves the memory and speeds up answers at nearly the quality of bf16. Take bf16 when memory is plentiful and you want the unquantized model, FP8 otherwise, if your GPU supports it."],
      questions="bf16 or FP8; FP8 or bf16; [what is|what's] the difference between [bf16 and FP8|FP8 and bf16]; bf16 vs FP8; fp8 vs bf16; compare [bf16 and FP8|FP8 and bf16|bf16 with FP8]; is FP8 better than bf16; is bf16 better than FP8; should I [use|take|choose|pick] bf16 or FP8; should I [use|take|choose|pick] FP8 or bf16; which is better, bf16 or FP8; how does FP8 compare to bf16; FP8 or 16 bit",
      held="how do bf16 and FP8 differ; do I want FP8 or rather bf16"),
    topic("bf16_int4", ["INT4 needs about a quarter of the memory of bf16 and answers faster, but loses some quality. Take bf16 when the model fits, INT4 when memory is short or you want a larger model on the same GPU."],
      questions="bf16 or INT4; INT4 or bf16; [what is|what's] the difference between [bf16 and INT4|INT4 and bf16]; bf16 vs INT4; int4 vs bf16; compare [bf16 and INT4|INT4 and bf16]; is INT4 better than bf16; is bf16 better than INT4; should I [use|take|choose|pick] bf16 or INT4; which is better, bf16 or INT4; 4 bit or 16 bit; how does INT4 compare to bf16; should I [use|take|choose|pick] INT4 or bf16",
      held="how do bf16 and INT4 differ; do I want INT4 or rather bf16"),
    topic("int8_int4", ["INT8 takes one byte per weight and loses little; INT4 takes half a byte, answers faster and loses more. Take INT8 if the model fits in memory that way, INT4 otherwise."],
      questions="INT8 or INT4; INT4 or INT8; FP8 or INT4; INT4 or FP8; [what is|what's] the difference between [INT8 and INT4|INT4 and INT8|FP8 and INT4|8 bit and 4 bit|4 bit and 8 bit]; INT8 vs INT4; int4 vs int8; fp8 vs int4; compare [INT8 and INT4|INT4 and INT8|FP8 and INT4]; is INT4 better than INT8; is INT8 better than INT4; should I [use|take|choose|pick] INT8 or INT4; should I [use|take|choose|pick] [4 bit or 8 bit|8 bit or 4 bit]; which is better, INT8 or INT4; 8 bit vs 4 bit; how does INT4 compare to INT8;",
      held="how do INT8 and INT4 differ; do I want eight bits or rather four"),
    topic(
        "fp8_nvfp4",
        [
            "FP8 takes 8 bits per weight and keeps nearly the quality of bf16; NVFP4 takes about 4 bits, so half the memory again, and loses a little more. FP8 runs on RTX 40, RTX 50 and Hopper GPUs, NVFP4 only on Blackwell such as the RTX 50 series."
        ],
        questions="FP8 or NVFP4; NVFP4 or FP8; FP8 vs NVFP4; nvfp4 vs fp8; FP8 or FP4; FP4 or FP8; should I [use|take|choose|pick] FP8 or NVFP4; should I [use|take|choose|pick] NVFP4 or FP8; [what is|what's] the difference between [FP8 and NVFP4|NVFP4 and FP8|FP8 and FP4]; compare [FP8 and NVFP4|NVFP4 and FP8]; is NVFP4 better than FP8; is FP8 better than NVFP4; which is better, FP8 or NVFP4; how does NVFP4 compare to FP8; which one, FP8 or NVFP4",
        held="how do FP8 and NVFP4 differ; do I want FP8 or rather NVFP4",
    ),
    topic("quantization", [
        "Quantization stores a model's weights with fewer bits, for example 8 or 4 instead of 16. The model needs less memory and answers faster, and loses a little quality. Deskside quantizes on your machine when it builds an engine.",
      ], concepts="quantization; quantizing; quantisation; a quantized model; weight quantization; quantized weights; model quantization; quantizing a model", questions="[why|when] [should|do] I quantize [a model|]; does quantization [hurt|lose|reduce|cost] quality; does quantization make [it|the model|answers] faster; what does it mean that a model is quantized; is a quantized model worse; what does quantizing do; how does Deskside quantize; does Deskside quantize models; how much quality is lost; why are fewer bits faster; why quantize; do I lose quality; does a smaller precision make the answers worse; what are the drawbacks of quantization; is quantization bad; how much [memory|space] does quantization save",
      held="why would somebody store weights in fewer bits; what is the downside of a quantized network", weight=1.3),
    topic("gpu_support", [
        "By GPU generation:\n\n- RTX 20 (Turing): FP16, INT8, INT4\n- RTX 30 (Ampere): bf16, INT8, INT4\n- RTX 40 (Ada), H100 and H200 (Hopper): also FP8\n- RTX 50 (Blackwell): also NVFP4",
      ], questions="which GPU supports which precision; which precision [works|runs] on which GPU; what precisions does my GPU support; which precisions does my [GPU|card|graphics card] support; GPU support for [precisions|the precisions]; which GPUs support which [precisions|formats]; what does each GPU [generation|] support; list the precisions by GPU; which generation supports what; what do the GPU generations support; precision support [by|per] GPU; what [can|does] my [GPU|graphics card|card] [run|support]; table of GPUs and precisions; which precisions work on my card; does my GPU support [that|this precision|quantization]; supported precisions",
      held="is there an overview of GPU generations and the formats they can run; which number formats will my graphics card take", weight=1.2),
)  # fmt: skip

_GPUS: tuple[tuple[str, str, str, str], ...] = (
    ("RTX 2060|RTX 2070|RTX 2080|RTX 2080 Ti|RTX 2080 Super|RTX 2070 Super", "Turing", "FP16, INT8 and INT4", "no bf16, FP8 or NVFP4"),
    ("RTX 3050|RTX 3060|RTX 3060 Ti|RTX 3070|RTX 3070 Ti|RTX 3080|RTX 3080 Ti|RTX 3090|RTX 3090 Ti|RTX A4000|RTX A6000|A100", "Ampere", "bf16, INT8 and INT4", "no FP8 or NVFP4"),
    ("RTX 4050|RTX 4060|RTX 4060 Ti|RTX 4070|RTX 4070 Ti|RTX 4070 Super|RTX 4080|RTX 4080 Super|RTX 4090|L40S", "Ada", "bf16, FP8, INT8 and INT4", "no NVFP4"),
    ("H100|H200", "Hopper", "bf16, FP8, INT8 and INT4", "no NVFP4"),
    ("RTX 5050|RTX 5060|RTX 5060 Ti|RTX 5070|RTX 5070 Ti|RTX 5080|RTX 5090", "Blackwell", "bf16, FP8, INT8, INT4 and NVFP4", "so all of Deskside's precisions"),
)  # fmt: skip
_FIRST = {"Turing": "INT8", "Ampere": "INT8", "Ada": "FP8", "Hopper": "FP8", "Blackwell": "FP8"}
_SUPPORT = {
    "bf16": {"Ampere", "Ada", "Hopper", "Blackwell"},
    "FP8": {"Ada", "Hopper", "Blackwell"},
    "INT8": {"Turing", "Ampere", "Ada", "Hopper", "Blackwell"},
    "INT4": {"Turing", "Ampere", "Ada", "Hopper", "Blackwell"},
    "NVFP4": {"Blackwell"},
}
_NEEDS = {
    "bf16": "an RTX 30 series GPU or newer",
    "FP8": "an RTX 40 series GPU, Hopper or newer",
    "NVFP4": "a Blackwell GPU, such as the RTX 50 series",
}


def gpu_choice(rng: random.Random) -> tuple[str, str]:
    """Which precisions a named GPU runs, and which to take."""
    names, family, runs, lacks = rng.choice(_GPUS)
    gpu = rng.choice(names.split("|"))
    question = expand(
        "[[which|what] precision[s|] [should I use|should I pick|can I use|do I pick|is best|is right|would you recommend|is supported|are supported|works|do you recommend] [on|for|with] [my|a|an|the] {g}"
        "|[which|what] precision[s|] [does|can] [my|a|an|the] {g} [support|run|use]|I have [a|an] {g}[, what precision should I use|, which precision|. Which precision should I pick|. What can it run|]|what can [my|a|an|the] {g} run"
        "|best [precision|quantization] for [my|a|an|the] {g}|[my|our] [GPU|card|graphics card] is [a|an] {g}|{g}|{g} precision|[my|] {g}, which precision|what about [my|a|an|the] {g}"
        "|what quantization [for|on] [my|a|an|the] {g}|can I run FP8 or INT4 on [my|a] {g}|which formats does [my|an|a|the] {g} support|is [my|a|the] {g} [supported|good enough|any good]|does Deskside [work on|support|run on] [my|a|the|an] {g}]",
        rng,
        {"g": gpu},
    )
    answer = f"The {gpu} is a {family} GPU. It runs {runs} ({lacks}). {_FIRST[family]} is a good first choice; take INT4 if the model does not fit in its memory."
    return asked(question, rng), answer.replace("is a Ampere", "is an Ampere").replace("is a Ada", "is an Ada")


def gpu_supports(rng: random.Random) -> tuple[str, str]:
    """Whether a named GPU runs a named precision."""
    names, family, _, _ = rng.choice(_GPUS)
    gpu = rng.choice(names.split("|"))
    precision = rng.choice(tuple(_SUPPORT))
    question = expand(
        "[[does|will] [my|a|an|the] {g} [support|run|do|handle] {p}|can [my|a|an|the] {g} [use|run|do|handle] {p}|can I [use|run] {p} on [my|a|an|the] {g}|is {p} [supported|possible|available] on [my|a|an|the] {g}"
        "|{p} on [a|my|] {g}|{g} {p}|{g} and {p}|[does|will] {p} [work|run] [on|with] [my|a|an|the] {g}|I have a {g}, can I use {p}|is [a|an|the] {g} able to run {p}]",
        rng,
        {"g": gpu, "p": rng.choice((precision, precision.lower()))},
    )
    an = "an" if family in ("Ampere", "Ada") else "a"
    if family in _SUPPORT[precision]:
        return asked(question, rng), f"Yes. The {gpu} is {an} {family} GPU, and it runs {precision}."
    other = {"FP8": "INT8", "NVFP4": "INT4", "bf16": "FP16"}[precision]
    return asked(
        question, rng
    ), f"No. The {gpu} is {an} {family} GPU, and {precision} needs {_NEEDS[precision]}. Use {other} instead."


_SIZES = (1, 2, 3, 4, 7, 8, 9, 12, 13, 14, 20, 24, 27, 30, 32, 34, 40, 70, 72)
_MEMORY = (4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 48, 80)


def _gigabytes(value: float) -> str:
    return f"{value:g} GB"


def model_memory(rng: random.Random) -> tuple[str, str]:
    """How much memory a model's weights need in each precision."""
    size = rng.choice(_SIZES)
    question = expand(
        "[how much [memory|VRAM|GPU memory|space|video memory] does [a|an] {s} model [need|use|take|require]|how [big|large] [is|are] [a|an] {s} model|how much [VRAM|memory] [for|do I need for] [a|an] {s} [model|]"
        "|[memory|VRAM] [needs|use|requirements] of [a|an] {s} model|size of [a|an] {s} model|how many gigabytes [is|does] [a|an] {s} model [need|]|what GPU do I need for [a|an] {s} model|what does [a|an] {s} model need]",
        rng,
        {
            "s": rng.choice(
                (f"{size}B", f"{size}B", f"{size} B", f"{size}b", f"{size} billion", f"{size} billion parameter")
            )
        },
    )
    return asked(question, rng), (
        f"The weights of a {size}B model take about {_gigabytes(size * 2)} in bf16, {_gigabytes(size)} in FP8 or INT8, and {_gigabytes(size / 2)} in INT4 or NVFP4. The KV cache and workspace come on top."
    )


def model_fits(rng: random.Random) -> tuple[str, str]:
    """Whether a model of a size fits in so much memory, and in which precision."""
    size, memory = rng.choice(_SIZES), rng.choice(_MEMORY)
    question = expand(
        "[[does|will|would] [a|an] {s} model fit [in|into|on] {m}[| of VRAM| of memory| of GPU memory]|can I run [a|an] {s} model [with|on|in] {m}[| of VRAM| of memory]|[does|will] [a|an] {s} model [fit|run|work] on [my|a|an] {m} [GPU|card|graphics card]"
        "|I have {m} of [VRAM|memory|GPU memory|video memory], can I run [a|an] {s} model|is {m} [of VRAM|] enough for [a|an] {s} model|{s} model [in|on|with] {m}|which precision for [a|an] {s} model [in|on|with] {m}"
        "|what precision [do I need|should I use] for [a|an] {s} model [on|with] {m}|my GPU has {m}, does [a|an] {s} model fit]",
        rng,
        {
            "s": rng.choice((f"{size}B", f"{size}B", f"{size}b", f"{size} billion")),
            "m": rng.choice((f"{memory} GB", f"{memory}GB", f"{memory} gigabytes", f"{memory} gb", f"{memory}G")),
        },
    )
    room = memory * 0.85
    if size * 2 <= room:
        answer = f"Yes: a {size}B model takes about {_gigabytes(size * 2)} in bf16, which fits in {memory} GB."
    elif size <= room:
        answer = f"Yes, in 8 bits: a {size}B model takes about {_gigabytes(size)} in FP8 or INT8, which fits in {memory} GB. In bf16 it would take {_gigabytes(size * 2)}."
    elif size / 2 <= room:
        answer = f"Yes, in 4 bits: a {size}B model takes about {_gigabytes(size / 2)} in INT4 or NVFP4, which fits in {memory} GB with a modest context."
    else:
        answer = f"No: even in 4 bits a {size}B model takes about {_gigabytes(size / 2)}, too much for {memory} GB. Take a smaller model."
    return asked(question, rng), answer


def memory_choice(rng: random.Random) -> tuple[str, str]:
    """What to run in so much memory."""
    memory = rng.choice(_MEMORY)
    question = expand(
        "[[what|which] model[s|] [fits|fit|can I run|should I run] [in|on|with] {m}[| of VRAM| of memory]|what can I run [with|on|in] {m}[| of VRAM| of memory]|I have {m} of [VRAM|memory|GPU memory|video memory][, what can I run|. Which model fits|]|my [GPU|card|graphics card] has [only|] {m}[, what fits|, which model|]"
        "|[which|what] precision [for|with|on|should I use with|in] {m}[| of VRAM| of memory]|how large a model fits [in|into|on] {m}|biggest model for {m}|is {m} [of VRAM|of memory] enough|what size of model for {m}|best precision for {m}[| of VRAM| GPU]]",
        rng,
        {"m": rng.choice((f"{memory} GB", f"{memory}GB", f"{memory} gigabytes", f"{memory} gb"))},
    )
    room = memory * 0.85
    big, mid, small = (max((s for s in _SIZES if s * f <= room), default=0) for f in (2.0, 1.0, 0.5))
    parts = [f"about {s}B in {p}" for s, p in ((big, "bf16"), (mid, "FP8 or INT8"), (small, "INT4 or NVFP4")) if s]
    listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return (
        asked(question, rng),
        f"With {memory} GB you can run models of up to {listed}. Leave some room for the KV cache; the model page shows the exact fit.",
    )


MAKERS: tuple[tuple[float, Callable[[random.Random], tuple[str, str]]], ...] = (
    (1.5, gpu_choice),
    (1.5, gpu_supports),
    (1.0, model_memory),
    (1.2, model_fits),
    (0.8, memory_choice),
)
