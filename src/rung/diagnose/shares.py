"""Shares of causes net of placebo, with intervals, and what each candidate could reach. Pure."""

from collections.abc import Iterable, Sequence

import numpy as np

from rung.candidate import Candidate
from rung.diagnose.causes import CAUSES, Cause, mendable
from rung.diagnose.records import Bound, CauseShare, Finding
from rung.evidence import binomial_interval

DRAWS = 20_000
SAFE = 0.98
"""Confidence of the two-sided interval of whose limits one speaks for a skip: 99 % one-sided."""


def net_share(alone: int, placebo_alone: int, n: int, confidence: float) -> tuple[float, ...]:
    """(share, low, high) of failures that flip beyond the placebo.

    `alone` flipped by the treatment only, `placebo_alone` by the placebo only, of `n`. Equal-tailed
    interval of the difference under a Dirichlet(1/2, 1/2, 1/2) posterior, the paired form of the
    Jeffreys interval (Brown, Cai and DasGupta, Statistical Science 16 (2001), 101-133), cut to
    [0, 1]. The draws are seeded: the same counts give the same interval.
    """
    if n == 0:
        raise ValueError("no failure was probed, so there is no share")
    rng = np.random.default_rng(0)
    rest = n - alone - placebo_alone
    draws = rng.dirichlet([alone + 0.5, placebo_alone + 0.5, rest + 0.5], DRAWS)
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws[:, 0] - draws[:, 1], [tail, 1 - tail])
    share = max(0.0, (alone - placebo_alone) / n)
    # Nothing seen leaves the lower limit at nothing, all seen the upper one at all.
    low = 0.0 if alone <= placebo_alone else max(0.0, float(low))
    high = 1.0 if alone == n else min(1.0, max(share, float(high)))
    return share, min(low, share), high


def shares(
    findings: Sequence[Finding], candidates: Iterable[Candidate], confidence: float
) -> list[CauseShare]:
    """The causes that occur, largest share first, `unexplained` last."""
    if not findings:
        return []
    tried = list(candidates)
    by_cause = []
    for cause in CAUSES:
        here = [f for f in findings if f.cause == cause]
        if not here:
            continue
        misled = placebo_alone(findings, cause)
        share, low, high = net_share(len(here), misled, len(findings), confidence)
        by_cause.append(
            CauseShare(
                cause=cause,
                share=share,
                low=low,
                high=high,
                count=len(here),
                examples=tuple(f.id for f in here),
                techniques=tuple(sorted({c.technique for c in tried if cause in mendable(c)}))
                if cause != "unexplained"
                else (),
            )
        )
    return sorted(by_cause, key=lambda c: (c.cause == "unexplained", -c.share, c.cause))


def placebo_alone(findings: Sequence[Finding], cause: Cause) -> int:
    """Failures that the placebo of a cause's probe flips and the probe does not."""
    return sum(
        any(p.cause == cause and p.placebo and not p.treated for p in f.probes) for f in findings
    )


def bounds(
    findings: Sequence[Finding], n: int, candidates: Iterable[Candidate], target: float
) -> list[Bound]:
    """The most that each candidate could score, by what it cannot mend.

    `n` is the number of dev examples that the diagnosed candidate was asked. What is proven and not
    mendable keeps its present score; all else counts as right, the unexplained too.
    """
    return [_bound(findings, n, c, target) for c in candidates if n]


def _bound(findings: Sequence[Finding], n: int, candidate: Candidate, target: float) -> Bound:
    could = mendable(candidate)
    kept = [f for f in findings if not f.causes <= could]
    misled = sum(placebo_alone(findings, c) for c in {c for f in kept for c in f.causes - could})
    count = max(0, len(kept) - misled)
    lost = 1.0 - sum(f.score or 0.0 for f in kept) / len(kept) if kept else 1.0
    most = 1.0 - count / n * lost
    high = 1.0 - binomial_interval(count, n, SAFE).low * lost
    text = f"{candidate.technique}: nothing proven stands against it"
    if kept:
        names = ", ".join(sorted({c.replace("_", " ") for f in kept for c in f.causes - could}))
        short = ": it cannot get there" if high < target else ""
        text = (
            f"{candidate.technique} could reach at most {most:.2f}, {target:g} is wanted{short} "
            f"({count} of {n} dev examples: {names})"
        )
    return Bound(
        candidate=candidate.key, technique=candidate.technique, most=most, high=high, text=text
    )
