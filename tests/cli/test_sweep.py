"""Several tasks in one command: each is climbed, and the worst of their exit codes is its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.cli.app import EXIT, USER_ERROR, WORST
from rung.cli.sweep import tasks_of

from .test_mistakes import Terminal, endpoint, terminal, toml, write

__all__ = ["terminal"]  # a fixture


def task(folder: Path, model: str, **files: str) -> Path:
    folder.mkdir(parents=True)
    return write(folder, **{"rung.toml": toml(model=model), **files})


def test_a_folder_of_tasks_is_each_of_them_once(tmp_path: Path) -> None:
    made = [task(tmp_path / "tasks" / name, "local/m") for name in ("b", "a")]
    (tmp_path / "tasks" / "notes").mkdir()
    both = [tmp_path / "tasks" / "a", tmp_path / "tasks" / "b"]
    assert tasks_of([tmp_path / "tasks"]) == both
    assert tasks_of([*made, tmp_path / "tasks"]) == made
    assert tasks_of([tmp_path / "none", tmp_path / "rows.csv"]) == [
        tmp_path / "none",
        tmp_path / "rows.csv",
    ]
    # A folder of data that was climbed before has its project in it, and is no folder of tasks.
    task(tmp_path / "data" / "rung", "local/m")
    assert tasks_of([tmp_path / "data"]) == [tmp_path / "data"]
    task(tmp_path / "tasks" / "a" / "inner", "local/m")
    assert tasks_of([made[1]]) == [made[1]]


def test_of_several_codes_the_worst_counts() -> None:
    assert (EXIT["sufficient"], EXIT["insufficient"], EXIT["undecided"], USER_ERROR) == WORST


@pytest.mark.slow
def test_each_is_climbed_whatever_becomes_of_the_others(tmp_path: Path, terminal: Terminal) -> None:
    with endpoint() as server:
        good = task(tmp_path / "t" / "[good]", server.model)
        bad = task(tmp_path / "t" / "bad", server.model, **{"examples.jsonl": "no rows"})
        said = terminal("climb", good, bad, "--only", "prompting")
        assert said.code == USER_ERROR
        assert "1 of 2: " in said.out and "rung: examples.jsonl line 1: not one JSON" in said.out
        first, second = said.out.splitlines()[-2:]
        assert first.startswith(f"sufficient   {good}: ") and second.startswith(
            f"error        {bad}"
        )
        asked = server.answered
        again = terminal("climb", tmp_path / "t", "--only", "prompting", "--json")
        kept = {Path(one["folder"]).name: one for one in json.loads(again.out)}
        assert [kept[n]["exit_code"] for n in ("[good]", "bad")] == [0, 2]
        assert kept["[good]"]["verdict"]["status"] == "sufficient" and "error" in kept["bad"]
        assert server.answered == asked, "nothing is paid twice"


@pytest.mark.parametrize("where", ["there", "ray:/host"])
def test_a_place_that_is_none_is_said(
    where: str, tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = terminal("climb", task(tmp_path / "t", "local/m"), "--on", where)
    assert (said.code, said.out) == (USER_ERROR, "")
    known = "known are here, ray, auto, ray://HOST:PORT"
    assert said.err == f"rung: the executor {where!r} is unknown; {known}\n"
    monkeypatch.setenv("RUNG_RAY", where)
    assert terminal("climb", tmp_path / "t").err == said.err
