"""Which answers a candidate is tested on: those that are drawn anew are another test."""

from rung.candidate import NO_LLM, Candidate
from rung.climbing.tools import Tools
from rung.scorers import Scorer


def draw_of(candidate: Candidate, tools: Tools, scorer: Scorer) -> str:
    """What is added to a candidate's name in the ledger; empty where asking again says the same.

    Sampled answers go by the cache that keeps them: a deleted one is no second throw for nothing.
    Marks by the user's own code go by that code.
    """
    known = [
        tools.known_endpoints.of(tools.raw(m)) for m in candidate.models if not m.startswith(NO_LLM)
    ]
    sampled = candidate.prompt.temperature > 0 or any(
        "temperature" in handshake.dialect.left_out for handshake in known if handshake is not None
    )
    marks = [tools.cache.draw] if sampled else []
    return "".join(
        f"@{mark}" for mark in (*marks, *([] if scorer.version.isdigit() else [scorer.version]))
    )
