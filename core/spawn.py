"""The one way in which Deskside starts a process: `spawn(role, ...)`.

The same call works from a checkout, from an installed wheel and in a frozen application, on Linux and Windows, and never
forks. Parent and child hold a `Connection` each. Neither outlives the other unnoticed:

    child dies    its ends of the pipes close: the parent's `receive` raises PipeClosed at once
    parent dies   the lifeline closes: the child ends (core.child); on Windows its Job Object kills it as well
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.child import ARGUMENT, DETACHED
from core.errors import InternalError, Unavailable
from core.pipes import MAX_FRAME, Connection

# role -> module:function, called in the child as function(connection, *arguments) -> exit code or None.
ROLES: Mapping[str, str] = {
    "build": "core.library.build_job:main",
    "check": "core.worker.selfcheck:main",
    "grammar": "core.grammar.trial:main",
    "ask": "core.jobs.documents:ask_main",
    "move": "core.library.move_job:main",
    "probe": "core.probe:main",
    "pull": "core.library.pull_job:main",
    "reader": "core.documents.reader:main",
    "service": "core.service.main:main",
    "summarize": "core.jobs.documents:summarize_main",
    "verify": "core.library.isolated:main",
    "worker": "core.worker.main:main",
}

# What a child may need of our environment. The rest, with whatever secrets it holds, stays here.
# fmt: off
_KEEP = frozenset({
    "DBUS_SESSION_BUS_ADDRESS", "HF_ENDPOINT", "HF_HOME", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_OFFLINE", "HF_TOKEN_PATH",
    "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUTF8",
    "PYTHON_KEYRING_BACKEND",
    "TMPDIR", "TZ", "USER",
    "APPDATA", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "NUMBER_OF_PROCESSORS", "PATHEXT",
    "PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "PROGRAMFILES", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERNAME",
    "USERPROFILE", "WINDIR",
    "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE",
})
# fmt: on
_KEEP_PREFIXES = ("DESKSIDE_", "LC_", "XDG_", "CUDA_", "NVIDIA_", "NCCL_", "OMP_", "OPENBLAS_", "MKL_")
# Threads of NumPy's BLAS spin for 2^n cycles after a product before they sleep: as it comes for 27 ms (26), here for half of one.
_DEFAULTS = {"OPENBLAS_THREAD_TIMEOUT": "20"}


class Child:
    """A running child and the parent's end of its connection. Leaving `with` stops it."""

    def __init__(
        self,
        role: str,
        process: subprocess.Popen[bytes],
        connection: Connection,
        lifeline: int | None,
        memory: int | None = None,
    ) -> None:
        """`lifeline` None: a detached child, which lives on without us. `memory`: see `spawn`."""
        self.role = role
        self.connection = connection
        self._process = process
        self._lifeline: int | None = lifeline
        self._release_lock = threading.Lock()
        self._job: Any = None
        if sys.platform == "win32" and lifeline is not None:
            from core.windows import KillOnCloseJob

            self._job = KillOnCloseJob(int(process._handle), memory)  # type: ignore[attr-defined]

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs. Negative: the number of the signal that ended it."""
        return self._reaped(self._process.poll())

    def wait(self, timeout: float | None = None) -> int | None:
        """As `poll`, after waiting for the end, at most `timeout` seconds."""
        try:
            return self._reaped(self._process.wait(timeout))
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float = 2.0) -> int:
        """Ends it: closes our sending end, which a role takes as the sign to finish, and kills it and its own children
        after `grace` seconds. Returns the exit code. What it still sent can be received. Can be repeated."""
        self.connection.end_sending()
        code = self.wait(grace)
        return self.kill() if code is None else code

    def kill(self) -> int:
        """Ends it now; returns the exit code."""
        if self._job is not None:
            self._job.terminate(InternalError.exit_code)
        self._process.kill()
        code = self.wait()
        assert code is not None
        return code

    def describe_exit(self) -> str:
        """How it ended, in words that complete the sentence 'the worker ...'."""
        return describe_exit(self.poll())

    def close(self) -> None:
        """Stops it and releases everything it holds here. Only when no thread is in `connection.receive`."""
        self.stop()
        self.connection.close()

    def release(self) -> None:
        """Lets go of a detached child, running or not."""
        self.connection.close()
        # Whenever it ends, somebody has to take note, or it stays in the process table as long as we live.
        threading.Thread(target=self._process.wait, name=f"{self.role}-ends", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        self.close()

    def _reaped(self, code: int | None) -> int | None:
        if code is not None:
            with self._release_lock:
                lifeline, self._lifeline = self._lifeline, None
            if lifeline is not None:
                os.close(lifeline)
                if self._job is not None:
                    self._job.close()
        return code


def spawn(
    role: str,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    log: Path | None = None,
    inherit_stdio: bool = False,
    max_frame: int = MAX_FRAME,
    detached: bool = False,
    memory: int | None = None,
) -> Child:
    """Starts a child process that runs `role` and returns when it has been created, not when it is ready.

    `role` is a name in ROLES or a target "module:function" that the child can import. `arguments` are on the command
    line, which other users may see: send secrets over the connection. `environ` is added to the small part of our
    environment that is passed on. The child reads nothing from stdin; its stdout and stderr go to the end of the file
    `log` or, without one, nowhere and to our stderr; `inherit_stdio` gives it all three of ours. Ctrl+C does not reach
    it. `max_frame` limits both directions on this side, in bytes. A `detached` child outlives us (the service, which other
    programs use too); end with `Child.release`. `memory`: bytes that the child may allocate; what goes beyond is refused to it
    by the system (address space on Linux, committed memory on Windows).

    Raises InternalError for an unknown role, Unavailable when the system cannot start a process.
    """
    target = ROLES.get(role, role)
    if ":" not in target:
        raise InternalError(f"There is no role '{role}'; the roles are {', '.join(sorted(ROLES))}.")

    opened: list[int] = []
    try:
        child_read, our_write = _pipe(opened)
        our_read, child_write = _pipe(opened)
        inherited = [child_read, child_write]
        our_lifeline: int | None = None
        if not detached:
            child_lifeline, our_lifeline = _pipe(opened)
            inherited.append(child_lifeline)
        variables = {**_DEFAULTS, **child_environ(os.environ, environ or {})}
        process = _start(target, arguments, inherited, variables, log, inherit_stdio)
    except OSError as error:
        for fd in opened:
            os.close(fd)
        raise Unavailable(f"The {role} process cannot be started ({error.strerror}).") from error
    for fd in inherited:  # only the child holds them now, so its death closes them
        os.close(fd)
    if memory is not None:
        _limit_memory(process.pid, memory)
    return Child(role, process, Connection(our_read, our_write, max_frame), our_lifeline, memory)


def _limit_memory(pid: int, memory: int) -> None:
    """Of a process that was started this moment. On Windows its Job Object does it."""
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))


def child_environ(ours: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child: the part of `ours` that it may need, and `extra`."""
    environ = {
        name: value
        for name, value in ours.items()
        if name.upper() in _KEEP
        or name.upper().startswith(_KEEP_PREFIXES)  # Windows ignores case, proxies come in both
    }
    if _frozen():
        # PyInstaller's launcher puts its own folder first and keeps the user's value beside it.
        environ.pop("LD_LIBRARY_PATH", None)
        if "LD_LIBRARY_PATH_ORIG" in ours:
            environ["LD_LIBRARY_PATH"] = ours["LD_LIBRARY_PATH_ORIG"]
    environ.update(extra)
    if not _frozen():
        root = str(Path(__file__).resolve().parent.parent)
        path = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        # From a checkout, `core` may be importable only because of where the parent was started. An installed copy is
        # found anyway, and site-packages ahead of the standard library would be wrong.
        if root not in (*path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
            environ["PYTHONPATH"] = os.pathsep.join([root, *path])
    return environ


def describe_exit(code: int | None) -> str:
    """An exit code as the end of a sentence, e.g. 'was ended by signal 11 (SIGSEGV)'."""
    if code is None:
        return "is running"
    if code == 0:
        return "ended normally"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        hint = ", which the system also sends when memory runs out" if name == "SIGKILL" else ""
        return f"was ended by signal {-code} ({name}){hint}"
    if code in _NT_STATUS:
        return f"crashed: {_NT_STATUS[code]} (0x{code:08X})"
    return f"ended with exit code {code}"


_NT_STATUS = {  # exit codes of Windows, unsigned (ntstatus.h)
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000142: "a DLL failed to initialise",
    0xC0000374: "heap corruption",
    0xC0000409: "stack buffer overrun or abort",
}


def _frozen() -> bool:
    return bool(getattr(sys, "frozen", False))


def _pipe(opened: list[int]) -> tuple[int, int]:
    ends = os.pipe()  # not inheritable: other children started meanwhile do not get them
    opened.extend(ends)
    return ends


def _start(
    target: str,
    arguments: tuple[str, ...],
    inherited: list[int],
    environ: Mapping[str, str],
    log: Path | None,
    inherit_stdio: bool,
) -> subprocess.Popen[bytes]:
    # -P: what lies in the working directory must not shadow modules.
    launcher = [sys.executable] if _frozen() else [sys.executable, "-P", "-m", "core.child"]
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        import msvcrt

        handles = [msvcrt.get_osfhandle(fd) for fd in inherited]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO()
        startup.lpAttributeList = {"handle_list": handles}
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | (0 if inherit_stdio else subprocess.CREATE_NO_WINDOW)
        options.update(startupinfo=startup, creationflags=flags)
        numbers = [str(handle) for handle in handles]
    else:
        options.update(pass_fds=inherited, start_new_session=True)
        numbers = [str(fd) for fd in inherited]
    numbers += [DETACHED] * (3 - len(numbers))
    command = [*launcher, ARGUMENT, target, *numbers, *arguments]

    if inherit_stdio:
        return subprocess.Popen(command, env=environ, **options)
    if log is None:
        return subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, **options
        )
