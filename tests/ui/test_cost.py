"""The cost page: sliders change what they name, and only that, by the cost model's own figures."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from rung.economics.analysis import analyse
from rung.economics.scenario import Scenario, parse
from rung.economics.sensitivity import Flip
from rung.economics.what_if import WhatIf, what_if
from rung.ui.cost import moved

from .conftest import RUN, client_of

SCENARIO = parse(
    """
title = "Two"
on = 2026-07-01
target_score = 0.8
[workload]
requests_per_month = 42_000
[costs]
input_usd_per_mtok = 1.0
output_usd_per_mtok = 4.0
[[candidates]]
key = "prompt"
technique = "prompting"
model = "http://host/v1#m"
tokens = { input = 900, output = 60 }
score = { value = 0.86, low = 0.82, high = 0.9 }
[[candidates]]
key = "tuned"
technique = "fine-tuning"
model = "http://host/v1#m"
tokens = { input = 200, output = 60 }
score = { value = 0.9, low = 0.85, high = 0.93 }
stated = { usd_once = 600 }
""",
    "two.toml",
)


def monthly(scenario: Scenario) -> dict[str, Decimal]:
    book = scenario.book(scenario.on)  # type: ignore[arg-type]
    found = analyse(scenario.candidates, scenario.workload.workload(), book, draws=10)
    return {c.key: c.monthly.value for c in found.candidates}


def changed(**how: object) -> Scenario:
    book = SCENARIO.book(SCENARIO.on)  # type: ignore[arg-type]
    return what_if(SCENARIO, WhatIf.model_validate(how), book)


def test_nothing_changed_costs_the_same() -> None:
    assert monthly(changed()) == monthly(SCENARIO)


@given(
    volume=st.integers(1, 10**8),
    months=st.integers(1, 60),
    call=st.decimals("0.01", 100, places=2),
    setup=st.decimals("0.01", 100, places=2),
)
@settings(max_examples=30, deadline=None)
def test_a_month_is_calls_at_their_price_and_set_up_over_the_months(
    volume: int, months: int, call: Decimal, setup: Decimal
) -> None:
    found = monthly(changed(requests_per_month=volume, months=months, call_price=call, setup=setup))
    million = Decimal(10**6)
    prompt = volume * call * (900 * 1 + 60 * 4) / million
    tuned = volume * call * (200 * 1 + 60 * 4) / million + 600 * setup / months
    assert abs(found["prompt"] - prompt) < Decimal("1e-9")
    assert abs(found["tuned"] - tuned) < Decimal("1e-9")


def test_a_target_that_only_one_reaches_leaves_one() -> None:
    book = SCENARIO.book(SCENARIO.on)  # type: ignore[arg-type]
    for target, chosen in (("0.5", "prompt"), ("0.84", "tuned"), ("0.9", None)):
        found = changed(target=target)
        analysis = analyse(
            found.candidates, found.workload.workload(), book, target=found.target_score, draws=10
        )
        assert analysis.chosen == chosen


def test_the_page_and_the_command_say_the_same(client: TestClient) -> None:
    told = client.get(f"{RUN}/cost.json").json()
    more = client.get(f"{RUN}/cost.json", params={"requests_per_month": "84000"}).json()
    costs = {c["key"]: c for c in told["candidates"]}
    doubled = {c["key"]: c for c in more["candidates"]}
    assert told["requests_per_month"] == 42_000 and told["chosen"] in costs
    for key, cost in costs.items():
        # One machine that stands there carries twice the requests too.
        times = 1 if any(line["floor"] for line in cost["lines"]) else 2
        assert doubled[key]["running_usd"] == pytest.approx(times * cost["running_usd"])
        assert doubled[key]["one_time_usd"] == cost["one_time_usd"]


def test_a_choice_that_costs_the_same_as_the_cheapest_is_not_called_dearer(
    folder: Path,
) -> None:
    path = folder / ".rung/runs/new/run.json"
    result = json.loads(path.read_text())
    other = next(c for c in result["candidates"] if c["technique"] == "no-llm" and c["test"])
    result["verdict"]["choice"] = other["key"]  # every candidate without set-up costs the same here
    path.write_text(json.dumps(result))
    page = client_of(folder).get("/p/tickets/runs/new/cost").text
    assert "the choice of the run, which costs the same within 1%" in page


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("1000.18", "0.018% more (now 1,000 USD)"),
        ("903", "9.7% more (now 823 USD)"),
        ("100", "below 100 USD (now 1,000 USD, 10 times)"),
        ("0.00012", "below 0.00012 USD (now 1,000 USD, 8,300,000 times)"),
    ],
)
def test_what_would_change_it_reads_without_powers_of_ten(at: str, said: str) -> None:
    now = Decimal(823 if at == "903" else 1000)
    assert moved(Flip("x: setup", "USD", now, Decimal(at), "x", "y")) == said


def test_the_page_draws_the_figures_and_says_what_would_change(client: TestClient) -> None:
    page = client.get(f"{RUN}/cost", params={"call_price": "10", "months": "36"}).text
    assert page.count('<svg class="plot"') == 2
    assert "What would change it" in page and "36 months" in page and "Break-even" in page


def test_one_that_is_too_slow_is_never_the_cheapest_that_is_good_enough() -> None:
    def found(*slow: str, target: str = "0.8") -> tuple[str | None, set[str]]:
        specs = [
            spec.model_copy(update={"too_slow": spec.key in slow}) for spec in SCENARIO.candidates
        ]
        book = SCENARIO.book(SCENARIO.on)  # type: ignore[arg-type]
        load = SCENARIO.workload.workload()
        made = analyse(specs, load, book, target=Decimal(target), draws=10)
        return made.chosen, {flip.instead for flip in made.flips}

    assert found() == ("prompt", {"tuned"})
    assert found("prompt") == ("tuned", set())
    assert found("prompt", "tuned") == (None, set())


def test_the_page_names_no_candidate_that_breaks_the_limit_on_latency(
    folder: Path,
) -> None:
    client = client_of(folder)
    first = client.get(f"{RUN}/cost.json").json()["chosen"]
    assert first is not None
    path = folder / ".rung/runs/new/run.json"
    run = json.loads(path.read_text())
    for usage in run["economics"]["candidates"]:
        usage["too_slow"] = usage["key"] == first
    path.write_text(json.dumps(run))
    slow = client.get(f"{RUN}/cost.json").json()
    assert slow["chosen"] != first
    assert {c["key"]: c["too_slow"] for c in slow["candidates"]}[first]
    text = client.get(f"{RUN}/cost").text
    assert text.count("slower than allowed, or not shown to be fast enough") == 1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("months", "0", "months is '0': it must be greater than or equal to 1"),
        ("target", "high", "target is 'high': write a number"),
        ("call_price", "-1", "call_price is '-1': it must be greater"),
        ("requests_per_month", "nan", "requests_per_month is 'nan'"),
        ("requests_per_month", "1e99", "requests_per_month is '1e99'"),
    ],
)
def test_a_figure_that_cannot_be_is_one_sentence(
    client: TestClient, name: str, value: str, says: str
) -> None:
    answer = client.get(f"{RUN}/cost.json", params={name: value})
    assert answer.status_code == 400 and says in answer.json()["error"]["message"]
