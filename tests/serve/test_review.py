"""The review page: who may open it, what it shows of untrusted text, what it keeps."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rung.records import Answer, Passage
from rung.serve.review import PAGE, Desk, build_review
from rung.task.types import Output
from rung.traffic import TrafficRecord, open_store

from .winners import LABELS, SCHEMA, TEXT, spec

HOSTILE = (
    "</pre><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    '<a href="javascript:alert(1)">x</a>{{ 7 * 7 }}"\'><form action=//evil.example>'
)
BASE = "http://127.0.0.1:8000"


def record(number: int, text: str = "birch", **parts: Any) -> TrafficRecord:
    answer = Answer(
        text=text,
        value=text,
        confidence=0.5,
        citations=(0,),
        passages=(Passage(document_id="tree.md", text=text),),
    )
    plain: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "candidate": "m~1",
        "solver": "5" * 64,
        "input": f"tree {number}",
        "answer": answer,
    }
    return TrafficRecord(**{**plain, **parts})


class Sitting:
    """A browser before the page."""

    def __init__(self, folder: Path, output: Output = LABELS) -> None:
        self.store = open_store(folder)
        self.desk = Desk(spec(output), self.store, "ann")
        transport = httpx2.ASGITransport(build_review(self.desk))
        self.client = httpx2.AsyncClient(transport=transport, base_url=BASE)

    async def open(self) -> httpx2.Response:
        """Follow the printed address."""
        return await self.client.get(f"/?token={self.desk.token}", follow_redirects=True)

    async def judge(self, number: int, verdict: str, **more: str) -> httpx2.Response:
        """Send a form as the page has it."""
        form = {"csrf": self.desk.csrf, "request_id": f"chatcmpl-{number}", "verdict": verdict}
        return await self.client.post("/feedback", data={**form, "view": "todo", **more})


@pytest.fixture
async def sitting(tmp_path: Path) -> AsyncIterator[Sitting]:
    made = Sitting(tmp_path)
    yield made
    await made.client.aclose()
    made.store.close()


class Elements(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_only_the_printed_address_opens_it(sitting: Sitting) -> None:
    sitting.store.add([record(1)])
    for path in ("/", "/?token=wrong", "/style.css", "/?token="):
        assert (await sitting.client.get(path)).status_code == 403
    assert (await sitting.judge(1, "right")).status_code == 403
    first = await sitting.client.get(f"/?token={sitting.desk.token}")
    cookie = first.headers["set-cookie"].lower()
    assert first.status_code == 303 and first.headers["location"] == "/"
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert sitting.desk.token.lower() not in cookie
    assert (await sitting.client.get("/")).status_code == 200
    foreign = await sitting.client.get("/", headers={"host": "evil.example:8000"})
    assert foreign.status_code == 421


async def test_headers_forbid_scripts_and_frames(sitting: Sitting) -> None:
    page = await sitting.open()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"


async def test_html_in_traffic_is_text_on_the_page(sitting: Sitting) -> None:
    sitting.store.add(
        [
            record(1, HOSTILE, input=HOSTILE, candidate=HOSTILE),
            record(2, input={HOSTILE: HOSTILE}),
            record(3, answer=None, error=HOSTILE, status=502),
            record(
                4, answer=Answer(text=HOSTILE, valid=False, problem=HOSTILE)
            ),
        ]
    )  # fmt: skip
    page = (await sitting.open()).text
    elements = Elements(page)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "img", "iframe", "object", "base"}
    assert all(a.get("action") == "/feedback" for tag, a in elements.found if tag == "form")
    assert not any(name.startswith("on") for _, attrs in elements.found for name in attrs)
    assert all((a["href"] or "").startswith("/") for t, a in elements.found if t in ("a", "link"))
    assert page.count("&lt;script&gt;") >= 6 and "{{ 7 * 7 }}" in page


async def test_answers_are_judged(sitting: Sitting) -> None:
    sitting.store.add([record(n) for n in range(1, 5)])
    await sitting.open()
    assert (await sitting.judge(1, "right")).status_code == 303
    assert (await sitting.judge(2, "wrong")).status_code == 303
    assert (await sitting.judge(3, "corrected", corrected="cedar")).status_code == 303
    kept = {f.request_id[-1]: (f.verdict, f.corrected, f.who) for f in sitting.store.feedback()}
    assert kept == {
        "1": ("right", None, "ann"),
        "2": ("wrong", None, "ann"),
        "3": ("corrected", "cedar", "ann"),
    }
    assert {f.source for f in sitting.store.feedback()} == {"review"}

    async def shown(view: str) -> list[str]:
        page = (await sitting.client.get(f"/?view={view}")).text
        return re.findall(r'<article id="chatcmpl-(\d+)"', page)

    assert await shown("todo") == ["4"]
    assert await shown("done") == ["3", "2", "1"]
    assert await shown("wrong") == ["2"]
    assert await shown("nonsense") == ["4"]


@pytest.mark.parametrize(
    ("output", "form", "told"),
    [
        (LABELS, {"verdict": "corrected", "corrected": "oak"}, "is not one of the 3 labels"),
        (LABELS, {"verdict": "corrected", "corrected": ""}, "is empty"),
        (LABELS, {"verdict": "perfect"}, "is no verdict"),
        (LABELS, {"verdict": "right", "request_id": "nope"}, "is not in the log"),
        (SCHEMA, {"verdict": "corrected", "corrected": "{"}, "is not JSON"),
        (SCHEMA, {"verdict": "corrected", "corrected": '{"name": "oak"}'}, "is not valid"),
        (TEXT, {"verdict": "corrected", "corrected": "one two three four five six seven"}, "words"),
    ],
)
async def test_what_cannot_be_kept_is_told(
    output: Output, form: dict[str, str], told: str, tmp_path: Path
) -> None:
    sitting = Sitting(tmp_path, output)
    sitting.store.add([record(1)])
    await sitting.open()
    page = await sitting.judge(1, **form)
    assert page.status_code == 400 and told in page.text and 'role="alert"' in page.text
    assert sitting.store.feedback() == []
    if output is not LABELS:  # what was typed is not lost
        assert form["corrected"].replace('"', "&#34;") in page.text
    sitting.store.close()


async def test_a_form_of_another_page_is_refused(sitting: Sitting) -> None:
    sitting.store.add([record(1)])
    await sitting.open()
    assert (await sitting.judge(1, "right", csrf="guess")).status_code == 403
    assert (await sitting.judge(1, "right", csrf="")).status_code == 403
    form = {"csrf": sitting.desk.csrf, "request_id": "chatcmpl-1", "verdict": "right"}
    foreign = await sitting.client.post(
        "/feedback", data=form, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    big = await sitting.client.post("/feedback", data={**form, "note": "x" * 300_000})
    assert big.status_code == 413
    assert (await sitting.client.get("/feedback")).status_code == 405
    assert sitting.store.feedback() == []


async def test_older_requests_are_a_page_away(sitting: Sitting) -> None:
    sitting.store.add([record(n) for n in range(PAGE + 3)])
    page = (await sitting.open()).text
    (older,) = re.findall(r'href="(/\?view=todo&amp;before=\d+)"', page)
    assert page.count("<article") == PAGE
    rest = (await sitting.client.get(older.replace("&amp;", "&"))).text
    assert rest.count("<article") == 3 and "Older requests" not in rest
    assert (await sitting.client.get("/?before=-1%20OR%201")).status_code == 200


async def test_what_harvest_queued_comes_first(sitting: Sitting) -> None:
    sitting.store.add([record(n) for n in range(PAGE + 10)])
    names = [f"chatcmpl-{n}" for n in (7, 3, *range(10, 10 + PAGE))]
    sitting.desk.reasons = {name: ("unsure",) for name in [*names, "chatcmpl-gone"]}
    page = (await sitting.open()).text
    assert f"Queued by harvest ({PAGE + 2})" in page and "Queued: unsure" in page
    assert re.findall(r'article id="chatcmpl-(\d+)"', page)[:3] == ["7", "3", "10"]
    rest = (await sitting.client.get(f"/?view=queue&before={PAGE}")).text
    assert rest.count("<article") == 2 and "More of the queue" not in rest
    kept = await sitting.judge(7, "right", view="queue")
    assert kept.headers["location"] == "/?view=queue"
    page = (await sitting.client.get("/")).text
    assert re.findall(r'article id="chatcmpl-(\d+)"', page)[0] == "3"
    for name in names[1:]:
        await sitting.judge(int(name.partition("-")[2]), "right", view="queue")
    assert "Queued by harvest" not in (await sitting.client.get("/?view=queue")).text


@pytest.fixture
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as control:
        made = control.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.mark.slow
def test_in_a_browser(browser: Any, tmp_path: Path) -> None:
    """The page as `rung review` serves it: judged by keyboard, nothing runs, axe finds nothing."""
    import subprocess
    import sys

    from axe_playwright_python.sync_playwright import Axe

    from .upstream import PROGRAM
    from .winners import save_winner

    save_winner(tmp_path, "http://127.0.0.1:9/v1")
    store = open_store(tmp_path)
    store.add([record(1, HOSTILE, input=HOSTILE), record(2)])
    command = [sys.executable, "-u", "-c", PROGRAM, "review", str(tmp_path), "--who", "ann"]
    reviewing = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert reviewing.stdout is not None
        address = reviewing.stdout.readline().split()[-1]
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        assert "token" not in page.url and page.title() == "Review: trees"
        assert page.evaluate("getComputedStyle(document.body).maxWidth") == "960px"
        assert Axe().run(page).violations_count == 0
        first = page.locator("article").first
        first.get_by_label("Correct answer").select_option("cedar")
        first.get_by_role("button", name="Keep this answer").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/?view=todo")
        assert page.locator("article").count() == 1
        assert page.title() == "Review: trees" and said == []
    finally:
        reviewing.terminate()
        reviewing.wait(20)
    (kept,) = store.feedback()
    assert (kept.request_id, kept.corrected, kept.who) == ("chatcmpl-2", "cedar", "ann")
    store.close()
