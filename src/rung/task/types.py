"""The job as plain data: examples, documents, what a valid answer is, and what is good enough."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from rung.task.endpoints import EndpointSettings
from rung.task.tools import ToolSettings

JsonValue = Any
"""Text, number, bool, None, list or dict: whatever JSON can hold."""
SplitName = Literal["train", "dev", "test"]
KnowledgeChanges = Literal["never", "yearly", "monthly", "weekly", "daily", "live"]


class Frozen(BaseModel):
    """Immutable, comparable by value, refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


FORMAT = 2
"""One more wherever the default of a candidate's, a request's or a task's field changes."""


def canonical(value: Any) -> JsonValue:
    """Plain JSON data for a digest: of a model, the fields that differ from their defaults.

    A field that comes later changes no digest while it has its default. A *changed* default gives
    an old digest a new meaning, so digests that outlive a version of Rung count `FORMAT`.
    """
    if isinstance(value, BaseModel):
        return {
            name: canonical(getattr(value, name))
            for name, left_out in _left_out(type(value))
            if left_out is _NOTHING or getattr(value, name) != left_out
        }
    if isinstance(value, dict):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return str(value) if isinstance(value, Path) else value


_NOTHING = object()


@cache
def _left_out(model: type[BaseModel]) -> tuple[tuple[str, Any], ...]:
    """The fields of a model that count, each with the value at which it is left out."""
    return tuple(
        (name, _NOTHING if _tells_apart(field) else field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
        if not field.exclude
    )


def _tells_apart(field: FieldInfo) -> bool:
    """A `kind` with one value is the tag of a union, default or not."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def digest(value: Any) -> str:
    """sha256 (hex) of the canonical JSON of `value`: equal content, equal digest."""
    text = json.dumps(canonical(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


DRAFTED = "drafted"
"""In `meta` of an example that a model drafted: what the person who kept it did with it."""


class Example(Frozen):
    """One labelled row. Nothing of it but `input` ever reaches a model when measured."""

    id: str
    input: str | dict[str, JsonValue]
    expected: JsonValue
    """The right answer; `""` where text has none."""
    alternatives: tuple[JsonValue, ...] = ()
    """Other answers that are as right: the best match counts."""
    context_ids: tuple[str, ...] = ()
    meta: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def references(self) -> tuple[JsonValue, ...]:
        """Every right answer, `expected` first."""
        return (self.expected, *self.alternatives)

    def input_text(self) -> str:
        """The input as a model reads it: text as it is, fields as `name: value` lines."""
        return render_input(self.input)


def render_input(value: str | dict[str, JsonValue]) -> str:
    """Text unchanged; an object of fields as one `name: value` line each."""
    if isinstance(value, str):
        return value
    return "\n".join(
        f"{k}: {v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}"
        for k, v in value.items()
    )


def render_expected(value: JsonValue) -> str:
    """The answer as a model would write it: text as it is, anything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Document(Frozen):
    """One source text. `id` is its path below the documents folder, or the row's own id."""

    id: str
    title: str = ""
    text: str
    meta: dict[str, JsonValue] = Field(default_factory=dict)
    """What a search may be narrowed by: whose it is, its language, its date, who may read it."""

    def __hash__(self) -> int:  # of its own, since `meta` has none
        return hash((self.id, self.title, self.text))


class LabelsOutput(Frozen):
    """Exactly one of a closed list of labels."""

    kind: Literal["labels"] = "labels"
    labels: tuple[str, ...]
    meanings: dict[str, str] = Field(default_factory=dict)
    """What labels stand for, of those that say it."""
    any_of: bool = False
    """Whether a list in `expected` means that any one of its labels is right."""


class MultiLabelOutput(Frozen):
    """Any number of a closed list of labels, none of them included; a JSON array in list order."""

    kind: Literal["multilabel"] = "multilabel"
    labels: tuple[str, ...]
    meanings: dict[str, str] = Field(default_factory=dict)

    @property
    def json_schema(self) -> dict[str, JsonValue]:
        """The schema of an answer, for models that are constrained by one."""
        return {"type": "array", "items": {"type": "string", "enum": list(self.labels)}}


class SchemaOutput(Frozen):
    """A JSON value that satisfies a JSON schema."""

    kind: Literal["schema"] = "schema"
    json_schema: dict[str, JsonValue]


class TextOutput(Frozen):
    """Free text within limits. `rules` are named regular expressions that must match."""

    kind: Literal["text"] = "text"
    max_words: int | None = None
    max_chars: int | None = None
    rules: dict[str, str] = Field(default_factory=dict)
    no_answer: str | None = None
    """What to write where there is no answer; None where every example has one."""


class SqlOutput(Frozen):
    """One SQLite query, judged by what it returns on `database` or on the example's own script."""

    kind: Literal["sql"] = "sql"
    database: Path | None = None
    """A .sqlite file or a .sql script."""
    script_field: str | None = None
    """Name of the `meta` field that holds an example's own CREATE/INSERT script."""
    rows_field: str | None = None
    """Name of the `meta` field whose list of rows goes into the one table of that script."""
    column_order: bool = True
    """Whether columns must come in the order of the expected query."""
    tables: str = ""
    """The CREATE statements of `database`, as a model is told them."""


Output = Annotated[
    LabelsOutput | MultiLabelOutput | SchemaOutput | TextOutput | SqlOutput,
    Field(discriminator="kind"),
]


class MarkedAnswer(Frozen):
    """An answer that the judge is shown with its mark."""

    input: str
    answer: str
    mark: int
    reason: str = ""


class Rubric(Frozen):
    """What the judge goes by. The mark of an answer is its place on the scale, from 0 to 1."""

    criteria: str | dict[str, str] = Field(min_length=1)
    scale: dict[int, str] = Field(default_factory=lambda: {0: "wrong", 1: "right"}, min_length=2)
    examples: tuple[MarkedAnswer, ...] = ()

    @property
    def graded(self) -> bool:
        """Whether there is a mark between the lowest and the highest."""
        return len(self.scale) > 2

    def share(self, mark: int) -> float:
        """The mark as a number in [0, 1]."""
        lowest, highest = min(self.scale), max(self.scale)
        return (mark - lowest) / (highest - lowest)

    def text(self) -> str:
        """The rubric as the judge reads it."""
        criteria = self.criteria
        if isinstance(criteria, dict):
            criteria = "\n".join(f"- {name}: {text}" for name, text in criteria.items())
        scale = "\n".join(f"{mark}: {self.scale[mark]}" for mark in sorted(self.scale))
        parts = [criteria, f"The marks:\n{scale}"]
        parts += [
            f"Example. Input: {one.input}\nAnswer: {one.answer}\nMark: {one.mark}. {one.reason}"
            for one in self.examples
        ]
        return "\n\n".join(part.strip() for part in parts)


class Target(Frozen):
    """What is good enough."""

    metric: str
    score: float = Field(ge=0, le=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    max_cost_per_request: float | None = Field(default=None, ge=0)
    """USD."""
    max_latency_p95_s: float | None = Field(default=None, gt=0)


class Workload(Frozen):
    """The volume that costs are computed for."""

    requests_per_month: int = Field(default=10_000, ge=0)
    months: int = Field(default=12, ge=1)


class Models(Frozen):
    """Which models may be tried, and who embeds."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    to_try: tuple[str, ...] = Field(default=("local/smollm2-135m-instruct",), alias="try")
    tune: tuple[str, ...] = ()
    """Models that their own provider may tune, such as `together/<base model>`: this buys."""
    embedder: str = "local/all-minilm-l6-v2"
    judge: str | None = None
    writer: str | None = None
    """Who words prompts anew in a serious climb; else the strongest named that is not small."""
    settings: dict[str, EndpointSettings] = Field(default_factory=dict, exclude=True)
    """By a model's name: pace, patience, window, headers. May hold secrets: dumped nowhere."""

    @property
    def helpers(self) -> tuple[str, ...]:
        """Models that are asked, and no candidates."""
        return tuple(name for name in (self.judge, self.writer) if name is not None)


class Facts(Frozen):
    """What measurement cannot see. Absent means unknown."""

    knowledge_changes: KnowledgeChanges | None = None
    needs_citations: bool | None = None
    definition_changes: Literal["never", "rarely", "often"] | None = None


class KnowledgeSettings(Frozen):
    """Where documents are kept, which an input may read, and how passages are found beside what a
    climb chooses by itself."""

    store: Literal["embedded", "pgvector", "qdrant"] = "embedded"
    """In the winner's folder, or on the server of RUNG_KNOWLEDGE_URL."""
    match: tuple[str, ...] = ()
    """Fields of the input, such as `tenant`, whose value must be (in) a document's `meta`."""
    rewrite: Literal["queries", "hypothetical", "standalone"] | None = None
    """How the model words a question before it is searched for; standalone: its last turn whole."""
    rerank: Literal["model"] | None = None
    """What was found is put in order by the model that answers; endpoints are in `[[tools]]`."""
    expand: Literal["neighbours", "section", "document"] | None = None
    """A passage is handed over with what stands around it in its document."""
    least: float = Field(default=0.0, ge=0, le=1)
    """Share of the best passage's score under which others are not handed over."""
    room: int = Field(default=0, ge=0)
    """Most characters of passages that are handed over; 0: as many as there are."""


class ClimbSettings(Frozen):
    """How a climb spends: budget in USD, seed, and limits on what it may try."""

    budget_usd: float | None = Field(default=None, ge=0)
    seed: int = 0
    dev_size: int = Field(default=40, ge=1)
    """Most dev examples a pilot asks."""
    train_size: int | None = Field(default=None, ge=1)
    """Most train examples that any candidate learns from or shows; all when left out."""
    test_size: int | None = Field(default=None, ge=1)
    """Most test examples to certify on; all when left out."""
    epochs: int = Field(default=3, ge=1)
    """Most passes over the training examples; the loss on dev decides when to stop."""
    effort: Literal["quick", "serious"] = "quick"
    """How hard each rung is tried: as it is plainly begun, or refined for as long as that pays. The
    best of a prompt is looked for on train and dev before it is tested; a tuned one takes the
    recipe that suits its size, or the one that wins a race on dev."""
    search_calls: int = Field(default=600, ge=1)
    """Most answers that a serious climb asks while it looks for one prompt's best."""
    cascade: bool = False
    """For labels: also try a linear head that answers where it is sure, and the prompt with the
    nearest examples for the rest."""
    reasoning: bool = False
    """Also ask for steps before the answer: a prompt without examples and, where there are
    documents, one with retrieved passages. Dearer, since the steps are paid for too."""
    fallback: bool = False
    """Also try each model with every model listed after it in `[models] try` as its fallback: the
    same messages go to that one where the answer is invalid, refused, or (labels whose model tells
    a confidence) less sure than a threshold chosen on dev."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """Of every model asked; 0 is greedy."""
    repeats: int = Field(default=1, ge=1)
    """Answers sampled for each example, whose scores are averaged; needs a temperature."""

    @property
    def chained(self) -> bool:
        """Whether models are also tried one after the other."""
        return self.fallback


class Source(Frozen):
    """What lies in a task's files, before anything is split or left out; the audit reads it."""

    examples: dict[str, tuple[Example, ...]] = Field(default_factory=dict)
    """By the key of `[task]` that names the file: `examples`, or `train`, `dev` and `test`."""
    empty_documents: tuple[str, ...] = ()
    looked_at: tuple[str, ...] = ()
    """Ids of examples whose answer a person confirmed or corrected."""


class Task(BaseModel):
    """The job whole. Splits are disjoint; `scorer` overrides `target.metric` when given."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    instruction: str
    output: Output
    target: Target
    train: tuple[Example, ...] = ()
    dev: tuple[Example, ...] = ()
    test: tuple[Example, ...] = ()
    documents: tuple[Document, ...] = ()
    unlabelled: tuple[str | dict[str, JsonValue], ...] = ()
    """Inputs that a teacher may label for a smaller model."""
    guard: tuple[Example, ...] = ()
    """Prompts that a model should answer after a tuning as well as before."""
    workload: Workload = Workload()
    models: Models = Models()
    facts: Facts = Facts()
    costs: dict[str, JsonValue] = Field(default_factory=dict)
    climb: ClimbSettings = ClimbSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    tools: tuple[ToolSettings, ...] = ()
    """Live knowledge: what a model may be given from outside when it is asked."""
    rubric: Rubric | None = None
    """What a judge goes by, where it is one's own."""
    max_output_tokens: int | None = None
    """Most tokens of an answer, thoughts included; None: what the expected answers take, growing
    where answers are cut."""
    cluster: str | None = None
    """Name of the `meta` field (or `context_ids`) whose equal values make one statistical unit."""
    scorer: Callable[[JsonValue, str], float | bool] | None = Field(default=None, exclude=True)
    """`scorer(expected, answer_text)` in [0, 1]; for tasks built in code."""
    root: Path | None = Field(default=None, exclude=True)
    """The folder of `rung.toml`; `.rung/` is kept beside it."""
    notes: tuple[str, ...] = Field(default=(), exclude=True)
    """What reading the files left out, a sentence each: leaked examples, empty documents."""
    source: Source | None = Field(default=None, exclude=True)
    """The files as they lie; None for tasks built in code."""

    def split(self, name: SplitName) -> tuple[Example, ...]:
        """The examples of one split."""
        chosen: tuple[Example, ...] = getattr(self, name)
        return chosen

    def fingerprint(self) -> str:
        """Content hash of everything that can change an answer or a score."""
        silent = {"workload": Workload(), "costs": {}, "facts": Facts(), "guard": ()}
        return digest([FORMAT, self.model_copy(update=silent)])
