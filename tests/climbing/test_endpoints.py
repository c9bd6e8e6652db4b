"""Climbs of difficult endpoints: what was learnt is kept and said, what cannot be asked costs
nothing."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rung.candidate import Candidate, Prompt
from rung.climbing.latency import ASKED
from rung.climbing.run import climb
from rung.climbing.tools import ClimbOptions
from rung.climbing.winner import open_winner
from rung.errors import UserError
from rung.models.dialect import WRAPPING_TOKENS
from rung.models.handshake import ENDPOINTS_FILE
from rung.models.openai_compatible import OpenAICompatible
from rung.models.registry import open_model
from rung.records.results import RunResult
from rung.report.markdown import markdown
from rung.report.words import per_thousand
from rung.serve.settings import Settings
from rung.serve.winner import open_served
from rung.task.load import load_task
from rung.task.types import Task
from scripted_http import (
    Behaviour,
    Call,
    Said,
    ScriptedServer,
    completion,
    error,
    no_system_role,
    only_temperature,
    out_of_quota,
    refuses,
    web_page,
)

WORDS = {"billing": "invoice", "shipping": "parcel"}


def queue(call: Call) -> str:
    """The right answer to the last question."""
    asked = str(call.body["messages"][-1]["content"]).rsplit("parcel or invoice", 1)[-1]
    return "shipping" if asked.rfind("parcel") > asked.rfind("invoice") else "billing"


def task_at(server: ScriptedServer, folder: Path, more: str = "") -> Task:
    rows = [
        {"input": f"my {WORDS[label]} number {n * 7919 % 9973} came", "expected": label}
        for n in range(60)
        for label in WORDS
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    price = "[costs]\ninput_usd_per_mtok = 1\noutput_usd_per_mtok = 2\n"
    (folder / "rung.toml").write_text(
        '[task]\ninstruction = "Name the queue."\nexamples = "rows.jsonl"\n'
        '[output]\nlabels = ["billing", "shipping"]\n[target]\nscore = 0.7\n'
        f'[models]\ntry = ["{server.model}"]\n{price}{more}'
    )
    return load_task(folder)


def climbed(task: Task) -> RunResult:
    return climb(task, ClimbOptions(only=("prompting",)))


def test_what_is_learnt_is_kept_and_said(tmp_path: Path) -> None:
    with ScriptedServer(queue, only_temperature(1), no_system_role()) as server:
        task = task_at(server, tmp_path)
        first = climbed(task)
        asked = len(server.calls)
        again = climbed(task)
        assert len(server.calls) == asked, "nothing is asked or learnt twice"
        refused = asked - server.answered
        for kept in (tmp_path / ".rung").iterdir():
            if kept.name != ENDPOINTS_FILE:
                shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
        climbed(task)
        assert len(server.calls) - server.answered == refused, "no refusal is met again"
    assert first.verdict.status == again.verdict.status == "sufficient"
    said = "without temperature; system text inside the user turn"
    assert any(said in note for note in first.notes) and said in markdown(first)


def test_what_is_served_is_asked_as_it_was_measured(tmp_path: Path) -> None:
    with ScriptedServer(queue, only_temperature(1), no_system_role()) as server:
        climbed(task_at(server, tmp_path))
        asked, refused = len(server.calls), len(server.calls) - server.answered
        for opened in (
            open_served(Settings(folder=tmp_path)).solver.parts.chat,
            open_winner(tmp_path).parts.chat,
            open_model(server.model, tmp_path),  # a judge, outside a climb
        ):
            assert isinstance(opened, OpenAICompatible)
            assert opened.dialect.folded and opened.dialect.left_out == {"temperature"}
        (tmp_path / ".rung" / ENDPOINTS_FILE).unlink()
        assert open_winner(tmp_path).ask("my parcel came").value == "shipping"
    assert len(server.calls) - server.answered == refused and len(server.calls) == asked + 1


def aged(folder: Path, days: int) -> None:
    """Make what is known of endpoints so old."""
    path = folder / ".rung" / ENDPOINTS_FILE
    known = json.loads(path.read_text())
    for one in known.values():
        one["at"] = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    path.write_text(json.dumps(known))


def test_an_old_handshake_is_made_again(tmp_path: Path) -> None:
    with ScriptedServer(queue, only_temperature(1)) as server:
        task = task_at(server, tmp_path)
        climbed(task)
        asked = server.answered
        aged(tmp_path, 8)
        climbed(task)
        # The answer that showed the way, and the question's own; what was answered stays known.
        assert server.answered == asked + 2
        server.behaviours.clear()
        aged(tmp_path, 8)
        found = climbed(task)
    assert "temperature" in server.calls[-1].body and found.verdict.status == "sufficient"


def test_a_server_that_takes_nothing_any_more_is_asked_anew(tmp_path: Path) -> None:
    off = refuses(lambda c: len(server.calls) > 30, error("Deployment is off", 400))
    with ScriptedServer(queue, only_temperature(1), off) as server:
        task = task_at(server, tmp_path)
        found = climbed(task)
        assert found.verdict.status == "undecided"
        assert any("Deployment is off" in row.reason for row in found.candidates)
        server.behaviours.clear()
        found = climbed(task)
    assert "temperature" in server.calls[-1].body and found.verdict.status == "sufficient"


def test_another_version_of_the_interface_is_another_endpoint(tmp_path: Path) -> None:
    with ScriptedServer(queue, only_temperature(1)) as server:
        climbed(task_at(server, tmp_path))
        more = f'[models.settings."{server.model}"]\nquery = {{ "api-version" = "2" }}\n'
        task_at(server, tmp_path, more)
        model = open_model(server.model, tmp_path)
    assert isinstance(model, OpenAICompatible) and not model.left_out


@pytest.mark.parametrize(
    "behaviour",
    [
        web_page(),
        out_of_quota(),
        refuses(lambda c: True, error("Incorrect API key provided", 401)),
        refuses(lambda c: True, error("no such page", 404)),
        refuses(lambda c: True, error("Deployment is off", 403)),
    ],
)
def test_what_cannot_be_asked_spends_nothing(behaviour: Behaviour, tmp_path: Path) -> None:
    with ScriptedServer(queue, behaviour) as server:
        task = task_at(server, tmp_path)
        with pytest.raises(UserError, match="nothing could be asked"):
            climbed(task)
        asked = len(server.calls)
        server.behaviours.clear()
        found = climbed(task)
    assert asked < 15 and found.verdict.status == "sufficient"
    assert "used by 1 candidate;" in found.ledger, "no error was spent on what was not asked"


def test_estimated_costs_are_marked(tmp_path: Path) -> None:
    def silent(call: Call) -> Said | None:
        """Every third answer comes without token counts."""
        said = completion(queue(call), call)
        return Said({**said.body, "usage": None}) if call.number % 3 == 0 else None

    with ScriptedServer(queue, silent) as server:
        result = climbed(task_at(server, tmp_path))
    row = next(r for r in result.candidates if r.cost_per_request_usd)
    assert per_thousand(row).startswith("~$") and "~$" in markdown(result)
    assert any("answers came without token counts" in note for note in result.notes)


def test_a_host_s_own_refusal_of_json_is_the_model_s_answer(tmp_path: Path) -> None:
    def validates(call: Call) -> Said | None:
        said = json.dumps({"queue": queue(call)})
        more = {"code": "json_validate_failed", "failed_generation": said}
        return error("Failed to validate JSON", **more) if call.number > 1 else None

    with ScriptedServer(queue, validates) as server:
        result = climbed(task_at(server, tmp_path))
        assert all("response_format" in call.body for call in server.calls)
    assert result.verdict.status == "sufficient"
    assert any("estimated" in note for note in result.notes)


def test_a_model_that_thinks_has_room_from_the_start(tmp_path: Path) -> None:
    def thinks(call: Call) -> Said | None:
        limit = int(call.body["max_tokens"])
        return completion("", call, "length") if limit < 700 else None

    with ScriptedServer(queue, thinks) as server:
        result = climbed(task_at(server, tmp_path))
        cut = len(server.calls) - server.answered
    assert cut == 1 and result.verdict.status == "sufficient"
    assert any("thinks before it answers" in note for note in result.notes)


def test_a_climb_of_everything_asks_the_next_rung_beside_the_last_answers(tmp_path: Path) -> None:
    asked: list[str] = []

    def heard(call: Call) -> str:
        asked.append(str(call.body["max_tokens"]))
        return queue(call)

    with ScriptedServer(heard, latency_s=0.05) as server:
        task = task_at(server, tmp_path, "[climb]\ndev_size = 8\n")
        prompts = tuple(
            Candidate(model=server.model, prompt=Prompt(max_output_tokens=size))
            for size in (300, 301)
        )
        options = ClimbOptions(candidates=prompts, everything=True)
        found = climb(task, options)
        timed = 2 * (ASKED + 1)
        assert len(asked) == 1 + 2 * (8 + len(task.test)) + timed, "nothing is asked twice"
        assert len(climb(task, options).candidates) == 2 and len(asked) == found.calls.made
    one, other = str(300 + WRAPPING_TOKENS), str(301 + WRAPPING_TOKENS)
    assert one in asked[asked.index(other) :], "the second did not wait for the first"
    assert len(set(asked[-timed:][: ASKED + 1])) == 1, "timed by itself"
