"""The answers of the questionnaire. Absent means not known; nothing is assumed of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from rung.decide.rules.loader import by_id, of_kind, questions
from rung.errors import UserError
from rung.money import dec, fault, given, typed
from rung.task.types import Frozen, KnowledgeChanges, Task
from rung.task.wording import did_you_mean

Number = Annotated[Decimal, BeforeValidator(given)]
Share = Annotated[Decimal, BeforeValidator(given), Field(ge=0, le=1)]
Amount = Annotated[Decimal, BeforeValidator(given), Field(ge=0)]
Planned = Literal["prompting", "full-context", "rag", "fine-tuning", "hybrid"]
CHARS_PER_TOKEN = 4


class Answers(Frozen):
    """What `rung advise` asks. Fields and choices are those of `questions.toml`."""

    use_case: str | None = None
    symptoms: tuple[str, ...] = ()
    prompt_effort: Literal["none", "hours", "week"] | None = None
    knowledge_missing: bool | None = None
    knowledge_changes: KnowledgeChanges | None = None
    knowledge_tokens: Amount | None = None
    needs_citations: bool | None = None
    behaviour_wrong: bool | None = None
    style_matters: bool | None = None
    examples: Amount | None = None
    label_noise: Share | None = None
    definition_changes: Literal["never", "rarely", "often"] | None = None
    requirements_iterating: bool | None = None
    task_is_broad: bool | None = None
    evals: bool | None = None
    score_now: Share | None = None
    score_needed: Share | None = None
    requests_per_month: Amount | None = None
    prompt_tokens: Amount | None = None
    better_model_tried: bool | None = None
    planned: Planned | None = None
    planned_for: tuple[Literal["teach-facts", "stop-hallucination"], ...] = ()
    rag_built: bool | None = None
    unit_economics: bool | None = None
    general_ability_lost: bool | None = None
    thresholds: dict[str, Number] = Field(default_factory=dict)
    """Your own figure in place of the documents', by the threshold's id."""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Answers:
        """Checked answers; a wrong key, choice or figure is named with the nearest right one."""
        for key in given:
            if key not in cls.model_fields:
                raise UserError(_unknown("question", key, list(cls.model_fields)))
        choices = {question.field: question.choices for question in questions()}
        for field in ("use_case", "symptoms", "planned_for"):
            answered = given.get(field) or ()
            for value in (answered,) if isinstance(answered, str) else answered:
                if value not in choices[field]:
                    raise UserError(_unknown(field, value, list(choices[field])))
        for name in given.get("thresholds", {}):
            if name not in {rule.id for rule in of_kind("threshold")}:
                known = [rule.id for rule in of_kind("threshold")]
                raise UserError(_unknown("threshold", name, known))
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise UserError(fault(error)) from error

    def facts(self) -> dict[str, Any]:
        """As the rules see them: only what is known, with what the use case needs."""
        plain = self.model_dump(exclude={"thresholds"})
        known = {key: value for key, value in plain.items() if value not in (None, ())}
        row = use_case_row(self.use_case)
        if row is not None:
            known["use_case_needs"] = row.needs
        return known


def use_case_row(name: str | None) -> Any:
    """The row of the use-case table, or None for `other`."""
    return by_id().get(f"use.{name}") if name else None


def answers_of(task: Task) -> Answers:
    """What a task already answers: its examples, documents, facts, target and volume.

    A volume that nobody stated is not known: `[workload]` has one by default.
    """
    work = task.workload
    stated = "requests_per_month" in work.model_fields_set
    characters = sum(len(document.text) for document in task.documents)
    return Answers(
        knowledge_missing=True if task.documents else None,
        knowledge_tokens=Decimal(characters // CHARS_PER_TOKEN) if task.documents else None,
        knowledge_changes=task.facts.knowledge_changes,
        needs_citations=task.facts.needs_citations,
        definition_changes=task.facts.definition_changes,
        examples=Decimal(len(task.train)),
        evals=True if task.dev or task.test else None,
        score_needed=dec(task.target.score),
        requests_per_month=Decimal(work.requests_per_month) if stated else None,
        use_case="classification" if task.output.kind == "labels" else None,
    )


def parse_answer(field: str, text: str) -> Any:
    """One typed answer as the questionnaire takes it; empty or `?`: not known."""
    text = text.strip()
    if text in ("", "?"):
        return None
    asked = next((q for q in questions() if q.field == field), None)
    if asked is None:
        raise UserError(_unknown("question", field, [q.field for q in questions()]))
    if asked.many:
        return [part.strip() for part in text.split(",") if part.strip()]
    if asked.kind == "yes-no":
        if text.lower() not in ("y", "yes", "true", "n", "no", "false"):
            raise UserError(f"{field}: {text!r} is neither yes nor no.")
        return text.lower() in ("y", "yes", "true")
    if asked.kind == "number":
        return typed(text)
    if text not in asked.choices:
        raise UserError(_unknown(field, text, list(asked.choices)))
    return text


def _unknown(what: str, given: str, known: list[str]) -> str:
    return f"Unknown {what} {given!r}; {did_you_mean(given, known)}"
