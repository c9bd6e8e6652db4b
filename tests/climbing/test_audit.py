"""The audit as a climb's first step: it can stop one, its flags are kept, nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import rung
from rung.audit import Audit
from rung.climbing.auditing import audit_of
from rung.climbing.tools import Tools
from rung.errors import UserError
from rung.measure.cache import Cache
from rung.task.types import Facts, Models, Target
from scripted import ScriptedEmbedder

from .tasks import EMBEDDER, climb, comparable, label_task, model, options


def test_data_that_cannot_carry_the_decision_stops_the_climb_before_any_call(
    tmp_path: Path,
) -> None:
    task = label_task(test=10)  # 0.8 ** 10 > 0.05: not even ten of ten certify
    asked = model()
    with pytest.raises(UserError, match=r"not even all right.*--anyway"):
        climb(task, tmp_path, asked)
    assert asked.calls == 0 and not (tmp_path / "runs").exists()
    result = climb(task, tmp_path, asked, anyway=True)
    assert asked.calls > 0 and result.verdict.status == "undecided"
    assert [f.severity for f in result.flags if f.id == "too-few-test-examples"] == ["block"]


def test_flags_are_kept_with_the_run(tmp_path: Path) -> None:
    task = label_task(facts=Facts(definition_changes="often"))
    result = climb(task, tmp_path, model())
    kept = json.loads((tmp_path / "runs" / result.run / "run.json").read_text())
    assert "definition-changes" in {flag["id"] for flag in kept["flags"]}
    assert kept["flags"] == [flag.model_dump(mode="json") for flag in result.flags]


def test_the_audit_changes_neither_the_run_nor_what_candidates_are_timed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = label_task(telling=True)
    with_audit = climb(task, tmp_path / "a", model())
    monkeypatch.setattr("rung.climbing.climber.audit_of", _no_audit)
    without = climb(task, tmp_path / "b", model())
    assert with_audit.run == without.run and with_audit.fingerprint == without.fingerprint
    ours, theirs = comparable(with_audit), comparable(without)
    for row in (*ours["candidates"], *theirs["candidates"]):
        for clock in ("usage", "usage_sd", "latency_p95_s", "latency_low_s", "latency_high_s",
                      "cost_per_request_usd", "monthly_usd"):  # fmt: skip
            row.pop(clock)
    for key in ("run", "fingerprint", "candidates", "sizes"):
        assert ours[key] == theirs[key]


@pytest.mark.parametrize(
    ("models", "sent_to"),
    [
        (Models(to_try=("local/m",), tune=("together/base",)), "together/base"),
        (Models(to_try=("local/m",), tune=("vertex/gemini-2.5-flash",)), "vertex/gemini-2.5-flash"),
        (Models(to_try=("local/m",), judge="mistral/small"), "mistral/small"),
        (Models(to_try=("groq/m", "ollama/m")), "groq/m"),
        (Models(to_try=("ollama/m", "http://localhost:1/v1#m")), None),
    ],
)
async def test_personal_data_that_would_go_to_a_vendor_is_called_so(
    models: Models, sent_to: str | None, tmp_path: Path
) -> None:
    task = label_task()
    first = task.train[0].model_copy(update={"input": "Write to anna.berg@example.org please."})
    models = models.model_copy(update={"embedder": EMBEDDER})
    told = task.model_copy(update={"models": models, "train": (first, *task.train[1:])})
    found = await audit_of(Tools(told, options(tmp_path, model()), priced=False))
    (flag,) = [flag for flag in found.flags if flag.id == "personal-data"]
    if sent_to is None:
        assert flag.severity == "info" and "stay on this machine" in flag.text
    else:
        assert flag.severity == "warn" and flag.text.endswith(f"sent to {sent_to}.")


async def _no_audit(*_: object) -> Audit:
    return Audit(task="", flags=(), checked=(), sizes={})


def test_vectors_of_the_audit_are_not_those_that_candidates_pay_for(tmp_path: Path) -> None:
    embedder = ScriptedEmbedder()
    task = label_task(target=Target(metric="accuracy", score=0.8))
    how = replace(options(tmp_path, model()), only=("prompting",), embedders={EMBEDDER: embedder})
    rung.climb(task, how)
    cache = Cache(tmp_path / "cache.sqlite")
    text = task.test[0].input_text()
    aside = cache.vectors(f"{embedder.identity}#audit", [text])
    assert text in aside and text not in cache.vectors(embedder.identity, [text])
    before = len(embedder.texts)
    rung.climb(task, how)
    assert len(embedder.texts) == before  # a second audit embeds nothing
    cache.close()
