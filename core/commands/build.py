"""Build an engine: from a model, here or on the Hub, to something that chats at once.

MODEL is demo, an installed name, a folder, or REPO[@REVISION] on the Hub, which is downloaded first. The stages are download,
check, quantize, compile, verify. The engine is called MODEL:PRECISION (MODEL:PRECISION-BACKEND with --backend), and that name
goes wherever a model's does: deskside core chat demo:int4. A running service builds, else this process does; either way the
same command goes on with a build that was interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.options import add_json, note, print_json
from core.config import load_config
from core.errors import from_code
from core.library.build_local import build_here
from core.library.catalog import find_installed
from core.library.engines import read_engine
from core.library.report_card import card_lines, engine_json
from core.paths import Places

if TYPE_CHECKING:
    from core.client import Client
    from core.schemas import JobReply

PRECISIONS = (
    "auto", "bf16", "fp16", "stored", "fp8", "fp8-tensor", "fp8-w8a16", "int8", "w8a8", "int4", "int4-g64", "int4-awq",
    "int4-awq-g64", "nvfp4", "nvfp4-w4a16",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="demo, an installed name, a checkpoint folder, or REPO[@REVISION] on the Hub")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        metavar="P",
        help=f"{', '.join(PRECISIONS)} (default auto: the most faithful that fits on the GPU; stored: as the checkpoint is)",
    )
    parser.add_argument(
        "--backend",
        choices=("auto", "reference", "cuda", "tensorrt"),
        default="auto",
        help="what will run it (default auto: the first that agrees with the reference here)",
    )
    parser.add_argument(
        "--gpu",
        metavar="NAME",
        help="refuse what would not fit on this GPU, such as rtx4060; with --backend tensorrt the GPU to build for, "
        "also as sm89, or several: sm89,sm120",
    )
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="text to calibrate with (default: a bundled one)"
    )
    parser.add_argument("--local", action="store_true", help="build in this process, even if a service is running")
    add_json(parser, "the engine with its report card")


def run(args: argparse.Namespace) -> int:
    config = load_config(os.environ)
    params: dict[str, Any] = {"model": args.model, "precision": args.precision, "backend": args.backend}
    if find_installed(args.model, config.places) is None and Path(args.model).expanduser().is_dir():
        params["model"] = str(Path(args.model).expanduser().resolve())  # the service has a working directory of its own
    if args.gpu is not None:
        params["gpu"] = args.gpu
    if args.calibration is not None:
        params["calibration"] = str(args.calibration.expanduser().resolve())
    with Bar() as bar:
        folder = _in_service(params, bar) if not args.local and config.places.service_lock.exists() else None
        if folder is None:
            folder = _here(params, config.places, bar)
    engine = read_engine(folder)
    if args.json:
        print_json(engine_json(engine))
    else:
        print(f"{engine.name} is ready: deskside core chat {engine.name}")
        for line in card_lines(engine.manifest) if engine.manifest else ():
            print(f"  {line}")
    return 0


def _here(params: dict[str, Any], places: Places, bar: Bar) -> Path:
    try:
        return build_here(params, places, bar.show, bar.note)
    except KeyboardInterrupt:
        bar.note("stopped; the same command goes on from here")
        raise


def _in_service(params: dict[str, Any], bar: Bar) -> Path | None:
    """By the running service; None if there is none after all. Ctrl+C pauses the job there."""
    from core.client import attach  # an HTTP client: not needed to build in this process

    client = attach()
    if client is None:
        return None
    with client:
        paused = "paused in the service; it goes on with: deskside core build ... or by resuming the job {job}"
        job = follow(client, client.submit_job("build", params), bar, paused)
        return Path(job.result)


def follow(client: Client, job: JobReply, bar: Bar, paused: str) -> JobReply:
    """`job`, done, its progress shown meanwhile. Raises what it failed with. Ctrl+C pauses it there; `paused`, with
    {job}, is said then."""
    said = ""
    try:
        while job.state in ("queued", "running"):
            if job.stage:
                bar.show(job.stage, job.done, job.total)
            if job.note and job.note != said:
                bar.note(job.note)
            said = job.note
            time.sleep(0.2)
            job = client.job(job.id)
    except KeyboardInterrupt:
        client.pause_job(job.id)
        bar.note(paused.format(job=job.id))
        raise
    if job.state != "done":
        raise from_code(job.code, job.error or f"The {job.kind} was {job.state}.")
    return job


class Bar:
    """Stages and progress on stderr where that is a terminal; notes always."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=None, disable=None, file=sys.stderr, dynamic_ncols=True, leave=False)
        self._stage = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *unused: object) -> None:
        self._bar.close()

    def show(self, stage: str, done: int, total: int) -> None:
        if self._bar.disable:
            return
        if stage != self._stage:
            self._stage = stage
            self._bar.reset()
            self._bar.unit, self._bar.unit_scale = (
                ("B", True) if stage in ("download", "quantize", "copy") else ("it", False)
            )
            self._bar.set_description(stage, refresh=False)
        self._bar.total = total or None
        self._bar.n = done
        self._bar.refresh()

    def note(self, text: str) -> None:
        self._bar.clear()
        note(text)
