"""Prompt -> ids -> tokens -> text, once: the same classes serve `core.llm.LLM` and the HTTP service. No engine, no GPU."""
