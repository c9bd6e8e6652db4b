"""How one row of each shape is taken: functions from a `Row` to rows under Rung's own names.

Recognising a shape is `shapes`'; spans are `spans`'.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from rung.task.assertions import METRICS, expectations
from rung.task.chat import (
    answered,
    is_messages,
    opened,
    question,
    refuse_beside,
    spoken,
    system_text,
)
from rung.task.columns import folded
from rung.task.faults import Row
from rung.task.spans import otel
from rung.task.types import JsonValue
from rung.task.wording import listed, shown

__all__ = ["otel"]
Data = dict[str, JsonValue]
ASKED = ("input", "question", "query", "prompt", "user_input", "problem", "text", "message")
"""Names of a field that holds what is asked, the plainest first."""
CHATS = ("messages", "conversations", "conversation", "contents", "chosen")
"""Names of a field that holds messages up to the answer."""
_SYSTEMS = ("system", "systemInstruction", "system_instruction")
ANSWERED = (
    "expected", "ideal", "answer", "ground_truth", "reference", "target", "label",
    "expected_output", "correct_answer", "correct_label", "reference_answer", "completion",
    "output", "response",
)  # fmt: skip
"""Names of a field that holds the right answer."""


def chat(row: Row) -> list[Data]:
    """Messages of which the last one is expected, or with a right answer in a field beside them."""
    key = next((key for key in CHATS if key in row.data), CHATS[0])
    messages, rest = opened(row.data.get(key)), rest_of(row, key, *_SYSTEMS)
    if key == "chosen" and not is_messages(messages):
        raise row.error("'chosen' holds question and answer as one text; give 'prompt' its own")
    answer = named(rest, ANSWERED)
    asks = is_messages(messages) and str(messages[-1].get("role", "")).casefold() == "user"
    if answer is not None and asks:
        system, asked = question(row, messages)
        expected = _answer(row, rest.pop(answer))
    else:
        system, asked, expected = answered(row, messages)
    given = next((row.data[name] for name in _SYSTEMS if row.data.get(name)), None)
    extra = _system(system or system_text(row, given))
    return [{**rest, **extra, "input": asked, "expected": expected}]


def chatty(row: Row) -> Data:
    """A row of plain columns whose values may be lists of messages."""
    refuse_beside(row)
    data = dict(row.data)
    asked, expected = opened(data.get("input")), opened(data.get("expected"))
    if is_messages(asked):
        if is_messages(expected) and len(expected) > 1:  # the question stands in the answer too
            reading = answered(row, expected)
            return {
                **data,
                **_system(reading.system),
                "input": reading.asked,
                "expected": reading.answer,
            }
        system, data["input"] = question(row, asked)
        data |= _system(system)
    if is_messages(expected):
        data["expected"] = spoken(row, expected)
    elif isinstance(expected, dict) and isinstance(expected.get("text"), list):
        data["expected"] = one_of(expected["text"])
    elif isinstance(expected, list):
        data["expected"] = one_of(expected)
    return data


def pair(asked: str, answer: str) -> Callable[[Row], list[Data]]:
    """Two fields that may hold text, messages, or an object of fields."""

    def reader(row: Row) -> list[Data]:
        rest = rest_of(row, asked, answer)
        given = [row.data.get(asked), row.data.get(answer)]
        if all(isinstance(one, str) and one[:1] in ("{", "[", '"') for one in given):
            given = [_unquoted(opened(one)) for one in given]  # cells that hold JSON
        system, text = _asked(row, given[0])
        expected = _answer(row, given[1])
        return [{**meta_of(rest), **_system(system), "input": text, "expected": expected}]

    return reader


def _unquoted(value: JsonValue) -> JsonValue:
    """The text in a JSON string."""
    if isinstance(value, str) and value.startswith('"'):
        with suppress(ValueError):
            return json.loads(value)
    return value


def prefixed(asked: str, answer: str) -> Callable[[Row], list[Data]]:
    """Columns that begin alike: `inputs.question`, `outputs.answer`."""

    def reader(row: Row) -> list[Data]:
        def under(start: str) -> Data:
            return {k[len(start) :]: opened(v) for k, v in row.data.items() if k.startswith(start)}

        rest = {k: v for k, v in row.data.items() if not k.startswith((asked, answer))}
        system, text = _asked(row, under(asked))
        expected = _answer(row, under(answer))
        return [{**meta_of(rest), **_system(system), "input": text, "expected": expected}]

    return reader


def ideal(row: Row) -> list[Data]:
    """`input` as text or messages, `ideal` as text or a list of right answers."""
    return reference(row, "ideal")


def reference(row: Row, key: str) -> list[Data]:
    system, text = _asked(row, row.data.get("input"))
    rest = rest_of(row, "input", key)
    return [
        {**meta_of(rest), **_system(system), "input": text, "expected": one_of(row.data.get(key))}
    ]


def mlflow(row: Row) -> list[Data]:
    """`inputs` and `expectations`, whose `expected_response` is the answer where it has one."""
    expected = opened(row.data.get("expectations"))
    if isinstance(expected, dict):
        expected = expected.get("expected_response", expected)
    system, text = _asked(row, row.data.get("inputs"))
    rest = meta_of(rest_of(row, "inputs", "expectations"))
    return [{**rest, **_system(system), "input": text, "expected": _answer(row, expected)}]


def item(row: Row) -> list[Data]:
    """`item` of an OpenAI eval's data source, with the `sample` beside it."""
    return [_item(row, opened(row.data.get("item")), rest_of(row, "item"))]


def graded(row: Row) -> list[Data]:
    """An output item of an OpenAI eval's run: what graders said is kept in meta."""
    rest = rest_of(row, "datasource_item", "results", "sample")
    rest.pop("id", None)
    results, sample = row.data.get("results"), row.data.get("sample")
    grades = {
        str(one.get("name", index)): {k: one[k] for k in ("passed", "score") if k in one}
        for index, one in enumerate(results if isinstance(results, list) else [])
        if isinstance(one, dict)
    }
    output = sample.get("output") if isinstance(sample, dict) else None
    beside = {
        **rest,
        **({"grades": grades} if grades else {}),
        **({"said": output} if output else {}),
    }
    return [_item(row, opened(row.data.get("datasource_item")), beside)]


def flat_item(row: Row) -> list[Data]:
    """The same as columns: `item.question`, `sample.output_text`, grades."""
    inner = {k.removeprefix("item."): v for k, v in row.data.items() if k.startswith("item.")}
    rest = {k: v for k, v in row.data.items() if not k.startswith("item.")}
    return [_item(row, inner, rest)]


def _item(row: Row, inner: JsonValue, rest: Data) -> Data:
    if not isinstance(inner, dict):
        raise row.error(f"'item' is {shown(inner)}; it must be an object")
    if is_messages(opened(inner.get("messages"))):
        return {**meta_of(rest), **chat(row._replace(data=inner))[0]}
    asked, answer = named(inner, ASKED), named(inner, ANSWERED)
    if answer is None:
        raise row.error(
            f"the item has {listed(inner)}, and none is a right answer; name it in [task] "
            'columns = { expected = "item.…" } (what a model said is not one)'
        )
    others = {k: v for k, v in inner.items() if k not in (asked, answer)}
    fields = inner[asked] if asked else {k: v for k, v in inner.items() if k != answer}
    system, text = _asked(row, fields)
    return {
        **meta_of({**rest, **(others if asked else {})}), **_system(system),
        "input": text, "expected": one_of(inner[answer]),
    }  # fmt: skip


def named(data: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The field of a row that has the first of these names, but for case and blanks."""
    known = {folded(key): key for key in data}
    return next((known[name] for name in names if name in known), None)


def alpaca(row: Row) -> list[Data]:
    """`instruction`, `input` or `context`, `output` or `response`; also LLaMA-Factory's."""
    refuse_beside(row)
    if row.data.get("history") not in (None, "", [], "[]"):
        raise row.error(
            "'history' holds earlier turns, and Rung asks once; leave such rows out, or write "
            "what was said before into 'input'"
        )
    answer = "output" if "output" in row.data else "response"
    given = "input" if "input" in row.data else "context"
    asked, instruction = row.data.get(given) or "", row.data.get("instruction")
    rest = rest_of(row, "instruction", given, answer, "history")
    own = str(rest.pop("system", "") or "")
    if not asked:
        return [{**rest, **_system(own), "input": instruction, "expected": row.data.get(answer)}]
    system = "\n\n".join(part for part in (own, str(instruction or "")) if part)
    return [{**rest, **_system(system), "input": asked, "expected": row.data.get(answer)}]


def judged(row: Row) -> list[Data]:
    """A completion that somebody called good or bad, as TRL takes them: a bad one is no answer."""
    if str(row.data.get("label")).strip().lower() in ("false", "0"):
        return []
    data = {"input": row.data.get("prompt"), "expected": row.data.get("completion")}
    return [chatty(row._replace(data={**rest_of(row, "prompt", "completion", "label"), **data}))]


def steps(row: Row) -> list[Data]:
    """Steps of an answer, each judged: no one answer."""
    raise row.error(
        "'completions' holds the steps of an answer, each judged, and Rung takes one answer; give "
        "the row 'completion'"
    )


def prodigy(row: Row) -> list[Data]:
    """An annotation of Prodigy: the choice or the label that was accepted."""
    if row.data.get("answer") != "accept":
        return []
    accepted = row.data.get("accept", row.data.get("label"))
    rest = rest_of(row, "text", "answer", "accept", "label", "options", "_task_hash", "_input_hash")
    return [{**rest, "input": row.data.get("text"), "expected": one_of(accepted)}]


def promptfoo(row: Row) -> list[Data]:
    """A row of promptfoo's test CSV: `__expected` and one column a variable."""
    wanted = expectations(row.data)
    kinds = [kind for kind, _ in wanted if kind not in METRICS]
    expected = next((value for kind, value in wanted if kind in METRICS), None)
    if expected is None:
        raise row.error(
            f"'__expected' names no answer: {listed(kinds) if kinds else 'it is empty'}; "
            "leave such rows out, or write what is right"
        )
    variables = {k: v for k, v in row.data.items() if not k.startswith("__")}
    text = next(iter(variables.values())) if len(variables) == 1 else variables
    description = row.data.get("__description")
    meta = {"meta": {"description": description}} if description else {}
    return [{"input": text, "expected": expected, **meta}]


def autorag(row: Row) -> list[Data]:
    """A question of AutoRAG: every document that its retrieval needs, any right answer."""
    ids = row.data.get("retrieval_gt")
    flat = [str(one) for group in ids for one in (group if isinstance(group, list) else [group])] \
        if isinstance(ids, list) else ids  # fmt: skip
    rest = rest_of(row, "query", "generation_gt", "retrieval_gt", "qid")
    known = {"id": row.data["qid"]} if row.data.get("qid") not in (None, "") else {}
    return [
        {
            **meta_of(rest),
            **known,
            "input": row.data.get("query"),
            "expected": one_of(opened(row.data.get("generation_gt"))),
            "context_ids": flat,
        }
    ]


def rest_of(row: Row, *used: str) -> Data:
    return {key: value for key, value in row.data.items() if key not in used}


def meta_of(rest: Data) -> Data:
    """`metadata` of other tools under Rung's name."""
    known = {key: value for key, value in rest.items() if key != "metadata"}
    given = opened(rest.get("metadata"))
    if isinstance(given, dict) and "meta" not in known:
        return {**{k: v for k, v in known.items() if k not in given}, "meta": given}
    return {**known, **({"metadata": given} if given not in (None, "") else {})}


def _system(text: str) -> Data:
    return {"system": text} if text else {}


def _asked(row: Row, value: JsonValue) -> tuple[str, JsonValue]:
    """System text and question of a value: text, messages, an object of one field or of several."""
    value = opened(value)
    if isinstance(value, dict):
        for key in ("messages", "chat_history"):
            if is_messages(value.get(key)) and len(value) == 1:
                value = value[key]
                break
    if is_messages(value):
        return question(row, value)
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
        return _asked(row, value) if is_messages(value) else ("", value)
    return "", value


def _answer(row: Row, value: JsonValue) -> JsonValue:
    """The answer in a value: text, a message, an object of one field, or the object itself."""
    value = opened(value)
    if isinstance(value, dict) and isinstance(value.get("choices"), list) and value["choices"]:
        value = value["choices"][0].get("message", value)
    if isinstance(value, dict) and is_messages(value.get("messages")):
        value = value["messages"][-1:]
    if is_messages(value):
        return spoken(row, value[-1:])
    if isinstance(value, dict) and is_messages([value]):
        return spoken(row, value)
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        return _answer(row, only) if isinstance(only, dict) and is_messages([only]) else only
    return value


def one_of(value: JsonValue, none: JsonValue = None) -> JsonValue:
    """A list of right answers: each once; the only one by itself; `none` where there is none."""
    if value is None:
        return none
    if not isinstance(value, list):
        return value
    each = list(dict.fromkeys(json.dumps(one, ensure_ascii=False) for one in value))
    answers = [json.loads(one) for one in each]
    return none if not answers else answers[0] if len(answers) == 1 else answers
