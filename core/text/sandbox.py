"""A Jinja environment for templates that come with a model: untrusted programs, run in our process, held to a budget.

Jinja's ImmutableSandboxedEnvironment keeps a template from reaching Python. It does not keep it from looping for ever or from
filling memory, so the parsed template is rewritten before it is compiled: every loop, call, filter, concatenation, slice,
literal and output passes through a `Budget` of seconds and characters. The budget grows with the input, so that no real
template on a long conversation meets it.
"""

from __future__ import annotations

import re
import string
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, cast

from jinja2 import Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_SOURCE_CHARS = 1 << 20
MAX_INT_BITS = 4096
MAX_COUNT = 10_000  # a width, an indent, a number of repetitions
_READS_LISTS = {
    "attr",
    "batch",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "groupby",
    "items",
    "join",
    "last",
    "length",
}
_MAKES_LISTS = {"list", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sort"}
_TAKES_CONTAINERS = frozenset(_READS_LISTS | _MAKES_LISTS | {"sum", "tojson", "unique"})
_REFUSED_METHODS = frozenset({"encode", "translate"})
_COMPARES = frozenset(
    {"default", "d", "int", "float", "map", "select", "reject", "selectattr", "rejectattr"}
)  # numbers are data
_WIDE_PERCENT = re.compile(r"%[^%a-zA-Z]*(?:\d{5}|\*)")


class LimitExceeded(SecurityError):
    """The template used up its time or its characters."""


class Budget:
    """What one rendering may use. `chars` counts every text or list made on the way, not only the result."""

    def __init__(self, seconds: float, chars: int) -> None:
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._chars = chars

    def tick(self) -> None:
        if time.monotonic() > self._deadline:
            raise LimitExceeded(f"it ran for more than {self._seconds:g} seconds")

    def spend(self, chars: int) -> None:
        self._chars -= chars
        if self._chars < 0:
            raise LimitExceeded("it made too much text")

    def weigh(self, value: object, strict: bool = True) -> None:
        """Spend what `value` would be as text. `strict`: refuse objects that are not plain data (their repr is unbounded)."""
        stack = [value]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                self.spend(len(item) + 1)
                continue
            self.spend(1)
            if isinstance(item, Mapping):
                stack.extend(item.keys())
                stack.extend(item.values())
                self.spend(len(item))
            elif isinstance(item, (list, tuple)):
                self.spend(len(item))
                stack.extend(item)
            elif strict and not isinstance(item, (int, float, Undefined, type(None))):
                raise SecurityError(f"it uses an object of type {type(item).__name__} as text")


BUDGET: ContextVar[Budget] = ContextVar("template_budget")


class ModelTemplateEnvironment(ImmutableSandboxedEnvironment):
    """The environment that transformers renders chat templates in, with a budget. Use `compile_template`, then render with
    `BUDGET` set. `strftime_now`, `raise_exception` and `tojson` are the caller's globals and filters."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,  # constant folding would run filters outside of any budget
            extensions=[_Generation, loopcontrols],
            finalize=_output,
        )
        del self.globals["lipsum"]
        self.globals["dict"] = _make_dict
        self.filters |= {"_steps": _steps, "_concat": _concat, "_weighed": _weighed, "_measured": _same}
        for name, function in _REPLACED_FILTERS.items():
            self.filters[name] = function
        self.filters = {name: _within_budget(name, function) for name, function in self.filters.items()}

    def add_filter(self, name: str, function: Callable[..., Any]) -> None:
        self.filters[name] = _within_budget(name, function)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (int, float, bytes)) or (isinstance(obj, str) and attr in _REFUSED_METHODS):
            return False  # int.to_bytes and its like make any amount of memory out of nothing
        return super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        budget = BUDGET.get()
        budget.tick()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            args = _check_method(budget, owner, __obj.__name__, args, kwargs)
        result = super().call(__context, __obj, *args, **kwargs)
        if isinstance(result, (str, list, tuple, dict)):
            budget.spend(len(result))
        return result

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget = BUDGET.get()
        if operator == "+" and isinstance(left, (str, list, tuple)):
            budget.spend(len(left) + (len(right) if isinstance(right, (str, list, tuple)) else 0))
        elif operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, (str, list, tuple)) and isinstance(other, int):
                    budget.spend(len(one) * max(0, other))
            _check_bits(left, right, lambda a, b: a.bit_length() + b.bit_length())
        elif operator == "**":
            _check_bits(left, right, lambda a, b: a.bit_length() * abs(b))
        elif operator == "%" and isinstance(left, str):
            _check_percent(budget, left, right)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        function = super().wrap_str_format(value)
        if function is None:
            return None
        _check_format(value.__self__)
        fields = 1 + value.__self__.count("{")

        @wraps(function)
        def bounded(*args: Any, **kwargs: Any) -> str:
            BUDGET.get().weigh([*args, kwargs] * min(fields, MAX_COUNT))
            return function(*args, **kwargs)

        return bounded

    def compile_template(self, source: str) -> Any:
        """The rewritten template. Raises jinja2.TemplateSyntaxError, or SecurityError if it is longer than 1 MiB."""
        if len(source) > MAX_SOURCE_CHARS:
            raise SecurityError(f"it is longer than {MAX_SOURCE_CHARS} characters")
        tree = _Rewrite(self).visit(self.parse(source))
        tree.set_environment(self)
        return self.from_string(tree)


class _Generation(Extension):
    """`{% generation %}...{% endgeneration %}` marks the assistant's text for training; here it is only its body."""

    tags = {"generation"}  # noqa: RUF012  # Jinja reads a plain set

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class _Rewrite(NodeTransformer):
    """Sends what can grow through a filter that counts it."""

    def __init__(self, environment: ModelTemplateEnvironment) -> None:
        self._environment = environment

    def _through(self, node: nodes.Node, name: str) -> nodes.Filter:
        return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = self._through(node.iter, "_steps")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return self._through(nodes.List(node.nodes, lineno=node.lineno), "_concat")

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return self._through(node, "_weighed") if node.items else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return self._through(node, "_weighed") if node.items else node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return self._through(node, "_weighed") if node.ctx == "load" and node.items else node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return self._through(node, "_measured") if isinstance(node.arg, nodes.Slice) else node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        return nodes.Const(node.data, lineno=node.lineno)  # so that literal text is counted like any output


@pass_context
def _output(context: Context, value: object) -> str:
    budget = BUDGET.get()
    if isinstance(value, str):
        budget.spend(len(value))
        return value
    budget.weigh(value)
    return str(value)


def _steps(values: Iterable[Any]) -> Iterator[Any]:
    tick = BUDGET.get().tick
    for value in values:
        tick()
        yield value


def _concat(parts: list[Any]) -> str:
    budget = BUDGET.get()
    for part in parts:
        budget.weigh(part)
    return "".join(map(str, parts))


def _weighed(value: object) -> object:
    BUDGET.get().weigh(value, strict=False)
    return value


def _same(value: object) -> object:
    return value  # the wrapper of every filter has spent its length


def _make_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    made = dict(*args, **kwargs)
    BUDGET.get().weigh(made, strict=False)
    return made


def _join(value: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    budget = BUDGET.get()
    parts = []
    for item in value:
        if attribute is not None:
            for key in str(attribute).split("."):
                item = item[int(key) if key.isdecimal() else key]
        budget.weigh(item)
        budget.spend(len(d))
        parts.append(str(item))
    return str(d).join(parts)


def _replace(s: str, old: str, new: str, count: int | None = None) -> str:
    text, old, new = str(s), str(old), str(new)
    BUDGET.get().spend((text.count(old) if count is None else max(0, count)) * len(new))
    return text.replace(old, new, -1 if count is None else count)


def _sum(iterable: Iterable[Any], attribute: str | int | None = None, start: float = 0) -> Any:
    values = [item[attribute] if attribute is not None else item for item in iterable]
    if not all(isinstance(value, (int, float)) for value in [start, *values]):
        raise SecurityError("it sums what are not numbers")
    return sum(values, start)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    right: Any = kwargs or args
    _check_percent(BUDGET.get(), str(value), right)
    return str(str(value) % right)


_REPLACED_FILTERS: dict[str, Callable[..., Any]] = {"join": _join, "replace": _replace, "sum": _sum, "format": _format}


def _within_budget(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)  # keeps Jinja's mark of what a filter wants first
    def bounded(*args: Any, **kwargs: Any) -> Any:
        budget = BUDGET.get()
        budget.tick()
        for argument in (*args[1:], *kwargs.values()):
            if isinstance(argument, int) and abs(argument) > MAX_COUNT and name not in _COMPARES:
                raise LimitExceeded(f"it gives the filter {name} the number {argument}")
        if name not in _TAKES_CONTAINERS and not name.startswith("_"):
            for argument in args:
                if isinstance(argument, (list, tuple, Mapping)):
                    budget.weigh(argument)
        result = function(*args, **kwargs)
        if isinstance(result, (str, list, tuple, dict)):
            budget.spend(len(result))
        return result

    return bounded


def _check_method(
    budget: Budget, text: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Refuse or pay for a method of a string that makes more than it was given. Returns the arguments to call it with."""
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, int) and abs(argument) > MAX_COUNT:
            raise LimitExceeded(f"it gives the method {name} the number {argument}")
    if name == "join" and args:
        parts = list(_steps(args[0]))
        budget.spend(sum(len(part) + len(text) for part in parts if isinstance(part, str)))
        return (parts, *args[1:])
    if name == "replace" and len(args) >= 2 and all(isinstance(arg, str) for arg in args[:2]):
        budget.spend(text.count(args[0]) * len(args[1]))
    elif name == "expandtabs":
        budget.spend(text.count("\t") * MAX_COUNT)
    return args


def _check_bits(left: Any, right: Any, bits: Callable[[int, int], int]) -> None:
    if isinstance(left, int) and isinstance(right, int) and bits(left, right) > MAX_INT_BITS:
        raise LimitExceeded(f"it makes a number of more than {MAX_INT_BITS} bits")


def _check_percent(budget: Budget, pattern: str, right: Any) -> None:
    if _WIDE_PERCENT.search(pattern):
        raise LimitExceeded("it formats text wider than 9999 characters")
    budget.weigh([right] * min(1 + pattern.count("%"), MAX_COUNT))


def _check_format(pattern: str) -> None:
    try:
        fields = list(string.Formatter().parse(pattern))
    except ValueError:
        return  # str.format reports it
    for _, _, spec, _ in fields:
        if spec and ("{" in spec or re.search(r"\d{5}", spec)):
            raise LimitExceeded("it formats text wider than 9999 characters")
