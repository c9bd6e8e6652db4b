"""A site with invented runs, its client without a network, and a server for a real browser."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from report.synthetic import make_diagnosis, make_run, make_task, write_run
from report.test_html import hostile_run
from rung.climbing.ledger import TestLedger
from rung.errors import UserError
from rung.records import Answer, Passage
from rung.task.load import load_task
from rung.task.types import Task, TextOutput
from rung.traffic import Feedback, TrafficRecord, open_store
from rung.ui.app import create_app, listen
from rung.ui.site import Site
from serve.winners import save_winner

LOOPBACK = "http://127.0.0.1"
RUN = "/p/tickets/runs/new"
CONFIG = """# Which queue?
[task]
instruction = "Route the customer's message to one queue of the service desk."
train = "train.jsonl"
dev = "dev.jsonl"
test = "test.jsonl"

[output]
labels = ["billing", "delivery", "returns", "brakes-wheels"]

[target]   # what the desk agreed on
score = 0.85     # of every 20, 17
confidence = 0.95

[workload]
requests_per_month = 42_000
"""


@pytest.fixture(autouse=True)
def no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of doubted labels opens none here: tests/audit/test_labels.py has one of its own."""

    def refuse(*_: object) -> None:
        raise UserError("no embedder in these tests")

    monkeypatch.setattr("rung.climbing.auditing.open_embedder", refuse)


def write_task(folder: Path, task: Task, config: str = CONFIG) -> None:
    """The task's files, as a user has them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rung.toml").write_text(config, encoding="utf-8")
    for split in ("train", "dev", "test"):
        rows = [e.model_dump(mode="json", include={"id", "input", "expected"})
                for e in task.split(split)]  # fmt: skip
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")


def show_test(folder: Path) -> None:
    """As `rung reveal` does: pages show the test examples too."""
    TestLedger(folder / ".rung", load_task(folder), ()).show()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three projects: one with two runs, one never climbed, one whose every text is hostile."""
    root = tmp_path_factory.mktemp("home")
    task = make_task()
    write_task(root / "tickets", task)
    show_test(root / "tickets")
    for name, seed, age in (("old", 7, 100), ("new", 0, 0)):
        result, attempts = make_run(task, seed)
        changed = result.model_copy(
            update={"run": name, "started": f"2026-11-{20 + (not age)}T08:00:00+00:00"}
        )
        diagnosis = make_diagnosis(task, result) if name == "new" else None
        run = write_run(root / "tickets/.rung/runs" / name, changed, attempts, diagnosis)
        os.utime(run / "run.json", (1e9 - age, 1e9 - age))
    write_task(root / "fresh", task)
    result, attempts, hostile = hostile_run()
    write_run(root / "hostile/.rung/runs/bad", result, attempts)
    text = CONFIG.split("[output]")[0] + "[output]\ntext = {}\n[target]\nscore = 0.5\n"
    write_task(root / "hostile", hostile, text)
    harvest = root / "hostile/.rung/harvest"
    harvest.mkdir()
    rows = [{"input": str(e.input), "answer": str(e.expected)} for e in hostile.test]
    (harvest / "today.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows) + "not json\n", encoding="utf-8"
    )
    log_hostile(root / "hostile", [str(e.expected) for e in hostile.test])
    return root


def log_hostile(folder: Path, texts: Sequence[str]) -> None:
    """A log whose every text comes from outside, beside the winner that answered."""
    save_winner(folder, "http://127.0.0.1:9/v1", TextOutput())
    store = open_store(folder)
    store.add(
        [
            TrafficRecord(
                id=f"r{number}",
                candidate=text[:500],
                solver="5" * 64,
                input={text[:500]: text} if number % 2 else text,
                answer=Answer(
                    text=text, valid=number % 3 > 0, problem=text, citations=(0, 7),
                    passages=(Passage(document_id=text[:90], title=text, text=text),) * 2,
                ),
            )
            for number, text in enumerate(texts)
        ]
    )  # fmt: skip
    for number, text in enumerate(texts[:3]):
        given = {"verdict": "corrected", "corrected": text} if number else {"verdict": "wrong"}
        store.add_feedback(
            Feedback.model_validate(
                {"request_id": f"r{number}", "who": text, "note": text, **given}
            )
        )
    store.close()


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A copy of the first project that a test may change, without what other tests had embedded."""
    embedded = shutil.ignore_patterns("cache.sqlite*")
    return Path(shutil.copytree(home / "tickets", tmp_path / "tickets", ignore=embedded))


@pytest.fixture(scope="session")
def client(home: Path) -> TestClient:
    """The three projects, without a network."""
    return TestClient(create_app(Site([home])), base_url=LOOPBACK)


def client_of(*folders: Path, key: str | None = None) -> TestClient:
    """A client of some folders."""
    return TestClient(create_app(Site(folders, key)), base_url=LOOPBACK, follow_redirects=False)


class Server:
    """A site on a port of the loopback, in a thread."""

    def __init__(self, site: Site) -> None:
        self._socket = listen("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(site), log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        sockets = [self._socket]
        self._thread = threading.Thread(target=self._server.run, args=(sockets,), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.01)
        return self.address

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture(scope="session")
def served(home: Path) -> Iterator[str]:
    """The address of a running server with the three projects."""
    with Server(Site([home])) as address:
        yield address
