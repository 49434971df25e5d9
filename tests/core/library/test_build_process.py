"""`deskside core build` as processes: killed at random points, cancelled, without room, in the service; its engines used."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import lifecycle
from core.cli import main
from core.client import Client
from core.commands.doctor import check_library
from core.errors import Busy, EngineStale
from core.library import build_job
from core.library.build_local import BUILDING
from core.library.engines import built_engines, find_engine
from core.llm import LLM
from core.paths import Places
from core.sampling import SamplingParams
from engines.build import isolated_here, no_lease
from tests.waiting import descendants, wait_until

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))

# Every process of the build counts the calls that matter for what is on the disk, and dies without a word before one of them:
# which process, and which call, are in DESKSIDE_TEST_DIES ("build_job:17"). A build makes some 45 of them.
SITE = """
import os, signal, sys
role, _, left = os.environ.get("DESKSIDE_TEST_DIES", "").partition(":")
if role and any(role in argument for argument in sys.orig_argv):
    left = int(left)
    def deadly(real):
        def call(*arguments, **options):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)
        return call
    for name in ("replace", "fsync", "mkdir", "link", "unlink", "open"):
        setattr(os, name, deadly(getattr(os, name)))
"""


@pytest.fixture
def command(places: Places, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `deskside core <words>` in this home; `dies`: see SITE."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE)

    def start(*words: object, dies: str = "") -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("DESKSIDE_", "HF_"))}
        environ |= {
            "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
            "DESKSIDE_HOME": str(places.data.parent),
            "DESKSIDE_OFFLINE": "1",
            "DESKSIDE_TEST_DIES": dies,
        }
        line = [sys.executable, "-m", "core", *map(str, words)]
        return subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@pytest.fixture
def run(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """The command line in this process (the build is a child all the same)."""
    monkeypatch.setenv("DESKSIDE_HOME", str(places.data.parent))
    monkeypatch.setenv("DESKSIDE_OFFLINE", "1")

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["core", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def mine(run: Callable[..., Any], tiny_model: Path) -> str:
    """The tiny model, installed by a link."""
    assert run("pull", "--link", tiny_model, "--name", "mine")[0] == 0
    return "mine"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run` builds is built in this process, on a machine without a GPU: for what processes have no part in."""

    def build_here(params: Any, places: Places, on_progress: Any, on_note: Any) -> Path:
        folder = places.engines / BUILDING / "here"
        folder.mkdir(parents=True, exist_ok=True)
        context: Any = SimpleNamespace(
            params=params, folder=folder, stop=threading.Event(), progress=on_progress, note=on_note, gpu=no_lease
        )
        try:
            return build_job.work(context)
        finally:
            shutil.rmtree(folder)

    def run_isolated(function: str, request: Any, **options: Any) -> dict[str, Any]:
        if function == "probe":
            return {"device": None, "reason": "No NVIDIA driver is installed; install it, or use --backend reference."}
        return isolated_here(function, request)

    monkeypatch.setattr("core.commands.build.build_here", build_here)
    monkeypatch.setattr(build_job, "run_isolated", run_isolated)


def leftovers(places: Places) -> list[str]:
    """Everything in the engines folder that is no engine (locks may stay)."""
    names = [path.name for path in places.engines.iterdir() if path.name.startswith(".") and path.name != BUILDING]
    working = places.engines / BUILDING
    return [*names, *(path.name for path in working.iterdir() if path.is_dir())] if working.is_dir() else names


def test_from_a_model_to_a_chat(run, mine, places) -> None:
    code, out, err = run("build", mine, "--precision", "int8", "--backend", "reference", "--json")
    assert (code, err) == (0, "")
    built = json.loads(out)
    assert (built["name"], built["precision"], built["backend"]) == ("mine:int8-reference", "int8", "reference")
    card = built["report"]
    assert card["quality"]["tokens"] == 255
    files = [path for path in Path(built["folder"]).iterdir() if path.name != "manifest.json"]
    assert card["size_bytes"] == sum(path.stat().st_size for path in files)
    assert card["predicted_bytes"] > 0
    if sys.platform == "linux":
        assert card["actual_bytes"] > 0
    assert leftovers(places) == []

    code, out, _ = run("generate", "mine:int8", "--prompt", "x", "--max-tokens", "3", "--ignore-eos", "--json")
    assert code == 0
    assert json.loads(out)["usage"]["output_tokens"] == 3
    again = json.loads(run("build", mine, "--precision", "int8", "--backend", "reference", "--json")[1])
    assert again["created"] == built["created"]  # it was there
    listed = [json.loads(line) for line in run("list", "--json")[1].splitlines()]
    assert [engine["name"] for item in listed if item["name"] == "mine" for engine in item["engines"]] == [
        built["name"]
    ]
    verbose = run("list", "--verbose")[1]
    assert "same next token" in verbose
    assert "tokens/s" in verbose

    with LLM("mine:int8-reference", kv_tokens=64):
        code, _, err = run("remove", "mine:int8-reference")
        assert code == 5
        assert "is in use by a running Deskside" in err
    assert json.loads(run("remove", "mine:int8", "--json")[1])["engines"] == ["mine:int8-reference"]
    assert built_engines(places) == []


def test_an_engine_for_a_gpu_that_is_not_here(run, mine, places) -> None:
    """Plans are built and sealed without a GPU, inspected, and not pretended to have run."""
    code, out, err = run("build", mine, "--precision", "int8", "--backend", "tensorrt", "--gpu", "sm89", "--json")
    assert (code, err) == (0, "")
    built = json.loads(out)
    assert (built["name"], built["backend"]) == ("mine:int8-tensorrt", "tensorrt")
    assert "run on no GPU yet" in built["report"]["reason"]
    again = run("build", mine, "--precision", "int8", "--backend", "tensorrt", "--gpu", "sm89", "--json")[1]
    assert json.loads(again)["created"] == built["created"]  # it was there
    assert not built["report"].get("tokens_per_s")
    code, out, _ = run("inspect", "mine:int8-tensorrt", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["trusted"], found["precision"], found["gpus"]) == (True, "int8", ["sm89"])
    assert len(found["segments"]) == 4
    text = run("inspect", "mine:int8-tensorrt", "--kernels")[1]
    assert "CastMulCastFc" in text
    assert "built by Deskside on this machine" in text
    with LLM("mine:int8-tensorrt", kv_tokens=64) as llm:  # plans that were measured nowhere are not what `auto` takes
        assert llm.spec.backend in ("cuda", "reference")
    plan = Path(built["folder"], "plans", found["plans"][1]["file"])
    data = bytearray(plan.read_bytes())
    data[100] ^= 1
    plan.write_bytes(data)
    assert "NOT USABLE HERE" in run("inspect", "mine:int8-tensorrt")[1]
    code, _, err = run("inspect", mine)
    assert code == 4
    assert "was not built for TensorRT" in err
    code, _, err = run("generate", mine, "--backend", "tensorrt", "--prompt", "x")
    assert code == 4
    assert "was not built for TensorRT" in err


def test_removing_a_model_takes_its_engines_along(run, here, mine, places, tiny_model) -> None:
    assert run("build", mine, "--precision", "bf16")[0] == 0
    removed = json.loads(run("remove", mine, "--json")[1])
    assert (removed["linked"], removed["engines"]) == (True, ["mine:bf16"])
    assert built_engines(places) == []
    assert (tiny_model / "config.json").exists()


def test_an_engine_belongs_to_the_installed_model_however_that_is_named(
    run, here, mine, places, tiny_model, make_tiny_model, tmp_path, monkeypatch
) -> None:
    """A name of the library comes before a folder of that name here; a folder that is linked is the model of that name."""
    other = make_tiny_model("other", seed=1)
    (tmp_path / "work").mkdir()
    shutil.copytree(other, tmp_path / "work" / "mine")
    monkeypatch.chdir(tmp_path / "work")
    for words in (["mine", "--precision", "int8"], [str(tiny_model), "--precision", "int4"]):
        code, _, err = run("build", *words)
        assert code == 0, err
    shutil.copytree(other, tmp_path / "work" / "demolition")  # not the demo
    assert run("build", "demolition", "--precision", "int8")[0] == 0
    listed = {item["name"]: item for item in map(json.loads, run("list", "--json")[1].splitlines())}
    assert [engine["name"] for engine in listed["mine"]["engines"]] == ["mine:int4", "mine:int8"]
    assert Path(find_engine("mine:int8", places).manifest.source) == tiny_model.resolve()
    assert listed["demolition:int8"]["orphan"]
    assert json.loads(run("remove", "mine", "--json")[1])["engines"] == ["mine:int4", "mine:int8"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none"], 3, "There is no model or folder 'none'"),
        (["mine", "--precision", "int8", "--backend", "cuda"], 6, "--backend reference"),
        (["mine", "--backend", "tensorrt"], 6, "name one, such as --gpu sm89"),
        (["mine", "--backend", "tensorrt", "--gpu", "sm90"], 4, "can be built on that very GPU only, and this machine has none"),
        (["mine", "--backend", "tensorrt", "--gpu", "sm86", "--precision", "fp8"], 4, "fp8 does not run on sm86"),
        (["mine", "--gpu", "rtx9999"], 3, "There is no GPU 'rtx9999' in the table"),
        (["mine", "--precision", "nvfp4", "--gpu", "rtx4060"], 6, "needs compute capability 10.0, this GPU has 8.9"),
        (["mine", "--precision", "int4-awq", "--calibration", "/none.txt"], 3, "There is no file /none.txt to calibrate with"),
        (["maker/none", "--precision", "int8"], 7, "Deskside is offline by its setting"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_a_sentence(run, here, mine, places, words, code, message) -> None:
    got, out, err = run("build", *words)
    assert (got, out) == (code, ""), err
    assert message in err
    assert "Traceback" not in err
    assert built_engines(places) == []


def test_a_disk_without_room_is_said_before_anything_is_written(run, mine, places, monkeypatch) -> None:
    """Through the environment of the child: the build is another process."""
    site = places.data.parent.parent / "full"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import shutil, types\nshutil.disk_usage = lambda path: types.SimpleNamespace(total=10**12, used=10**12, free=10**6)\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
    code, _, err = run("build", mine, "--precision", "int8")
    assert code == 9
    assert "has only 0.00 GB free" in err
    assert "to another disk" in err
    assert built_engines(places) == []


def test_an_engine_that_was_changed_or_belongs_to_an_older_model_is_one_sentence(
    run, here, make_tiny_model, places
) -> None:
    folder = make_tiny_model("own")
    assert run("pull", "--link", folder, "--name", "own")[0] == 0
    assert run("build", "own", "--precision", "int8")[0] == 0
    engine = find_engine("own:int8", places)
    weights = engine.folder / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1])
    code, _, err = run("chat", "own:int8", "--prompt", "x")
    assert code == 4
    assert "build it again with: deskside core build own --precision int8" in err
    assert "has another size than when it was built" in run("list")[1]
    doctor = {check.name: check for check in check_library(places)}
    assert "build it again with" in doctor["engine"].advice
    assert doctor["engines"].detail == "0 of 1 can be used"
    assert run("build", "own", "--precision", "int8")[0] == 0
    assert run("chat", "own:int8", "--prompt", "x", "--max-tokens", "1")[0] == 0

    make_tiny_model("own", seed=1)
    code, _, err = run("chat", "own:int8", "--prompt", "x")
    assert code == 4
    assert "made of another revision of own" in err
    assert run("build", "own", "--precision", "int8")[0] == 0
    assert [item.name for item in built_engines(places)] == ["own:int8"]  # the former one went
    assert run("chat", "own:int8", "--prompt", "x", "--max-tokens", "1")[0] == 0


def check_whole(places: Places) -> None:
    """Whatever is in an engine's place can be loaded and says what a whole engine says."""
    for engine in built_engines(places):
        assert engine.problem == "", engine
        with LLM(engine.name, kv_tokens=64) as llm:
            [result] = llm.generate(["x"], SamplingParams(max_tokens=2, temperature=0.0))
            assert result.samples[0].token_ids


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.timeout(180 + 30 * ROUNDS)
def test_killed_at_random_points(command, places, mine, monkeypatch) -> None:
    """Either process of the build, or the one that started it, at a call that matters or at any moment. After each death there is
    no engine, or a whole one; the same command then finishes and leaves nothing else behind."""
    monkeypatch.setenv("DESKSIDE_HOME", str(places.data.parent))
    seed = int(os.environ.get("SOAK_SEED", "1"))
    rng = random.Random(seed)
    kills, resumed, usual = 0, 0, 1.0
    while kills < ROUNDS:
        words = (
            "build",
            mine,
            "--precision",
            rng.choice(["bf16", "int8", "int4-g64"]),
            "--backend",
            "reference",
            "--local",
        )
        for _ in range(rng.randint(2, 4)):
            how = rng.random()
            if how < 0.6:
                child = command(*words, dies=f"build_job:{rng.randint(1, 45)}")
            else:
                child = command(*words)
                time.sleep(rng.uniform(0.1, usual))
                if how < 0.75:
                    child.send_signal(signal.SIGKILL)
                else:
                    kill_a_child(child.pid, rng)
            err = child.communicate(timeout=120)[1]
            kills += child.returncode != 0
            assert child.returncode in (0, 6, 70, -signal.SIGKILL), err
            check_whole(places)
        resumed += any((places.engines / BUILDING).glob("*/work/state.json"))
        started = time.monotonic()
        last = command(*words)
        out, err = last.communicate(timeout=120)
        usual = max(usual, time.monotonic() - started)
        assert last.returncode == 0, err
        assert "is ready" in out
        wait_until(lambda: leftovers(places) == [])  # children of a killed command end by themselves
        check_whole(places)
        shutil.rmtree(places.engines)
    print(f"{kills} kills, {resumed} builds went on with what was there")


@pytest.mark.skipif(os.name == "nt", reason="SIGINT")
def test_ctrl_c_keeps_what_is_finished(command, places, mine) -> None:
    child = command("build", mine, "--precision", "int4-awq-g64", "--backend", "reference", "--local")
    until = time.monotonic() + 60
    while not any((places.engines / BUILDING).glob("*/work/state.json")) and time.monotonic() < until:
        time.sleep(0.01)
        assert child.poll() is None, child.communicate()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "the same command goes on from here" in err
    assert "Traceback" not in err
    assert built_engines(places) == []
    assert any((places.engines / BUILDING).glob("*/work/state.json"))


def kill_a_child(pid: int, rng: random.Random) -> None:
    """One of the processes below `pid`, if there is one."""
    if children := descendants(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(children), signal.SIGKILL)


# --- through the service -------------------------------------------------------------------------------------------------


@pytest.fixture
def client(run, places: Places) -> Iterator[Client]:
    info = lifecycle.attach_or_start(places)
    try:
        with Client(info) as client:
            yield client
    finally:
        lifecycle.stop(places, grace=0)


def wait_for(client: Client, job: str, *states: str) -> Any:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = client.job(job)
        if found.state in (states or ("done", "failed", "cancelled", "paused")):
            return found
        time.sleep(0.03)
    raise AssertionError(client.job(job))


def test_a_build_in_the_service(client, mine, places, run) -> None:
    job = client.build(mine, precision="int8", backend="reference")
    assert job.params == {"model": mine, "precision": "int8", "backend": "reference"}
    seen = []
    while (now := client.job(job.id)).state in ("queued", "running"):
        seen.append(now.stage)
        time.sleep(0.02)
    assert now.state == "done", now
    assert next(stage for stage in seen if stage) == "check"
    model = next(model for model in client.all_models().installed if model.name == mine)
    [engine] = model.engines
    assert (engine.name, engine.folder) == ("mine:int8-reference", now.result)
    assert engine.report.quality.tokens == 255
    status = client.load(engine.name)
    assert (status.backend, status.precision) == ("reference", "int8")
    answer = client.chat([{"role": "user", "content": "x"}], model="mine:int8-reference", max_tokens=2)
    assert answer.usage.completion_tokens == 2
    with pytest.raises(Busy, match="in use"):
        client.remove(engine.name)
    # The command line uses the running service, and finds the engine there already.
    code, out, _ = run("build", mine, "--precision", "int8", "--backend", "reference", "--json")
    assert code == 0
    assert json.loads(out)["created"] == engine.created
    assert client.remove(engine.name, unload=True).engines == [engine.name]
    assert client.all_models().loaded == []


def test_pausing_resuming_and_cancelling_a_build(client, mine, places) -> None:
    job = client.build(mine, precision="int4-awq-g64", backend="reference").id
    while client.job(job).stage in ("", "check"):
        time.sleep(0.01)
    client.pause_job(job)
    assert wait_for(client, job).state in ("paused", "done")
    client.resume_job(job) if client.job(job).state == "paused" else None
    assert wait_for(client, job).state == "done"

    job = client.build(mine, precision="int8", backend="reference").id
    wait_for(client, job, "running")
    assert client.cancel_job(job)
    assert wait_for(client, job).state in ("cancelled", "done")
    wait_until(lambda: not places.job(job).exists())
    assert leftovers(places) == []
    wrong = wait_for(client, client.submit_job("build", {"model": mine, "colour": "green"}).id)
    assert (wrong.state, wrong.code) == ("failed", "invalid_request")
    assert "colour" in wrong.error


def test_an_engine_that_cannot_be_used_any_more_is_one_sentence_in_the_service(client, mine, places) -> None:
    assert wait_for(client, client.build(mine, precision="int8").id).state == "done"
    engine = find_engine("mine:int8", places)
    (engine.folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineStale, match="deskside core build mine --precision int8") as error:
        client.load("mine:int8")
    # It heals itself: the sentence names the job that builds the engine again.
    [job] = [job for job in client.jobs().jobs if job.kind == "build" and job.state != "done"]
    assert f"It is being built again (job {job.id})" in str(error.value)
    assert wait_for(client, job.id).state == "done"
    assert client.load("mine:int8").state == "ready"
    assert "mine:int8" in {card.id for card in client.models().data}


def test_a_disk_that_fills_up_pauses_the_job_and_it_goes_on(run, mine, places, tmp_path, monkeypatch) -> None:
    """The build's process may write 30 kB, until there is a file `room`."""
    site, room = tmp_path / "site", tmp_path / "room"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"""
import errno, os, sys
if any("build_job" in argument for argument in sys.orig_argv):
    import io
    import engines.weights.writer as writer
    real, left = writer.SafetensorsWriter._put, [30_000]
    def put(self, data):
        left[0] -= memoryview(data).nbytes
        if left[0] < 0 and not os.path.exists({str(room)!r}):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, data)
    writer.SafetensorsWriter._put = put
"""
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
    info = lifecycle.attach_or_start(places)
    try:
        with Client(info) as client:
            job = client.build(mine, precision="int8")
            paused = wait_for(client, job.id)
            assert (paused.state, paused.code) == ("paused", "disk_full"), paused
            assert "no space left on the disk" in paused.error
            assert "free some, then resume" in paused.error
            assert built_engines(places) == []
            room.touch()
            client.resume_job(job.id)
            assert wait_for(client, job.id).state == "done"
            assert [engine.name for engine in built_engines(places)] == ["mine:int8"]
    finally:
        lifecycle.stop(places, grace=0)


def test_paths_that_are_not_ascii(make_tiny_model, tmp_path, monkeypatch, capsys) -> None:
    home = tmp_path / "Zuhause \u00fc\u00df \u6a21\u578b"
    monkeypatch.setenv("DESKSIDE_HOME", str(home))
    folder = make_tiny_model("mod\u00e8le \u043c\u043e\u0434\u0435\u043b\u044c")
    assert main(["core", "build", str(folder), "--precision", "int8", "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert built["name"] == f"{folder.name}:int8"
    assert Path(built["folder"]).is_relative_to(home)
    with LLM(built["name"], kv_tokens=64) as llm:
        assert llm.generate(["x"], SamplingParams(max_tokens=1, ignore_eos=True))[0].usage.output_tokens == 1


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is told by Linux")
@pytest.mark.skipif(
    "SOAK_ROUNDS" not in os.environ, reason="takes a while; tests/engines/quantization has the quantizer's own"
)
def test_memory_of_a_build_does_not_grow_with_the_model(run, tmp_path, places) -> None:
    """A model eight times as deep takes no more, beyond some megabytes, though its weights are 37 MB more."""
    peaks = {}
    for layers in (1, 8):
        folder = tmp_path / f"deep{layers}"
        write_model(folder, layers)
        code, out, err = run("build", folder, "--precision", "int4", "--backend", "reference", "--json")
        assert code == 0, err
        peaks[layers] = json.loads(out)["report"]["peak_bytes"]
    weights = {layers: (tmp_path / f"deep{layers}" / "model.safetensors").stat().st_size for layers in peaks}
    assert weights[8] - weights[1] > 35e6
    assert peaks[8] - peaks[1] < 15e6, peaks


def write_model(folder: Path, layers: int) -> None:
    """A random Llama of `layers` times 5 MB in bf16, with the tiny model's tokenizer."""
    import numpy as np

    folder.mkdir()
    hidden, ffn = 512, 1024
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 4096, "hidden_size": hidden,
        "intermediate_size": ffn, "num_hidden_layers": layers, "num_attention_heads": 8, "num_key_value_heads": 8,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "tie_word_embeddings": True, "hidden_act": "silu",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(ROOT / "assets" / "demo_model" / name, folder / name)
    shapes = {"model.embed_tokens.weight": (4096, hidden), "model.norm.weight": (hidden,)}
    for i in range(layers):
        at = f"model.layers.{i}."
        shapes |= {at + "input_layernorm.weight": (hidden,), at + "post_attention_layernorm.weight": (hidden,)}
        shapes |= {at + f"self_attn.{n}_proj.weight": (hidden, hidden) for n in "qkvo"}
        shapes |= {at + f"mlp.{n}_proj.weight": (ffn, hidden) for n in ("gate", "up")}
        shapes[at + "mlp.down_proj.weight"] = (hidden, ffn)
    rng = np.random.default_rng(layers)
    header: dict[str, Any] = {}
    at = 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for shape in shapes.values():
            values = np.ones(shape, np.float32) if len(shape) == 1 else rng.normal(0, 0.02, shape).astype(np.float32)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
