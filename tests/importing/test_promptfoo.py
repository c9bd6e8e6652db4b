"""promptfoo's configurations become tasks; what cannot be brought along is said."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import rung
from rung.cli.app import app
from rung.errors import UserError
from rung.exchange.importing import from_promptfoo

WORDS = ("billing", "shipping", "returns")


def given_tests(n: int = 30) -> list[dict[str, Any]]:
    return [
        {
            "vars": {"message": f"Message number {i * 7919} says {chr(97 + i % 26) * 9}"},
            "assert": [{"type": "equals", "value": WORDS[i % 3]}],
        }
        for i in range(n)
    ]


def write(folder: Path, **parts: Any) -> Path:
    plain = {
        "prompts": ["Which queue does this message belong to? {{message}}"],
        "providers": ["openai:chat:gpt-4.1-mini"],
        "tests": given_tests(),
    }
    path = folder / "promptfooconfig.yaml"
    path.write_text(yaml.safe_dump({**plain, **parts}))
    return path


def test_repeated_answers_become_labels(tmp_path: Path) -> None:
    path = write(tmp_path)
    done = CliRunner().invoke(app, ["init", str(tmp_path / "new"), "--from", str(path)])
    assert done.exit_code == 0, done.output
    task = rung.load_task(tmp_path / "new")
    assert task.output.kind == "labels" and task.output.labels == tuple(sorted(WORDS))
    assert task.instruction == "Which queue does this message belong to?"
    assert task.models.to_try == ("openai/gpt-4.1-mini",) and task.target.metric == "accuracy"
    rows = [*task.train, *task.dev, *task.test]
    expected = {t["vars"]["message"]: t["assert"][0]["value"] for t in given_tests()}
    assert {e.input: e.expected for e in rows} == expected


def test_chat_prompts_defaults_and_references(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(
        json.dumps(
            [
                {"role": "system", "content": "Answer from the text."},
                {"role": "user", "content": "Text: {{text}}\nQuestion: {{question}}"},
            ]
        )
    )
    given = [{"vars": {"question": f"What is {i}?", "gold": f"it is {i * 13}"}} for i in range(12)]
    path = write(
        tmp_path,
        prompts=["file://p.json", "another {{text}}"],
        tests=given,
        defaultTest={
            "vars": {"text": "The book."},
            "assert": [{"type": "icontains", "value": "{{ gold | trim }}"}],
        },
    )
    made = from_promptfoo(path, "t")
    rows = [json.loads(line) for line in made.files["examples.jsonl"].splitlines()]
    assert rows[3] == {
        "input": {"text": "The book.", "question": "What is 3?"},
        "expected": "it is 39",
    }
    assert 'metric = "contains"' in made.files["rung.toml"]
    assert any("1 further prompts" in n for n in made.notes)
    assert any("look at the instruction" in n for n in made.notes)


def test_csv_tests(tmp_path: Path) -> None:
    lines = ["message,__expected,__description"]
    lines += [f"text number {i} {'x' * i},equals: Time: {i},row {i}" for i in range(10)]
    lines += ["judged,llm-rubric: is nice,r", "plain,Note: this is plain,p"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    made = from_promptfoo(write(tmp_path, tests="file://t.csv"), "t")
    rows = [json.loads(line) for line in made.files["examples.jsonl"].splitlines()]
    assert rows[2] == {
        "input": "text number 2 xx",
        "expected": "Time: 2",
        "meta": {"description": "row 2"},
    }
    assert rows[-1]["expected"] == "Note: this is plain" and len(rows) == 11
    assert any("1 tests that name no expected" in n and "llm-rubric" in n for n in made.notes)


def test_a_json_assertion_gives_the_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    given = [
        {
            "vars": {"m": f"number {i} " + "y" * i},
            "assert": [
                {"type": "is-json", "value": schema},
                {"type": "equals", "value": json.dumps({"a": i})},
            ],
        }
        for i in range(12)
    ]
    made = from_promptfoo(write(tmp_path, tests=given), "t")
    for name, text in made.files.items():
        (tmp_path / name).write_text(text)
    task = rung.load_task(tmp_path)
    assert task.output.kind == "schema" and task.output.json_schema == schema
    assert {e.expected["a"] for e in (*task.train, *task.dev, *task.test)} == set(range(12))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai:gpt-4o", "openai/gpt-4o"),
        ("anthropic:messages:claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
        ("google:gemini-2.5-flash", "gemini/gemini-2.5-flash"),
        ("ollama:chat:qwen3:4b", "ollama/qwen3:4b"),
        ({"id": "openai:chat:m", "config": {"apiBaseUrl": "http://h:1/v1"}}, "http://h:1/v1#m"),
    ],
)
def test_providers_become_models(provider: Any, model: str, tmp_path: Path) -> None:
    made = from_promptfoo(write(tmp_path, providers=[provider, "exec:python x.py"]), "t")
    assert f'try = ["{model}"]' in made.files["rung.toml"]
    assert any("'exec:python x.py'" in n for n in made.notes)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"tests": [{"vars": {"a": "b"}, "assert": [{"type": "javascript"}]}]}, "no test names"),
        ({"tests": []}, "there are no 'tests'"),
        ({"tests": "file://t.py"}, "are not fetched or run"),
        ({"tests": "https://x.y/t.csv"}, "are not fetched or run"),
        ({"tests": "file://gone.csv"}, "no such file"),
        ({"prompts": ["file://p.js"]}, "is code, which is not run"),
        ({"prompts": []}, "'prompts' is empty"),
        ({"tests": [{"vars": "a.yaml", "assert": []}]}, "is no mapping of vars and asserts"),
        ({"tests": [{"vars": {"a": "b"}, "assert": ["equals"]}]}, "is no mapping of vars"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    parts: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        from_promptfoo(write(tmp_path, **parts), "t")


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    tests = given_tests()
    tests[0]["assert"].append({"type": "llm-rubric", "value": "kind"})
    tests[1]["assert"].append({"type": "llm-rubric", "value": "kind"})
    tests[2]["assert"].append({"type": "javascript", "value": "true"})
    notes = from_promptfoo(write(tmp_path, tests=tests), "t").notes
    assert notes == (
        "cannot be taken: 3 further assertions of the tests kept: 2 'llm-rubric' (a judge's "
        "rubric), 1 'javascript' (code, which is not run)",
    )


def test_a_file_that_is_not_there_is_named_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}/gone.yaml: no such file; name the"):
        from_promptfoo(tmp_path / "gone.yaml", "t")


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "!!python/object/apply:os.system [echo]"])
def test_a_file_that_is_none_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UserError):
        from_promptfoo(path, "t")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text("mine")
    done = CliRunner().invoke(app, ["init", str(tmp_path), "--from", str(write(tmp_path))])
    assert "is there already" in str(done.exception)
    assert (tmp_path / "examples.jsonl").read_text() == "mine"


def rows_of(folder: Path, text: str, **files: str) -> tuple[list[dict[str, Any]], Any]:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    path = folder / "promptfooconfig.yaml"
    path.write_text(text)
    made = from_promptfoo(path, "t")
    return [json.loads(line) for line in made.files["examples.jsonl"].splitlines()], made


def test_yaml_as_of_version_1_2(tmp_path: Path) -> None:
    rows, _ = rows_of(
        tmp_path,
        "prompts: ['Ready? {{m}}']\ntests:\n"
        "- {vars: {m: on}, assert: [{type: equals, value: yes}]}\n"
        "- {vars: {m: off}, assert: [{type: equals, value: no}]}\n",
    )
    assert [(row["input"], row["expected"]) for row in rows] == [("on", "yes"), ("off", "no")]


def test_lists_of_values_are_multiplied(tmp_path: Path) -> None:
    text = (
        "prompts: ['{{a}} in {{b}}']\ntests:\n"
        "- vars: {a: [one, two], b: [x, y, z]}\n  assert: [{type: contains, value: '{{b}}'}]\n"
    )
    rows, made = rows_of(tmp_path, text)
    assert [(r["input"]["a"], r["expected"]) for r in rows] == [
        (a, b) for a in ("one", "two") for b in ("x", "y", "z")
    ]
    assert "lists of values make 6 tests of 1" in made.notes
    whole, _ = rows_of(tmp_path, text + "  options: {disableVarExpansion: true}\n")
    assert len(whole) == 1


def test_files_and_globs_are_read(tmp_path: Path) -> None:
    rows, made = rows_of(
        tmp_path,
        "prompts: ['file://p.txt']\ndefaultTest: file://d.yaml\ntests: file://t/*.yaml\n",
        p_txt="Answer: {{text}}\n---\nAnother: {{text}}\n",
        d_yaml="vars: {text: 'file://docs/*.txt'}\n",
        t__a_yaml="- {assert: [{type: icontains, value: three}]}\n",
        docs__one_txt="It takes three days.",
        docs__two_txt="It takes three hours.",
    )
    assert [row["input"] for row in rows] == ["It takes three days.", "It takes three hours."]
    assert any("further prompts behind '---'" in note for note in made.notes)
    assert any("read from 2 files ('one.txt', 'two.txt')" in note for note in made.notes)
    assert 'instruction = "Answer"' in made.files["rung.toml"]


def test_environment_and_settings_of_providers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_TEST_MODEL", "gpt-4.1-mini")
    monkeypatch.setenv("RUNG_TEST_API_KEY", "sk-hidden")
    _, made = rows_of(
        tmp_path,
        "prompts: ['{{env.RUNG_TEST_API_KEY}} {{m}}']\n"
        "providers:\n- id: 'openai:chat:{{env.RUNG_TEST_MODEL}}'\n"
        "  config: {temperature: 0.3, functions: [{name: look}]}\n"
        "tests:\n- {vars: {m: a}, assert: [{type: equals, value: b}]}\n",
    )
    assert 'try = ["openai/gpt-4.1-mini"]' in made.files["rung.toml"]
    assert "temperature = 0.3" in made.files["rung.toml"]
    assert "sk-hidden" not in json.dumps(made.files)
    assert any("tools or functions of 1 providers" in note for note in made.notes)
    assert any("'RUNG_TEST_API_KEY'" in note for note in made.notes)


def test_several_right_answers_and_references(tmp_path: Path) -> None:
    rows, made = rows_of(
        tmp_path,
        "prompts: ['{{m}}']\ntests:\n"
        "- {vars: {m: a}, assert: [{type: contains-any, value: [x, y]}]}\n"
        "- {vars: {m: b}, assert: [{type: similar, value: z, threshold: 0.8}]}\n"
        "- {vars: {m: c}, assert: [{type: regex, value: '^q'}]}\n"
        "- {vars: {m: d}, assert: [{type: python, value: 'len(output) > 3'}]}\n",
    )
    assert [row["expected"] for row in rows] == [["x", "y"], "z"]
    assert made.notes == (
        "cannot be taken: 2 tests that name no expected answer: 1 'regex', 1 'python' (code, "
        "which is not run)",
    )


def test_our_own_export_comes_back(tmp_path: Path) -> None:
    def messages(n: int) -> str:
        return json.dumps(
            [{"role": "system", "content": "Route it."}, {"role": "user", "content": f"m{n}"}]
        )

    given = [
        {"description": str(n), "vars": {"messages": messages(n), "id": str(n), "expected": "a"}}
        for n in range(3)
    ]
    rows, made = rows_of(
        tmp_path,
        "prompts: [{label: x, raw: '{{messages}}'}]\ntests: file://tests.jsonl\n"
        "defaultTest:\n  options: {disableVarExpansion: true}\n"
        "  assert: [{type: python, value: 'file://grade.py'}]\n",
        tests_jsonl="".join(json.dumps(one) + "\n" for one in given),
    )
    assert rows[2] == {"id": "2", "input": "m2", "expected": "a"}
    assert 'instruction = "Route it."' in made.files["rung.toml"] and not made.notes


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("file://a.js", "is the code a.js"), ("file://a.png", "Rung reads text only"),
     ("file://*.txt", "no file is called 'file://*.txt'")],
)  # fmt: skip
def test_variables_that_cannot_be_read(tmp_path: Path, value: str, sentence: str) -> None:
    text = f"prompts: ['{{{{m}}}}']\ntests:\n- {{vars: {{m: '{value}'}}, assert: []}}\n"
    with pytest.raises(UserError) as seen:
        rows_of(tmp_path, text)
    assert sentence in str(seen.value)


EQUALS = "assert: [{type: equals, value: b}]"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{type: equals, value: true}", "true"),
        ("{type: contains, value: 1e3}", "1000"),
        ("{type: equals, value: {a: 1}}", {"a": 1}),
        ("{type: equals, value: file://said.txt}", "Kiel"),
        ("{type: equals, value: '{{u.name}} {{l[1]}} {{m | trim}}'}", "ann y is it"),
    ],
)
def test_values_as_promptfoo_writes_them(tmp_path: Path, value: str, expected: Any) -> None:
    text = (
        "prompts: ['{{m}} {{u}} {{l}}']\ntests:\n"
        "- vars: {m: ' is it ', u: {name: ann}, l: [[x, y]]}\n"
        f"  assert: [{value}]\n"
    )
    rows, _ = rows_of(tmp_path, text, said_txt="Kiel\n")
    assert [row["expected"] for row in rows] == [expected]


def test_dates_numbers_and_variables_in_variables(tmp_path: Path) -> None:
    rows, _ = rows_of(
        tmp_path,
        "prompts: ['{{day}} {{n}} {{text}}']\ntests:\n"
        f"- {{vars: {{day: 2026-01-02, n: 7, text: 'on {{{{day}}}}'}}, {EQUALS}}}\n",
    )
    assert rows[0]["input"] == {"day": "2026-01-02", "n": 7, "text": "on 2026-01-02"}


def test_schemas_as_text_and_objects_as_answers(tmp_path: Path) -> None:
    tests = "prompts: ['{{m}}']\ntests:\n"
    one = "- {vars: {m: a}, assert: [%s{type: equals, value: {x: 1}}]}\n"
    given = """{type: is-json, value: '{"type": "object"}'}, """
    for before, schema in (
        (given, '{ "type" = "object" }'),
        ("", '"additionalProperties" = false'),
    ):
        _, made = rows_of(tmp_path, tests + one % before)
        assert "schema = {" in made.files["rung.toml"] and schema in made.files["rung.toml"]


@pytest.mark.parametrize("prompt", ["p.txt", "'file://p*.txt'", "{p.txt: main}", "[{id: p.txt}]"])
def test_prompts_that_are_files(tmp_path: Path, prompt: str) -> None:
    text = f"prompts: {prompt}\ntests:\n- {{vars: {{m: a}}, {EQUALS}}}\n"
    _, made = rows_of(tmp_path, text, p_txt="Say it: {{m}}", p2_txt="x")
    assert 'instruction = "Say it"' in made.files["rung.toml"]
    assert any("1 further prompts" in note for note in made.notes) == ("*" in prompt)


def test_scenarios_and_defaults_of_the_environment(tmp_path: Path) -> None:
    rows, _ = rows_of(
        tmp_path,
        "prompts: ['{{lang}} {{m}}']\nscenarios:\n"
        "- config: [{vars: {lang: de}}, {vars: {lang: fr}}]\n"
        f"  tests: [{{vars: {{m: \"{{{{env.RUNG_UNSET | default('Kiel')}}}}\"}}, {EQUALS}}}]\n",
    )
    assert [row["input"] for row in rows] == [
        {"lang": "de", "m": "Kiel"},
        {"lang": "fr", "m": "Kiel"},
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prompts: ['exec:python p.py']\ntests: [{vars: {m: a}, %s}]", "is code, which is not run"),
        ("prompts: [a]\nprompts: [b]\ntests: [{vars: {m: a}, %s}]", "found duplicate key"),
        ("prompts: ['{{m}}']\ntests: [{vars: &v {m: *v}, %s}]", "or for themselves"),
        ("a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefgh")
        ) + "prompts: ['{{m}}']\ntests: [{vars: {m: *h}, %s}]", "stand for more than 1,000,000"),
        ("prompts: ['{{m}}']\ntests: 'file://a.xlsx#One'", "save the sheet as CSV"),
        ("prompts: ['{{m}}']\ntests: [{vars: {m: 'file://gone.txt'}, %s}]", "no such file"),
        ("prompts: ['{{m}}']\n"
         "tests: [{vars: {m: a}, assert: [{type: equals, value: '{{m | upper}}'}]}]",
         "1 'an expression of a template'"),
        ("prompts: ['{{m}}']\ntests: [{vars: {m: a}, assert: [{type: python, value: x}]}]",
         "1 'python' (code, which is not run)"),
    ],
)  # fmt: skip
def test_what_is_no_plain_text_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as seen:
        rows_of(tmp_path, text.replace("%s", EQUALS))
    assert sentence in str(seen.value)
