"""What every cost line needs: the candidate, the prices of the day, and names for its inputs."""

from decimal import Decimal

from rung.economics import tables
from rung.economics.amounts import Amount, Span, span
from rung.economics.pricing import YOURS, PriceBook, Rates
from rung.economics.spec import CandidateSpec
from rung.economics.tables import Source

COUNTED = frozenset(
    {
        "input tokens",
        "context tokens",
        "output tokens",
        "cached input tokens",
        "input tokens written to the cache",
        "tokens per request",
        "tokens per second",
        "slowdown of the adapter apart",
        "compute seconds",
        "share of requests",
        "GPU seconds",
        "seconds of the machine",
        "query tokens embedded",
        "corpus tokens embedded",
        "training tokens",
        "GPU hours of training",
        "machine hours of training",
        "labelled examples",
    }
)
"""Inputs that a run counts itself; all others of a run come from `[costs]`."""


class Quote:
    """Holds what every line needs: the candidate, its prices, the day."""

    def __init__(self, spec: CandidateSpec, book: PriceBook) -> None:
        self.spec, self.book = spec, book
        self.settings, self.on = book.settings, book.on
        self.rates = self._rates()

    def _rates(self) -> Rates | None:
        spec = self.spec
        named = spec.hosting is not None and spec.hosting.names_its_hour
        needed = spec.prices is None and not named and spec.model
        return self.book.of_model(spec.model) if needed else None

    def mine(self, name: str, value: Span | None, unit: str = "") -> Amount | None:
        """An input of this candidate alone."""
        if value is None:
            return None
        source = "stated in the scenario"
        if name == "seconds of the machine" and self.spec.seconds_from:
            source = self.spec.seconds_from
        elif self.spec.measured:
            source = self.spec.measured if name in COUNTED else YOURS
        return Amount(key=f"{self.spec.key}: {name}", span=value, unit=unit, source=source)

    def priced(self, name: str, usd: Decimal, unit: str, source: Source) -> Amount:
        """A price shared by all candidates that pay it."""
        if source.checked is None and not source.url:
            return Amount(key=name, span=span(usd), unit=unit, source=source.what)
        return Amount(key=name, span=span(usd), unit=unit, source=str(source), listed=source)

    def row(self, table: tables.TableName, name: str) -> Amount:
        """A row of our own tables as a price."""
        row = tables.find(table, name, self.on)
        return self.priced(row.id, row.usd, row.unit, row.as_source())

    def price(
        self, name: str, unit: str, own: Decimal | None, stated: Span | None, row: Amount | None
    ) -> Amount | None:
        """`[costs]` before what the candidate states, before a row of our tables."""
        if own is not None:
            return Amount(key=name, span=span(own), unit=unit, source=YOURS)
        return self.mine(name, stated, unit) or row

    def hour(self, *, gpu: str | None, machine: str | None) -> Amount:
        """A GPU hour (by card or row; the dearest where none is named) or a CPU machine's."""
        on_gpu = machine is None
        own = self.settings.gpu_usd_per_hour if on_gpu else self.settings.machine_usd_per_hour
        if own is not None:
            name = "GPU hour" if on_gpu else "machine hour"
            return Amount(key=name, span=span(own), unit="USD per hour", source=YOURS)
        if machine is not None:
            return self.row("machines", machine)
        card = tables.gpu(gpu, self.on) if gpu else tables.dearest_gpu(self.on)
        return self.priced(card.id, card.usd, card.unit, card.as_source())
