"""BM25 as an inner product of two sparse vectors, for stores that search such vectors exactly.

Of a passage: how often each term stands in it, saturated and by its length; of a query: how rare
each of its terms is. Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework", with the
idf of Lucene's BM25Similarity, which is never below 0.
"""

import zlib
from collections import Counter
from collections.abc import Mapping
from math import log

from rung.knowledge.lexical import K1, MAX_TERMS, B, terms

SIZE = 10**9
"""Terms are named by a hash below it (pgvector's largest sparse vector): of 300,000 terms some 45
pairs share a name, and count as one term."""

Sparse = dict[int, float]


def named(text: str) -> Counter[int]:
    """How often each term stands in a text."""
    return Counter(zlib.crc32(term.encode()) % SIZE for term in terms(text))


def of_passage(counts: Mapping[int, int], mean_length: float) -> Sparse:
    """Weights of one passage's terms; `mean_length` is in terms."""
    norm = K1 * (1 - B + B * sum(counts.values()) / max(mean_length, 1.0))
    return {term: n * (K1 + 1) / (n + norm) for term, n in counts.items()}


def asked(query: str) -> list[int]:
    """The distinct terms of a query."""
    return list(named(query))[:MAX_TERMS]


def of_query(holding: Mapping[int, int], passages: int) -> Sparse:
    """Weights of a query's terms, from how many of the passages hold each."""
    return {term: log(1 + (passages - n + 0.5) / (n + 0.5)) for term, n in holding.items() if n > 0}
