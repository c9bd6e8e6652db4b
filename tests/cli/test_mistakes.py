"""Ten mistakes a newcomer makes: one sentence on standard error, no traceback, nothing half-made.

`SENTENCES` is what the terminal says to each; `{folder}` is the folder that was given.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rung.cli.app import EXIT, INTERRUPTED, USER_ERROR, main
from rung.models.fetch import model_folder
from scripted import ScriptedEmbedder

LOCAL = "local/smollm2-135m-instruct"
TIMED = 21
PROGRAM = "from rung.cli.app import main; main()"
BLOCKED = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ('torch', 'transformers', 'tokenizers', 'safetensors', 'gguf', 'peft'):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
{PROGRAM}
"""
needs_model = pytest.mark.skipif(
    model_folder(LOCAL) is None, reason=f"{LOCAL} is not on this machine: run `rung models fetch`"
)
LABELS = ("amber", "birch", "cedar")
SENTENCES = {
    "no file": "{folder}/rung.toml: no such file; `rung init` writes a starter, or name the folder "
    "that holds rung.toml",
    "a typo in a key": "rung.toml: unknown key 'exmaples' in [task]; did you mean 'examples'?",
    "a label outside the list": "examples.jsonl line 91: 'expected' is 'oak', which is not one of "
    "the 3 labels of [output]; known: 'amber', 'birch', 'cedar'",
    "a broken line": "examples.jsonl line 91: not one JSON object (Expecting property name "
    'enclosed in double quotes: line 1 column 22 (char 21)): \'{{"input": "item 90", \'; JSONL '
    "has one object a line",
    "an empty test split": "test.jsonl: the file has no rows; add at least one",
    "an empty document folder": "docs: no document found (it is empty); put files in it that end "
    "in .md, .markdown, .mdx, .rst, .txt, .html, .htm, .xhtml, .pdf, .docx, .pptx, .xlsx, .epub, "
    ".eml, .csv, .tsv or hold code",
    "a model that does not answer": "{url} cannot be reached: check the address and that the "
    "server runs",
    "a missing extra": "a local model needs the extra 'local': pip install 'rung[local]'",
    "a model that was not fetched": "the model 'local/smollm2-135m-instruct' is not on this "
    "machine: run `rung models fetch`",
    "a full disk": r"(the call cache|the run in) \S+ could not be (opened|read|written) \(.+\): "
    r"free disk space or mend its permissions and run again; answered calls are kept",
    "a budget that ends": r"UNDECIDED  The budget ran out before anything was shown to reach "
    r"accuracy 0\.7\.",
    "Ctrl-C": "interrupted; run the same command again to go on, nothing is paid twice",
}


def rows(count: int = 90) -> list[dict[str, Any]]:
    return [
        {"id": f"e{n}", "input": f"item {n} of {n * 7919 % 1009}", "expected": LABELS[n % 3]}
        for n in range(count)
    ]


def jsonl(data: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in data)


def toml(task: str = 'examples = "examples.jsonl"', model: str = "http://127.0.0.1:9/v1#m") -> str:
    return (
        f'[task]\nname = "items"\ninstruction = "Which kind?"\n{task}\n'
        f"[output]\nlabels = {json.dumps(LABELS)}\n[target]\nscore = 0.7\n"
        f'[models]\ntry = ["{model}"]\n'
        "[costs]\ninput_usd_per_mtok = 1.0\noutput_usd_per_mtok = 2.0\n"
    )


def write(folder: Path, **files: str) -> Path:
    every = {"rung.toml": toml(), "examples.jsonl": jsonl(rows()), **files}
    for name, text in every.items():
        (folder / name).write_text(text)
    return folder


class Said(NamedTuple):
    code: int
    out: str
    err: str


Terminal = Callable[..., Said]


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The command line in this process; texts are embedded by counting words."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("rung.climbing.tools.open_embedder", lambda *_: ScriptedEmbedder())

    def type_in(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["rung", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(int(ended.value.code or 0), *capsys.readouterr())

    return type_in


def process(*arguments: str | Path, program: str = PROGRAM, **how: Any) -> Said:
    """The command line in a process of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, **how)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def refuses(said: Said, case: str, **parts: object) -> None:
    """That case's sentence, the code for wrong input, and nothing else."""
    assert said == (USER_ERROR, "", f"rung: {SENTENCES[case].format(**parts)}\n")


WRITTEN: dict[str, dict[str, str]] = {
    "a typo in a key": {"rung.toml": toml('exmaples = "examples.jsonl"')},
    "a label outside the list": {
        "examples.jsonl": jsonl([*rows(), {"input": "item 90", "expected": "oak"}])
    },
    "a broken line": {"examples.jsonl": jsonl(rows()) + '{"input": "item 90", \n'},
    "an empty test split": {
        "rung.toml": toml('train = "examples.jsonl"\ntest = "test.jsonl"'),
        "test.jsonl": "",
    },
}


@pytest.mark.parametrize("case", WRITTEN)
@pytest.mark.parametrize("command", ["climb", "plan"])
def test_what_is_written_wrongly(
    case: str, command: str, tmp_path: Path, terminal: Terminal
) -> None:
    write(tmp_path, **WRITTEN[case])
    before = sorted(tmp_path.iterdir())
    refuses(terminal(command, tmp_path), case)
    assert sorted(tmp_path.iterdir()) == before


def test_no_file(tmp_path: Path, terminal: Terminal) -> None:
    refuses(terminal("climb", tmp_path), "no file", folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_empty_document_folder(tmp_path: Path, terminal: Terminal) -> None:
    write(tmp_path, **{"rung.toml": toml('examples = "examples.jsonl"\ndocuments = "docs"')})
    (tmp_path / "docs").mkdir()
    refuses(terminal("climb", tmp_path), "an empty document folder")
    assert not (tmp_path / ".rung").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("clim", "."), "rung: No such command 'clim'. Did you mean 'climb'?"),
        (("climb",), "rung: Missing argument 'DIR|FILE'; `--help` says what there is"),
        (("climb", ".", "--bugdet", "3"), "rung: No such option: --bugdet"),
        (("climb", ".", "--budget", "lots"), "rung: Invalid value for '--budget'"),
        (("climb", ".", "--budget", "-1"), "rung: the budget is -1 USD: give 0 or more"),
        (
            ("climb", ".", "--only", "rga"),
            "rung: unknown value 'rga' of --only; did you mean 'rag'",
        ),
        (("climb", ".", "--mode", "fats"), "rung: unknown value 'fats' of --mode; did you mean"),
    ],
)
def test_a_typo_on_the_command_line(
    arguments: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(write(tmp_path))
    said = terminal(*arguments)
    assert said.code == USER_ERROR and said.err.startswith(sentence)
    assert "\n" not in said.err.strip() and not (tmp_path / ".rung").exists()


@pytest.mark.slow
def test_a_model_that_does_not_answer(tmp_path: Path, terminal: Terminal) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    write(tmp_path, **{"rung.toml": toml(model=f"{url}#m")})
    sentence = SENTENCES["a model that does not answer"].format(url=url)
    said = terminal("climb", tmp_path, "--json", "--only", "prompting")
    assert (said.code, said.out) == (2, "") and said.err.count("\n") == 1
    assert sentence in said.err
    assert not (tmp_path / "rung.ledger.json").exists()


@needs_model
@pytest.mark.slow
def test_a_missing_extra(tmp_path: Path) -> None:
    write(tmp_path, **{"rung.toml": toml(model=LOCAL)})
    refuses(process("climb", tmp_path, program=BLOCKED), "a missing extra")


def test_a_model_that_was_not_fetched(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, **{"rung.toml": toml(model=LOCAL)})
    monkeypatch.setenv("RUNG_MODELS", str(tmp_path / "none"))
    refuses(terminal("climb", tmp_path), "a model that was not fetched")


class Endpoint(ThreadingHTTPServer):
    """Answers every item rightly after a moment; keeps count. What asks for no item is not one."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A climb that ends hangs up."""

    def __init__(self, wait_s: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.wait_s, self.answered = wait_s, 0
        self.lock = threading.Lock()

    @property
    def model(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1#m"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.server.wait_s)
        asked = re.search(r"\bitem (\d+)|^\S+ (\d+)", body["messages"][-1]["content"])
        number = int(asked[1] or asked[2]) if asked else 0
        message = {"role": "assistant", "content": LABELS[number % 3]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
        said = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        data = json.dumps({**said, "choices": [choice], "usage": usage}).encode()
        with self.server.lock:
            self.server.answered += asked is not None
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def endpoint(wait_s: float = 0.0) -> Iterator[Endpoint]:
    server = Endpoint(wait_s)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def kept(folder: Path) -> int:
    with sqlite3.connect(folder / ".rung" / "cache.sqlite") as cache:
        return int(cache.execute("SELECT count(*) FROM calls").fetchone()[0])


def limited(size: int) -> Callable[[], None]:
    """No file may grow beyond `size` bytes: what a full disk looks like, without filling one."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 30_000])
def test_a_full_disk(size: int, tmp_path: Path) -> None:
    with endpoint() as server:
        write(tmp_path, **{"rung.toml": toml(model=server.model)})
        command = ("climb", tmp_path, "--json", "--only", "prompting")
        full = process(*command, preexec_fn=limited(size))
        assert full.code == USER_ERROR and full.out == ""
        assert "Traceback" not in full.err
        assert re.fullmatch(f"rung: {SENTENCES['a full disk']}", full.err.splitlines()[-1])
        assert not (tmp_path / ".rung" / "winner").exists()
        runs = tmp_path / ".rung" / "runs"
        assert all(json.loads(f.read_text()) for f in runs.glob("*/run.json"))
        again = process(*command)
        assert again.code == EXIT["sufficient"], again.err


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_in_the_middle_then_again(told: signal.Signals, tmp_path: Path) -> None:
    with endpoint(wait_s=0.15) as server:
        write(tmp_path, **{"rung.toml": toml(model=server.model)})
        command = ("climb", str(tmp_path), "--only", "prompting", "--json")
        pipe = subprocess.PIPE
        climbing = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *command], stdout=pipe, stderr=pipe, text=True
        )
        deadline = time.monotonic() + 60
        while server.answered < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        climbing.send_signal(told)
        out, said = climbing.communicate(timeout=30)
        assert climbing.returncode == INTERRUPTED and out == ""
        assert said.splitlines()[-1] == f"rung: {SENTENCES['Ctrl-C']}"
        assert "Traceback" not in said
        (run,) = (tmp_path / ".rung" / "runs").iterdir()
        assert json.loads((run / "run.json").read_text())["verdict"]["stopped"] == "interrupted"
        before, asked = kept(tmp_path), server.answered
        assert 10 <= before <= asked
        server.wait_s = 0.0
        again = process(*command)
        assert again.code == EXIT["sufficient"], again.err
        made = json.loads(again.out)["calls"]["made"]
        assert kept(tmp_path) == before + made - TIMED  # what times a request is not kept


@pytest.mark.slow
def test_the_budget_ends_a_climb_with_its_own_code(tmp_path: Path, terminal: Terminal) -> None:
    with endpoint() as server:
        write(tmp_path, **{"rung.toml": toml(model=server.model)})
        command = ("climb", tmp_path, "--only", "prompting")
        said = terminal(*command, "--budget", "0.001")
        assert said.code == EXIT["undecided"]
        assert said.err == "" and re.search(SENTENCES["a budget that ends"], said.out)
        told = " ".join(said.out.split())
        assert "the budget ran out" in told, told and "next: Raise the" in told
        assert (next((tmp_path / ".rung" / "runs").iterdir()) / "report.html").exists()
        assert 0 < kept(tmp_path) == server.answered
        assert server.answered * (20e-6 + 2 * 2e-6) <= 0.001
        assert terminal(*command).code == EXIT["sufficient"]


@pytest.mark.slow
def test_every_ending_has_its_code_and_again_costs_nothing(
    tmp_path: Path, terminal: Terminal
) -> None:
    with endpoint() as server:
        write(tmp_path, **{"rung.toml": toml(model=server.model)})
        command = ("climb", tmp_path, "--only", "prompting", "--json")
        first = terminal(*command)
        assert first.code == EXIT["sufficient"] == 0
        asked = server.answered
        again = terminal(*command)
        assert server.answered == asked and json.loads(again.out)["calls"]["made"] == 0
        assert json.loads(again.out)["verdict"] == json.loads(first.out)["verdict"]
        # The audit would stop both: these few examples cannot show such a target or such labels.
        command = (*command, "--anyway")
        high = toml(model=server.model).replace("score = 0.7", "score = 0.99")
        (tmp_path / "rung.toml").write_text(high)
        assert terminal(*command).code == EXIT["undecided"] == 4
        wrong = [{**row, "expected": LABELS[(n * n + 1) % 3]} for n, row in enumerate(rows())]
        (tmp_path / "examples.jsonl").write_text(jsonl(wrong))
        assert terminal(*command).code == EXIT["insufficient"] == 3
