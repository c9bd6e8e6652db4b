"""Every sentence by which a figure is refused or said to do nothing: a case for it, one against.

The list is read from the source: a sentence that is added without both is a failing test. Names of
amounts are labels and claim nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from rung.economics import (
    amounts,
    of_run,
    owner_lines,
    pricing,
    request_lines,
    scenario,
    spec_of,
    variants,
)
from rung.economics import idle as economics_idle
from rung.economics.analysis import analyse
from rung.economics.model import Workload
from rung.economics.pricing import PriceBook
from rung.economics.spec import CandidateSpec, CandidateUsage
from rung.errors import UserError
from rung.records import Usage
from wordings import phrases

SPEAKERS = (amounts, economics_idle, of_run, owner_lines, pricing, request_lines, scenario, spec_of,
            variants)  # fmt: skip
ON = date(2026, 11, 21)
GPT, LOCAL, SERVER = "openai/gpt-4o", "local/smollm2-135m-instruct", "http://me/v1#m"
Case = Callable[[], str]


def told(make: Callable[[], object]) -> str:
    """What is refused, or what was made, in words."""
    try:
        return str(make())
    except UserError as error:
        return str(error)


def billed(costs: dict[str, Any] | None = None, **parts: Any) -> str:
    def make() -> object:
        spec = CandidateSpec.model_validate({"key": "a", "technique": "rag", **parts})
        return analyse((spec,), Workload.of(1_000, 12), PriceBook.of((), costs or {}, ON), draws=20)

    return told(make)


def hosted(**parts: Any) -> str:
    hosting = {"tokens_per_second": 100, "usd_per_hour": 1, **parts}
    return billed(tokens={"input": 5, "output": 1}, hosting=hosting)


def used(model: str = SERVER, requests: int = 2, **costs: Any) -> str:
    usage = Usage(input_tokens=10, output_tokens=1)
    found = CandidateUsage(
        key="a", technique="prompting", model=model, usage=usage, requests=requests
    )
    return told(lambda: spec_of.spec_of(found, PriceBook.of((model,), costs, ON)))


def rates(model: str, costs: dict[str, Any] | None = None, on: date = ON) -> str:
    """Where the prices come from."""
    return told(lambda: [one.what for one in PriceBook.of((model,), costs or {}, on).sources()])


def embedded(costs: dict[str, Any]) -> str:
    return told(lambda: PriceBook.of((), costs, ON, embedder=SERVER).sources())


def priced(model: str, **counts: int) -> str:
    book = PriceBook.of((GPT,), {}, ON)
    return told(lambda: book.price(Usage(**counts), model))


def idle(asked: Sequence[str], **costs: Any) -> str:
    usage = Usage(input_tokens=9, output_tokens=1)
    used = [CandidateUsage(key=m, technique="prompting", model=m, usage=usage) for m in asked]
    return " ".join(economics_idle.idle(used, PriceBook.of(asked, costs, ON)))


def mine(**prices: Any) -> dict[str, Any]:
    return {"models": {GPT: prices}}


def volume(**given: Any) -> str:
    return told(lambda: scenario.Volume.model_validate(given).workload())


def span(given: Any) -> str:
    return told(lambda: amounts.span(given))


def cached(fixed: int) -> str:
    tokens = {"input": 9000, "output": 100, "fixed_prompt": fixed}
    return billed(model="anthropic/claude-sonnet-4-0", tokens=tokens)


def run_file(text: str, *price: str) -> str:
    return told(lambda: of_run.scenario_of_run(text, "run.json", price))


RUN = json.dumps({"candidates": []})
LABOUR, PER_LABEL, TRAINING = (
    {"labour_usd_per_hour": 50},
    {"labelling_usd_per_example": 1},
    {"training_usd_per_mtok": 3},
)
FLAT = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}
LIST = "{}, in place of a price of {}: no history is known for {}"
SAID: dict[str, tuple[Case, Case]] = {
    # figures
    "A figure of 0 or more is needed, got {}.": (lambda: span(-1), lambda: span(0)),
    "A range goes from the lower to the higher end, got {} to {}: put them in order.": (
        lambda: span([2, 1]), lambda: span([1, 2]),
    ),
    "A range is [low, high], got {}.": (lambda: span([1, 2, 3]), lambda: span([1, 2])),
    "A range is {value, low, high}, got {}.": (
        lambda: span({"low": 1}), lambda: span({"value": 1}),
    ),
    # files
    "--price {}: write it as key=value.": (
        lambda: run_file(RUN, "gpu"), lambda: run_file(RUN, "gpu=l40s"),
    ),
    "{} is not a run that costs can be read from ({}): {}": (
        lambda: run_file("[]"), lambda: run_file(RUN),
    ),
    "[workload] needs requests_per_month or requests_per_day, one of them.": (
        volume, lambda: volume(requests_per_day=3),
    ),
    "{} is neither a file nor a candidate; write one as name=openai/gpt-4o:500/100 (tokens in and "
    "out).": (
        lambda: told(lambda: scenario.inline("a=openai/gpt-4o")),
        lambda: told(lambda: scenario.inline("a=openai/gpt-4o:5/1")),
    ),
    "{} is not TOML: {}; correct it.": (
        lambda: told(lambda: scenario.parse("x = ", "f.toml")),
        lambda: told(lambda: scenario.parse("x = 1", "f.toml")),
    ),
    # what it takes to own one
    "{}: hours of work have no price; set [costs] labour_usd_per_hour.": (
        lambda: billed(labour={"setup_hours": 3}),
        lambda: billed(LABOUR, labour={"setup_hours": 3}),
    ),
    "{}: labelled examples have no price; set [costs] labelling_usd_per_example.": (
        lambda: billed(labour={"examples": 3}), lambda: billed(PER_LABEL, labour={"examples": 3}),
    ),
    "{}: training tokens have no price; set [costs] training_usd_per_mtok or name a row of the "
    "tuning table.": (
        lambda: billed(training={"tokens": 9}), lambda: billed(TRAINING, training={"tokens": 9}),
    ),
    "assumed for {}, not stated": (
        lambda: billed(technique="hybrid", stated={"usd_assumed": 100}),
        lambda: billed(technique="hybrid", stated={"usd_once": 100}),
    ),
    # machines
    "{}: an unmerged adapter needs unmerged_slowdown; measure a request with the adapter apart "
    "over one with it merged.": (
        lambda: hosted(adapter="unmerged"), lambda: hosted(adapter="unmerged", unmerged_slowdown=2),
    ),
    "{}: hosting needs tokens_per_second.": (
        lambda: hosted(tokens_per_second=None), hosted,
    ),
    "{}: hosting needs usd_per_hour, gpu or machine.": (
        lambda: hosted(usd_per_hour=None), hosted,
    ),
    "{}: tokens per second and utilisation must be above 0.": (
        lambda: hosted(tokens_per_second=0), hosted,
    ),
    "[costs] min_replicas = 0 leaves nothing to pay for {}: how long it computes cannot be seen "
    "from here; set [costs] tokens_per_second, measured there, too.": (
        lambda: used(min_replicas=0, machine_usd_per_hour=1),
        lambda: used(min_replicas=0, machine_usd_per_hour=1, tokens_per_second=9),
    ),
    "measured over {} answers": (lambda: used(GPT), lambda: used(GPT, requests=1)),
    # prices
    '[costs.models."{}"] changes nothing: no such model is asked; {}': (
        lambda: idle([LOCAL], **mine(input_usd_per_mtok=1)),
        lambda: idle([GPT], **mine(input_usd_per_mtok=1)),
    ),
    '[costs.models."{}"] {} = {} changes nothing: {} {}; take it out.': (
        lambda: rates(GPT, mine(machine_usd_per_hour=1)),
        lambda: rates(GPT, mine(input_usd_per_mtok=1)),
    ),
    "is paid by the token": (
        lambda: rates(GPT, mine(machine_usd_per_hour=1)),
        lambda: rates(LOCAL, {"models": {LOCAL: {"input_usd_per_mtok": 1}}}),
    ),
    "runs on a machine of your own: its hour is paid": (
        lambda: rates(LOCAL, {"models": {LOCAL: {"input_usd_per_mtok": 1}}}),
        lambda: rates(GPT, mine(machine_usd_per_hour=1)),
    ),
    "[{}] {}: no candidate here is paid by this; it counts where {}.": (
        lambda: idle([GPT], gpu="l40s"), lambda: idle([GPT, LOCAL], gpu="l40s"),
    ),
    "{} gpu_usd_per_hour": (
        lambda: rates(LOCAL, {"gpu_usd_per_hour": 2}), lambda: rates(LOCAL, {"gpu": "l40s"}),
    ),
    "{} machine_usd_per_hour": (
        lambda: rates(LOCAL, {"machine_usd_per_hour": 2}), lambda: rates(LOCAL),
    ),
    "{} has no known price: look whether it is spelled right, else set [costs] input_usd_per_mtok "
    'and output_usd_per_mtok (or [costs.models."{}"]); for a server of your own, '
    "machine_usd_per_hour or gpu_usd_per_hour, what its hour costs.": (
        lambda: rates(SERVER), lambda: rates(SERVER, {"machine_usd_per_hour": 2}),
    ),
    "{} has no known price: look whether it is spelled right, else set [costs] "
    "embedding_usd_per_mtok, what it takes for 1M tokens (0 where nobody bills them).": (
        lambda: embedded({}), lambda: embedded({"embedding_usd_per_mtok": 0}),
    ),
    "{} is not in the price book of {}; price it anew.": (
        lambda: priced(LOCAL), lambda: priced(GPT),
    ),
    "{}: cached tokens exceed the {} input tokens; count cached tokens as part of the input.": (
        lambda: priced(GPT, input_tokens=1, cache_read_tokens=2),
        lambda: priced(GPT, input_tokens=2, cache_read_tokens=2),
    ),
    LIST: (lambda: rates(GPT, on=date(2025, 1, 1)), lambda: rates(GPT)),
    "list price, genai-prices {}": (lambda: rates(GPT), lambda: rates(LOCAL)),
    # other ways to pay
    "{} fixed tokens are under the {} that are cached": (
        lambda: cached(500), lambda: cached(8000),
    ),
    "{} of requests find the prefix within {} s; {}": (
        lambda: cached(8000), lambda: cached(500),
    ),
}  # fmt: skip
FEWEST_LETTERS = 12
WAYS = {"answers within a day, not at once", "machines of its own",
        "machines that somebody else keeps busy meanwhile"}  # fmt: skip
"""Of paying, as `rung cost` heads them: `test_cost_sentences.py` has when each stands there."""


def sentences(speaker: ModuleType) -> set[str]:
    """What claims something: a whole sentence, or words around a figure."""
    return {
        text
        for text in phrases(str(speaker.__file__))
        if " " in text.strip() and sum(map(str.isalpha, text)) >= FEWEST_LETTERS
    }


def labels() -> set[str]:
    """Names of amounts: the lines of a bill and their units."""
    return {
        text
        for speaker in (owner_lines, request_lines)
        for text in sentences(speaker)
        if "{}" not in text
    }


def test_every_sentence_has_its_two_cases() -> None:
    said = set().union(*map(sentences, SPEAKERS))
    assert said - labels() - WAYS - {*economics_idle.COUNTS_WHERE} == set(SAID)


@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_said_where_it_is_true_and_only_there(sentence: str) -> None:
    pattern = ".*".join(map(re.escape, re.split(r"\{[^ }]*\}", sentence)))
    true, false = (" ".join(case().split()) for case in SAID[sentence])
    assert re.search(pattern, true), true
    assert not re.search(pattern, false), false
