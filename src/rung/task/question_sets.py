"""How rows of question sets are taken: Inspect, SQuAD, multiple choice. As `shape_readers`."""

import string

from rung.task.chat import opened
from rung.task.faults import Row
from rung.task.shape_readers import Data, meta_of, one_of, reference, rest_of
from rung.task.types import JsonValue
from rung.task.wording import listed, shown


def inspect(row: Row) -> list[Data]:
    """An Inspect sample: choices under letters stand in the question."""
    (data,) = reference(row, "target")
    choices = opened(data.pop("choices", None))
    if isinstance(choices, str) and choices:  # as Inspect reads a CSV
        choices = [one.strip() for one in choices.split(",")]
    if choices not in (None, [], ""):
        data["input"] = f"{data['input']}\n\n{_lettered(row, choices)[0]}"
    for key in ("sandbox", "setup", "files"):
        if data.get(key) not in (None, "", [], {}):
            raise row.error(
                f"the sample has {key!r} ({shown(data[key])}), which Rung does not run; "
                "leave such rows out"
            )
    return [data]


def squad(row: Row) -> list[Data]:
    """A row of SQuAD as Hugging Face has it; no answer means that none can be given."""
    answers = opened(row.data.get("answers"))
    texts = answers.get("text") if isinstance(answers, dict) else answers
    rest = meta_of(rest_of(row, "context", "question", "answers"))
    asked = {"context": row.data.get("context"), "question": row.data.get("question")}
    return [{**rest, "input": asked, "expected": one_of(texts, none="")}]


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
                    "expected": one_of(texts, none=""),
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
    rest = rest_of(row, "question", "choices", "answer", "answerKey")
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
