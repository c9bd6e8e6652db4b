"""Plan a sequential decision: which states after how many scores, at which error.

    design = sequential(target=0.8, alpha=0.01, max_examples=500, batch=10)
    decision = design.look(scores_so_far)      # pass, drop, continue or undecided

A design is worked out before the first call and written to the run, so that a resumed run keeps
it. It never sees examples, models or clocks: only the complete prefix of scores in a fixed order.
"""

from rung.errors import UserError
from rung.evidence.count_design import CountDesign, Mode, count_design
from rung.evidence.decision import check_plan
from rung.evidence.wealth_design import NonInferiorityDesign, WealthDesign

DEFAULT_EPS: dict[Mode, float] = {"traffic": 0.05, "fast": 0.1, "replay": 0.01, "suite": 0.01}
"""Error of DROP per mode; `fast` and graded designs call it beta."""

GRADED_EPS = 0.1


def sequential(
    target: float,
    alpha: float,
    max_examples: int,
    batch: int,
    mode: Mode = "traffic",
    graded: bool = False,
    eps: float | None = None,
    *,
    freed: float = 0.0,
) -> CountDesign | WealthDesign:
    """Plan the looks of one candidate.

    `target` is the mean score to certify, `alpha` the chance of certifying a worse one (of this
    candidate: split the run's error with `AlphaLedger`), `eps` the chance of dropping early whom
    the last look would pass. `freed` is what a dearer one's PASS adds to `alpha`: the looks stay,
    only the last one asks for less. Raises `UserError` for impossible arguments.
    """
    check_plan(target, alpha, max_examples, batch)
    if not 0.0 <= freed < 1.0 - alpha:
        raise UserError(f"Freed is {freed!r} beside an alpha of {alpha!r}; both stay below 1.")
    if mode not in DEFAULT_EPS:
        raise UserError(f"Mode is {mode!r}; choose one of {', '.join(DEFAULT_EPS)}.")
    if target == 1.0 and mode != "suite":
        raise UserError(
            "Target is 1.0: no number of examples certifies that future inputs never fail. "
            "Lower the target, or ask about these examples only with mode='suite'."
        )
    error = eps if eps is not None else GRADED_EPS if graded else DEFAULT_EPS[mode]
    if not 0.0 < error < 1.0:
        raise UserError(f"Eps is {error!r}; give an error probability between 0 and 1.")
    batch = min(batch, max_examples)
    if not graded:
        if freed and mode not in ("traffic", "fast"):
            raise UserError(f"Mode is {mode!r}; only traffic and fast designs spend freed error.")
        return count_design(target, alpha, max_examples, batch, mode, error, freed)
    if mode != "traffic":
        raise UserError(
            f"Mode is {mode!r} with graded scores; graded scores have the mode 'traffic' only. "
            "Leave the mode out, or score right (1) and wrong (0)."
        )
    return WealthDesign(
        target=target,
        alpha=alpha,
        freed=freed,
        eps=error,
        max_examples=max_examples,
        batch=batch,
    )


def non_inferiority(
    margin: float, alpha: float, max_examples: int, batch: int, eps: float = GRADED_EPS
) -> NonInferiorityDesign:
    """Plan "no more than `margin` worse than the reference" on paired scores.

    Against the best of several, ask it against each of them at the same alpha: all must pass, so
    no alpha is split (intersection-union test; Berger, Technometrics 24 (1982), 295-300).
    """
    if not 0.0 < margin < 1.0:
        raise UserError(f"Margin is {margin!r}; give a difference of scores between 0 and 1.")
    halved = sequential((1.0 - margin) / 2.0, alpha, max_examples, batch, graded=True, eps=eps)
    if not isinstance(halved, WealthDesign):  # pragma: no cover - graded=True makes no other
        raise TypeError(type(halved).__name__)
    return NonInferiorityDesign(margin=margin, halved=halved)
