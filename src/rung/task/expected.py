"""What `expected` of a row means under an output: one right answer, several, or none.

Reading the rows is `examples`' work. What cannot be meant raises `GoldError`, whose parts let a
reader gather every row with the same fault into one message.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rung.task.chat import opened
from rung.task.contract import render, says_no_answer
from rung.task.faults import Row
from rung.task.json_schema import schema_problem
from rung.task.labelling import find_label, find_labels, label_text
from rung.task.rows import strict_json
from rung.task.types import (
    Example,
    JsonValue,
    LabelsOutput,
    MultiLabelOutput,
    Output,
    SchemaOutput,
    TextOutput,
)
from rung.task.wording import did_you_mean, listed, shown

NO_ANSWER = "unanswerable"
"""What a model is asked to write where a question has no answer, unless the task names a word."""
_NAMED = 12
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


class Gold(NamedTuple):
    """What `expected` says."""

    expected: JsonValue
    """The answer that is shown, trained on and looked for; `""` for text: there is none."""
    alternatives: tuple[JsonValue, ...] = ()
    """Other answers that are as right."""
    respelt: str | None = None
    """How the row spells its label, where that is not how the list does."""


class GoldError(ValueError):
    """`expected` does not fit the output. `str()` is the whole sentence, without its place."""

    def __init__(self, seen: JsonValue, problem: str, advice: str) -> None:
        super().__init__(f"'expected' is {shown(seen)}, {problem}; {advice}")
        self.seen = seen
        self.problem = problem
        """Why it does not fit: rows with the same problem can be told together."""
        self.advice = advice


def read_expected(output: Output, value: JsonValue) -> Gold:
    """The meaning of one row's `expected`; raises `GoldError`.

    A list is one answer under a schema, all of the labels under `multiple = true`, and several
    right answers elsewhere. Empty (`""`, null, `[]`) is text without an answer, as in SQuAD 2.0
    (Rajpurkar et al. 2018), and no label at all under `multiple`; labels and SQL need a value.
    """
    match output:
        case SchemaOutput():
            return Gold(_json(output, value))
        case MultiLabelOutput():
            return _labels(output, value)
        case LabelsOutput():
            return _label(output, value)
        case _:
            return _texts(output, value)


def as_meant(rows: list[Row], output: Output, *, table: bool) -> tuple[list[Row], list[str]]:
    """Rows whose `expected` is free text as it is meant, with a sentence on each thing changed.

    Where every cell of a table holds a list of texts, as data frames write one, any of them is
    right. Thoughts before an answer are no part of it: those of a model are left out as well.
    """
    if not isinstance(output, TextOutput):
        return rows, []
    notes = []
    lists = [opened(row.data.get("expected")) for row in rows] if table else []
    if lists and all(isinstance(one, list) and one and all(map(_is_text, one)) for one in lists):
        notes.append("expected holds lists written as text: any text of a list is right")
        rows = [_with(row, one) for row, one in zip(rows, lists, strict=True)]
    golds = [row.data.get("expected") for row in rows]
    bare = [_THOUGHT.sub("", one, 1) if isinstance(one, str) else one for one in golds]
    thought = sum(one != gold for one, gold in zip(bare, golds, strict=True))
    if thought:
        notes.append(
            f"thoughts (<think>…</think>) before {thought} expected answers are left out, as those "
            "of a model are"
        )
        rows = [_with(row, one) for row, one in zip(rows, bare, strict=True)]
    return rows, notes


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _with(row: Row, expected: JsonValue) -> Row:
    return row._replace(data={**row.data, "expected": expected})


def row_expected(example: Example | Gold) -> JsonValue:
    """`expected` as a row holds it: `read_expected` reads it back."""
    if not example.alternatives:
        return example.expected
    return [example.expected, *example.alternatives]


def answer_texts(output: Output, example: Example) -> tuple[str, ...]:
    """What a source of the answer may say: each right answer as written; none if there is none."""
    return tuple(render(output, one) for one in example.references if one not in ("", []))


def with_no_answer(output: Output, examples: Sequence[Example]) -> Output:
    """The output, given a word for "no answer" where examples need one and the task names none."""
    if not isinstance(output, TextOutput) or output.no_answer is not None:
        return output
    if all(example.expected != "" for example in examples):
        return output
    return output.model_copy(update={"no_answer": NO_ANSWER})


def respelt_note(respelt: Mapping[tuple[str, str], int]) -> list[str]:
    """A sentence on labels that rows spell otherwise: how many, and each spelling with its rows."""
    if not respelt:
        return []
    most = sorted(respelt.items(), key=lambda item: (-item[1], item[0]))
    each = [f"{was!r} as {label!r} ({count})" for (was, label), count in most]
    more = f" and {len(each) - _NAMED} more" if len(each) > _NAMED else ""
    count = sum(respelt.values())
    cause = (
        " (a table program writes 1.0 for 1)"
        if any(w.strip().endswith(".0") for w, _ in respelt)
        else ""
    )
    return [
        f"labels: {count} {'row spells its' if count == 1 else 'rows spell their'} label in "
        f"another way than [output] labels and {'is' if count == 1 else 'are'} read so: "
        f"{', '.join(each[:_NAMED])}{more}{cause}"
    ]


def no_answer_note(output: Output, examples: Sequence[Example]) -> list[str]:
    """A sentence where `expected` is empty, which may be meant or forgotten."""
    empty = sum(example.expected in ("", []) for example in examples)
    if not empty or not isinstance(output, TextOutput | MultiLabelOutput):
        return []
    meaning = "no label applies"
    if isinstance(output, TextOutput):
        meaning = f"there is no answer, which a model says as {output.no_answer!r}"
    return [
        f"expected is empty in {empty} of {len(examples)} examples: {meaning}; where the answer "
        "was only forgotten, fill it in or take the row out"
    ]


def _json(output: SchemaOutput, value: JsonValue) -> JsonValue:
    if value == "" and schema_problem(output.json_schema, value):
        raise GoldError(value, "which is empty", "fill it in or take the row out")
    if isinstance(value, str):
        try:
            value = strict_json(value)
        except (ValueError, RecursionError) as broken:
            if schema_problem(output.json_schema, value):
                raise GoldError(
                    value, f"which is not JSON ({broken})", "[output] schema asks for JSON"
                ) from None
    problem = schema_problem(output.json_schema, value)
    if problem:
        raise GoldError(
            value, f"which [output] schema refuses: {problem}", "correct the row or the schema"
        )
    return value


def _label(output: LabelsOutput, value: JsonValue) -> Gold:
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, list | tuple) and value:
        if not output.any_of:
            raise GoldError(
                value,
                "but [output] labels asks for one",
                "set multiple = true in [output] where an answer must give all of them, or "
                "any_of = true where any one of them is right",
            )
        golds = [_one_label(output, one) for one in value]
        labels = list(dict.fromkeys(gold.expected for gold in golds))
        spelling = next((gold.respelt for gold in golds if gold.respelt is not None), None)
        return Gold(labels[0], tuple(labels[1:]), spelling)
    return _one_label(output, value)


def _one_label(output: LabelsOutput, value: JsonValue) -> Gold:
    if isinstance(value, dict | list | tuple) and value:
        raise GoldError(
            value,
            f"but [output] is {output.kind!r}",
            "write one label, or describe the object in [output] schema",
        )
    text = "" if value is None or value in ([], {}) else label_text(value)
    label = find_label(text, output.labels)
    if label is not None:
        return Gold(label, respelt=None if label == text else text)
    if not text.strip():
        raise GoldError(
            value,
            "which is empty",
            "fill it in, take the row out, or add a label such as 'none' to [output] labels and "
            "write that",
        )
    raise GoldError(
        text,
        f"which is not one of the {len(output.labels)} labels of [output]",
        did_you_mean(text, output.labels),
    )


def _labels(output: MultiLabelOutput, value: JsonValue) -> Gold:
    if isinstance(value, dict):
        raise GoldError(
            value,
            f"but [output] is {output.kind!r}",
            'write a list of labels, or text such as "a; b"',
        )
    labels, unknown = find_labels(value, output.labels)
    if unknown:
        raise GoldError(
            value,
            f"in which {listed(unknown)} {'is' if len(unknown) == 1 else 'are'} not of the "
            f"{len(output.labels)} labels of [output]",
            did_you_mean(unknown[0], output.labels),
        )
    return Gold(list(labels))


def _texts(output: Output, value: JsonValue) -> Gold:
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value = value["text"]  # an `answers` object of SQuAD
    given = value if isinstance(value, list | tuple) else [value]
    for one in given:
        if isinstance(one, dict | list | tuple):
            raise GoldError(
                value,
                f"but [output] is {output.kind!r}",
                "write text, a list of texts that are all right, or describe the object in "
                "[output] schema",
            )
    answers = [_text(output, one) for one in given]
    answers = list(dict.fromkeys(one for one in answers if one.strip()))
    if answers:
        return Gold(answers[0], tuple(answers[1:]))
    if isinstance(output, TextOutput):
        return Gold("")
    raise GoldError(value, "which is empty", "fill it in or take the row out")


def _text(output: Output, value: JsonValue) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a table program writes 1.0 for 1
    text = "" if value is None else label_text(value)
    word = output.no_answer if isinstance(output, TextOutput) else None
    return "" if word is not None and says_no_answer(word, text) else text
