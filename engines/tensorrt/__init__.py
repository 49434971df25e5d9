"""Segments compiled by TensorRT: `tensorrt_rtx` for RTX GPUs, `tensorrt` for data-centre GPUs, one emitter for both.

    pieces      what of a program TensorRT takes: runs of nodes between attention, embedding lookups and the gather of logits
    weights     which tensor each weight of a piece is, and its bytes in the layout that the library keeps fused
    emitter, operations, linear     a piece -> a network, strongly typed
    targets     which precision runs on which GPU, refused beforehand by name where it does not
    build, plans                    networks -> plans in a folder, hashed and sealed
    runner, engine                  plans -> work on a stream, between the kernels of `engines.cuda`

Importing this package loads no library: `library.load_library` does.
"""
