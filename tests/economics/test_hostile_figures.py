"""Figures that nobody meant: one clear sentence and exit code 2, never a traceback or a number."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from rung.cli.app import USER_ERROR, main
from rung.economics.scenario import parse
from rung.errors import UserError
from rung.money import LARGEST, typed

API = "a=openai/gpt-4o:500/100"
OWN = "a=local/smollm2-135m-instruct:500/100"
HOUR = "machine_usd_per_hour"
LISTED = "models.openai/gpt-4o."
TOMORROW = (date.today() + timedelta(days=1)).isoformat()
ALONE = "write the figure alone, amounts in USD"


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *given: str) -> str:
    """What `rung cost` says on standard error; it must end with exit code 2 and print no figure."""
    monkeypatch.setattr(sys, "argv", ["rung", "cost", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    out, error = capsys.readouterr()
    assert ended.value.code == USER_ERROR and out == "", (out, error)
    assert error.startswith("rung: ") and error.count("\n") == 1 and "Traceback" not in error
    assert len(error) < 500
    return error


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--requests-per-month", "-1"), "--requests-per-month: A figure of 0 or more is needed"),
        (("--requests-per-month", "nan"), "A finite number is needed, got 'nan'"),
        (("--requests-per-month", "inf"), "A finite number is needed, got 'inf'"),
        (("--requests-per-month", "1e400"), f"A number of at most {LARGEST:,} is needed"),
        (
            ("--requests-per-month", "10.000"),
            "'10.000' may be 10000: write 10000, or 10.0000 where it is not",
        ),
        (
            ("--requests-per-month", "1.250:2.500"),
            "may be 1250: write 1250, or 1.2500 where it is not.",
        ),
        (("--requests-per-month", "ten"), "A number is needed, got 'ten'"),
        (("--requests-per-month", "10k"), ALONE),
        (("--requests-per-month", "100 000"), ALONE),
        (("--requests-per-month", "1,5"), "got '1,5'"),
        (("--requests-per-month", "1:2:3"), "got '2:3'"),
        (("--requests-per-month", "5:1"), "from the lower to the higher end, got 5 to 1"),
        (("--requests-per-month", ""), "got ''"),
        (("--months", "0"), "A horizon needs at least one month, got 0."),
        (("--months", "0.5"), "A horizon needs at least one month, got 0.5."),
        (("--months", "12m"), "--months: A number is needed, got '12m'"),
        (("--target", "2"), "'--target'"),
        (("--target", "nan"), "'--target'"),
        (("--on", "2026-02-30"), "--on '2026-02-30' is no day"),
        (("--on", TOMORROW), "prices of a day to come are not known"),
    ],
)
def test_options(given: tuple[str, ...], sentence: str, capsys, monkeypatch) -> None:
    assert sentence in said(capsys, monkeypatch, API, *given)


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("candidate", "price", "sentence"),
    [
        (OWN, f"{HOUR}=-1", f"[costs] {HOUR} = '-1'"),
        (OWN, f"{HOUR}=nan", f"[costs] {HOUR}: A finite number is needed, got 'nan'"),
        (OWN, f"{HOUR}=1e30", f"[costs] {HOUR}: A number of at most"),
        (OWN, f"{HOUR}=$0.10", ALONE),
        (OWN, f"{HOUR}=€0.1", ALONE),
        (OWN, f"{HOUR}=0,10", ALONE),
        (OWN, f"{HOUR}=10c", ALONE),
        (OWN, f"{HOUR}=0.1 USD", ALONE),
        (OWN, f"{HOUR}=0.1/h", ALONE),
        (OWN, f"{HOUR}=", ALONE),
        (OWN, HOUR, "write it as key=value"),
        (OWN, "=1", "Unknown key ''"),
        (OWN, "utilisation=0", "[costs] utilisation = '0'"),
        (OWN, "utilisation=1.5", "[costs] utilisation = '1.5'"),
        (OWN, "utilisation=50%", ALONE),
        (OWN, "min_replicas=-1", "[costs] min_replicas = '-1'"),
        (OWN, "tokens_per_second=0", "[costs] tokens_per_second = '0'"),
        (OWN, "evaluation_size=2.5", "[costs] evaluation_size = '2.5'"),
        (OWN, "models=3", '[costs.models."NAME"] is \'3\''),
        (OWN, "machine=foo", "No row 'foo' in the price table 'machines'"),
        (OWN, "setup_hours=3", "set [costs] labour_usd_per_hour too"),
        (OWN, "labour_usd_per_hour=50", "changes nothing: no candidate here pays it"),
        (OWN, "models.local/smollm2-135m-instruct.input_usd_per_mtok=1", "take it out"),
        (API, "input_usd_per_mtok=3", "changes nothing: no candidate here pays it"),
        (API, f"{LISTED}machine_usd_per_hour=1", "is paid by the token; take it out"),
        (API, f"{LISTED}input_usd_per_mtok=250c", ALONE),
        (API, f"{LISTED}inptu_usd_per_mtok=3", "did you mean 'input_usd_per_mtok'?"),
        (API, "models.gpt-4o.input_usd_per_mtok=3", "changes nothing"),
        ("a=openai/gpt-4o:-500/100", "--price", "A figure of 0 or more is needed, got -500"),
        ("a=openai/gpt-4o:500/1e30", "--price", "A number of at most"),
        ("a=openai/gpt-4o:600-400/100", "--price", "from the lower to the higher end"),
        ("a=openai/unknown:5/1", "--price", "openai/unknown has no known price"),
    ],
)  # fmt: skip
def test_prices_and_candidates(
    candidate: str, price: str, sentence: str, capsys, monkeypatch
) -> None:
    given = (candidate,) if price == "--price" else (candidate, "--price", price)
    assert sentence in said(capsys, monkeypatch, *given)


@pytest.mark.parametrize("volume", ["0", "1e12", "1_000", "1,000,000", "0:1000", "1e-9"])
def test_volumes_that_are_odd_and_meant(volume: str, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rung", "cost", API, "--requests-per-month", volume])
    with pytest.raises(SystemExit) as ended:
        main()
    out, error = capsys.readouterr()
    assert ended.value.code == 0 and not error and "a month" in out


@pytest.mark.parametrize(
    ("costs", "sentence"),
    [
        ("utilisation = nan", "utilisation: A finite number is needed"),
        ("machine_usd_per_hour = inf", "machine_usd_per_hour: A finite number is needed"),
        ('store_usd_per_month = "25 EUR"', ALONE),
        ("store_usd_per_month = true", "A number is needed, got True"),
        ("store_usd_per_month = [1, 2]", "store_usd_per_month"),
        ("models = 3", "table of a model's prices"),
    ],
)
def test_costs_of_a_file(costs: str, sentence: str) -> None:
    text = (
        'title = "t"\nworkload = { requests_per_month = 1 }\n'
        'candidates = [{ key = "a", technique = "prompting" }]\n'
        f"[costs]\n{costs}\n"
    )
    with pytest.raises(UserError) as refused:
        parse(text, "t.toml").book(date(2026, 11, 21))
    assert sentence in str(refused.value)


def test_a_figure_of_a_file_is_named_by_its_place() -> None:
    text = 'title = "t"\ncandidates = []\nworkload = { requests_per_month = "many" }\n'
    with pytest.raises(UserError, match=r"^t\.toml: workload\.requests_per_month: A number"):
        parse(text, "t.toml")


def test_typed_figures() -> None:
    for text, value in (("1,000", 1000), ("12,345.5", "12345.5"), (" 1_000 ", 1000)):
        assert typed(text) == Decimal(value)
    for text in ("1,00", "1,0000", "1.000,50", "0,85"):
        with pytest.raises(UserError, match="write the figure alone"):
            typed(text)


def test_money_has_one_home() -> None:
    """No `$` is put before a figure anywhere else: formats cannot part ways."""
    root = Path(__file__).parents[2] / "src" / "rung"
    for path in root.rglob("*.py"):
        if path != root / "money.py":
            text = path.read_text(encoding="utf-8")
            assert "${" not in text, path
