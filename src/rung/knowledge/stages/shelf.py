"""The shelf's list, and which stages a context's questions go through."""

from collections.abc import Callable

from rung.candidate import Context
from rung.errors import UserError
from rung.knowledge.stages.base import Stage
from rung.knowledge.stages.reranks import ByEndpoint
from rung.knowledge.stages.searches import ByMeaning, ByWords, Fused
from rung.models.base import Embedder

STAGES: dict[str, Callable[[Context, Embedder | None], Stage]] = {
    "words": ByWords,
    "meaning": ByMeaning,
    "fuse": Fused,
    "endpoint": ByEndpoint,
}
"""By name. A context's `rewrite` and `rerank` name one each."""
SEARCHES = {
    "lexical": ("words",),
    "dense": ("meaning",),
    "hybrid": ("words", "meaning", "fuse"),
}


def stages_of(context: Context, embedder: Embedder | None) -> tuple[Stage, ...]:
    """In order. Raises `UserError` for a name that is not on the shelf."""
    before = [context.rewrite] if context.rewrite else []
    after = [context.rerank] if context.rerank else []
    names = (*before, *SEARCHES[context.search], *after)
    for name in names:
        if name not in STAGES:
            raise UserError(
                f"the context's stage {name!r} is unknown; known are {', '.join(STAGES)}"
            )
    return tuple(STAGES[name](context, embedder) for name in names)
