"""What the techniques would cost at the stated volume, before anything is measured.

The token counts beyond the answers, the throughput and the hours are assumptions, each named in
the result and replaced by a climb's measurement.
"""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from rung.candidate import Technique
from rung.decide.rules.answers import Answers
from rung.economics.amounts import span
from rung.economics.analysis import Analysis, analyse
from rung.economics.model import Workload
from rung.economics.pricing import PriceBook
from rung.economics.spec import (
    CandidateSpec,
    Hosting,
    Labour,
    Retrieval,
    Tokens,
    Training,
)
from rung.money import usd_range

MODEL = "openai/gpt-5-mini"
EMBEDDING = "openai/text-embedding-3-small"
VOLUME = Decimal(10_000)
PROMPT, QUESTION, ANSWER, INSTRUCTION = Decimal(400), Decimal(100), Decimal(100), Decimal(100)
CONTEXT = (500, 3000)
"""Retrieved tokens a query (C)."""
CURATION_HOURS, LABOUR_PER_HOUR = 40, (150, 250)
"""40 h of data work for $6,000-10,000 (C)."""
SETUP_HOURS = (8, 20)
ASSUMED = (
    f"{MODEL} at list price, {QUESTION} tokens of question and {ANSWER} of answer",
    f"{CONTEXT[0]}-{CONTEXT[1]} tokens of retrieved context (C), a hosted store",
    "tuned: a small open model on an L40S of one's own, half of its hours in use",
    f"labour at {usd_range(*LABOUR_PER_HOUR)} an hour: {CURATION_HOURS} h of data "
    f"work (C), {SETUP_HOURS[0]}-{SETUP_HOURS[1]} h to set up RAG (ours)",
)


def expected_costs(answers: Answers, on: date) -> Analysis:
    """Prompting, RAG, fine-tuning and both at the stated volume, on assumptions."""
    prompt = PROMPT if answers.prompt_tokens is None else answers.prompt_tokens
    volume = VOLUME if answers.requests_per_month is None else answers.requests_per_month
    return _costs(prompt, volume, on)


def assumed(answers: Answers) -> tuple[str, ...]:
    """What the costs take for granted, with what the answers left open first."""
    volume = () if answers.requests_per_month is not None else (f"{VOLUME:,} requests a month",)
    prompt = () if answers.prompt_tokens is not None else (f"{PROMPT} tokens of prompt",)
    return (*volume, *prompt, *ASSUMED)


@lru_cache(maxsize=64)
def _costs(prompt: Decimal, volume: Decimal, on: date) -> Analysis:
    specs = [_hosted("prompting", prompt), _hosted("rag", prompt), _own("fine-tuning")]
    specs.append(_own("hybrid"))
    return analyse(specs, Workload.of(volume, 12), PriceBook(on=on), draws=200)


def _hosted(technique: Technique, prompt: Decimal) -> CandidateSpec:
    """A hosted model with the whole prompt."""
    reads = technique == "rag"
    return CandidateSpec(
        key=technique,
        technique=technique,
        model=MODEL,
        tokens=Tokens(
            input=span(prompt + QUESTION),
            context=span(list(CONTEXT)) if reads else None,
            fixed_prompt=span(prompt),
            output=span(ANSWER),
        ),
        retrieval=_retrieval() if reads else Retrieval(),
        labour=_labour(curates=False, reads=reads),
    )


def _own(technique: Technique) -> CandidateSpec:
    """A small tuned model on a card of one's own, with a short prompt."""
    reads = technique == "hybrid"
    return CandidateSpec(
        key=technique,
        technique=technique,
        tokens=Tokens(
            input=span(QUESTION + INSTRUCTION),
            context=span(list(CONTEXT)) if reads else None,
            output=span(ANSWER),
        ),
        hosting=Hosting(gpu="l40s", tokens_per_second=span([500, 3000]), adapter="merged"),
        training=Training(gpu_hours=span([1, 8]), gpu="l40s"),
        retrieval=_retrieval() if reads else Retrieval(),
        labour=_labour(curates=True, reads=reads),
    )


def _retrieval() -> Retrieval:
    return Retrieval(query_tokens=span(QUESTION), embedding=EMBEDDING, store="pinecone-standard")


def _labour(*, curates: bool, reads: bool) -> Labour:
    return Labour(
        usd_per_hour=span(list(LABOUR_PER_HOUR)),
        curation_hours=span(CURATION_HOURS) if curates else None,
        setup_hours=span(list(SETUP_HOURS)) if reads else None,
    )
