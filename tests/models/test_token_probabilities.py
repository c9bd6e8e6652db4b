"""How sure an endpoint is, out of the token probabilities it tells."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.models.token_probabilities import confidence_in


def place(token: str, own: float, **others: float) -> dict[str, Any]:
    """One entry of `logprobs.content`: the token and its rivals with their probabilities."""

    def entry(text: str, p: float) -> dict[str, Any]:
        return {"token": text, "logprob": math.log(p), "bytes": list(text.encode())}

    listed = [entry(text, p) for text, p in {token: own, **others}.items()]
    return {**entry(token, own), "top_logprobs": listed}


def sure(answer: str, choices: list[str], *places: dict[str, Any]) -> float | None:
    return confidence_in(answer, choices, {"content": list(places)})


def test_what_spells_no_choice_does_not_count() -> None:
    """A server that tells what the model thought before the form was forced on it."""
    told = place("ship", 0.3, card=0.1, Hello=0.5, The=0.1)
    assert sure("ship", ["ship", "card"], told) == pytest.approx(0.75)


def test_two_ways_to_spell_the_answer_are_one() -> None:
    told = place("ship", 0.3, sh=0.2, s=0.1, card=0.4)
    assert sure("ship", ["ship", "card"], told) == pytest.approx(0.6)


def test_places_without_a_rival_are_sure() -> None:
    told = (place("sh", 0.8, card=0.2), place("ip", 0.01, oe=0.99))
    assert sure("ship", ["ship", "card"], *told) == pytest.approx(0.8)


def test_the_end_tells_a_choice_from_a_longer_one() -> None:
    told = (place('{"answer": "', 1.0), place("card", 1.0), place('"}', 0.7, _lost=0.3))
    assert sure("card", ["card", "card_lost"], *told) == pytest.approx(0.7)


def test_a_token_may_hold_more_than_the_answer() -> None:
    told = (place('{"answer":', 1.0), place(' "ship"}', 0.9, **{' "ca': 0.1}))
    assert sure("ship", ["ship", "card"], *told) == pytest.approx(0.9)


def test_the_answer_is_the_last_thing_that_reads_like_it() -> None:
    told = (place("yes and no: ", 1.0), place("yes", 0.6, no=0.4))
    assert sure("yes", ["yes", "no"], *told) == pytest.approx(0.6)


@pytest.mark.parametrize("told", [1000.0, 0.5, math.inf, math.nan])
def test_what_is_no_probability_tells_nothing(told: float) -> None:
    odd = place("ship", 0.3, card=0.1)
    odd["top_logprobs"][0]["logprob"] = told
    assert sure("ship", ["ship", "card"], odd) is None


def test_half_characters_are_joined() -> None:
    halves = [place("x", 0.5, n=0.5), place("x", 1.0)]
    for entry, part in zip(halves, "é".encode(), strict=True):
        entry["bytes"] = entry["top_logprobs"][0]["bytes"] = [part]
    assert sure("é", ["é", "n"], *halves) == pytest.approx(0.5)


def test_a_rival_that_is_not_listed_is_as_likely_as_it_can_be() -> None:
    assert sure("a", ["a", "b"], place("a", 0.99)) == pytest.approx(0.99)
    assert sure("a", ["a", "b"], place("a", 0.6, Hm=0.1)) == pytest.approx(0.6 / 0.7)


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"content": None},
        {"content": []},
        {"content": [{"token": "a", "logprob": -0.1}]},  # llama.cpp without alternatives
        {"content": ["a"]},
        {"content": [{**place("z", 0.9), "token": "a", "bytes": [97]}]},  # not among the likeliest
        {"content": [place("b", 1.0)]},
    ],
)  # fmt: skip
def test_nothing_is_said_of_what_is_not_told(told: Any) -> None:
    assert confidence_in("a", ["a", "b"], told) is None


def test_an_answer_that_is_no_choice_has_no_confidence() -> None:
    assert sure("c", ["a", "b"], place("c", 1.0)) is None


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_the_choices_share_what_is_told_completely(weights: list[float]) -> None:
    names = [f"{chr(97 + i)}x" for i in range(len(weights))]
    shares = dict(zip(names, (w / sum(weights) for w in weights), strict=True))
    found = [sure(name, names, place(name, shares[name], **shares)) for name in names]
    assert found == pytest.approx(list(shares.values()))
