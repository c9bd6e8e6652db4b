"""The climb as others see it: its state on disk, and the lock that says it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rung.climbing.journal import LIVE_FILE, Journal, is_running, read_live
from rung.climbing.observer import Observer, Several
from rung.errors import UserError
from rung.records import Attempt
from rung.records.results import CandidateResult

from .tasks import climb, label_task, model


def test_a_climb_tells_its_ladder_and_its_verdict(tmp_path: Path) -> None:
    task = label_task()
    seen: list[tuple[str, int]] = []

    class Watcher(Observer):
        def result(self, row: CandidateResult) -> None:
            live = read_live(tmp_path)
            assert live is not None and live.ended is None and is_running(tmp_path)
            assert next(r for r in live.rows if r.key == row.key) == row
            seen.append((row.key, live.answers))

    with Journal(task, tmp_path) as journal:
        result = climb(task, tmp_path, model(), Several(journal, Watcher()))
        journal.finished(result)
    live = read_live(tmp_path)
    assert live is not None and not is_running(tmp_path)
    assert live.ended == result.verdict.status and live.run == result.run
    assert live.rows == result.candidates and seen and live.pid == os.getpid()
    lines = (tmp_path / "runs" / result.run / "attempts.jsonl").read_text().splitlines()
    assert live.answers == len(lines)


@pytest.mark.parametrize(
    ("error", "ended", "problem"),
    [
        (UserError("the model has no name: give one"), "failed", "the model has no name: give one"),
        (RuntimeError("sk-secret"), "failed", "RuntimeError"),
        (KeyboardInterrupt(), "interrupted", ""),
    ],
)
def test_an_end_by_error_is_told_without_what_it_may_hold(
    tmp_path: Path, error: BaseException, ended: str, problem: str
) -> None:
    with pytest.raises(type(error)), Journal(label_task(), tmp_path):
        raise error
    live = read_live(tmp_path)
    assert live is not None and (live.ended, live.problem) == (ended, problem)


def test_a_second_climb_of_the_folder_keeps_silent(tmp_path: Path) -> None:
    with Journal(label_task(name="first"), tmp_path):
        with Journal(label_task(name="second"), tmp_path) as second:
            second.note("not heard")
        live = read_live(tmp_path)
        assert live is not None and live.task == "first" and is_running(tmp_path)
    assert not is_running(tmp_path)


@pytest.mark.slow
def test_a_killed_climb_is_not_seen_as_running(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.path[:0] = [p for p in sys.argv[2:]];"
        "from pathlib import Path; from climbing.tasks import label_task;"
        "from rung.climbing.journal import Journal;"
        "journal = Journal(label_task(), Path(sys.argv[1])); journal.__enter__();"
        "print('up', flush=True); time.sleep(60)"
    )
    here = Path(__file__).resolve().parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(here), str(here.parent / "src")],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    assert is_running(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not is_running(tmp_path)
    live = read_live(tmp_path)
    assert live is not None and live.ended is None


def test_a_folder_that_cannot_be_written_stops_no_climb(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with Journal(label_task(), blocked / "below") as journal:
        journal.note("nobody hears")
    assert read_live(blocked / "below") is None


def test_a_file_that_is_no_state_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / LIVE_FILE).write_text("{")
    assert read_live(tmp_path) is None and not is_running(tmp_path)


def test_answers_are_counted_with_the_score_so_far(tmp_path: Path) -> None:
    with Journal(label_task(), tmp_path) as journal:
        journal.phase("a", "dev", 4)
        for i, score in enumerate((1.0, 0.0, None, 1.0)):
            journal._written = 0.0  # as if some time had gone by
            error = None if score is not None else "503"
            journal.attempt(
                Attempt(candidate="a", split="dev", example_id=str(i), score=score, error=error,
                        cost_usd=0.25)
            )  # fmt: skip
        live = read_live(tmp_path)
        assert live is not None and live.doing is not None
        assert (live.doing.done, live.doing.total, live.spent_usd) == (4, 4, 1.0)
        assert live.doing.score == pytest.approx(2 / 3) and live.doing.low is not None
        journal.phase("a", "test", 9)
        after = read_live(tmp_path)
        assert after is not None and after.doing is not None
        assert (after.doing.done, after.doing.score) == (0, None)
