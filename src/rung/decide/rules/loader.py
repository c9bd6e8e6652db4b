"""Reads the packaged rules. Pure but for that; the same objects every time."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field

from rung.task.types import Frozen, JsonValue

Op = Literal[
    "is",
    "is_not",
    "in",
    "not_in",
    "includes",
    "at_least",
    "at_most",
    "above",
    "below",
    "known",
    "unknown",
]
Strength = Literal["strong", "usual", "weak"]
FILES = (
    "statements",
    "derived",
    "ladder",
    "expect",
    "needs",
    "mends",
    "use_cases",
    "checklist",
    "flags",
    "thresholds",
)


class Condition(Frozen):
    """One comparison of an answer with a value, a threshold, or another answer."""

    field: str
    op: Op
    value: JsonValue = None
    threshold: str | None = None
    field_value: str | None = None
    """Name of another field to compare with."""


class Figure(Frozen):
    """What one document says of a threshold."""

    value: Decimal
    says: str
    source: str


class Rule(Frozen):
    """One rule, table row, threshold or red flag of the framework."""

    id: str
    kind: str
    section: str
    """Of the framework: 1 question, 2 ladder, 3 techniques, 4 tables, 5 thresholds, 6 flags."""
    says: str
    source: tuple[str, ...] = ()
    strength: Strength
    technique: str | None = None
    when: tuple[Condition, ...] = ()
    """All must hold."""
    any: tuple[Condition, ...] = ()
    """At least one must hold, where there are any."""
    unless: tuple[Condition, ...] = ()
    """None may hold."""
    sets: str | None = None
    """Derived rows: the field that becomes true."""
    mends: bool | None = None
    symptoms: tuple[str, ...] = ()
    name: str | None = None
    prompting: str | None = None
    rag: str | None = None
    fine_tuning: str | None = None
    needs: tuple[str, ...] = ()
    unit: str | None = None
    used: Decimal | None = None
    why: str | None = None
    figures: tuple[Figure, ...] = ()

    @property
    def documents(self) -> tuple[str, ...]:
        """Keys of the documents that say it."""
        return self.source or tuple(dict.fromkeys(figure.source for figure in self.figures))


class Question(Frozen):
    """One question of `rung advise`."""

    field: str
    ask: str
    kind: Literal["choice", "number", "yes-no"] = "choice"
    choices: tuple[str, ...] = ()
    many: bool = False
    words: dict[str, str] = Field(default_factory=dict)
    """What a choice means, where its name alone does not say."""
    when: tuple[Condition, ...] = ()
    """Asked only where all hold on the answers so far."""


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in the order of their files."""
    every: list[Rule] = []
    for name in FILES:
        plain = _read(name)
        every += [Rule(**{"kind": plain["kind"], **row}) for row in plain["rules"]]
    return tuple(every)


@cache
def of_kind(kind: str) -> tuple[Rule, ...]:
    """The rules of one kind, in order."""
    return tuple(rule for rule in rules() if rule.kind == kind)


@cache
def by_id() -> dict[str, Rule]:
    """Rules by id."""
    return {rule.id: rule for rule in rules()}


@cache
def questions() -> tuple[Question, ...]:
    """The questionnaire."""
    return tuple(Question(**row) for row in _read("questions")["questions"])


@cache
def documents() -> dict[str, str]:
    """Title of each founding document by its key."""
    titles: dict[str, str] = _read("documents")["documents"]
    return titles


@cache
def cited() -> dict[str, str]:
    """Title of each founding document, and where it was published, by its key."""
    published: dict[str, str] = _read("documents")["published"]
    return {key: f"{title} ({published[key]})" for key, title in documents().items()}


def titles(rule: Rule) -> tuple[str, ...]:
    """Titles of the documents that say it."""
    return tuple(documents()[key] for key in rule.documents)


def _read(name: str) -> dict[str, Any]:
    text = (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)
