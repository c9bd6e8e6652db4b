"""Spans of the input as a JSON answer: which fields, what is learnt, what is kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from rung.candidate import Candidate, Context
from rung.climbing.handshakes import said_of_fields
from rung.decide.ladder import candidates
from rung.errors import UserError
from rung.models.crf import Span, Tagger, fit_field, words_of
from rung.models.metered import Metered
from rung.models.no_llm import load_label_model
from rung.models.no_llm_spans import Spans
from rung.models.span_fields import FEWEST, SPANS, Row, copied_fields, learnt
from rung.solver import Workshop, fit, store
from rung.task.types import Example, SchemaOutput, Target, Task
from scripted import ScriptedEmbedder, ScriptedModel

NAMES = ("Ann Lee", "Bo", "Cy Young", "Di Fu Ma", "Eve", "Flo Ray")
TOWNS = ("Oslo", "Bergen", "Aarhus", "New York")


def schema(properties: dict, required: tuple = ()) -> SchemaOutput:
    made = {"type": "object", "properties": properties, "required": list(required)}
    return SchemaOutput(json_schema={**made, "additionalProperties": False})


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
ORDER = schema(
    {"name": TEXT, "to": {"type": "object", "properties": {"town": TEXT}}, "count": NUMBER,
     "mood": {"enum": ["calm", "angry"]}},
    ("name", "mood"),
)  # fmt: skip


def order(i: int) -> Example:
    name, town, count = NAMES[i % 6], TOWNS[i % 4], i % 7 + 2
    angry = i % 2 == 0
    text = (
        f"{name} wants {count} lamps sent to {town}{' now, this is awful' if angry else ' please'}."
    )
    answer = {"name": name, "to": {"town": town}, "count": count,
              "mood": "angry" if angry else "calm"}  # fmt: skip
    return Example(id=f"o{i}", input=text, expected=answer)


ORDERS = [order(i) for i in range(84)]


def embedded(examples: list[Example]) -> np.ndarray:
    return asyncio.run(ScriptedEmbedder().embed([e.input_text() for e in examples]))


def answered(output: SchemaOutput, examples: list[Example], asked: list[str]) -> list:
    model = Spans.fit(output, examples, embedded(examples))
    vectors = asyncio.run(ScriptedEmbedder().embed(asked))
    return [(json.loads(text), sure) for text, sure in model.predict(vectors, asked)]


def test_words_are_numbers_signs_and_characters_that_stand_for_themselves():
    told = [word.text for word in words_of("Pay 1,200.50, 2nd rate: 北京 o'clock 90266-2725")]
    assert told == ["Pay", "1,200.50", ",", "2nd", "rate", ":", "北", "京", "o", "'", "clock",
                    "90266", "-", "2725"]  # fmt: skip


def test_spans_numbers_and_choices_make_an_answer_of_a_new_text():
    ((answer, sure),) = answered(ORDER, ORDERS, ["Gus Bo wants 5 lamps sent to New York please."])
    assert answer["to"] == {"town": "New York"} and answer["count"] == 5
    assert answer["mood"] == "calm" and 0 < sure <= 1


def test_what_is_saved_answers_as_what_was_fitted(tmp_path):
    model = Spans.fit(ORDER, ORDERS, embedded(ORDERS))
    model.save(tmp_path / "labels.npz")
    texts = [e.input_text() for e in ORDERS[:9]]
    again = load_label_model(tmp_path / "labels.npz")
    vectors = embedded(ORDERS[:9])
    assert again.predict(vectors, texts) == model.predict(vectors, texts)


def test_the_field_gives_the_probability_of_the_spans_it_names():
    words = [words_of(text) for text in ("to Rome", "to Bonn", "to all", "go home")]
    spans = [[Span(1, 1, 0)], [Span(1, 1, 0)], [], []]
    tagger = Tagger(fit_field(words, spans, 1))
    found, sure = tagger.spans(words[0])
    assert found == [Span(1, 1, 0)] and 0.5 < sure <= 1
    assert tagger.spans([]) == ([], 1.0)


ENTITIES = SchemaOutput(
    json_schema={"type": "array", "items": {"type": "object", "properties": {
        "text": TEXT, "type": {"enum": ["person", "town"]}}, "required": ["text", "type"]}}
)  # fmt: skip


def entities(i: int) -> Example:
    name, town = NAMES[i % 6], TOWNS[i % 4]
    if i % 5 == 0:
        return Example(id=f"n{i}", input="It rains here today.", expected=[])
    found = [{"text": name, "type": "person"}, {"text": town, "type": "town"}]
    return Example(id=f"n{i}", input=f"Today {name} is in {town}.", expected=found)


def test_a_list_of_entities_is_read_with_its_kinds_and_may_be_empty():
    told = answered(ENTITIES, [entities(i) for i in range(60)],
                    ["Today Eve is in Oslo.", "It rains here today.", ""])  # fmt: skip
    assert told[0][0] == [{"text": "Eve", "type": "person"}, {"text": "Oslo", "type": "town"}]
    assert told[1][0] == told[2][0] == []


def written(values: list, inputs: list[str], form: dict = TEXT) -> object:
    rows = [Row.of(i, {"x": v}) for i, v in zip(inputs, values, strict=True)]
    fields = learnt(schema({"x": form}), rows)
    return [fields.answer(row, fields.spans(row), fields.choices(row.answer)) for row in rows]


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        (["PARIS", "ROME"], ["to Paris", "to rome"]),
        (["paris", "rome"], ["to Paris", "to ROME"]),
        (["New York", "Rome"], ["to NEW\n YORK", "to rome"]),
        ([1200, 3], ["for 1,200 crowns", "for 3 crowns"]),
        ([0.5, 7], ["for 0.5 crowns", "for 7 crowns"]),
        ([["a", "b"], "c"], ["a and b", "just c"]),
        ([["a", "b"], ["c"]], ["a and b", "just c"]),
        (["北京", "上海"], ["我去北京了", "我去上海了"]),
    ],
)
def test_copies_are_written_as_the_answers_have_them(values, inputs):
    assert written(values, inputs, {}) == [{"x": value} for value in values]


def test_what_nothing_is_copied_for_is_what_it_usually_is():
    inputs = ["to Oslo", "to Rome", "home", "home", "home"]
    assert written(["Oslo", "Rome", None, None, "far"], inputs)[2:4] == [{"x": None}] * 2
    assert written(["Oslo", "Rome", "unknown", "unknown"], inputs[:4])[3] == {"x": "unknown"}


def rows(output: SchemaOutput, made: list[tuple[str, object]]) -> object:
    examples = [Example(id=str(i), input=t, expected=e) for i, (t, e) in enumerate(made)]
    return copied_fields(output, examples)


def test_a_tagger_is_offered_where_values_stand_in_inputs_and_make_valid_answers():
    plain = schema({"town": TEXT, "note": TEXT}, ("town",))
    good = [(f"to {TOWNS[i % 4]}", {"town": TOWNS[i % 4]}) for i in range(FEWEST)]
    assert rows(plain, good) is not None
    assert rows(plain, good[1:]) is None  # too few rows
    assert rows(plain, [(t, {"town": f"T{i}"}) for i, (t, _) in enumerate(good)]) is None
    # What is left out must not be required.
    both = [(t, {**e, "note": f"written anew {i}"}) for i, (t, e) in enumerate(good)]
    assert rows(schema({"town": TEXT, "note": TEXT}, ("town", "note")), both) is None
    # Fields that are chosen alone need no tagger.
    chosen = schema({"mood": {"enum": ["calm", "angry"]}, "ok": {"type": "boolean"}})
    assert rows(chosen, [("calm now", {"mood": "calm", "ok": True})] * FEWEST) is None
    with pytest.raises(UserError, match="too few values"):
        Spans.fit(chosen, [], embedded(ORDERS))


def task() -> Task:
    target = Target(metric="field_f1", score=0.9)
    return Task(
        name="orders", instruction="Read the order.", output=ORDER, target=target,
        train=tuple(ORDERS[:64]), dev=tuple(ORDERS[64:]),
    )  # fmt: skip


def test_it_stands_on_the_ladder_and_says_of_each_field_how_it_is_filled():
    chat = ScriptedModel(lambda _: "x")
    rungs = candidates(task(), lambda _: chat, Context())
    assert [c.key.split("~")[0] for c in rungs if not c.uses_llm] == [SPANS.replace("/", ":")]
    (said,) = said_of_fields(task())
    assert "copied out of the input: 'name', 'to.town', 'count'" in said
    assert "chosen by a linear head: 'mood'" in said


def test_the_solver_answers_in_the_schemas_order_and_marks_what_is_not_valid(tmp_path: Path):
    def none(name: str) -> None:
        raise AssertionError(f"{name} is not asked")

    ears = Metered(ScriptedEmbedder())
    shop = Workshop(none, none, lambda _: ears, tmp_path)
    solver = asyncio.run(fit(Candidate(model=SPANS, embedder="e"), task(), shop))
    store.save(solver, tmp_path / "winner")
    for one in (solver, store.load(tmp_path / "winner", none, lambda _: ears)):
        answer = one.ask("Eve wants 5 lamps sent to Oslo please.")
        assert answer.text == json.dumps(
            {"name": "Eve", "to": {"town": "Oslo"}, "count": 5, "mood": "calm"}
        )
        assert answer.valid and answer.confidence and answer.model == SPANS
        empty = one.ask(" ")
        assert not empty.valid and "name" in (empty.problem or "")
