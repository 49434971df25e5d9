r"""Formulas as readable text: `\frac{a}{b^2} \le \sum_i x_i` becomes `a/b² ≤ ∑ᵢ xᵢ`. Not typesetting: nothing is lost that a
reader needs, and what is not known stays as it was written."""

from __future__ import annotations

import re

_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ",
    "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "sum": "∑", "prod": "∏", "int": "∫", "iint": "∬", "oint": "∮",
    "partial": "∂", "nabla": "∇", "infty": "∞", "forall": "∀", "exists": "∃", "nexists": "∄", "emptyset": "∅",
    "varnothing": "∅", "in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂", "subseteq": "⊆", "supset": "⊃",
    "supseteq": "⊇", "cup": "∪", "cap": "∩", "setminus": "∖", "times": "×", "div": "÷", "cdot": "·", "ast": "∗",
    "star": "⋆", "circ": "∘", "bullet": "•", "oplus": "⊕", "otimes": "⊗", "odot": "⊙", "pm": "±", "mp": "∓",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ll": "≪", "gg": "≫", "ne": "≠", "neq": "≠", "approx": "≈",
    "equiv": "≡", "sim": "∼", "simeq": "≃", "cong": "≅", "propto": "∝", "perp": "⊥", "parallel": "∥", "mid": "|",
    "to": "→", "rightarrow": "→", "longrightarrow": "⟶", "leftarrow": "←", "gets": "←", "leftrightarrow": "↔",
    "Rightarrow": "⇒", "implies": "⇒", "Leftarrow": "⇐", "Leftrightarrow": "⇔", "iff": "⇔", "mapsto": "↦",
    "uparrow": "↑", "downarrow": "↓", "neg": "¬", "lnot": "¬", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨",
    "ldots": "…", "dots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊",
    "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "ell": "ℓ", "hbar": "ℏ", "Re": "ℜ", "Im": "ℑ", "aleph": "ℵ",
    "angle": "∠", "degree": "°", "prime": "′", "dagger": "†", "therefore": "∴", "because": "∵", "quad": "  ",
    "qquad": "    ", "lbrace": "{", "rbrace": "}", "vert": "|", "Vert": "‖", "backslash": "\\", "colon": ":",
    "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖", "top": "⊤", "bot": "⊥", "succ": "≻", "prec": "≺",
    "succeq": "⪰", "preceq": "⪯", "leqslant": "≤", "geqslant": "≥", "lesssim": "≲", "gtrsim": "≳", "subsetneq": "⊊",
    "Longrightarrow": "⟹", "Longleftarrow": "⟸", "Longleftrightarrow": "⟺", "longleftarrow": "⟵", "longmapsto": "⟼",
    "hookrightarrow": "↪", "leadsto": "⇝", "rightleftharpoons": "⇌", "Uparrow": "⇑", "Downarrow": "⇓", "nearrow": "↗",
    "searrow": "↘", "models": "⊨", "vdash": "⊢", "square": "□", "Box": "□", "blacksquare": "■", "checkmark": "✓",
    "triangle": "△", "iiint": "∭", "coprod": "∐", "bigcup": "⋃", "bigcap": "⋂", "bigoplus": "⨁", "bigotimes": "⨂",
    "bigvee": "⋁", "bigwedge": "⋀", "sqcup": "⊔", "sqcap": "⊓", "complement": "∁", "varsigma": "ς", "varrho": "ϱ",
    "ddagger": "‡", "imath": "ı", "jmath": "ȷ", "wp": "℘", "S": "§", "pounds": "£", "copyright": "©",
}  # fmt: skip
_NAMES = frozenset(
    re.findall(
        r"\w+",
        "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp lim max min sup inf arg det dim "
        "gcd deg ker Pr argmax argmin softmax",
    )
)
_SUPER = dict(
    zip("0123456789+−=()nijabcdefghklmoprstuvwxyzT⊤∘†*′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱʲᵃᵇᶜᵈᵉᶠᵍʰᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᵀ°†*′", strict=True)
)
_SUB = dict(zip("0123456789+−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_NOT = dict(zip("=∈∋<>≤≥⊂⊆⊃⊇≡∃∼≈∥|", "≠∉∌≮≯≰≱⊄⊈⊅⊉≢∄≁≉∦∤", strict=True))
# Environment -> what stands around it at the left and the right: alone; at the top, between, and at the bottom of several rows.
_MATRICES = {
    "pmatrix": ("(⎛⎜⎝", ")⎞⎟⎠"), "bmatrix": ("[⎡⎢⎣", "]⎤⎥⎦"), "Bmatrix": ("{⎧⎪⎩", "}⎫⎪⎭"), "vmatrix": ("||||", "||||"),
    "Vmatrix": ("‖‖‖‖", "‖‖‖‖"), "cases": ("{⎧⎨⎩", ""), "matrix": ("", ""), "smallmatrix": ("", ""), "array": ("", ""),
}  # fmt: skip
_BETWEEN = "\u2003"  # cells
_BOARD = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "P": "ℙ", "E": "𝔼", "H": "ℍ"}
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "overline": "\u0305", "tilde": "\u0303", "vec": "\u20d7", "dot": "\u0307",
            "ddot": "\u0308", "widehat": "\u0302", "widetilde": "\u0303", "underline": "\u0332"}  # fmt: skip
_PLAIN = frozenset(
    re.findall(
        r"\w+",
        "mathrm mathit mathsf mathtt mathcal mathscr mathfrak boxed displaystyle textstyle mathbf boldsymbol bm phantom",
    )
)
_WORDS = frozenset({"text", "textbf", "textit", "textrm", "mbox", "operatorname"})  # a hyphen in them is no minus
_DROPPED = frozenset(
    re.findall(
        r"\w+",
        "left right big Big bigg Bigg bigl bigr Bigl Bigr limits nolimits nonumber displaystyle textstyle label tag",
    )
)
_TOKEN = re.compile(r"\\([A-Za-z]+)\*?\s*|\\(.)|([{}^_&~])|([^\\{}^_&~]+)", re.DOTALL)
_SPACES = re.compile(r"[ \t\r\f\v]+")
_DISTANCE = re.compile(r"\s*\[[^\]]{0,12}\]")  # behind the end of a row
MOST = 4000  # a longer formula is left as it is
DEEPEST = 40


def readable(formula: str) -> str:
    """One line, or several where the formula has rows."""
    if len(formula) > MOST:
        return formula
    try:
        text = _Reader(formula).all()
    except RecursionError:
        return formula
    lines = (_SPACES.sub(" ", line).strip(" ") for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader:
    def __init__(self, source: str) -> None:
        self._tokens = list(_TOKEN.finditer(source))
        self._at = 0
        self._depth = 0

    def all(self) -> str:
        parts = []
        while self._at < len(self._tokens):
            parts.append(self._group() if self._peek() != "}" else self._skip())
        return "".join(parts)

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _skip(self) -> str:
        self._at += 1
        return ""

    def _group(self) -> str:
        """The next token, or everything between braces."""
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        self._at += 1
        name, escaped, mark, text = token.groups()
        if name is not None:
            return self._command(name, token[0])
        if escaped == "\\":
            self._cut(_DISTANCE)
        if escaped is not None:
            return {"\\": "\n", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "|": "‖"}.get(escaped, escaped)
        if mark == "{":
            return self._until_brace()
        if mark == "^":
            return _script(self._argument(), _SUPER, "^")
        if mark == "_":
            return _script(self._argument(), _SUB, "_")
        if mark is not None:
            return "  " if mark == "&" else " "
        return str(text).replace("-", "−")

    def _until_brace(self) -> str:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RecursionError
        parts = []
        while self._at < len(self._tokens) and self._peek() != "}":
            parts.append(self._group())
        self._at += 1
        self._depth -= 1
        return "".join(parts)

    def _cut(self, pattern: re.Pattern[str]) -> None:
        """Take what matches away from the text that follows."""
        text = self._tokens[self._at][4] if self._at < len(self._tokens) else None
        found = pattern.match(text) if text else None
        if not text or found is None:
            return
        rest = _TOKEN.match(text[found.end() :])
        if rest is None:
            self._at += 1
        else:
            self._tokens[self._at] = rest

    def _matrix(self, kind: str) -> str:
        """Its rows one below the other, within brackets that are as high."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise RecursionError
        if kind == "array":
            self._argument()  # how its columns are aligned
        rows = [[""]]
        while self._at < len(self._tokens) and self._tokens[self._at][1] != "end":
            token = self._tokens[self._at]
            piece = self._group() if token[3] not in ("}", "&") else self._skip()
            if token[3] == "&":
                rows[-1].append("")
            elif token[2] == "\\":
                rows.append([""])
            else:
                rows[-1][-1] += piece.replace("\n", " ")
        self._skip()
        self._argument()
        self._depth -= 1
        lines = [_BETWEEN.join(cell.strip() for cell in row) for row in rows if any(cell.strip() for cell in row)]
        left, right = _MATRICES[kind]
        if len(lines) < 2:
            return f"{left[:1]}{''.join(lines)}{right[:1]}"
        places = [1, *[2] * (len(lines) - 2), 3]
        if kind == "cases" and len(lines) > 2:  # the middle of the brace
            places = [1, *[4] * (len(lines) - 2), 3]
            places[len(lines) // 2] = 2
            left += "⎪"
        bound = [f"{left[at : at + 1]}{line}{right[at : at + 1]}" for at, line in zip(places, lines, strict=True)]
        return "\n" + "\n".join(bound) + "\n"

    def _argument(self) -> str:
        """What a command or a script applies to: a group, a command, or one character."""
        if self._at >= len(self._tokens):
            return ""
        text = self._tokens[self._at][4]
        if text is None or len(text.lstrip()) <= 1:
            return self._group().strip()
        text = text.lstrip()
        rest = _TOKEN.match(text[1:])
        assert rest is not None
        self._tokens[self._at] = rest
        return str(text[0])

    def _command(self, name: str, whole: str) -> str:
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            above, below = self._argument(), self._argument()
            below = f"({below.strip()})" if re.match(r"[\d.]+[^\W\d]", below.strip()) else _wrapped(below)
            return f"{_wrapped(above)}/{below}"  # a/2b is read as a half of ab by many
        if name in ("binom", "dbinom"):
            return f"C({self._argument()}, {self._argument()})"
        if name == "sqrt":
            return self._root()
        if name in _ACCENTS:
            inner = self._argument()
            return "".join(c + _ACCENTS[name] for c in inner) if len(inner) <= 3 else f"{name}({inner})"
        if name == "mathbb":
            inner = self._argument()
            return "".join(_BOARD.get(c, c) for c in inner)
        if name == "begin":
            kind = self._argument().rstrip("*")
            return self._matrix(kind) if kind in _MATRICES else "\n"
        if name == "end":
            self._argument()
            return ""
        if name == "not":
            negated = self._argument()
            return _NOT.get(negated, negated and negated + "\u0338") + " "
        if name in ("underbrace", "overbrace"):
            return f"({self._argument()})"  # what is written at the brace follows as a script
        if name in ("overset", "stackrel", "underset"):
            script, base = self._argument(), self._argument()
            return base + (_script(script, _SUB, "_") if name == "underset" else _script(script, _SUPER, "^"))
        if name in ("color", "textcolor"):
            self._argument()
            return ""
        if name in _DROPPED:
            return ""
        if name in _WORDS:
            return self._argument().replace("−", "-")
        if name in _PLAIN:
            return self._argument()
        if name in _NAMES:
            return f"{name} " if whole[-1].isspace() else name
        if name in _SYMBOLS:
            return _SYMBOLS[name] + (" " if whole[-1].isspace() else "")
        return whole

    def _root(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        sign = "√"
        if token is not None and token[4] and token[4].startswith("["):
            index, close, rest = token[4][1:].partition("]")
            if close:
                sign = {"3": "∛", "4": "∜"}.get(index, _script(index, _SUPER, "^") + "√")
                match = _TOKEN.match(rest)
                if match is None:
                    self._at += 1
                else:
                    self._tokens[self._at] = match
        inner = self._argument()
        return sign + (inner if len(inner) <= 1 else f"({inner})")


def _wrapped(part: str) -> str:
    simple = re.fullmatch(r"[\w.′²³⁰-₟]+|\(.*\)", part.strip())
    return part.strip() if simple else f"({part.strip()})"


def _script(text: str, table: dict[str, str], mark: str) -> str:
    text = text.strip()
    if text and all(character in table for character in text):
        return "".join(table[character] for character in text)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})"
