"""A program made runnable: one Python callable per node, values in numbered places, each dropped after its last reader.

Between two attentions every operation treats each token alone. Such a stretch is a span: where a step has tokens enough, its
tokens are shared out to the threads, which then meet once per span and not in every linear layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api.errors import UnsupportedError
from engines.network import ops
from engines.network.graph import Node, Program, Segment
from engines.reference import elementwise
from engines.reference.attention import Attention
from engines.reference.kv import KVPool
from engines.reference.linear import Linear
from engines.reference.quantized import QuantizedLinear
from engines.reference.scratch import Scratch
from engines.reference.step import Step
from engines.reference.weights import Parameters
from engines.reference.workers import Workers

Float32 = NDArray[np.float32]
# (step, inputs) -> outputs. The ids among the inputs are int32; everything else is float32 [T or L, width].
Run = Callable[[Step, "list[Float32]"], "tuple[Float32, ...]"]

# Tokens of a span that are worth a thread. Each thread reads all weights: with fewer, that costs more than the arithmetic, and
# the large weights are shared out by rows instead.
_TOKENS = 32


@dataclass(frozen=True, slots=True)
class _Instruction:
    run: Run
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dead: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """Instructions that run one after the other: each token alone if `shared`. `inputs`: places read that were filled before;
    `outputs`: places filled that are read later, or the program's output."""

    instructions: tuple[_Instruction, ...]
    shared: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Runner:
    """Runs a whole program on one step."""

    def __init__(self, program: Program, params: Parameters, pool: KVPool, workers: Workers) -> None:
        self._workers = workers
        operations = Operations(params, pool, workers)
        nodes = [node for stage in program.stages for node in (stage.nodes if isinstance(stage, Segment) else (stage,))]
        last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
        last[program.network.output] = len(nodes)
        places = {"tokens": 0, "positions": 1}
        for node in nodes:
            for name in node.outputs:
                places[name] = len(places)
        self._places = len(places)
        self._output = places[program.network.output]
        instructions = [
            _Instruction(
                # An operation may overwrite an input that nobody reads after it.
                operations.build(node, [last[name] == i and node.inputs.count(name) == 1 for name in node.inputs]),
                tuple(places[name] for name in node.inputs),
                tuple(places[name] for name in node.outputs),
                tuple({places[n] for n in (*node.inputs, *node.outputs) if last.get(n, -1) <= i}),
            )
            for i, node in enumerate(nodes)
        ]
        self._spans: list[_Span] = []
        # What gathers rows, looks at other tokens or is a user's own code stands alone.
        alone = (ops.Attention, ops.GatherLogits, ops.Custom)
        for shared, group in itertools.groupby(range(len(nodes)), lambda i: not isinstance(nodes[i].op, alone)):
            self._spans.append(_span([instructions[i] for i in group], shared))

    def __call__(self, step: Step) -> Float32:
        """The logits [L, vocab] of the step's logit rows."""
        values: list[Float32 | None] = [None] * self._places
        values[0] = step.tokens  # type: ignore[assignment]
        values[1] = step.plan.positions  # type: ignore[assignment]
        for span in self._spans:
            groups = min(self._workers.threads, len(values[span.inputs[0]]) // _TOKENS) if span.shared else 1  # type: ignore[arg-type]
            if groups < 2:
                self._run(span, step, values)
            else:
                self._share(span, step, values, groups)
        logits = values[self._output]
        assert logits is not None
        return logits

    @staticmethod
    def _run(span: _Span, step: Step, values: list[Float32 | None]) -> None:
        for instruction in span.instructions:
            made = instruction.run(step, [values[i] for i in instruction.inputs])  # type: ignore[misc]
            for place, value in zip(instruction.outputs, made, strict=True):
                values[place] = value
            for place in instruction.dead:
                values[place] = None

    def _share(self, span: _Span, step: Step, values: list[Float32 | None], groups: int) -> None:
        """A span with its tokens in `groups` parts."""
        given = {place: value for place in span.inputs if (value := values[place]) is not None}
        count = len(given[span.inputs[0]])
        made: list[list[Float32 | None]] = [[]] * groups

        def part(first: int, end: int) -> None:
            for group in range(first, end):
                mine: list[Float32 | None] = [None] * self._places
                for place, value in given.items():
                    mine[place] = value[count * group // groups : count * (group + 1) // groups]
                self._run(span, step, mine)
                made[group] = [mine[place] for place in span.outputs]

        self._workers.split(part, groups)
        for instruction in span.instructions:
            for place in instruction.dead:
                values[place] = None
        for i, place in enumerate(span.outputs):
            values[place] = np.concatenate([group[i] for group in made])


class Operations:
    """The callables of single nodes."""

    def __init__(self, params: Parameters, pool: KVPool, workers: Workers) -> None:
        self._params = params
        self._pool = pool
        self._workers = workers
        self._scratch = Scratch()

    def build(self, node: Node, free: list[bool]) -> Run:
        """The callable of one node. `free[i]`: input i may be overwritten."""
        op, get = node.op, self._params.get
        match op:
            case ops.Embedding(weight=name):
                table = get(name)
                return lambda step, x: (table[x[0]],)
            case ops.Linear(weights=weights, biases=biases, scheme=scheme):
                joined = self._params.joined
                if scheme is not None:
                    q = self._params.quantized(scheme, weights)
                    quantized = QuantizedLinear(
                        scheme, Linear(q.weight, None, self._workers), joined(biases) if biases else None,
                        q.rows, q.input_scale, q.pre_scale,
                    )  # fmt: skip
                    return lambda step, x: (quantized(x[0]),)
                linear = Linear(joined(weights), joined(biases) if biases else None, self._workers)
                return lambda step, x: (linear(x[0]),)
            case ops.RMSNorm(weight=name, eps=eps):
                weight = get(name)
                return lambda step, x: (elementwise.rms_norm(x[0], weight, eps),)
            case ops.AddRMSNorm(weight=name, eps=eps):
                weight, place = get(name), 1 if free[1] else 0 if free[0] else None

                def add_norm(step: Step, x: list[Float32]) -> tuple[Float32, ...]:
                    total = np.add(x[0], x[1], out=None if place is None else x[place])
                    return total, elementwise.rms_norm(total, weight, eps)

                return add_norm
            case ops.LayerNorm(weight=name, bias=bias_name, eps=eps):
                weight, bias = get(name), None if bias_name is None else get(bias_name)
                return lambda step, x: (elementwise.layer_norm(x[0], weight, bias, eps),)
            case ops.Activation(kind=kind):
                act = elementwise.ACTIVATIONS[kind]
                return lambda step, x: (act(x[0], np.empty_like(x[0])),)
            case ops.GatedActivation(kind=kind):
                act = elementwise.ACTIVATIONS[kind]

                def gated(step: Step, x: list[Float32]) -> tuple[Float32, ...]:
                    half = x[0].shape[1] // 2
                    y = act(x[0][:, :half], np.empty((len(x[0]), half), np.float32))
                    y *= x[0][:, half:]
                    return (y,)

                return gated
            case ops.Add() | ops.Mul():
                ufunc, place = (
                    np.add if isinstance(op, ops.Add) else np.multiply,
                    0 if free[0] else 1 if free[1] else None,
                )
                return lambda step, x: (ufunc(x[0], x[1], out=None if place is None else x[place]),)
            case ops.Scale(factor=factor):
                return lambda step, x: (x[0] * np.float32(factor),)
            case ops.SoftCap(cap=cap):
                return lambda step, x: (elementwise.soft_cap(x[0], cap, out=np.empty_like(x[0])),)
            case ops.GatherLogits():
                return lambda step, x: (x[0][step.plan.logit_token],)
            case ops.Attention():
                cache, size = self._pool.layers[op.layer], self._pool.page_size
                attention = Attention(op, cache, size, get, self._workers, self._scratch)
                return lambda step, x: (attention(step, x, free[0]),)
            case ops.Custom(params=names):
                arrays = [get(name) for name in names]

                def custom(step: Step, x: list[Float32]) -> tuple[Float32, ...]:
                    # Copies: what the user's function returns may be one of its arguments, and later operations overwrite.
                    return tuple(np.array(y) for y in op.run(x, arrays))

                return custom
        raise UnsupportedError(f"The reference backend has no operation {type(op).__name__}.")


def _span(instructions: list[_Instruction], shared: bool) -> _Span:
    made = {place for x in instructions for place in x.outputs}
    dead = {place for x in instructions for place in x.dead}
    read = [place for x in instructions for place in x.inputs if place not in made]
    return _Span(tuple(instructions), shared, tuple(dict.fromkeys(read)), tuple(sorted(made - dead)))
