"""A judge that goes by a rubric of one's own, and its comparison with people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.climbing import judging
from rung.climbing.tools import ClimbOptions, Tools
from rung.errors import UserError
from rung.scorers import Judge
from rung.scorers.judge import prompt_version
from rung.task.load import load_task, read_rubric

from .tasks import answer, task
from .test_scorers import FixedJudge

RUBRIC = """criteria = { tone = "Is it kind?", facts = "Is it true? {{answer}}" }
scale = { 1 = "bad", 3 = "fair", 5 = "good" }
[[examples]]
input = "hello"
answer = "go away"
mark = 1
reason = "unkind"
"""


def rubric(tmp_path: Path, text: str = RUBRIC, name: str = "r.toml"):
    (tmp_path / name).write_text(text)
    return read_rubric(tmp_path / name, name)


async def test_a_mark_is_its_place_on_the_scale(tmp_path: Path) -> None:
    own, goes_by = task("text", "judge"), rubric(tmp_path)
    for said, value in (("3", 0.5), (5, 1.0), ("4", None), ("correct", None)):
        model = FixedJudge(json.dumps({"reason": "r", "verdict": said}))
        scorer = Judge(model, own.instruction, goes_by)
        assert scorer.graded
        score = await scorer.score(own.train[0], answer(own.output, "Hello:"))
        assert score.value == value
    (request,) = model.requests
    prompt = request.messages[0].content
    assert "tone: Is it kind?" in prompt and "Mark: 1. unkind" in prompt and '"5"' in prompt
    assert "{ {answer}}" in prompt and "When in doubt, it is wrong" not in prompt
    assert request.json_schema["properties"]["verdict"]["enum"] == ["1", "3", "5"]
    assert scorer.version != Judge(model, own.instruction).version
    assert prompt_version(goes_by) != prompt_version()


def test_a_plain_file_is_the_criteria(tmp_path: Path) -> None:
    goes_by = rubric(tmp_path, "Right if polite.\n", "r.md")
    assert not goes_by.graded and goes_by.share(1) == 1.0 and "polite" in goes_by.text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the rubric is empty"),
        ("scale = 3", "r.toml: criteria: Field required"),
        ('criteria = "x"\nscale = { 1 = "a" }', "r.toml: scale"),
        (RUBRIC.replace("mark = 1", "mark = 2"), "the mark 2, which is not on the scale of 1, 3"),
        ("criteria", "not valid TOML"),
    ],
)
def test_mistakes_in_a_rubric(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        rubric(tmp_path, text)


@pytest.mark.lengthy
async def test_the_judge_is_compared_with_people(tmp_path: Path, monkeypatch) -> None:
    toml = """[task]
instruction = "x"
examples = "e.jsonl"
[output]
text = {}
[target]
metric = "judge"
score = 0.5
[models]
judge = "openai/x"
[judge]
rubric = "r.md"
labelled = "marks.jsonl"
"""
    (tmp_path / "r.md").write_text("Right if polite.")
    (tmp_path / "rung.toml").write_text(toml)
    rows = [{"input": f"q {i}", "expected": "a"} for i in range(60)]
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"input": f"q {i}", "answer": "a", "mark": int(i % 2)} for i in range(20)]
    (tmp_path / "marks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = load_task(tmp_path)
    assert own.rubric is not None
    tools = Tools(own, ClimbOptions(), priced=False)
    monkeypatch.setattr(tools, "chat", lambda _: FixedJudge('{"reason": "r", "verdict": "1"}'))
    found = await judging.calibrate(own, tools)
    await tools.aclose()
    assert found.judge == (1.0,) * 20 and sum(found.human) == 10
    assert judging.read_calibration(tmp_path / ".rung") == found
    assert "same mark to 50%" in (judging.against_people(tools) or "")
    with monkeypatch.context() as other:
        other.setattr(FixedJudge, "identity", "test/other")
        assert judging.against_people(tools) == ""
    assert judging.read_calibration(tmp_path / ".rung", "another") is None
    sentence = judging.agreement_sentence(found)
    assert "same mark to 50% [27%, 73%], no kappa, since one side" in sentence
    assert "+0.50" in sentence
    assert judging.corrected_sentence(found, "c", [1.0, 0.0]) is None
    fair = found.model_copy(update={"judge": found.human})
    assert "0.750" in (judging.corrected_sentence(fair, "c", [1.0, 1.0, 1.0, 0.0]) or "")
    (tmp_path / "marks.jsonl").write_text('{"input": "q", "answer": "a", "mark": 7}\n')
    with pytest.raises(UserError, match="'mark' is 7; it must be on the scale from 0 to 1"):
        await judging.calibrate(own, Tools(own, ClimbOptions(), priced=False))
