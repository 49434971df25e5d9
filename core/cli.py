"""The command line: `deskside core <verb>`, or `python -m core <verb>`.

A verb is a module of `core.commands` with `add_arguments(parser)` and `run(args) -> int`, imported only when it is used, so
that `--help` stays quick. stdout carries results only; progress, notes and errors go to stderr.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from core.errors import DesksideError, UserError

# verb -> (module, one line for --help)
VERBS: dict[str, tuple[str, str]] = {
    "chat": ("core.commands.chat", "talk with a model"),
    "generate": ("core.commands.generate", "complete prompts: one, a file, or many from a JSON Lines file"),
    "summarize": ("core.commands.summarize", "summarize whole documents, with the page of every statement"),
    "ask": ("core.commands.ask", "ask a document; the answer names its pages"),
    "bench": ("core.commands.bench", "measure first-token time and tokens/s of a model on this machine"),
    "serve": ("core.commands.serve", "serve models over HTTP on a fixed port: OpenAI and Triton clients"),
    "stop": ("core.commands.stop", "stop the running service"),
    "status": ("core.commands.status", "the running service: address, models, sequences, pages"),
    "pull": ("core.commands.pull", "download a model from the Hub, or link a folder on this machine"),
    "build": ("core.commands.build", "build an engine of a model: quantize, compile, verify"),
    "list": ("core.commands.list", "installed models"),
    "remove": ("core.commands.remove", "delete an installed model with its engines, or one engine, and free the space"),
    "storage": ("core.commands.storage", "where models and engines lie, and moving them to another disk"),
    "fit": ("core.commands.fit", "will a model fit on a GPU, per precision"),
    "inspect": ("core.commands.inspect", "what a TensorRT engine is made of"),
    "selftest": ("core.commands.selftest", "check the GPU backends on this machine, for a bug report"),
    "pack": ("core.commands.pack", "install a library that is not bundled: rtx (TensorRT for RTX)"),
    "doctor": ("core.commands.doctor", "check this installation and this machine"),
}

EXIT_CODES = """exit codes:
  0    done
  1    doctor: something is amiss
  2    a wrong argument, prompt or parameter
  3    no such model, file or folder
  4    the model's files cannot be used
  5    busy; try again
  6    the device cannot be used: driver, GPU, memory
  7    the service, the engine or the Hub is not available
  8    the Hub refuses: a token or an accepted licence is missing
  9    the disk is full
  70   an error of ours; run again with DESKSIDE_LOG_LEVEL=debug for the cause
  130  interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _set_encodings()
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] != ["core"]:
        return _top_level(words)
    words = words[1:]
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return 0 if words else UserError.exit_code
    verb = words[0]
    if verb not in VERBS:
        known = ", ".join(VERBS)
        print(f"deskside core: there is no verb '{verb}'; the verbs are {known}.", file=sys.stderr)
        return UserError.exit_code
    module_name, help_line = VERBS[verb]
    module = import_module(module_name)
    parser = argparse.ArgumentParser(
        prog=f"deskside core {verb}",
        description=module.__doc__ or help_line,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    args = parser.parse_args(words[1:])
    return _run(module.run, args)


def _top_level(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        from core import __version__

        print(f"deskside {__version__}")
        return 0
    if not words and _has_window():
        # By name and at run time: core knows nothing of the window, but the command of both is `deskside`.
        return int(import_module("app.main").main())
    print("usage: deskside core <verb> [...]   the command line; see deskside core --help")
    print("       deskside, deskside-app       the window")
    return 0 if words[:1] in ([], ["-h"], ["--help"]) else UserError.exit_code


def _has_window() -> bool:
    """Whether there is a screen, and a window to open on it (the frozen command line comes without)."""
    screen = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return screen and find_spec("app") is not None and find_spec("PySide6") is not None


def _overview() -> str:
    lines = [f"  {verb:<10} {help_line}" for verb, (_, help_line) in VERBS.items()]
    return "\n".join(
        [
            "usage: deskside core <verb> [...]",
            "",
            *lines,
            "",
            "MODEL is `demo`, an installed name, an engine such as `demo:int4`, or a folder with a Hugging Face checkpoint.",
            "deskside core <verb> --help tells more.",
            "",
            EXIT_CODES,
        ]
    )


def _run(run: object, args: argparse.Namespace) -> int:
    """Errors in words on stderr, and their exit code. A traceback is for us only, at log level debug."""
    assert callable(run)
    try:
        return int(run(args))
    except UserError as error:
        print(f"deskside: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("deskside: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except Exception as error:
        import logging

        if os.environ.get("DESKSIDE_LOG_LEVEL") == "debug":
            logging.basicConfig(level=logging.DEBUG)
            logging.getLogger("deskside").debug("internal error", exc_info=error)
        print(f"deskside: an internal error ({type(error).__name__}: {error}); please report it.", file=sys.stderr)
        return DesksideError.exit_code


def _set_encodings() -> None:
    """Text through a pipe or file is UTF-8 on every system, as the JSON that we write must be; a terminal keeps its own
    encoding. What that cannot express is escaped, for an answer must not end at an emoji."""
    if os.environ.get("PYTHONIOENCODING"):
        return
    for stream, errors in ((sys.stdin, "strict"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding:
            try:
                stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=errors)
            except (OSError, ValueError):  # closed, or read from already: stays as it is
                continue


def _silence_stdout() -> None:
    """The reader of our stdout is gone: nothing more can be written, and Python's own flush at exit must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
