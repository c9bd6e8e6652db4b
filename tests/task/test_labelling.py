"""How models and files write labels: every spelling that has one meaning is read."""

from __future__ import annotations

import pytest

from rung.task.contract import parse, render
from rung.task.labelling import find_label
from rung.task.types import LabelsOutput, MultiLabelOutput

SEVERAL = MultiLabelOutput(
    labels=("billing", "delivery", "damage", "red, dark", "1", "true", "R&D; ops", "bed and food")
)
TYPESET = ("credit_card", "İade", "sınır", "Don’t know", "follow-up")
ONE = LabelsOutput(labels=("billing", "red, dark", "1", "true", "01", "C++", "A", "none", *TYPESET))
BOTH = ["billing", "delivery"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["billing","delivery"]', BOTH), ("billing, delivery", BOTH), ("delivery; billing", BOTH),
        ("billing\ndelivery", BOTH), ("billing\r\ndelivery", BOTH), ("- billing\n- delivery", BOTH),
        ("1. billing\n2. delivery", BOTH), ("1) billing\n2) delivery", BOTH),
        ("• billing\n• delivery", BOTH), ("billing and delivery", BOTH),
        ("billing & delivery", BOTH),
        ("billing, delivery, and damage", [*BOTH, "damage"]), ("billing|delivery", BOTH),
        ("billing，delivery", BOTH), ("billing、delivery", BOTH), ("billing،delivery", BOTH),
        ("**billing**, **delivery**", BOTH), ("“billing”, ‘delivery’", BOTH),
        ('{"labels": ["billing", "delivery"]}', BOTH), ("[billing, delivery]", BOTH),
        ('```json\n["billing", "delivery"]\n```', BOTH), ("BILLING, Delivery.", BOTH),
        ("billing,", ["billing"]), ("[]", []), ("{}", []), ("none", []), ("None.", []),
        ("null", []),
        ("N/A", []), ("red, dark", ["red, dark"]), ("red, dark, billing", ["billing", "red, dark"]),
        ("R&D; ops; billing", ["billing", "R&D; ops"]), ("1", ["1"]), ("[1, true]", ["1", "true"]),
        ("1.0, TRUE", ["1", "true"]), ("bed and food", ["bed and food"]),
        ("bed and food and billing", None), ("billing and nothing", None), ("", None),
        ('{"billing": true, "damage": false}', ["billing"]), ('{"damage": false}', []),
        ('{"billing": 1, "damage": 2}', None), ('{"a": {"labels": ["billing"]}}', ["billing"]),
        ('[{"label": "billing"}, {"label": "delivery"}]', BOTH), ("Red_dark", None),
        ('["billing", "unknown"]', None), ("Labels: billing", None),
    ],
)  # fmt: skip
def test_several_labels_in_one_answer(text: str, labels: list[str] | None) -> None:
    read = parse(SEVERAL, text)
    assert (read.value if read.valid else None) == labels
    if labels is not None:
        assert parse(SEVERAL, render(SEVERAL, labels)).value == labels


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("billing", "billing"), ("Billing.", "billing"), ("„billing“", "billing"),
        ("«billing»", "billing"), ("「billing」", "billing"), ("**billing**", "billing"),
        ("(A)", "A"), ("A)", "A"), ("a.", "A"), ("billing!", "billing"),
        ("billing\u200b", "billing"),
        ("bil\u00adling", "billing"), ("\ufeffbilling", "billing"), ("ｂｉｌｌｉｎｇ", "billing"),
        ('{"label": "billing"}', "billing"), ('["billing"]', "billing"), ('{"label": 1}', "1"),
        ('{"answer": true}', "true"), ("1.0", "1"), ("+1", "1"), ("01", "01"), ("True", "true"),
        ("Red,  dark", "red, dark"), ("c++", "C++"), ("None", "none"), ("C", None), ("yes", None),
        ('{"reason": "a bill", "label": "billing"}', "billing"),
        ('{"label": "billing", "other": "A"}', None),
        ("credit card", "credit_card"), ("Credit-Card", "credit_card"), ("iade", "İade"),
        ("SINIR", "sınır"), ("Don't know", "Don’t know"), ("follow–up", "follow-up"),
        ("follow‑up", "follow-up"), ("followup", None), ("C", None),
        ("billing or red", None), ('["billing", "A"]', None), ("The answer is billing", None),
    ],
)  # fmt: skip
def test_one_label_in_one_answer(text: str, label: str | None) -> None:
    read = parse(ONE, text)
    assert (read.value if read.valid else None) == label


def test_a_spelling_of_two_labels_is_none() -> None:
    assert find_label("yes", ("Yes", "YES")) is None and find_label("YES", ("Yes", "YES")) == "YES"
    assert find_label("a b", ("a_b", "a-b")) is None and find_label("a-b", ("a_b", "a-b")) == "a-b"
    assert find_label("❤", ("❤️", "x")) == "❤️" and find_label("a\u200bb", ("ab", "c")) == "ab"
