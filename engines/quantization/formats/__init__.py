"""Checkpoints whose weights are quantized already: one module for each layout, all giving the tensors of our schemes."""
