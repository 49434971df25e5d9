"""The runtime: service, worker, scheduler, KV pages, text, documents, library, CLI.

Public names resolve lazily, so that importing `core` costs nothing: `from core import LLM, SamplingParams`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.llm import LLM as LLM
    from core.results import Result as Result
    from core.sampling import SamplingParams as SamplingParams

__version__ = "0.1.0"
__all__ = ["LLM", "Result", "SamplingParams", "__version__"]

_WHERE = {"LLM": "core.llm", "Result": "core.results", "SamplingParams": "core.sampling"}


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(module), name)
