"""The NumPy backend: runs everywhere with no GPU, the embedded default and the oracle of the other two.

Exactness. A token's logits do not depend on what else is in the step, on how its prompt was chunked, or on whether its
keys and values came from prefill, decode or a recompute: bit for bit. BLAS gives other bits for another shape (a
matrix-vector product is another kernel than a matrix product, and edge tiles are others again), so one rule holds
everywhere: **all arithmetic that a token passes through has a shape fixed by the model alone.** Linear layers are
matrix-vector products of a token with fixed blocks of the weight (`linear`); attention is matrix-vector products of a
head's query with fixed chunks of the cache (`attention`); everything else is elementwise or a reduction over one row.
NumPy's stacked `matmul` runs these products in C, all tokens of a block of weights while it lies in the cache, so there is
no loop in Python over tokens or heads.
"""
