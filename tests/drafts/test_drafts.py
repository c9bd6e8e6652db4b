"""Drafted examples: spread, no repeats, none counted before a person kept it, and marked after."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from rung.climbing.tools import ClimbOptions
from rung.errors import UserError
from rung.loop.drafts import Drafted, Drafts, draft
from rung.models.base import ChatRequest
from rung.task.load import load_task
from rung.task.types import DRAFTED
from rung.ui.app import create_app
from rung.ui.site import Site
from scripted import ScriptedEmbedder, ScriptedModel

MODEL, EMBEDDER = "http://localhost:1/v1#m", "local/all-minilm-l6-v2"
LABELS = ("billing", "delivery", "returns")
WORDS = [
    *("amber", "brook", "cedar", "delta", "ember", "fjord", "grove"),
    *("heath", "inlet", "jetty", "knoll", "ledge", "marsh", "north"),
]


def project(folder: Path, output: str, rows: list[dict[str, object]], more: str = "") -> Path:
    (folder / "rung.toml").write_text(
        f'[task]\ninstruction = "Route it."  # ours\nexamples = "e.jsonl"\n{more}'
        f'[output]\n{output}\n[target]\nscore = 0.8\n[models]\ntry = ["{MODEL}"]\n'
        "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 1\n"
    )
    (folder / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    rows = [
        {"input": f"{WORDS[i % 14]} {WORDS[i // 14]} number {i * 7919}", "expected": LABELS[i % 3]}
        for i in range(120)
    ]
    return project(tmp_path, f"labels = {list(LABELS)}", rows)


def ask(folder: Path, n: int, model: ScriptedModel) -> Drafted:
    opts = ClimbOptions(models={MODEL: model}, embedders={EMBEDDER: ScriptedEmbedder(EMBEDDER)})
    return draft(folder, n, opts)


def writer(request: ChatRequest) -> str:
    return json.dumps(
        {"input": f"{WORDS[request.seed % 14]} case {request.seed * 104729} asks why"}
    )


def test_drafts_are_spread_and_shown_nothing_of_test(tickets: Path) -> None:
    seen: list[ChatRequest] = []

    def answer(request: ChatRequest) -> str:
        seen.append(request)
        return writer(request)

    done = ask(tickets, 18, ScriptedModel(answer, MODEL))
    assert len(done.drafts) + sum(done.left_out.values()) == 18
    labels = Counter(one.topic for one in done.drafts)
    assert set(labels) == set(LABELS) and max(labels.values()) <= 6
    assert {one.difficulty for one in done.drafts} == {"plain", "casual", "hard"}
    task = load_task(tickets)
    text = "\n".join(m.content for request in seen for m in request.messages)
    assert any(e.input_text() in text for e in task.train)
    assert not any(e.input_text() in text for e in (*task.dev, *task.test))
    assert "# ours" in (tickets / "rung.toml").read_text()


def test_repeats_and_what_breaks_the_contract_are_left_out_and_counted(tickets: Path) -> None:
    row = load_task(tickets).test[0].input
    said = [
        json.dumps({"input": row}),
        json.dumps({"input": "A whole new matter about a lamp"}),
        json.dumps({"input": "A whole new matter about a lamp!"}),
        "no json at all",
        json.dumps({"input": ""}),
        json.dumps({"input": ["a", "list"]}),
    ]
    done = ask(tickets, 6, ScriptedModel(lambda request: said[request.seed], MODEL))
    assert [one.input for one in done.drafts] == ["A whole new matter about a lamp"]
    assert done.left_out == {
        "no JSON": 1,
        "no input": 2,
        "nearly repeats an example or another draft": 2,
    }


def test_none_counts_before_it_is_kept_and_kept_ones_are_marked(tickets: Path) -> None:
    before = load_task(tickets)
    done = ask(tickets, 30, ScriptedModel(writer, MODEL))
    assert load_task(tickets).fingerprint() == before.fingerprint()
    store = Drafts(tickets)
    for number, one in enumerate(done.drafts):
        if number == 0:
            store.discard(one.id, "ann")
        elif number == 1:
            store.keep(one.id, before.output, "ann", ("Another text altogether", "returns"))
        else:
            store.keep(one.id, before.output, "ann")
    task = load_task(tickets)
    drafted = [e for e in (*task.train, *task.dev, *task.test) if DRAFTED in e.meta]
    assert len(drafted) == len(done.drafts) - 1
    assert Counter(e.meta[DRAFTED] for e in drafted)["corrected"] == 1
    tested = sum(DRAFTED in e.meta for e in task.test)
    assert tested and any(f"{tested} of {len(task.test)} test examples" in n for n in task.notes)
    with pytest.raises(UserError, match="looked at already"):
        store.keep(done.drafts[0].id, task.output, "ann")


def test_drafts_never_join_a_test_file(tmp_path: Path) -> None:
    rows = [{"input": f"{w} thing", "expected": LABELS[i % 3]} for i, w in enumerate(WORDS)]
    folder = project(tmp_path, f"labels = {list(LABELS)}", rows)
    text = (folder / "rung.toml").read_text()
    (folder / "rung.toml").write_text(
        text.replace('examples = "e.jsonl"', 'train = "e.jsonl"\ntest = "t.jsonl"')
    )
    (folder / "t.jsonl").write_text(json.dumps({"input": "lone row", "expected": "returns"}) + "\n")
    done = ask(folder, 6, ScriptedModel(writer, MODEL))
    for one in done.drafts:
        Drafts(folder).keep(one.id, load_task(folder).output, "ann")
    task = load_task(folder)
    assert done.drafts and len(task.test) == 1 and not any(DRAFTED in e.meta for e in task.test)


def test_an_answer_has_to_stand_in_its_document(tmp_path: Path) -> None:
    documents = [{"id": f"d{i}", "text": f"The {w} gate opens at {i + 5}."} for i, w in
                 enumerate(WORDS)]  # fmt: skip
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    rows = [{"input": f"When does {w} open?", "expected": f"{i + 5}", "context_ids": [f"d{i}"]}
            for i, w in enumerate(WORDS)]  # fmt: skip
    folder = project(tmp_path, "text = { max_words = 5 }", rows, 'documents = "d.jsonl"\n')

    def answer(request: ChatRequest) -> str:
        text = request.messages[-1].content.split("<document>\n")[1].split("\n")[0]
        what = text.split()[-1].strip(".") if request.seed % 2 else "at midnight"
        return json.dumps({"input": f"Say the hour for {text.split()[1]}, {request.seed}th time",
                           "expected": what})  # fmt: skip

    done = ask(folder, 4, ScriptedModel(answer, MODEL))
    assert done.left_out == {"its answer does not stand in the document": 2}
    assert all(one.context_ids and one.expected != "at midnight" for one in done.drafts)


def test_the_page_keeps_corrects_and_throws_away(tickets: Path) -> None:
    done = ask(tickets, 6, ScriptedModel(writer, MODEL))
    client = TestClient(create_app(Site([tickets])), base_url="http://127.0.0.1")
    home = client.get("/index.json").json()["projects"][0]["project"]
    address = f"/p/{home}/drafts"

    def send(verdict: str, **changes: str) -> int:
        page = client.get(address).text
        token = page.split('name="token" value="')[1].split('"')[0]
        ident = page.split('name="draft" value="')[1].split('"')[0]
        one = next(d for d in Drafts(tickets).waiting() if d.id == ident)
        form = {"token": token, "draft": ident, "verdict": verdict, "input": str(one.input),
                "expected": str(one.expected), **changes}  # fmt: skip
        return client.post(address, data=form, headers={"origin": "http://127.0.0.1"}).status_code

    assert send("keep") == 200
    assert send("keep", expected="no label of ours") == 400
    assert send("keep", input="Said in my own words") == 200
    assert send("discard") == 200
    states = Counter(one.state for one in Drafts(tickets).all())
    assert states["approved"] == states["corrected"] == states["discarded"] == 1
    assert client.get(address + ".json").json()["waiting"] == len(done.drafts) - 3
    lines = [json.loads(line) for line in (tickets / "drafted.jsonl").read_text().splitlines()]
    assert [line["meta"]["drafted"] for line in lines] == ["approved", "corrected"]
