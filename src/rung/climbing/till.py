"""What hosted training may cost in a climb: dated prices, and the budget."""

from decimal import Decimal

from rung.economics.pricing import PriceBook, rates_from
from rung.economics.training import training_price
from rung.errors import UserError
from rung.measure.budget import Budget


class ClimbTill:
    """Prices of the day and the climb's budget, for whoever buys training (`Till`)."""

    def __init__(self, prices: PriceBook, budget: Budget) -> None:
        self.prices, self.budget = prices, budget
        self.priced_as: dict[str, str] = {}
        """Tuned models that no price list knows, and the base model whose prices stand in."""

    def price(self, model: str, tokens: int) -> Decimal | None:
        """USD of training on so many tokens; None where no price is known."""
        price = training_price(model, self.prices.settings, self.prices.on)
        return None if price is None else price.of(tokens)

    def reserve(self, usd: Decimal | None) -> None:
        """Set money aside before an order."""
        if usd is not None:
            self.budget.reserve(usd)
        elif self.budget.limit is not None:
            raise UserError(
                "what this training will cost is not known, so a budget cannot guard it: set "
                "[costs] training_usd_per_mtok, or climb without --budget"
            )

    def settle(self, reserved: Decimal | None, usd: Decimal | None) -> None:
        """Put the cost down."""
        self.budget.settle(reserved or Decimal(0), usd or Decimal(0))

    def answers(self, tuned: str, base: str) -> None:
        """A tuned model answers from now on: at its own price, or as its base model does."""
        try:
            rates_from(tuned, self.prices.settings, self.prices.on)
        except UserError:
            self.priced_as[tuned] = base
