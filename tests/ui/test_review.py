"""Review among the pages: what is kept, and what harvest makes of it."""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from chromium import MARKS, Seen, launched, serious
from rung.cli.app import app
from rung.loop.harvest import read_version
from rung.records import Answer
from rung.task.load import load_task
from rung.task.types import LabelsOutput, MultiLabelOutput, Output
from rung.traffic import Feedback, Query, TrafficRecord, open_store
from rung.ui.app import create_app
from rung.ui.site import Site
from serve.winners import SCHEMA, TEXT, save_winner

from .conftest import LOOPBACK, Server
from .test_guard import token_of

REVIEW = "/p/tickets/review"
UPSTREAM = "http://127.0.0.1:9/v1"
QUEUED = (("r4", ["unsure"]), ("r1", ["random"]), ("r2", ["negative feedback", "random"]))


def record(number: int, text: str = "billing", **answer: Any) -> TrafficRecord:
    return TrafficRecord(
        id=f"r{number}",
        candidate="m~1",
        solver="5" * 64,
        input=f"a question of traffic, number {number}",
        answer=Answer(**{"text": text, "value": text, **answer}),
    )


@pytest.fixture
def project(folder: Path) -> Path:
    """Answers r0 to r5 in the log, three of them queued; r2 has a user's complaint."""
    output = load_task(folder).output
    save_winner(folder, UPSTREAM, output)
    store = open_store(folder)
    store.add([record(n) for n in range(5)])
    store.add([record(5, "a bank", value=None, valid=False, problem="not a label")])
    store.add_feedback(Feedback(request_id="r2", verdict="wrong", who="shop", note="not that"))
    store.close()
    rows = [
        json.dumps({"request": r, "reasons": w}) + "\n"
        for r, w in (*QUEUED, ("gone", ["x"]), ("half \ud83d", []))
    ]
    (folder / ".rung/harvest.jsonl").write_text("".join(rows))
    return folder


def client_of(folder: Path, who: str = "ann") -> TestClient:
    site = Site([folder], who=who)
    return TestClient(create_app(site), base_url=LOOPBACK, follow_redirects=False)


def send(client: TestClient, request: str, verdict: str, **more: str) -> httpx2.Response | Any:
    """A form as the page has it."""
    form = {"token": token_of(client), "view": "queue", "request_id": request}
    return client.post(REVIEW, data={**form, "verdict": verdict, **more})


def kept(folder: Path) -> list[tuple[str, str, Any, str, str]]:
    store = open_store(folder)
    found = [(f.request_id, f.verdict, f.corrected, f.who, f.source) for f in store.feedback()]
    store.close()
    return found


def test_without_a_log_it_says_so_and_makes_none(folder: Path) -> None:
    client = client_of(folder)
    page = client.get(REVIEW)
    assert page.status_code == 200 and "rung serve" in page.text
    assert client.get(f"{REVIEW}.json").json() == {"project": "tickets", "log": None}
    sent = send_without_a_form(client)
    assert sent.status_code == 400 and "has no log of answers" in sent.text
    assert not (folder / ".rung/traffic.sqlite").exists()


def test_an_answer_of_a_fallback_says_whose_words_it_is(project: Path) -> None:
    store = open_store(project)
    store.add([record(6, model="x/large", fallback="invalid")])
    store.close()
    page = html.unescape(client_of(project).get(f"{REVIEW}?view=open&id=r6").text)
    said = "answered by large; passed on: the first model's answer was not valid"
    assert said in page


def test_without_the_extra_it_names_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    answer = client_of(project).get(f"{REVIEW}.json")
    assert answer.status_code == 400
    assert "pip install 'rung[serve]'" in answer.json()["error"]["message"]


def test_without_a_winner_nothing_says_what_is_valid(project: Path) -> None:
    shutil.rmtree(project / ".rung/winner")
    answer = client_of(project).get(REVIEW)
    assert answer.status_code == 400 and "run `rung climb` first" in answer.text


def send_without_a_form(client: TestClient) -> Any:
    form = {"token": token_of(client), "request_id": "r1", "verdict": "right"}
    return client.post(REVIEW, data=form)


def test_the_queue_comes_first_in_its_own_order(project: Path) -> None:
    client = client_of(project)
    told = client.get(f"{REVIEW}.json").json()
    assert told["view"] == "queue" and told["request"]["id"] == "r4"
    assert told["reasons"] == ["unsure"]
    assert (told["previous"], told["next"]) == (None, "r1")
    assert told["views"] == {"queue": 3, "todo": 5, "invalid": 1, "wrong": 1, "done": 1}
    second = client.get(f"{REVIEW}.json?view=queue&id=r1").json()
    assert (second["previous"], second["next"]) == ("r4", "r2")
    page = client.get(f"{REVIEW}?view=queue&id=r2").text
    assert "negative feedback" in page and "not that" in page and "shop" in page


def test_other_views_show_the_newest_first(project: Path) -> None:
    client = client_of(project)
    seen, name = [], ""
    while name is not None:
        told = client.get(f"{REVIEW}.json?view=todo&id={name}").json()
        seen.append(told["request"]["id"])
        assert told["previous"] == (seen[-2] if len(seen) > 1 else None)
        name = told["next"]
    assert seen == ["r5", "r4", "r3", "r1", "r0"]
    assert client.get(f"{REVIEW}.json?view=invalid").json()["request"]["id"] == "r5"
    assert (
        "The answer is right" not in client.get(f"{REVIEW}?view=invalid").text
    )  # there is no answer to it
    assert client.get(f"{REVIEW}.json?view=nonsense").json()["view"] == "queue"
    missing = client.get(f"{REVIEW}?id=nope")
    assert missing.status_code == 404 and "is not in the log" in missing.text


def test_answers_are_judged_one_after_the_other(project: Path) -> None:
    client = client_of(project)
    first = send(client, "r4", "right")
    assert first.status_code == 303
    assert first.headers["location"] == f"{REVIEW}?view=queue&id=r1&kept=r4"
    page = client.get(first.headers["location"]).text
    assert "Kept as approved" in page and "<bdi>r1</bdi>" in page
    assert send(client, "r1", "wrong").headers["location"].endswith("id=r2&kept=r1")
    last = send(client, "r2", "corrected", corrected="returns")
    assert last.headers["location"] == f"{REVIEW}?view=queue&kept=r2"
    assert "Nothing is left here" in client.get(last.headers["location"]).text
    assert kept(project)[1:] == [
        ("r4", "right", None, "ann", "review"),
        ("r1", "wrong", None, "ann", "review"),
        ("r2", "corrected", "returns", "ann", "review"),
    ]
    told = client.get(f"{REVIEW}.json").json()
    assert told["view"] == "todo" and told["views"]["queue"] == 0
    assert send(client, "r5", "wrong", view="todo").headers["location"].endswith("id=r3&kept=r5")
    again = client.get(f"{REVIEW}?view=done&id=r4").text
    assert "Judged so far: approved by" in again and "It is wrong" in again  # a mind can be changed


@pytest.mark.parametrize(
    ("output", "form", "told"),
    [
        (None, {"verdict": "corrected", "corrected": "oak"}, "is not one of the 4 labels"),
        (None, {"verdict": "corrected", "corrected": " "}, "is empty"),
        (None, {"verdict": "perfect"}, "&#39;perfect&#39; is no verdict"),
        (SCHEMA, {"verdict": "corrected", "corrected": "{"}, "is not JSON"),
        (SCHEMA, {"verdict": "corrected", "corrected": '{"name": "<b>"}'}, "is not valid"),
        (TEXT, {"verdict": "corrected", "corrected": "one two three four five six 7"}, "words"),
    ],
)
def test_what_cannot_be_kept_is_told_in_one_sentence(
    project: Path, output: Output | None, form: dict[str, str], told: str
) -> None:
    if output is not None:
        shutil.rmtree(project / ".rung/winner")
        save_winner(project, UPSTREAM, output)
    before = kept(project)
    answer = send(client_of(project), "r4", **form)
    assert answer.status_code == 400
    alert = re.findall(r'role="alert">(.*?)</p>', answer.text)
    assert len(alert) == 1 and alert[0].startswith("Not kept: ") and told in alert[0]
    assert "<bdi>r4</bdi>" in answer.text and kept(project) == before
    if output is not None:  # what was typed is not lost
        field = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", answer.text, re.S)
        assert field is not None and html.unescape(field[1]) == form["corrected"]


def test_several_labels_are_ticked(project: Path) -> None:
    labels = ("billing", "red, dark", "<b>", "1")
    shutil.rmtree(project / ".rung/winner")
    save_winner(project, UPSTREAM, MultiLabelOutput(labels=labels))
    store = open_store(project)
    store.add([record(7, '["red, dark"]', value=["red, dark"])])
    store.close()
    client = client_of(project)
    page = client.get(f"{REVIEW}?view=todo&id=r7").text
    ticks = re.findall(r'type="checkbox" name="corrected" value="(.*?)"( checked)?', page)
    assert [(html.unescape(v), bool(on)) for v, on in ticks] == [
        (label, label == "red, dark") for label in labels
    ]
    form = {"token": token_of(client), "view": "todo", "verdict": "corrected"}
    for request, ticked in (("r7", ["1", "red, dark", "<b>"]), ("r4", []), ("r1", ["billing"])):
        sent = {**form, "request_id": request, "corrected": ticked}
        assert client.post(REVIEW, data=sent).status_code == 303
    assert [row[2] for row in kept(project)[1:]] == [["red, dark", "<b>", "1"], [], ["billing"]]
    assert "red, dark" in client.get(f"{REVIEW}?view=done&id=r7").text
    assert (
        client.post(REVIEW, data={**form, "request_id": "r4", "corrected": "oak"}).status_code
        == 400
    )


def test_a_request_that_is_gone_is_told_of(project: Path) -> None:
    answer = send(client_of(project), "gone", "right")
    assert answer.status_code == 400 and "&#39;gone&#39; is not in the log" in answer.text


def test_a_form_of_another_page_is_refused(project: Path) -> None:
    client = client_of(project)
    before = kept(project)
    form = {"token": token_of(client, REVIEW), "request_id": "r4", "verdict": "right"}
    assert client.post(REVIEW, data={**form, "token": "guess"}).status_code == 403
    assert client.post(REVIEW, data={**form, "token": ""}).status_code == 403
    foreign = client.post(REVIEW, data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    elsewhere = client.post(REVIEW, data=form, headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403
    assert client_of(project).post(REVIEW, data=form).status_code == 403  # another session's
    big = client.post(REVIEW, data={**form, "corrected": "x" * 300_000})
    assert big.status_code == 400 and "larger than" in big.text
    assert kept(project) == before
    keyed = Site([project], key="a long enough key")
    closed = TestClient(create_app(keyed), base_url=LOOPBACK, follow_redirects=False)
    assert closed.get(REVIEW).headers["location"] == "/key"
    assert closed.get(f"{REVIEW}.json").status_code == 401


def test_the_policy_allows_no_script_within_a_page(project: Path) -> None:
    page = client_of(project).get(REVIEW)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?! src=\"/static/)", page.text)


def text_project(folder: Path, *records: TrafficRecord) -> TestClient:
    save_winner(folder, UPSTREAM, TEXT.model_copy(update={"max_words": None}))
    store = open_store(folder)
    store.add(records)
    store.close()
    return client_of(folder)


def test_lines_of_a_correction_end_as_everywhere_else(folder: Path) -> None:
    client = text_project(folder, record(1))
    send(client, "r1", "corrected", view="todo", corrected="one\r\ntwo\r\n  three")
    assert kept(folder)[0][2] == "one\ntwo\n  three"


def test_the_answer_is_the_start_of_a_correction_unless_something_hides_in_it(
    folder: Path,
) -> None:
    client = text_project(
        folder, record(1, "\n two\n</textarea><b>"), record(2, "left \u202e right")
    )

    def field(name: str) -> str:
        page = client.get(f"{REVIEW}?view=todo&id={name}").text
        found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)
        assert found is not None
        return html.unescape(found[1])

    assert field("r1") == "two\n</textarea><b>" and field("r2") == ""


def test_labels_are_sent_back_exactly(folder: Path) -> None:
    odd = 'two  spaces "and" \u200b'
    save_winner(folder, UPSTREAM, LabelsOutput(labels=(odd, "plain")))
    store = open_store(folder)
    store.add([record(1)])
    store.close()
    client = client_of(folder)
    page = client.get(REVIEW).text
    values = [html.unescape(v) for v in re.findall(r'<option value="([^"]*)"', page)]
    assert values == ["", odd, "plain"]
    assert send(client, "r1", "corrected", view="todo", corrected=odd).status_code == 303
    assert kept(folder)[0][2] == odd


def test_what_a_person_writes_is_redacted_as_what_was_asked(folder: Path) -> None:
    client = text_project(folder, record(1))
    send(client, "r1", "corrected", view="todo", corrected="write to ann@example.com")
    assert "ann@example.com" not in str(kept(folder)) and "write to" in str(kept(folder))


JUDGED: tuple[tuple[str, dict[str, str]], ...] = (
    ("r0", {"verdict": "right"}),
    ("r1", {"verdict": "corrected", "corrected": "delivery"}),
    ("r2", {"verdict": "corrected", "corrected": "returns"}),
    ("r3", {"verdict": "wrong"}),
    ("r4", {"verdict": "right"}),
    ("r5", {"verdict": "corrected", "corrected": "brakes-wheels"}),
    ("r4", {"verdict": "corrected", "corrected": "billing"}),
)


def test_a_log_at_another_place_is_reviewed(project: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere.sqlite"
    shutil.move(project / ".rung/traffic.sqlite", place)
    site = Site([project], who="ann", log=f"sqlite:///{place}")
    client = TestClient(create_app(site), base_url=LOOPBACK, follow_redirects=False)
    assert send(client, "r0", "right").status_code == 303
    store = open_store(f"sqlite:///{place}")
    assert ("r0", "right") in [(f.request_id, f.verdict) for f in store.feedback()]
    store.close()


def version_of(folder: Path, *flags: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """What `rung harvest --build` makes: origins, and every row but what no two sittings share."""
    made = CliRunner().invoke(app, ["harvest", str(folder), "--build", "--json", *flags])
    assert made.exit_code == 0, made.output
    version, splits = read_version(Path(json.loads(made.output)["folder"]))
    rows = []
    for split, examples in splits.items():
        for example in examples:
            row = {"split": split, **example.model_dump(mode="json")}
            for name in ("feedback", "judged"):
                row["meta"].get("harvest", {}).pop(name, None)
            rows.append(row)
    return version.provenance, sorted(rows, key=lambda row: str(row["id"]))


@pytest.mark.parametrize("flags", [(), ("--fresh-test",)])
def test_harvest_makes_examples_of_what_is_kept(project: Path, flags: tuple[str, ...]) -> None:
    client = client_of(project)
    for request, form in JUDGED:
        assert send(client, request, form["verdict"], **form_of(form)).status_code == 303
    origins, rows = version_of(project, *flags)
    harvested = {r["meta"]["harvest"]["request"]: r for r in rows if "harvest" in r["meta"]}
    assert origins == {"corrected": 4, "approved": 1}
    assert {n: r["expected"] for n, r in harvested.items()} == {
        "r0": "billing", "r1": "delivery", "r2": "returns", "r4": "billing", "r5": "brakes-wheels"
    }  # fmt: skip
    assert {n for n, r in harvested.items() if r["split"] == "test"} == (
        {"r1", "r2"} if flags else set()
    )
    assert {r["meta"]["harvest"]["who"] for r in harvested.values()} == {"ann"}
    store = open_store(project)
    assert store.count(Query(reviewed=False)) == 0
    store.close()


def form_of(form: dict[str, str]) -> dict[str, str]:
    return {name: said for name, said in form.items() if name != "verdict"}


@pytest.fixture
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


class TestInABrowser:
    """By keyboard, with and without scripts; nothing runs that came from outside."""

    pytestmark = MARKS

    def test_everything_by_keyboard(self, browser: Any, project: Path) -> None:
        from playwright.sync_api import expect

        with Server(Site([project], who="ann")) as address:
            seen = Seen(browser, lambda url: url.startswith((address, "data:")))
            page = seen.page
            page.goto(f"{address}{REVIEW}")
            shown = page.locator("#named")
            assert shown.inner_text() == "r4" and page.evaluate("document.activeElement.id")
            for key, name in (
                ("ArrowRight", "r1"), ("ArrowRight", "r2"), ("ArrowRight", "r2"),
                ("ArrowLeft", "r1"), ("ArrowLeft", "r4"), ("ArrowLeft", "r4"),
            ):  # fmt: skip
                page.keyboard.press(key)
                expect(shown).to_have_text(name)
                page.wait_for_load_state()  # its script listens
            page.locator(".crumbs a").first.focus()
            page.keyboard.press("a")  # beside the request, letters do nothing
            page.keyboard.press("ArrowRight")
            expect(shown).to_have_text("r1")
            page.wait_for_load_state()
            page.keyboard.press("ArrowLeft")
            expect(shown).to_have_text("r4")
            page.wait_for_load_state()
            page.keyboard.press("Tab")  # from the heading to the first button
            assert page.evaluate("document.activeElement.innerText") == "The answer is right A"
            page.keyboard.press("Enter")
            page.wait_for_url("**kept=r4")
            assert shown.inner_text() == "r1"
            assert page.inner_text("#kept").startswith("Kept as approved.")
            page.keyboard.press("c")
            assert page.evaluate("document.activeElement.name") == "corrected"
            page.keyboard.press("ArrowDown")  # in a field, arrows are the field's own
            page.keyboard.press("ArrowRight")
            assert shown.inner_text() == "r1"
            chosen = page.input_value("[name=corrected]")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            page.wait_for_url("**kept=r1")
            expect(page.locator("#request")).to_be_focused()
            page.keyboard.press("a")  # the focus is on the heading: the request has it
            page.wait_for_url("**kept=r2")
            assert "Nothing is left here." in page.inner_text("main")
            seen.close()
        assert kept(project)[1:] == [
            ("r4", "right", None, "ann", "review"),
            ("r1", "corrected", chosen, "ann", "review"),
            ("r2", "right", None, "ann", "review"),
        ]

    def test_without_scripts(self, browser: Any, project: Path) -> None:
        with Server(Site([project])) as address:
            context = browser.new_context(java_script_enabled=False)
            page = context.new_page()
            page.goto(f"{address}/p/tickets")
            page.click(f"a[href='{REVIEW}']")
            page.click("a[rel=next]")
            assert page.inner_text("#named") == "r1"
            page.select_option("[name=corrected]", "delivery")
            page.click("text=This answer is right instead")
            assert page.inner_text("#named") == "r2"
            page.click("text=This answer is right instead")
            assert "the corrected answer is empty" in page.inner_text("[role=alert]")
            page.click("button[value=wrong]")
            page.wait_for_url("**kept=r2")
            page.goto(f"{address}/p/tickets/harvest")
            page.click("text=Review this answer >> nth=0")
            assert page.inner_text("#named") == "r4"
            context.close()
        assert [k[:3] for k in kept(project)[1:]] == [
            ("r1", "corrected", "delivery"),
            ("r2", "wrong", None),
        ]

    def test_axe_and_widths(self, browser: Any, project: Path) -> None:
        with Server(Site([project])) as address:
            for scheme in ("light", "dark"):
                context = browser.new_context(color_scheme=scheme, bypass_csp=True)
                page = context.new_page()
                for query in ("", "?view=todo&id=r5", "?view=done", "?view=done&id=r2&kept=r2"):
                    page.goto(f"{address}{REVIEW}{query}")
                    assert not serious(page), (scheme, query)
                    for width in (360, 768, 1280):
                        page.set_viewport_size({"width": width, "height": 800})
                        wide = page.evaluate("document.documentElement.scrollWidth")
                        assert wide <= width, (query, width)
                context.close()
