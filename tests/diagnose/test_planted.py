"""Failures whose cause is known, because the model was made to fail for it and nothing else."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from climbing import tasks
from climbing.tasks import LABELS, MODEL, asked, fact_task, label_of, label_task, shots_of
from rung.candidate import Candidate, Context, Prompt
from rung.climbing.explaining import Explained, Explainer
from rung.climbing.tools import Tools
from rung.diagnose import Diagnosis
from rung.errors import BudgetExceeded, ProviderError, UserError
from rung.models.base import ChatRequest
from rung.task.types import Document, Example, Models, Target, Task
from scripted import ScriptedModel

Script = Callable[[ChatRequest], str]
CLOSED = Candidate(model=MODEL, prompt=Prompt(constrained=False))
OTHER = "scripted/strong"


def explained(
    task: Task,
    folder: Path,
    script: Script,
    *candidates: Candidate,
    key: str | None = None,
    only: str | None = None,
    budget_usd: float | None = None,
    **how,
) -> Explained:
    """Climb the candidates, then diagnose the first of them (or `key`)."""
    chat = ScriptedModel(script, MODEL, **how)
    chosen = candidates or (CLOSED,)
    run = tasks.climb(task, folder, chat, candidates=chosen, everything=True)
    place = folder / "runs" / run.run

    async def go() -> Explained:
        options = tasks.options(folder, chat, candidates=chosen, budget_usd=budget_usd)
        explainer = Explainer(task, run, place, options)
        try:
            return await explainer.explain(key or chosen[0].key, only, width=None)
        finally:
            await explainer.aclose()

    return asyncio.run(go())


def counts(found: Diagnosis) -> dict[str, int]:
    return {row.cause: row.count for row in found.causes}


def reader(request: ChatRequest) -> str:
    return tasks.reading(request)


@pytest.mark.lengthy
def test_knowledge_that_no_prompt_holds_is_missing(tmp_path: Path) -> None:
    found = explained(fact_task(), tmp_path, reader).diagnosis
    assert counts(found) == {"missing_knowledge": found.failures} and found.failures == 20
    assert found.causes[0].share == 1.0 and found.causes[0].high == 1.0
    assert found.causes[0].techniques == ()  # no candidate of this run reads documents
    assert "at most 0.00, 0.8 is wanted: it cannot get there" in found.bounds[0].text


@pytest.mark.lengthy
def test_a_budget_ends_it_with_the_causes_of_whole_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tools, "price", lambda _, usage, __: Decimal(usage.input_tokens) / 10_000)
    whole = explained(fact_task(), tmp_path / "whole", reader)
    assert whole.diagnosis.failures == 20
    budgets = (whole_usd(tmp_path / "whole") * share for share in (0.9, 0.01))
    most = explained(fact_task(), tmp_path / "most", reader, budget_usd=next(budgets)).diagnosis
    assert most.probed == 16 and counts(most) == {"missing_knowledge": 16}
    assert "16 of 20 failures were probed, then the budget ran out: raise --budget" in most.note
    with pytest.raises(BudgetExceeded):
        explained(fact_task(), tmp_path / "none", reader, budget_usd=next(budgets))


def whole_usd(folder: Path) -> float:
    """What the probes of a diagnosis cost."""
    (kept,) = folder.glob("runs/*/probes/attempts.jsonl")
    return sum(json.loads(line)["cost_usd"] for line in kept.read_text().splitlines())


@pytest.mark.lengthy
def test_a_passage_that_search_does_not_find_is_a_miss_of_retrieval(tmp_path: Path) -> None:
    # The question's words stand twice in a lure and in no document: the search always prefers it.
    task = fact_task()
    lure = Document(id="lure.md", text="What is the code of part? What code of what part is it?")
    dressed = [
        d.model_copy(update={"text": f"{d.text} {'It lies in the store. ' * 20}"})
        for d in task.documents
    ]
    task = task.model_copy(update={"documents": (*dressed, lure)})
    examples = {
        name: tuple(e.model_copy(update={"input": _unnumbered(e)}) for e in task.split(name))
        for name in ("train", "dev", "test")
    }
    candidate = Candidate(
        model=MODEL,
        prompt=Prompt(constrained=False),
        context=Context(kind="retrieved", k=1, search="lexical"),
    )
    found = explained(task.model_copy(update=examples), tmp_path, _copy_code, candidate).diagnosis
    assert counts(found) == {"retrieval_miss": found.failures} and found.failures >= 15


def _unnumbered(example: Example) -> str:
    """A question that names the part by a word that no document holds."""
    return f"What is the code of what we call {'x' * int(example.id[1:])}?"


def _copy_code(request: ChatRequest) -> str:
    found = re.search(r"is (code-\d+)\.", request.messages[-1].content)
    return found[1] if found else "unknown"


@pytest.mark.lengthy
def test_a_passage_lost_among_others(tmp_path: Path) -> None:
    candidate = Candidate(
        model=MODEL,
        prompt=Prompt(constrained=False),
        context=Context(kind="retrieved", k=3, search="lexical"),
    )

    def first_only(request: ChatRequest) -> str:
        """Reads one passage well; of several it takes the last one's code."""
        passages = request.messages[-1].content.count("[")
        if passages <= 1:
            return reader(request)
        return "code-1"

    found = explained(fact_task(), tmp_path, first_only, candidate).diagnosis
    assert set(counts(found)) == {"lost_among_distractors"}


@pytest.mark.lengthy
def test_a_passage_that_is_ignored(tmp_path: Path) -> None:
    candidate = Candidate(
        model=MODEL,
        prompt=Prompt(constrained=False),
        context=Context(kind="retrieved", k=3, search="lexical"),
    )

    def deaf(request: ChatRequest) -> str:
        several = request.messages[-1].content.count("[") > 1
        return "unknown" if several else reader(request)

    found = explained(fact_task(), tmp_path, deaf, candidate).diagnosis
    assert set(counts(found)) == {"context_ignored"}


@pytest.mark.lengthy
def test_right_words_in_the_wrong_form(tmp_path: Path) -> None:
    task = label_task()

    def chatty(request: ChatRequest) -> str:
        return f"I would say that it is {label_of(asked(request))}."

    found = explained(task, tmp_path, chatty).diagnosis
    assert counts(found) == {"wrong_format": found.failures} and found.failures
    assert found.calls == 0  # read off the answers, no model is asked


@pytest.mark.lengthy
def test_a_convention_that_only_examples_show(tmp_path: Path) -> None:
    def learns(request: ChatRequest) -> str:
        truth = label_of(asked(request))
        turns = [m.content for m in request.messages]
        pairs = zip(turns[1:-1:2], turns[2:-1:2], strict=True)
        taught = [label_of(int(q.split()[1])) == a for q, a in pairs]
        right = bool(taught) and sum(taught) > len(taught) / 2
        return truth if right else LABELS[(LABELS.index(truth) + 1) % 3]

    found = explained(label_task(), tmp_path, learns).diagnosis
    # With three labels a foreign answer is now and then the right one.
    assert counts(found)["wrong_behaviour"] >= 16
    assert set(counts(found)) <= {"wrong_behaviour", "wrong_format", "unexplained"}


@pytest.mark.lengthy
def test_a_form_that_any_examples_show_is_format_not_behaviour(tmp_path: Path) -> None:
    def shy(request: ChatRequest) -> str:
        return label_of(asked(request)) if shots_of(request) else "I cannot say."

    once = CLOSED.model_copy(update={"prompt": CLOSED.prompt.model_copy(update={"repairs": 0})})
    found = explained(label_task(), tmp_path, shy, once).diagnosis
    assert counts(found) == {"wrong_format": found.failures} and found.failures


@pytest.mark.lengthy
def test_an_instruction_that_says_nothing(tmp_path: Path) -> None:
    task = label_task(instruction="Zorp the flim.")

    def literal(request: ChatRequest) -> str:
        clear = "Reply with that label alone" in request.messages[0].content
        truth = label_of(asked(request))
        return truth if clear else LABELS[(LABELS.index(truth) + 1) % 3]

    found = explained(task, tmp_path, literal).diagnosis
    assert counts(found) == {"instruction_unclear": found.failures} and found.failures


@pytest.mark.lengthy
def test_an_answer_that_was_cut_short(tmp_path: Path) -> None:
    class Cut(ScriptedModel):
        async def reply(self, request: ChatRequest):
            said = await super().reply(request)
            if request.max_tokens > 8:
                return said
            return said.model_copy(update={"text": said.text[:2], "finish": "length"})

    task = label_task()
    chat = Cut(lambda r: label_of(asked(r)), MODEL)
    short = Candidate(
        model=MODEL, prompt=Prompt(constrained=False, max_output_tokens=8, fixed_room=True)
    )
    run = tasks.climb(task, tmp_path, chat, candidates=(short,), everything=True)

    async def go() -> Diagnosis:
        explainer = Explainer(task, run, tmp_path / "runs" / run.run, tasks.options(tmp_path, chat))
        return (await explainer.explain(width=None)).diagnosis

    found = asyncio.run(go())
    assert counts(found) == {"truncated": found.failures} and found.failures


@pytest.mark.lengthy
@pytest.mark.parametrize("fallback", [None, OTHER])
def test_a_model_too_weak_where_a_stronger_one_is_listed(
    tmp_path: Path, fallback: str | None
) -> None:
    """Also where the stronger one is its fallback, which a valid wrong answer does not reach."""
    task = label_task(models=Models(to_try=(MODEL, OTHER), embedder=tasks.EMBEDDER))
    weak, strong = tasks.model(lambda *_: False), ScriptedModel(tasks.knowing(), OTHER)
    chats = {MODEL: weak, OTHER: strong}
    tried = (CLOSED.model_copy(update={"fallback": fallback}),)
    run = tasks.climb(task, tmp_path, weak, candidates=tried, everything=True, extra=chats)

    async def go() -> Diagnosis:
        options = tasks.options(tmp_path, weak, extra=chats)
        explainer = Explainer(task, run, tmp_path / "runs" / run.run, options)
        return (await explainer.explain(width=None)).diagnosis

    found = asyncio.run(go())
    assert counts(found) == {"too_weak": found.failures} and found.failures


@pytest.mark.lengthy
def test_what_flips_by_chance_stays_unexplained(tmp_path: Path) -> None:
    """Every prompt draws anew: each probe flips a third, and so does its placebo."""

    def dice(request: ChatRequest) -> str:
        text = "|".join(m.content for m in request.messages)
        return random.Random(text).choice(LABELS)

    found = explained(label_task(dev=120), tmp_path, dice).diagnosis
    behaviour = [row for row in found.causes if row.cause == "wrong_behaviour"]
    assert all(row.low == 0 for row in behaviour)


@pytest.mark.lengthy
def test_an_outage_of_a_probe_is_no_cause(tmp_path: Path) -> None:
    def fail(number: int, request: ChatRequest) -> ProviderError | None:
        return ProviderError("busy", status=503) if shots_of(request) else None

    found = explained(label_task(), tmp_path, tasks.knowing(tasks.share(50)), fail=fail).diagnosis
    assert found.unanswered == found.failures > 0
    assert found.probed == 0 and found.causes == ()


@pytest.mark.lengthy
def test_test_examples_are_never_probed(tmp_path: Path) -> None:
    task = label_task()
    chat = tasks.model(tasks.share(40))
    run = tasks.climb(task, tmp_path, chat, candidates=(CLOSED,), everything=True)
    before = len(chat.requests)

    async def go(only: str | None) -> Explained:
        explainer = Explainer(task, run, tmp_path / "runs" / run.run, tasks.options(tmp_path, chat))
        return await explainer.explain(only=only, width=None)

    asyncio.run(go(None))
    tests = {e.input for e in task.test}
    assert not {r.messages[-1].content for r in chat.requests[before:]} & tests
    with pytest.raises(UserError, match="no probe ever touches test"):
        asyncio.run(go(task.test[0].id))


@pytest.mark.lengthy
def test_asked_again_nothing_is_paid(tmp_path: Path) -> None:
    task = label_task()
    chat = tasks.model(tasks.share(40))
    run = tasks.climb(task, tmp_path, chat, candidates=(CLOSED,), everything=True)

    async def go() -> Diagnosis:
        explainer = Explainer(task, run, tmp_path / "runs" / run.run, tasks.options(tmp_path, chat))
        return (await explainer.explain(width=None)).diagnosis

    first, before = asyncio.run(go()), len(chat.requests)
    second = asyncio.run(go())
    assert len(chat.requests) == before and first == second
    assert (tmp_path / "runs" / run.run / "diagnosis.json").exists()


def test_a_task_that_was_changed_is_not_explained_by_an_old_run(tmp_path: Path) -> None:
    task = label_task()
    chat = tasks.model(tasks.share(40))
    run = tasks.climb(task, tmp_path, chat, candidates=(CLOSED,), everything=True)
    other = task.model_copy(update={"target": Target(metric="accuracy", score=0.5)})
    with pytest.raises(UserError, match="the task was changed after run"):
        Explainer(other, run, tmp_path / "runs" / run.run, tasks.options(tmp_path, chat))
