"""Right in substance, whatever the form."""

from __future__ import annotations

import pytest

from rung.diagnose.relaxed import relaxed_right
from rung.records import Answer
from rung.task.types import LabelsOutput, SchemaOutput, TextOutput

LABELS = LabelsOutput(labels=("refund", "refund status", "delivery"))
TEXT = TextOutput()
SCHEMA = SchemaOutput(json_schema={"type": "object"})


@pytest.mark.parametrize(
    ("output", "expected", "said", "right"),
    [
        (LABELS, "delivery", "The label is: Delivery!", True),
        (LABELS, "delivery", "delivery or refund", False),
        (LABELS, "refund status", "It is about the refund status.", True),
        (LABELS, "refund", "It is about the refund status.", False),
        (TEXT, "12 months", "It is stored for 12 months after the call.", True),
        (TEXT, "12 months", "It is stored for 120 months.", False),
        (TEXT, "the Aarlund desk team", "Aarlund desk", True),
        (TEXT, "the Aarlund desk team", "team", False),
        (TEXT, "12 months", "", False),
        (SCHEMA, {"city": "Oslo", "zip": "0150"}, 'Sure: {"City": "oslo", "zip": "0150"}', True),
        (SCHEMA, {"city": "Oslo", "zip": None}, '```json\n{"city": "Oslo"}\n```', True),
        (SCHEMA, {"city": "Oslo"}, '{"city": "Bergen"}', False),
        (SCHEMA, {"city": "Oslo"}, "no json {", False),
    ],
)
def test_form_is_put_aside_and_nothing_else(output, expected, said: str, right: bool) -> None:
    assert relaxed_right(output, expected, Answer(text=said)) is right
