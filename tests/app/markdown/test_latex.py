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
        (r"x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}", "x = (−b ± √(b²−4ac))/(2a)"),
        (r"\text{softmax}(QK^T/\sqrt{d_k})V", "softmax(QKᵀ/√(dₖ))V"),
        (r"e^{i\pi}+1=0", "e^(iπ)+1=0"),
        (r"\mathbb{R}^n \to \mathbb{R}", "ℝⁿ → ℝ"),
        (r"\sqrt[3]{x+1}", "∛(x+1)"),
        (r"a_{ij}^2", "aᵢⱼ²"),
        (r"A = \begin{pmatrix} a & b \\ c & d \end{pmatrix} x", "A =\n⎛a\u2003b⎞\n⎝c\u2003d⎠\nx"),
        (r"\begin{bmatrix} 1 \\[2pt] 2 \\ 3 \end{bmatrix}", "⎡1⎤\n⎢2⎥\n⎣3⎦"),
        (r"\begin{pmatrix} 1 & 2 \end{pmatrix}^\top", "(1\u20032)ᵀ"),
        (r"f = \begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}", "f =\n⎧1\u2003x > 0\n⎩0\u2003else"),
        (r"\begin{cases} 1 \\ 2 \\ 3 \\ 4 \end{cases}", "⎧1\n⎪2\n⎨3\n⎩4"),
        (r"\begin{array}{cc} 1 & 2 \end{array}", "1\u20032"),
        (r"\begin{align*} a &= b \\[2pt] &= c \end{align*}", "a = b\n= c"),
        (r"a \not= b, a \not\in B", "a ≠ b, a ∉ B"),
        (r"\underbrace{a+b}_{\text{sum}}", "(a+b)ₛᵤₘ"),
        (r"\color{red}{x} + \textcolor{blue}{y}", "x + y"),
        (r"x \stackrel{d}{=} y, \underset{i}{m}", "x =ᵈ y, mᵢ"),
        (r"\text{non-linear } x^{-1} - a_{n-1}, \frac{1}{2\pi}, \frac{1}{2}", "non-linear x⁻¹ − aₙ₋₁, 1/(2π), 1/2"),
        (r"90^\circ, \lVert x \rVert, Q K^\top", "90°, ‖ x ‖, Q Kᵀ"),
        (r"\left( x \right)", "( x )"),
        (r"\unknown{x}", r"\unknownx"),
        (r"100\%", "100%"),
        ("", ""),
    ],
)
def test_readable(formula: str, text: str) -> None:
    assert readable(formula) == text


@given(st.text(alphabet="\\{}^_[]&~ abfracsqrtbeginendmpx12", max_size=60))
def test_whatever_it_is_it_ends(formula: str) -> None:
    readable(formula)


PIECES = [
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\begin{array}",
    r"\\",
    "[2pt]",
    "&",
    "{",
    "}",
    r"\not",
    r"\frac",
    "x",
    "^",
    "_",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_matrices_that_are_broken_end_too(pieces: list[str]) -> None:
    readable("".join(pieces))


def test_a_bomb_stays_as_it_is() -> None:
    assert readable("{" * 1000) == "{" * 1000
    assert readable(r"\begin{pmatrix}" * 200) == r"\begin{pmatrix}" * 200
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
