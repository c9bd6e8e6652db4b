"""The documents' own cases, as answers to the questionnaire, come out as the documents say."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rung.cli.advise import advise as advise_command
from rung.cli.advise import init as init_command
from rung.decide.advise import advise, beside
from rung.decide.rules.answers import Answers, answers_of, parse_answer
from rung.errors import UserError
from rung.scorers import grade_gold
from rung.task.load import load_task
from rung.task.types import Document, Example, Facts, LabelsOutput, Target, Task

ON = date(2026, 11, 21)
app = typer.Typer()
app.command(name="advise")(advise_command)
app.command(name="init")(init_command)
runner = CliRunner()


def advised(**given):
    return advise(Answers.read(given), ON)


def run(*arguments, **options):
    result = runner.invoke(app, [str(a) for a in arguments], **options)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


# Ten rows of the use-case table (D). The first answer set is the row as it stands, the second the
# row with its condition ("if style matters", "unless tone matters", "for complex schemas").
@pytest.mark.parametrize(
    ("use_case", "given", "expected"),
    [
        ("medical-public", {}, "prompting"),
        ("medical-notes", {}, "rag"),
        ("medical-notes", {"style_matters": True}, "hybrid"),
        ("brand-voice", {}, "fine-tuning"),
        ("sql", {}, "prompting"),
        ("sql", {"style_matters": True}, "fine-tuning"),
        ("support-faq", {}, "rag"),
        ("support-faq", {"symptoms": ["tone"]}, "hybrid"),
        ("support-brand", {}, "hybrid"),
        ("code-completion", {}, "rag"),
        ("code-completion", {"style_matters": True}, "hybrid"),
        ("classification", {}, "prompting"),
        ("classification", {"symptoms": ["consistency"]}, "fine-tuning"),
        ("entities", {}, "fine-tuning"),
        ("summaries", {}, "fine-tuning"),
    ],
)
def test_the_use_cases_come_out_as_the_document_says(use_case, given, expected):
    advice = advised(use_case=use_case, examples=500, **given)
    assert advice.expected == expected
    assert advice.use_case is not None


# The three clear cases for fine-tuning (A).
@pytest.mark.parametrize(
    ("given", "case"),
    [
        (
            {
                "symptoms": ["consistency"], "prompt_effort": "week", "score_now": 0.80,
                "score_needed": 0.98, "examples": 1_000, "evals": True,
            },
            "case.consistency",
        ),
        (
            {
                "use_case": "classification", "symptoms": ["cost", "latency"],
                "requests_per_month": 2_000_000, "examples": 1_000, "prompt_effort": "week",
            },
            "case.latency-and-cost",
        ),
        (
            {"symptoms": ["style", "vocabulary"], "examples": 400, "prompt_effort": "week"},
            "case.style",
        ),
    ],
)  # fmt: skip
def test_the_three_clear_cases_come_out_as_fine_tuning(given, case):
    advice = advised(**given)
    assert advice.expected == "fine-tuning"
    assert case in {reason.id for reason in advice.reasons}
    assert advice.build == ("fine-tuning",)


def test_rag_is_built_before_hybrid():
    advice = advised(knowledge_missing=True, behaviour_wrong=True, examples=500)
    assert advice.build == ("prompting", "rag", "hybrid")
    assert advised(
        knowledge_missing=True, behaviour_wrong=True, rag_built=True, prompt_effort="week"
    ).build == ("hybrid",)


def test_the_shop_is_told_what_it_shipped():
    """C's case: brand voice and live stock, no examples yet: a prompt with shots, and RAG."""
    advice = advised(
        use_case="support-brand", knowledge_changes="live", planned="hybrid", examples=5,
        prompt_effort="hours",
    )  # fmt: skip
    assert advice.expected == "rag"
    assert advice.build == ("prompting", "rag")
    assert {"flag.hybrid-before-rag", "flag.too-few-examples", "flag.knowledge-changes"} <= {
        flag.id for flag in advice.flags
    }


def test_nothing_known_is_prompting_and_says_what_is_not_known():
    advice = advise(Answers(), ON)
    assert advice.expected == "prompting"
    assert {check.state for check in advice.checklist} == {"not known"}
    assert advice.flags == ()
    assert advice.next_command == "rung init my-task"
    assert "prior" in advice.note and "rung climb" in advice.note


def test_good_enough_stops_whatever_is_planned():
    advice = advised(score_now=0.9, score_needed=0.85, planned="hybrid", knowledge_missing=True)
    assert advice.expected == "prompting"
    assert advice.because.id == "expect.good-enough"


def test_a_disagreement_is_shown_with_what_was_used_and_whether_it_matters():
    advice = advised(behaviour_wrong=True, examples=150)
    dispute = advice.disputes[0]
    assert dispute.id == "examples-to-tune" and dispute.matters
    assert dispute.used == 200 and "C's figure" in dispute.why
    assert len(dispute.figures) == 4
    assert advice.expected == "prompting"
    clear = advised(behaviour_wrong=True, examples=5_000)
    assert not any(d.matters for d in clear.disputes if d.id == "examples-to-tune")


def test_the_user_may_set_the_threshold():
    advice = advised(behaviour_wrong=True, examples=150, thresholds={"examples-to-tune": 100})
    assert advice.expected == "fine-tuning"
    used = {d.id: (d.used, d.why) for d in advice.disputes}
    assert used["examples-to-tune"] == (Decimal(100), "you set it")


def test_costs_follow_the_stated_volume():
    small, large = advised(requests_per_month=1_000), advised(requests_per_month=1_000_000)
    cost = {c.key: c for c in small.costs.candidates}
    more = {c.key: c for c in large.costs.candidates}
    assert more["prompting"].running.value == 1000 * cost["prompting"].running.value
    assert set(cost) == {"prompting", "rag", "fine-tuning", "hybrid"}
    assert small.assumed


def test_prior_beside_measurement():
    advice = advised(knowledge_missing=True)
    assert "agrees" in beside(advice, "rag")
    assert "prompting is the cheapest" in beside(advice, "prompting", "0.91 for $3 a month")
    assert "nothing" in beside(advice, None)


def test_a_task_answers_what_it_knows():
    task = Task(
        name="t",
        instruction="i",
        output=LabelsOutput(labels=("a", "b")),
        target=Target(metric="accuracy", score=0.9),
        train=tuple(Example(id=str(i), input="x", expected="a") for i in range(250)),
        test=(Example(id="t", input="x", expected="a"),),
        documents=(Document(id="d", text="x" * 4_000),),
        facts=Facts(knowledge_changes="weekly", needs_citations=True),
    )
    found = answers_of(task)
    assert found.examples == 250 and found.score_needed == Decimal("0.9")
    assert found.knowledge_tokens == 1_000 and found.use_case == "classification"
    assert advise(found, ON).expected == "rag"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"simptoms": ["style"]}, "did you mean 'symptoms'"),
        ({"symptoms": ["stile"]}, "did you mean 'style'"),
        ({"use_case": "sequel"}, "Unknown use_case"),
        ({"score_now": 1.2}, "score_now"),
        ({"examples": -1}, "examples"),
        ({"planned": "everything"}, "planned"),
        ({"thresholds": {"good-enuf": 1}}, "did you mean 'good-enough'"),
        ({"examples": "many"}, "'many'"),
    ],
)
def test_a_wrong_answer_is_refused_with_the_nearest_right_one(given, says):
    with pytest.raises(UserError, match=says):
        Answers.read(given)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("evals", "yes", True), ("evals", "N", False), ("evals", "", None), ("evals", "?", None),
        ("examples", "1_000", Decimal(1000)), ("symptoms", "style, cost", ["style", "cost"]),
        ("prompt_effort", "week", "week"),
    ],
)  # fmt: skip
def test_typed_answers(field, text, value):
    assert parse_answer(field, text) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [("evals", "maybe"), ("prompt_effort", "weak"), ("nothing", "1"), ("examples", "lots")],
)
def test_typed_answers_that_cannot_be_taken(field, text):
    with pytest.raises(UserError):
        parse_answer(field, text)


def test_the_command_reads_a_file_and_flags(tmp_path: Path):
    file = tmp_path / "answers.toml"
    file.write_text('use_case = "support-brand"\nexamples = 500\nscore_needed = 0.9\n')
    out = run(
        "advise", "--answers", file, "-a", "rag_built=yes", "-a", "thresholds.good-enough=0.7",
        "--on", "2026-11-21", "--no-ask",
    ).output  # fmt: skip
    assert out.startswith("Expected: hybrid")
    assert "A: When to Fine-Tune vs RAG vs Prompting" in out
    assert "Build in this order: prompting, then hybrid" in out
    for part in ("Why", "Before building", "Where the documents disagree", "Costs at", "Next:"):
        assert f"\n{part}" in out


def test_the_command_gives_one_json_object():
    out = run("advise", "-a", "symptoms=private-data,style", "-a", "examples=30", "--json").output
    found = json.loads(out)
    assert found["expected"] == "rag"
    assert found["because"]["sources"] == [
        "Fine-Tuning vs RAG: The Decision Framework Nobody Talks About"
    ]
    assert found["costs"]["candidates"][0]["key"] == "prompting"
    assert found["costs"]["candidates"][0]["monthly_usd"] > 0
    assert found["next_command"] == "rung init my-task"


def test_the_command_asks_on_a_terminal():
    typed = "sql\nformat\nhours\nno\n" + "\n" * 3 + "nonsense\n300\n" + "\n" * 20
    result = run("advise", "--ask", "--on", "2026-11-21", input=typed)
    assert "Which of these is nearest to your task?" in result.output
    assert "write it like 0.15" in result.output
    assert "Expected: prompting" in result.output
    assert "[x] At least 200 labelled examples." in result.output
    assert "How often do those facts change?" not in result.output
    assert "How many labelled examples are there?" in result.output


@pytest.mark.parametrize(
    "arguments",
    [["-a", "examples"], ["--on", "today", "--no-ask"], ["--answers", "none.toml"], ["-a", "x=1"]],
)
def test_the_command_refuses_what_it_cannot_use(arguments):
    with pytest.raises(UserError):
        run("advise", *arguments)


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["-a", "knowledge_changes=weekly", "-a", "needs_citations=yes"],
        ["-a", "score_needed=0.95", "-a", "requests_per_month=250000"],
        ["-a", "definition_changes=often", "-a", "score_needed=1"],
    ],
)
def test_init_writes_a_project_that_loads(tmp_path: Path, given):
    folder = tmp_path / "routing"
    result = run("init", folder, *given, "--no-ask")
    assert result.exit_code == 0 and "rung climb" in result.output
    task = load_task(folder)
    assert task.train and task.test
    found = advise(answers_of(task), ON)
    if "knowledge_changes=weekly" in given:
        assert task.facts.needs_citations is True and task.documents
        assert found.expected == "rag"
    else:
        assert not task.documents
    if "score_needed=0.95" in given:
        assert task.target.score == 0.95 and task.workload.requests_per_month == 250_000
    out = run("advise", "--task", folder, "--no-ask").output
    assert f"rung climb {folder}" in out
    with pytest.raises(UserError, match="there already"):
        run("init", folder, "--no-ask")


@pytest.mark.parametrize(
    ("use_case", "kind"), [("sql", "sql"), ("entities", "schema"), ("classification", "labels")]
)
def test_init_writes_the_output_that_was_named(tmp_path: Path, use_case: str, kind: str):
    run("init", tmp_path / "t", "-a", f"use_case={use_case}", "--no-ask")
    task = load_task(tmp_path / "t")
    assert task.output.kind == kind
    asyncio.run(grade_gold(task))


def test_init_overwrites_nothing(tmp_path: Path):
    (tmp_path / "examples.jsonl").write_text("mine")
    with pytest.raises(UserError, match="there already"):
        run("init", tmp_path, "--no-ask")
    assert (tmp_path / "examples.jsonl").read_text() == "mine"
    assert not (tmp_path / "rung.toml").exists()
