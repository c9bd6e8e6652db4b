"""Digests name caches, runs, orders and saved winners: what may change them, and what may not."""

from __future__ import annotations

import pytest
from pydantic import Field

from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.models.base import ChatRequest, Message
from rung.task.types import (
    FORMAT,
    Frozen,
    LabelsOutput,
    Models,
    Target,
    Task,
    TextOutput,
    Workload,
    canonical,
    digest,
)

EMBEDDER = "local/all-minilm-l6-v2"
TASK = Task(
    name="t",
    instruction="Say it.",
    output=TextOutput(max_words=3),
    target=Target(metric="exact_match", score=0.8),
)
REQUEST = ChatRequest(messages=(Message(role="user", content="hello"),))
PINNED = {
    "CANDIDATE": Candidate(model="local/smollm2-135m-instruct").digest,
    "RAG": Candidate(
        model="openai/gpt-4.1-mini",
        prompt=Prompt(shots=Shots(kind="fixed", k=5)),
        context=Context(kind="retrieved"),
        embedder=EMBEDDER,
    ).digest,
    "TASK": TASK.fingerprint(),
    "CALL": REQUEST.cache_key("model"),
}
KNOWN = {
    "CANDIDATE": "c0837b045e4f019c424ee492239061374d39ff7ad0ff9be2e1125ea328f45803",
    "RAG": "23cc51a3e6989580185c37415b77a2c0d8f7f4ebf7ef9a917c2f2e38f207e8e5",
    "TASK": "de648364cde29864dc7afaa2850cd6593b0c71bc110b25dd34875704d9106066",
    "CALL": "095e08fc01039b767ce237381c304382b07273f531b6292a55e086cc1a4c421e",
}


@pytest.mark.parametrize("name", PINNED)
def test_a_digest_stays_from_version_to_version(name: str) -> None:
    assert PINNED[name] == KNOWN[name]


def test_a_changed_default_is_counted_by_the_format() -> None:
    """Fails where a default changes or a field goes: raise `FORMAT`, then pin both anew.

    A field that is new does not matter: what digests held before, they hold still.
    """
    defaults = {
        f"{model.__name__}.{name}": repr(field.get_default(call_default_factory=True))
        for model in (Candidate, Prompt, Shots, Context, Weights, ChatRequest)
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    assert {name: defaults.get(name) for name in DEFAULTS} == DEFAULTS, (
        f"raise FORMAT (now {FORMAT}) and pin the new defaults"
    )


class Before(Frozen):
    kind: str = "none"
    k: int = 0


class After(Before):
    rerank: str | None = None
    notes: dict[str, str] = Field(default_factory=dict)


def test_a_later_field_changes_a_digest_only_where_it_is_used() -> None:
    assert digest(Before(k=3)) == digest(After(k=3)) != digest(After(k=3, rerank="model"))
    assert digest([After(k=3)]) != digest([After(k=3, notes={"a": "b"})])


def test_unions_are_told_apart_by_their_tag() -> None:
    assert canonical(TextOutput()) == {"kind": "text"}
    assert digest(TextOutput()) != digest(LabelsOutput(labels=()))


def test_what_changes_no_answer_changes_no_fingerprint() -> None:
    same = TASK.model_copy(update={"workload": Workload(requests_per_month=3), "costs": {"a": 1}})
    bought = TASK.model_copy(update={"models": Models(tune=("together/m",))})
    assert same.fingerprint() == TASK.fingerprint() != bought.fingerprint()


def test_hosted_weights_are_another_candidate() -> None:
    here, there = (
        Candidate(model="together/m", weights=Weights(kind=kind)) for kind in ("lora", "hosted")
    )
    assert there.digest != here.digest and "+tuned~" in there.key
    assert there.technique == here.technique == "fine-tuning"


DEFAULTS = {
    "Candidate.embedder": "None",
    "Candidate.first": "None",
    "Candidate.fallback": "None",
    "Prompt.instruction": "None",
    "Prompt.reasoning": "False",
    "Prompt.contract": "True",
    "Prompt.constrained": "True",
    "Prompt.repairs": "1",
    "Prompt.max_input_chars": "20000",
    "Prompt.max_output_tokens": "96",
    "Prompt.temperature": "0.0",
    "Shots.kind": "'none'",
    "Shots.k": "0",
    "Context.kind": "'none'",
    "Context.k": "3",
    "Context.chunk_chars": "600",
    "Context.search": "'hybrid'",
    "Weights.kind": "'base'",
    "Weights.rank": "16",
    "Weights.learning_rate": "0.0005",
    "Weights.epochs": "3",
    "Weights.train_size": "None",
    "Weights.seed": "0",
    "ChatRequest.max_tokens": "96",
    "ChatRequest.temperature": "0.0",
    "ChatRequest.seed": "0",
    "ChatRequest.choices": "None",
    "ChatRequest.json_schema": "None",
    "ChatRequest.adapter": "None",
}
