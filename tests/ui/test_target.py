"""Editing the target: only the figures named change, byte for byte, whole or not at all."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.ui.target import edit_target, mark, target_of

from .conftest import CONFIG, client_of
from .test_guard import mark_of, token_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "rung.toml"
    found.write_text(CONFIG, encoding="utf-8")
    return found


def test_what_the_target_says(path: Path) -> None:
    fields, seen = target_of(path)
    assert fields == {"score": "0.85", "confidence": "0.95", "max_cost_per_request": "",
                      "max_latency_p95_s": ""}  # fmt: skip
    assert seen == mark(path)


def test_one_figure_changes_and_nothing_else(path: Path) -> None:
    edit_target(path, {"score": "0.9", "confidence": "0.95"}, mark(path))
    assert path.read_text() == CONFIG.replace("score = 0.85 ", "score = 0.9 ")


def test_limits_come_and_go(path: Path) -> None:
    config = edit_target(path, {"max_latency_p95_s": "2", "score": "0.85"}, mark(path))
    assert config.target.max_latency_p95_s == 2
    text = path.read_text()
    assert "max_latency_p95_s = 2.0" in text and "# of every 20, 17" in text
    edit_target(path, {"max_latency_p95_s": " "}, mark(path))
    assert tomllib.loads(path.read_text()) == tomllib.loads(CONFIG)


@given(
    score=st.floats(0, 1),
    confidence=st.floats(0.51, 0.99),
    cost=st.none() | st.floats(1e-9, 1e3),
    before=st.text("# abcé\t'", max_size=30),
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_written_reads_back_and_the_rest_stays(
    tmp_path: Path, score: float, confidence: float, cost: float | None, before: str
) -> None:
    path = tmp_path / "rung.toml"
    text = f"#{before}\n{CONFIG}"
    path.write_text(text, encoding="utf-8")
    fields = {"score": repr(score), "confidence": repr(confidence)}
    fields["max_cost_per_request"] = "" if cost is None else repr(cost)
    config = edit_target(path, fields, mark(path))
    assert (config.target.score, config.target.confidence) == (score, confidence)
    assert config.target.max_cost_per_request == cost
    outside = re.compile(r"^(score|confidence|max_cost_per_request) = .*\n", re.M)
    assert outside.sub("", path.read_text()) == outside.sub("", text)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"score": "high"}, "'score' is 'high': write a number"),
        ({"score": ""}, "'score' is empty"),
        ({"score": "1.5"}, "less than or equal to 1"),
        ({"score": "nan"}, "it must be"),
        ({"confidence": "0.2"}, "greater than 0.5"),
        ({"max_cost_per_request": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_and_the_file_stays(
    path: Path, fields: dict[str, str], says: str
) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        edit_target(path, fields, mark(path))
    assert path.read_text() == CONFIG
    assert [p.name for p in path.parent.iterdir()] == ["rung.toml"]


def test_a_file_that_was_edited_meanwhile_is_not_overwritten(path: Path) -> None:
    seen = mark(path)
    path.write_text(CONFIG + "# someone else was here\n")
    with pytest.raises(UserError, match="changed meanwhile"):
        edit_target(path, {"score": "0.9"}, seen)
    assert path.read_text().endswith("# someone else was here\n")


def test_permissions_and_links_stay(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "elsewhere" / "rung.toml"
    link.parent.mkdir()
    os.symlink(path, link)
    edit_target(link, {"score": "0.9"}, mark(path))
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "score = 0.9 " in path.read_text()


def test_a_target_in_another_form_is_left_to_an_editor(path: Path) -> None:
    path.write_text(CONFIG.replace("[target]", "[other]"))
    with pytest.raises(UserError, match="no plain \\[target\\] table"):
        edit_target(path, {"score": "0.9"}, mark(path))


def test_the_page_edits_and_says_what_is_wrong(folder: Path) -> None:
    client = client_of(folder)
    good = {"token": token_of(client), "mark": mark_of(client)}
    answer = client.post("/p/tickets/target", data={**good, "score": "2"})
    assert answer.status_code == 400 and "less than or equal to 1" in answer.text
    answer = client.post("/p/tickets/target", data={**good, "score": "0.9"})
    assert answer.status_code == 303 and answer.headers["location"] == "/p/tickets?saved=1#target"
    assert "Saved: the next climb goes by it" in client.get(answer.headers["location"]).text
    assert "Saved" not in client.get("/p/tickets").text
    assert client.get("/p/tickets.json").json()["target"]["score"] == 0.9
    again = client.post("/p/tickets/target", data={**good, "score": "0.8"})
    assert again.status_code == 400 and "changed meanwhile" in again.text
