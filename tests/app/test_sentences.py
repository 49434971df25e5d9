"""What the service says is said in the window's language: every sentence that a user can meet."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from app.languages import install_language
from app.messages import Message, Messages
from app.sentences import said, said_of
from app.service_codes import CODES, OWN
from app.service_sentences import REWORDED, SENTENCES
from core import errors
from core.documents.trouble import DocumentUnusable
from core.errors import DiskFull, InternalError, ModelDamaged, ModelUnusable, NotFound, UserError

ROOT = Path(__file__).parents[2]
# Where the errors are made that a user of the window can meet. The other modules of core speak to programs (parameters of the
# HTTP interface, grammars, tools) or to the command line; what `engines` finds wrong with a model's files keeps its English.
MODULES = (
    "app", "core/client.py", "core/config.py", "core/documents/ask.py", "core/documents/budget.py",
    "core/documents/formats/pdf.py", "core/documents/read.py", "core/documents/reader.py", "core/documents/report.py",
    "core/documents/summarize.py", "core/errors.py", "core/jobs", "core/library", "core/lifecycle.py",
    "core/scheduler/scheduler.py", "core/service/documents.py", "core/service/handle.py", "core/service/limits.py",
    "core/probe.py", "core/service/models.py", "core/service/runs.py", "core/service/state.py", "core/service/supervisor.py",
    "core/spawn.py", "core/text/chat_template.py", "core/text/convert.py", "core/text/special.py",
    "core/text/prompt.py", "core/text/tokenizer.py", "core/worker/main.py", "core/worker/serve.py",
)  # fmt: skip
# Sentences of those modules that the window gives no occasion for: it does not send such requests.
FOR_PROGRAMS = (
    "is no setting of Deskside;", " but must be ", "There are no jobs of kind", "The parameters of the job are",
    "cannot be paused.", "A running job of kind", "This Deskside has no jobs of kind", "The parameters of the build",
    "of the job cannot be used:", "A job of kind ", "The prompt holds", "This service ", "Another model is loaded as",
    "Paths must be absolute", ", not about documents.", "Request {} is already running", "n is {}, but", "stop_token_ids",
    "This very build is running", "GET /v1/models", "calibrate with", "give some thousand words", "some thousand words are",
    "cannot be read as UTF-8", "There is no precision", "A context of at least", "The model's context has",
    "in the table;", "The process that checked",
)  # fmt: skip
STALE = {
    kind.__name__ for kind in (errors.EngineStale, errors.EngineRebuilding, errors.DoesNotFit)
}  # their code says it
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, UserError)}
ERRORS = (KINDS | {DocumentUnusable.__name__, "JobFailed"}) - STALE


def plain(text: str) -> str:
    """With nothing in the blanks: their names are free."""
    return re.sub(r"\{\w+\}", "{}", text)


def text_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return None


def files() -> Iterator[Path]:
    for name in MODULES:
        path = ROOT / name
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def raised(path: Path) -> Iterator[str]:
    """Sentences of the errors made in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            place = 1 if node.func.id == "JobFailed" else 0
            text = text_of(node.args[place]) if len(node.args) > place else None
            if text and not re.fullmatch(r"[{}. ]+", text):
                yield text
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            kept = node.func.value  # notes of a document, or of what was made of it
            name = kept.attr if isinstance(kept, ast.Attribute) else kept.id if isinstance(kept, ast.Name) else ""
            text = text_of(node.args[0]) if name == "notes" and "documents" in path.parts else None
            if text and not re.fullmatch(r"[{}: ]+", text):
                yield text


@pytest.fixture
def chinese(qapp: QApplication) -> Iterator[None]:
    install_language("zh_CN")
    yield
    install_language("en")


def test_every_sentence_a_user_can_meet_is_in_the_table() -> None:
    known = {plain(text) for text in (*SENTENCES, *REWORDED)}
    missing = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in files()
        for text in raised(path)
        if text not in known and not any(words in text for words in FOR_PROGRAMS)
    ]
    assert not missing, "add to app/service_sentences.py and translate:\n" + "\n".join(missing)


def test_every_sentence_of_the_table_is_still_said() -> None:
    said_now = {
        text
        for folder in ("app", "core")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "service_sentences.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.expr) and (text := text_of(node))
    }
    everything = "\n".join(sorted(said_now))
    of_the_system = {
        "Permission denied",
        "No such file or directory",
        "No space left on device",
        "Read-only file system",
    }
    of_the_system |= {"Input/output error", "Is a directory"}
    gone = [text for text in (*SENTENCES, *REWORDED) if plain(text) not in everything and text not in of_the_system]
    assert not gone, "changed or gone in core; change app/service_sentences.py:\n" + "\n".join(gone)


def test_every_code_has_a_meaning(chinese: None) -> None:
    core = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "core").rglob("*.py"))
    codes = set(re.findall(r'^    code(?:: ClassVar\[str\])? = "(\w+)"', core, re.MULTILINE))
    assert {InternalError.code, DocumentUnusable.code, "disk_full"} <= codes
    jobs = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "core/jobs").glob("*.py"))
    codes |= set(re.findall(r'JobState\.FAILED, "(\w+)"', jobs)) | set(re.findall(r'JobFailed\(\s*"(\w+)"', jobs))
    assert codes <= CODES.keys() | OWN.keys(), codes - CODES.keys() - OWN.keys()
    for code in codes:
        assert said("What nobody translated.", code) != "What nobody translated.", code


def test_a_sentence_and_what_is_in_its_blanks(chinese: None) -> None:
    assert said("The model 'Qwen/Qwen3-8B' is not loaded.") == "模型“Qwen/Qwen3-8B”未加载。"
    assert said("'/a b/Ü.pdf' cannot be read (Permission denied).") == "无法读取“/a b/Ü.pdf”（没有权限）。"
    text = "The process of this job was ended by signal 9 (SIGKILL), which the system also sends when memory runs out before it "
    assert said(text + "was done; resume to try again.").startswith(
        "此任务的进程在完成之前被信号 9（SIGKILL）结束，内存耗尽"
    )
    assert said("") == ""


def test_a_name_with_braces_is_a_name(chinese: None) -> None:
    assert said("The model '{name}{0}%1' is not loaded.") == "模型“{name}{0}%1”未加载。"


def test_what_is_not_in_the_table_keeps_its_english_after_what_it_means(chinese: None) -> None:
    error = ModelUnusable("model.safetensors names a tensor twice.")
    assert said_of(error) == "此模型的文件无法使用。详情（英文）：model.safetensors names a tensor twice."
    error = ModelDamaged("model.safetensors is cut short; download it again with: deskside core pull x.")
    assert said_of(error).startswith("此模型的文件缺失或损坏。请在“模型”页删除它并重新下载；")
    assert said_of(error).endswith("详情（英文）：model.safetensors is cut short.")
    assert said("Something new.", "a code of a newer version") == "Something new."


def test_english_is_left_as_it_is(qapp: QApplication) -> None:
    install_language("en")
    for sentence in ("The model 'x' is not loaded.", "Something else.", "a {b} c"):
        assert said(sentence, "not_found") == sentence


def test_an_engine_that_is_built_again_says_so_without_a_command(qapp: QApplication) -> None:
    install_language("en")
    stale = "The engine x:int4 cannot be used: /e/w has another size; build it again with: deskside core build x."
    error = errors.EngineRebuilding(f"{stale} It is being built again (job b); ask once more when it is done.")
    assert said_of(error) == (
        "This engine cannot be used as it is, and is being built again (Models). Try again when that is done. "
        "Details: The engine x:int4 cannot be used: /e/w has another size."
    )


COMMANDS = re.compile(r"deskside core|--\w|\bHF_\w+|pip install|`|\bGET /")
NAMED = ("{held_by}", "HF_HUB_OFFLINE;", "as `library`")  # what was set by hand has to be named


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_window_advises_no_commands(qapp: QApplication, language: str) -> None:
    """Who only clicked has no command line, and set no variables."""
    install_language(language)
    for sentence in (*SENTENCES, *REWORDED):
        if not any(words in sentence for words in NAMED):
            assert not COMMANDS.search(said(sentence)), said(sentence)
    for code in OWN:
        sentence = said("No driver is installed; install it, or use --backend reference.", code)
        assert not COMMANDS.search(sentence), sentence
        assert "No driver is installed." in sentence
    install_language("en")


def test_advice_names_what_the_window_has(qapp: QApplication) -> None:
    """Pages, cards and buttons by the very words that are on them."""
    install_language("en")
    texts = Path(ROOT / "app/translations/deskside_zh_CN.ts").read_text(encoding="utf-8")
    advice = "\n".join((*REWORDED.values(), *OWN.values()))
    for name in re.findall(r"“([^”{]+)”", advice) + re.findall(r"\(((?:Models|Settings)[\w, ]*)\)", advice):
        for word in name.split(", "):
            assert f"<source>{word}</source>" in texts, word


def test_every_sentence_is_found_by_itself_and_keeps_its_blanks(chinese: None) -> None:
    """No other sentence of the table takes it for its own."""
    for sentence in (*SENTENCES, *REWORDED):
        shown = said(re.sub(r"\{(\w+)\}", r"«\1»", sentence))
        for name in re.findall(r"\{(\w+)\}", REWORDED.get(sentence, sentence)):
            assert f"«{name}»" in shown, sentence
        rest = re.sub("«.*?»|`.*?`", "", shown)
        assert not re.search(r"[a-z]{4,} [a-z]{3,} [a-z]{3,}", rest), shown


def test_errors_reach_the_user_in_the_language(chinese: None, qapp: QApplication) -> None:
    messages, posted = Messages(), list[Message]()
    messages.posted.connect(posted.append)
    messages.error(NotFound("There is no folder /mnt/x."))
    messages.error(DiskFull("The disk of D: is odd."))
    messages.error("There is no folder /mnt/y.")
    assert [message.text for message in posted] == [
        "没有文件夹 /mnt/x。",
        "磁盘已满。详情（英文）：The disk of D: is odd.",
        "没有文件夹 /mnt/y。",
    ]
