"""Label suspect: do those that are right elsewhere agree with each other against the label?

Asks no model: the witnesses are the run's candidates, whose dev answers are known.
"""

from collections.abc import Mapping

from rung.diagnose.bench import Bench, Case
from rung.diagnose.records import ProbeResult
from rung.diagnose.witnesses import HALF, WITNESSES, agreed, misheard, plain, said, strong
from rung.records import Attempt


async def suspects(bench: Bench, case: Case) -> list[ProbeResult]:
    """Placebo: every witness but one is replaced by what it said to another example.

    Where the labels can be judged out of sample, that must doubt the label too, and for the same
    other one; then half of the witnesses are enough, the candidate under diagnosis among them.
    Else that candidate is none: two that make
    the same mistake would accuse many a right label.
    """
    own, ident = bench.subject.candidate.key, case.example.id
    doubted = bench.doubts is not None
    peers = {k: a for k, a in bench.peers.items() if (doubted or k != own) and strong(a)}
    heard = {
        key: text
        for key, attempts in peers.items()
        if (text := _against(bench, attempts.get(ident))) is not None
    }
    asked = sum(ident in attempts for attempts in peers.values())
    if asked < WITNESSES:
        return []
    likelier = None if bench.doubts is None else plain(bench.doubts.get(ident, ""))
    swapped = misheard(bench.task.output, peers, heard, ident, bench.task.climb.seed)
    return [
        ProbeResult(
            probe="witnesses",
            cause="label_suspect",
            treated=_accuse(bench, heard, asked, likelier),
            placebo=_accuse(bench, swapped, asked, likelier),
        )
    ]


def _accuse(bench: Bench, heard: Mapping[str, str], asked: int, likelier: str | None) -> bool:
    """Whether enough witnesses agree; on `likelier`, or on anything where that is None."""
    if likelier is None:
        return agreed(heard, bench.techniques, asked) is not None
    same = {key: text for key, text in heard.items() if text == likelier}
    return agreed(same, bench.techniques, asked, HALF) is not None


def _against(bench: Bench, attempt: Attempt | None) -> str | None:
    """What a witness says against the label; None where it is right or says nothing."""
    if attempt is None or attempt.score is None or attempt.score >= bench.cut:
        return None
    return said(bench.task.output, attempt)
