"""Passes: network -> network, and at the end network -> program."""

from engines.network.graph import Network, Program
from engines.passes.fuse import fuse
from engines.passes.segment import segment
from engines.passes.validate import validate

__all__ = ["compile_program", "fuse", "segment", "validate"]


def compile_program(network: Network) -> Program:
    """What backends run: `network` checked, fused and cut. Raises ContractError for a network that is not well formed."""
    return segment(fuse(validate(network)))
