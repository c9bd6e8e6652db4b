"""From a folder with `rung.toml` to a `Task`: reads every file it names, checks, splits.

Spends nothing and asks no model. Whether the gold answers are right is `rung.scorers.gold`'s.
"""

import json
import sqlite3
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from rung.errors import UserError
from rung.project import ProjectFolder
from rung.task.config import DEFAULT_METRIC, OutputTable, RungFile, TaskTable, read_config
from rung.task.corrections import (
    Correction,
    corrected,
    corrections_note,
    looked_at,
    read_corrections,
)
from rung.task.documents import Documents, check_context_ids, load_documents
from rung.task.examples import Examples, Respelt, read_examples, refuse_shared_ids
from rung.task.expected import no_answer_note, respelt_note, with_no_answer
from rung.task.json_schema import check_schema as _check_schema
from rung.task.json_schema import enforceable, unwrapped_schema
from rung.task.labelling import label_text
from rung.task.rows import read_text, strict_json
from rung.task.splits import How, SplitReport, Splits, as_given, carve_dev, split_one, take
from rung.task.tables import tables_to_tell
from rung.task.tools import ToolSettings
from rung.task.types import (
    DRAFTED,
    Example,
    JsonValue,
    LabelsOutput,
    MultiLabelOutput,
    Output,
    Rubric,
    SchemaOutput,
    Source,
    SqlOutput,
    Target,
    Task,
    TextOutput,
)
from rung.task.unlabelled import Unlabelled, read_unlabelled
from rung.task.wording import listed, shown

CONFIG_NAME = "rung.toml"


class Loaded(NamedTuple):
    """A task and what was decided about its examples."""

    task: Task
    splits: SplitReport


AS_GIVEN = ("workload", "models", "facts", "costs", "climb", "knowledge")
"""Tables of rung.toml that a task holds as they are."""


def load_task(path: str | Path, *, whole: bool = False) -> Task:
    """The task of a folder that holds `rung.toml`, or of the file itself.

    `whole` keeps every example, whatever `[climb] train_size` and `test_size` say.
    """
    return load(path, whole=whole).task


def load(path: str | Path, *, whole: bool = False) -> Loaded:
    """As `load_task`, with the `SplitReport`."""
    file = Path(path, CONFIG_NAME) if Path(path).is_dir() else Path(path)
    config = read_config(file)
    root = file.resolve().parent
    output = read_output(config.output, root)
    how = How(output, config.climb.seed, config.task.cluster, **config.split.model_dump())
    corrections = (
        read_corrections(root / config.task.corrections) if config.task.corrections else []
    )
    files = _given(config.task, root, output, corrections)
    given = {key: tuple(one.examples) for key, one in files.items()}
    every = [example for examples in given.values() for example in examples]
    output = _with_tables(with_no_answer(output, every), root, config.task.instruction)
    splits = _split(given, how)
    knowledge = _documents(config.task, root, splits)
    inputs, seen = _unlabelled(config.task, root, splits), looked_at(every, corrections)
    train = take(splits.train, None if whole else config.climb.train_size, how, by_label=True)
    test = take(splits.test, None if whole else config.climb.test_size, how, by_label=False)
    task = Task(
        name=config.task.name or root.name,
        instruction=config.task.instruction,
        output=output,
        target=_target(config, output),
        train=train,
        dev=splits.dev,
        test=test,
        documents=knowledge.documents,
        unlabelled=inputs.inputs,
        guard=_guard(config.task, root),
        **{name: getattr(config, name) for name in AS_GIVEN},
        tools=_tools(config),
        rubric=_rubric(config, root),
        max_output_tokens=config.output.max_tokens,
        cluster=config.task.cluster,
        root=root,
        notes=(
            *(note for one in files.values() for note in one.notes),
            *knowledge.notes,
            *inputs.notes,
            *_leaks(splits.report),
            *_checked_after(output),
            *_drafted_note(test),
            *corrections_note(test, every, corrections),
            *respelt_note(sum((one.respelt for one in files.values()), Counter[Respelt]())),
            *no_answer_note(output, every),
        ),
        source=Source(examples=given, empty_documents=knowledge.empty, looked_at=seen),
    )
    return Loaded(task, splits.report)


def _documents(table: TaskTable, root: Path, splits: Splits) -> Documents:
    if table.documents is None:
        return Documents((), ())
    before = ProjectFolder(root).documents
    read = load_documents(root / table.documents, table.documents, before)
    check_context_ids((*splits.train, *splits.dev, *splits.test), read.documents)
    return read


def _unlabelled(table: TaskTable, root: Path, splits: Splits) -> Unlabelled:
    if table.unlabelled is None:
        return Unlabelled()
    labelled = (*splits.train, *splits.dev, *splits.test)
    return read_unlabelled(root / table.unlabelled, table.unlabelled, table.columns, labelled)


def _guard(table: TaskTable, root: Path) -> tuple[Example, ...]:
    if table.guard is None:
        return ()
    prompts = read_examples(root / table.guard, table.guard, TextOutput()).examples
    empty = next((e.id for e in prompts if not all(map(str.strip, e.references))), None)
    if empty is not None:
        raise UserError(
            f"{table.guard}: 'expected' of {empty!r} is empty; say what a right answer contains"
        )
    return tuple(prompts)


def read_output(table: OutputTable, root: Path) -> Output:
    """`[output]` with the files that it names read and checked."""
    if table.labels is not None:
        labels = _labels(table.labels, root)
        meanings = _meanings(table.labels) if isinstance(table.labels, dict) else {}
        if table.multiple:
            return MultiLabelOutput(labels=labels, meanings=meanings)
        return LabelsOutput(labels=labels, meanings=meanings, any_of=table.any_of)
    if table.answer_schema is not None:
        return SchemaOutput(json_schema=_schema(table.answer_schema, root))
    if table.text is not None:
        return table.text.output()
    assert table.sql is not None  # OutputTable holds exactly one
    return _database(table.sql.output(), root)


def _meanings(given: dict[str, str]) -> dict[str, str]:
    """On one line each, as the prompt lists them."""
    meanings = {label.strip(): " ".join(meaning.split()) for label, meaning in given.items()}
    return {label: meaning for label, meaning in meanings.items() if meaning}


def _labels(
    given: Sequence[str | bool | float] | dict[str, str] | str, root: Path
) -> tuple[str, ...]:
    file = isinstance(given, str)
    lines = (
        read_text(root / given, given).splitlines()
        if isinstance(given, str)
        else [label_text(one) for one in given]
    )
    where = str(given) if file else f"{CONFIG_NAME}: [output] labels"
    labels = [line.strip() for line in lines if line.strip() or not file]
    for index, label in enumerate(labels):
        if not label:
            raise UserError(f"{where}: label {index + 1} is empty; fill it in or take it out")
        if label in labels[:index]:
            raise UserError(f"{where}: {label!r} stands there twice; take one out")
    if len(labels) < 2:
        raise UserError(f"{where}: {shown(labels)} has fewer than 2 labels; list every label")
    return tuple(labels)


def _schema(given: dict[str, JsonValue] | str, root: Path) -> dict[str, JsonValue]:
    where = given if isinstance(given, str) else f"{CONFIG_NAME}: [output] schema"
    schema: JsonValue = given
    if isinstance(given, str):
        try:
            schema = strict_json(read_text(root / given, given))
        except json.JSONDecodeError as problem:
            raise UserError(
                f"{where} line {problem.lineno}: not JSON ({problem.msg}); correct that line"
            ) from None
        except ValueError as problem:
            raise UserError(f"{where}: not JSON ({problem}); correct it") from None
    if not isinstance(schema, dict):
        raise UserError(f"{where}: {shown(schema)} is not a JSON schema object")
    bare = unwrapped_schema(schema)
    _check_schema(bare, where)
    return bare


def _database(output: SqlOutput, root: Path) -> SqlOutput:
    place = output.database
    if place is not None and not (root / place).is_file():
        raise UserError(
            f"{CONFIG_NAME}: [output] sql database is {str(place)!r}: no such file; check the "
            f"path, which is relative to the folder of {CONFIG_NAME}"
        )
    return output


def _with_tables(output: Output, root: Path, instruction: str) -> Output:
    """A shared database's tables in its prompt; one that cannot be read is the scorer's to name."""
    if not isinstance(output, SqlOutput) or output.database is None:
        return output
    try:
        tables = tables_to_tell(root / output.database, instruction)
    except (OSError, sqlite3.Error, UnicodeDecodeError):
        return output
    return output.model_copy(update={"tables": tables})


def _rubric(config: RungFile, root: Path) -> Rubric | None:
    name = config.judge.rubric
    return None if name is None else read_rubric(root / name, name)


def _tools(config: RungFile) -> tuple[ToolSettings, ...]:
    names = [tool.name for tool in config.tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{CONFIG_NAME}: two [[tools]] are called {twice!r}: rename one")
    return config.tools


def _target(config: RungFile, output: Output) -> Target:
    plain = config.target.model_dump()
    return Target(**{**plain, "metric": config.target.metric or DEFAULT_METRIC[output.kind]})


def _given(
    table: TaskTable, root: Path, output: Output, corrections: Sequence[Correction]
) -> dict[str, Examples]:
    """Every example of every file, by the key that names the file."""
    names = {key: getattr(table, key) for key in ("examples", "train", "dev", "test")}
    given = {
        key: read_examples(
            root / name,
            name,
            output,
            table.columns,
            lambda rows: corrected(rows, output, corrections),
        )
        for key, name in names.items()
        if name
    }
    drafted = _drafted(table, root, output)
    refuse_shared_ids(
        [*((names[key], one.examples) for key, one in given.items()), ("drafted", drafted)]
    )
    into = "examples" if "examples" in given else "train"
    given[into] = given[into]._replace(examples=[*given[into].examples, *drafted])
    return given


def _drafted(table: TaskTable, root: Path, output: Output) -> list[Example]:
    """What a person kept of `rung draft`; none where nothing was kept yet."""
    path = root / table.drafted if table.drafted else None
    if path is None or not path.is_file() or not path.stat().st_size:
        return []
    return read_examples(path, str(table.drafted), output).examples


def _drafted_note(test: Sequence[Example]) -> list[str]:
    """How much of test a model wrote, for whoever reads the verdict."""
    states = Counter(str(e.meta[DRAFTED]) for e in test if DRAFTED in e.meta)
    if not states:
        return []
    kinds = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
    return [
        f"{states.total()} of {len(test)} test examples were drafted by a model and kept by a "
        f"person ({kinds}): a verdict speaks of such inputs too"
    ]


def _split(given: dict[str, tuple[Example, ...]], how: How) -> Splits:
    if "examples" in given:
        return split_one(given["examples"], how)
    if "dev" in given:
        return as_given(given["train"], given["dev"], given["test"], how)
    return carve_dev(given["train"], given["test"], how)


def _checked_after(output: Output) -> list[str]:
    gone = enforceable(output.json_schema)[1] if isinstance(output, SchemaOutput) else ()
    if not gone:
        return []
    return [
        f"[output] schema: {listed(gone)} cannot be enforced while an answer is written; every "
        "answer is checked against the whole schema afterwards"
    ]


def _leaks(report: SplitReport) -> list[str]:
    notes = []
    if report.near_duplicates:
        notes.append(
            f"{report.near_duplicates} examples that nearly repeat another or share its group "
            "stay on one side of the split with it"
        )
    for split, gone, later in (
        ("train", report.dropped_from_train, "dev or test"),
        ("dev", report.dropped_from_dev, "test"),
    ):
        if gone:
            notes.append(
                f"{split}: {len(gone)} examples left out because their input stands in {later} "
                f"too, such as {gone[0]!r}"
            )
    return notes


def read_rubric(path: Path, name: str) -> Rubric:
    """The rubric of a file; `UserError` with what is wrong in it.

    A `.toml` file has `criteria` (text, or a table of names and what each asks), `scale` (a table
    of whole marks and what each means) and `[[examples]]`. Any other file is the criteria as text,
    on the scale of right and wrong.
    """
    text = read_text(path, name).strip()
    if not text:
        raise UserError(f"{name}: the rubric is empty; write what the judge goes by")
    if path.suffix.lower() != ".toml":
        return Rubric(criteria=text)
    try:
        rubric = Rubric.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as problem:
        raise UserError(f"{name}: not valid TOML: {problem}; correct it") from None
    except ValidationError as problem:
        error = problem.errors(include_url=False)[0]
        place = ".".join(str(step) for step in error["loc"]) or "the file"
        raise UserError(f"{name}: {place}: {error['msg']}; correct it") from None
    outside = [one.mark for one in rubric.examples if one.mark not in rubric.scale]
    if outside:
        raise UserError(
            f"{name}: an example has the mark {outside[0]}, which is not on the scale of "
            f"{', '.join(map(str, sorted(rubric.scale)))}; correct the mark or the scale"
        )
    return rubric
