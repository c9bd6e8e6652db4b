"""The ladder: which candidates a task allows, in the order of what they are expected to cost.

Order is what a month is expected to cost at the team's volume, all in, by the same sum as
everywhere (`rung.economics.model`). The figures here only say where to look first; the
measurement decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from rung.behaviour.messages import ROOM_TO_THINK
from rung.behaviour.trainers.shelf import trained_here
from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.decide.room import plain_prompt
from rung.decide.usage import ExpectedCall, expected_calls, expected_cost, expected_usage
from rung.economics.amounts import total
from rung.economics.model import Workload, model_of_usage
from rung.economics.pricing import PriceBook
from rung.errors import UserError
from rung.models.base import ChatModel, calls_tools
from rung.money import dec
from rung.records import Usage
from rung.task.types import Frozen, LabelsOutput, MultiLabelOutput, Task

FEWEST_TO_TUNE = 50
"""Below 50 examples tuning is almost never enough for classification ("When to Fine-Tune vs RAG
vs Prompting")."""

FITS_WINDOW = 0.6
"""Share of the window that all documents may fill; the rest is for shots, input and answer."""

SHOTS = 5
"""Few-shot examples: 3-5 ("When to Fine-Tune vs RAG vs Prompting")."""
MOST_FIXED_SHOTS = 12
GOLD_PASSAGES = 2
"""Most gold passages of a probe: an answer that a border cuts stands in two."""
HOSTED_RATE = 1e-4
"""Learning rate ordered from a provider: a common one for LoRA on models of billions."""
CHARS_PER_TOKEN = 4


class Planned(Frozen):
    """A candidate with what it is expected to use and cost."""

    candidate: Candidate
    calls: tuple[ExpectedCall, ...] = ()
    """Expected of each model that may answer."""
    usage: Usage
    """Expected per request, all models together."""
    usd_per_request: Decimal
    """Of the calls alone."""
    setup_usd: Decimal
    """Once, all in."""
    usd_per_month: Decimal
    """At the workload, all in: the sum of `rung cost`, with what is expected to be used."""
    assumed_usd_per_month: Decimal = Decimal(0)
    """Part of it that nobody stated."""


def candidates(task: Task, chat: Callable[[str], ChatModel], context: Context) -> list[Candidate]:
    """Every candidate worth trying, unordered. `context` says how documents are retrieved."""
    found: list[Candidate] = []
    embedder = task.models.embedder
    if isinstance(task.output, LabelsOutput | MultiLabelOutput) and task.train:
        found += [
            Candidate(model=f"no-llm/{name}", embedder=embedder) for name in ("nearest", "linear")
        ]
    for name in task.models.to_try:
        found += _of_model(task, name, chat(name), context)
    for name in task.models.tune:
        found += _tuned(task, name, chat(name), context, "hosted")
    return [*found, *_with_fallback(task, found)] if task.climb.fallback else found


def _with_fallback(task: Task, found: Sequence[Candidate]) -> list[Candidate]:
    """Each model's fullest prompt, and its fullest with one passage, before each later model.

    Few on purpose: every candidate more takes its share of the error that a verdict may make.
    """
    names = list(dict.fromkeys(task.models.to_try))
    if len(names) < 2:
        raise UserError(
            f"[climb] fallback = true needs a second model to fall back to, but [models] try names "
            f"only {', '.join(names)}: add one, or take the setting out"
        )
    made = []
    for place, name in enumerate(names):
        mine = [
            c
            for c in found
            if c.model == name
            and not c.weights.tuned
            and c.first is None
            and not c.is_probe
            and not c.prompt.reasoning
        ]
        closed = [c for c in mine if not c.context.traits.reads]
        reading = [c for c in mine if c.context.traits.searches and c.context.k == 1]
        made += [
            best.chained_to(later)
            for best in (*closed[-1:], *reading[-1:])
            for later in names[place + 1 :]
        ]
    return made


def _of_model(task: Task, name: str, model: ChatModel, context: Context) -> list[Candidate]:
    embedder = task.models.embedder
    prompt = plain_prompt(task, name, model)

    def shots(kind: str, k: int) -> Prompt:
        return prompt.model_copy(update={"shots": Shots.model_validate({"kind": kind, "k": k})})

    found = [Candidate(model=name, prompt=prompt)]
    fixed = min(fixed_k(task), len(task.train))
    if fixed:
        nearest = shots("nearest", min(SHOTS, len(task.train)))
        found.append(Candidate(model=name, prompt=shots("fixed", fixed)))
        found += _of_nearest(task, Candidate(model=name, prompt=nearest, embedder=embedder))
    searching = embedder if context.search != "lexical" else None
    if task.documents:
        size = sum(len(d.text) for d in task.documents) / CHARS_PER_TOKEN
        if size < FITS_WINDOW * model.context_window and not context.match:
            found.append(Candidate(model=name, prompt=prompt, context=Context(kind="all")))
        one = context.model_copy(update={"k": 1})
        found.append(Candidate(model=name, prompt=prompt, context=one, embedder=searching))
        if fixed:
            few = shots("fixed", min(SHOTS, fixed))
            # A weak reader is lost among passages, a strong one gains from them: both are tried.
            found += [
                Candidate(model=name, prompt=few, context=some, embedder=searching)
                for some in dict.fromkeys((one, context))
            ]
        gold = context.model_copy(update={"kind": "gold", "k": min(context.k, GOLD_PASSAGES)})
        found.append(Candidate(model=name, prompt=prompt, context=gold, embedder=searching))
    found += [
        Candidate(model=name, prompt=prompt, context=Context(kind="tool", tool=tool.name))
        for tool in task.tools
    ]
    if task.tools and calls_tools(model):
        found.append(Candidate(model=name, prompt=prompt, way="tools"))
    if task.climb.reasoning:
        room = min(prompt.max_output_tokens + ROOM_TO_THINK, model.context_window // 2)
        steps = prompt.model_copy(update={"reasoning": True, "max_output_tokens": room})
        found.append(Candidate(model=name, prompt=steps))
        if task.documents:
            found.append(Candidate(model=name, prompt=steps, context=context, embedder=searching))
    if model.trains:
        found += _tuned(task, name, model, context, trained_here())
    return found


def _of_nearest(task: Task, nearest: Candidate) -> list[Candidate]:
    """The prompt with the nearest shots and, for labels, what else can be made of it."""
    found = [nearest]
    if isinstance(task.output, LabelsOutput) and task.climb.cascade:
        found.append(nearest.model_copy(update={"first": "no-llm/linear"}))
    return found


def _tuned(task: Task, name: str, model: ChatModel, context: Context, kind: str) -> list[Candidate]:
    """Weights that know the answer's form, alone and over retrieved passages."""
    if len(task.train) < FEWEST_TO_TUNE:
        return []
    baked = plain_prompt(task, name, model).model_copy(update={"contract": False})
    weights = Weights(kind=kind, epochs=task.climb.epochs, seed=task.climb.seed)
    recipe = "found" if task.climb.effort == "serious" else "sized"
    changes = {"learning_rate": HOSTED_RATE} if weights.bought else {"recipe": recipe}
    weights = weights.model_copy(update=changes)
    found = [Candidate(model=name, prompt=baked, weights=weights)]
    if task.documents:
        searching = task.models.embedder if context.search != "lexical" else None
        found.append(
            Candidate(
                model=name, prompt=baked, context=context, weights=weights, embedder=searching
            )
        )
    return found


def fixed_k(task: Task) -> int:
    """Shots of the fixed prompt: one a label where they are few, else five."""
    if isinstance(task.output, LabelsOutput | MultiLabelOutput):
        return max(SHOTS, min(len(task.output.labels), MOST_FIXED_SHOTS))
    return SHOTS


def plan(
    task: Task, found: Sequence[Candidate], chat: Callable[[str], ChatModel], book: PriceBook
) -> list[Planned]:
    """Candidates with expected costs at the prices of `book`, cheapest first; probes stand last."""
    planned = []
    workload = Workload.of(task.workload.requests_per_month, task.workload.months)
    for candidate in found:
        calls = expected_calls(task, candidate, chat)
        cost = model_of_usage(expected_cost(task, candidate, calls, book), workload, book)
        asked = (book.of_model(c.model).price(c.usage) * dec(c.share) for c in calls)
        planned.append(
            Planned(
                candidate=candidate,
                calls=calls,
                usage=expected_usage(calls),
                usd_per_request=sum(asked, Decimal(0)),
                setup_usd=total(cost.once, {}),
                usd_per_month=total(cost.monthly, {}),
                assumed_usd_per_month=total(cost.assumed, {}),
            )
        )
    # Where machines stand there anyway, the seconds they compute decide; where calls are free,
    # fewer tokens stand for the lower cost.
    return sorted(
        planned,
        key=lambda p: (
            p.candidate.is_probe,
            p.usd_per_month,
            p.usd_per_request,
            p.usage.input_tokens + p.usage.output_tokens,
            p.candidate.key,
        ),
    )
