"""How one row of each shape is taken: functions from a `Row` to rows under Rung's own names.

Recognising a shape is `shapes`'; spans are `spans`'.
"""

import json
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rung.task.assertions import ANSWERS, expectations
from rung.task.chat import answered, is_messages, opened, question, refuse_beside, spoken
from rung.task.columns import folded
from rung.task.faults import Row
from rung.task.spans import otel
from rung.task.types import JsonValue
from rung.task.wording import listed, shown

__all__ = ["otel"]
Data = dict[str, JsonValue]
ASKED = ("input", "question", "query", "prompt", "user_input", "problem", "text", "message")
"""Names of a field that holds what is asked, the plainest first."""
ANSWERED = (
    "expected", "ideal", "answer", "ground_truth", "reference", "target", "label",
    "expected_output", "correct_answer", "correct_label", "reference_answer", "completion",
    "output", "response",
)  # fmt: skip
"""Names of a field that holds the right answer."""


def chat(row: Row) -> list[Data]:
    """`messages`: the last one is expected."""
    return [_chat(row, "messages", row.data.get("messages"))]


def sharegpt(row: Row) -> list[Data]:
    """`conversations` of {from, value}, with `system` beside it."""
    key = "conversations" if "conversations" in row.data else "conversation"
    return [_chat(row, key, row.data.get(key))]


def _chat(row: Row, key: str, messages: JsonValue) -> Data:
    data = answered(row, messages)
    rest = _rest(row, key)
    system = data.system or rest.pop("system", None)
    extra = {"system": system} if system else {}
    return {**rest, **extra, "input": data.asked, "expected": data.answer}


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
        data["expected"] = _one_of(expected["text"])
    elif isinstance(expected, list):
        data["expected"] = _one_of(expected)
    return data


def pair(asked: str, answer: str) -> Callable[[Row], list[Data]]:
    """Two fields that may hold text, messages, or an object of fields."""

    def reader(row: Row) -> list[Data]:
        rest = _rest(row, asked, answer)
        system, text = _asked(row, row.data.get(asked))
        expected = _answer(row, row.data.get(answer))
        return [{**_meta(rest), **_system(system), "input": text, "expected": expected}]

    return reader


def prefixed(asked: str, answer: str) -> Callable[[Row], list[Data]]:
    """Columns that begin alike: `inputs.question`, `outputs.answer`."""

    def reader(row: Row) -> list[Data]:
        def under(start: str) -> Data:
            return {k[len(start) :]: opened(v) for k, v in row.data.items() if k.startswith(start)}

        rest = {k: v for k, v in row.data.items() if not k.startswith((asked, answer))}
        system, text = _asked(row, under(asked))
        expected = _answer(row, under(answer))
        return [{**_meta(rest), **_system(system), "input": text, "expected": expected}]

    return reader


def ideal(row: Row) -> list[Data]:
    """`input` as text or messages, `ideal` as text or a list of right answers."""
    return _reference(row, "ideal")


def inspect(row: Row) -> list[Data]:
    """An Inspect sample: choices under letters stand in the question."""
    (data,) = _reference(row, "target")
    choices = data.pop("choices", None)
    if choices not in (None, [], ""):
        data["input"] = f"{data['input']}\n\n{_lettered(row, choices)[0]}"
    for key in ("sandbox", "setup", "files"):
        if data.get(key) not in (None, "", [], {}):
            raise row.error(
                f"the sample has {key!r} ({shown(data[key])}), which Rung does not run; "
                "leave such rows out"
            )
    return [data]


def _reference(row: Row, key: str) -> list[Data]:
    system, text = _asked(row, row.data.get("input"))
    rest = _rest(row, "input", key)
    return [
        {**_meta(rest), **_system(system), "input": text, "expected": _one_of(row.data.get(key))}
    ]


def mlflow(row: Row) -> list[Data]:
    """`inputs` and `expectations`, whose `expected_response` is the answer where it has one."""
    expected = opened(row.data.get("expectations"))
    if isinstance(expected, dict):
        expected = expected.get("expected_response", expected)
    system, text = _asked(row, row.data.get("inputs"))
    rest = _meta(_rest(row, "inputs", "expectations"))
    return [{**rest, **_system(system), "input": text, "expected": _answer(row, expected)}]


def item(row: Row) -> list[Data]:
    """`item` of an OpenAI eval's data source, with the `sample` beside it."""
    return [_item(row, opened(row.data.get("item")), _rest(row, "item"))]


def graded(row: Row) -> list[Data]:
    """An output item of an OpenAI eval's run: what graders said is kept in meta."""
    rest = _rest(row, "datasource_item", "results", "sample")
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
        data = answered(row, inner["messages"])
        return {
            **_meta(rest), **_system(data.system), "input": data.asked, "expected": data.answer
        }  # fmt: skip
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
        **_meta({**rest, **(others if asked else {})}), **_system(system),
        "input": text, "expected": _one_of(inner[answer]),
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
    rest = _rest(row, "instruction", given, answer, "history")
    own = str(rest.pop("system", "") or "")
    if not asked:
        return [{**rest, **_system(own), "input": instruction, "expected": row.data.get(answer)}]
    system = "\n\n".join(part for part in (own, str(instruction or "")) if part)
    return [{**rest, **_system(system), "input": asked, "expected": row.data.get(answer)}]


def promptfoo(row: Row) -> list[Data]:
    """A row of promptfoo's test CSV: `__expected` and one column a variable."""
    wanted = expectations(row.data)
    kinds = [kind for kind, _ in wanted if kind not in ANSWERS]
    expected = next((value for kind, value in wanted if kind in ANSWERS), None)
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


def squad(row: Row) -> list[Data]:
    """A row of SQuAD as Hugging Face has it; no answer means that none can be given."""
    answers = opened(row.data.get("answers"))
    texts = answers.get("text") if isinstance(answers, dict) else answers
    rest = _meta(_rest(row, "context", "question", "answers"))
    asked = {"context": row.data.get("context"), "question": row.data.get("question")}
    return [{**rest, "input": asked, "expected": _one_of(texts, none="")}]


def squad_article(row: Row) -> list[Data]:
    """An article of SQuAD's own file: its paragraphs with their questions."""
    made = []
    for paragraph in row.data.get("paragraphs") or []:
        for qa in paragraph.get("qas") or []:
            texts = [one.get("text") for one in qa.get("answers") or [] if isinstance(one, dict)]
            made.append(
                {
                    "id": qa.get("id"),
                    "input": {"context": paragraph.get("context"), "question": qa.get("question")},
                    "expected": _one_of(texts, none=""),
                    "meta": {"title": row.data.get("title")},
                }
            )
    return made


def multiple_choice(row: Row) -> list[Data]:
    """Question and choices as one text; the answer as the letter of its choice."""
    answer = row.data.get("answer", row.data.get("answerKey"))
    listing, names, texts = _lettered(row, opened(row.data.get("choices")))
    place: JsonValue = answer
    if isinstance(answer, str) and answer.strip().isdigit() and answer.strip() not in names:
        place = int(answer)
    if isinstance(place, int) and not isinstance(place, bool) and str(place) not in names:
        if not 0 <= place < len(names):
            raise row.error(f"answer {place} is no place among the {len(names)} choices")
        answer = names[place]
    elif answer not in names:
        if answer not in texts:
            raise row.error(f"answer {shown(answer)} is none of the choices {listed(names)}")
        answer = names[texts.index(answer)]
    rest = _rest(row, "question", "choices", "answer", "answerKey")
    return [{**rest, "input": f"{row.data.get('question')}\n\n{listing}", "expected": answer}]


def _lettered(row: Row, choices: JsonValue) -> tuple[str, list[str], list[str]]:
    """Choices one a line under their letters, the letters, the texts."""
    names: list[str] = list(string.ascii_uppercase)
    if isinstance(choices, dict) and isinstance(choices.get("text"), list):
        names = [str(one) for one in choices.get("label") or names]
        choices = choices["text"]
    if not isinstance(choices, list) or not choices or len(choices) > len(names):
        raise row.error(f"'choices' is {shown(choices)}; it must be a list of at most 26 texts")
    texts = [str(one) for one in choices]
    names = names[: len(texts)]
    lines = [f"{name}) {text}" for name, text in zip(names, texts, strict=True)]
    return "\n".join(lines), names, texts


def autorag(row: Row) -> list[Data]:
    """A question of AutoRAG: every document that its retrieval needs, any right answer."""
    ids = row.data.get("retrieval_gt")
    flat = [str(one) for group in ids for one in (group if isinstance(group, list) else [group])] \
        if isinstance(ids, list) else ids  # fmt: skip
    rest = _rest(row, "query", "generation_gt", "retrieval_gt", "qid")
    known = {"id": row.data["qid"]} if row.data.get("qid") not in (None, "") else {}
    return [
        {
            **_meta(rest),
            **known,
            "input": row.data.get("query"),
            "expected": _one_of(opened(row.data.get("generation_gt"))),
            "context_ids": flat,
        }
    ]


def _rest(row: Row, *used: str) -> Data:
    return {key: value for key, value in row.data.items() if key not in used}


def _meta(rest: Data) -> Data:
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


def _one_of(value: JsonValue, none: JsonValue = None) -> JsonValue:
    """A list of right answers: each once; the only one by itself; `none` where there is none."""
    if value is None:
        return none
    if not isinstance(value, list):
        return value
    each = list(dict.fromkeys(json.dumps(one, ensure_ascii=False) for one in value))
    answers = [json.loads(one) for one in each]
    return none if not answers else answers[0] if len(answers) == 1 else answers
