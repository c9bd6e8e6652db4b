"""A promptfoo configuration as a task: its instruction, its examples, its models.

What Rung cannot hold is left out and said: assertions that are code or a judge's rubric, further
prompts, red-team settings. Nothing of the configuration is run and no address is fetched.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.errors import UserError
from rung.exchange.importing.guessing import schema_of
from rung.exchange.importing.imported import Imported
from rung.exchange.importing.promptfoo_tests import (
    Test,
    paths_of,
    tests_of,
    text_at,
    text_of,
    with_environment,
    yaml_of,
)
from rung.exchange.importing.rungtoml import Draft, rung_toml
from rung.models.vendors import VENDORS
from rung.task.assertions import METRICS
from rung.task.chat import opened
from rung.task.rows import read_text
from rung.task.types import JsonValue
from rung.task.wording import listed

MOST_LABELS = 30
_PATH = re.compile(r"\w+(?:\.\w+|\[\d+\])*(?:\s*\|\s*trim)?")
"""What stands in a placeholder that can be filled in without running a template."""
_FILES = (".txt", ".md", ".json", ".yaml", ".yml", ".j2")
_CODE = (".py", ".js", ".ts", ".mjs", ".cjs", ".sh", ".rb", ".go", ".csv", ".jsonl")
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.\[\]'\"|() -]+?)\s*\}\}")
_WHY = {
    "javascript": "code, which is not run",
    "python": "code, which is not run",
    "webhook": "an address, which is not asked",
    "llm-rubric": "a judge's rubric",
    "g-eval": "a judge's rubric",
    "model-graded-closedqa": "a judge's rubric",
}
"""Why an assertion cannot be taken, where its name does not say it."""
_TEMPLATE = "an expression of a template"
_OWN = {"messages", "id", "expected"}
"""Variables of Rung's own export."""
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


def from_promptfoo(path: Path, name: str) -> Imported:
    """The task called `name` of a promptfoo configuration (YAML or JSON).

    Raises `UserError` where it holds no prompt, no tests or no expected answers.
    """
    missing: set[str] = set()
    config = with_environment(_mapping(path), missing)
    notes: list[str] = []
    if missing:
        notes.append(f"{{{{env.…}}}} is left as it stands for {listed(sorted(missing))}")
    tests = tests_of(config, path.parent, notes)
    if all(test.variables.keys() == _OWN for test in tests):
        system, user = _own(tests), ""
        rows, metric = [_own_row(test) for test in tests], "exact_match"
    else:
        system, user = _prompt(config, path.parent, notes)
        rows, metric = _examples(tests, user, notes)
    models = _models(config.get("providers", config.get("targets", [])), notes)
    for key in ("redteam", "derivedMetrics", "transform"):
        if key in config:
            notes.append(f"{key!r} is left out")
    output = _output(rows, tests, metric)
    text = rung_toml(
        Draft(
            name=name,
            instruction=_instruction(system, user, notes),
            output=output,
            metric="accuracy" if "labels" in output else metric,
            models=models,
            climb=_climb(config.get("providers", config.get("targets", [])), notes),
        )
    )
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Imported(files={"rung.toml": text, "examples.jsonl": lines}, notes=tuple(notes))


def _mapping(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; name the promptfooconfig.yaml")
    config = yaml_of(read_text(path, path.name), path.name)
    if not isinstance(config, dict) or "prompts" not in config:
        raise UserError(
            f"{path.name} is no promptfoo configuration: it has no 'prompts'; name the "
            "promptfooconfig.yaml"
        )
    return config


def _prompt(config: dict[str, Any], root: Path, notes: list[str]) -> tuple[str, str]:
    """System text and user template of the first prompt."""
    prompts = config["prompts"]
    prompts = prompts if isinstance(prompts, list) else [*prompts] if isinstance(prompts, dict) \
        else [prompts]  # fmt: skip
    if not prompts:
        raise UserError("promptfoo: 'prompts' is empty; at least one prompt is needed")
    if len(prompts) > 1:
        notes.append(f"{len(prompts) - 1} further prompts are left out: Rung writes its own")
    first = prompts[0]
    if isinstance(first, dict):
        first = first.get("raw") or first.get("id") or first.get("label") or ""
    text = _prompt_text(str(first), root, notes)
    apart = [part for part in re.split(r"(?m)^---\s*$", text) if part.strip()]
    if len(apart) > 1:
        notes.append(
            f"{len(apart) - 1} further prompts behind '---' are left out: Rung writes its own"
        )
        text = apart[0].strip()
    try:
        turns = yaml_of(text, "the prompt")
    except UserError:
        turns = None
    if not _is_chat(turns):
        return "", text.strip()
    by_role = {
        role: [str(t["content"]) for t in turns if t["role"] == role] for role in _roles(turns)
    }
    if "assistant" in by_role:
        notes.append("the prompt's own solved examples are left out: Rung chooses its shots")
    return "\n".join(by_role.get("system", [])), by_role.get("user", [""])[-1]


def _prompt_text(text: str, root: Path, notes: list[str]) -> str:
    """The text itself, or that of the file which it names with or without `file://`."""
    named = text.removeprefix("file://").strip()
    bare = "\n" not in named and " " not in named and named.endswith((*_FILES, *_CODE))
    if named == text and not bare and not named.startswith("exec:"):
        return text
    if not named.endswith(_FILES):
        raise UserError(f"promptfoo: the prompt {text!r} is code, which is not run: write it out")
    files = paths_of(named, root)
    if len(files) > 1:
        notes.append(f"{len(files) - 1} further prompts of {named!r} are left out")
    return text_at(files[0])


def _is_chat(turns: object) -> bool:
    return isinstance(turns, list) and all(
        isinstance(t, dict) and {"role", "content"} <= t.keys() for t in turns
    )


def _roles(turns: Sequence[dict[str, Any]]) -> set[str]:
    return {str(t["role"]) for t in turns}


def _examples(
    tests: Sequence[Test], user: str, notes: list[str]
) -> tuple[list[dict[str, JsonValue]], str]:
    """Rows with input and expected; the metric that most of their assertions mean."""
    rows: list[dict[str, JsonValue]] = []
    metrics: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for test in tests:
        graded = next((a for a in test.asserts if a.get("type") in METRICS), None)
        if graded is None or graded.get("value") is None:
            first = test.asserts[0] if test.asserts else {"type": "no assertion"}
            left_out[str(first.get("type") or first.get("$ref"))] += 1
            continue
        value = graded["value"]
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        variables = {
            k: _filled(v, test.variables) if isinstance(v, str) else v
            for k, v in test.variables.items()
        }
        expected = _filled(value, variables)
        if _is_template(expected):
            left_out[_TEMPLATE] += 1
            continue
        metrics[METRICS[graded["type"]]] += 1
        unread.update(str(a.get("type")) for a in test.asserts if a is not graded and not _json(a))
        used = {n for a in _PLACEHOLDER.findall(text_of(value)) for n in [_variable(a)]}
        asked = {k: v for k, v in variables.items() if k not in used or _uses(user, k)}
        row: dict[str, JsonValue] = {"input": _input(asked), "expected": expected}
        if test.description:
            row["meta"] = {"description": test.description}
        rows.append(row)
    if left_out:
        notes.append(
            f"cannot be taken: {left_out.total()} tests that name no expected answer: "
            f"{_counted(left_out)}"
        )
    if unread:
        notes.append(
            f"cannot be taken: {unread.total()} further assertions of the tests kept: "
            f"{_counted(unread)}"
        )
    if not rows:
        raise UserError(
            f"promptfoo: no test names an expected answer that Rung can hold "
            f"({listed(METRICS)}): {_counted(left_out)}; add answers, or write examples.jsonl "
            "by hand"
        )
    return rows, metrics.most_common(1)[0][0]


def _counted(kinds: Counter[str]) -> str:
    """Kinds of assertions with their counts, and why each cannot be taken."""
    parts = []
    for kind, count in kinds.most_common():
        why = _WHY.get(kind.removeprefix("not-"), "")
        parts.append(f"{count} {kind!r}" + (f" ({why})" if why else ""))
    return ", ".join(parts)


def _own(tests: Sequence[Test]) -> str:
    """The system text of Rung's own export."""
    turns = _messages(tests[0])
    return "\n".join(str(t["content"]) for t in turns if t["role"] == "system")


def _own_row(test: Test) -> dict[str, JsonValue]:
    asked = [str(turn["content"]) for turn in _messages(test) if turn["role"] == "user"]
    values = test.variables
    return {"id": str(values["id"]), "input": asked[-1], "expected": values["expected"]}


def _messages(test: Test) -> list[dict[str, Any]]:
    given = test.variables["messages"]
    turns = json.loads(given) if isinstance(given, str) else given
    return turns if _is_chat(turns) else []


def _climb(providers: Any, notes: list[str]) -> dict[str, JsonValue]:
    """What the providers' settings mean here; what they mean nowhere is said."""
    configs: list[dict[str, Any]] = []
    for one in providers if isinstance(providers, list) else [providers]:
        settings: Any = None
        if isinstance(one, dict):
            inner = next(iter(one.values()), None)
            settings = one.get("config") or (inner.get("config") if isinstance(inner, dict) else {})
        configs += [settings] if isinstance(settings, dict) else []
    tools = sum(bool(config.get("tools") or config.get("functions")) for config in configs)
    if tools:
        notes.append(f"cannot be taken: tools or functions of {tools} providers; answers are text")
    warmth = {config["temperature"] for config in configs if "temperature" in config}
    if len(warmth) > 1:
        notes.append(f"the providers' temperatures differ ({listed(sorted(warmth, key=str))}): 0")
    only = next(iter(warmth), None)
    return {"temperature": only} if len(warmth) == 1 and isinstance(only, int | float) else {}


def _uses(template: str, variable: str) -> bool:
    return any(_variable(placeholder) == variable for placeholder in _PLACEHOLDER.findall(template))


def _variable(placeholder: str) -> str:
    return re.split(r"[|.\[ ]", placeholder.strip(), maxsplit=1)[0]


def _filled(value: JsonValue, variables: dict[str, JsonValue]) -> JsonValue:
    """A value with variables put in where that needs no template to be run; objects as they are."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return [_filled(text_of(one), variables) if not isinstance(one, dict) else one
                for one in value]  # fmt: skip

    def put(match: re.Match[str]) -> str:
        if not _PATH.fullmatch(match[1]):
            return match[0]
        here: JsonValue = variables
        for step in re.findall(r"\w+", match[1].partition("|")[0]):
            try:
                here = here[int(step) if isinstance(here, list) else step]
            except (KeyError, IndexError, TypeError, ValueError):
                return match[0]
        return text_of(here).strip() if "|" in match[1] else text_of(here)

    return _PLACEHOLDER.sub(put, text_of(value))


def _is_template(value: JsonValue) -> bool:
    parts = value if isinstance(value, list) else [value]
    return any(
        isinstance(one, str) and re.search(r"\{\{.*\}\}|\{%.*%\}", one, re.S) for one in parts
    )


def _input(variables: dict[str, JsonValue]) -> JsonValue:
    """One variable is the input itself; several are its fields."""
    if len(variables) == 1:
        (only,) = variables.values()
        return only if isinstance(only, str | dict) else json.dumps(only, ensure_ascii=False)
    return variables


def _instruction(system: str, user: str, notes: list[str]) -> str:
    """System text, and the words of the user's template around its placeholders."""
    system, words = (
        _PLACEHOLDER.sub(lambda m: f"<{_variable(m[1])}>", text).strip() for text in (system, user)
    )
    bare = re.sub(r"<\w+>\s*$", "", words).rstrip().removesuffix(":").strip()
    kept = "\n".join(part for part in (system, bare) if part)
    if "{%" in kept or re.search(r"<\w+>", kept):
        notes.append(
            "the prompt puts variables into its middle: look at the instruction, in which they "
            "stand as <name>; Rung sends them after it"
        )
    return kept or "Answer."


def _output(
    rows: Sequence[dict[str, JsonValue]], tests: Sequence[Test], metric: str
) -> dict[str, JsonValue]:
    """Labels where few answers repeat, the schema that `is-json` gives, else text."""
    for test in tests:
        for one in test.asserts:
            if schema := _json(one):
                return {"schema": schema}
    if all(isinstance(row["expected"], dict) for row in rows):
        return {"schema": schema_of([row["expected"] for row in rows])}
    answers = Counter(str(row["expected"]) for row in rows)
    if any(isinstance(row["expected"], list) for row in rows):
        return {"text": {}}
    repeated = len(answers) <= min(MOST_LABELS, len(rows) / 3)
    if metric == "exact_match" and len(answers) > 1 and repeated:
        return {"labels": sorted(answers)}
    return {"text": {}}


def _json(one: dict[str, Any]) -> dict[str, JsonValue] | None:
    """The schema of the answer, where an assertion gives it."""
    if one.get("type") not in ("is-json", "contains-json"):
        return None
    schema = opened(one.get("value"))
    return schema if isinstance(schema, dict) else None


def _models(providers: Any, notes: list[str]) -> list[str]:
    given = providers if isinstance(providers, list) else [providers]
    named: list[str] = []
    unknown: list[str] = []
    for one in given:
        config: dict[str, Any] = {}
        name = one
        if isinstance(one, dict):
            name = one.get("id") or next(iter(one), "")
            config = one.get("config") or (one.get(name) or {}).get("config") or {}
        model = _model(str(name), config)
        (named if model else unknown).append(model or str(name))
    if unknown:
        notes.append(f"providers that Rung does not know are left out: {listed(unknown)}")
    return list(dict.fromkeys(named))


def _model(name: str, config: dict[str, Any]) -> str | None:
    for pattern, prefix in _MODELS:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        url = config.get("apiBaseUrl")
        return f"{url}#{match['m']}" if url else f"{prefix}{match['m']}"
    return None
