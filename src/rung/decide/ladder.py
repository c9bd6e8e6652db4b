"""The ladder: which candidates a task allows, in the order of what they are expected to cost.

Order is what a month is expected to cost at the team's volume, all in, by the same sum as
everywhere (`rung.economics.model`). The figures here only say where to look first; the
measurement decides.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from rung.behaviour.messages import ROOM_TO_THINK
from rung.behaviour.trainers.encoder_recipe import FEWEST_ROWS
from rung.behaviour.trainers.shelf import prefers_here, trained_here
from rung.behaviour.weights import preferences
from rung.candidate import NO_LLM, Candidate, Context, Prompt, Shots, Weights, later_models
from rung.decide.room import plain_prompt
from rung.decide.usage import (
    ExpectedCall,
    encoder_seconds,
    expected_calls,
    expected_cost,
    expected_training_s,
    expected_usage,
    expected_usd,
    training_tokens,
)
from rung.economics.amounts import total
from rung.economics.model import Workload, model_of_usage
from rung.economics.pricing import ENDPOINT, PriceBook
from rung.models.base import ChatModel, calls_tools, parameters
from rung.models.no_llm_choice import ENCODER
from rung.models.span_fields import SPANS, copied_fields
from rung.records import Usage
from rung.task.types import Frozen, LabelsOutput, MultiLabelOutput, SqlOutput, Task

FEWEST_TO_TUNE = 50
"""Below 50 examples tuning is almost never enough for classification ("When to Fine-Tune vs RAG
vs Prompting")."""

QUICK_S = 60
"""Seconds of this machine that tuning the embedder may take where a climb is quick."""

FEWEST_PREFERENCES = 20
"""Corrected rows below which nothing is learnt by preference: of 20, five steps an epoch."""

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
    """Of the calls alone, of models and tools."""
    setup_usd: Decimal
    """Once, all in."""
    usd_per_month: Decimal
    """At the workload, all in: the sum of `rung cost`, with what is expected to be used."""
    assumed_usd_per_month: Decimal = Decimal(0)
    """Part of it that nobody stated."""


def candidates(
    task: Task, chat: Callable[[str], ChatModel], context: Context, tunes: bool = False
) -> list[Candidate]:
    """Every candidate worth trying, unordered. `context` says how documents are retrieved,
    `tunes` whether the embedder's weights are here to be tuned."""
    rungs: list[Candidate] = []
    embedder = task.models.embedder
    if _has_labels(task) and task.train:
        rungs += [
            Candidate(model=f"no-llm/{name}", embedder=embedder) for name in ("nearest", "linear")
        ]
        if tunes and _tunes_encoder(task):
            rungs.append(Candidate(model=ENCODER, embedder=embedder))
    if copied_fields(task.output, task.train) is not None:
        rungs.append(Candidate(model=SPANS, embedder=embedder))
    for name in task.models.to_try:
        rungs += _of_model(task, name, chat(name), context)
    for name in task.models.tune:
        rungs += _tuned(task, name, chat(name), context, "hosted")
    rungs += [*_distilled(task, rungs, chat), *_preferring(task, rungs)]
    return [*rungs, *_chained(task, rungs)] if task.climb.chained else rungs


def _has_labels(task: Task) -> bool:
    return isinstance(task.output, LabelsOutput | MultiLabelOutput)


def _tunes_encoder(task: Task) -> bool:
    """Whether the rows suffice, and what tuning takes suits the climb's effort."""
    patient = task.climb.effort == "serious" or encoder_seconds(task) <= QUICK_S
    return len(task.train) >= FEWEST_ROWS and patient


def said_of_encoder(task: Task, rungs: Sequence[Candidate]) -> list[str]:
    """What tuning the embedder on the labels takes, or why it is not tried, as a sentence."""
    rows = f"the labels of {len(task.train):,} train rows"
    takes = f"about {encoder_seconds(task):,.0f} seconds of this machine"
    if any(c.model == ENCODER for c in rungs):
        return [f"{ENCODER} answers by the embedder, tuned first on {rows}: {takes}."]
    labelled = any(c.model.startswith(NO_LLM) for c in rungs) and _has_labels(task)
    if not labelled or len(task.train) < FEWEST_ROWS or _tunes_encoder(task):
        return []
    return [
        f"{ENCODER} is not tried: tuning the embedder on {rows} would take {takes}; [climb] "
        'effort = "serious" tries it.'
    ]


def _distilled(
    task: Task, rungs: Sequence[Candidate], chat: Callable[[str], ChatModel]
) -> list[Candidate]:
    """Each model that is tuned here, taught by the fullest prompt of the strongest model: another
    one where there is any, else by its own prompt, which its weights then hold."""
    own_script = isinstance(task.output, SqlOutput) and task.output.script_field is not None
    if not task.unlabelled or task.models.judge is not None or own_script:
        return []
    reading = bool(task.documents)
    able = [
        c
        for c in rungs
        if c.uses_llm
        and not (c.weights.tuned or c.is_probe or c.first or c.prompt.reasoning)
        and c.context.traits.searches == reading
    ]
    fullest = {c.model: c for c in able}
    made = []
    for student in rungs:
        if not student.weights.tuned or student.weights.bought:
            continue
        if student.context.traits.searches != reading or not fullest:
            continue
        sizes = {m: parameters(chat(m)) for m in fullest if m != student.model}
        best = max(sizes, key=lambda m: (sizes[m] is None, sizes[m] or 0), default=student.model)
        # No race: the recipe by sizes, so that who learns the gold rows alone differs in rows only.
        weights = student.weights.model_copy(update={"recipe": "sized"})
        made.append(student.model_copy(update={"teacher": fullest[best], "weights": weights}))
    return made


def _preferring(task: Task, rungs: Sequence[Candidate]) -> list[Candidate]:
    """Each that is tuned here, going on with the answers that people corrected, against what these
    replaced; none where TRL is not installed."""
    if preferences(task) < FEWEST_PREFERENCES or not prefers_here():
        return []
    return [
        c.model_copy(update={"weights": c.weights.model_copy(update={"kind": "dpo"})})
        for c in rungs
        if c.weights.tuned and not c.weights.bought
    ]


def unlearnt(task: Task) -> list[str]:
    """What would be offered if TRL were installed, as a sentence."""
    count = preferences(task)
    tuned = len(task.train) >= FEWEST_TO_TUNE and count >= FEWEST_PREFERENCES
    if not tuned or prefers_here():
        return []
    return [
        f"{count} train rows hold the answer that was corrected: with TRL, a rung here learns them "
        "against it (DPO). pip install 'rung[trl]' offers it."
    ]


def _chained(task: Task, rungs: Sequence[Candidate]) -> list[Candidate]:
    """Each model's fullest prompt, and its fullest with one passage, before each later model.

    Few on purpose: every candidate more takes its share of the error that a verdict may make.
    """
    made = []
    for name, later in later_models(task.models.to_try).items():
        mine = [
            c
            for c in rungs
            if c.model == name
            and not c.weights.tuned
            and c.first is None
            and not c.is_probe
            and not c.prompt.reasoning
        ]
        closed = [c for c in mine if not c.context.traits.reads]
        reading = [c for c in mine if c.context.traits.searches and c.context.k == 1]
        made += [
            best.chained_to(other) for best in (*closed[-1:], *reading[-1:]) for other in later
        ]
    return made


def _of_model(task: Task, name: str, model: ChatModel, context: Context) -> list[Candidate]:
    embedder = task.models.embedder
    prompt = plain_prompt(task, name, model)

    def shots(kind: str, k: int) -> Prompt:
        return prompt.model_copy(update={"shots": Shots.model_validate({"kind": kind, "k": k})})

    rungs = [Candidate(model=name, prompt=prompt)]
    fixed = min(fixed_k(task), len(task.train))
    if fixed:
        nearest = shots("nearest", min(SHOTS, len(task.train)))
        rungs.append(Candidate(model=name, prompt=shots("fixed", fixed)))
        rungs += _of_nearest(task, Candidate(model=name, prompt=nearest, embedder=embedder))
    searching = embedder if context.search != "lexical" else None
    reading = prompt.model_copy(update={"grounded": True})
    if task.documents:
        if _tokens_of_documents(task) < FITS_WINDOW * model.context_window and not context.match:
            rungs.append(Candidate(model=name, prompt=reading, context=Context(kind="all")))
        one = context.model_copy(update={"k": 1})
        rungs.append(Candidate(model=name, prompt=reading, context=one, embedder=searching))
        if fixed:
            few = shots("fixed", min(SHOTS, fixed)).model_copy(update={"grounded": True})
            # A weak reader is lost among passages, a strong one gains from them: both are tried.
            rungs += [
                Candidate(model=name, prompt=few, context=some, embedder=searching)
                for some in dict.fromkeys((one, context))
            ]
        given = {"kind": "gold", "k": min(context.k, GOLD_PASSAGES)}
        gold = context.model_copy(update=given | dict.fromkeys(("rewrite", "rerank", "expand")))
        rungs.append(Candidate(model=name, prompt=reading, context=gold, embedder=searching))
    rungs += [
        Candidate(model=name, prompt=reading, context=Context(kind="tool", tool=tool.name))
        for tool in task.tools
        if tool.informs
    ]
    if any(tool.informs for tool in task.tools) and calls_tools(model):
        rungs.append(Candidate(model=name, prompt=prompt, way="tools"))
    if task.climb.reasoning:
        room = min(prompt.max_output_tokens + ROOM_TO_THINK, model.context_window // 2)
        steps = prompt.model_copy(update={"reasoning": True, "max_output_tokens": room})
        rungs.append(Candidate(model=name, prompt=steps))
        if task.documents:
            steps = steps.model_copy(update={"grounded": True})
            rungs.append(Candidate(model=name, prompt=steps, context=context, embedder=searching))
    if model.trains:
        rungs += _tuned(task, name, model, context, trained_here())
    return rungs


def _tokens_of_documents(task: Task) -> int:
    return sum(len(d.text) for d in task.documents) // CHARS_PER_TOKEN


def too_long(task: Task, name: str, window: int) -> str | None:
    """Why a model is not tried with all documents in its prompt; None where it is."""
    size, room = _tokens_of_documents(task), FITS_WINDOW * window
    if not task.documents or size < room:
        return None
    larger = f'; [models.settings."{name}"] context_window states a larger one'
    return (
        f"All documents in the prompt are not tried on {name}: they have about {size:,} tokens, "
        f"and {FITS_WINDOW:.0%} of its window of {window:,} is {room:,.0f}"
        f"{larger if name.startswith(ENDPOINT) else ''}."
    )


def _of_nearest(task: Task, nearest: Candidate) -> list[Candidate]:
    """The prompt with the nearest shots and, for labels, what else can be made of it."""
    rungs = [nearest]
    if isinstance(task.output, LabelsOutput) and task.climb.cascade:
        rungs.append(nearest.model_copy(update={"first": "no-llm/linear"}))
    return rungs


def _tuned(task: Task, name: str, model: ChatModel, context: Context, kind: str) -> list[Candidate]:
    """Weights that know the answer's form, alone and over retrieved passages."""
    if len(task.train) < FEWEST_TO_TUNE:
        return []
    baked = plain_prompt(task, name, model).model_copy(update={"contract": False})
    weights = Weights(kind=kind, epochs=task.climb.epochs, seed=task.climb.seed)
    recipe = "found" if task.climb.effort == "serious" else "sized"
    changes = {"learning_rate": HOSTED_RATE} if weights.bought else {"recipe": recipe}
    weights = weights.model_copy(update=changes)
    rungs = [Candidate(model=name, prompt=baked, weights=weights)]
    if task.documents:
        searching = task.models.embedder if context.search != "lexical" else None
        rungs.append(
            Candidate(
                model=name, prompt=baked, context=context, weights=weights, embedder=searching
            )
        )
    return rungs


def fixed_k(task: Task) -> int:
    """Shots of the fixed prompt: one a label where they are few, else five."""
    if isinstance(task.output, LabelsOutput | MultiLabelOutput):
        return max(SHOTS, min(len(task.output.labels), MOST_FIXED_SHOTS))
    return SHOTS


def plan(
    task: Task, rungs: Sequence[Candidate], chat: Callable[[str], ChatModel], book: PriceBook
) -> list[Planned]:
    """Candidates with expected costs at the prices of `book`, cheapest first; probes stand last."""
    planned = []
    workload = Workload.of(task.workload.requests_per_month, task.workload.months)
    for candidate in rungs:
        calls = expected_calls(task, candidate, chat)
        used = expected_cost(task, candidate, calls, book)
        if candidate.teacher is not None:
            taught = expected_calls(task, candidate.teacher, chat)
            each = expected_usd(task, candidate.teacher, taught, book)
            # Of a teacher that tells no confidence, another answer says whether the first stands.
            filtered = (
                isinstance(task.output, LabelsOutput) and chat(candidate.teacher.model).constrains
            )
            usd = each * len(task.unlabelled) * (1 if filtered else 2)
            used = used.model_copy(update={"prepared_usd": float(usd)})
        cost = model_of_usage(used, workload, book)
        planned.append(
            Planned(
                candidate=candidate,
                calls=calls,
                usage=expected_usage(calls),
                usd_per_request=expected_usd(task, candidate, calls, book),
                setup_usd=total(cost.once, {}),
                usd_per_month=total(cost.monthly, {}),
                assumed_usd_per_month=total(cost.assumed, {}),
            )
        )
    # Where machines stand there anyway, the seconds they compute decide; where calls are free,
    # fewer tokens stand for the lower cost, those of training last.
    return sorted(
        planned,
        key=lambda p: (
            p.candidate.is_probe,
            p.usd_per_month,
            p.usd_per_request,
            p.usage.input_tokens + p.usage.output_tokens,
            training_tokens(task, p.candidate, p.usage),
            expected_training_s(task, p.candidate, p.calls),
            p.candidate.key,
        ),
    )
