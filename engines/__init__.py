"""Everything that touches weights and devices: model definitions, quantization, compilers, kernels."""
