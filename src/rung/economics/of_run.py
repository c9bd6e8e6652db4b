"""A run's file as a scenario: what was measured, at the prices that the run kept."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from rung.economics.pricing import PriceBook
from rung.economics.scenario import Scenario, Volume, of_run
from rung.economics.spec import CandidateUsage
from rung.errors import UserError
from rung.state import RUN_CURE


def scenario_of_run(
    text: str, name: str, price: Sequence[str] = (), day: date | None = None
) -> Scenario:
    """A run: `candidates` (`CandidateUsage`), `workload`, `costs`, `target_score`, `prices`.

    They stand at the top of the file or under `economics`; `prices` is the `PriceBook` kept.
    Overrides in `price`, as `--price` takes them, or another `day` price everything anew.
    """
    try:
        whole = json.loads(text, parse_float=Decimal)
        plain = whole.get("economics") or whole
        usages = TypeAdapter(list[CandidateUsage]).validate_python(plain["candidates"])
        kept = plain.get("prices") or whole.get("prices")
        prices = PriceBook.model_validate(kept) if kept else None
        on = date.fromisoformat(plain["prices_of"]) if plain.get("prices_of") else None
    except (RecursionError, AttributeError, ValueError, KeyError, TypeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{name} is not a run that costs can be read from ({why}): {RUN_CURE}"
        ) from error
    costs = with_prices(plain.get("costs") or {}, price)
    if price or day is not None:
        before = prices or PriceBook(on=on or date.today())
        prices = before.anew(costs, day or before.on)
    volume = {"requests_per_month": 10_000, **(plain.get("workload") or {})}
    return of_run(
        usages,
        Volume.model_validate(volume),
        title=plain.get("title") or whole.get("task") or name,
        costs=costs,
        target=plain.get("target_score"),
        prices=prices,
        on=on,
    )


def with_prices(costs: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """`[costs]` with overrides of the form `key=value`; `models.NAME.key=value` for one model."""
    merged = {**costs, "models": {k: dict(v) for k, v in costs.get("models", {}).items()}}
    for item in given:
        key, sign, value = item.partition("=")
        if not sign:
            raise UserError(f"--price {item!r}: write it as key=value.")
        if key.startswith("models."):
            model, _, field = key.removeprefix("models.").rpartition(".")
            merged["models"].setdefault(model, {})[field] = value
        else:
            merged[key] = value
    return merged
