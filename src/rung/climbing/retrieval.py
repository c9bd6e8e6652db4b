"""How documents are retrieved: the smallest context that finds the answer as often as the best.

Decided without a model call, on training and dev examples only, by word search: it costs nothing,
and a cut of the documents that hides answers from it hides them from any search. Where the embedder
cannot read what they are written in, its search is tried too, and left where it finds no more.
"""

from __future__ import annotations

from rung.candidate import Context
from rung.climbing.languages import unread_share
from rung.climbing.tools import Tools
from rung.knowledge.gold import gold_passages
from rung.knowledge.retriever import Retriever
from rung.task.expected import answer_texts
from rung.task.types import Example, Task

CHUNKS = (300, 600)
"""Characters of a passage."""
DEPTHS = (1, 2, 3)
ASKED = 60
"""Examples looked at."""
SLACK = 0.05
"""A smaller context may find this much less often than the best."""


UNREAD = 0.3
"""Share of the letters that the embedder cannot read, from which word search alone is tried."""


async def choose_context(tools: Tools) -> Context:
    """The cheapest of `CHUNKS` x `DEPTHS` within `SLACK` of the best hit rate.

    A hit: one of the passages that hold the answer (or come from a gold document) is retrieved.
    Where no example says or shows where its answer stands, the middle of the grid is taken.
    """
    foreign = unread_share(tools) >= UNREAD
    places: dict[int, list[float]] = {}
    for chars in CHUNKS:
        context = Context(kind="retrieved", chunk_chars=chars, search="lexical")
        places[chars] = await _ranks(tools, context)
    if not any(places.values()):
        chosen = Context(kind="retrieved", k=3, chunk_chars=CHUNKS[-1], search="lexical")
        return chosen if foreign else chosen.model_copy(update={"search": "hybrid"})
    rates = {(chars, k): _rate(ranks, k) for chars, ranks in places.items() for k in DEPTHS}
    best = max(rates.values())
    chars, k = min(
        (pair for pair, rate in rates.items() if rate >= best - SLACK),
        key=lambda pair: (pair[0] * pair[1], pair),
    )
    both = Context(kind="retrieved", k=k, chunk_chars=chars)
    if foreign and _rate(await _ranks(tools, both), k) <= rates[chars, k]:
        return both.model_copy(update={"search": "lexical"})
    return both


def _rate(ranks: list[float], k: int) -> float:
    return sum(rank < k for rank in ranks) / len(ranks) if ranks else 0.0


async def _ranks(tools: Tools, context: Context) -> list[float]:
    """Of the examples that say or show where their answer stands, its place."""
    task = tools.task
    embedder = None if context.search == "lexical" else tools.embedder(task.models.embedder)
    retriever = await Retriever.build(task.documents, context, embedder)
    examples = [*task.train, *task.dev][:ASKED]
    return [r for e in examples if (r := await _rank(e, task, retriever)) is not None]


async def _rank(example: Example, task: Task, retriever: Retriever) -> float | None:
    """Place of the first passage that holds the answer; infinite when none is found."""
    expected = answer_texts(task.output, example)
    gold = gold_passages(example, task.documents, retriever.passages, expected)
    if not gold:
        return None
    # Where the answer's words stand in no passage (a label, say), any passage of a gold document
    # counts; where they do, `gold_passages` puts those first and only the first counts.
    places = (
        {(p.document_id, p.start) for p in gold[:1]}
        if any(text in gold[0].text for text in expected)
        else {(p.document_id, p.start) for p in gold}
    )
    passages = await retriever.search(example.input_text(), DEPTHS[-1])
    hits = [i for i, p in enumerate(passages) if (p.document_id, p.start) in places]
    return float(hits[0]) if hits else float("inf")
