"""The plan of a climb in words, for the terminal and the pages."""

from rung.behaviour.trainers.race import BUDGET_S
from rung.models.local.machine import device
from rung.money import usd
from rung.report.plan_data import Amount, Plan, PlannedRung


def amount_text(amount: Amount) -> str:
    """What a part of a climb takes, in a few words."""
    sentence = f"{amount.calls:,} calls, {amount.tokens:,} tokens, {usd(amount.usd)}"
    if amount.minutes is None:
        return sentence
    return f"{sentence}, {minutes_text(amount.minutes)} of computing on this machine"


def minutes_text(minutes: float) -> str:
    """A forecast of time, no more exact than it is."""
    if minutes < 1:
        return "under a minute"
    if round(minutes) == 1:
        return "about a minute"
    return f"about {minutes:,.0f} minutes"


def training_lines(plan: Plan) -> list[str]:
    """What training adds, in sentences; none where nothing is trained."""
    tokens = sum(row.training_tokens for row in plan.candidates)
    here = sum(row.training_seconds for row in plan.candidates)
    place = f"of computing on this machine ({device()})"
    lasts = f", {minutes_text(here / 60)} {place}" if here else ""
    lines = [f"Training comes on top: {tokens:,} tokens in all epochs{lasts}."] if tokens else []
    if any(row.raced for row in plan.candidates):
        lines.append(
            "In it, a race on dev finds each tuned rung's recipe: no recipe is begun there that "
            f"would take it beyond {minutes_text(BUDGET_S / 60)}."
        )
    return lines + [_bought(row) for row in plan.candidates if row.hosted]


def setup_lines(plan: Plan) -> list[str]:
    """What sets a technique up once, in a sentence: narrow tables show it in $/month only."""
    once = {row.technique: row.setup_usd for row in plan.candidates if row.setup_usd}
    if not once:
        return []
    each = ", ".join(f"{technique} {usd(amount)}" for technique, amount in once.items())
    return [
        f"Set-up, mostly people's time: {each}. Yours: [costs] labour_usd_per_hour with "
        "setup_hours and rag_setup_hours."
    ]


def cascade_lines(plan: Plan) -> list[str]:
    """What is assumed of cascades, in a sentence; none where there is no cascade."""
    assumed = {row.passed_on for row in plan.candidates if row.passed_on is not None}
    if not assumed:
        return []
    shares = " or ".join(f"{share:.0%}" for share in sorted(assumed, reverse=True))
    return [
        f"Cascades are assumed to pass {shares} of the requests on to their last model: nothing "
        "is known of it before their pilots."
    ]


def certification_text(plan: Plan) -> str:
    """What the test examples can certify at best, in one sentence."""
    bar = plan.certification
    if not bar.units:
        return "There are no test examples: nothing can be certified."
    if bar.graded:
        return (
            f"With {bar.units} test examples, graded scores are certified by their mean and "
            f"spread (error {bar.alpha:.2g} at most)."
        )
    if bar.must_see is None:
        return (
            f"With {bar.units} test examples not even all right certifies {bar.target:g} "
            f"(error {bar.alpha:.2g} at most): add test examples, or lower the target."
        )
    share = bar.must_see / bar.units
    return (
        f"With {bar.units} test examples you must see {bar.must_see} right ({share:.0%}) to "
        f"certify {bar.target:g} (error {bar.alpha:.2g} at most)."
    )


def _bought(row: PlannedRung) -> str:
    """What hosted training is expected to cost, or that it is not known."""
    if row.training_usd is None:
        price = "a price that is not known: set [costs] training_usd_per_mtok"
    else:
        price = f"about {usd(row.training_usd)}"
    return f"{row.key} buys training from the model's provider, at {price}."
