"""Every page and its twin: what they say, what they cannot be made to do, how quick they are."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from report.synthetic import make_run, make_task, write_run
from report.test_html import HOSTILE
from rung.candidate import Candidate
from rung.report.verdict_view import BADGES
from rung.ui import app

from .conftest import RUN, client_of, show_test, write_task

PAGES = {
    "/": "/index.json",
    "/compare": "/compare.json",
    "/compare?run=tickets/old&run=tickets/new": "/compare.json?run=tickets/old&run=tickets/new",
    "/advise": "/advise.json",
    "/advise?project=tickets": "/advise.json?project=tickets",
    "/p/tickets": "/p/tickets.json",
    "/p/fresh": "/p/fresh.json",
    "/p/hostile": "/p/hostile.json",
    "/p/tickets/plan": "/p/tickets/plan.json",
    "/p/tickets/data": "/p/tickets/data.json",
    "/p/tickets/labels": "/p/tickets/labels.json",
    "/p/tickets/drafts": "/p/tickets/drafts.json",
    "/p/tickets/harvest": "/p/tickets/harvest.json",
    "/p/hostile/harvest": "/p/hostile/harvest.json",
    "/p/tickets/review": "/p/tickets/review.json",
    "/p/hostile/review?view=done&id=r1": "/p/hostile/review.json?view=done&id=r1",
    RUN: f"{RUN}.json",
    "/p/hostile/runs/bad": "/p/hostile/runs/bad.json",
    f"{RUN}/cost": f"{RUN}/cost.json",
    f"{RUN}/examples": f"{RUN}/examples.json",
    "/p/hostile/runs/bad/examples": "/p/hostile/runs/bad/examples.json",
    f"{RUN}/example?split=test&id=msg-0063": f"{RUN}/example.json?split=test&id=msg-0063",
}


class Elements(HTMLParser):
    """Every element of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_no_page_goes_without_these_tests() -> None:
    tried = {re.sub(r"\?.*", "", path) for path in PAGES}
    for route, _ in app.PAGES:
        shape = re.escape(route).replace(r"\{project\}", "[^/]+").replace(r"\{run\}", "[^/]+")
        assert any(re.fullmatch(shape, path) for path in tried), route


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_and_its_twin_says_the_same_as_json(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    page = Elements(answer.text)
    twin = next(a["href"] for tag, a in reversed(page.found) if tag == "a")
    assert twin == PAGES[path]
    told = client.get(twin)
    assert told.status_code == 200 and told.headers["content-type"] == "application/json"
    assert isinstance(json.loads(told.text), dict)
    ours_only(page)


def ours_only(page: Elements) -> None:
    """No script or sheet inside the page, and none of another host."""
    for tag, attributes in page.found:
        assert tag not in ("style", "iframe", "object", "img"), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), attributes
        assert "style" not in attributes, attributes
        if tag in ("script", "link"):
            place = attributes.get("src") or attributes.get("href") or ""
            assert place.startswith(("/static/", "data:,")), attributes
        if tag == "form":
            assert (attributes["action"] or "").startswith("/")


def test_the_first_screen_of_a_run_answers_five_questions(client: TestClient) -> None:
    result, _ = make_run(make_task())
    chosen = next(r for r in result.candidates if r.key == result.verdict.choice)
    assert chosen.test is not None and chosen.test.value is not None
    page = client.get(RUN).text
    said = Elements(page[page.index('id="verdict"') : page.index('id="ladder"')]).words
    assert "Prompt, 5 nearest examples on smollm2-135m-instruct" in said  # what to do
    assert f"How good {chosen.test.value:.2f}" in said
    assert "or more certified" in said and "with 95% confidence" in said
    assert f"What it costs a month ${chosen.monthly_usd:.2f}" in said
    assert "What would change it" in said and "Target: above" in said
    twin = client.get(f"{RUN}.json").json()["first_screen"]
    assert twin["what_to_do"] == "Prompt, 5 nearest examples"
    assert set(twin["figures"]) == {"How good", "How sure", "What it costs a month", "How fast"}
    assert twin["what_would_change_it"]


def test_a_run_shows_the_sections_of_the_report(client: TestClient) -> None:
    page = client.get(RUN).text
    for section in ("verdict", "ladder", "money", "timing", "compared", "failures", "training",
                    "prior", "flags", "examples", "repeat"):  # fmt: skip
        assert f'<section id="{section}"' in page, section
    assert "missing knowledge" in page and "Would more examples help?" in page


def test_the_first_page_lists_projects_with_their_newest_run(client: TestClient) -> None:
    page = Elements(client.get("/").text).words
    assert "fresh" in page and "Not climbed yet" in page and BADGES["sufficient"] in page
    told = {p["project"]: p for p in client.get("/index.json").json()["projects"]}
    assert set(told) == {"fresh", "tickets", "hostile"}
    assert told["tickets"]["newest"]["name"] == "new" and told["tickets"]["runs"] == 2
    assert told["fresh"]["newest"] is None


def test_two_runs_are_compared_example_by_example(client: TestClient) -> None:
    told = client.get("/compare.json?run=tickets/new&run=tickets/old").json()
    assert [r["name"] for r in told["runs"]] == ["old", "new"]  # the earlier first
    pairs = told["candidates"]
    assert len(pairs) == 9 and any(p["n"] > 50 and p["difference"] for p in pairs)
    untried = next(p for p in pairs if p["states"] == ["not tried", "not tried"])
    assert untried["difference"] == "" and untried["n"] == 0


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("run=tickets/new&run=tickets/nope", 404, "no run 'nope'"),
        ("run=tickets/new&run=tickets", 404, "write it as project/run"),
        ("run=tickets/new&run=../etc/passwd", 404, "no project '..'"),
    ],
)
def test_runs_that_are_not_there_are_named(
    client: TestClient, query: str, status: int, says: str
) -> None:
    answer = client.get(f"/compare?{query}")
    assert answer.status_code == status and says in html.unescape(answer.text)
    told = client.get(f"/compare.json?{query}")
    assert told.status_code == status and says in told.json()["error"]["message"]


@pytest.mark.parametrize(
    "path",
    ["/p/nope", "/p/tickets/runs/..%2f..%2fetc", f"{RUN}/example?split=test&id=x",
     "/static/../app.py", "/static/ui.css", "/nothing"],
)  # fmt: skip
def test_what_is_not_there_is_404_in_one_sentence(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_filters_find_the_examples_that_the_attempts_hold(client: TestClient) -> None:
    task = make_task()
    result, attempts = make_run(task)
    key = result.verdict.choice or ""
    wrong = {a.example_id for a in attempts
             if a.candidate == key and a.score == 0.0 and a.split == "test"}  # fmt: skip
    told = client.get(f"{RUN}/examples.json", params={
        "candidate": key, "outcome": "w", "split": "test"}).json()  # fmt: skip
    assert told["matching"] == len(wrong) and {e["id"] for e in told["examples"]} == wrong
    one = client.get(f"{RUN}/examples.json", params={"text": "MSG-0077"}).json()
    assert [e["id"] for e in one["examples"]] == ["msg-0077"]
    cause = client.get(f"{RUN}/examples.json", params={"cause": "wrong format"}).json()
    assert cause["matching"] == 6 and {e["split"] for e in cause["examples"]} == {"dev"}
    every = client.get(f"{RUN}/examples.json", params={"page": "3"}).json()
    assert every["of"] == 160 and every["pages"] == 7 and len(every["examples"]) == 25
    far = client.get(f"{RUN}/examples.json", params={"page": "999999"}).json()
    assert far["page"] == 7
    nobody = client.get(f"{RUN}/examples.json", params={"candidate": "nope"})
    assert nobody.status_code == 400 and "no candidate 'nope'" in nobody.json()["error"]["message"]


def test_an_example_stands_beside_every_answer(client: TestClient) -> None:
    page = client.get(f"{RUN}/example", params={"split": "test", "id": "msg-0063"})
    assert page.text.count('<article class="card') == 6
    told = client.get(f"{RUN}/example.json", params={"split": "test", "id": "msg-0063"}).json()
    assert len(told["answers"]) == 6 and told["input"].endswith(" 63")


def test_an_answer_says_which_of_several_models_gave_it(tmp_path: Path) -> None:
    task = make_task()
    two = Candidate(model="local/small", fallback="local/large")
    result, attempts = make_run(task, shapes=[(two, "pass", 0.9)])
    said = {"model": "local/large", "fallback": "refused"}
    write_task(tmp_path / "p", task)
    show_test(tmp_path / "p")
    write_run(tmp_path / "p/.rung/runs/r", result, [
        a.model_copy(update={"answer": a.answer and a.answer.model_copy(update=said)})
        for a in attempts])  # fmt: skip
    page = client_of(tmp_path).get("/p/p/runs/r/example?split=test&id=msg-0063")
    assert "answered by large; passed on: the first model refused" in page.text


def test_a_model_is_named_once_where_a_run_tries_several(client: TestClient) -> None:
    for path in ("/", "/p/hostile", "/p/hostile/runs/bad"):
        said = Elements(client.get(path).text).words
        assert "Prompt, 5 nearest examples on smollm2-135m-instruct" in said, path


@pytest.mark.slow
def test_hostile_texts_stay_texts_on_every_page(client: TestClient) -> None:
    paths = ["/", "/compare", "/p/hostile", "/p/hostile/harvest", "/p/hostile/runs/bad",
             "/p/hostile/runs/bad/examples"]  # fmt: skip
    told = client.get("/p/hostile/runs/bad/examples.json").json()
    pages = [client.get(path) for path in paths]
    pages += [
        client.get("/p/hostile/runs/bad/example", params={"split": e["split"], "id": e["id"]})
        for e in told["examples"]
    ]
    pages.append(client.get("/p/hostile/runs/bad/examples", params={"text": HOSTILE[2]}))
    for view in ("todo", "done"):
        pages += [
            client.get("/p/hostile/review", params={"view": view, "id": f"r{number}"})
            for number in range(len(HOSTILE))
        ]
    for answer in pages:
        assert answer.status_code == 200, answer.url
        page = Elements(answer.text)
        tags = [tag for tag, _ in page.found]
        assert tags.count("script") == 2 and "img" not in tags, answer.url
        assert not any(name.startswith("on") for _, a in page.found for name in a)
        for hidden in "\x00\x07\x1b\x85\u202e\u2066":
            assert hidden not in answer.text, answer.url
    assert any("⟨U+202E⟩" in answer.text for answer in pages)
    assert any("of 1,000,000 characters cut" in answer.text for answer in pages)
    assert max(len(answer.content) for answer in pages) < 2_000_000


def test_harvested_rows_are_shown_as_they_lie(client: TestClient) -> None:
    told = client.get("/p/hostile/harvest.json").json()
    assert told["rows"] == len(HOSTILE) + 1
    assert told["harvested"][0]["fields"]["input"] == HOSTILE[0]
    assert told["harvested"][-1]["problem"] == "not a JSON object"
    assert "Nothing was harvested yet" in client.get("/p/tickets/harvest").text


def test_the_queue_of_a_harvest_is_shown(folder: Path) -> None:
    row = {"request": "r1", "reasons": ["unsure"], "worth": 2.0, "input": "Where is my bike?"}
    (folder / ".rung/harvest.jsonl").write_text(json.dumps(row) + "\n")
    page = client_of(folder).get("/p/tickets/harvest")
    assert "1 row" in page.text and "Where is my bike?" in page.text and "unsure" in page.text


def test_the_questionnaire_answers_as_the_command_does(client: TestClient) -> None:
    from datetime import date

    from rung.decide.advise import advise
    from rung.decide.rules.answers import Answers

    query = {"knowledge_missing": "yes", "knowledge_changes": "daily", "needs_citations": "yes",
             "examples": "300", "symptoms": ["missing-knowledge", "citations"]}  # fmt: skip
    told = client.get("/advise.json", params=query).json()
    answers = Answers.read({"knowledge_missing": True, "knowledge_changes": "daily",
                            "needs_citations": True, "examples": 300,
                            "symptoms": ["missing-knowledge", "citations"]})  # fmt: skip
    expected = advise(answers, date.today())
    assert told["expected"] == expected.expected and told["build"] == list(expected.build)
    page = client.get("/advise", params=query).text
    assert f"<b>{expected.expected}</b>" in page
    assert re.search(r'value="citations" checked', page)
    idle = client.get("/advise", params={"knowledge_missing": "no"}).text
    assert 'data-idle="knowledge_changes"' in idle and 'data-idle="knowledge_changes"' not in page


@pytest.mark.parametrize(
    ("query", "says"),
    [({"examples": "many"}, "many"), ({"planned": "magic"}, "planned"), ({"nope": "1"}, "nope")],
)
def test_a_wrong_answer_is_one_sentence(
    client: TestClient, query: dict[str, str], says: str
) -> None:
    answer = client.get("/advise.json", params=query)
    assert answer.status_code == 400 and says in answer.json()["error"]["message"]


def test_the_report_can_be_kept_as_a_file(client: TestClient) -> None:
    answer = client.get(f"{RUN}/report.html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "This page asks nothing of any server" in answer.text
    comment = client.get(f"{RUN}/report.md")
    assert comment.headers["content-type"].startswith("text/plain")
    assert comment.text.startswith("### ✅")


def test_a_project_whose_files_are_broken_still_shows_its_runs(folder: Path) -> None:
    (folder / "rung.toml").write_text("[task]\ninstructoin = 1\n")
    client = client_of(folder)
    page = client.get("/p/tickets")
    assert page.status_code == 200
    assert "unknown key" in html.unescape(page.text) and "Good enough" in page.text
    run = client.get("/p/tickets/runs/new")
    assert run.status_code == 200 and "Shown without the task" in run.text


def test_a_broken_run_does_not_hide_the_others(folder: Path) -> None:
    (folder / ".rung/runs/old/run.json").write_text("{")
    client = client_of(folder)
    assert "Cannot be read" in client.get("/p/tickets").text
    assert client.get("/p/tickets/runs/old").status_code == 400
    assert client.get("/p/tickets/runs/new").status_code == 200


def test_a_changed_run_is_read_again(folder: Path) -> None:
    client = client_of(folder)
    assert client.get("/p/tickets/runs/new/examples.json").json()["of"] == 160
    path = folder / ".rung/runs/new/attempts.jsonl"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if "msg-0063" not in line]
    path.write_text("".join(line + "\n" for line in kept))
    assert client.get("/p/tickets/runs/new/examples.json").json()["of"] == 159
