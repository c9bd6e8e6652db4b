"""The shelf's list, and which stages a context's questions go through."""

from collections.abc import Callable, Sequence

from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.stages.base import Stage
from rung.knowledge.stages.passages import EXPANSIONS, Best, Expanded, Room
from rung.knowledge.stages.reranks import JUDGED, ByEndpoint, ByModel, judging
from rung.knowledge.stages.rewrites import REWRITES, Rewritten, rewriting
from rung.knowledge.stages.searches import ByMeaning, ByWords, Fused
from rung.models.base import ChatRequest, Embedder
from rung.records import Passage

STAGES: dict[str, Callable[[Context, Embedder | None], Stage]] = {
    "words": ByWords,
    "meaning": ByMeaning,
    "fuse": Fused,
    "endpoint": ByEndpoint,
    "model": ByModel,
    "best": Best,
    "room": Room,
    **dict.fromkeys(REWRITES, Rewritten),
    **dict.fromkeys(EXPANSIONS, Expanded),
}
"""By name. A context's `rewrite`, `rerank` and `expand` name one each."""
SEARCHES = {
    "lexical": ("words",),
    "dense": ("meaning",),
    "hybrid": ("words", "meaning", "fuse"),
}


def requests_of(context: Context, text: str, passages: Sequence[Passage]) -> list[ChatRequest]:
    """What the stages ask the task's model of a question that finds these passages, as far as that
    is known before."""
    made = [rewriting(context.rewrite, text)] if context.rewrite in REWRITES else []
    if context.rerank == "model":
        made += [judging(text, passage) for passage in passages[:JUDGED]]
    return made


def stages_of(context: Context, embedder: Embedder | None) -> tuple[Stage, ...]:
    """In order. Raises `UserError` for a name that is not on the shelf."""
    parts = [context.rewrite, *SEARCHES[context.search], context.rerank, "best", context.expand]
    names = [name for name in (*parts, "room" if context.room else None) if name]
    for name in names:
        if name not in STAGES:
            raise UserError(
                f"the context's stage {name!r} is unknown; known are {', '.join(STAGES)}"
            )
    return tuple(STAGES[name](context, embedder) for name in names)
