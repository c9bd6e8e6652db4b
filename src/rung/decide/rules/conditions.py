"""Which rules hold for some facts. Declarative: a field, an operation, a value; nothing is run.

What is not known makes a condition false, but for `unknown`, `is_not` and `not_in`, which say
that nothing speaks against it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rung.decide.rules.loader import Condition, Rule, by_id, of_kind

Facts = Mapping[str, Any]


def holds(rule: Rule, facts: Facts, used: Mapping[str, Decimal]) -> bool:
    """All of `when`, one of `any`, none of `unless`."""
    return (
        all(met(condition, facts, used) for condition in rule.when)
        and (not rule.any or any(met(condition, facts, used) for condition in rule.any))
        and not any(met(condition, facts, used) for condition in rule.unless)
    )


def met(condition: Condition, facts: Facts, used: Mapping[str, Decimal]) -> bool:
    """One condition on the facts."""
    known = facts.get(condition.field)
    if condition.op in ("known", "unknown"):
        return (known is None) == (condition.op == "unknown")
    if known is None:
        return condition.op in ("is_not", "not_in")
    value = _value(condition, facts, used)
    return value is not None and OPERATIONS[condition.op](known, value)


def _value(condition: Condition, facts: Facts, used: Mapping[str, Decimal]) -> Any:
    if condition.threshold is not None:
        return used[condition.threshold]
    if condition.field_value is not None:
        return facts.get(condition.field_value)
    return condition.value


OPERATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda known, value: bool(known == value),
    "is_not": lambda known, value: bool(known != value),
    "in": lambda known, value: known in value,
    "not_in": lambda known, value: known not in value,
    "includes": lambda known, value: bool(set(known) & set(value)),
    "at_least": lambda known, value: bool(known >= value),
    "at_most": lambda known, value: bool(known <= value),
    "above": lambda known, value: bool(known > value),
    "below": lambda known, value: bool(known < value),
}


def thresholds(own: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """The figure used for each threshold, the user's own first."""
    return {
        rule.id: own.get(rule.id, rule.used)
        for rule in of_kind("threshold")
        if rule.used is not None
    }


def derive(facts: Facts, used: Mapping[str, Decimal]) -> dict[str, Any]:
    """The facts with what follows from them; a derived field that nothing sets is false."""
    whole = dict(facts)
    for rule in of_kind("derived"):
        assert rule.sets is not None
        whole[rule.sets] = whole.get(rule.sets) is True or holds(rule, whole, used)
    return whole


def conditions_of(rule: Rule) -> tuple[Condition, ...]:
    """Every condition of a rule."""
    return (*rule.when, *rule.any, *rule.unless)


def disputed(threshold: str, condition: Condition, facts: Facts) -> bool:
    """Whether the documents' figures lead to different answers to this condition."""
    outcomes = {
        met(condition, facts, {threshold: figure.value}) for figure in by_id()[threshold].figures
    }
    return len(outcomes) > 1
