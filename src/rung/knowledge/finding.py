"""How well a search finds what answers the questions: told on solved examples, without a model."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from rung.knowledge.fusion import weighed
from rung.knowledge.gold import gold_passages
from rung.knowledge.lexical import Ranking
from rung.knowledge.retriever import DEEP, Retriever
from rung.task.expected import answer_texts
from rung.task.types import Example, Task

WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Of words beside vectors; 1 is words alone."""
EVEN = 0.5


class Looked(NamedTuple):
    """An example that says or shows where its answer stands, as both searches see it."""

    gold: frozenset[int]
    """Positions of the passages that answer."""
    words: Ranking
    vectors: Ranking

    def rank(self, weight: float) -> float:
        """Place of the first passage that answers, from 0; infinite where none is found."""
        ranking = weighed([(weight, self.words), (1 - weight, self.vectors)], DEEP)
        if weight == 1:
            ranking = self.words
        places = (rank for rank, (at, _) in enumerate(ranking) if at in self.gold)
        return next(places, float("inf"))


async def look(retriever: Retriever, task: Task, examples: Sequence[Example]) -> list[Looked]:
    """Those of the examples of which it is known where their answer stands."""
    known = [(e, gold) for e in examples if (gold := _gold(retriever, task, e))]
    queries = [example.input_text() for example, _ in known]
    vectors = await retriever.embedded(queries)
    looked = []
    for place, (_, gold) in enumerate(known):
        words = await retriever.store.by_words(queries[place], DEEP)
        near = [] if vectors is None else await retriever.store.by_vector(vectors[place], DEEP)
        looked.append(Looked(gold, words, near))
    return looked


def best_weight(looked: Sequence[Looked]) -> float:
    """The weight of words under which answers stand highest (mean reciprocal rank).

    An even one, where no other is better by more than the standard error of the difference.
    """
    even = [1 / (1 + one.rank(EVEN)) for one in looked]
    best, gain = EVEN, 0.0
    for weight in WEIGHTS:
        pairs = zip(looked, even, strict=True)
        gains = [1 / (1 + one.rank(weight)) - before for one, before in pairs]
        if len(gains) > 1 and fmean(gains) > max(gain, stdev(gains) / sqrt(len(gains))):
            best, gain = weight, fmean(gains)
    return best


def _gold(retriever: Retriever, task: Task, example: Example) -> frozenset[int]:
    """Where the answer's words stand in no passage (a label, say), any passage of a gold document
    counts; where they do, the first that holds them."""
    expected = answer_texts(task.output, example)
    gold = gold_passages(example, task.documents, retriever.passages, expected)
    if gold and any(text in gold[0].text for text in expected):
        gold = gold[:1]
    places = {(p.document_id, p.start) for p in gold}
    passages = enumerate(retriever.passages) if gold else ()
    return frozenset(i for i, p in passages if (p.document_id, p.start) in places)
