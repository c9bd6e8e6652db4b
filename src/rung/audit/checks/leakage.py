"""Test examples that a candidate may have seen: in train, dev, a document, or its own prompt."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from rung.audit.base import Found, percent, these, verb
from rung.audit.material import Material
from rung.audit.pairs import bare, numbers
from rung.records import Flag
from rung.task.types import Example, JsonValue

SOURCE = "our own: an example that was seen in training says nothing about new ones"
WARNS = 0.01
BLOCKS = 0.5
"""Share of the test examples from which the score would mostly say what was remembered."""
_PASTED = 12
"""Characters of an input from which it stands in an instruction by no chance."""
_SHORTEST, _BETWEEN, _SEVERAL = 3, 4, 3
"""A shorter one stands there by chance, unless its answer follows, this many words between, and so
do those of several."""
_RUN, _FEWEST_RUNS, _MOST = 4, 4, 0.6
"""Words in a run, runs of a text worth comparing, and the share of them that tells a paste: a text
that was cut or changed in a word keeps most of its runs, one of the same kind few."""
Likeness = Literal["exact", "near", "template"]
"""template: nearly the same but for a number."""
_ORDER = {"train": 0, "dev": 1, "test": 2}
_TELLING = 40
"""Characters of an input below which finding it in a document means nothing."""


class Leak(NamedTuple):
    """A row, and the row of a later split that it gives away."""

    earlier: int
    row: int
    exact: bool


def check(material: Material) -> Found:
    """`leakage` between the files as given, `leakage-documents`, `leakage-prompts`."""
    flags = (_between(material), _in_documents(material), _in_prompts(material))
    return Found(tuple(flag for flag in flags if flag is not None))


def earlier(material: Material) -> list[Leak]:
    """Rows that a later split has too, each once, exact ones first.

    An equal input counts whatever its answer; a nearly equal one only with the same answer, for
    inputs made from one template differ in little and ask for different things.
    """
    split = [_ORDER.get(row.part, -1) for row in material.rows]
    leaks: dict[int, Leak] = {}
    for group in material.twins.equal:
        last = max(group, key=lambda i: (split[i], -i))
        for row in group:
            if 0 <= split[row] < split[last]:
                leaks[row] = Leak(row, last, True)
    for a, b in _near_rows(material):
        first, second = sorted((a, b), key=lambda i: (split[i], i))
        if 0 <= split[first] < split[second]:
            leaks.setdefault(first, Leak(first, second, False))
    return sorted(leaks.values(), key=lambda leak: (not leak.exact, leak.earlier))


def given_away(material: Material) -> dict[int, Likeness]:
    """Rows that stand in an earlier split too, and how, the plainest first."""
    split = [_ORDER.get(row.part, -1) for row in material.rows]
    likest: dict[int, Likeness] = {}
    for group in material.twins.equal:
        first = min(split[i] for i in group)
        likest.update({i: "exact" for i in group if split[i] > first >= 0})
    for a, b in _near_rows(material):
        first, second = sorted((a, b), key=lambda i: (split[i], i))
        if split[second] > split[first] >= 0 and likest.get(second) != "exact":
            same = numbers(material.inputs[a]) == numbers(material.inputs[b])
            if same or second not in likest:
                likest[second] = "near" if same else "template"
    rank = ("exact", "near", "template")
    return dict(sorted(likest.items(), key=lambda item: (rank.index(item[1]), item[0])))


def _near_rows(material: Material) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are nearly equal and have the same answer, repeats of both included."""
    groups = material.twins.group_of()
    for near in material.twins.near:
        for a in groups.get(near.first, (near.first,)):
            for b in groups.get(near.second, (near.second,)):
                if material.same_answer[a] == material.same_answer[b]:
                    yield a, b


def _between(material: Material) -> Flag | None:
    given = given_away(material)
    if not given:
        return None
    tested = [row for row in given if material.rows[row].part == "test"]
    tests = sum(row.part == "test" for row in material.rows)
    share = len(tested) / tests if tests else 0.0
    near = sum(given[row] != "exact" for row in tested)
    remembered = sum(given[row] == "near" for row in tested) / tests if tests else 0.0
    exact = sum(how == "exact" for how in given.values())
    severity = "block" if remembered >= BLOCKS else "warn" if share >= WARNS else "info"
    return Flag(
        id="leakage",
        severity=severity,
        figure=round(share, 4),
        threshold=WARNS,
        source=SOURCE,
        text=(
            f"{these(len(tested), 'test example')} ({percent(share)}) {verb(len(tested), 'stand')} "
            f"in train or dev too, {near:,} of them nearly word for word; "
            f"{these(exact, 'exact copy is', 'exact copies are')} left out of the earlier split."
        ),
        advice=(
            "Split anew so that like examples stay together ([task] examples does that), or take "
            "the listed ones out; `rung audit --fix` takes them out of train and dev."
        ),
        examples=material.most_suspicious(list(given)),
    )


def _in_documents(material: Material) -> Flag | None:
    if not material.task.documents:
        return None
    texts = "\n".join(bare(document.text) for document in material.task.documents)
    tests = [i for i, row in enumerate(material.rows) if _tested(material, row.example.id)]
    asked = [i for i in tests if len(bare(material.inputs[i])) >= _TELLING]
    copied = [i for i in asked if bare(material.inputs[i]) in texts]
    if not copied:
        return None
    share = len(copied) / len(tests)
    return Flag(
        id="leakage-documents",
        severity="warn" if share >= WARNS else "info",
        figure=round(share, 4),
        threshold=WARNS,
        source=SOURCE,
        text=(
            f"{these(len(copied), 'test example')} ({percent(share)}) {verb(len(copied), 'stand')} "
            "word for word in a document: retrieval finds such questions more easily than those of "
            "real users."
        ),
        advice="Where the documents were made from the examples, take those passages out.",
        examples=material.most_suspicious(copied),
    )


def _in_prompts(material: Material) -> Flag | None:
    """Test inputs that stand in what every request says: it was written with them in sight.

    That is the instructions and what the output says of its form. Shots are training examples:
    `leakage` compares those.
    """
    texts = _texts(material.task.output.model_dump(exclude={"labels"}))
    prompts = [bare(text) for text in (material.task.instruction, *material.prompts, *texts)]
    padded = f" {' . '.join(prompts)} "
    runs = {run for text in prompts for run in _runs(text)}
    tests = [i for i, row in enumerate(material.rows) if _tested(material, row.example.id)]
    shown = [
        i
        for i in tests
        if any(_pasted(bare(t), padded, runs) for t in _texts(material.rows[i].example.input))
    ]
    solved = [i for i in tests if i not in shown and _solved(material.rows[i].example, padded)]
    shown += solved if len(solved) >= _SEVERAL else []
    if not shown:
        return None
    share = len(shown) / len(tests)
    return Flag(
        id="leakage-prompts",
        severity="block" if share >= WARNS else "warn",
        figure=round(share, 4),
        threshold=WARNS,
        source=SOURCE,
        text=(
            f"{these(len(shown), 'test example')} ({percent(share)}) {verb(len(shown), 'stand')} "
            "word for word, or nearly, in the instruction or the output's description: it was "
            "written with them in sight, and what it scores on test says little of other requests."
        ),
        advice="Take them out of the instruction; show train or dev examples instead.",
        examples=material.most_suspicious(shown),
    )


def _texts(value: JsonValue) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _runs(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)}


def _pasted(text: str, padded: str, runs: set[str]) -> bool:
    """Whether a bare text stands there whole, or most of its runs of words do."""
    if len(text) >= _PASTED and f" {text} " in padded:
        return True
    own = _runs(text)
    return len(own) >= _FEWEST_RUNS and len(own & runs) >= _MOST * len(own)


def _solved(example: Example, padded: str) -> bool:
    """Whether a short input stands there with its answer after it."""
    asked = [bare(text) for text in _texts(example.input)]
    answers = [re.escape(bare(answer)) for answer in _texts(list(example.references))]
    between = rf"(?:\S+ ){{0,{_BETWEEN}}}"
    return any(
        _SHORTEST <= len(text) < _PASTED
        and f" {text} " in padded
        and re.search(rf" {re.escape(text)} {between}(?:{'|'.join(answers)}) ", padded) is not None
        for text in (asked if answers else ())
    )


def _tested(material: Material, ident: str) -> bool:
    return material.split_of.get(ident) == "test"
