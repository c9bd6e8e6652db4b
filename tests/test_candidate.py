"""A candidate's digest names caches, runs and saved winners: it must not move."""

from __future__ import annotations

import pytest

from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.task.types import Models, Target, Task, TextOutput

EMBEDDER = "local/all-minilm-l6-v2"
PINNED = {
    "819fcefb819fd47a97f1b7d5b8510b64128b4521760c99cc3cf9e3e65b2871f0": Candidate(
        model="local/smollm2-135m-instruct"
    ),
    "214701f4ba72f5c36a6f5e0e62763cf0e2f586f46e6fd285d5a5692a4c90a0c4": Candidate(
        model="no-llm/linear", embedder=EMBEDDER
    ),
    "aceab76c4d2f7623b9346f296ffa26d1e76219b6d5a1715fdae54f79f2087b6b": Candidate(
        model="openai/gpt-4.1-mini",
        prompt=Prompt(shots=Shots(kind="fixed", k=5)),
        context=Context(kind="retrieved"),
        embedder=EMBEDDER,
    ),
    "960be2ae4cbf7d9107753eb1684203f4eef30079812058c7cb3e92784ccc018f": Candidate(
        model="local/smollm2-135m-instruct",
        prompt=Prompt(contract=False),
        weights=Weights(kind="lora"),
    ),
}


@pytest.mark.parametrize("digest", PINNED)
def test_the_digest_of_a_candidate_stays(digest: str) -> None:
    assert PINNED[digest].digest == digest


def test_hosted_weights_are_another_candidate() -> None:
    here = PINNED["960be2ae4cbf7d9107753eb1684203f4eef30079812058c7cb3e92784ccc018f"]
    there = here.model_copy(update={"weights": Weights(kind="hosted")})
    assert there.digest != here.digest and "+tuned~" in there.key
    assert there.technique == here.technique == "fine-tuning"


def test_the_fingerprint_of_a_task_stays_where_nothing_is_bought() -> None:
    task = Task(
        name="t",
        instruction="Say it.",
        output=TextOutput(max_words=3),
        target=Target(metric="exact_match", score=0.8),
    )
    assert task.fingerprint() == FINGERPRINT
    tuned = task.model_copy(update={"models": Models(tune=("together/m",))})
    assert tuned.fingerprint() != FINGERPRINT


FINGERPRINT = "dfbb25f9bcd2f194ba26fd9ca1a38a93bf8ce5c7cde03869ac41371e83874230"
