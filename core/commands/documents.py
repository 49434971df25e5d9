"""What `summarize` and `ask` share: the running service's job where there is a service, else a model in this process."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.options import add_json, add_service, note
from core.config import load_config
from core.errors import InvalidRequest, NotFound, Unavailable, UserError, from_code
from core.jobs.files import write_whole
from core.schemas import AnswerReport, JobReply, SummaryReport

if TYPE_CHECKING:
    from core.client import Client
    from core.documents.document import Document
    from core.documents.model import TextModel
    from core.documents.summarize import Listener

Report = SummaryReport | AnswerReport
STAGES = {"read": "reading", "map": "summarizing parts", "combine": "combining", "write": "writing"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that both verbs have."""
    parser.add_argument(
        "--model", default="demo", metavar="MODEL", help="demo, an installed name, or a checkpoint folder"
    )
    parser.add_argument("--backend", help="what runs the model (default: from the configuration); implies --local")
    parser.add_argument("--kv-tokens", type=int, metavar="N", help="tokens that the KV cache holds; implies --local")
    parser.add_argument("--language", metavar="NAME", help="language of the answer, such as German")
    parser.add_argument("--out", metavar="F", help="write the result to this file as well")
    add_service(parser)
    add_json(parser, "the report")


class Follower:
    """Shows progress on stderr (where that is a terminal) and the text on stdout as it is written."""

    def __init__(self, quiet: bool) -> None:
        from tqdm import tqdm

        self._quiet = quiet
        self._bar = tqdm(total=None, disable=None, file=sys.stderr, leave=False, dynamic_ncols=True)
        self._stage = ""
        self.shown = ""

    def progress(self, stage: str, done: int, total: int) -> None:
        if self._bar.disable:
            return
        if stage != self._stage:
            self._stage = stage
            self._bar.reset()
            self._bar.set_description(STAGES.get(stage, stage), refresh=False)
        self._bar.total = total or None
        self._bar.n = done
        self._bar.refresh()

    def text(self, piece: str) -> None:
        self.shown += piece
        if not self._quiet:
            self._bar.clear()
            sys.stdout.write(piece)
            sys.stdout.flush()

    def close(self) -> None:
        self._bar.close()


def check_out(args: argparse.Namespace) -> None:
    """Known before anything is read or asked, not after minutes of work. Raises InvalidRequest."""
    if not args.out:
        return
    target = Path(args.out).expanduser()
    if target.is_dir():
        raise InvalidRequest(f"'{target}' is a folder; give --out the name of a file.", "out")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder '{folder}' for the result; make it, or give another --out.", "out")


def counted(count: int, what: str) -> str:
    """1 page, 2 pages."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def find_client(args: argparse.Namespace) -> Client | None:
    """The service that shall do it, None where this process has to."""
    only_here = args.backend is not None or args.kv_tokens is not None
    if args.local or only_here:
        if args.service:
            raise InvalidRequest("--backend and --kv-tokens work in this process only; leave out --service.")
        return None
    places = load_config(os.environ).places
    if not args.service and not places.service_lock.exists():
        return None
    from core.client import attach, connect

    client = connect(start=True) if args.service else attach()
    if client is None or any(card.id == args.model for card in client.models().data):
        return client
    client.close()
    if args.service:
        raise NotFound(f"The service has no model '{args.model}'; it serves installed ones, see `deskside core list`.")
    return None


def follow(client: Client, job: JobReply, follower: Follower) -> Report:
    """The report of a job, shown while it is made; Ctrl+C cancels it. Raises what ended it. Of a service that dies, the job goes
    on with the next one."""
    end = None
    try:
        for event in client.document_events(job.id):
            if event.kind == "text" and event.offset == len(follower.shown):
                follower.text(event.text)
            elif event.job is not None and event.kind == "progress":
                follower.progress(event.job.stage or "read", event.job.done, event.job.total)
            elif event.kind == "end":
                end = event
                break
    except Unavailable as error:
        again = f"The job {job.id} keeps what is done and goes on when the service runs again: `deskside core serve`."
        raise Unavailable(f"{error.message} {again}") from error
    except BaseException:
        client.cancel_job(job.id)
        raise
    if end is None:
        raise UserError(f"The service is stopping; the job {job.id} goes on when it is started again.")
    report = end.summary or end.answer
    if report is not None:
        return report
    assert end.job is not None
    message = end.job.error or f"The job was {end.job.state} by somebody else."
    raise from_code(end.job.code, message) if end.job.code else UserError(message)


def finish(args: argparse.Namespace, report: Report, follower: Follower, text: str) -> int:
    """The end of what is shown: text or JSON on stdout, the rest on stderr."""
    follower.close()
    if args.json:
        print(report.model_dump_json(exclude={"kind"}), flush=True)
    else:
        if follower.shown.strip() != text.strip():
            print(text, flush=True)
        elif follower.shown:
            print(flush=True)
        for remark in report.notes:
            note(remark)
    if args.out:
        target = Path(args.out).expanduser()
        content = report.model_dump_json(indent=1, exclude={"kind"}) if args.out.endswith(".json") else text
        try:
            write_whole(target.absolute(), [content.encode("utf-8", "backslashreplace"), b"\n"])
        except OSError as error:
            raise InvalidRequest(f"'{target}' cannot be written ({error.strerror}).", "out") from error
    return 0


def options_of(args: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def run_here(
    args: argparse.Namespace,
    follower: Follower,
    work: Callable[[TextModel, list[Document], list[str], Listener], Report],
) -> Report:
    """`work` with a model in this process; what cannot be read is known before it is loaded. It takes the model, the
    documents, notes on what was left out, and a listener."""
    from core.documents.api import load
    from core.documents.local import LocalModel
    from core.documents.summarize import Listener
    from core.llm import LLM

    listener = Listener(follower.progress, follower.text)
    documents, notes = load(args.files, listener)
    with LLM(args.model, backend=args.backend, kv_tokens=args.kv_tokens) as llm:
        return work(LocalModel(llm, args.model), documents, notes, listener)
