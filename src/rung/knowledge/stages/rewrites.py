"""Questions worded anew by the task's own model before they are searched for.

Several queries: Rackauckas 2024 (https://arxiv.org/abs/2402.03367); a hypothetical answer: Gao et
al. 2022, HyDE (https://arxiv.org/abs/2212.10496); the last turn made whole: Elgohary et al. 2019
(https://aclanthology.org/D19-1605).
"""

import re
from typing import NamedTuple

from rung.candidate import Context
from rung.knowledge.stages.base import Hunt
from rung.knowledge.stores.base import Store
from rung.models.base import ChatRequest, Embedder, Message
from rung.records import Step

WRITTEN = 3
"""Most queries of a rewriting that gives several."""
ROOM = 120
"""Tokens of a reply; what goes on after that is left out."""
_MARK = re.compile(r"^(?:[-*•]\s+|\(?\d{1,2}[.):]\s*)")


class Rewriting(NamedTuple):
    """What a model is asked for, and what becomes of it."""

    asked: str
    lines: bool = False
    """Each line of the reply is a query; else it is one as a whole."""
    beside: bool = True
    """Searched for beside the question; else in its place."""


REWRITES = {
    "queries": Rewriting(
        f"Write {WRITTEN} different short search queries that find documents which answer the "
        "input. One query a line, nothing else.",
        lines=True,
    ),
    "hypothetical": Rewriting(
        "Write one short passage, as a document might hold it, that answers the input. Guess what "
        "you do not know. The passage only."
    ),
    "standalone": Rewriting(
        "Rewrite the last question of the input so that it can be understood without what stands "
        "before it: put the names in place of words like 'it' and 'there'. The question only.",
        beside=False,
    ),
}
"""By the name that a context's `rewrite` gives."""


def rewriting(name: str, text: str) -> ChatRequest:
    """The call by which a question is worded anew."""
    system = Message(role="system", content=REWRITES[name].asked)
    return ChatRequest(messages=(system, Message(role="user", content=text)), max_tokens=ROOM)


class Rewritten:
    """One call. Where nothing usable comes, the question is searched for as it is."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._name = context.rewrite or ""

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """Other words for the same hunt. Raises `ProviderError` where the model cannot be asked."""
        how = REWRITES[self._name]
        reply = await hunt.asked().reply(rewriting(self._name, hunt.query))
        text = "" if reply.finish == "refused" else reply.text
        given = [_MARK.sub("", line.strip()).strip(" \"'") for line in text.splitlines()]
        queries = tuple(dict.fromkeys(line for line in given if line))
        queries = queries[:WRITTEN] if how.lines else (" ".join(queries),) if queries else ()
        step = Step(name=f"rewrite: {self._name}", given=hunt.query, got="\n".join(queries))
        hunt = hunt._replace(replies=(*hunt.replies, reply), steps=(*hunt.steps, step))
        if not queries or how.beside:
            return hunt._replace(also=queries)
        return hunt._replace(query=queries[0])
