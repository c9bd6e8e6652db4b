"""A promptfoo configuration as a task: its instruction, its examples, its models.

What Rung cannot hold is left out and said: assertions that are code or a judge's rubric, further
prompts, red-team settings. Nothing of the configuration is run and no address is fetched.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rung.errors import UserError
from rung.importing.rungtoml import rung_toml
from rung.models.vendors import VENDORS
from rung.task.rows import read_text
from rung.task.types import Frozen, JsonValue
from rung.task.wording import listed, shown

METRICS = {
    "equals": "exact_match",
    "iequals": "exact_match",
    "contains": "contains",
    "icontains": "contains",
}
"""Assertions that name an expected answer, and the metric that judges alike."""
MOST_LABELS = 30
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.\[\]'\"|() -]+?)\s*\}\}")
_CELL = re.compile(r"^(i?equals|i?contains):\s*(.*)$", re.DOTALL)
_OTHER = re.compile(r"(not-)?[a-z][a-z-]*(\([\d.]+\))?:")
_MODES = "chat|responses|completion|messages"
_MODELS = tuple(
    (
        re.compile(rf"{vendor.promptfoo.partition(':')[0]}:(?:(?:{_MODES}):)?(?P<m>{form})$"),
        f"{vendor.name}/",
    )
    for vendor in VENDORS.values()
    if vendor.promptfoo is not None
    # OpenAI's other modes, such as `openai:embedding:…`, are no chat models.
    for form in (["[^:]+|ft:.+"] if vendor.name == "openai" else [".+"])
)


class Imported(Frozen):
    """The files of a task, and what could not be brought along."""

    files: dict[str, str]
    notes: tuple[str, ...]


class _Test(NamedTuple):
    """One test: variables, and what answers are held against."""

    variables: dict[str, JsonValue]
    asserts: list[dict[str, Any]]
    description: str


def from_promptfoo(path: Path, name: str) -> Imported:
    """The task called `name` of a promptfoo configuration (YAML or JSON).

    Raises `UserError` where it holds no prompt, no tests or no expected answers.
    """
    config = _mapping(path)
    notes: list[str] = []
    system, user = _prompt(config, path.parent, notes)
    tests = _tests(config, path.parent)
    rows, metric = _examples(tests, user, notes)
    models = _models(config.get("providers", config.get("targets", [])), notes)
    for key in ("redteam", "scenarios", "derivedMetrics", "transform"):
        if key in config:
            notes.append(f"{key!r} is left out")
    output = _output(rows, tests, metric)
    text = rung_toml(
        name=name,
        instruction=_instruction(system, user, notes),
        output=output,
        metric="accuracy" if "labels" in output else metric,
        models=models,
    )
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Imported(files={"rung.toml": text, "examples.jsonl": lines}, notes=tuple(notes))


def _mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; name the promptfooconfig.yaml")
    try:
        config = yaml.safe_load(read_text(path, path.name))
    except yaml.YAMLError as problem:
        raise UserError(
            f"{path.name}: not readable as YAML ({str(problem).splitlines()[0]}); correct it"
        ) from None
    if not isinstance(config, dict) or "prompts" not in config:
        raise UserError(
            f"{path.name} is no promptfoo configuration: it has no 'prompts'; name the "
            "promptfooconfig.yaml"
        )
    return config


def _prompt(config: dict[str, Any], root: Path, notes: list[str]) -> tuple[str, str]:
    """System text and user template of the first prompt."""
    prompts = config["prompts"]
    prompts = prompts if isinstance(prompts, list) else [prompts]
    if not prompts:
        raise UserError("promptfoo: 'prompts' is empty; at least one prompt is needed")
    if len(prompts) > 1:
        notes.append(f"{len(prompts) - 1} further prompts are left out: Rung writes its own")
    first = prompts[0]
    if isinstance(first, dict):
        first = first.get("raw") or first.get("id") or first.get("label") or ""
    text = str(first)
    if text.startswith("file://"):
        named = text.removeprefix("file://")
        if not named.endswith((".txt", ".md", ".json", ".yaml", ".yml")):
            raise UserError(
                f"promptfoo: the prompt {text!r} is code, which is not run: write it out"
            )
        text = read_text(root / named, named)
    try:
        turns = yaml.safe_load(text)
    except yaml.YAMLError:
        turns = None
    if not _is_chat(turns):
        return "", text.strip()
    said = {role: [str(t["content"]) for t in turns if t["role"] == role] for role in _roles(turns)}
    if "assistant" in said:
        notes.append("the prompt's own solved examples are left out: Rung chooses its shots")
    return "\n".join(said.get("system", [])), said.get("user", [""])[-1]


def _is_chat(turns: object) -> bool:
    return isinstance(turns, list) and all(
        isinstance(t, dict) and {"role", "content"} <= t.keys() for t in turns
    )


def _roles(turns: Sequence[dict[str, Any]]) -> set[str]:
    return {str(t["role"]) for t in turns}


def _tests(config: dict[str, Any], root: Path) -> list[_Test]:
    default = config.get("defaultTest")
    default = default if isinstance(default, dict) else {}
    given = config.get("tests")
    listed_tests = given if isinstance(given, list) else [given] if given else []
    found: list[dict[str, Any]] = []
    for one in listed_tests:
        found += _from_file(one, root) if isinstance(one, str) else [one]
    if not found:
        raise UserError("promptfoo: there are no 'tests' to take examples from")
    tests = []
    for one in found:
        if not _is_test(one):
            raise UserError(f"promptfoo: the test {shown(one)} is no mapping of vars and asserts")
        variables = {**default.get("vars", {}), **(one.get("vars") or {})}
        asserts = [*default.get("assert", []), *(one.get("assert") or [])]
        tests.append(_Test(variables, _flat(asserts), str(one.get("description") or "")))
    return tests


def _is_test(one: object) -> bool:
    if not isinstance(one, dict):
        return False
    given, asserts = one.get("vars") or {}, one.get("assert") or []
    return (
        isinstance(given, dict)
        and isinstance(asserts, list)
        and all(isinstance(each, dict) for each in asserts)
    )


def _flat(asserts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Assertion sets opened."""
    flat: list[dict[str, Any]] = []
    for one in asserts:
        inner = one.get("assert") if one.get("type") == "assert-set" else None
        flat += _flat(inner) if inner else [one]
    return flat


def _from_file(name: str, root: Path) -> list[dict[str, Any]]:
    named = name.removeprefix("file://")
    if "://" in named or named.endswith((".py", ".js", ".ts", ".mjs")):
        raise UserError(f"promptfoo: tests from {name!r} are not fetched or run: save them as CSV")
    text = read_text(root / named, named)
    try:
        if named.endswith(".csv"):
            return [_from_cells(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
        if named.endswith(".jsonl"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        loaded = yaml.safe_load(text)
    except (csv.Error, ValueError, yaml.YAMLError) as problem:
        raise UserError(f"{named}: cannot be read ({str(problem).splitlines()[0]})") from None
    return loaded if isinstance(loaded, list) else [loaded]


def _from_cells(row: dict[str, str]) -> dict[str, Any]:
    """A CSV row: `__expected` columns are assertions, others starting with `__` are settings."""
    asserts = []
    for key, cell in row.items():
        if re.fullmatch(r"__expected\d*", key) and cell:
            found = _CELL.match(cell)
            kind, value = found.groups() if found else ("equals", cell)
            if found is None and _OTHER.match(cell):
                kind = cell.partition(":")[0]
            asserts.append({"type": kind, "value": value})
    variables = {k: v for k, v in row.items() if not k.startswith("__")}
    return {"vars": variables, "assert": asserts, "description": row.get("__description", "")}


def _examples(
    tests: Sequence[_Test], user: str, notes: list[str]
) -> tuple[list[dict[str, JsonValue]], str]:
    """Rows with input and expected; the metric that most of their assertions mean."""
    rows: list[dict[str, JsonValue]] = []
    metrics: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for test in tests:
        found = next((a for a in test.asserts if a.get("type") in METRICS), None)
        if found is None or not isinstance(found.get("value"), str | int | float):
            left_out[str(test.asserts[0].get("type")) if test.asserts else "no assertion"] += 1
            continue
        metrics[METRICS[found["type"]]] += 1
        unread.update(str(a.get("type")) for a in test.asserts if a is not found and not _json(a))
        expected = _filled(str(found["value"]), test.variables)
        used = {n for a in _PLACEHOLDER.findall(str(found["value"])) for n in [_variable(a)]}
        asked = {k: v for k, v in test.variables.items() if k not in used or _uses(user, k)}
        row: dict[str, JsonValue] = {"input": _input(asked), "expected": expected}
        if test.description:
            row["meta"] = {"description": test.description}
        rows.append(row)
    if left_out:
        kinds = ", ".join(f"{n} with {kind!r}" for kind, n in left_out.most_common())
        notes.append(
            f"{left_out.total()} tests are left out, because they name no expected answer: {kinds}"
        )
    if unread:
        kinds = ", ".join(f"{n} {kind!r}" for kind, n in unread.most_common())
        notes.append(f"{unread.total()} further assertions of the tests kept are left out: {kinds}")
    if not rows:
        raise UserError(
            "promptfoo: no test names an expected answer that Rung can hold (assertions "
            f"{listed(METRICS)}); add them, or write examples.jsonl by hand"
        )
    return rows, metrics.most_common(1)[0][0]


def _uses(template: str, variable: str) -> bool:
    return any(_variable(found) == variable for found in _PLACEHOLDER.findall(template))


def _variable(placeholder: str) -> str:
    return re.split(r"[|.\[ ]", placeholder.strip(), maxsplit=1)[0]


def _filled(text: str, variables: dict[str, JsonValue]) -> str:
    def value(found: re.Match[str]) -> str:
        name = _variable(found[1])
        return str(variables[name]) if name in variables else found[0]

    return _PLACEHOLDER.sub(value, text)


def _input(variables: dict[str, JsonValue]) -> JsonValue:
    """One variable is the input itself; several are its fields."""
    if len(variables) == 1:
        (only,) = variables.values()
        return only if isinstance(only, str | dict) else json.dumps(only, ensure_ascii=False)
    return variables


def _instruction(system: str, user: str, notes: list[str]) -> str:
    """System text, and the words of the user's template around its placeholders."""
    words = _PLACEHOLDER.sub(lambda m: f"<{_variable(m[1])}>", user).strip()
    bare = re.sub(r"<\w+>\s*$", "", words).rstrip().removesuffix(":").strip()
    kept = "\n".join(part for part in (system.strip(), bare) if part)
    if "{%" in kept or re.search(r"<\w+>", bare):
        notes.append(
            "the prompt puts variables into its middle: look at the instruction, in which they "
            "stand as <name>; Rung sends them after it"
        )
    return kept or "Answer."


def _output(
    rows: Sequence[dict[str, JsonValue]], tests: Sequence[_Test], metric: str
) -> dict[str, JsonValue]:
    """Labels where few answers repeat, the schema that `is-json` gives, else text."""
    for test in tests:
        for one in test.asserts:
            if _json(one):
                return {"schema": one["value"]}
    answers = Counter(str(row["expected"]) for row in rows)
    repeated = len(answers) <= min(MOST_LABELS, len(rows) / 3)
    if metric == "exact_match" and len(answers) > 1 and repeated:
        return {"labels": sorted(answers)}
    return {"text": {}}


def _json(one: dict[str, Any]) -> bool:
    """An assertion that gives the schema of the answer."""
    return one.get("type") in ("is-json", "contains-json") and isinstance(one.get("value"), dict)


def _models(providers: Any, notes: list[str]) -> list[str]:
    given = providers if isinstance(providers, list) else [providers]
    found: list[str] = []
    unknown: list[str] = []
    for one in given:
        config: dict[str, Any] = {}
        name = one
        if isinstance(one, dict):
            name = one.get("id") or next(iter(one), "")
            config = one.get("config") or (one.get(name) or {}).get("config") or {}
        model = _model(str(name), config)
        (found if model else unknown).append(model or str(name))
    if unknown:
        notes.append(f"providers that Rung does not know are left out: {listed(unknown)}")
    return list(dict.fromkeys(found))


def _model(name: str, config: dict[str, Any]) -> str | None:
    for pattern, prefix in _MODELS:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        url = config.get("apiBaseUrl")
        return f"{url}#{match['m']}" if url else f"{prefix}{match['m']}"
    return None
