"""Rungs are skipped where failures prove them out of reach, and only there."""

from __future__ import annotations

from pathlib import Path

from rung.climbing.observer import Observer
from rung.models.base import ChatRequest

from .tasks import MODEL, asked, by_technique, climb, fact_task, label_task, model, reading, share
from .tasks import ScriptedModel as Model


def test_prompts_without_documents_are_skipped_where_knowledge_is_missing(tmp_path: Path) -> None:
    result = climb(fact_task(), tmp_path, Model(reading, MODEL))
    skipped = [r for r in result.candidates if r.state == "skipped"]
    assert [r.candidate.prompt.shots.kind for r in skipped] == ["fixed"]
    assert all("dev examples: missing knowledge" in r.reason for r in skipped)
    assert result.verdict.status == "sufficient"
    assert (tmp_path / "runs" / result.run / "diagnosis.json").exists()


def test_questions_that_recur_are_never_ruled_out_of_examples(tmp_path: Path) -> None:
    """An FAQ: the nearest training example is the question itself, with its answer."""
    task = fact_task()
    again = {name: task.train for name in ("dev", "test")}
    recurring = task.model_copy(
        update={
            n: tuple(e.model_copy(update={"id": f"{n}-{e.id}"}) for e in rows)
            for n, rows in again.items()
        }
    )

    def copying(request: ChatRequest) -> str:
        shots = zip(request.messages, request.messages[1:], strict=False)
        number = asked(request)
        known = [
            b.content for a, b in shots if b.role == "assistant" and f"part {number}?" in a.content
        ]
        return known[-1] if known else reading(request)

    result = climb(recurring, tmp_path, Model(copying, MODEL), anyway=True, everything=False)
    nearest = next(r for r in result.candidates if r.candidate.prompt.shots.kind == "nearest")
    assert nearest.state != "skipped"
    assert not [r for r in result.candidates if r.state == "skipped"]


def test_it_says_that_failures_are_asked_again(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    class Listening(Observer):
        def phase(self, key: str, name: str, total: int) -> None:
            told.append((key, name))

    result = climb(fact_task(), tmp_path, Model(reading, MODEL), Listening())
    first = next(r for r in by_technique(result, "prompting") if r.state != "skipped")
    assert told.count((first.key, "why")) == 1


def test_the_verdict_is_that_of_a_climb_that_skips_nothing(tmp_path: Path) -> None:
    chat = Model(reading, MODEL)
    gated = climb(fact_task(), tmp_path / "a", chat)
    whole = climb(fact_task(), tmp_path / "b", chat, diagnose=False)
    assert (gated.verdict.status, gated.verdict.choice) == (
        whole.verdict.status,
        whole.verdict.choice,
    )
    assert not [r for r in whole.candidates if r.state == "skipped"]


def test_probes_are_counted_among_the_calls(tmp_path: Path) -> None:
    chat = Model(reading, MODEL)
    result = climb(fact_task(), tmp_path, chat)
    attempts = (tmp_path / "runs" / result.run / "attempts.jsonl").read_text().count("\n")
    probes = (tmp_path / "runs" / result.run / "probes" / "attempts.jsonl").read_text().count("\n")
    assert result.calls.used == attempts + probes


def test_knowledge_that_is_not_missing_skips_nothing(tmp_path: Path) -> None:
    """The model fails whatever it is given: nothing is proven, everything is tried."""
    result = climb(fact_task(), tmp_path, Model(lambda _: "nothing", MODEL))
    assert not [r for r in result.candidates if r.state == "skipped"]
    assert result.verdict.status == "insufficient"


def test_without_documents_no_probe_is_asked(tmp_path: Path) -> None:
    result = climb(label_task(), tmp_path, model(share(30)))
    assert not (tmp_path / "runs" / result.run / "probes").exists()
