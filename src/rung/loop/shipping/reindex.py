"""Re-indexing: the served winner over the documents as they are now, nothing else changed.

Passages are embedded by content, so only those whose text is new are embedded; the adapter, the
prompt and the model stay. The result waits as challenger: newer facts, but an unmeasured solver.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rung.behaviour.shots import choose_shots
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import UserError
from rung.knowledge.contexts import Question, knowledge_of
from rung.knowledge.lexical import searched_text
from rung.knowledge.retriever import Retriever
from rung.loop.shipping.winners import Winners
from rung.models.metered import prompted
from rung.project import EVIDENCE_FILE
from rung.records import Passage
from rung.solver import Solver, load, save
from rung.state import EVIDENCE_CURE, read_object
from rung.task.load import load_task
from rung.task.types import Document, Frozen, JsonValue, Task


class Reindexed(Frozen):
    """What changed in the documents, and what that took."""

    documents: int
    changed: int
    """Documents some of whose passages are new or gone, among those that were there before."""
    added: int
    removed: int
    passages: int
    kept: int
    """Passages whose text was indexed before, in the same document."""
    embedded: int
    """Texts that had to be embedded; the others came from the cache."""
    challenger: str | None = None
    """Hash of the re-indexed solver; None where nothing changed."""


def changes(old: tuple[Passage, ...], new: tuple[Passage, ...]) -> dict[str, int]:
    """Counts of documents and passages, by document and all that a search reads of it."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for side, passages in ((before, old), (after, new)):
        for passage in passages:
            # Whoever may read it, and what it is called, is searched by too.
            searched = json.dumps([passage.title, passage.text, passage.meta], sort_keys=True)
            side.setdefault(passage.document_id, []).append(searched)
    both = before.keys() & after.keys()
    known = {d: set(texts) for d, texts in before.items()}
    kept = sum(text in known.get(d, ()) for d, texts in after.items() for text in texts)
    return {
        "documents": len(after),
        "changed": sum(before[d] != after[d] for d in both),
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "passages": len(new),
        "kept": kept,
    }


def document_changes(solver: Solver, documents: tuple[Document, ...]) -> dict[str, int] | None:
    """What changed since a solver's index was made; None where it reads no documents."""
    context = solver.candidate.context
    if not context.traits.reads:
        return None
    return changes(solver.knowledge.passages, knowledge_of(context).cut(context, documents))


def reindex(folder: str | Path, options: ClimbOptions | None = None) -> Reindexed:
    """Index the documents anew for the served winner, and keep the result as challenger.

    Raises `UserError` where the winner retrieves nothing.
    """
    task = load_task(folder)
    winners = Winners(task.root or Path(folder))

    async def run() -> Reindexed:
        tools = Tools(task, options or ClimbOptions())
        try:
            solver = load(winners.winner, tools.chat, tools.embedder)
            return await _again(solver, task, tools, winners)
        finally:
            await tools.aclose()

    return asyncio.run(run())


def _evidence(winners: Winners) -> dict[str, JsonValue]:
    path = winners.winner / EVIDENCE_FILE
    return read_object(path, EVIDENCE_CURE) if path.exists() else {}


async def _again(solver: Solver, task: Task, tools: Tools, winners: Winners) -> Reindexed:
    changed = document_changes(solver, task.documents)
    if changed is None:
        raise UserError(f"{solver.candidate.key} reads no documents: there is nothing to re-index")
    if not (changed["changed"] or changed["added"] or changed["removed"]):
        return Reindexed(**changed, embedded=0)
    candidate, embedded, context = solver.candidate, 0, solver.candidate.context
    embedder = tools.embedder(candidate.embedder) if candidate.embedder else None
    if embedder is not None and context.traits.searches:
        cut = knowledge_of(context).cut(context, task.documents)
        texts = prompted(embedder, "document", list(dict.fromkeys(map(searched_text, cut))))
        embedded = len(texts) - len(tools.cache.vectors(embedder.identity, texts))

    old = getattr(solver.knowledge, "retriever", None)

    async def index(documents: Sequence[Document]) -> Retriever:
        return await Retriever.build(documents, context, embedder, old.store if old else None)

    knowledge = await knowledge_of(context).fit(context, task.documents, index)
    spec = solver.spec
    if context.traits.leads:
        spec = spec.model_copy(update={"documents": knowledge.passages})
    elif not candidate.prompt.shots.chosen_by_input and spec.shots:
        # Fixed shots show how to read their own passages: those of today.
        made_with = {own.name: tools.tool(own) for own in spec.tools}
        asking = Question("", chat=tools.chat(candidate.model), tools=made_with)
        shots = await choose_shots(candidate, task, knowledge, asking)
        spec = spec.model_copy(update={"shots": shots})
    made = Solver(spec, replace(solver.parts, knowledge=knowledge))
    was = winners.keep(winners.winner)
    # What was measured was measured on the old index: it says so, and stays comparable.
    evidence = {**_evidence(winners), "reindexed from": was, "documents": changed}
    digest = save(made, winners.challenger, evidence)
    return Reindexed(**changed, embedded=embedded, challenger=digest)
