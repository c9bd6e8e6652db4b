"""The shapes that rows of other tools come in: how each is recognised, and how a row is taken.

One table, `SHAPES`: the first whose fields the rows have is theirs. Rung's own shape, `input` and
`expected`, comes before all of them. Files and folders that need more than their rows are
`rung.exchange.importing`'s.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rung.errors import UserError
from rung.task import question_sets as sets
from rung.task import shape_readers as read
from rung.task.columns import Columns, folded, mapped, refuse_unknown, renamed
from rung.task.faults import Faults, Row, RowError
from rung.task.types import JsonValue

OWN = ("id", "input", "expected", "alternatives", "context_ids", "meta")
_LOOKED_AT = 50
"""Rows whose fields say what shape a file has."""
_FIELD_PREFIX = "input."


class Shape(NamedTuple):
    """One shape: the fields that its rows have, and how a row is taken."""

    name: str
    needs: tuple[str, ...]
    """Fields by which it is recognised; `a.` stands for any field that begins so."""
    taken: str
    """What is taken for what, as the end of a sentence."""
    reader: Callable[[Row], list[dict[str, JsonValue]]]
    """A row under Rung's own names, with `system` for what stood before the question; several
    where one holds several, none where it holds nothing that was asked."""
    said_by_model: bool = False
    """The expected answers are what a model said, judged by nobody."""
    lists: str = "labels"
    """What a list of answers is: all the `labels`, or `answers` of which any is right; `text` where
    answers are never labels."""


def _pair(
    name: str, asked: str, answer: str, *, also: tuple[str, ...] = (), lists: str = "labels"
) -> Shape:
    """A shape of plain columns: what is asked and what is answered."""
    columns = Columns(input=(asked, *also) if also else asked, expected=answer)
    fields = " and ".join((asked, *also))
    return Shape(
        name,
        (asked, *also, answer),
        f"{fields} as input, {answer} as expected",
        lambda row: [read.chatty(mapped(row, columns))],
        lists=lists,
    )


def _fields(name: str, asked: str, answer: str, *also: str, said_by_model: bool = False) -> Shape:
    """A shape of two fields that may hold text, messages or an object, told by others `also`."""
    reader = read.pair(asked, answer)
    return Shape(name, (asked, answer, *also), f"{answer} as expected", reader, said_by_model)


SHAPES: tuple[Shape, ...] = (
    Shape("chat rows", ("messages",), "the last message as expected", read.chat),
    Shape("ShareGPT rows", ("conversations",), "the last turn as expected", read.chat),
    Shape("ShareGPT rows", ("conversation",), "the last turn as expected", read.chat),
    Shape("Gemini rows", ("contents",), "the last turn as expected", read.chat),
    Shape(
        "results of OpenAI evals",
        ("datasource_item",),
        "the item's question and reference as input and expected, grades kept in meta",
        read.graded,
    ),
    Shape(
        "OpenAI evals items",
        ("item",),
        "the item's question and reference as input and expected",
        read.item,
    ),
    Shape(
        "results of OpenAI evals",
        ("item.",),
        "the item's question and reference as input and expected, grades kept in meta",
        read.flat_item,
    ),
    Shape(
        "OpenAI evals rows", ("input", "ideal"), "ideal as expected", read.ideal, lists="answers"
    ),
    Shape(
        "Inspect samples", ("input", "target"), "target as expected", sets.inspect, lists="answers"
    ),
    Shape("MLflow rows", ("inputs", "expectations"), "expectations as expected", read.mlflow),
    _fields("LangSmith examples", "inputs", "reference_outputs"),
    _fields("LangSmith runs", "inputs", "outputs", "run_type", said_by_model=True),
    _fields("LangSmith examples", "inputs", "outputs"),
    Shape(
        "LangSmith examples",
        ("inputs.", "outputs."),
        "inputs as input, outputs as expected",
        read.prefixed("inputs.", "outputs."),
    ),
    Shape(
        "LangSmith examples",
        ("input_", "output_"),
        "inputs as input, outputs as expected",
        read.prefixed("input_", "output_"),
    ),
    _fields("Langfuse dataset items", "input", "expectedOutput"),
    _fields("golden rows", "input", "expected_output"),
    Shape(
        "OTel spans",
        ("resourceSpans",),
        "the messages of GenAI spans as input and expected",
        read.otel,
        said_by_model=True,
    ),
    *(
        Shape(
            "OTel spans",
            (key,),
            "the messages of GenAI spans as input and expected",
            read.otel,
            said_by_model=True,
        )
        for key in ("scopeSpans", "batches")
    ),
    Shape(
        "OTel spans",
        ("attributes",),
        "the messages of GenAI spans as input and expected",
        read.otel,
        said_by_model=True,
    ),
    Shape(
        "Phoenix spans",
        ("attributes.",),
        "the messages of LLM spans as input and expected",
        read.otel,
        said_by_model=True,
    ),
    *(
        Shape("promptfoo tests", (key,), "variables as input", read.promptfoo, lists="answers")
        for key in ("__expected", "__expected1")
    ),
    Shape(
        "annotations of Prodigy",
        ("text", "answer", "_task_hash"),
        "text as input, what was accepted as expected",
        read.prodigy,
    ),
    Shape(
        "SQuAD articles",
        ("paragraphs",),
        "context and question as input, the answers as expected",
        sets.squad_article,
        lists="text",
    ),
    Shape(
        "SQuAD rows",
        ("context", "question", "answers"),
        "context and question as input, the answers as expected",
        sets.squad,
        lists="text",
    ),
    Shape(
        "multiple-choice rows",
        ("question", "choices", "answer"),
        "question and choices as input, the letter as expected",
        sets.multiple_choice,
    ),
    Shape(
        "multiple-choice rows",
        ("question", "choices", "answerKey"),
        "question and choices as input, the letter as expected",
        sets.multiple_choice,
    ),
    Shape(
        "AutoRAG questions",
        ("query", "generation_gt"),
        "generation_gt as expected, retrieval_gt as context_ids",
        read.autorag,
        lists="text",
    ),
    Shape(
        "Alpaca rows",
        ("instruction", "output"),
        "instruction with input as input, output as expected",
        read.alpaca,
    ),
    Shape(
        "Dolly rows",
        ("instruction", "response"),
        "instruction with context as input, response as expected",
        read.alpaca,
    ),
    _fields("Langfuse traces", "input", "output", "traceId", said_by_model=True),
    _fields("Langfuse traces", "input", "output", "latency", said_by_model=True),
    _fields("input and output rows", "input", "output"),
    Shape("stepwise rows", ("prompt", "completions", "labels"), "", read.steps),
    _pair("preference rows", "prompt", "chosen"),
    Shape("preference rows", ("chosen", "rejected"), "the last turn as expected", read.chat),
    Shape(
        "judged completions",
        ("prompt", "completion", "label"),
        "completions with a true label as expected",
        read.judged,
    ),
    _pair("prompt and completion rows", "prompt", "completion"),
    _pair("prompt and response rows", "prompt", "response"),
    _pair("Ragas rows", "user_input", "reference"),
    _pair("question and answer rows", "question", "ground_truth"),
    _pair("question and answer rows", "question", "answers", lists="answers"),
    _pair("question and answer rows", "question", "answer", also=("context",)),
    _pair("question and answer rows", "question", "answer"),
    _pair("question and answer rows", "query", "answer"),
    _pair("sentence pairs", "premise", "label", also=("hypothesis",)),
    _pair("sentence pairs", "sentence1", "label", also=("sentence2",)),
    _pair("text and label rows", "text", "label_text"),
    _pair("text and label rows", "text", "label"),
    _pair("text and label rows", "text", "labels"),
    _pair("text and label rows", "sentence", "label"),
    _pair("text and label rows", "text", "intent"),
    _pair("text and label rows", "text", "category"),
    _pair("text and summary rows", "document", "summary"),
    _pair("text and summary rows", "article", "highlights"),
    _pair("text and summary rows", "dialogue", "summary"),
)


class Taken(NamedTuple):
    """Rows under Rung's own names, what shape they had, and sentences about it."""

    rows: list[Row]
    shape: Shape | None = None
    """None for Rung's own rows."""
    notes: tuple[str, ...] = ()
    system: str = ""
    """The text that stood before the question in every row, where it is one and the same."""


def shape_of(rows: Sequence[Row]) -> Shape | None:
    """The shape of rows, by the first of them, else by the fields that the first few have.

    None for Rung's own and for an unknown one.
    """
    first = {folded(key) for key in rows[0].data}
    for keys in (first, {folded(key) for row in rows[:_LOOKED_AT] for key in row.data}):
        if _own(keys):
            return None
        fitting = next((shape for shape in SHAPES if all(_has(keys, n) for n in shape.needs)), None)
        if fitting is not None:
            return fitting
    return None


def take(rows: list[Row], columns: Columns | None = None) -> Taken:
    """The rows under Rung's own names, by `columns` where given, else by their shape.

    Raises one `UserError` for all rows that cannot be taken.
    """
    if columns is not None:
        refuse_unknown(rows, columns)
        return Taken([mapped(row, columns) for row in rows])
    shape = shape_of(rows)
    taken, without = _read(rows, shape)
    if shape is None:
        return Taken(taken)
    if not taken:
        raise UserError(
            f"{rows[0].file}: taken as {shape.name}, and none of its {len(rows)} rows holds a "
            "question with a right answer; name the fields in [task] columns"
        )
    same, taken = _with_system(taken)
    return Taken(taken, shape, tuple(_notes(rows[0].file, shape, same, without)), same)


def _read(rows: Sequence[Row], shape: Shape | None) -> tuple[list[Row], int]:
    """Every row as its shape has it, and how many hold nothing."""
    faults, taken, without = Faults(rows[0].file), list[Row](), 0
    for row in rows:
        try:
            if shape is None:
                made = [_own_row(row)]
            else:
                made = shape.reader(row._replace(data=renamed(row.data, shape.needs)))
        except RowError as error:
            faults.add(error)
            continue
        without += not made
        taken += [row._replace(data=data) for data in made]
    faults.raise_any(len(rows))
    return taken, without


def _notes(name: str, shape: Shape, system: str, without: int) -> Iterable[str]:
    yield f"{name}: taken as {shape.name}: {shape.taken}"
    if shape.said_by_model:
        yield (
            f"{name}: the expected answers are what a model said, judged by nobody; "
            "correct them before you trust a score"
        )
    if system:
        yield f"{name}: every row has the same system text, kept in meta: give it as instruction"
    if without:
        yield f"{name}: {without} rows hold no question with a right answer and are left out"


def _own(keys: set[str]) -> bool:
    return "expected" in keys and any(k == "input" or k.startswith(_FIELD_PREFIX) for k in keys)


def _has(keys: set[str], needed: str) -> bool:
    if needed[-1] in "._":
        start = needed.casefold()
        return any(key.startswith(start) and key != start.rstrip("_") for key in keys)
    return folded(needed) in keys


def _own_row(row: Row) -> dict[str, JsonValue]:
    """A row of Rung's own; columns named `input.xxx` become the fields of one input object."""
    data = renamed(row.data, OWN)
    fields = {k: v for k, v in data.items() if k.startswith(_FIELD_PREFIX)}
    if fields and "input" in data:
        raise row.error("the row has 'input' and 'input.…' columns; keep one of the two")
    if fields:
        data = {k: v for k, v in data.items() if k not in fields}
        data["input"] = {k.removeprefix(_FIELD_PREFIX): v for k, v in fields.items()}
    return data


def _with_system(rows: list[Row]) -> tuple[str, list[Row]]:
    """Text before the question: kept beside it where all rows have one, else part of the input."""
    texts = {str(row.data.get("system") or "") for row in rows} - {""}
    if len(texts) < 2:
        everywhere = bool(texts) and all(row.data.get("system") for row in rows)
        return (next(iter(texts)) if everywhere else ""), [
            row if row.data.get("system") else row._replace(data=_without(row.data)) for row in rows
        ]
    joined = []
    for row in rows:
        system, asked = row.data.get("system"), row.data.get("input")
        data = _without(row.data)
        if system and isinstance(asked, dict):
            data["input"] = {"system": system, **asked}
        elif system:
            data["input"] = f"{system}\n\n{asked}"
        joined.append(row._replace(data=data))
    return "", joined


def _without(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in data.items() if key != "system"}
