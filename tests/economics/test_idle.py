"""Keys of `[costs]` that nothing is paid by: of each a task in which it counts, and one not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rung.candidate import Technique
from rung.economics.idle import COUNTS_WHERE, idle
from rung.economics.pricing import PriceBook
from rung.economics.settings import CostSettings
from rung.economics.setup import SETUP_USD
from rung.economics.spec import AlsoAsked, CandidateUsage
from rung.records import Usage

ON = date(2026, 11, 21)
GPT, LOCAL, SERVER, MATCH = (
    "openai/gpt-4o",
    "local/smollm2-135m-instruct",
    "http://me/v1#m",
    "no-llm/x",
)


def used(model: str, technique: Technique = "prompting", **parts: Any) -> CandidateUsage:
    plain = {"usage": Usage(input_tokens=9, output_tokens=1), "setup_usd": SETUP_USD[technique]}
    if technique in ("fine-tuning", "hybrid") and model == LOCAL:
        plain["train_seconds"] = 60
    return CandidateUsage(key="k", technique=technique, model=model, **{**plain, **parts})


PROMPT, RAG, BOUGHT = used(GPT), used(GPT, "rag"), used(GPT, "fine-tuning")
HERE, TRAINED, SEARCHED = used(LOCAL), used(LOCAL, "hybrid"), used(LOCAL, "rag")
APART = used(LOCAL, "fine-tuning", unmerged_slowdown=1.2)
MINE, NONE = used(SERVER), used(MATCH, "no-llm")
SERVES = {"gpu_usd_per_hour": 2}
PAID = {"labour_usd_per_hour": 50}
ANEW = {**PAID, "retrains_per_month": 1}
Case = tuple[CandidateUsage, dict[str, Any]]
COUNTS: dict[str, tuple[Any, Case, Case]] = {
    "input_usd_per_mtok": (
        1, (MINE, {"output_usd_per_mtok": 1}), (HERE, {"output_usd_per_mtok": 1}),
    ),
    "output_usd_per_mtok": (
        1, (MINE, {"input_usd_per_mtok": 1}), (PROMPT, {"input_usd_per_mtok": 1}),
    ),
    "cache_read_usd_per_mtok": (
        1, (MINE, {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}), (MINE, SERVES),
    ),
    "cache_write_usd_per_mtok": (
        1, (MINE, {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}), (PROMPT, {}),
    ),
    "machine": ("aws-m7g.large", (NONE, {}), (NONE, {"machine_usd_per_hour": 1})),
    "machine_usd_per_hour": (1, (NONE, {}), (PROMPT, {})),
    "gpu": ("l40s", (HERE, {}), (HERE, SERVES)),
    "gpu_usd_per_hour": (2, (HERE, {}), (PROMPT, {})),
    "min_replicas": (1, (MINE, SERVES), (NONE, {})),
    "utilisation": ("0.5", (HERE, {}), (RAG, {})),
    "adapters_per_machine": (4, (APART, {}), (TRAINED, {})),
    "tokens_per_second": (900, (MINE, SERVES), (HERE, {})),
    "deployment_usd_per_hour": (2, (BOUGHT, {}), (PROMPT, {})),
    "training_usd_per_mtok": (3, (BOUGHT, {}), (HERE, {})),
    "curation_hours": (4, (TRAINED, PAID), (RAG, PAID)),
    "labelling_usd_per_example": (1, (BOUGHT, {}), (PROMPT, {})),
    "retrains_per_month": (1, (TRAINED, {}), (SEARCHED, {})),
    "retrain_hours": (8, (TRAINED, ANEW), (TRAINED, PAID)),
    "store_usd_per_month": (25, (RAG, {}), (PROMPT, {})),
    "rerank_usd_per_1k": (2, (SEARCHED, {}), (BOUGHT, {})),
    "rag_setup_hours": (3, (RAG, PAID), (PROMPT, PAID)),
    "embedding_usd_per_mtok": (1, (used(GPT, "rag", query_tokens=9), {}), (RAG, {})),
    "evaluation_size": (300, (PROMPT, {"evaluations_per_month": 2}), (PROMPT, {})),
    "labour_usd_per_hour": (50, (PROMPT, {"setup_hours": 3}), (PROMPT, {})),
}  # fmt: skip
ALWAYS = {"setup_hours", "maintenance_hours_per_month", "infrastructure_usd_per_month",
          "evaluations_per_month"}  # fmt: skip
"""What every candidate pays."""


def said(usages: tuple[CandidateUsage, ...], costs: dict[str, Any]) -> list[str]:
    return idle(usages, PriceBook.of({u.model for u in usages}, costs, ON))


def test_every_key_is_known() -> None:
    keys = {key for keys in COUNTS_WHERE.values() for key in keys}
    assert keys == COUNTS.keys() == CostSettings.model_fields.keys() - ALWAYS - {"models"}


@pytest.mark.parametrize("key", COUNTS)
def test_a_key_is_said_to_do_nothing_where_it_does_nothing(key: str) -> None:
    value, (pays, with_it), (pays_not, without_it) = COUNTS[key]
    when = next(when for when, keys in COUNTS_WHERE.items() if key in keys)
    idle_here = said((pays_not,), {**without_it, key: value})
    assert any(key in one and one.endswith(f"it counts where {when}.") for one in idle_here)
    assert not any(f" {key}" in one for one in said((pays,), {**with_it, key: value}))
    both = said((pays, pays_not), {**with_it, key: value})
    assert not any(f" {key}" in one for one in both), "one that pays it is enough"


def test_what_does_nothing_for_the_same_reason_is_said_together() -> None:
    assert said((PROMPT,), {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "gpu": "l40s"}) == [
        "[costs] input_usd_per_mtok, output_usd_per_mtok: no candidate here is paid by this; it "
        'counts where a model has no list price ([costs.models."NAME"] overrides one).',
        "[costs] gpu: no candidate here is paid by this; it counts where a GPU of your own "
        "answers or trains, at no gpu_usd_per_hour.",
    ]


def test_one_model_s_own_keys_are_looked_at_alone() -> None:
    own = {"tokens_per_second": 9, "machine_usd_per_hour": 1}
    costs = {"models": {SERVER: own, LOCAL: own}}
    assert said((MINE, HERE), costs) == [
        f'[costs.models."{LOCAL}"] tokens_per_second: no candidate here is paid by this; it counts '
        "where a server of your own answers, or a deployment."
    ]


def test_what_a_judge_is_paid_by_counts() -> None:
    costs = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}
    assert idle((PROMPT,), PriceBook.of((GPT, SERVER), costs, ON)) == []
    assert len(idle((PROMPT,), PriceBook.of((GPT,), costs, ON))) == 1


def test_what_a_further_model_of_a_candidate_is_paid_by_counts() -> None:
    asked = AlsoAsked(model=SERVER, usage=Usage(input_tokens=9, output_tokens=9), requests=5)
    pair = used(LOCAL, usage=Usage(seconds=9.0), requests=8, also=(asked,))
    costs = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "gpu": "l40s"}
    assert idle((pair,), PriceBook.of((LOCAL, SERVER), costs, ON)) == []


def test_of_models_that_are_given_in_code_nothing_is_said() -> None:
    assert idle((used("m"),), PriceBook.of((), {"gpu": "l40s"}, ON, free=("m",))) == []


def test_prices_of_what_is_not_asked_are_said() -> None:
    costs = {"models": {"openai/gpt-4o-min": {"input_usd_per_mtok": 1}}}
    assert idle((PROMPT,), PriceBook.of((GPT,), costs, ON)) == [
        '[costs.models."openai/gpt-4o-min"] changes nothing: no such model is asked; did you mean '
        "'openai/gpt-4o'?"
    ]
