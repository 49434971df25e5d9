"""The window. Knows nothing of GPUs, tensors or tokenizers."""
