"""Passes: network -> network, and at the end network -> program."""

from collections.abc import Mapping

from engines.network.graph import Network, Program
from engines.network.schemes import Scheme
from engines.passes.fuse import fuse
from engines.passes.quantize import quantize
from engines.passes.segment import segment
from engines.passes.validate import validate

__all__ = ["compile_program", "fuse", "quantize", "segment", "validate"]


def compile_program(network: Network, schemes: Mapping[str, Scheme] | None = None) -> Program:
    """What backends run: `network` checked, quantized, fused and cut. `schemes`: weight -> its scheme (`Model.schemes`).
    Raises ContractError for a network that is not well formed."""
    return segment(fuse(quantize(validate(network), schemes or {})))
