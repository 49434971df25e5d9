from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.markdown.latex import readable
from app.markdown.parser import parse


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"\frac{a}{b^2} \le \sum_i x_i", "a/b² ≤ ∑ᵢ xᵢ"),
        (r"x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}", "x = (-b ± √(b²-4ac))/2a"),
        (r"\text{softmax}(QK^T/\sqrt{d_k})V", "softmax(QKᵀ/√(dₖ))V"),
        (r"e^{i\pi}+1=0", "e^(iπ)+1=0"),
        (r"\mathbb{R}^n \to \mathbb{R}", "ℝⁿ → ℝ"),
        (r"\sqrt[3]{x+1}", "∛(x+1)"),
        (r"a_{ij}^2", "aᵢⱼ²"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "a b\nc d"),
        (r"\left( x \right)", "( x )"),
        (r"\unknown{x}", r"\unknownx"),
        (r"100\%", "100%"),
        ("", ""),
    ],
)
def test_readable(formula: str, text: str) -> None:
    assert readable(formula) == text


@given(st.text(alphabet="\\{}^_[]&~ abfracsqrtbeginend12", max_size=60))
def test_whatever_it_is_it_ends(formula: str) -> None:
    readable(formula)


def test_a_bomb_stays_as_it_is() -> None:
    assert readable("{" * 1000) == "{" * 1000
    assert readable("x" * 10_000) == "x" * 10_000


def kinds(source: str) -> list[str]:
    return [child.type for token in parse(source) for child in token.children or [] if child.content]


def test_dollars_are_prices_unless_they_are_formulas() -> None:
    assert "math" not in kinds("It costs $5 and $6.")
    assert "math" not in kinds("$ x $")
    assert kinds("so $x^2$ is") == ["text", "math", "text"]
    assert kinds(r"so \(x\) is") == ["text", "math", "text"]
    assert [token.type for token in parse("$$\na\n$$\n")] == ["math_block"]
    assert [token.type for token in parse("\\[\na\n\\]\n")] == ["math_block"]
    assert "math_block" not in [token.type for token in parse("$$\nnever closed")]
