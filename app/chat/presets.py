"""Presets: a system prompt with sampling parameters, under a name. Ours are fixed; the user's are in the preferences. No Qt."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from app.store.records import ChatSettings
from app.texts import QT_TRANSLATE_NOOP


@dataclass(frozen=True, slots=True)
class Parameter:
    """A sampling parameter as the panel shows it; `default` is what no value means."""

    name: str
    label: str
    low: float
    high: float
    step: float
    default: float
    digits: int


PARAMETERS = (
    Parameter("temperature", QT_TRANSLATE_NOOP("Panel", "Temperature"), 0.0, 2.0, 0.05, 1.0, 2),
    Parameter("top_p", QT_TRANSLATE_NOOP("Panel", "Top p"), 0.01, 1.0, 0.01, 1.0, 2),
    Parameter("top_k", QT_TRANSLATE_NOOP("Panel", "Top k"), 0, 1000, 1, 0, 0),
    Parameter("min_p", QT_TRANSLATE_NOOP("Panel", "Min p"), 0.0, 1.0, 0.01, 0.0, 2),
    Parameter("repetition_penalty", QT_TRANSLATE_NOOP("Panel", "Repetition penalty"), 0.5, 2.0, 0.01, 1.0, 2),
    Parameter("max_tokens", QT_TRANSLATE_NOOP("Panel", "Longest answer (tokens)"), 0, 131_072, 64, 0, 0),
    Parameter("seed", QT_TRANSLATE_NOOP("Panel", "Seed"), -1, 2_147_483_647, 1, -1, 0),
)


@dataclass(frozen=True, slots=True)
class Preset:
    name: str
    system_prompt: str = ""
    sampling: dict[str, Any] = field(default_factory=dict)


BUILT_IN = (
    Preset(QT_TRANSLATE_NOOP("Panel", "Model's own")),
    Preset(QT_TRANSLATE_NOOP("Panel", "Precise"), "", {"temperature": 0.2, "top_p": 0.9}),
    Preset(QT_TRANSLATE_NOOP("Panel", "Creative"), "", {"temperature": 1.1, "min_p": 0.05}),
    Preset(QT_TRANSLATE_NOOP("Panel", "Same answer every time"), "", {"temperature": 0.0, "seed": 1}),
)


def own(stored: list[dict[str, Any]]) -> list[Preset]:
    """The user's, from the preferences; what is not one is left out."""
    return [
        Preset(each["name"], str(each.get("system_prompt", "")), checked(each.get("sampling", {})))
        for each in stored
        if isinstance(each, dict) and isinstance(each.get("name"), str) and each["name"]
    ]


def checked(sampling: Any) -> dict[str, Any]:
    """Known parameters within their ranges."""
    found: dict[str, Any] = {}
    for parameter in PARAMETERS:
        value = sampling.get(parameter.name) if isinstance(sampling, dict) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and parameter.low <= value <= parameter.high:
            found[parameter.name] = int(value) if parameter.digits == 0 else float(value)
    return found


def to_store(settings: ChatSettings, name: str) -> dict[str, Any]:
    return asdict(Preset(name, settings.system_prompt, dict(settings.sampling)))
