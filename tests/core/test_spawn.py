"""Real processes: what passes between parent and child, and that neither outlives the other unnoticed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import spawn as spawn_module
from core.child import resolve
from core.errors import InternalError, Unavailable
from core.pipes import FrameTooLarge, PipeClosed
from core.probe import probe
from core.spawn import ROLES, Child, child_environ, describe_exit, spawn
from tests.waiting import PATIENCE, gone, wait_until

ROOT = Path(__file__).resolve().parents[2]

ROLES_FOR_TESTS = """
import ctypes, json, os, struct, sys, time
from core.errors import NotFound

def echo(connection):
    for frame in connection:
        connection.send(frame)

def tell(connection, *arguments):
    connection.send(json.dumps({
        "arguments": arguments, "environ": dict(os.environ), "path": sys.path, "stdin": sys.stdin.read(),
        "modules": sorted(sys.modules), "session": os.getsid(0) if hasattr(os, "getsid") else None,
    }).encode())

def talk(connection):
    print("to stdout")
    print("to stderr", file=sys.stderr)

def returns(connection, code): return int(code)
def raises(connection): raise ValueError("a fault of ours")
def refuses(connection): raise NotFound("no such thing")
def leaves(connection): os._exit(9)
def aborts(connection): os.abort()
def segfaults(connection): ctypes.string_at(0)

def cut(connection):
    os.write(connection._write_fd, struct.pack("<I", 100) + b"half")

def floods(connection):
    os.write(connection._write_fd, struct.pack("<I", 2**32 - 1))

def deaf(connection):
    connection.send(b"up")
    time.sleep(600)

def busy(connection):
    connection.send(b"up")
    while True: pass

def parent(connection):
    from core.spawn import spawn
    child = spawn("roles_for_tests:deaf")
    child.connection.receive()
    connection.send(str(child.pid).encode())
    time.sleep(600)
"""

Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Start:
    """Spawns `roles_for_tests:<name>`; whatever still runs at the end of the test is killed."""
    (tmp_path / "roles_for_tests.py").write_text(ROLES_FOR_TESTS, encoding="utf-8")

    def start_role(name: str, *arguments: str, **options: object) -> Child:
        environ = {"PYTHONPATH": str(tmp_path), **options.pop("environ", {})}  # type: ignore[dict-item]
        child = spawn(f"roles_for_tests:{name}", *arguments, environ=environ, **options)  # type: ignore[arg-type]
        request.addfinalizer(lambda: (child.kill(), child.close()))
        return child

    return start_role


def test_frames_go_both_ways(start: Start) -> None:
    child = start("echo")
    for frame in (b"", b"hello", bytes(range(256)) * 40_000):  # the last has 10 MB
        child.connection.send(frame)
        assert child.connection.receive() == frame
    assert child.poll() is None
    assert child.describe_exit() == "is running"
    assert child.stop() == 0
    assert child.describe_exit() == "ended normally"


def test_the_child_gets_its_arguments_and_little_else(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    import msgspec

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("DESKSIDE_LOG_LEVEL", "info")
    child = start("tell", "two words", "ünïcödé 漢字", "", "--help", environ={"EXTRA": "1"})
    told = msgspec.json.decode(child.connection.receive())
    assert told["arguments"] == ["two words", "ünïcödé 漢字", "", "--help"]
    assert "secret" not in told["environ"].values()
    assert told["environ"]["DESKSIDE_LOG_LEVEL"] == "info"
    assert told["environ"]["EXTRA"] == "1"
    assert told["stdin"] == ""
    assert "" not in told["path"]
    assert os.getcwd() not in told["path"] or os.getcwd() == str(ROOT)
    assert not {"numpy", "msgspec", "asyncio", "subprocess", "multiprocessing"} & set(told["modules"])
    if told["session"] is not None:
        assert told["session"] == child.pid, "Ctrl+C in our terminal must not reach it"


def test_only_stderr_is_shared_unless_asked(start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert start("talk").wait(PATIENCE) == 0
    assert capfd.readouterr() == ("", "to stderr\n")
    log = tmp_path / "logs" / "child.log"
    for _ in range(2):
        assert start("talk", log=log).wait(PATIENCE) == 0
    assert sorted(log.read_text().split("\n")) == ["", *["to stderr"] * 2, *["to stdout"] * 2]
    assert capfd.readouterr() == ("", "")
    assert start("talk", inherit_stdio=True).wait(PATIENCE) == 0
    assert capfd.readouterr() == ("to stdout\n", "to stderr\n")


@pytest.mark.parametrize(
    ("role", "code", "words", "logged"),
    [
        ("leaves", 9, "ended with exit code 9", ""),
        ("raises", 70, "ended with exit code 70", "ValueError: a fault of ours"),
        ("refuses", 3, "ended with exit code 3", "NotFound: no such thing"),
        ("no_such_function", 70, "ended with exit code 70", "no_such_function"),
        pytest.param("aborts", -6, "was ended by signal 6 (SIGABRT)", "Fatal Python error", id="aborts"),
        pytest.param("segfaults", -11, "was ended by signal 11 (SIGSEGV)", "Segmentation fault", id="segfaults"),
    ],
)
def test_a_child_that_fails_is_noticed_at_once(
    start: Start, tmp_path: Path, role: str, code: int, words: str, logged: str
) -> None:
    if code < 0 and os.name == "nt":
        pytest.skip("Windows has no signals")
    child = start(role, log=tmp_path / "log")
    with pytest.raises(PipeClosed):
        child.connection.receive()
    assert child.wait(PATIENCE) == code
    assert child.describe_exit() == words
    assert logged in (tmp_path / "log").read_text()


def test_a_role_returns_its_exit_code(start: Start) -> None:
    assert start("returns", "0").wait(PATIENCE) == 0
    assert start("returns", "5").wait(PATIENCE) == 5


def test_a_frame_cut_by_death_and_one_too_large(start: Start) -> None:
    with pytest.raises(PipeClosed, match="in the middle of a frame"):
        start("cut").connection.receive()
    with pytest.raises(FrameTooLarge):
        start("floods").connection.receive()


def test_death_is_noticed_beside_a_sibling(start: Start) -> None:
    """No other child holds the ends whose closing is the news."""
    first = start("deaf")
    second = start("deaf")
    assert first.connection.receive() == second.connection.receive() == b"up"
    first.kill()
    assert first.connection.wait(PATIENCE)
    with pytest.raises(PipeClosed):
        first.connection.receive()
    assert second.poll() is None


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_stop_waits_for_a_child_that_listens_and_kills_one_that_does_not(start: Start) -> None:
    assert start("echo").stop(grace=PATIENCE) == 0
    child = start("busy")
    child.connection.receive()
    started = time.monotonic()
    assert child.stop(grace=0.2) == -9
    assert 0.2 <= time.monotonic() - started < PATIENCE
    assert "SIGKILL" in child.describe_exit()
    assert child.stop() == child.kill() == -9


def test_leaving_with_ends_the_child(start: Start) -> None:
    with start("echo") as child:
        pass
    assert child.poll() == 0
    with pytest.raises(KeyError), start("busy") as child:
        raise KeyError
    assert child.poll() not in (None, 0)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("role", ["deaf", "busy"])
def test_a_killed_parent_takes_its_children_along(tmp_path: Path, role: str) -> None:
    (tmp_path / "roles_for_tests.py").write_text(ROLES_FOR_TESTS, encoding="utf-8")
    code = f"""
        import time
        from core.spawn import spawn
        child = spawn("roles_for_tests:{role}")
        child.connection.receive()
        print(child.pid, flush=True)
        time.sleep(600)
    """
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], env=environ, stdout=subprocess.PIPE, text=True
    ) as middle:
        assert middle.stdout is not None
        child_pid = int(middle.stdout.readline())
        assert not gone(child_pid)
        middle.kill()
        middle.wait()
        wait_until(lambda: gone(child_pid))


def test_a_killed_child_takes_its_own_children_along(start: Start) -> None:
    child = start("parent")
    grandchild = int(child.connection.receive())
    child.kill()
    with pytest.raises(PipeClosed):  # at once: the grandchild does not hold the pipe
        child.connection.receive()
    wait_until(lambda: gone(grandchild))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_fifty_children_leave_nothing_behind() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    for number in range(50):
        child = spawn("probe")
        if number % 2:
            child.connection.send(b"x")
            assert child.connection.receive() == b"x"
            child.close()
        else:
            child.kill()
            child.connection.close()
        assert not Path(f"/proc/{child.pid}").exists(), "a zombie"
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_process_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(Unavailable, match="The probe process cannot be started"):
        spawn("probe")
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_every_role_exists_and_others_do_not() -> None:
    for target in ROLES.values():
        assert callable(resolve(target))
    with pytest.raises(InternalError, match=r"no role 'nobody'; the roles are .*probe"):
        spawn("nobody")


def test_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < probe() < 30
    monkeypatch.setattr(spawn_module, "ROLES", {"probe": "core.probe:missing"})
    with pytest.raises(Unavailable, match="ended with exit code 70 before it answered"):
        probe()


def test_environment_of_a_frozen_application(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"LD_LIBRARY_PATH": "/bundle", "LD_LIBRARY_PATH_ORIG": "/usr/mine", "PATH": "/bin", "https_proxy": "p"}
    assert child_environ(ours, {})["LD_LIBRARY_PATH"] == "/bundle"
    assert child_environ(ours, {})["https_proxy"] == "p"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child_environ(ours, {}) == {"LD_LIBRARY_PATH": "/usr/mine", "PATH": "/bin", "https_proxy": "p"}
    del ours["LD_LIBRARY_PATH_ORIG"]
    assert "LD_LIBRARY_PATH" not in child_environ(ours, {})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "was ended by signal 9 (SIGKILL), which the system also sends when memory runs out"),
        (-250, "was ended by signal 250 (unknown)"),
        (0xC0000005, "crashed: access violation (0xC0000005)"),
    ],
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


@pytest.mark.skipif(sys.platform != "win32", reason="Job Objects are of Windows")
def test_a_closed_job_kills_its_process() -> None:
    from core.windows import KillOnCloseJob

    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        KillOnCloseJob(int(process._handle)).close()  # type: ignore[attr-defined]
        assert process.wait(PATIENCE) is not None
