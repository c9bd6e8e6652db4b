"""Red flags that follow from what the task file states: the framework's own rules, not copies."""

from typing import Any

from rung.audit.base import Found
from rung.audit.material import Material
from rung.decide.rules.answers import answers_of
from rung.decide.rules.conditions import derive, holds, thresholds
from rung.decide.rules.loader import Rule, of_kind, titles
from rung.records import Flag

MEASURED = (
    "flag.too-few-examples",
    "flag.hopelessly-few-examples",
    "flag.noisy-labels",
    "flag.broad-task",
    "flag.no-evals",
)
"""Checks of their own measure these."""
FIELDS = {
    "flag.moving-target": "definition_changes",
    "flag.knowledge-changes": "knowledge_changes",
    "flag.sources-without-rag": "needs_citations",
}
ADVICE = {
    "flag.moving-target": "Settle the definition first, or stay with prompts: they change at once.",
    "flag.knowledge-changes": "Keep facts in documents and retrieve them; tune the form at most.",
    "flag.sources-without-rag": "Give the sources as [task] documents, so that retrieval is tried.",
    "flag.no-unit-economics": "State [workload] requests_per_month, so that costs are yours.",
}
NAMES = {"flag.moving-target": "definition-changes"}
"""`moving-target` is what the check on dates measures."""
OTHERWISE = "Weigh it against what the climb measures: `rung advise --task DIR` has the reasons."


def check(material: Material) -> Found:
    """One flag for each rule of kind `flag` that holds and that nothing here measures."""
    facts, used = facts_of(material), thresholds({})
    return Found(
        tuple(
            _flag(rule, facts)
            for rule in of_kind("flag")
            if rule.id not in MEASURED and holds(rule, facts, used)
        )
    )


def facts_of(material: Material) -> dict[str, Any]:
    """What the task states, and what it plans: a local model that can be tuned is tuned."""
    task = material.task
    stated = answers_of(task).facts()
    known = derive(stated, thresholds({}))
    known["tuning_in_view"] = any(window.trains for window in material.windows.values())
    if not task.documents:
        known["planned"] = "prompting"
    if "requests_per_month" not in task.workload.model_fields_set:
        known["unit_economics"] = False
    return known


def _flag(rule: Rule, facts: dict[str, Any]) -> Flag:
    field = FIELDS.get(rule.id)
    stated = f" ([facts] {field} = {_shown(facts.get(field))})" if field else ""
    return Flag(
        id=NAMES.get(rule.id, rule.id.removeprefix("flag.")),
        severity="warn" if rule.strength == "strong" else "info",
        source="; ".join(titles(rule)),
        text=rule.says.rstrip(".") + stated + ".",
        advice=ADVICE.get(rule.id, OTHERWISE),
    )


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
