"""Scales, label places, frontiers, break-evens and words: small figures with known answers."""

from __future__ import annotations

import json
from datetime import date

import pytest

from rung.economics.model import Workload, model_of
from rung.economics.pricing import PriceBook
from rung.economics.spec import CandidateSpec, Stated
from rung.money import money_tick
from rung.report.figures import Scale, linear, logarithmic, place_labels, spread
from rung.report.spending import Cost, cost_of_model, crossing, undominated
from rung.report.texts import clean, cut, one_line, script_json
from rung.report.words import bound, in_words, signed, times, usd

from .synthetic import make_run, make_task


def test_scales_put_values_where_they_belong_and_keep_the_rest_on_the_ends() -> None:
    scale = Scale(0, 1, 10, 110)
    assert [scale.at(v) for v in (0, 0.5, 1, 7, -1)] == [10, 60, 110, 110, 10]
    log = Scale(1, 100, 0, 100, log=True)
    assert [log.at(v) for v in (1, 10, 100, 0)] == [0, 50, 100, 0]


def test_a_linear_axis_has_a_tick_every_step() -> None:
    axis = linear(0.5, 1.0, (100, 0), 0.1)
    assert [t.text for t in axis.ticks] == ["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.5, 20], ["$0.1", "$1", "$10", "$100"]),
        ([0.0, 20, 90], ["0", "$10", "$100"]),
        ([0.0], ["0", "$1", "$10"]),
        ([1e-6, 1e6], ["$0.000001", "$0.0001", "$0.01", "$1", "$100", "$10k", "$1M"]),
    ],
)
def test_a_log_axis_shows_whole_decades_and_a_place_for_0(
    values: list[float], texts: list[str]
) -> None:
    axis = logarithmic(values, (46, 424), money_tick)
    assert [t.text for t in axis.ticks] == texts
    assert axis.broken == (0.0 in values)


def test_labels_cover_neither_marks_nor_each_other() -> None:
    spots = [(100.0, 100.0)] * 4 + [(112.0, 100.0)]
    found = place_labels(spots, 424, 268)
    assert len(set(found)) == 5
    for i, (x, y) in enumerate(found):
        others = [*spots, *found[:i]]
        assert all(abs(x - a) > 11 or abs(y - b) > 11 for a, b in others)


def test_spread_keeps_order_and_gap() -> None:
    placed = spread([50, 50, 50, 10], 12, 0, 60)
    assert sorted(placed) == [10, 36, 48, 60]
    assert placed[3] == 10


def test_the_frontier_is_what_none_beats_on_both() -> None:
    rows = [("a", 1.0, 0.5), ("b", 2.0, 0.4), ("c", 3.0, 0.9), ("d", 3.0, 0.8), ("e", 9.0, 0.9)]
    assert undominated(rows) == ["a", "c"]


def test_a_break_even_is_where_both_cost_the_same() -> None:
    def cost(key: str, each: list[float] | float, month: int) -> Cost:
        stated = Stated.model_validate({"usd_per_request": each, "usd_per_month": month})
        spec = CandidateSpec(key=key, technique="prompting", stated=stated)
        book = PriceBook(on=date(2026, 11, 21))
        return cost_of_model(model_of(spec, Workload.of(10_000, 12), book), 100)

    costs = {
        "prompt": cost("prompt", [0.0015, 0.0025], 0),
        "tuned": cost("tuned", 0.001, 400),
        "dear": cost("dear", 0.003, 400),
    }
    met = crossing("prompt", "tuned", costs)
    assert met.requests_per_month == 400_000
    # 90 % of draws between 0.0015 and 0.0025 lie between 0.00155 and 0.00245 a request.
    assert met.low == pytest.approx(400 / 0.00145, rel=0.02)
    assert met.high == pytest.approx(400 / 0.00055, rel=0.1)
    assert (met.cheaper_below, met.cheaper_above) == ("prompt", "tuned")
    back = crossing("tuned", "prompt", costs)
    assert back.requests_per_month == 400_000 and back.cheaper_above == "tuned"
    never = crossing("prompt", "dear", costs)
    assert never.requests_per_month is None and never.cheaper_above == "prompt"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "$0"), (0.00045, "$0.00045"), (8.121e-8, "<$0.00001"), (0.016, "$0.016"),
     (0.26, "$0.26"), (38.456, "$38.46"), (1234.5, "$1,234.50"), (0.0996, "$0.10"),
     (0.0994, "$0.099"),
     (5000, "$5,000"), (-3.5, "-$3.50"), (999.999, "$1,000")],
)  # fmt: skip
def test_money_has_as_many_digits_as_its_size_asks_for(value: float | None, text: str) -> None:
    assert usd(value) == text


def test_bounds_are_rounded_down_and_differences_carry_their_sign() -> None:
    assert bound(0.8769, 2) == "0.87" and bound(0.9) == "0.900" and bound(None) == "–"
    assert [signed(v) for v in (0.01, -0.0001, -0.2)] == ["+0.010", "0.000", "-0.200"]
    assert [times(v) for v in (4.12, 41.2, 1288)] == ["4.1", "41", "1,300"]


def test_sentences_name_candidates_in_words() -> None:
    result, _ = make_run(make_task())
    keys = [r.key for r in result.candidates]
    said = in_words(f"{keys[3]} costs more than {keys[2]}.", result.candidates)
    assert said == "Prompt, 5 nearest examples costs more than Prompt, no examples."
    assert in_words("nothing named", result.candidates) == "nothing named"


def test_hidden_characters_are_shown() -> None:
    assert clean("a\x00b\u202ec\ud800\r\nd") == "a␀b⟨U+202E⟩c\N{REPLACEMENT CHARACTER}\nd"
    assert clean("👨‍👩‍👧 שלום") == "👨‍👩‍👧 שלום"
    assert cut("abcdef", 3) == "abc … [3 of 6 characters cut]"
    assert one_line("a\n  b" + "c" * 300, 10) == "a bcccccc…"


def test_embedded_json_ends_no_element_and_reads_back() -> None:
    value = ["</script><!--<script>", "\u2028&"]
    text = script_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value
