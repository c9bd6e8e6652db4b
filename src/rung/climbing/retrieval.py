"""How documents are retrieved: the smallest context that finds the answer as often as the best.

Decided without a model call, on training and dev examples only. The cut and the number of passages
by word search: it costs nothing, and a cut that hides answers from it hides them from any search.
Then how much words weigh beside vectors, where an example says or shows where its answer stands.
"""

from rung.candidate import Context
from rung.climbing.languages import unread_here
from rung.climbing.tools import Tools
from rung.errors import BudgetExceeded, SourceError, UserError
from rung.knowledge.finding import Looked, best_weight, look
from rung.knowledge.retriever import Retriever

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
    foreign = unread_here(tools) >= UNREAD
    by_words = {
        chars: await _looked(tools, Context(kind="retrieved", chunk_chars=chars, search="lexical"))
        for chars in CHUNKS
    }
    if not any(by_words.values()):
        search = "lexical" if foreign else "hybrid"
        return Context(kind="retrieved", k=3, chunk_chars=CHUNKS[-1], search=search)
    rates = {(chars, k): _rate(some, 1, k) for chars, some in by_words.items() for k in DEPTHS}
    best = max(rates.values())
    chars, k = min(
        (pair for pair, rate in rates.items() if rate >= best - SLACK),
        key=lambda pair: (pair[0] * pair[1], pair),
    )
    both = Context(kind="retrieved", k=k, chunk_chars=chars)
    if tools.hosted_embedder and not tools.spends:
        return both
    try:
        looked = await _looked(tools, both)
    except (UserError, SourceError, BudgetExceeded):  # said where the rung is fitted
        return both
    weight = best_weight(looked)
    if weight == 1 or (foreign and _rate(looked, weight, k) <= rates[chars, k]):
        return both.model_copy(update={"search": "lexical"})
    return both.model_copy(update={"word_weight": weight})


def _rate(looked: list[Looked], weight: float, k: int) -> float:
    return sum(one.rank(weight) < k for one in looked) / len(looked) if looked else 0.0


async def _looked(tools: Tools, context: Context) -> list[Looked]:
    task = tools.task
    embedder = None if context.search == "lexical" else tools.embedder(task.models.embedder)
    retriever = await Retriever.build(task.documents, context, embedder)
    return await look(retriever, task, [*task.train, *task.dev][:ASKED])
