"""An engine with no model: the contract made executable, for tests and for measuring everything around an engine."""

from engines.stub.engine import StubEngine

__all__ = ["StubEngine"]
