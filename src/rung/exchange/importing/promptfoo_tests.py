"""The tests of a promptfoo configuration, as promptfoo reads them: files, globs, lists."""

import csv
import io
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
from rung.task.types import JsonValue
from rung.task.wording import listed, shown

_CODE = (".py", ".js", ".ts", ".mjs", ".cjs")
_ENV = re.compile(r"\{\{\s*env\.(\w+)\s*\}\}|\{\{\s*env\[['\"](\w+)['\"]\]\s*\}\}")
_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_MOST = 10_000
"""Tests above which the product of a test's lists is a mistake."""


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
    loader.allow_duplicate_keys = True
    try:
        return loader.load(text)
    except (YAMLError, ValueError) as problem:
        raise UserError(
            f"{name}: not readable as YAML ({str(problem).splitlines()[0]}); correct it"
        ) from None


def with_environment(value: Any, missing: set[str]) -> Any:
    """`{{env.X}}` filled in; what is not set, or names a secret, stays and is told in `missing`."""

    def put(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in os.environ or _SECRET.search(name):
            missing.add(name)
            return found[0]
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
    found = _listed_tests(config.get("tests"), root)
    tests: list[Test] = []
    read: set[str] = set()
    for one in found:
        if not _is_test(one):
            raise UserError(f"promptfoo: the test {shown(one)} is no mapping of vars and asserts")
        tests += _with_default(one, default if isinstance(default, dict) else {}, root, read)
    if read:
        notes.append(
            f"variables were read from {len(read)} files ({listed(sorted(read))}): where they are "
            "what answers are looked up in, name their folder as [task] documents"
        )
    if len(tests) > len(found):
        notes.append(f"lists of values make {len(tests)} tests of {len(found)}")
    return tests


def _listed_tests(given: Any, root: Path) -> list[dict[str, Any]]:
    if isinstance(given, dict) and "path" in given:
        given = given["path"]
    found: list[dict[str, Any]] = []
    for one in given if isinstance(given, list) else [given] if given else []:
        found += _from_file(one, root) if isinstance(one, str) else [one]
    if not found:
        raise UserError("promptfoo: there are no 'tests' to take examples from")
    return found


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
    description = str(one.get("description") or "")
    return [
        Test(combined, flat(asserts), description)
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


def _variables_file(name: str, root: Path) -> dict[str, JsonValue]:
    merged: dict[str, JsonValue] = {}
    for path in paths_of(name, root):
        loaded = yaml_of(read_text(path, path.name), path.name)
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
    text = read_text(path, path.name)
    return yaml_of(text, path.name) if kind in (".yaml", ".yml", ".json") else text


def paths_of(named: str, root: Path) -> list[Path]:
    """The files that a `file://` name or glob means; `UserError` where there is none."""
    name = named.removeprefix("file://")
    if any(sign in name for sign in "*?["):
        found = sorted(path for path in root.glob(name) if path.is_file())
        if not found:
            raise UserError(f"promptfoo: no file is called {named!r}; check the path")
        return found
    return [root / name]


def _from_file(name: str, root: Path) -> list[dict[str, Any]]:
    named = name.removeprefix("file://")
    if "://" in named or re.search(r"\.(py|[mc]?js|ts)(:|$)", named):
        raise UserError(f"promptfoo: tests from {name!r} are not fetched or run: save them as CSV")
    rows: list[dict[str, Any]] = []
    for path in paths_of(name, root):
        text = read_text(path, path.name)
        try:
            if path.suffix == ".csv":
                reader = csv.DictReader(io.StringIO(text, newline=""))
                rows += [_from_cells(row) for row in reader]
            elif path.suffix == ".jsonl":
                rows += [json.loads(line) for line in text.split("\n") if line.strip()]
            else:
                loaded = yaml_of(text, path.name)
                rows += loaded if isinstance(loaded, list) else [loaded]
        except (csv.Error, ValueError) as problem:
            raise UserError(
                f"{path.name}: cannot be read ({str(problem).splitlines()[0]})"
            ) from None
    return rows


def _from_cells(row: dict[str, str]) -> dict[str, Any]:
    """A CSV row: `__expected` columns are assertions, others starting with `__` are settings."""
    asserts = [{"type": kind, "value": _listed(kind, value)} for kind, value in expectations(row)]
    variables = {k: v for k, v in row.items() if not k.startswith("__")}
    return {"vars": variables, "assert": asserts, "description": row.get("__description", "")}


def _listed(kind: str, value: str) -> JsonValue:
    many = kind.removeprefix("not-").removeprefix("i") in ("contains-any", "contains-all")
    return [one.strip() for one in value.split(",")] if many else value
