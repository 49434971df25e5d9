"""The service process: a child that lives on without its starter, or the foreground of `deskside core serve`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace

from core import __version__
from core.config import Config, load_config
from core.errors import DesksideError, InternalError, Unavailable
from core.lifecycle import DEFAULT_PORT, ServiceInfo, report_of
from core.pipes import Connection, PipeClosed
from core.protocol import EngineOptions
from core.service.models import Engines
from core.service.server import ServeOptions, serve
from core.service.supervisor import Supervisor


def main(connection: Connection, *arguments: str) -> int:
    """The role `service`: a private one. Tells its starter that it is ready, or why it is not."""
    parser = argparse.ArgumentParser(prog="service")
    parser.add_argument("--linger", type=float, default=600.0)
    args = parser.parse_args(arguments)

    def report(error: DesksideError | None) -> None:
        with contextlib.suppress(PipeClosed):  # the starter did not wait: the lock file tells the next one
            connection.send(report_of(error))
        connection.close()

    reported = False

    def ready(info: ServiceInfo) -> None:
        nonlocal reported
        reported = True
        report(None)

    try:
        config = load_config(os.environ)
        if config.lan:
            try:
                run(config, ServeOptions(linger=args.linger, host="0.0.0.0", port=DEFAULT_PORT, lan=True), ready)
                return 0
            except Unavailable as error:
                if reported:
                    raise
                logging.getLogger(__name__).warning("not on the local network: %s", error.message)
        run(config, ServeOptions(linger=args.linger), ready)
    except Exception as error:
        if not reported:
            report(error if isinstance(error, DesksideError) else InternalError(str(error)))
        raise
    return 0


def run(config: Config, options: ServeOptions, on_ready: Callable[[ServiceInfo], None]) -> None:
    """Serve in this process until stopped."""
    logging.basicConfig(
        stream=sys.stderr, level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if options.engine == EngineOptions():
        chosen = EngineOptions(backend=config.backend, deterministic=config.deterministic, kv_dtype=config.kv_cache)
        options = replace(options, engine=chosen)
    gc.freeze()  # what is loaded now stays: the collector need not look at it again
    serve(config, options, engines, version=__version__, on_ready=on_ready)


def engines(config: Config) -> Engines:
    """Worker processes under a supervisor."""
    return Supervisor(logs=config.places.logs)
