"""Hostile templates end soon, in little memory, with one sentence; honest ones on long chats never notice."""

from __future__ import annotations

import sys
import time

import pytest

from core.errors import InvalidRequest, ModelUnusable
from core.text.chat_template import ChatTemplate

resource = pytest.importorskip("resource", reason="peak memory is read with getrusage, which Windows has not")

CHAT = [{"role": "user", "content": "x" * 100}]

HOSTILE = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "nested loops without a call": "{% set x = range(99999) | list %}" + "{% for a in x %}" * 4 + "{% endfor %}" * 4,
    "many slices": "{% set x = range(99999) | list %}" + "".join(f"{{% set a{i} = x[:] %}}" for i in range(2000)),
    "recursion with two calls": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "endless recursion": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "recursive loop": "{% for a in [1] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "output in a loop": "{% for a in range(99999) %}{% for b in range(9999) %}xxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    "literal in a set block": "{% for a in range(99999) %}{% set x %}" + "y" * 100_000 + "{% endset %}{% endfor %}",
    "doubling by ~": "{% set x = 'ab' %}" + "{% set x = x ~ x %}" * 60,
    "doubling by +": "{% set x = 'ab' %}" + "{% set x = x + x %}" * 60,
    "doubling lists": "{% set x = [1] %}" + "{% set x = x + x %}" * 60,
    "doubling by join": "{% set x = 'ab' %}" + "{% set x = [x, x] | join %}" * 60,
    "doubling by str.join": "{% set x = 'ab' %}" + "{% set x = ''.join([x, x]) %}" * 60,
    "doubling by set block": "{% set x = 'ab' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
    "doubling by format": "{% set x = 'ab' %}" + "{% set x = '%s%s' % (x, x) %}" * 60,
    "doubling by str.format": "{% set x = 'ab' %}" + "{% set x = '{}{}'.format(x, x) %}" * 60,
    "doubling by replace": "{% set x = 'ab' %}" + "{% set x = x | replace('a', x) %}" * 60,
    "doubling by str.replace": "{% set x = 'ab' %}" + "{% set x = x.replace('a', x) %}" * 60,
    "nested lists, printed": "{% set x = 1 %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
    "nested objects, as JSON": "{% set x = 1 %}" + "{% set x = {'a': x, 'b': x} %}" * 60 + "{{ x | tojson }}",
    "nested tuples, compared": "{% set x = 1 %}" + "{% set x = (x, x) %}" * 60 + "{{ x == x }}",
    "dict of dicts": "{% set x = 1 %}" + "{% set x = dict(a=x, b=x) %}" * 60 + "{{ x | string }}",
    "multiplied text": "{{ 'x' * 10000000000 }}",
    "multiplied list": "{% set x = [0] * 10000000000 %}",
    "power": "{{ 10 ** 1000000000 }}",
    "squares": "{% set x = 3 %}" + "{% set x = x * x %}" * 60,
    "wide percent": "{{ '%9999999999d' % 1 }}",
    "wide percent, given": "{{ '%*d' % (9999999999, 1) }}",
    "wide percent filter": "{{ '%9999999999d' | format(1) }}",
    "wide format": "{{ '{:9999999999}'.format(1) }}",
    "wide format, given": "{{ '{:{}}'.format(1, 9999999999) }}",
    "wide center": "{{ 'x' | center(9999999999) }}",
    "wide ljust": "{{ 'x'.ljust(9999999999) }}",
    "wide zfill": "{{ '1'.zfill(9999999999) }}",
    "wide indent": "{{ 'a\nb' | indent(9999999999) }}",
    "wide mapped filter": "{{ ['x'] | map('center', 9999999999) | list }}",
    "wide JSON": "{{ [1] | tojson(indent=9999999999) }}",
    "batch": "{{ [1] | batch(9999999999, 0) | list }}",
    "bytes of a number": "{{ (1).to_bytes(9999999999) }}",
    "encoded": "{{ 'x'.encode() }}",
    "sum of lists": "{% set x = range(99999) | list %}{{ range(99999) | map('default', x) | sum(start=[]) }}",
    "copies": "{% set ns = namespace(a=[]) %}{% set x = range(99999) | list %}"
    "{% for i in range(99999) %}{% set ns.a = ns.a + [x[:]] %}{% endfor %}",
    "big range": "{{ range(999999999) | list }}",
    "reach for Python": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "change the messages": "{{ messages.append(1) }}",
    "include": "{% include '/etc/passwd' %}",
    "a namespace in itself": "{% set ns = namespace() %}{% set ns.a = [ns, ns] %}{{ ns.a }}",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_templates_are_stopped(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    with pytest.raises((ModelUnusable, InvalidRequest)) as caught:
        ChatTemplate(HOSTILE[name], seconds=0.3, origin="model/chat_template.jinja").render(CHAT)
    assert time.perf_counter() - begin < 30  # 0.3 s, and a start of the child
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600_000 * (1024 if sys.platform == "darwin" else 1)  # KiB on Linux
    assert "model/chat_template.jinja" in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    "source",
    ["(" * 5000 + ")" * 5000, "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "{% if 1 %}" * 500 + "{% endif %}" * 500],
)
def test_deep_nesting_is_refused_or_rendered(source: str) -> None:
    try:
        text = ChatTemplate(source).render(CHAT)
    except ModelUnusable as error:
        text = error.message
    assert text in (source, "", "1") or "cannot be compiled" in text


def test_format_does_not_reach_python() -> None:
    assert ChatTemplate("[{{ '{0.__class__}'.format(messages) }}]").render(CHAT) == "[]"


def test_a_template_of_two_megabytes_is_refused() -> None:
    with pytest.raises(ModelUnusable, match="longer than 1048576"):
        ChatTemplate("x" * (2 << 20))


def test_a_long_chat_stays_within_the_budget() -> None:
    chat = [{"role": "user" if i % 2 == 0 else "assistant", "content": f"{i} " + "text " * 400} for i in range(400)]
    source = (
        "{% set ns = namespace(text='') %}{% for m in messages %}"
        "{% set users = messages | selectattr('role', 'equalto', 'user') | list %}"
        "{% macro turn(m) %}[{{ m.role }}] {{ m.content | trim }}{% endmacro %}{{ turn(m) ~ '\n' }}{% endfor %}"
        "{{ messages | tojson | length }}"
    )
    text = ChatTemplate(source, seconds=20).render(chat)
    assert text.count("[assistant]") == 200
