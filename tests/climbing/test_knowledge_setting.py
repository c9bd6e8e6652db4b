"""`[knowledge]`: a store that is away is no wrong answer, and nobody reads what is not theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import pytest

from ports.rungs import searching
from rung.climbing.observer import Observer
from rung.errors import UserError
from rung.models.base import ChatRequest
from rung.models.metered import Metered
from rung.solver import load
from rung.task.types import Document, Example, KnowledgeSettings
from scripted import ScriptedEmbedder, ScriptedModel

from .tasks import MODEL, climb, fact_task, reading


def test_a_store_that_is_away_is_no_score_and_no_fault_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("RUNG_KNOWLEDGE_URL", "postgresql://u:secret@127.0.0.1:1/x")
    task = fact_task(knowledge=KnowledgeSettings(store="pgvector"))
    result = climb(task, tmp_path, ScriptedModel(lambda _: "unknown", MODEL), everything=True)
    rows = {row.technique: row for row in result.candidates}
    assert rows["rag"].state == "incomplete" and rows["rag"].test is None
    assert "cannot be reached" in rows["rag"].reason and "secret" not in rows["rag"].reason
    assert rows["prompting"].test is not None and rows["prompting"].test.value == 0.0


def test_a_store_without_an_address_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.delenv("RUNG_KNOWLEDGE_URL", raising=False)
    task = fact_task(knowledge=KnowledgeSettings(store="pgvector"))
    result = climb(task, tmp_path, ScriptedModel(lambda _: "unknown", MODEL), everything=True)
    (reason,) = {row.reason for row in result.candidates if row.technique == "rag"}
    assert "RUNG_KNOWLEDGE_URL, which is not set: set it, such as postgresql://" in reason


def test_qdrant_without_an_address_is_in_this_process_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("qdrant_client")
    monkeypatch.delenv("RUNG_KNOWLEDGE_URL", raising=False)

    class Told(Observer):
        notes: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    task = fact_task(knowledge=KnowledgeSettings(store="qdrant"))
    result = climb(
        task,
        tmp_path,
        ScriptedModel(reading, MODEL),
        Told(),
        candidates=(searching(store="qdrant"),),
    )
    assert result.verdict.status == "sufficient"
    assert sum("local mode is used" in note for note in Told.notes) == 1
    monkeypatch.setenv("RUNG_KNOWLEDGE_URL", "http://u:secret@127.0.0.1:1")  # its content is saved
    embedder = Metered(ScriptedEmbedder())
    solver = load(tmp_path / "winner", lambda _: ScriptedModel(reading, MODEL), lambda _: embedder)  # type: ignore[arg-type, return-value]
    assert solver.ask("What is the code of part 42?").value == "code-1554"


def test_only_documents_of_the_inputs_own_tenant_are_read(tmp_path: Path) -> None:
    def code(n: int, tenant: str) -> str:
        return f"{tenant}-{n * 37}"

    def row(n: int) -> Example:
        tenant = ("north", "south")[n % 2]
        asked = {"question": f"What is the code of part {n // 2}?", "tenant": tenant}
        return Example(id=f"f{n}", input=asked, expected=code(n // 2, tenant))

    rows = [row(n) for n in range(110)]
    documents = tuple(
        Document(
            id=f"{tenant}-{n}",
            text=f"The code of part {n} is {code(n, tenant)}.",
            meta={"tenant": tenant},
        )
        for n in range(55)
        for tenant in ("north", "south")
    )
    seen: list[set[str]] = []

    def read(request: ChatRequest) -> str:
        text = request.messages[-1].content
        part, own = re.search(r"part (\d+)\?\ntenant: (\w+)", text).groups()  # type: ignore[union-attr]
        passages = text.split("question:")[0]
        seen.append({*re.findall(r"is (\w+)-", passages), own})
        held = re.search(rf"part {part} is (\S+)\.", passages)
        return held[1] if held else "unknown"

    splits = {"train": tuple(rows[:30]), "dev": tuple(rows[30:50]), "test": tuple(rows[50:])}
    match = KnowledgeSettings(match=("tenant",))
    task = fact_task(documents=documents, knowledge=match).model_copy(update=splits)
    result = climb(task, tmp_path, ScriptedModel(read, MODEL), only=("rag",))
    assert result.verdict.status == "sufficient"
    assert seen and all(len(tenants) == 1 for tenants in seen)
    assert not any(row.technique == "full-context" for row in result.candidates)
    chat = ScriptedModel(read, MODEL)
    solver = load(tmp_path / "winner", lambda _: chat, lambda _: Metered(ScriptedEmbedder()))  # type: ignore[arg-type, return-value]
    assert solver.ask({"question": "What is the code of part 3?", "tenant": "north"}).passages
    for lacking in ("What is the code of part 3?", {"question": "Code of part 3?"}):
        with pytest.raises(UserError, match="has no field 'tenant'"):
            solver.ask(lacking)
