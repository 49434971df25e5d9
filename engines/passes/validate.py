"""What must hold of every network, before and after every pass."""

from __future__ import annotations

from engines.api.errors import ContractError
from engines.network import ops
from engines.network.graph import Network
from engines.network.infer import IDS, POSITIONS, TOKENS, Shape, infer


def validate(network: Network) -> Network:
    """Check and return `network`: every value made once and before it is read, every width as its operation makes it,
    every parameter used, caches numbered in order, logits [L, vocab]. Raises ContractError naming the first fault."""
    shapes: dict[str, Shape] = {TOKENS: IDS, POSITIONS: IDS}
    layers = 0
    used: set[str] = set()
    for node in network.nodes:
        for name in node.inputs:
            if name not in shapes:
                raise ContractError(f"{type(node.op).__name__} reads {name}, which nothing before it makes.")
        made = infer(node.op, [shapes[name] for name in node.inputs], network.params)
        if len(made) != len(node.outputs):
            raise ContractError(f"{type(node.op).__name__} makes {len(made)} value(s), not {len(node.outputs)}.")
        for name, shape in zip(node.outputs, made, strict=True):
            if name in shapes:
                raise ContractError(f"Value {name} is made twice.")
            if network.widths.get(name) != shape.width:
                raise ContractError(f"Value {name} is {shape.width} wide, the network says {network.widths.get(name)}.")
            shapes[name] = shape
        if isinstance(node.op, ops.Attention):
            if node.op.layer != layers:
                raise ContractError(f"Attention of layer {node.op.layer} comes where layer {layers} is due.")
            layers += 1
        used.update(param_names(node.op))
    if network.widths.keys() != shapes.keys():
        raise ContractError(f"Widths of values that nothing makes: {sorted(network.widths.keys() - shapes.keys())}.")
    if network.params.keys() != used:
        raise ContractError(f"Parameters that nothing uses: {sorted(network.params.keys() - used)}.")
    if network.output not in shapes or shapes[network.output].rows != "L":
        raise ContractError(f"The output {network.output} is not a value [L, vocab].")
    return network


def param_names(op: ops.Op) -> tuple[str, ...]:
    """Every parameter an operation reads."""
    match op:
        case ops.Embedding(weight=weight) | ops.RMSNorm(weight=weight) | ops.AddRMSNorm(weight=weight):
            return (weight,)
        case ops.LayerNorm(weight=weight, bias=bias):
            return (weight,) if bias is None else (weight, bias)
        case ops.Linear(weights=weights, biases=biases):
            return weights + biases
        case ops.Attention(q_norm=q_norm, k_norm=k_norm, sinks=sinks):
            return tuple(name for name in (q_norm, k_norm, sinks) if name is not None)
        case ops.Custom(params=params):
            return params
    return ()
