"""GPUs: the ones in this machine, asked of the driver (NVML), and a table of known ones for questions about others.

Sources of the table. Compute capability: https://developer.nvidia.com/cuda-gpus. Memory and bandwidth: the product pages and
data sheets at nvidia.com (GeForce "Compare", RTX workstation line card, data sheets of data-centre GPUs). Bandwidth is the
peak that they state; a card of a board partner may differ by a few per cent.
"""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from core.errors import NotFound

GIB = 1 << 30

# What a desktop and its programs were seen to hold on a GPU that drives a display; nothing runs on a data-centre GPU.
ASSUMED_DESKTOP = int(0.8 * GIB)
ASSUMED_SERVER = int(0.3 * GIB)


@dataclass(frozen=True, slots=True)
class Gpu:
    """`memory` and `others` (what others use) in bytes; `measured`: `others` is what the driver says now, else assumed.
    `bandwidth` in bytes/s, 0 unknown. `capability`: (major, minor)."""

    name: str
    memory: int
    capability: tuple[int, int]
    bandwidth: int
    others: int
    measured: bool = False


# (name, GiB, capability, GB/s)
# fmt: off
_TABLE: tuple[tuple[str, float, tuple[int, int], int], ...] = (
    ("RTX 2060", 6, (7, 5), 336), ("RTX 2070", 8, (7, 5), 448), ("RTX 2080", 8, (7, 5), 448), ("RTX 2080 Ti", 11, (7, 5), 616),
    ("RTX 3050", 8, (8, 6), 224), ("RTX 3060", 12, (8, 6), 360), ("RTX 3060 Ti", 8, (8, 6), 448),
    ("RTX 3070", 8, (8, 6), 448), ("RTX 3070 Ti", 8, (8, 6), 608), ("RTX 3080", 10, (8, 6), 760),
    ("RTX 3080 Ti", 12, (8, 6), 912), ("RTX 3090", 24, (8, 6), 936), ("RTX 3090 Ti", 24, (8, 6), 1008),
    ("RTX 4060", 8, (8, 9), 272), ("RTX 4060 Ti", 8, (8, 9), 288), ("RTX 4060 Ti 16GB", 16, (8, 9), 288),
    ("RTX 4070", 12, (8, 9), 504), ("RTX 4070 Super", 12, (8, 9), 504), ("RTX 4070 Ti", 12, (8, 9), 504),
    ("RTX 4070 Ti Super", 16, (8, 9), 672), ("RTX 4080", 16, (8, 9), 717), ("RTX 4080 Super", 16, (8, 9), 736),
    ("RTX 4090", 24, (8, 9), 1008),
    ("RTX 4050 Laptop", 6, (8, 9), 192), ("RTX 4060 Laptop", 8, (8, 9), 256), ("RTX 4070 Laptop", 8, (8, 9), 256),
    ("RTX 4080 Laptop", 12, (8, 9), 432), ("RTX 4090 Laptop", 16, (8, 9), 576),
    ("RTX 5050", 8, (12, 0), 320), ("RTX 5060", 8, (12, 0), 448), ("RTX 5060 Ti", 8, (12, 0), 448),
    ("RTX 5060 Ti 16GB", 16, (12, 0), 448), ("RTX 5070", 12, (12, 0), 672), ("RTX 5070 Ti", 16, (12, 0), 896),
    ("RTX 5080", 16, (12, 0), 960), ("RTX 5090", 32, (12, 0), 1792),
    ("RTX A4000", 16, (8, 6), 448), ("RTX A5000", 24, (8, 6), 768), ("RTX A6000", 48, (8, 6), 768),
    ("RTX 2000 Ada", 16, (8, 9), 224), ("RTX 4000 Ada", 20, (8, 9), 360), ("RTX 5000 Ada", 32, (8, 9), 576),
    ("RTX 6000 Ada", 48, (8, 9), 960), ("RTX PRO 6000", 96, (12, 0), 1792),
    ("T4", 16, (7, 5), 320), ("A10", 24, (8, 6), 600), ("L4", 24, (8, 9), 300), ("L40S", 48, (8, 9), 864),
    ("A100 40GB", 40, (8, 0), 1555), ("A100", 80, (8, 0), 2039), ("H100", 80, (9, 0), 3350),
    ("H100 PCIe", 80, (9, 0), 2000), ("H200", 140, (9, 0), 4800), ("B200", 180, (10, 0), 8000),
)
# fmt: on
_SERVERS = ("T4", "A10", "L4", "L40S", "A100 40GB", "A100", "H100", "H100 PCIe", "H200", "B200")


def find_gpu(name: str) -> Gpu:
    """A GPU of the table: `rtx4060`, `RTX 4060`, `NVIDIA GeForce RTX 4060`. Raises NotFound."""
    known = {_plain(row[0]): row for row in _TABLE}
    row = known.get(_plain(name))
    if row is None:
        near = get_close_matches(_plain(name), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(known[item][0] for item in near)}?" if near else f"known are {gpu_names()}."
        raise NotFound(f"There is no GPU '{name}' in the table; {hint}")
    label, gib, capability, bandwidth = row
    others = ASSUMED_SERVER if label in _SERVERS else ASSUMED_DESKTOP
    return Gpu(label, int(gib * GIB), capability, bandwidth * 10**9, others)


def gpu_names() -> str:
    return ", ".join(row[0] for row in _TABLE)


def present_gpus() -> list[Gpu]:
    """The NVIDIA GPUs of this machine, the one with the most free memory first; [] without a driver or nvidia-ml-py."""
    try:
        nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception:  # not installed, or its library cannot be loaded: it raises classes of its own
        return []
    found = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            with suppress(Exception):  # one that fell off the bus is no reason to ignore the others
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                label = nvml.nvmlDeviceGetName(handle)
                label = label.decode() if isinstance(label, bytes) else str(label)
                memory = nvml.nvmlDeviceGetMemoryInfo(handle)
                capability = tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle))
                found.append(
                    Gpu(
                        label,
                        int(memory.total),
                        capability,
                        _bandwidth(label, int(memory.total)),
                        int(memory.used),
                        True,
                    )
                )
    finally:
        with suppress(Exception):
            nvml.nvmlShutdown()
    return sorted(found, key=lambda gpu: gpu.others - gpu.memory)


def _bandwidth(label: str, memory: int) -> int:
    """Of the row with that name, and with that memory where there are two."""
    plain = _plain(label)
    rows = [row for row in _TABLE if _plain(row[0]) in (plain, f"{plain}{round(memory / GIB)}gb")]
    rows.sort(key=lambda row: abs(row[1] * GIB - memory))
    return rows[0][3] * 10**9 if rows else 0


def _plain(name: str) -> str:
    text = re.sub(r"[^a-z0-9]", "", name.lower())
    text = re.sub(r"^(nvidia)?(geforce)?", "", text)
    text = re.sub(r"(blackwell)?(workstation|server)edition$|generation$|gpu$", "", text)
    return re.sub(r"^(h200|h100|a100|b200)(sxm\d?|nvl)?(\d+gb)?(hbm\de?)?$", _server_name, text)


def _server_name(match: re.Match[str]) -> str:
    return match[1] + ("40gb" if match[1] == "a100" and match[3] == "40gb" else "")
