"""What leaves Rung is what the solver sends, within what others take."""

from __future__ import annotations

import asyncio
import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import rung
from rung.audit.checks import personal
from rung.audit.material import Material
from rung.behaviour.trainers.hosted.base import Limits, to_jsonl
from rung.behaviour.trainers.hosted.fireworks import FIREWORKS_LIMITS
from rung.behaviour.trainers.hosted.openai import OPENAI_LIMITS, OpenAITuner
from rung.behaviour.trainers.hosted.vertex import VertexTuner, vertex_dev_rows
from rung.candidate import full_key
from rung.cli.app import app
from rung.climbing.ledger import TestLedger, row_name
from rung.errors import UserError
from rung.evidence.ledger import TAUGHT
from rung.exchange.exporting import FORMATS, export
from rung.exchange.exporting.shelf import LEAVES, warning
from rung.exchange.exporting.source import Source
from rung.task.types import Example, Target, Task, TextOutput

from .conftest import LARGE, MODEL, put, read, write_task

Climbed = Callable[..., Path]
LABELS = 'labels = ["even", "odd"]'


def sent(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What the winner itself sends, by the id of a dev example."""

    async def ask() -> dict[str, list[dict[str, Any]]]:
        source = Source(folder)
        solver = await source.asked()
        found = {}
        for example in source.task.dev:
            messages, _, _ = await solver.messages(example.input_text())
            found[example.id] = [m.model_dump(exclude_defaults=True) for m in messages]
        await source.aclose()
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize("kind", ["plain", "fixed", "nearest", "rag"])
def test_evaluations_elsewhere_send_what_the_winner_sends(kind: str, climbed: Climbed) -> None:
    folder = climbed(kind)
    expected = sent(folder)
    assert len(expected) >= 10
    export(folder, "promptfoo")
    tests = read(folder / "export/promptfoo/tests.jsonl")
    assert {t["vars"]["id"]: json.loads(t["vars"]["messages"]) for t in tests} == expected
    export(folder, "inspect")
    samples = read(folder / "export/inspect/samples.jsonl")
    assert {s["id"]: s["input"] for s in samples} == expected


def test_an_answer_is_graded_as_in_a_climb(climbed: Climbed) -> None:
    folder = climbed(output=LABELS)
    export(folder, "promptfoo")
    grade = runpy.run_path(str(folder / "export/promptfoo/grade.py"))["get_assert"]
    test = read(folder / "export/promptfoo/tests.jsonl")[0]["vars"]
    right = test["expected"]
    wrong = {"odd": "even", "even": "odd"}[right]
    context = {"vars": test}
    # Plain, shouted, wrapped as text, wrapped and already read by promptfoo.
    for said in (right, f"{right.upper()}.", json.dumps({"answer": right}), {"answer": right}):
        assert grade(said, context)["pass"] is True, said
    for said in (wrong, "neither", {"answer": wrong}, ""):
        assert grade(said, context)["score"] == 0.0, said
    with pytest.raises(UserError, match="has no example 'gone'"):
        grade("odd", {"vars": {"id": "gone"}})


def test_the_promptfoo_config_names_endpoint_and_form(climbed: Climbed) -> None:
    folder = climbed(output=LABELS)
    export(folder, "promptfoo")
    config = yaml.safe_load((folder / "export/promptfoo/promptfooconfig.yaml").read_text())
    (provider,) = config["providers"]
    assert provider["id"] == "openai:chat:reader"
    assert provider["config"]["apiBaseUrl"] == "http://localhost:1/v1"
    schema = provider["config"]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == ["even", "odd"]


def test_scripts_compile_whatever_the_task_is_called(climbed: Climbed) -> None:
    folder = climbed()
    for to, name in (("trl", "train_trl.py"), ("unsloth", "train_unsloth.py")):
        export(folder, to, base='hub/it\'s "quoted"\\n')
        text = (folder / "export" / to / name).read_text()
        assert repr('hub/it\'s "quoted"\\n') in text
        compile(text, name, "exec")
    export(folder, "inspect")
    compile((folder / "export/inspect/inspect_task.py").read_text(), "inspect_task.py", "exec")


@pytest.mark.parametrize("to", ["openai", "together", "fireworks"])
def test_hosted_rows_are_the_solver_s_messages_and_the_answer(to: str, climbed: Climbed) -> None:
    folder = climbed("rag")
    export(folder, to)
    task = rung.load_task(folder)
    rows = read(folder / f"export/{to}/train.jsonl")
    assert len(rows) == len(task.train)
    for example, row in zip(task.train, rows, strict=True):
        *_, asked, answer = row["messages"]
        assert answer == {"role": "assistant", "content": example.expected}
        assert asked["content"].endswith(example.input_text()) and asked["content"][:4] == "[1] "
    gone = TestLedger(folder / ".rung", task, ()).ledger.shown(TAUGHT)
    assert gone == {row_name(e) for e in (*task.train, *task.dev)}


def test_shots_are_not_learnt(climbed: Climbed) -> None:
    folder = climbed("fixed")
    key = next(iter(Source(folder)._known()))
    export(folder, "openai", candidate=key)
    turns = read(folder / "export/openai/train.jsonl")[0]["messages"]
    said = [t for t in turns if t["role"] == "assistant"]
    assert [t.get("weight") for t in said] == [0, 0, None]
    export(folder, "axolotl", candidate=key, base="b")
    turns = read(folder / "export/axolotl/train.jsonl")[0]["messages"]
    assert [t["train"] for t in turns] == [False] * (len(turns) - 1) + [True]
    export(folder, "trl", candidate=key, base="b")
    row = read(folder / "export/trl/train.jsonl")[0]
    assert len(row["completion"]) == 1 and len(row["prompt"]) == len(turns) - 1
    with pytest.raises(UserError, match="would learn the answers of the shots"):
        export(folder, "vertex", candidate=key)


def test_trl_gets_a_second_step_of_the_corrections_and_others_are_told_of_it(
    climbed: Climbed,
) -> None:
    folder = climbed()
    assert not any("corrections" in note for note in export(folder, "trl", base="b").notes)
    shutil.rmtree(folder / "export")
    rows = read(folder / "examples.jsonl")
    wrong = [{**r, "meta": {"rejected": "code-0x"}} for r in rows[:50]]
    put(folder / "examples.jsonl", [*wrong, *rows[50:]])
    made = export(folder, "trl", base="b")
    task = rung.load_task(folder)
    corrected = [e for e in task.train if "rejected" in e.meta]
    pairs = read(folder / "export/trl/corrections.jsonl")
    assert [p["chosen"][0]["content"] for p in pairs] == [e.expected for e in corrected]
    assert {p["rejected"][0]["content"] for p in pairs} == {"code-0x"}
    assert [p["prompt"] for p in pairs[:1]] == [
        row["prompt"]
        for row in read(folder / "export/trl/train.jsonl")
        if row["completion"] == pairs[0]["chosen"]
    ]
    script = (folder / "export/trl/train_dpo.py").read_text()
    compile(script, "train_dpo.py", "exec")
    assert "learning_rate=0.0002" in script and "num_train_epochs=3" in script
    assert any(f"with {len(corrected)} corrections" in note for note in made.notes)
    other = export(folder, "axolotl", base="b")
    assert any("--to trl writes both steps" in note for note in other.notes)
    assert not (folder / "export/axolotl/corrections.jsonl").exists()


def test_only_judged_traffic_is_taught_where_asked(climbed: Climbed) -> None:
    folder = climbed()
    with pytest.raises(UserError, match="no training examples to export came from judged traffic"):
        export(folder, "openai", harvested=True)
    rows = read(folder / "examples.jsonl")
    marked = [{**r, "meta": {"harvest": {"origin": "corrected"}}} for r in rows]
    put(folder / "examples.jsonl", [*marked[:60], *rows[60:]])
    export(folder, "openai", harvested=True)
    taught = {r["messages"][-2]["content"] for r in read(folder / "export/openai/train.jsonl")}
    task = rung.load_task(folder)
    assert taught == {e.input_text() for e in task.train if "harvest" in e.meta}
    assert 10 <= len(taught) < len(task.train)


def test_vertex_rows_have_its_own_roles(climbed: Climbed) -> None:
    folder = climbed()
    export(folder, "vertex")
    row = read(folder / "export/vertex/train.jsonl")[0]
    assert [t["role"] for t in row["contents"]] == ["user", "model"]
    assert row["systemInstruction"]["parts"][0]["text"] == 'Give the "code" of the part.'


def test_trainers_learn_with_the_candidate_s_recipe(climbed: Climbed) -> None:
    folder = climbed()
    export(folder, "axolotl", base="hub/base")
    axolotl = yaml.safe_load((folder / "export/axolotl/axolotl.yaml").read_text())
    assert (axolotl["lora_r"], axolotl["lora_alpha"], axolotl["num_epochs"]) == (16, 32, 3)
    assert axolotl["sequence_len"] % 128 == 0 and axolotl["base_model"] == "hub/base"
    export(folder, "llama-factory", base="hub/base")
    factory = yaml.safe_load((folder / "export/llama-factory/llama_factory.yaml").read_text())
    info = json.loads((folder / "export/llama-factory/dataset_info.json").read_text())
    assert set(info) == {factory["dataset"], factory["eval_dataset"]} and factory["mask_history"]
    assert (folder / "export/llama-factory" / info["train"]["file_name"]).is_file()


@pytest.mark.parametrize("kind", ["plain", "fixed", "nearest", "rag"])
def test_the_prompt_filled_in_is_what_is_sent(kind: str, climbed: Climbed) -> None:
    folder = climbed(kind)
    export(folder, "prompt")
    out = folder / "export/prompt"
    template = json.loads((out / "prompt.json").read_text())
    filled = json.loads((out / "example.json").read_text())
    example = rung.load_task(folder).dev[0]
    assert filled == sent(folder)[example.id]
    last = template[-1]["content"].replace("{{input}}", example.input_text())
    if kind == "rag":
        passages = filled[-1]["content"].removesuffix(f"\n\n{example.input_text()}")
        last = last.replace("{{passages}}", passages)
    assert last == filled[-1]["content"] and template[0] == filled[0]
    assert (len(template) == len(filled)) is (kind != "nearest")


def test_a_fallback_is_told_where_it_cannot_come_along(climbed: Climbed) -> None:
    folder = climbed("pair")
    found = export(folder, "prompt")
    assert f"the same messages go to {LARGE} where the answer is invalid or refused" in found.notes
    settings = json.loads((folder / "export/prompt/settings.json").read_text())
    assert (settings["model"], settings["fallback"]) == (MODEL, LARGE)
    for to in ("promptfoo", "inspect"):
        notes = export(folder, to).notes
        assert f"{LARGE} is not asked there: only {MODEL} is asked" in " ".join(notes)


def test_a_fallback_of_a_run_is_exported_without_asking_a_model(climbed: Climbed) -> None:
    folder = climbed("pair")
    key = settings_of(folder)["candidate"]
    shutil.rmtree(folder / ".rung" / "winner")
    shutil.rmtree(folder / "export")
    export(folder, "prompt", candidate=key)  # nothing listens at these endpoints
    assert settings_of(folder, again=False)["fallback"] == LARGE


def settings_of(folder: Path, again: bool = True) -> dict[str, Any]:
    if again:
        export(folder, "prompt")
    found: dict[str, Any] = json.loads((folder / "export/prompt/settings.json").read_text())
    return found


def test_limits_are_named(climbed: Climbed) -> None:
    folder = climbed(n=15)
    with pytest.raises(UserError, match="7 training conversations: OpenAI takes at least 10"):
        export(folder, "openai")
    assert not (folder / "export").exists()
    row: dict[str, Any] = {"messages": []}
    with pytest.raises(UserError, match="2 training conversations: Fireworks takes at least 3"):
        to_jsonl([row] * 2, FIREWORKS_LIMITS)
    small = Limits(provider="X", least_rows=1, most_rows=2, most_bytes=20, source="")
    with pytest.raises(UserError, match="3 training conversations: X takes at most 2"):
        to_jsonl([row] * 3, small)
    with pytest.raises(UserError, match="MB: X takes at most 0 MB"):
        to_jsonl([row] * 2, small)


def test_what_a_provider_would_cut_is_said(
    climbed: Climbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = climbed()
    assert not any("cut off" in note for note in export(folder, "openai").notes)
    short = OPENAI_LIMITS.model_copy(update={"most_tokens": 15})
    monkeypatch.setattr(OpenAITuner, "published", short)
    (said,) = [n for n in export(folder, "openai").notes if "cut off" in n]
    n = len(rung.load_task(folder).train)
    assert said.startswith(f"{n} training conversations have more than 15 tokens, the longest")


@pytest.mark.parametrize(
    ("train", "dev", "kept"),
    [
        (10, 1000, 1000),
        (10, 1001, 1000),
        (10_000, 2500, 2500),
        (10_000, 3500, 3000),
        (10**6, 9999, 5000),
    ],
)
def test_vertex_takes_so_many_dev_rows(train: int, dev: int, kept: int) -> None:
    assert vertex_dev_rows(train, dev) == kept


def test_dev_rows_beyond_the_limit_are_left_out_evenly(
    climbed: Climbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = climbed()
    monkeypatch.setattr(VertexTuner, "dev_rows", staticmethod(lambda train, dev: 3))
    done = export(folder, "vertex")
    dev = rung.load_task(folder).dev
    assert f"3 of {len(dev)} dev examples, evenly chosen: vertex takes no more" in done.notes
    said = [
        row["contents"][-1]["parts"][0]["text"] for row in read(folder / "export/vertex/dev.jsonl")
    ]
    assert said == [dev[i * len(dev) // 3].expected for i in range(3)]


def test_a_file_that_was_changed_is_not_overwritten(climbed: Climbed) -> None:
    folder = climbed()
    export(folder, "prompt")
    assert export(folder, "prompt").files  # the same again is fine
    (folder / "export/prompt/system.txt").write_text("mine")
    with pytest.raises(UserError, match=r"system\.txt is there already and differs"):
        export(folder, "prompt")
    assert (folder / "export/prompt/system.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("to", "how", "said"),
    [
        ("openia", {}, "did you mean 'openai'"),
        ("vllm", {}, "has no adapter"),
        ("axolotl", {}, "names no weights that can be loaded elsewhere"),
        (
            "prompt",
            {"candidate": "reader~"},
            "no single candidate is named 'reader~'; known: 'reader@",
        ),
    ],
)
def test_what_cannot_be_exported_is_said(
    to: str, how: dict[str, str], said: str, climbed: Climbed
) -> None:
    folder = climbed()
    with pytest.raises(UserError, match=said):
        export(folder, to, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("a~12ab", "a~12ab"),
        ("12a", "a~12ab"),
        ("a+5~", "a+5~34cd"),
        ("a~", "a~12ab"),
        ("a", None),
        ("", None),
        ("x", None),
    ],
)
def test_a_key_is_named_by_how_it_or_its_hash_begins(wanted: str, found: str | None) -> None:
    keys = ["a~12ab", "a+5~34cd", "a~12ab"]
    if found is not None:
        assert full_key(wanted, keys) == found
        return
    with pytest.raises(UserError, match=r"no single candidate.*'a~12ab'"):
        full_key(wanted, keys)


def test_personal_data_is_warned_of_in_words_that_hold_of_an_export() -> None:
    rows = tuple(Example(id=str(i), input=f"mail{i}@a.example", expected="x") for i in range(3))
    task = Task(
        name="t",
        instruction="i",
        output=TextOutput(),
        target=Target(metric="token_f1", score=0.5),
        train=rows,
        dev=(),
        test=(),
    )
    for hosted in ((), ("openai/gpt: x",)):
        (flag,) = personal.check(Material(task, hosted=hosted)).flags
        said = "3 texts hold personal data (3 with a mail address)"
        assert flag.text.startswith(f"{said}: ")
        assert warning(flag) == f"the audit says: {said}. {LEAVES}"
        old = flag.model_copy(update={"counts": {}})  # of a run before flags held them
        assert warning(old) == f"the audit says: 3 texts hold personal data. {LEAVES}"


def test_without_a_winner_there_is_no_prompt_but_a_training_file(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    with pytest.raises(UserError, match="holds no winner to export"):
        export(folder, "prompt")
    assert export(folder, "openai").files == ("dev.jsonl", "train.jsonl")


def test_the_command_prints_what_it_wrote(climbed: Climbed, tmp_path: Path) -> None:
    folder = climbed()
    done = CliRunner().invoke(
        app, ["export", str(folder), "--to", "openai", "--out", str(tmp_path / "o"), "--json"]
    )
    assert json.loads(done.output)["files"] == ["dev.jsonl", "train.jsonl"], done.output
    assert (tmp_path / "o" / "train.jsonl").is_file()
    bad = CliRunner().invoke(app, ["export", str(folder), "--to", "prompt", "--split", "deb"])
    assert "did you mean 'dev'" in str(bad.exception)


def test_every_format_has_a_line_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    assert [name for name in FORMATS if f"`{name}`" not in text] == []
    assert MODEL not in text
