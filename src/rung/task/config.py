"""`rung.toml` as typed data: what may stand in it, and one sentence for each mistake.

Paths are kept as written; `load` reads what they name. No code, templates or inheritance here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import regex
from pydantic import Field, ValidationError, model_validator

from rung.errors import UserError
from rung.task.columns import Columns
from rung.task.tools import ToolSettings
from rung.task.types import (
    ClimbSettings,
    Facts,
    Frozen,
    JsonValue,
    KnowledgeSettings,
    Models,
    SqlOutput,
    TextOutput,
    Workload,
)
from rung.task.wording import did_you_mean, shown

DEFAULT_METRIC = {
    "labels": "accuracy",
    "multilabel": "sample_f1",
    "schema": "field_f1",
    "text": "token_f1",
    "sql": "execution",
}
"""The metric that follows from the output when `[target] metric` is left out."""


class TaskTable(Frozen):
    """`[task]`: either `examples`, split by Rung, or `train` and `test` with or without `dev`."""

    name: str | None = None
    """The folder's name when left out."""
    instruction: str = Field(min_length=1)
    examples: str | None = None
    train: str | None = None
    dev: str | None = None
    test: str | None = None
    drafted: str | None = None
    """Examples that a model drafted and a person kept (`rung draft`); they join those above."""
    corrections: str | None = None
    """Answers that a person kept or corrected (`rung audit --labels`), one JSON object a line."""
    documents: str | None = None
    """A folder, or a JSONL file of {id, title, text}."""
    unlabelled: str | None = None
    """A file of inputs without answers, such as `rung harvest --inputs` makes: the fullest prompt
    labels them for a smaller model that is tuned here, where it beats that model on dev."""
    guard: str | None = None
    """A file of prompts with expected answers: asked before and after a tuning here, so that what a
    model forgets is said."""
    cluster: str | None = None
    """Name of the `meta` field (or `context_ids`) whose equal values make one unit."""
    columns: Columns | None = None
    """Which fields of a row hold what, where the file does not name them as Rung does."""

    @model_validator(mode="after")
    def _one_way(self) -> TaskTable:
        split = [key for key in ("train", "dev", "test") if getattr(self, key) is not None]
        if self.examples is not None and split:
            raise ValueError(f"give either 'examples' or {split[0]!r}, not both")
        if self.examples is None and not (self.train and self.test):
            raise ValueError("give 'examples', or 'train' and 'test'")
        return self


class TextTable(Frozen):
    """`text = { … }` of `[output]`."""

    max_words: int | None = Field(default=None, ge=1)
    max_chars: int | None = Field(default=None, ge=1)
    rules: dict[str, str] = Field(default_factory=dict)
    """Named regular expressions that an answer must match."""
    no_answer: str | None = Field(default=None, min_length=1)
    """What a model writes where there is no answer (`expected` is empty); "unanswerable" when
    left out."""

    @model_validator(mode="after")
    def _compiles(self) -> TextTable:
        for name, rule in self.rules.items():
            try:
                regex.compile(rule)
            except regex.error as problem:
                raise ValueError(
                    f"rule {name!r} is {rule!r}, no regular expression ({problem})"
                ) from None
        return self

    def output(self) -> TextOutput:
        """As a task holds it."""
        return TextOutput(**self.model_dump())


class SqlTable(Frozen):
    """`sql = { … }` of `[output]`."""

    database: str | None = None
    """A `.sqlite` file or a `.sql` script."""
    script_field: str | None = None
    rows_field: str | None = None
    column_order: bool = True
    """Whether columns must come in the order of the expected query."""

    @model_validator(mode="after")
    def _one_source(self) -> SqlTable:
        if (self.database is None) == (self.script_field is None):
            raise ValueError("give either 'database' or 'script_field' in sql = { … }")
        if self.rows_field is not None and self.script_field is None:
            raise ValueError("'rows_field' needs 'script_field', whose table the rows go into")
        return self

    def output(self) -> SqlOutput:
        """As a task holds it."""
        place = None if self.database is None else Path(self.database)
        return SqlOutput(
            database=place,
            script_field=self.script_field,
            rows_field=self.rows_field,
            column_order=self.column_order,
        )


class OutputTable(Frozen):
    """`[output]`: exactly one of `labels`, `schema`, `text`, `sql`."""

    labels: list[str | bool | int | float] | dict[str, str] | str | None = None
    """The labels, a table of them with what each stands for, or a text file with one a line."""
    multiple: bool = False
    """Whether an answer has any number of the labels, none of them included."""
    any_of: bool = False
    """Whether a list in `expected` means that any one of its labels is right."""
    answer_schema: dict[str, JsonValue] | str | None = Field(default=None, alias="schema")
    """A JSON schema, or the file that holds it."""
    text: TextTable | None = None
    sql: SqlTable | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of an answer, thoughts included. Left out: half as much again as the longest
    expected answer takes, and more where answers are cut."""

    @model_validator(mode="after")
    def _one_kind(self) -> OutputTable:
        kinds = ("labels", "answer_schema", "text", "sql")
        given = [name for name in kinds if getattr(self, name) is not None]
        if len(given) != 1:
            seen = f"both {given[0]!r} and {given[1]!r} are given" if given else "it is empty"
            raise ValueError(
                f"{seen.replace('answer_schema', 'schema')}; "
                "give exactly one of 'labels', 'schema', 'text', 'sql'"
            )
        if (self.multiple or self.any_of) and self.labels is None:
            raise ValueError("'multiple' and 'any_of' are about 'labels', which is not given")
        if self.multiple and self.any_of:
            raise ValueError("give either 'multiple' or 'any_of', not both")
        return self


class TargetTable(Frozen):
    """`[target]`; `types.Target` with the metric that may be left out."""

    metric: str | None = None
    score: float = Field(ge=0, le=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    max_cost_per_request: float | None = Field(default=None, ge=0)
    """USD."""
    max_latency_p95_s: float | None = Field(default=None, gt=0)


class JudgeTable(Frozen):
    """`[judge]`: what the model of `[models] judge` goes by, and what people said."""

    rubric: str | None = None
    """A file with criteria, scale and examples (`.toml`), or with the criteria as text."""
    labelled: str | None = None
    """Rows of `input`, `answer` and `mark`, the mark by a person; `rung judge` compares."""


class ServeTable(Frozen):
    """`[serve]`: limits of the server and what its log keeps. Each limit is a worker's own, but
    for `requests_per_minute`."""

    max_body_kb: int = Field(default=256, ge=1)
    """A larger request is refused (413)."""
    timeout_s: float = Field(default=60.0, gt=0)
    """From the request read to the answer ready; beyond it the request fails (504)."""
    body_timeout_s: float = Field(default=10.0, gt=0)
    """A request that takes longer to arrive, its head and its body each, is cut off (408)."""
    most_at_once: int = Field(default=64, ge=1)
    """Requests that the solver works on together; the local engine makes batches of them."""
    most_waiting: int = Field(default=128, ge=0)
    """Requests that may wait for that; one more is refused (429) and told when to come back."""
    most_wait_s: float = Field(default=10.0, gt=0)
    """How long a request may wait for that; refused (429) at once where it would be longer."""
    most_connections: int = Field(default=1000, ge=1)
    """A request on one more is refused (429), and the connection closed."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Of one API key, over all workers; no limit when left out."""
    burst: int = Field(default=60, ge=1)
    """Requests that a key may make at once before that rate holds."""
    drain_s: float = Field(default=60.0, ge=0)
    """How long a stopping server may take to finish what it accepted."""
    fallback_on_outage: bool = True
    """Where the winner has a fallback and one of its two models does not answer, or not within
    45 % of `timeout_s`, take the other's answer, marked as such, instead of failing the request."""
    refuse_ignored: bool = False
    """Refuse requests with parameters or messages that would be ignored, instead of saying so."""
    sample: float = Field(default=1.0, gt=0, le=1)
    """Share of the requests that the log keeps."""
    keep_days: Annotated[float, Field(gt=0)] | Literal["forever"] = 90.0
    """Older requests are deleted from the log, with their feedback."""
    redact: bool = True
    """Replace personal data and secrets before a request is stored."""
    redact_also: dict[str, str] = Field(default_factory=dict)
    """Regular expressions of one's own, by the name that stands in their place."""

    @property
    def model_wait_s(self) -> float | None:
        """Longest wait for one of a winner's two models, both in turn within the time allowed; None
        where an outage fails the request."""
        return 0.45 * self.timeout_s if self.fallback_on_outage else None


class SplitTable(Frozen):
    """`[split]`: how examples are divided where Rung divides them."""

    test: float | None = Field(default=None, gt=0, lt=1)
    """Share of the examples that certify; 0.3 when left out."""
    dev: float | None = Field(default=None, gt=0, lt=1)
    """Share of the examples that choose; 0.2 when left out, and at most 150 examples."""
    time: str | None = None
    """Name of the `meta` field that holds a date: the oldest examples are train, the newest
    test."""
    group: str | None = None
    """Name of a `meta` field whose equal values stay on one side: a customer, a conversation.
    `[task] cluster` does that too, and makes them one statistical unit."""

    @model_validator(mode="after")
    def _leaves_train(self) -> SplitTable:
        if (self.test or 0.3) + (self.dev or 0.2) >= 1:
            raise ValueError("'test' and 'dev' together leave nothing for train; lower one")
        return self


class RungFile(Frozen):
    """The whole `rung.toml`."""

    task: TaskTable
    output: OutputTable
    target: TargetTable
    split: SplitTable = SplitTable()
    workload: Workload = Workload()
    models: Models = Models()
    facts: Facts = Facts()
    costs: dict[str, JsonValue] = Field(default_factory=dict)
    climb: ClimbSettings = ClimbSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    tools: tuple[ToolSettings, ...] = ()
    serve: ServeTable = ServeTable()
    judge: JudgeTable = JudgeTable()


def json_schema() -> dict[str, Any]:
    """The JSON schema of `rung.toml`, for editors."""
    schema = RungFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "rung.toml",
    }


def read_config(path: Path) -> RungFile:
    """Read a `rung.toml`; raises `UserError` with one sentence for the first mistake."""
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # some editors write a mark
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; `rung init` writes a starter, or name the folder "
            "that holds rung.toml"
        ) from None
    except OSError as problem:
        raise UserError(f"{path}: cannot be read ({problem.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path.name}: not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as problem:
        raise UserError(_toml_sentence(path.name, str(problem))) from None
    try:
        return RungFile.model_validate(raw)
    except ValidationError as problem:
        raise UserError(f"{path.name}: {_sentence(problem, raw)}") from None


def _toml_sentence(name: str, message: str) -> str:
    """`Expected … (at line 3, column 5)` as one sentence that begins with the place."""
    what, _, place = message.rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    where = f"line {line.group(1)}" if line else "last line"
    return f"{name} {where}: not valid TOML: {what or message}; correct that line"


def _sentence(problem: ValidationError, raw: dict[str, Any]) -> str:
    """The most telling error of a validation in one sentence: unknown keys before all else."""
    errors = problem.errors(include_url=False)
    # Of the forms that a value may have, the one that it got furthest in.
    same = [e for e in errors if e["loc"][:2] == errors[0]["loc"][:2]]
    nearest = max(same, key=lambda e: len(_place(e["loc"], raw, open_ended=False)))
    error = next((e for e in errors if e["type"] == "extra_forbidden"), nearest)
    place = _place(error["loc"], raw, open_ended=error["type"] in ("missing", "extra_forbidden"))
    *tables, key = place or ("",)
    table = f"[{'.'.join(tables)}]" if tables else ""
    if error["type"] == "extra_forbidden":
        where = f"in {table}" if table else "at the top"
        return f"unknown key {key!r} {where}; {did_you_mean(key, _known(tables))}"
    if error["type"] == "missing":
        missing = f"{key!r} is missing in {table}" if table else f"table [{key}] is missing"
        return f"{missing}; add it"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return f"[{'.'.join(place)}]: {message}"
    message = message.replace("Input should be", "it must be").replace("String should", "it must")
    return f"{key!r} in {table or 'the file'} is {shown(error['input'])}: {message}"


def _place(loc: Sequence[str | int], raw: dict[str, Any], open_ended: bool) -> list[str]:
    """The keys of `loc` that stand in the file: pydantic adds the names of union members."""
    place: list[str] = []
    here: Any = raw
    for step in loc:
        last = open_ended and step == loc[-1]
        if isinstance(here, dict) and (step in here or last):
            place.append(str(step))
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int):
            place.append(str(step + 1))
            here = here[step] if step < len(here) else None
    return place


_TABLES: dict[str, type[Frozen]] = {"text": TextTable, "sql": SqlTable, "columns": Columns}


def _known(tables: list[str]) -> list[str]:
    """The keys that may stand in a table of the file."""
    model: type[Frozen] = RungFile
    for table in tables:
        field = RungFile.model_fields.get(table)
        inner = field.annotation if field else _TABLES.get(table)
        if isinstance(inner, type) and issubclass(inner, Frozen):
            model = inner
    return [field.alias or name for name, field in model.model_fields.items()]
