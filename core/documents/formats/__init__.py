"""One module per format: `read(path, name, limits) -> Document`. They run in the reader's process only (core.documents.reader)."""
