"""Every rule of the framework is data, has a source, and holds where it should."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from rung.decide.advise import advise
from rung.decide.rules.answers import Answers
from rung.decide.rules.conditions import conditions_of, derive, holds, met, thresholds
from rung.decide.rules.loader import (
    Condition,
    by_id,
    documents,
    of_kind,
    questions,
    rules,
)

ROOT = Path(__file__).parents[2]
CASES_FILE = ROOT / "tests" / "decide" / "rule_cases.toml"
CASES = tomllib.loads(CASES_FILE.read_text(), parse_float=Decimal)["cases"]
ON = date(2026, 11, 21)
_spec = spec_from_file_location("framework_page", ROOT / "docs" / "framework.py")
coverage = module_from_spec(_spec)
_spec.loader.exec_module(coverage)
USED = thresholds({})


def ids(kind):
    return [rule.id for rule in of_kind(kind)]


def facts(given):
    return derive(Answers.read(given).facts(), USED)


@pytest.mark.lengthy
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_rule_holds_where_it_should(name):
    rule, case = by_id()[name], CASES[name]
    assert holds(rule, facts(case["yes"]), USED)
    assert not holds(rule, facts(case["no"]), USED)
    spoken = shown(advise(Answers.read(case["yes"]), ON))
    if rule.kind in ("flag", "need", "step", "check", "derived"):
        assert name in spoken
    assert name not in shown(advise(Answers.read(case["no"]), ON)) - {rule.id for rule in checks()}


def checks():
    return of_kind("check")


def shown(advice):
    parts = (advice.because, *advice.steps, *advice.reasons, *advice.flags, *advice.checklist)
    return {part.id for part in parts}


@pytest.mark.parametrize("name", ids("statement"))
def test_a_statement_is_shown_with_the_advice(name):
    rule = by_id()[name]
    both = {"behaviour_wrong": True, "knowledge_missing": True, "examples": 900}
    advice = advise(Answers.read(both), ON)
    build = {"fine-tuning": {"behaviour_wrong": True}}.get(rule.technique or "")
    if build is not None:
        advice = advise(Answers.read(build), ON)
    assert name in {statement.id for statement in advice.statements}


@pytest.mark.parametrize("name", ids("mends"))
def test_a_symptom_is_mended_or_not_as_the_table_says(name):
    rule = by_id()[name]
    if rule.symptoms == ("both",):
        given = {"symptoms": ["private-data", "style"]}
        mending = {m.technique: m for m in advise(Answers.read(given), ON).mending}
        for part in ("rag", "fine-tuning"):
            assert set(mending[part].mends) <= set(mending["hybrid"].mends)
        assert not mending["hybrid"].does_not
        return
    for symptom in rule.symptoms:
        found = advise(Answers.read({"symptoms": [symptom]}), ON).mending
        mending = {m.technique: m for m in found}[rule.technique]
        assert rule.says in (mending.mends if rule.mends else mending.does_not)
    assert advise(Answers(), ON).mending == ()


@pytest.mark.parametrize("name", ids("use-case"))
def test_a_use_case_is_shown_with_its_row(name):
    rule = by_id()[name]
    row = advise(Answers.read({"use_case": rule.name}), ON).use_case
    assert (row.says, row.prompting, row.rag, row.fine_tuning) == (
        rule.says,
        rule.prompting,
        rule.rag,
        rule.fine_tuning,
    )


@pytest.mark.parametrize("name", ids("threshold"))
def test_a_threshold_uses_a_figure_of_a_document(name):
    rule = by_id()[name]
    assert rule.used in {figure.value for figure in rule.figures}
    assert rule.why and rule.unit
    own = thresholds({name: Decimal(7)})
    assert own[name] == 7 and {k: v for k, v in own.items() if k != name}.items() <= USED.items()


def test_every_rule_has_a_test():
    assert [rule.id for rule in rules() if coverage.test_of(rule, CASES) is None] == []
    assert set(CASES) <= set(by_id())


def test_every_statement_of_the_framework_has_a_rule_and_every_rule_a_statement():
    found = coverage.items()
    listed = [name for items in found["items"].values() for i in items for name in i["rules"]]
    assert sorted(listed) == sorted(by_id())
    for number, items in found["items"].items():
        assert all(item["rules"] for item in items), number
    assert {k: len(v) for k, v in found["items"].items()} == {
        "1": 10, "2": 16, "3": 11, "4": 41, "5": 11, "6": 13,
    }  # fmt: skip


def test_docs_framework_is_up_to_date():
    arguments = ["--check", str(CASES_FILE), str(ROOT / "docs" / "framework.md")]
    assert coverage.main(arguments) == 0, "run python docs/framework.py"


def test_every_rule_names_its_documents():
    assert len(by_id()) == len(rules())
    for rule in rules():
        assert rule.documents and set(rule.documents) <= set(documents()), rule.id
        assert rule.section.split(".")[0] in coverage.items()["sections"], rule.id


def test_conditions_speak_of_fields_and_thresholds_that_exist():
    fields = {*Answers.model_fields, *(r.sets for r in of_kind("derived")), "use_case_needs"}
    for rule in rules():
        for condition in conditions_of(rule):
            assert condition.field in fields, rule.id
            assert condition.threshold is None or condition.threshold in USED, rule.id
            assert condition.field_value is None or condition.field_value in fields, rule.id


def test_every_question_is_an_answer_and_its_choices_are_used():
    asked = {question.field for question in questions()}
    assert asked == set(Answers.model_fields) - {"thresholds"}
    symptoms = next(q for q in questions() if q.field == "symptoms").choices
    known = {s for r in of_kind("mends") for s in r.symptoms if s != "both"}
    assert known == set(symptoms)
    cases = next(q for q in questions() if q.field == "use_case").choices
    assert {rule.name for rule in of_kind("use-case")} == set(cases) - {"other"}


@pytest.mark.parametrize(
    ("op", "known", "value", "result"),
    [
        ("is", 1, 1, True), ("is", 1, 2, False), ("is_not", 1, 2, True), ("is_not", None, 2, True),
        ("in", "a", ["a"], True), ("in", None, ["a"], False), ("not_in", "b", ["a"], True),
        ("not_in", None, ["a"], True), ("includes", ("a", "b"), ["b"], True),
        ("includes", ("a",), ["b"], False), ("includes", None, ["b"], False),
        ("at_least", 2, 2, True), ("at_most", 2, 2, True), ("above", 2, 2, False),
        ("below", 1, 2, True), ("below", None, 2, False), ("known", 1, None, True),
        ("known", None, None, False), ("unknown", None, None, True), ("unknown", 1, None, False),
    ],
)  # fmt: skip
def test_the_operations(op, known, value, result):
    condition = Condition(field="x", op=op, value=value)
    given = {} if known is None else {"x": known}
    assert met(condition, given, {}) is result


def test_comparing_with_an_answer_that_is_not_there_is_false():
    condition = Condition(field="x", op="at_least", field_value="y")
    assert not met(condition, {"x": 1}, {})
