"""Attach to each linear the scheme that its weight is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engines.api.errors import ContractError
from engines.network import ops
from engines.network.graph import Network
from engines.network.schemes import Scheme


def quantize(network: Network, schemes: Mapping[str, Scheme]) -> Network:
    """`schemes`: weight parameter -> its scheme. Runs before `fuse`, which joins linears of one scheme only: a fused linear
    has one scheme. Raises ContractError for a name that is not the weight of a linear, or is read by anything else too."""
    if not schemes:
        return network
    linears = {w for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights}
    if stray := sorted(schemes.keys() - linears):
        raise ContractError(f"A scheme for {stray[0]}, which is not the weight of a linear.")
    for node in network.nodes:
        if isinstance(node.op, ops.Embedding) and node.op.weight in schemes:
            raise ContractError(f"{node.op.weight} is an embedding too: it is not quantized.")
    nodes = []
    for node in network.nodes:
        if isinstance(node.op, ops.Linear):
            found = {schemes.get(w) for w in node.op.weights}
            if len(found) != 1:
                raise ContractError(f"The weights {', '.join(node.op.weights)} of one linear have different schemes.")
            node = replace(node, op=replace(node.op, scheme=found.pop()))
        nodes.append(node)
    return replace(network, nodes=tuple(nodes))
