"""What a certified score is a statement about, in words: each mode has its own, everywhere.

Traffic: the mean of future requests. Suite: the mean of exactly these examples, which says nothing
of any other request. Clusters: the mean of clusters, in which a long one weighs no more than a
short one.
"""

from rung.records.results import Measured, RunResult

CONJECTURED = (
    "; it rests on Gaffke's bound, which for graded scores is checked on a grid of laws, not proven"
)


def certificate(result: RunResult, bound: str, measured: Measured | None) -> str:
    """`at least 0.83 …`: a certified bound with what it holds for."""
    return f"at least {bound} {holds_for(result, measured)}"


def holds_for(result: RunResult, measured: Measured | None) -> str:
    """What a bound of this run is said of, and how surely."""
    n = measured.n if measured else 0
    claim = said_of(result.mode, result.unit, result.confidence, n)
    return f"{claim}{by_whom(result.marked)}{by_method(measured)}"


def claim_of(mode: str, unit: str | None, confidence: float, marked: int | None) -> str | None:
    """The same of a run that is not over; None where the plain confidence says all."""
    whose = by_whom(marked)
    if mode != "suite" and unit is None and not whose:
        return None
    return said_of(mode, unit, confidence, 0) + whose


def by_method(measured: Measured | None) -> str:
    """What a bound rests on that nobody has proven; empty where all of it is."""
    method = "" if measured is None else measured.method
    return CONJECTURED if "gaffke" in method or "rectifier" in method else ""


def by_whom(marked: int | None) -> str:
    """Whose marks a bound is said of, where a judge gives them."""
    if marked is None:
        return ""
    if not marked:
        return ", by the judge's mark alone: how far people agree with it is in no figure"
    return f", as people would mark it if the judge errs as on the {marked} answers they marked"


def said_of(mode: str, unit: str | None, confidence: float, n: int) -> str:
    """`with 95% confidence`, or what a suite or clusters make of it."""
    if mode == "suite":
        these = f"these {n}" if n else "these"
        return (
            f"on exactly {these} examples (error at most {1 - confidence:.0%}), which says nothing "
            "of other requests"
        )
    sure = f"with {confidence:.0%} confidence"
    return (
        sure if unit is None else f"{sure} for the mean of groups by {unit}, each weighing as one"
    )
