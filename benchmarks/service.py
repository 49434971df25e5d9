"""What the service costs per token, and how many tokens/s it carries: a real service process and its real worker process,
whose stub engine answers instantly.

    python benchmarks/service.py [--streams 256] [--tokens 400] [--profile]

Reported: tokens/s over all streams; the CPU time of worker, service and client, so that it shows who limits; and the time per
token against the same requests run in process (engine loop and text, without pipe, HTTP and events). The client is one epoll
loop over raw sockets in a process of its own: it counts tokens in the bytes and parses nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.config import load_config
from core.generation import Generation
from core.lifecycle import ServiceInfo
from core.protocol import EngineOptions
from core.sampling import SamplingParams
from core.service.server import ServeOptions, serve
from core.service.supervisor import Supervisor
from core.text.prompt import PromptBuilder
from core.worker.loop import EngineLoop
from engines.stub import StubEngine

MODEL = Path(__file__).resolve().parents[1] / "assets" / "demo_model"
PROMPT = [{"role": "user", "content": "Tell me something."}]


def stub(streams: int, tokens: int) -> dict[str, Any]:
    vocab = PromptBuilder.from_folder(MODEL).tokenizer.vocab_size
    pages = streams * (-(-(tokens + 64) // 16) + 1) + 64
    return {
        "vocab_size": vocab,
        "num_slots": max(streams, 1),
        "num_pages": pages,
        "max_context": tokens + 512,
        "max_tokens": max(1024, streams),
        "check": False,
        "lookahead": 1,
    }


def run_service(streams: int, tokens: int, profile: str) -> None:
    """In a process of its own. Prints the address, then serves until stopped."""
    config = load_config(os.environ)
    engine = EngineOptions(
        target="engines.stub:StubEngine", arguments=json.dumps(stub(streams, tokens)), max_waiting=4 * streams
    )

    def ready(info: ServiceInfo) -> None:
        print(json.dumps([info.host, info.port, info.pid, info.token]), flush=True)

    def work() -> None:
        serve(config, ServeOptions(model="demo", engine=engine), lambda c: Supervisor(), version="0", on_ready=ready)

    if profile:
        import cProfile

        cProfile.runctx("work()", {}, {"work": work}, profile)
    else:
        work()


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(host: str, port: int, token: str, streams: int, tokens: int) -> dict[str, float]:
    """Open `streams` streams at once and read them to their end. Times are seconds since all requests were sent."""
    body = json.dumps(
        {"messages": PROMPT, "max_tokens": tokens, "ignore_eos": True, "stream": True, "temperature": 1.0}
    ).encode()
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    poll = select.epoll()
    connections: dict[int, socket.socket] = {}
    for _ in range(streams):
        connection = socket.create_connection((host, port))
        connection.setblocking(False)
        connections[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    began = time.perf_counter()
    for connection in connections.values():
        connection.sendall(request)
    buffer = bytearray(1 << 18)
    view = memoryview(buffer)
    first: dict[int, float] = {}
    reads = chunks = size = 0
    ended = set()
    while len(ended) < streams:
        for fd, _ in poll.poll():
            count = connections[fd].recv_into(buffer)
            data = bytes(view[:count])
            reads += 1
            size += count
            if fd not in first:
                assert data.startswith(b"HTTP/1.1 200"), data[:200]
                first[fd] = time.perf_counter() - began
            chunks += data.count(b'"content":')
            if data.endswith(b"0\r\n\r\n"):
                ended.add(fd)
            assert count, "the service closed a stream"
    seconds = time.perf_counter() - began
    for connection in connections.values():
        connection.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    firsts = sorted(first.values())
    return {
        "seconds": seconds,
        "first_median_s": firsts[len(firsts) // 2],
        "first_max_s": firsts[-1],
        "reads": reads,
        "events": chunks,
        "bytes": size,
        "client_cpu_s": usage.ru_utime + usage.ru_stime,
    }


@contextmanager
def service(streams: int, tokens: int, profile: str = "") -> Iterator[list[Any]]:
    """A service process; yields host, port, pid, token."""
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "DESKSIDE_HOME": home}
        command = [
            sys.executable,
            __file__,
            "--serve",
            f"--streams={streams}",
            f"--tokens={tokens}",
            f"--profile={profile}",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline())
            finally:
                process.terminate()


def through_service(streams: int, tokens: int, profile: str = "") -> dict[str, float]:
    with service(streams, tokens, profile) as (host, port, pid, token):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        worker = int(children[0])

        def run(count: int, length: int) -> dict[str, float]:
            command = [sys.executable, __file__, "--load", host, str(port), token]
            command += [f"--streams={count}", f"--tokens={length}"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            return dict(json.loads(done.stdout))

        run(min(8, streams), 32)  # warm up
        before = cpu_of(pid), cpu_of(worker)
        result = run(streams, tokens)
        result["service_cpu_s"] = cpu_of(pid) - before[0]
        result["worker_cpu_s"] = cpu_of(worker) - before[1]
        return result


def in_process(streams: int, tokens: int) -> float:
    """Seconds for the same requests through engine loop and text alone."""
    builder = PromptBuilder.from_folder(MODEL)
    loop = EngineLoop(StubEngine(**stub(streams, tokens)))
    params = SamplingParams(temperature=1.0, max_tokens=tokens, ignore_eos=True).resolve({})
    began = time.perf_counter()
    open_: dict[int, Generation] = {}
    for number in range(streams):
        open_[number] = Generation(number, builder.chat(PROMPT), params, builder)
        loop.submit(open_[number].submit)
    while loop.busy:
        for event in loop.step():
            open_[event.request].take(event)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--profile", default="", metavar="FILE", help="write a cProfile of the service there")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        run_service(args.streams, args.tokens, args.profile)
        return
    if args.load:
        host, port, token = args.load
        print(json.dumps(load(host, int(port), token, args.streams, args.tokens)))
        return
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; {args.tokens} tokens a stream")
    for streams in (1, args.streams):
        tokens = args.tokens * (10 if streams == 1 else 1)
        result = through_service(streams, tokens, args.profile if streams > 1 else "")
        alone = in_process(streams, tokens)
        total, seconds = streams * tokens, result["seconds"]
        print(
            f"{streams:4} streams: {total / seconds:8.0f} tokens/s, {seconds / total * 1e6:6.1f} us a token "
            f"(in process {alone / total * 1e6:.1f}); first event after {result['first_median_s'] * 1e3:.0f} ms (median), "
            f"{result['first_max_s'] * 1e3:.0f} ms (last)"
        )
        cpu = {name: result[f"{name}_cpu_s"] for name in ("worker", "service", "client")}
        shares = ", ".join(f"{name} {value / seconds:.0%}" for name, value in cpu.items())
        print(
            f"             CPU of one core: {shares}; service {cpu['service'] / total * 1e6:.1f} us a token; "
            f"{total / result['events']:.2f} tokens an event, {result['bytes'] / result['events']:.0f} bytes an event, "
            f"{result['events'] / result['reads']:.1f} events a read"
        )


if __name__ == "__main__":
    main()
