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
from rung.decide.advise import advise
from rung.decide.rules import wording
from rung.decide.rules.answers import Answers, answers_of, parse_answer
from rung.decide.rules.loader import by_id, documents
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


def test_only_a_disagreement_that_matters_is_printed():
    assert "Where the documents disagree" in wording.text(
        advised(behaviour_wrong=True, examples=150)
    )
    assert "documents disagree" not in wording.text(advised(behaviour_wrong=True, examples=900))


def test_a_volume_that_nobody_stated_is_said_to_be_assumed():
    assert "10,000 requests a month" in advised().assumed
    assert "10,000 requests a month" not in advised(requests_per_month=10_000).assumed


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


# What the founding documents say where they were misread or left out before.
@pytest.mark.parametrize(
    ("given", "expected", "because"),
    [
        # B's tree: the volume is not high, prompt; a clear case of A's asks for no volume.
        ({"behaviour_wrong": True, "examples": 1_000, "requests_per_month": 2_000},
         "prompting", "expect.behaviour-but-low-volume"),
        ({"symptoms": ["consistency"], "examples": 1_000, "requests_per_month": 2_000},
         "prompting", "expect.behaviour-but-low-volume"),
        ({"behaviour_wrong": True, "examples": 1_000, "requests_per_month": 200_000},
         "fine-tuning", "axes.cell.behaviour"),
        ({"symptoms": ["style"], "examples": 1_000, "requests_per_month": 2_000},
         "fine-tuning", "axes.cell.behaviour"),
        # B answers both needs with RAG.
        ({"behaviour_wrong": True, "knowledge_missing": True, "examples": 1_000,
          "requests_per_month": 2_000}, "rag", "expect.both-but-low-volume"),
        # A's clear case speaks by its figures, without the word "consistency".
        ({"score_now": 0.8, "score_needed": 0.98, "examples": 900}, "fine-tuning",
         "axes.cell.behaviour"),
        ({"score_now": 0.8, "score_needed": 0.98, "examples": 900, "knowledge_missing": True},
         "rag", "axes.cell.knowledge"),
        # What is in use and good enough stays, whatever it is.
        ({"score_now": 0.9, "score_needed": 0.85, "rag_built": True}, "rag",
         "expect.good-enough.rag"),
        ({"score_now": 0.9, "score_needed": 0.85, "symptoms": ["cost"], "examples": 900,
          "requests_per_month": 2_000_000}, "fine-tuning", "tree.scale"),
        # A fat prompt at D's volume is tuned away.
        ({"prompt_tokens": 2_500, "requests_per_month": 70_000, "examples": 900}, "fine-tuning",
         "tree.scale"),
        ({"prompt_tokens": 2_500, "requests_per_month": 70_000, "examples": 20}, "prompting",
         "tree.scale.too-few"),
        ({"knowledge_missing": True, "knowledge_tokens": 9_000, "knowledge_changes": "monthly"},
         "rag", "axes.cell.knowledge"),
        ({"symptoms": ["length"]}, "prompting", "expect.prompt-mends"),
        ({"knowledge_missing": False, "behaviour_wrong": False}, "prompting", "axes.cell.neither"),
        ({"knowledge_missing": False}, "prompting", "expect.not-known"),
    ],
)  # fmt: skip
def test_what_the_documents_say_decides(given, expected, because):
    advice = advised(**given)
    assert (advice.expected, advice.because.id) == (expected, because)


@pytest.mark.lengthy
def test_reasons_for_a_fat_prompt_agree_with_what_is_expected():
    for examples in (None, 20, 199, 200, 5_000):
        for tokens in (100, 2_000, 9_000):
            given = {"prompt_tokens": tokens, "requests_per_month": 60_000}
            advice = advised(**given, **({"examples": examples} if examples else {}))
            spoken = "threshold.fat-prompt" in {reason.id for reason in advice.reasons}
            assert spoken == (advice.expected == "fine-tuning")


def test_the_clear_case_speaks_by_its_own_figures():
    found = {reason.id for reason in advised(score_now=0.8, score_needed=0.99).reasons}
    assert "case.consistency" in found
    found = {reason.id for reason in advised(score_now=0.8, score_needed=0.9).reasons}
    assert "case.consistency" not in found


@pytest.mark.parametrize(
    ("rule", "documents"),
    [
        ("good-enough", {"C", "D"}),
        ("expect.good-enough", {"C", "D"}),
        ("flag.general-ability-lost", {"B"}),
        ("not.fine-tuning.general", {"B"}),
        ("flag.broad-task", {"A"}),
        ("flag.tuning-against-hallucination", {"A", "C"}),
        ("not.fine-tuning.hallucination", {"A", "C"}),
        ("flag.sources-without-rag", {"B"}),
        ("not.rag.multi-hop", {"B"}),
        ("need.both.rag", {"B"}),
        ("prompting-and-rag.most", {"B"}),
        ("mends.fine-tuning.cross-document", {"D"}),
        ("matrix.maintenance", {"C"}),
    ],
)
def test_a_rule_names_the_documents_that_say_it(rule, documents):
    assert set(by_id()[rule].documents) == documents


def test_no_document_with_citations_is_flagged_unless_passages_are_retrieved():
    for planned, flagged in (("full-context", True), ("prompting", True), ("rag", False)):
        flags = {flag.id for flag in advised(needs_citations=True, planned=planned).flags}
        assert ("flag.sources-without-rag" in flags) is flagged


def test_changes_seldom_is_never_said_of_what_changes():
    for changes in ("never", "yearly", "monthly", "weekly", "daily", "live", None):
        given = {"knowledge_missing": True, "knowledge_tokens": 900}
        advice = advised(**given, **({"knowledge_changes": changes} if changes else {}))
        assert "seldom" not in wording.text(advice)


def test_what_is_not_known_is_not_claimed():
    advice = advise(Answers(), ON)
    said = wording.text(advice)
    assert "Knowledge is enough" not in said and "behaviour is right" not in said
    assert advice.reasons == () and "[x]" not in said


def test_evals_show_that_it_fails_only_where_a_score_is_below_what_is_needed():
    def state(**given):
        return {c.id: c.state for c in advised(**given).checklist}["check.evals"]

    assert state(evals=True) == "not known"
    assert state(evals=True, score_now=0.7, score_needed=0.8) == "done"
    assert state(evals=True, score_now=0.8, score_needed=0.8) == "missing"
    assert state(evals=True, score_now=0.7) == "done"
    assert state(evals=False) == "missing"


def test_the_rung_without_a_model_is_named_where_answers_may_be_labels():
    assert advised(use_case="classification").no_llm and advised().no_llm
    assert advised(use_case="brand-voice").no_llm is None
    assert "no language model" in wording.text(advised())


def test_it_is_short_and_cites_each_document_once():
    said = wording.text(advise(Answers(), ON))
    assert len(said.split()) < 370
    for title in documents().values():
        assert said.count(title) == 1


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
    for part in ("Why", "Before building", "Costs at", "Next:"):
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
    assert "write the figure alone" in result.output
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


@pytest.mark.lengthy
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
