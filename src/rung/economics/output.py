"""An analysis as JSON: one documented object, amounts as exact numbers that never were floats."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from rung.economics.analysis import Analysis, CandidateCost
from rung.money import EXACT

PLACES = Decimal("1e-12")


def as_json(analysis: Analysis, *, why: bool = True) -> dict[str, Any]:
    """The object that `rung cost --json` prints; `dumps` writes it.

    `candidates[]`: `key`, `technique`, `model`, and per figure `<figure>_usd`, `<figure>_low_usd`,
    `<figure>_high_usd` for `per_request`, `per_correct`, `marginal`, `running`, `one_time`,
    `monthly` (all in) and `total` (over the horizon); `interval` says whether any of them has a
    range, `load_known` whether more machines are counted where more is asked.
    `break_even[]`: `a`, `b`, `requests_per_month` (null: never), `low`, `high`.
    """
    return {
        "prices_of": analysis.on,
        "requests_per_month": analysis.requests_per_month.value,
        "months": analysis.months.value,
        "target_score": analysis.target,
        "chosen": analysis.chosen,
        "candidates": [_candidate(cost, analysis, why) for cost in analysis.candidates],
        "break_even": [_plain(part) for part in analysis.break_even],
        "payback": [_plain(part) for part in analysis.payback],
        "sensitivity": [
            {**_plain(flip), "rises": flip.rises, "times": flip.distance} for flip in analysis.flips
        ],
        "variants": [_plain(part) for part in analysis.variants],
        "frontier": [_plain(point) for point in analysis.frontier],
        "sources": [_plain(source) for source in analysis.sources],
        "older_than_90_days": [_plain(source) for source in analysis.stale],
        "seed": analysis.seed,
        "draws": analysis.draws,
    }


def _candidate(cost: CandidateCost, analysis: Analysis, why: bool) -> dict[str, Any]:
    figures = {
        "per_request": cost.per_request,
        "per_correct": cost.per_correct,
        "marginal": cost.marginal,
        "running": cost.running,
        "one_time": cost.once,
        "monthly": cost.monthly,
        "total": cost.total,
    }
    plain: dict[str, Any] = {
        "key": cost.key,
        "technique": cost.technique,
        "model": cost.model or None,
        "chosen": cost.key == analysis.chosen,
        "reaches_target": cost.reaches_target,
    }
    plain["assumed_setup_usd"] = cost.assumed.value
    for name, figure in figures.items():
        plain[f"{name}_usd"] = figure.value if figure else None
        plain[f"{name}_low_usd"] = figure.low if figure else None
        plain[f"{name}_high_usd"] = figure.high if figure else None
    if cost.per_correct_unbounded:
        plain["per_correct_high_usd"] = None
    plain["load_known"] = cost.load_known
    plain["interval"] = not cost.total.sure
    plain["score"] = _plain(cost.score) if cost.score else None
    plain["latency_p95_s"], plain["too_slow"] = cost.latency_p95_s, cost.too_slow
    plain["retrieval_adds_ms"] = _plain(cost.added_ms) if cost.added_ms else None
    if why:
        plain["lines"] = [_plain(line) for line in cost.lines]
    return plain


def _plain(record: Any) -> dict[str, Any]:
    """A record as an object: dataclass or model."""
    return record.model_dump() if isinstance(record, BaseModel) else asdict(record)


def dumps(value: Any, indent: int = 2) -> str:
    """JSON text; a `Decimal` is written digit for digit (12 places), dates as ISO text."""
    return _write(value, "", " " * indent) + "\n"


def _write(value: Any, margin: str, step: str) -> str:
    inner = margin + step
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, date):
        return json.dumps(value.isoformat())
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        parts = [
            f"{inner}{json.dumps(str(k), ensure_ascii=False)}: {_write(v, inner, step)}"
            for k, v in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{margin}}}" if parts else "{}"
    if isinstance(value, list | tuple):
        parts = [inner + _write(item, inner, step) for item in value]
        return "[\n" + ",\n".join(parts) + f"\n{margin}]" if parts else "[]"
    return json.dumps(value, ensure_ascii=False)


def _number(value: Decimal) -> str:
    exponent = value.as_tuple().exponent
    short = (
        value.quantize(PLACES, context=EXACT)
        if isinstance(exponent, int) and exponent < -12
        else value
    )
    text = f"{short:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
