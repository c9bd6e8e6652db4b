"""Token counts as servers report them: never cheaper than they were."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.models.usage import estimated_tokens, read_usage


@pytest.mark.parametrize(
    ("told", "counts"),
    [
        # The protocol's own reading: nothing to mark.
        ({"prompt_tokens": 10, "completion_tokens": 3}, (10, 3, 0, False)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}, (10, 3, 0, False)),
        ({"prompt_tokens": 10, "completion_tokens": 30, "total_tokens": 40,
          "completion_tokens_details": {"reasoning_tokens": 25}}, (10, 30, 0, False)),
        ({"prompt_tokens": 10, "completion_tokens": 3,
          "prompt_tokens_details": {"cached_tokens": 8}}, (10, 3, 8, False)),
        ({"prompt_tokens": "10", "completion_tokens": "3"}, (10, 3, 0, False)),
        ({"prompt_tokens": 10.0, "completion_tokens": 3.0}, (10, 3, 0, False)),
        ({"input_tokens": 10, "output_tokens": 3}, (10, 3, 0, False)),
        # Other names, which routers pass on.
        ({"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 200,
          "totalTokenCount": 213}, (10, 203, 0, True)),
        ({"promptTokenCount": 10, "candidatesTokenCount": 3, "cachedContentTokenCount": 8},
         (10, 3, 8, False)),
        ({"prompt_eval_count": 10, "eval_count": 3}, (10, 3, 0, False)),
        ({"promptTokens": 10, "completionTokens": 3, "totalTokens": 13}, (10, 3, 0, False)),
        # Thoughts beside the output.
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 213}, (10, 203, 0, True)),
        ({"prompt_tokens": 10, "completion_tokens": 3,
          "completion_tokens_details": {"reasoning_tokens": 200}}, (10, 203, 0, True)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 213,
          "completion_tokens_details": {"reasoning_tokens": 200}}, (10, 203, 0, True)),
        # Cached tokens beside the input.
        ({"prompt_tokens": 10, "completion_tokens": 3,
          "prompt_tokens_details": {"cached_tokens": 90}}, (100, 3, 90, True)),
        ({"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 193,
          "prompt_tokens_details": {"cached_tokens": 90}}, (190, 3, 90, True)),
        ({"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": 90},
         (100, 3, 90, True)),
        # Counts that are none.
        ({"prompt_tokens": -1, "completion_tokens": True}, (5, 2, 0, True)),
        ({"prompt_tokens": None, "completion_tokens": "many"}, (5, 2, 0, True)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (5, 2, 0, True)),
        ({"prompt_tokens": 10, "total_tokens": 13}, (10, 3, 0, True)),
        ({"completion_tokens": 3, "total_tokens": 13}, (10, 3, 0, True)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 5}, (10, 3, 0, True)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None},
         (10, 3, 0, False)),
        (None, (5, 2, 0, True)),
        ("none", (5, 2, 0, True)),
        ([], (5, 2, 0, True)),
    ],
    ids=str,
)  # fmt: skip
def test_the_dearer_reading_is_taken_and_marked(
    told: Any, counts: tuple[int, int, int, bool]
) -> None:
    usage = read_usage(told, "x" * 20, "y" * 8)
    assert counts == (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.estimated,
    )


COUNT = st.one_of(
    st.none(), st.integers(-5, 10**6), st.floats(), st.text(max_size=4), st.booleans()
)


@given(
    st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]), COUNT),
    st.dictionaries(st.just("cached_tokens"), COUNT),
    st.dictionaries(st.just("reasoning_tokens"), COUNT),
)
def test_no_report_makes_a_call_free_or_cheaper_than_told(
    told: dict[str, Any], cached: dict[str, Any], thought: dict[str, Any]
) -> None:
    whole = {**told, "prompt_tokens_details": cached, "completion_tokens_details": thought}
    usage = read_usage(whole, "question", "answer")
    assert usage.input_tokens > 0 and usage.output_tokens > 0
    assert 0 <= usage.cache_read_tokens <= usage.input_tokens
    for name, count in (
        ("prompt_tokens", usage.input_tokens),
        ("completion_tokens", usage.output_tokens),
        ("total_tokens", usage.input_tokens + usage.output_tokens),
    ):
        reported = told.get(name)
        if type(reported) is int:
            assert count >= reported


@pytest.mark.parametrize(
    ("text", "least"),
    [("", 0), ("word " * 40, 45), ("東京都に住んでいます", 9), ("12345.67", 7), ("Привет", 3)],
)
def test_tokens_by_kind_of_character(text: str, least: int) -> None:
    assert least <= estimated_tokens(text) <= max(2 * least, least + 2)
