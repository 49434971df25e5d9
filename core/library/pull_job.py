"""The job kind `pull`: a download in a process of its own, queued by the service. Its state is in the library, not in the
job's folder, so that the command line may go on with what a job began, and the other way round."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from core.config import load_config
from core.errors import InvalidRequest
from core.jobs.child import JobContext, Stopped, run
from core.library import fetch
from core.library.hub import Hub
from core.library.progress import Progress
from core.library.pull import Pull
from core.library.tokens import find_token
from core.pipes import Connection


def main(connection: Connection) -> None:
    """The role `pull`."""
    run(connection, work)


def work(context: JobContext) -> Path:
    """Returns the model's folder."""
    model = context.params.get("model")
    if not isinstance(model, str) or set(context.params) != {"model"}:
        raise InvalidRequest(
            'A job of kind pull has the parameters {"model": "REPO[@revision]"} and no others.', "params"
        )
    config = load_config(os.environ)
    hub = Hub(token=find_token(config.places, os.environ), offline=config.offline)

    def show(progress: Progress) -> None:
        try:
            context.progress(progress.stage, progress.done, progress.total)
        except Stopped:
            pull.stop()

    def note(text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # the job's log

    pull = Pull(model, config.places, hub, on_progress=show, on_note=note)

    def watch() -> None:
        context.stop.wait()
        pull.stop()

    threading.Thread(target=watch, name="pull-stop", daemon=True).start()
    try:
        return pull.run().folder
    except fetch.Stopped:
        raise Stopped from None
