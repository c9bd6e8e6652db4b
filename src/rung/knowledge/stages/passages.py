"""From a ranking to what a reader is given: cut by number, by score and by room, and expanded."""

import re
import time
from collections.abc import Sequence

from rung.candidate import Context
from rung.knowledge.chunking import PATH_JOINT
from rung.knowledge.stages.base import Hunt
from rung.knowledge.stores.base import Store
from rung.models.base import Embedder
from rung.records import Passage

EXPANSIONS = ("neighbours", "section", "document")
"""What of its document a passage may be handed over with: the names of `expand`."""
_HEADING = re.compile(r"#{1,6} (.+)")
ROOM = 6000
"""Characters to which passages are expanded, all of them together, where the context says none."""


class Best:
    """The best `k` are read, less those that fall too far behind the best one.

    A passage stays whose score is at most `1 - least` of the best one's size below it: for scores
    above 0, at least that share of the best. The scores of a reranker may be below 0.
    """

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._least = context.least

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """Passages in the order of the one ranking, each with its score."""
        (ranking,) = hunt.rankings
        best = ranking[: hunt.k]
        if best and self._least:
            top = best[0][1]
            lowest = top - (1 - self._least) * abs(top)
            best = [(place, score) for place, score in best if score >= lowest]
        read = await store.read([place for place, _ in best])
        scored = zip(read, best, strict=True)
        return hunt._replace(
            passages=tuple(p.model_copy(update={"score": s}) for p, (_, s) in scored)
        )


class Room:
    """What fits: passages up to the first that does not; the best one stays however long it is."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._room = context.room

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """No more passages than before."""
        used = 0
        for count, passage in enumerate(hunt.passages):
            used += len(passage.text)
            if used > self._room and count:
                return hunt._replace(passages=hunt.passages[:count])
        return hunt


class Expanded:
    """Each passage with what stands around it in its document, as far as its share of the room
    goes: the ones beside it, its section, or all of it. No text is handed over twice."""

    def __init__(self, context: Context, embedder: Embedder | None) -> None:
        self._how, self._room = context.expand, context.room or ROOM

    async def run(self, hunt: Hunt, store: Store) -> Hunt:
        """As many passages at most, in the same order."""
        if not hunt.passages:
            return hunt
        started = time.perf_counter()
        whole = await store.of_documents([p.document_id for p in hunt.passages])
        share = self._room // len(hunt.passages)
        grown: list[Passage] = []
        taken: set[tuple[str, int]] = set()
        for passage in hunt.passages:
            if (passage.document_id, passage.start) in taken:
                continue
            free = [p for p in whole[passage.document_id] if (p.document_id, p.start) not in taken]
            around = self._around(passage, free, share)
            taken |= {(p.document_id, p.start) for p in around}
            joined = {"start": around[0].start, "text": _joined(around)}
            grown.append(passage.model_copy(update=joined))
        took = hunt.seconds + time.perf_counter() - started
        return hunt._replace(passages=tuple(grown), seconds=took)

    def _around(
        self, passage: Passage, siblings: Sequence[Passage], room: int
    ) -> Sequence[Passage]:
        """Those that belong to it, a run of the document; grown to both sides in turn."""
        here = next(i for i, p in enumerate(siblings) if p.start == passage.start)
        first = last = here
        ends = {"before": False, "after": False}
        while not all(ends.values()):
            for side, at in (("before", first - 1), ("after", last + 1)):
                low, high = min(first, at), max(last, at)
                inside = 0 <= at < len(siblings) and self._belongs(passage, siblings, here, at)
                if ends[side] or not inside or _length(siblings[low : high + 1]) > room:
                    ends[side] = True
                elif side == "before":
                    first = at
                else:
                    last = at
        return siblings[first : last + 1]

    def _belongs(self, passage: Passage, siblings: Sequence[Passage], here: int, at: int) -> bool:
        if self._how == "neighbours":
            return abs(at - here) == 1
        return self._how == "document" or _section(siblings[at]) == _section(passage)


def _section(passage: Passage) -> str:
    """What its first character stands under: the title without the header of a table, which ends it
    inside one, and with the heading that the passage itself begins with."""
    parts = passage.title.split(PATH_JOINT)
    if len(parts) > 1 and "|" in parts[-1]:
        parts.pop()
    own = _HEADING.match(passage.text)
    if own and own[1].strip() != parts[0]:
        parts.append(own[1].strip())
    return PATH_JOINT.join(parts)


def _length(run: Sequence[Passage]) -> int:
    return run[-1].start + len(run[-1].text) - run[0].start


def _joined(run: Sequence[Passage]) -> str:
    """Their text, once; what no passage holds between two of them is a blank line."""
    text, end = "", run[0].start
    for passage in run:
        gap = passage.start - end
        text += ("\n\n" if gap > 1 else "\n" * gap) + passage.text[max(0, -gap) :]
        end = max(end, passage.start + len(passage.text))
    return text
