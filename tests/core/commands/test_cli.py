"""The command line, as a person or a script uses it: output, exit codes, nothing half-written."""

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.cli import main


@pytest.fixture
def run(home, capsys, monkeypatch):
    def run(*words, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = main(["core", *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


GREEDY = ("--temperature", "0", "--max-tokens", "8")


def test_without_words_the_window_opens_where_there_is_a_screen(monkeypatch):
    opened = []
    monkeypatch.setattr("core.cli.import_module", lambda name: opened.append(name) or SimpleNamespace(main=lambda: 3))
    monkeypatch.setattr("core.cli._has_window", lambda: True)
    assert main([]) == 3
    assert opened == ["app.main"]
    assert main(["--version"]) == 0
    assert opened == ["app.main"]


def test_help_and_unknown_verbs(run, capsys, monkeypatch):
    monkeypatch.setattr("core.cli._has_window", lambda: False)
    code, out, _ = run("--help")
    assert code == 0
    assert all(verb in out for verb in ("chat", "generate", "bench", "list", "doctor"))
    code, _, err = run("chatt")
    assert code == 2
    assert "no verb 'chatt'" in err
    assert main([]) == 0
    assert "deskside core" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert main(["nonsense"]) == 2


def test_chat_streams_an_answer(run, tiny_model):
    code, out, err = run("chat", tiny_model, "--prompt", "Hello", *GREEDY)
    assert code == 0
    assert out.strip()
    assert "tokens/s" in err


def test_chat_keeps_a_conversation_and_reuses_its_cache(run, tiny_model):
    lines = "A long first question, long enough for some pages of cache.\n\nAnd?\n/retry\n/reset\nNew\n/retry\n/exit\nnever\n"
    code, out, _ = run("chat", tiny_model, "--json", *GREEDY, stdin=lines)
    assert code == 0
    first, second, retried, new, _ = [json.loads(line) for line in out.splitlines()]
    assert second["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"]
    assert second["usage"]["cached_tokens"] >= 16
    assert retried["token_ids"] == second["token_ids"]
    assert new["usage"]["prompt_tokens"] < first["usage"]["prompt_tokens"]


def test_generate_json_is_one_object_per_result_and_nothing_else(run, tiny_model):
    code, out, _ = run(
        "generate", tiny_model, "--prompt", "One", "--prompt", "Two", "--json", "--logprobs", 2, "--n", 2, *GREEDY
    )
    assert code == 0
    results = [json.loads(line) for line in out.splitlines()]
    assert len(results) == 2
    for result in results:
        assert len(result["samples"]) == 2
        assert result["usage"]["output_tokens"] == 16
        assert len(result["logprobs"][0]["top"]) == 2


def test_generate_from_a_file_and_stdin(run, tiny_model, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text("One")
    expected = run("generate", tiny_model, "--prompt", "One", *GREEDY)[1]
    assert run("generate", tiny_model, "--file", file, *GREEDY)[1] == expected
    assert run("generate", tiny_model, "--file", "-", *GREEDY, stdin="One")[1] == expected


def test_jsonl_in_order_with_ids_params_and_chats(run, tiny_model, tmp_path):
    lines = [
        {"id": "a", "prompt": "One", "params": {"max_tokens": 3}},
        {"prompt_ids": [70, 71]},
        {"id": 7, "messages": [{"role": "user", "content": "Hi"}], "params": {"temperature": 1.0, "seed": 4}},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    code, out, _ = run("generate", tiny_model, "--jsonl", source, "--out", target, *GREEDY)
    assert (code, out) == (0, "")
    results = [json.loads(line) for line in target.read_text().splitlines()]
    assert [r.get("id") for r in results] == ["a", None, 7]
    assert results[0]["usage"]["output_tokens"] <= 3
    assert list(tmp_path.glob(".out*")) == []
    code, out, _ = run("generate", tiny_model, "--jsonl", source, *GREEDY)
    assert [json.loads(line) for line in out.splitlines()] == results


BAD_LINES = [
    ("{", "line 1 is not valid JSON"),
    ('{"prompt": "a", "messages": []}', "one of prompt, prompt_ids or messages"),
    ('{"prompt": "a", "colour": 1}', "besides only id and params"),
    ('{"prompt": 5}', "no text"),
    ('{"messages": []}', "no list"),
    ('{"prompt": "a", "params": {"top_p": 7}}', "top_p is 7"),
    ('{"prompt": "a", "params": {"topp": 1}}', "topp"),
    ("[1]", "must be an object"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES, ids=[reason for _, reason in BAD_LINES])
def test_a_bad_line_stops_everything_before_it_starts(run, tiny_model, tmp_path, line, reason):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(line)
    code, out, err = run("generate", tiny_model, "--jsonl", source, "--out", target)
    assert code == 2
    assert reason in err
    assert not out
    assert not target.exists()


def test_a_failure_in_the_middle_leaves_the_old_output_alone(run, tiny_model, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"prompt": "a"}\n{"prompt": "' + "b" * 400 + '"}')
    target.write_text("old")
    code, _, err = run("generate", tiny_model, "--jsonl", source, "--out", target)
    assert code == 2
    assert "400 prompt tokens" in err
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if "part" in p.name] == []


def test_missing_things_have_their_exit_codes(run, tiny_model, tmp_path):
    assert run("chat", "nothing", "--prompt", "a")[0] == 3
    assert run("generate", tiny_model, "--file", tmp_path / "none.txt")[0] == 3
    assert run("generate", tiny_model, "--prompt", "a", "--out", tmp_path / "none" / "x")[0] == 3
    assert run("generate", tiny_model, "--prompt", "", *GREEDY)[0] == 2
    assert run("generate", tiny_model, "--prompt", "a", "--top-p", "3")[0] == 2
    assert run("generate", tiny_model, "--prompt", "a", "--logit-bias", "x")[0] == 2
    assert run("generate", tiny_model, "--prompt", "a", "--backend", "abacus")[0] == 2
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert run("generate", tiny_model, "--file", binary)[0] == 2


def test_list_names_the_demo_and_what_is_installed(run, home, make_tiny_model):
    target = home / "data" / "models" / "someone" / "tiny"
    target.parent.mkdir(parents=True)
    make_tiny_model().rename(target)
    broken = home / "data" / "models" / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    code, out, _ = run("list", "--json")
    assert code == 0
    models = {m["name"]: m for m in map(json.loads, out.splitlines())}
    assert set(models) == {"demo", "someone/tiny", "broken"}
    assert models["someone/tiny"]["architecture"] == "LlamaForCausalLM"
    assert models["someone/tiny"]["problem"] is None
    assert "not valid JSON" in models["broken"]["problem"]
    assert "someone/tiny" in run("list")[1]
    assert run("generate", "someone/tiny", "--prompt", "a", *GREEDY)[0] == 0


def test_bench_reports_figures(run, tiny_model):
    words = ("bench", tiny_model, "--input-len", 20, "--output-len", 5, "--requests", 6, "--concurrency", 3, "--json")
    code, out, _ = run(*words)
    figures = json.loads(out)
    assert code == 0
    assert figures["requests"] == 6
    assert figures["output_tokens_per_s"] > 0
    assert 0 < figures["first_token_s_median"] <= figures["first_token_s_max"]
    assert run("bench", tiny_model, "--requests", "0")[0] == 2


def test_doctor_finds_this_installation_in_order(run):
    code, out, _ = run("doctor", "--json")
    checks = {c["name"]: c for c in map(json.loads, out.splitlines())}
    assert code == 0, out
    assert checks["demo model"]["status"] == "ok"
    assert checks["numpy"]["status"] == "ok"
    assert checks["child process"]["status"] == "ok"
    assert "GPU" in checks
    assert "TensorRT for RTX" in checks


def test_doctor_says_when_no_child_process_can_be_started(run, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "blocked"))
    code, out, _ = run("doctor", "--json")
    check = next(c for c in map(json.loads, out.splitlines()) if c["name"] == "child process")
    assert code == 1
    assert check["status"] == "fail"
    assert "cannot be started (No such file or directory)" in check["detail"]
    assert "security software" in check["advice"]


def test_doctor_says_when_a_folder_cannot_be_written(run, home, monkeypatch):
    home.parent.mkdir(exist_ok=True)
    monkeypatch.setattr("core.commands.doctor.os.access", lambda path, mode: False)
    code, out, _ = run("doctor")
    assert code == 1
    assert "cannot be written" in out
    assert "DESKSIDE_HOME" in out


def test_a_chat_model_that_ends_at_once_is_explained(run, make_tiny_model):
    folder = make_tiny_model()
    end = json.loads((folder / "config.json").read_text())["eos_token_id"]
    at_once = ("--logit-bias", f"{end}=1000")
    for words in (("--prompt", "One"), ("--prompt", "One", "--json"), ("--prompt", "One", "--prompt", "Two")):
        code, out, err = run("generate", folder, *words, *at_once)
        assert code == 0
        assert err.splitlines()[-1] == (
            "The model ended at once, with no text. It is made for conversations: add --chat."
        )
        assert "add --chat" not in out
    for words in (("--chat", *at_once), ("--stop", "a", "--logit-bias", "64=1000"), GREEDY):
        _, _, err = run("generate", folder, "--prompt", "One", *words)
        assert "add --chat" not in err


def test_jsonl_lines_end_at_newlines_only_and_may_begin_with_a_mark(run, tiny_model, tmp_path):
    source = tmp_path / "in.jsonl"
    texts = ["a\u2028b", "c\x85d"]  # line ends to str.splitlines, plain characters to JSON
    lines = [json.dumps({"prompt": text, "id": "\ud800"}, ensure_ascii=False) for text in texts]
    lines = [line.encode("utf-8", "backslashreplace").decode() for line in lines]
    source.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
    out = tmp_path / "out.jsonl"
    code, _, err = run("generate", tiny_model, "--jsonl", source, "--out", out, *GREEDY)
    assert (code, err) == (0, "")
    results = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]
    assert [result["id"] for result in results] == ["\ud800"] * 2  # written back as it came
    code, _, err = run("generate", tiny_model, "--jsonl", source, "--out", tmp_path)
    assert code == 2
    assert "is a folder" in err


def spawn_core(*words, stdin=b"", **environment):
    return subprocess.run(
        [sys.executable, "-m", "core", *map(str, words)],
        input=stdin,
        capture_output=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **environment},
        timeout=120,
        check=False,
    )


def test_text_through_pipes_is_utf_8_whatever_the_locale_says(tiny_model, home):
    latin = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    line = '{"prompt": "One", "id": "日本 😀"}'.encode()
    done = spawn_core("generate", tiny_model, "--jsonl", "-", *GREEDY, stdin=line, **latin)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("utf-8"))["id"] == "日本 😀"
    done = spawn_core("chat", tiny_model, *GREEDY, stdin=b"\xff\xfe\n", **latin)
    assert done.returncode == 2
    assert b"stdin is not UTF-8 text" in done.stderr


def test_silly_arguments_are_refused_in_words(run, tiny_model):
    for words, code, reason in (
        (("generate", "~nobody-by-that-name/model", "--prompt", "a"), 3, "no model or folder"),
        (("generate", "a" * 300, "--prompt", "a"), 3, "aaa"),
        (("generate", tiny_model, "--prompt", "a", "--kv-tokens", 0), 2, "kv_tokens is 0"),
        (("generate", tiny_model, "--prompt", "a", "--temperature", "nan"), 2, "temperature is nan"),
        (("generate", tiny_model, "--prompt", "\udcff"), 2, "not valid Unicode"),
    ):
        got, _, err = run(*words)
        assert got == code, err
        assert reason in err
    code, out, _ = run(
        "bench",
        tiny_model,
        *["--concurrency", "600", "--requests", "2", "--input-len", "4", "--output-len", "2", "--json"],
    )
    assert code == 0
    assert json.loads(out)["requests"] == 2


def test_a_message_that_is_too_long_does_not_end_the_conversation(tiny_model, home, monkeypatch, capsys):
    lines = iter(["Hello", "x" * 400, "And?", None])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("core.commands.chat._read_line", lambda _at_terminal: next(lines))
    assert main(["core", "chat", str(tiny_model), *GREEDY]) == 0
    captured = capsys.readouterr()
    assert "do not fit" in captured.err
    assert captured.err.count("tokens/s") == 2


def test_a_reader_that_goes_away_is_no_error(tiny_model, home):
    command = [
        sys.executable,
        "-m",
        "core",
        "generate",
        str(tiny_model),
        "--prompt",
        "a",
        "--max-tokens",
        "200",
        "--ignore-eos",
    ]
    root = Path(__file__).parents[3]
    env = os.environ | {"PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    process.stdout.read(1)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 0
    assert "Traceback" not in err


BREAKAGES = {
    "no tokenizer": lambda f: (f / "tokenizer.json").unlink(),
    "corrupt tokenizer": lambda f: (f / "tokenizer.json").write_text("{"),
    "no weights": lambda f: (f / "model.safetensors").unlink(),
    "truncated weights": lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:5000]),
    "corrupt header": lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 64),
    "pickle only": lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
    "unknown architecture": lambda f: edit_config(f, architectures=["MysteryForCausalLM"]),
    "template that raises": lambda f: edit(f / "tokenizer_config.json", chat_template="{{ raise_exception('No.') }}"),
    "no config": lambda f: (f / "config.json").unlink(),
}


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_config(folder, **changes):
    edit(folder / "config.json", **changes)


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_model_is_one_sentence_and_a_non_zero_exit(run, make_tiny_model, home, name):
    folder = make_tiny_model()
    BREAKAGES[name](folder)
    before = sorted(path.name for path in folder.iterdir())
    code, out, err = run("chat", folder, "--prompt", "Hello")
    assert code != 0
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("deskside: ")
    assert "internal error" not in lines[0]
    assert str(folder) in lines[0] or name == "template that raises"
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not home.exists()


def test_nan_weights_are_named(run, make_tiny_model):
    folder = make_tiny_model()
    raw = bytearray((folder / "model.safetensors").read_bytes())
    raw[-4:] = b"\xff\xff\xff\x7f"
    (folder / "model.safetensors").write_bytes(raw)
    code, _, err = run("chat", folder, "--prompt", "Hello")
    assert code == 4
    assert "model.safetensors" in err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_without_permission(run, make_tiny_model):
    folder = make_tiny_model()
    folder.chmod(0)
    try:
        code, _, err = run("chat", folder, "--prompt", "Hello")
    finally:
        folder.chmod(stat.S_IRWXU)
    assert code in (3, 4)
    assert "permission" in err.lower()
