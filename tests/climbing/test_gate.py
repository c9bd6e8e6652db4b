"""Rungs are skipped where failures prove them out of reach, and only there."""

from __future__ import annotations

from pathlib import Path

from rung.climbing import Observer

from .tasks import MODEL, by_technique, climb, fact_task, label_task, model, reading, share
from .tasks import ScriptedModel as Model


def test_prompts_without_documents_are_skipped_where_knowledge_is_missing(tmp_path: Path) -> None:
    result = climb(fact_task(), tmp_path, Model(reading, MODEL))
    skipped = [r for r in result.candidates if r.state == "skipped"]
    assert [r.technique for r in skipped] == ["prompting", "prompting"]
    assert all("dev examples: missing knowledge" in r.reason for r in skipped)
    assert result.verdict.status == "sufficient"
    assert (tmp_path / "runs" / result.run / "diagnosis.json").exists()


def test_it_says_that_failures_are_asked_again(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    class Listening(Observer):
        def phase(self, key: str, name: str, total: int) -> None:
            told.append((key, name))

    result = climb(fact_task(), tmp_path, Model(reading, MODEL), Listening())
    (first,) = [r for r in by_technique(result, "prompting") if r.state != "skipped"]
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
