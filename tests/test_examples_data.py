"""The shipped example data is whole: pages, ids, facts, labels, schema, no near-duplicates."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest

HOUSE = Path(__file__).parent.parent / "examples" / "aarlund"
HANDBOOK = HOUSE / "handbook"
TASKS = ("ticket-routing", "policy-answers", "case-notes", "handbook-desk")
AT_LEAST = {
    "ticket-routing": 300,
    "policy-answers": 200,
    "case-notes": 450,
    "handbook-desk": 260,
}
WORDS_PER_PAGE = 350


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def holds(paragraph: str, phrase: str) -> bool:
    return f" {' '.join(words(phrase))} " in f" {' '.join(words(paragraph))} "


def paragraphs(document: str) -> list[str]:
    blocks = (HANDBOOK / document).read_text(encoding="utf-8").split("\n\n")
    return [block for block in blocks if not block.startswith("#")]


def rows(task: str) -> list[dict[str, Any]]:
    lines = (HOUSE / task / "examples.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def register() -> dict[str, dict[str, str]]:
    lines = (HOUSE / "policy-answers" / "register.jsonl").read_text(encoding="utf-8").splitlines()
    return {rule["id"]: rule for rule in map(json.loads, lines)}


def config(task: str) -> dict[str, Any]:
    return tomllib.loads((HOUSE / task / "rung.toml").read_text(encoding="utf-8"))


def test_the_handbook_has_forty_pages_of_prose() -> None:
    pages = sorted(HANDBOOK.glob("*.md"))
    total = sum(len(words(page.read_text(encoding="utf-8"))) for page in pages)
    assert len(pages) >= 40
    assert total >= 40 * WORDS_PER_PAGE
    assert all(page.read_text(encoding="utf-8").startswith("# ") for page in pages)


def test_paragraphs_are_short_enough_to_be_one_passage() -> None:
    long = [
        block
        for page in HANDBOOK.glob("*.md")
        for block in paragraphs(page.name)
        if not 25 <= len(block.split()) <= 95
    ]
    assert long == []


@pytest.mark.parametrize("task", TASKS)
def test_rows_are_whole_and_ids_unique(task: str) -> None:
    examples = rows(task)
    assert len(examples) >= AT_LEAST[task]
    assert len({row["id"] for row in examples}) == len(examples)
    for row in examples:
        assert row["input"].strip() == row["input"] != ""
        assert row["expected"]
        assert row.keys() <= {"id", "input", "expected", "context_ids"}


@pytest.mark.parametrize("task", TASKS)
def test_no_two_inputs_say_nearly_the_same(task: str) -> None:
    said = [(row["id"], frozenset(words(row["input"]))) for row in rows(task)]
    near = [
        (a, b)
        for (a, one), (b, other) in combinations(said, 2)
        if len(one & other) > 0.8 * len(one | other)
    ]
    assert near == []


def test_every_desk_fact_stands_in_one_paragraph_of_its_page() -> None:
    for row in rows("handbook-desk"):
        assert row["context_ids"], row["id"]
        blocks = [block for name in row["context_ids"] for block in paragraphs(name)]
        assert any(holds(block, row["expected"]) for block in blocks), row["id"]


def test_every_policy_fact_stands_in_its_rule() -> None:
    rules = register()
    for row in rows("policy-answers"):
        assert row["context_ids"], row["id"]
        assert any(holds(rules[name]["text"], row["expected"]) for name in row["context_ids"])


def test_the_register_is_made_of_short_rules_under_handbook_headings() -> None:
    rules = register().values()
    pages = {page.read_text(encoding="utf-8").split("\n", 1)[0][2:] for page in HANDBOOK.glob("*")}
    assert {rule["title"].split(" › ")[0] for rule in rules} <= pages
    assert all(4 <= len(rule["text"].split()) <= 40 for rule in rules)
    assert len({rule["text"] for rule in rules}) == len(register())


def test_the_two_handbook_tasks_share_no_question() -> None:
    one, other = ({row["input"] for row in rows(t)} for t in ("policy-answers", "handbook-desk"))
    assert not one & other


def test_questions_are_spread_over_the_handbook() -> None:
    pages = {page.name for page in HANDBOOK.glob("*.md")}
    asked = {name for row in rows("handbook-desk") for name in row["context_ids"]}
    assert len(asked) >= 0.9 * len(pages)
    rules = register()
    titles = {
        rules[i]["title"].split(" › ")[0] for r in rows("policy-answers") for i in r["context_ids"]
    }
    assert len(titles) >= 0.9 * len(pages)


def test_desk_answers_keep_the_word_limit() -> None:
    limit = config("handbook-desk")["output"]["text"]["max_words"]
    assert all(len(row["expected"].split()) <= limit for row in rows("handbook-desk"))


def test_every_queue_has_members() -> None:
    labels = config("ticket-routing")["output"]["labels"]
    seen = Counter(row["expected"] for row in rows("ticket-routing"))
    assert seen.keys() == set(labels)
    assert min(seen.values()) >= 15


def test_case_notes_keep_their_schema_and_the_house_rule() -> None:
    schema = json.loads((HOUSE / "case-notes" / "answer.schema.json").read_text(encoding="utf-8"))
    without_urgency = {
        "question": "advise",
        "billing": "finance",
        "return": "pickup",
        "delivery": "trace",
    }
    defect = {1: "part", 2: "workshop"}
    for row in rows("case-notes"):
        note = row["expected"]
        jsonschema.validate(note, schema)
        routine = without_urgency.get(note["cat"]) or defect.get(note["urg"])
        assert note["act"] == ("stop" if note["urg"] == 3 else routine), row["id"]
        assert (note["ref"] == "yes") == bool(re.search(r"\b4\d{7}\b", row["input"])), row["id"]
