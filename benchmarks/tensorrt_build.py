"""Building TensorRT engines of a model's real shape with random weights: no GPU is needed, none is used.

    python benchmarks/tensorrt_build.py --shape llama-3-8b --precision int4 --gpu sm89 [--layers 4] [--folder DIR]

One JSON line per precision, each from a process of its own: seconds, peak memory of the process over its start, bytes of all
plans, and of one middle segment its plan, seconds and launches (of every optimization profile) as the builder logged them.
`--layers` builds fewer layers. Plans go to a temporary folder unless `--folder` keeps them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engines.models import llama
from engines.network import Network, ops
from engines.network.schemes import SCHEMES, Scheme
from engines.passes import compile_program
from engines.tensorrt.compile import Spec, build_plans, peak_rss
from engines.tensorrt.layers import summary
from engines.tensorrt.library import load_library
from engines.tensorrt.network import needs_constants
from engines.tensorrt.pieces import cut, pieces_of
from engines.tensorrt.targets import parse_targets
from engines.weights import DType, Tensor

# vocabulary, context, hidden, layers, heads, KV heads, head_dim, MLP, theta
SHAPES = {
    "llama-3-8b": (128256, 8192, 4096, 32, 32, 8, 128, 14336, 500000.0),
    "llama-2-7b": (32000, 4096, 4096, 32, 32, 32, 128, 11008, 10000.0),
    "llama-3-70b": (128256, 8192, 8192, 80, 64, 8, 128, 28672, 500000.0),
    "tiny": (512, 128, 256, 2, 4, 2, 64, 512, 10000.0),
}
PRECISIONS = ("bf16", "int8", "w8a8", "int4", "fp8", "fp8-tensor", "nvfp4")
SEED = np.random.default_rng(0).integers(0, 256, (1 << 20) + 4099, np.uint8)


@dataclass
class RandomModel:
    """Tensors are made when they are loaded and let go after, as views of a mapped file are."""

    network: Network
    schemes: dict[str, Scheme] = field(default_factory=dict)
    family: str = "llama"
    revision: str = "random"
    dtype: DType = DType.BF16

    def load(self, param: str) -> Tensor:
        name, _, suffix = (param, "", "") if param in self.network.params else param.rpartition(".")
        shape = self.network.params[name]
        if name not in self.schemes:
            return Tensor(param, DType.BF16, np.full(shape, 0x3C00, np.uint16))
        dtype, packed = self.schemes[name].tensors(*shape)[suffix]
        size = int(np.prod(packed))
        if dtype.is_float:
            return Tensor(param, dtype, np.full(packed, 0.01, dtype.numpy))
        if suffix == "scale":  # E4M3
            return Tensor(param, dtype, np.full(packed, 0x38, np.uint8))
        start = len(param) * 131 % 4099
        return Tensor(param, dtype, np.resize(SEED[start:], size).view(dtype.numpy).reshape(packed))


def model_of(shape: str, precision: str, layers: int | None) -> RandomModel:
    vocab, context, hidden, depth, heads, kv_heads, head_dim, mlp, theta = SHAPES[shape]
    config = llama.LlamaConfig(
        vocab_size=vocab, max_context=context, hidden_size=hidden, num_layers=layers or depth, num_heads=heads,
        num_kv_heads=kv_heads, head_dim=head_dim, intermediate_size=mlp, activation="silu", norm_eps=1e-5,
        rope=ops.Rope(head_dim, theta), attention_bias=False, mlp_bias=False, tied=False,
    )  # fmt: skip
    network = llama.define(config)
    scheme = SCHEMES.get(precision)
    linears = [w for node in network.nodes if isinstance(node.op, ops.Linear) for w in node.op.weights]
    packed = {name: scheme for name in linears if scheme is not None and name != "lm_head.weight"}
    return RandomModel(network, packed)


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    library = load_library()
    model = model_of(args.shape, args.precision, args.layers)
    start = peak_rss()
    last = [0.0]

    def tell(stage: str, done: int, total: int) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            print(f"  {done / total:.0%}", file=sys.stderr, flush=True)

    spec = Spec(parse_targets(args.gpu), args.max_tokens, 64)
    plans = build_plans(model, spec, folder, library=library, key=bytes(32), on_progress=tell)
    middle = plans.plans[plans.pieces[1].plan]
    piece = pieces_of(cut(compile_program(model.network, model.schemes)))[1]
    return {
        "shape": args.shape,
        "layers": args.layers or SHAPES[args.shape][3],
        "precision": plans.precision,
        "gpu": args.gpu,
        "library": library.name,
        "weights": "constants" if needs_constants(piece) else "inputs",
        "plans": len(plans.plans),
        "plan_mb": round(plans.nbytes / 1e6, 1),
        "seconds": round(plans.seconds, 1),
        "builder_seconds": round(sum(plan.seconds for plan in plans.plans), 1),
        "peak_over_start_mb": round((peak_rss() - start) / 1e6),
        "middle_segment": {
            "plan_mb": round(middle.bytes / 1e6, 2),
            "seconds": middle.seconds,
            "scratch_mb": round(middle.activation / 1e6, 1),
            "launches": [f"{len(kernels)}: {summary(kernels)}" for kernels in middle.kernels],
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="llama-3-8b")
    parser.add_argument("--precision", default=",".join(PRECISIONS), help="one, or several with commas")
    parser.add_argument("--gpu", default="sm89", help="a target such as sm89, or several with commas")
    parser.add_argument("--layers", type=int, help="only so many layers")
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--folder", type=Path, help="keep the plans here")
    args = parser.parse_args()
    precisions = args.precision.split(",")
    if len(precisions) > 1:
        for precision in precisions:  # peak memory is a process's own
            rest = [f"--shape={args.shape}", f"--gpu={args.gpu}", f"--max-tokens={args.max_tokens}"]
            rest += [f"--layers={args.layers}"] if args.layers else []
            subprocess.run([sys.executable, __file__, f"--precision={precision}", *rest], check=False)
        return
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(measure(args, args.folder or Path(made))), flush=True)


if __name__ == "__main__":
    main()
