"""Ten bills worked out by hand, to the cent: the arithmetic stands in each test.

Prices are stated in the tests, so that no list price can move a figure.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.economics.amounts import Span, span
from rung.economics.analysis import CandidateCost, cost_of
from rung.economics.breakeven import break_even
from rung.economics.model import Workload, model_of, model_of_usage
from rung.economics.pricing import PriceBook, Rates, TokenRates
from rung.economics.setup import SETUP_USD
from rung.economics.spec import AlsoAsked, CandidateSpec, CandidateUsage, Stated
from rung.economics.spec_of import spec_of
from rung.economics.tables import Source
from rung.errors import UserError
from rung.money import cents
from rung.records import Usage

ON = date(2026, 11, 21)
API, SMALL, OWN = "http://host/v1#api", "http://host/v1#small", "local/smollm2-135m-instruct"
TIERS = {
    API: TokenRates(input=Decimal(2), output=Decimal(8), cache_read=Decimal("0.5"),
                    cache_write=Decimal("2.5")),
    SMALL: TokenRates(input=Decimal("0.2"), output=Decimal("0.8")),
}  # fmt: skip


def book(**costs: Any) -> PriceBook:
    made = PriceBook.of([OWN, "no-llm/linear"], {"machine_usd_per_hour": "0.1", **costs}, ON)
    source = Source(what="by hand")
    bought = {m: Rates(model=m, tokens=(tier,), source=source) for m, tier in TIERS.items()}
    return made.model_copy(update={"rates": {**made.rates, **bought}})


def bill(
    technique: str = "prompting",
    model: str = API,
    requests: int = 20_000,
    costs: dict[str, Any] | None = None,
    **used: Any,
) -> CandidateCost:
    usage = Usage(**{"input_tokens": 1_000, "output_tokens": 100, **used.pop("usage", {})})
    given = {"key": "k", "technique": technique, "model": model, "usage": usage, **used}
    found = CandidateUsage.model_validate(given)
    workload = Workload.of(requests, 12)
    return cost_of(model_of_usage(found, workload, book(**(costs or {}))))


def month(cost: CandidateCost) -> str:
    return str(cents(cost.monthly.value))


def test_1_a_prompt_at_token_prices() -> None:
    # 1,000 x $2 / 1M + 100 x $8 / 1M = $0.0028; x 20,000 = $56
    assert month(bill()) == "56.00"


def test_2_cached_tokens_are_paid_once_also_those_of_the_context() -> None:
    # 1,000 read: 700 context + 300 else; 600 from the cache at $0.50, 400 fresh at $2, 100 out:
    # (600 x 0.5 + 400 x 2 + 100 x 8) / 1M = $0.0019; x 20,000 = $38
    usage = {"cache_read_tokens": 600}
    assert month(bill(usage=usage, context_tokens=700)) == "38.00"
    # 200 more written to it at $2.50: (600 x .5 + 200 x 2.5 + 200 x 2 + 800) / 1M x 20,000 = $40
    usage["cache_write_tokens"] = 200
    assert month(bill(usage=usage, context_tokens=700)) == "40.00"


def test_3_a_cascade_each_model_at_its_price() -> None:
    # Small, every request: 1,000 x .2 + 100 x .8 = $0.00028; the other in a quarter: $0.0028 / 4
    # = $0.0007; together $0.00098 x 20,000 = $19.60
    other = AlsoAsked(model=API, usage=Usage(input_tokens=1_000, output_tokens=100), requests=1)
    found = CandidateUsage(
        key="k", technique="prompting", model=SMALL,
        usage=Usage(input_tokens=4_000, output_tokens=400), requests=4, also=(other,),
    )  # fmt: skip
    assert month(cost_of(model_of_usage(found, Workload.of(20_000, 12), book()))) == "19.60"


def test_4_rag_with_what_nobody_stated() -> None:
    # $56 + $1,000 / 12 = $139.33, of which $83.33 is assumed
    cost = bill("rag", setup_usd=1000)
    assert month(cost) == "139.33" and cost.assumed.value == 1000


def test_5_rag_with_hours_and_a_store() -> None:
    # 10 h + 6 h at $50 = $800 / 12 = $66.67; upkeep 2 h x $50 = $100; store $25; asking $56
    costs = {
        "labour_usd_per_hour": 50, "setup_hours": 10, "rag_setup_hours": 6,
        "maintenance_hours_per_month": 2, "store_usd_per_month": 25,
    }  # fmt: skip
    cost = bill("rag", setup_usd=1000, costs=costs)
    assert month(cost) == "247.67" and cost.assumed.value == 0


def test_6_labour_without_hours_counts_nothing_twice() -> None:
    # A rate alone states no work: the assumption stands, once. $56 + $5,000 / 12 = $472.67
    cost = bill("fine-tuning", setup_usd=5000, costs={"labour_usd_per_hour": 50})
    assert month(cost) == "472.67"
    # Hours without a rate have no price: refused before anything is asked.
    with pytest.raises(UserError, match=r"curation_hours = 40.*labour_usd_per_hour"):
        book(curation_hours=40)


def test_7_tuning_with_people_in_every_retraining() -> None:
    # Once: 40 h x $50 + 300 labels x $0.10 + 2M tokens x $3 = 2,000 + 30 + 6 = $2,036 / 12 = 169.67
    # A month: half a retraining: (6 + 8 h x $50) / 2 = $203; asking $56
    costs = {
        "labour_usd_per_hour": 50, "curation_hours": 40, "labelling_usd_per_example": "0.1",
        "training_usd_per_mtok": 3, "retrains_per_month": "0.5", "retrain_hours": 8,
    }  # fmt: skip
    cost = bill(
        "fine-tuning", setup_usd=5000, train_tokens=2_000_000, train_examples=300, costs=costs
    )
    assert month(cost) == "428.67" and cost.assumed.value == 0


def test_8_a_model_of_ones_own_needs_its_machine() -> None:
    # 0.36 s x 20,000 = 2 h of work, in one machine that stands there 730 h at $0.10
    usage = {"seconds": 0.36}
    assert month(bill(model=OWN, usage=usage)) == "73.00"
    # The other reading, seconds alone: 2 h x $0.10
    assert month(bill(model=OWN, usage=usage, costs={"min_replicas": 0})) == "0.20"
    # 100 times the volume at half of the hours: 200 h / 0.5; at 3,000 times, 12,000 h
    busy = {"utilisation": "0.5"}
    assert month(bill(model=OWN, usage=usage, requests=2_000_000, costs=busy)) == "73.00"
    assert month(bill(model=OWN, usage=usage, requests=60_000_000, costs=busy)) == "1200.00"
    # No language model is asked: its 2 h are those of the machine that asks.
    none = {**usage, "input_tokens": 0, "output_tokens": 0}
    assert month(bill("no-llm", "no-llm/linear", usage=none)) == "0.20"


@pytest.mark.parametrize("model", ["./model.gguf", "/models/llama", "q4.GGUF", "http://me/v1#m"])
def test_9_paths_and_servers_of_ones_own_are_a_machine_too(model: str) -> None:
    # 2 machines x 730 h x $0.10; a server tells no seconds: the machines are all that is known
    assert month(bill(model=model, costs={"min_replicas": 2})) == "146.00"


def test_9b_a_server_that_says_how_much_it_answers_needs_more_of_itself() -> None:
    # 20M x 1,100 tokens / 2,000 a second = 11,000,000 s = 3,055.56 h at $0.10, beyond its 730
    costs: dict[str, Any] = {"tokens_per_second": 2000}
    busy = bill(model="http://me/v1#m", requests=20_000_000, costs=costs)
    assert month(busy) == "305.56" and busy.load_known
    silent = bill(model="http://me/v1#m", requests=20_000_000)
    assert month(silent) == "73.00" and not silent.load_known
    # Without machines that stand there it is the work alone: 20,000 x 1,100 / 2,000 s at $0.10
    assert month(bill(model="http://me/v1#m", costs=costs | {"min_replicas": 0})) == "0.31"
    with pytest.raises(UserError, match=r"leaves nothing to pay for http://me/v1#m.*per_second"):
        bill(model="http://me/v1#m", costs={"min_replicas": 0})


def test_9c_a_tuned_model_on_a_dedicated_deployment_is_paid_by_the_hour_and_by_no_token() -> None:
    # 730 h x $2 = $1,460; set-up nobody stated $5,000 / 12 = $416.67; the $56 of tokens are gone
    costs: dict[str, Any] = {"deployment_usd_per_hour": 2}
    cost = bill("fine-tuning", setup_usd=5000, costs=costs)
    assert month(cost) == "1876.67"
    assert [line.what for line in cost.lines] == ["machines", "set-up, assumed"]
    # Untuned it is bought by the token, whatever a deployment costs.
    assert month(bill(costs=costs)) == "56.00"
    # 20M x 1,100 / 1,000 a second = 6,111.11 h x $2 = $12,222.22
    costs["tokens_per_second"] = 1000
    assert month(bill("fine-tuning", requests=20_000_000, costs=costs)) == "12222.22"


def test_9d_a_provider_that_serves_its_tuned_models_on_deployments_only_is_never_free_of_one() -> (
    None
):
    model = "fireworks/accounts/fireworks/models/llama-v3p1-8b-instruct"
    bought = {"models": {model: {"input_usd_per_mtok": "0.2", "output_usd_per_mtok": "0.2"}}}
    # No price stated: the dearest GPU hour of our tables, $6.98 x 730 = $5,095.40
    assert month(bill("fine-tuning", model, costs=bought)) == "5095.40"
    # A card named, or its hour: 730 x $1 = $730
    assert month(bill("fine-tuning", model, costs=bought | {"gpu_usd_per_hour": 1})) == "730.00"
    # Before tuning it answers by the token: 1,100 x $0.2 / 1M x 20,000 = $4.40
    assert month(bill("prompting", model, costs=bought)) == "4.40"


def test_9e_retrieval_with_a_hosted_embedder_and_a_store() -> None:
    # Query: 50 tokens x $0.02 / 1M x 20,000 = $0.02; corpus 3M x $0.02 = $0.06 / 12 = $0.005;
    # store $70; asking $56; set-up $1,000 / 12 = $83.33
    costs = {"embedding_usd_per_mtok": "0.02", "store_usd_per_month": 70}
    cost = bill("rag", setup_usd=1000, costs=costs, query_tokens=50, corpus_tokens=3_000_000)
    assert month(cost) == "209.36"


def test_10_a_hybrid_with_one_half_stated_keeps_the_other() -> None:
    # 6 h x $50 = $300 of retrieval, stated; tuning's $5,000 stays assumed: $5,300 / 12 = 441.67
    costs = {"labour_usd_per_hour": 50, "rag_setup_hours": 6}
    cost = bill("hybrid", setup_usd=10_000, costs=costs)
    assert month(cost) == "497.67" and cost.assumed.value == 5000
    # evaluations: 2 a month x 100 examples x $0.0028 = $0.56 more
    costs |= {"evaluations_per_month": 2, "evaluation_size": 100}
    assert month(bill("hybrid", setup_usd=10_000, costs=costs)) == "498.23"


def test_a_right_answer_has_a_price_only_where_answers_are_right_or_wrong() -> None:
    # $56 / 20,000 / 0.8 = $0.0035
    right = bill(score=0.8, score_low=0.0, score_high=0.9)
    assert right.per_correct is not None and right.per_correct.value == Decimal("0.0035")
    assert right.per_correct_unbounded
    graded = bill(score=0.8, score_low=0.0, score_high=0.9, graded=True)
    assert graded.per_correct is None and not graded.per_correct_unbounded


def test_a_lower_share_of_draws_crosses_the_intervals_ends() -> None:
    """The interval of a break-even holds 90 % of its draws, 5 % beyond each end."""
    fixed = Span(value=Decimal(500), low=Decimal(0), high=Decimal(1000))
    own = CandidateSpec(key="own", technique="fine-tuning", stated=Stated(usd_per_month=fixed))
    api = CandidateSpec(key="api", technique="prompting", stated=Stated(usd_per_request="0.01"))
    workload = Workload.of(10_000, 12)
    found = break_even(
        model_of(own, workload, book()), model_of(api, workload, book()), count=4_000
    )
    # Even draws of $0 to $1,000 a month over $0.01: 5 % below 5,000 requests, 5 % above 95,000.
    assert found.low == pytest.approx(5_000, rel=0.15)
    assert found.high == pytest.approx(95_000, rel=0.015)
    assert found.confidence == Decimal("0.9") and found.exact == 50_000


@pytest.mark.parametrize(
    ("technique", "stored", "usd", "hours"),
    [
        ("rag", True, 1_000, 3),
        ("rag", False, 0, None),  # a tool is asked: no index is built
        ("hybrid", True, 10_000, 3),
        ("hybrid", False, 5_000, None),
        ("prompting", False, 0, None),
    ],
)
def test_an_index_is_set_up_where_documents_are_searched(technique, stored, usd, hours) -> None:
    found = CandidateUsage(
        key="k", technique=technique, model=SMALL, usage=Usage(), requests=1, stored=stored,
        setup_usd=float(SETUP_USD[technique]),
    )  # fmt: skip
    assert spec_of(found, book()).stated.usd_assumed == (span(usd) if usd else None)
    stated = spec_of(found, book(rag_setup_hours=3, labour_usd_per_hour=50))
    assert stated.labour.integration_hours == (span(hours) if hours else None)


def test_the_share_of_a_fallback_is_a_share_with_its_interval() -> None:
    # 1 of 4 requests: 0.25, and 1.96 x sqrt(.25 x .75 / 4) = 0.4244 to each side, never below 0
    other = AlsoAsked(model=API, usage=Usage(input_tokens=100), requests=1)
    found = CandidateUsage(
        key="k", technique="prompting", model=SMALL, usage=Usage(), requests=4, also=(other,)
    )
    share = spec_of(found, book()).also[0].share
    assert share.value == Decimal("0.25") and share.low == 0
    assert float(share.high) == pytest.approx(0.25 + 1.96 * (0.25 * 0.75 / 4) ** 0.5)


@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(["prompting", "rag", "hybrid"])
)
@settings(deadline=None, max_examples=40)
def test_more_requests_never_cost_less_and_nothing_is_counted_twice(
    few: int, more: int, technique: str
) -> None:
    low, high = sorted((few, more))
    one, other = (bill(technique, requests=n, setup_usd=5000) for n in (low, high))
    assert one.monthly.value <= other.monthly.value
    # The month is its lines, and each line stands once.
    for cost in (one, other):
        assert sum(line.monthly.value for line in cost.lines) == cost.monthly.value
        assert len({line.what for line in cost.lines}) == len(cost.lines)
