"""The runtime: service, worker, scheduler, KV pages, text, documents, library, CLI."""
