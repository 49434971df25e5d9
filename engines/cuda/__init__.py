"""The CUDA backend: cuBLASLt and our own kernels on NVIDIA GPUs, replayed as CUDA graphs.

Nothing here imports a CUDA package until a device is opened: `engines.cuda.driver` loads them by name, so that planning, keys and
bucket choice run and are tested anywhere.
"""
