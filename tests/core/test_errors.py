"""Errors that cross a boundary as a code come out as what they were."""

from __future__ import annotations

import pytest

from core.errors import (
    Busy,
    DesksideError,
    EngineDied,
    InternalError,
    InvalidRequest,
    NeverFits,
    Unavailable,
    UserError,
    from_code,
)


def below(kind: type[DesksideError]) -> list[type[DesksideError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in below(child))]


@pytest.mark.parametrize("kind", below(UserError), ids=lambda kind: kind.__name__)
def test_every_code_leads_back_to_its_class(kind: type[UserError]) -> None:
    error = from_code(kind.code, "What, why, what next.", "prompt")
    assert type(error) is kind
    assert error.message == "What, why, what next."
    assert getattr(error, "param", "prompt") == "prompt"


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in below(UserError)]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("code", ["internal", "", "something newer"])
def test_any_other_code_is_internal(code: str) -> None:
    assert type(from_code(code, "x")) is InternalError


def test_what_errors_carry() -> None:
    assert from_code("invalid_request", "x").param is None  # type: ignore[attr-defined]
    assert Busy("x", 3.0).retry_after == 3.0
    assert Unavailable("x").retry_after is None
    assert issubclass(EngineDied, Unavailable)
    assert issubclass(NeverFits, InvalidRequest)
