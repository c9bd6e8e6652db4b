"""Cost lines of owning a candidate: training, people, infrastructure, evaluation."""

from dataclasses import replace

from rung.economics.amounts import ONE, ZERO, Amount, Line, Product, span
from rung.economics.pricing import YOURS
from rung.economics.quote import Quote
from rung.errors import UserError
from rung.money import HOURS_PER_MONTH, MTOK, rate, usd_range

PER_MTOK = ONE / MTOK
PREPARED = "answers to prepare it"
"""The line of answers that were bought to make a candidate."""
ASSUMED = "set-up, assumed"
"""The line of what nobody stated."""


def _training_products(quote: Quote) -> list[tuple[str, Product]]:
    run = quote.spec.training
    products = []
    tokens = quote.mine("training tokens", run.tokens)
    row = quote.row("tuning", run.table) if run.table is not None else None
    own, unit = quote.settings.training_usd_per_mtok, "USD per 1M training tokens"
    each = quote.price("training price", unit, own, run.usd_per_mtok, row)
    if tokens is not None:
        if each is None:
            raise UserError(
                f"{quote.spec.key}: training tokens have no price; set "
                "[costs] training_usd_per_mtok or name a row of the tuning table."
            )
        products.append(("training run", Product((tokens, each), (), PER_MTOK)))
    gpu_hours = quote.mine("GPU hours of training", run.gpu_hours, "h")
    if gpu_hours is not None and gpu_hours.span.high > 0:
        hourly = quote.hour(gpu=run.gpu or quote.settings.gpu, machine=None)
        products.append(("training run (GPU)", Product((gpu_hours, hourly))))
    hours = quote.mine("machine hours of training", run.machine_hours, "h")
    if hours is not None and hours.span.high > 0:
        rates = quote.book.of_model(quote.spec.model or "local/")
        usd = rates.machine_usd_per_hour or ZERO
        hourly = quote.priced(f"machine at {rate(usd)}", usd, "USD per hour", rates.source)
        products.append(("training run (machine)", Product((hours, hourly))))
    stated = quote.mine("training run", run.usd, "USD")
    if stated is not None:
        products.append(("training run", Product((stated,))))
    return products


def training(quote: Quote) -> list[Line]:
    """The first run once, and again at the stated rate."""
    again = quote.mine("retrains per month", quote.spec.recurring.retrains_per_month)
    lines = []
    for what, product in _training_products(quote):
        lines.append(Line(what, "training", "once", product))
        if again is not None:
            lines.append(Line("retraining", "training", "month", product.times(again)))
    return lines


def labour(quote: Quote) -> list[Line]:
    """Hours once (curation, set-up, integration), labels, and upkeep every month."""
    work = quote.spec.labour
    lines = []
    for name, hours, basis in (
        ("curation hours", work.curation_hours, "once"),
        ("set-up hours", work.setup_hours, "once"),
        ("integration hours", work.integration_hours, "once"),
        ("maintenance hours a month", work.maintenance_hours_per_month, "month"),
    ):
        amount = quote.mine(name, hours, "h")
        if amount is not None and amount.span.high > 0:
            product = Product((amount, _wage(quote)))
            lines.append(Line(name, "labour", basis, product))  # type: ignore[arg-type]
    each_time = quote.mine("hours of people for a retraining", work.retrain_hours, "h")
    again = quote.mine("retrains per month", quote.spec.recurring.retrains_per_month)
    if each_time is not None and again is not None and each_time.span.high > 0:
        product = Product((each_time, again, _wage(quote)))
        lines.append(Line("people in retraining", "labour", "month", product))
    examples = quote.mine("labelled examples", work.examples)
    if examples is not None:
        row = quote.row("labelling", work.labelling) if work.labelling is not None else None
        own = quote.settings.labelling_usd_per_example
        each = quote.price("price of a label", "USD per example", own, work.usd_per_example, row)
        if each is None:
            raise UserError(
                f"{quote.spec.key}: labelled examples have no price; set "
                "[costs] labelling_usd_per_example."
            )
        lines.append(Line("labelling", "labour", "once", Product((examples, each))))
    return lines


def _wage(quote: Quote) -> Amount:
    own, stated = quote.settings.labour_usd_per_hour, quote.spec.labour.usd_per_hour
    if own is not None:
        return Amount(key="labour", span=span(own), unit="USD per hour", source=YOURS)
    if stated is None:
        raise UserError(
            f"{quote.spec.key}: hours of work have no price; set [costs] labour_usd_per_hour."
        )
    key = f"labour at {usd_range(stated.low, stated.high)}"
    return Amount(key=key, span=stated, unit="USD per hour", source="stated in the scenario")


def recurring(quote: Quote) -> list[Line]:
    """Infrastructure that is paid whatever the volume."""
    lines = []
    fixed = quote.mine(
        "infrastructure", quote.spec.recurring.infrastructure_usd_per_month, "USD per month"
    )
    if fixed is not None and fixed.span.high > 0:
        lines.append(Line("infrastructure", "infrastructure", "month", Product((fixed,))))
    if quote.spec.recurring.machine is not None:
        hourly = quote.hour(gpu=None, machine=quote.spec.recurring.machine)
        product = Product((hourly,), (), HOURS_PER_MONTH)
        lines.append(Line("machine always on", "infrastructure", "month", product))
    return lines


def evaluation(quote: Quote, lines: tuple[Line, ...]) -> list[Line]:
    """Evaluating is asking the evaluation set through the candidate, so often a month."""
    often = quote.mine("evaluations per month", quote.spec.recurring.evaluations_per_month)
    size = quote.mine("evaluation set", quote.spec.recurring.evaluation_size, "examples")
    if often is None or size is None:
        return []
    return [
        Line(
            f"evaluation: {line.what}",
            "evaluation",
            "month",
            line.product.times(often).times(size),
        )
        for line in lines
        if line.basis == "request" and line.floor is None
    ]


def stated(quote: Quote) -> list[Line]:
    """Totals that a document gives without their parts."""
    parts = quote.spec.stated
    totals = (
        ("per request, as stated", parts.usd_per_request, "request"),
        ("per month, as stated", parts.usd_per_month, "month"),
        ("once, as stated", parts.usd_once, "once"),
        (PREPARED, parts.usd_prepared, "once"),
        (ASSUMED, parts.usd_assumed, "once"),
    )
    lines = []
    for name, usd, basis in totals:
        amount = quote.mine(name, usd, "USD")
        if amount is not None:
            if name == ASSUMED:
                amount = replace(amount, source=f"assumed for {quote.spec.technique}, not stated")
            lines.append(Line(name, "stated", basis, Product((amount,))))  # type: ignore[arg-type]
    return lines
