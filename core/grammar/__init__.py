"""Answers held to a grammar: JSON Schema, any JSON object, a regular expression or a Lark grammar (over llguidance).

service   guard.GrammarGuard     the grammar is tried in a child process that may die of it; a bad one is a clear InvalidRequest
worker    compiler.Compiler      built once per model; compiles off the loop, within limits
loop      constraint.Constraint  one sample's state: engines.api.TokenConstraint
"""

from core.grammar.source import GrammarSource

__all__ = ["GrammarSource"]
