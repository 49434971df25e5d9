"""Paged KV cache bookkeeping: page ids only, pure Python, engine-free."""
