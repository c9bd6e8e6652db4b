"""The tests of a promptfoo configuration, as promptfoo reads them: files, globs, lists."""

import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rung.errors import UserError
from rung.task.assertions import expectations
from rung.task.rows import read_text
from rung.task.tabular import csv_rows
from rung.task.types import JsonValue
from rung.task.wording import listed, shown

_CODE = (".py", ".js", ".ts", ".mjs", ".cjs")
_ENV = re.compile(
    r"\{\{-?\s*env(?:\.(\w+)|\[['\"](\w+)['\"]\])\s*"
    r"(?:\|\s*default\(\s*(?:'([^']*)'|\"([^\"]*)\")\s*(?:,\s*true\s*)?\)\s*)?-?\}\}"
)
_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_MOST = 10_000
"""Tests above which the product of a test's lists is a mistake."""
_NODES = 1_000_000
"""Values of a YAML file, those behind an alias counted wherever it stands."""


class Test(NamedTuple):
    """One test: variables, and what answers are held against."""

    variables: dict[str, JsonValue]
    asserts: list[dict[str, Any]]
    description: str


def yaml_of(text: str, name: str) -> Any:
    """YAML 1.2, in which `yes` and `on` are text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    loader = YAML(typ="safe", pure=True)
    loader.constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
    try:
        value = loader.load(text)
    except (YAMLError, ValueError, RecursionError) as problem:
        lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
        fault = next((line for line in lines if line.startswith("found duplicate")), lines[0])
        raise UserError(f"{name}: not readable as YAML ({fault}); correct it") from None
    if not _is_small(value):
        raise UserError(
            f"{name}: its aliases stand for more than {_NODES:,} values, or for themselves; "
            "write out what is meant"
        )
    return value


def _is_small(value: Any) -> bool:
    """Whether a value can be walked: aliases in aliases are small in a file, endless in memory."""
    waiting, seen = [value], 0
    while waiting and seen <= _NODES:
        one = waiting.pop()
        seen += 1
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return seen <= _NODES


def text_of(value: JsonValue) -> str:
    """A value as promptfoo writes it into a text: `true`, 1 for 1.0, objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def with_environment(value: Any, missing: set[str]) -> Any:
    """`{{env.X}}` filled in; what is not set, or names a secret, stays and is told in `missing`."""

    def put(match: re.Match[str]) -> str:
        name, otherwise = match[1] or match[2], match[3] if match[3] is not None else match[4]
        if name not in os.environ and otherwise is not None:
            return str(otherwise)
        if name not in os.environ or _SECRET.search(name):
            missing.add(name)
            return match[0]
        return os.environ[name]

    if isinstance(value, str):
        return _ENV.sub(put, value)
    if isinstance(value, dict):
        return {key: with_environment(one, missing) for key, one in value.items()}
    return [with_environment(one, missing) for one in value] if isinstance(value, list) else value


def tests_of(config: Mapping[str, Any], root: Path, notes: list[str]) -> list[Test]:
    """Every test with the defaults in it, one for each combination of its listed values."""
    default = config.get("defaultTest")
    if isinstance(default, str):
        default = next(iter(_from_file(default, root)), {})
    written = [*_listed_tests(config.get("tests"), root), *_of_scenarios(config, root)]
    if not written:
        raise UserError("promptfoo: there are no 'tests' to take examples from")
    tests: list[Test] = []
    read: set[str] = set()
    for one in written:
        if not _is_test(one):
            raise UserError(f"promptfoo: the test {shown(one)} is no mapping of vars and asserts")
        tests += _with_default(one, default if isinstance(default, dict) else {}, root, read)
    if read:
        notes.append(
            f"variables were read from {len(read)} files ({listed(sorted(read))}): where they are "
            "what answers are looked up in, name their folder as [task] documents"
        )
    if len(tests) > len(written):
        notes.append(f"lists of values make {len(tests)} tests of {len(written)}")
    return tests


def _listed_tests(given: Any, root: Path) -> list[dict[str, Any]]:
    if isinstance(given, dict) and "path" in given:
        given = given["path"]
    written: list[dict[str, Any]] = []
    for one in given if isinstance(given, list) else [given] if given else []:
        written += _from_file(one, root) if isinstance(one, str) else [one]
    return written


def _of_scenarios(config: Mapping[str, Any], root: Path) -> list[dict[str, Any]]:
    """Each test of a scenario with each of its configurations."""
    scenarios = config.get("scenarios") or []
    if isinstance(scenarios, str) or not all(isinstance(one, dict) for one in scenarios):
        raise UserError("promptfoo: 'scenarios' in files of their own are not read: write them out")
    made = []
    for scenario in scenarios:
        tests = _listed_tests(scenario.get("tests"), root)
        for given, test in itertools.product(scenario.get("config") or [{}], tests):
            if not (_is_test(given) and _is_test(test)):
                raise UserError(f"promptfoo: {shown(test)} is no mapping of vars and asserts")
            both = {**(given.get("vars") or {}), **(test.get("vars") or {})}
            asserts = [*(given.get("assert") or []), *(test.get("assert") or [])]
            made.append({**test, "vars": both, "assert": asserts})
    return made


def _with_default(
    one: Mapping[str, Any], default: Mapping[str, Any], root: Path, read: set[str]
) -> list[Test]:
    given = one.get("vars") or {}
    if isinstance(given, str):
        given = _variables_file(given, root)
    variables = {**(default.get("vars") or {}), **given}
    options = {**(default.get("options") or {}), **(one.get("options") or {})}
    asserts = [*(default.get("assert") or []), *(one.get("assert") or [])]
    if options.get("disableDefaultAsserts"):
        asserts = list(one.get("assert") or [])
    whole = bool(options.get("disableVarExpansion"))
    asserts = [_with_value(each, root) for each in flat(asserts)]
    description = str(one.get("description") or "")
    return [
        Test(combined, asserts, description)
        for combined in _combinations(variables, root, read, whole)
    ]


def _is_test(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    given, asserts = one.get("vars") or {}, one.get("assert") or []
    files = isinstance(given, str) and given.startswith("file://")
    return (
        (isinstance(given, dict) or files)
        and isinstance(asserts, list)
        and all(isinstance(each, dict) for each in asserts)
    )


def flat(asserts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Assertion sets opened."""
    opened: list[dict[str, Any]] = []
    for one in asserts:
        inner = one.get("assert") if one.get("type") == "assert-set" else None
        opened += flat(inner) if inner else [one]
    return opened


def _with_value(one: dict[str, Any], root: Path) -> dict[str, Any]:
    """An assertion with what stands in the file that its value names; code stays a name."""
    value = one.get("value")
    if not (isinstance(value, str) and value.startswith("file://")):
        return one
    if re.search(r"\.(py|rb|[mc]?js|ts)(:|$)", value):
        return one
    path = paths_of(value, root)[0]
    text = text_at(path)
    data = path.suffix.lower() in (".yaml", ".yml", ".json")
    return {**one, "value": yaml_of(text, path.name) if data else text.strip()}


def _variables_file(name: str, root: Path) -> dict[str, JsonValue]:
    merged: dict[str, JsonValue] = {}
    for path in paths_of(name, root):
        loaded = yaml_of(text_at(path), path.name)
        merged |= loaded if isinstance(loaded, dict) else {}
    return merged


def _combinations(
    variables: Mapping[str, JsonValue], root: Path, read: set[str], whole: bool
) -> Iterator[dict[str, JsonValue]]:
    """Each combination of the values of variables that are lists, or files by a glob."""
    choices: dict[str, list[JsonValue]] = {}
    size = 1
    for key, value in variables.items():
        if isinstance(value, str) and value.startswith("file://"):
            value = [_value_of(path, read) for path in paths_of(value, root)]
            choices[key] = value if len(value) != 1 else _choices(value[0], whole)
        else:
            choices[key] = _choices(value, whole)
        size *= max(1, len(choices[key]))
    if size > _MOST:
        raise UserError(f"promptfoo: the lists of one test make {size:,} tests; shorten them")
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


def _choices(value: JsonValue, whole: bool) -> list[JsonValue]:
    plain = isinstance(value, list) and value and not any(isinstance(v, dict) for v in value)
    return list(value) if plain and not whole else [value]


def _value_of(path: Path, read: set[str]) -> JsonValue:
    kind = path.suffix.lower()
    if kind in _CODE:
        raise UserError(f"promptfoo: a variable is the code {path.name}, which is not run")
    if kind in (".pdf", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp3", ".wav", ".mp4"):
        raise UserError(
            f"promptfoo: a variable is the file {path.name}, and Rung reads text only; write out "
            "what it says"
        )
    read.add(path.name)
    text = text_at(path)
    return yaml_of(text, path.name) if kind in (".yaml", ".yml", ".json") else text


def paths_of(named: str, root: Path) -> list[Path]:
    """The files that a `file://` name or glob means; `UserError` where there is none."""
    name = named.removeprefix("file://")
    if any(sign in name for sign in "*?["):
        paths = sorted(path for path in root.glob(name) if path.is_file())
        if not paths:
            raise UserError(f"promptfoo: no file is called {named!r}; check the path")
        return paths
    return [root / name]


def text_at(path: Path) -> str:
    """The text of a file that the configuration names."""
    if not path.is_file():
        raise UserError(
            f"promptfoo: {path}: no such file; check the path, which begins at the configuration"
        )
    return read_text(path, path.name)


def _from_file(name: str, root: Path) -> list[dict[str, Any]]:
    named = name.removeprefix("file://")
    if "://" in named or re.search(r"\.(py|[mc]?js|ts)(:|$)", named):
        raise UserError(f"promptfoo: tests from {name!r} are not fetched or run: save them as CSV")
    if re.search(r"\.(xlsx?|ods)(#|$)", named):
        raise UserError(f"promptfoo: tests from {name!r} are not read: save the sheet as CSV")
    rows: list[dict[str, Any]] = []
    for path in paths_of(name, root):
        text = text_at(path)
        try:
            if path.suffix == ".csv":
                rows += [_from_cells(row.data) for row in csv_rows(text, path.name, [])]
            elif path.suffix == ".jsonl":
                rows += [json.loads(line) for line in text.split("\n") if line.strip()]
            else:
                loaded = yaml_of(text, path.name)
                rows += loaded if isinstance(loaded, list) else [loaded]
        except (ValueError, RecursionError) as problem:
            raise UserError(
                f"{path.name}: cannot be read ({str(problem).splitlines()[0]})"
            ) from None
    return rows


def _from_cells(row: dict[str, Any]) -> dict[str, Any]:
    """A CSV row: `__expected` columns are assertions, others starting with `__` are settings."""
    asserts = [{"type": kind, "value": value} for kind, value in expectations(row)]
    variables = {k: v for k, v in row.items() if not k.startswith("__")}
    return {"vars": variables, "assert": asserts, "description": row.get("__description", "")}
