"""The shipped scenarios: every figure of the founding documents, and the document made of them."""

from __future__ import annotations

import json
import time
from datetime import date
from decimal import Decimal

import pytest
import typer

from conftest_paths import ROOT, SCENARIOS  # isort: skip
import economics_page as table  # isort: skip
from founding_figures import agrees, figures_of, value_of  # isort: skip
from typer.testing import CliRunner

from rung.cli.cost import cost
from rung.economics import output, tables
from rung.economics.analysis import analyse, models_of
from rung.economics.breakeven import break_even
from rung.economics.pricing import PriceBook
from rung.economics.scenario import Volume, of_run, parse
from rung.economics.spec import CandidateUsage
from rung.errors import UserError
from rung.project import ProjectFolder
from rung.records import Usage

ON = date(2026, 11, 21)
app = typer.Typer()
app.command()(cost)
runner = CliRunner()
ALL = table.load(SCENARIOS)


def run(*arguments):
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def analysed(name, **changes):
    scenario = dict(ALL)[name]
    workload = scenario.workload.workload()
    return scenario, analyse(scenario.candidates, workload, scenario.book(ON), **changes)


@pytest.mark.parametrize(
    ("name", "index"), [(name, i) for name, s in ALL for i in range(len(s.figures))]
)
def test_every_figure_of_the_documents_comes_out(name, index):
    scenario, analysis = analysed(name, draws=10)
    figure = figures_of(scenario)[index]
    found = value_of(figure, scenario, analysis)
    assert agrees(figure, found), f"{figure.says}: {found}"
    assert (figure.match == "differs") == bool(figure.erratum)


def test_the_figures_of_section_seven_are_all_there():
    says = " | ".join(figure.says for _, s in ALL for figure in figures_of(s))
    for figure in (
        "$225.00", "$204.17", "90,741", "$1.50", "$12.50", "$12.50-75.00 a day", "$0.01 a day",
        "$5K-15K", "$400-1,200", "$1K-5K", "$600-2,500", "$10K-20K", "$500-1,500", "$100-300",
        "$15,000", "$2,000", "$4,000", "$800", "$5,000 set-up", "$3,200", "two months",
        "$0.00125-0.0075", "$300-2,500", "$6,000-10,000", "+15-40 %", "1.5x",
    ):  # fmt: skip
        assert figure in says


def test_a_figure_that_does_not_come_out_is_seen():
    scenario, analysis = analysed("api-vs-self-hosted.toml", draws=10)
    wrong = figures_of(scenario)[0].model_copy(update={"low": Decimal("225.01")})
    assert not agrees(wrong, value_of(wrong, scenario, analysis))
    finer = figures_of(scenario)[0].model_copy(update={"low": Decimal("225.00001")})
    assert not agrees(finer, value_of(finer, scenario, analysis))


def test_docs_economics_is_up_to_date():
    arguments = ["--check", str(SCENARIOS), str(ROOT / "docs" / "economics.md")]
    assert table.main(arguments) == 0, "run python docs/economics_page.py"


def test_the_json_of_the_worked_example():
    found = json.loads(run(SCENARIOS / "api-vs-self-hosted.toml", "--json"), parse_float=Decimal)
    costs = {c["key"]: c for c in found["candidates"]}
    assert costs["api"]["monthly_usd"] == 225
    assert costs["api"]["per_request_usd"] == Decimal("0.00225")
    assert round(costs["self-hosted"]["monthly_usd"], 2) == Decimal("204.17")
    assert found["break_even"][0]["requests_per_month"] == 90_741


def test_never_is_null_in_json():
    found = json.loads(run(SCENARIOS / "million-requests.toml", "--json"))
    pairs = {frozenset((b["a"], b["b"])): b["requests_per_month"] for b in found["break_even"]}
    assert pairs[frozenset(("gpt-4o prompting", "fine-tuned 3.5"))] is not None
    never = json.loads(run(SCENARIOS / "api-vs-self-hosted-marginal.toml", "--json"))
    pairs = {frozenset((b["a"], b["b"])): b["requests_per_month"] for b in never["break_even"]}
    assert pairs[frozenset(("api", "api-mini"))] is None


def test_why_traces_each_figure_to_its_inputs():
    out = run(SCENARIOS / "api-vs-self-hosted.toml", "--why")
    assert "x api: input tokens: 500; stated in the scenario" in out
    assert "x openai/gpt-4o input price: 2.5 USD per 1M tokens; list price, genai-prices" in out


@pytest.mark.lengthy
def test_why_can_be_computed_by_hand():
    """The product of the printed factors is the printed figure, for every line of every file."""
    for name, _ in ALL:
        _, analysis = analysed(name, draws=10)
        for line in (line for one in analysis.candidates for line in one.lines):
            by_hand = line.scale
            for factor in line.factors:
                by_hand = by_hand / factor.value if factor.divides else by_hand * factor.value
            assert abs(by_hand - line.usd.value) < Decimal("1e-18")
    out = run(SCENARIOS / "api-vs-self-hosted-marginal.toml", "--why")
    assert "at least a month, whatever is asked" in out and "    / 3,600" in out


def test_json_numbers_are_the_decimals_digit_for_digit():
    third = Decimal(1) / 3
    assert output.dumps([Decimal("0.1"), Decimal("1E+3"), third]) == (
        "[\n  0.1,\n  1000,\n  0.333333333333\n]\n"
    )
    for path in (ROOT / "src/rung/economics").glob("*.py"):
        assert "float(" not in path.read_text(), path


def test_what_if_at_another_volume_and_price():
    out = run(
        SCENARIOS / "api-vs-self-hosted.toml",
        "--requests-per-month", "50_000",
        "--price", "models.openai/gpt-4o.input_usd_per_mtok=1.25",
        "--months", "24", "--json",
    )  # fmt: skip
    found = json.loads(out, parse_float=Decimal)
    assert found["requests_per_month"] == 50_000 and found["months"] == 24
    assert found["candidates"][0]["monthly_usd"] == Decimal("81.25")
    assert found["chosen"] == "api"


@pytest.mark.lengthy
@pytest.mark.parametrize(
    ("name", "price", "candidate", "line", "usd"),
    [
        ("training-run.toml", "training_usd_per_mtok=1", "4o tuned", "training run", "0.5"),
        ("training-run.toml", "labour_usd_per_hour=10", "4o tuned", "curation hours", "400"),
        ("rag-components.toml", "store_usd_per_month=9", "pgvector", "vector store", "9"),
        (
            "rag-components.toml", "embedding_usd_per_mtok=0.04", "pgvector",
            "query tokens embedded", "0.000002",
        ),
        ("ten-thousand-a-day.toml", "machine_usd_per_hour=1", "both", "machine always on", "730"),
        (
            "api-vs-self-hosted-marginal.toml", "gpu_usd_per_hour=2", "own-rtx4090",
            "training run (GPU)", "5",
        ),
    ],
)  # fmt: skip
def test_costs_override_any_stated_or_listed_price(name, price, candidate, line, usd):
    found = json.loads(run(SCENARIOS / name, "--price", price, "--json"), parse_float=Decimal)
    one = next(c for c in found["candidates"] if c["key"] == candidate)
    bill = next(item for item in one["lines"] if item["what"] == line)
    assert bill["usd"]["value"] == Decimal(usd)
    assert "your [costs]" in {factor["source"] for factor in bill["factors"]}


def test_a_stale_price_is_said_so():
    out = run(SCENARIOS / "training-run.toml")
    assert "older than 90 days (325): OpenAI gpt-4o-mini supervised tuning" in out
    assert "older than 90 days" not in run(SCENARIOS / "api-vs-self-hosted.toml")


def test_prompt_cache_and_batch_are_priced_both_ways():
    _, analysis = analysed("fat-prompt.toml", draws=10)
    ways = {(v.candidate, v.way): v for v in analysis.variants}
    cached = ways[("fat prompt", "prompt cache")]
    # 2,000 of 2,200 tokens at half price, nearly always found: 150,000 x 2,000 x 0.075 / 1M
    assert abs(cached.saves_usd - Decimal("22.5")) < Decimal("0.01")
    assert ways[("fat prompt", "batch")].monthly_usd == Decimal("26.55")
    assert ways[("fat prompt, claude", "prompt cache")].saves_usd > 600


def test_rare_requests_find_no_cache():
    scenario = dict(ALL)["fat-prompt.toml"]
    rare = scenario.workload.model_copy(
        update={"requests_per_day": None, "requests_per_month": parse_span(100)}
    )
    analysis = analyse(scenario.candidates, rare.workload(), scenario.book(ON), draws=10)
    ways = {(v.candidate, v.way): v for v in analysis.variants}
    # anthropic writes cost 1.25x: with few hits caching costs more than it saves
    assert ways[("fat prompt, claude", "prompt cache")].saves_usd < 0


def parse_span(value):
    from rung.economics.amounts import span

    return span(value)


def test_an_adapter_apart_shares_its_machines():
    _, analysis = analysed("api-vs-self-hosted-marginal.toml", draws=10)
    ways = {(v.candidate, v.way): v for v in analysis.variants}
    assert ways[("own-rtx4090", "adapter unmerged")].saves_usd > 0


def test_the_dominated_are_marked():
    scenario = parse(
        """
        title = "t"
        on = 2026-11-21
        [workload]
        requests_per_month = 1000
        [[candidates]]
        key = "good"
        technique = "prompting"
        stated = { usd_per_request = 0.01 }
        score = { value = 0.9, low = 0.88, high = 0.92 }
        latency_p95_s = 1
        [[candidates]]
        key = "worse"
        technique = "rag"
        stated = { usd_per_request = 0.02 }
        score = { value = 0.8, low = 0.78, high = 0.82 }
        latency_p95_s = 2
        [[candidates]]
        key = "better but slow"
        technique = "rag"
        stated = { usd_per_request = 0.02 }
        score = { value = 0.95, low = 0.93, high = 0.97 }
        latency_p95_s = 3
        """,
        "inline",
    )
    found = analyse(
        scenario.candidates, scenario.workload.workload(), scenario.book(ON),
        target=Decimal("0.93"),
    )  # fmt: skip
    marks = {p.key: (p.dominated_by, p.surely) for p in found.frontier}
    assert marks == {
        "good": (None, False),
        "worse": ("good", True),
        "better but slow": (None, False),
    }
    assert found.chosen == "better but slow"
    per_correct = {c.key: c.per_correct for c in found.candidates}
    assert per_correct["worse"].value == Decimal("0.025")


@pytest.mark.lengthy
def test_ten_thousand_draws_take_less_than_two_seconds():
    scenario = dict(ALL)["ten-thousand-a-day.toml"]
    a, b, _ = models_of(scenario.candidates, scenario.workload.workload(), scenario.book(ON))
    started = time.process_time()
    found = break_even(a, b, count=10_000)
    assert time.process_time() - started < 2
    assert found.draws == 10_000


def test_rung_cost_answers_at_once():
    started = time.process_time()
    run(SCENARIOS / "api-vs-self-hosted.toml")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = ", "is not TOML"),
        ("title = 't'", "workload"),
        ("title='t'\n[workload]\n[[candidates]]\nkey='a'\ntechnique='rag'", "one of them"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(text, says):
    with pytest.raises(UserError, match=says):
        parse(text, "bad.toml").workload.workload()


@pytest.mark.parametrize(
    ("candidate", "says"),
    [
        ("labour = { setup_hours = 3 }", "labour_usd_per_hour"),
        ("training = { tokens = 10 }", "training_usd_per_mtok"),
        ("labour = { examples = 10 }", "labelling_usd_per_example"),
        ("hosting = { tokens_per_second = 1 }", "needs usd_per_hour, gpu or machine"),
        ("hosting = { tokens_per_second = 0, usd_per_hour = 1 }", "above 0"),
        (
            "hosting = { tokens_per_second = 1, usd_per_hour = 1, adapter = 'unmerged' }",
            "unmerged_slowdown",
        ),
        ("model = 'openai/none-such'", "has no known price"),
        ("retrieval = { store = 'pinecon-starter' }", "did you mean 'pinecone-starter'"),
    ],
)
def test_a_figure_without_a_price_is_refused_not_guessed(candidate, says):
    text = f"""
    title = "t"
    on = 2026-11-21
    [workload]
    requests_per_month = 10
    [[candidates]]
    key = "a"
    technique = "rag"
    {candidate}
    """
    scenario = parse(text, "inline")
    with pytest.raises(UserError, match=says):
        analyse(scenario.candidates, scenario.workload.workload(), scenario.book(ON))


@pytest.mark.lengthy
def test_a_run_is_priced_from_its_measured_usage(tmp_path):
    folder = tmp_path / ".rung" / "runs" / "r1"
    folder.mkdir(parents=True)
    usage = Usage(input_tokens=50_000, output_tokens=1_000, seconds=90.0)
    common = {"requests": 100, "usage": usage.model_dump(), "n": 100, "latency_p95_s": 1.2}
    run_file = {
        "name": "ticket-routing",
        "prices_of": "2026-11-21",
        "workload": {"requests_per_month": 100_000, "months": 12},
        "costs": {"labour_usd_per_hour": 100, "curation_hours": 4, "gpu": "l40s"},
        "target_score": 0.85,
        "candidates": [
            {
                "key": "nearest", "technique": "no-llm", "model": "no-llm/nearest",
                "score": 0.8, "score_low": 0.7, "score_high": 0.88, **common,
            },
            {
                "key": "mini", "technique": "rag", "model": "openai/gpt-4o-mini",
                "score": 0.9, "score_low": 0.86, "score_high": 0.95,
                "input_tokens_sd": 50, "context_tokens": 300, "retrieval_ms": 12, **common,
            },
            {
                "key": "tuned", "technique": "fine-tuning", "model": "local/smollm2-135m-instruct",
                "score": 0.92, "score_low": 0.87, "score_high": 0.95,
                "train_seconds": 600, "train_tokens": 90_000, **common,
            },
        ],
    }  # fmt: skip
    path = folder / "run.json"
    path.write_text(json.dumps(run_file))
    assert ProjectFolder(tmp_path).newest_run() == folder
    found = json.loads(run(tmp_path, "--json"), parse_float=Decimal)
    costs = {c["key"]: c for c in found["candidates"]}
    # 0.9 s a request at $0.0816 an hour, 100,000 requests
    assert costs["nearest"]["running_usd"] == Decimal("2.04")
    # 500 tokens in at 0.15, 10 out at 0.60
    assert costs["mini"]["running_usd"] == Decimal("8.1")
    assert costs["mini"]["running_low_usd"] < Decimal("8.1") < costs["mini"]["running_high_usd"]
    assert costs["mini"]["retrieval_adds_ms"]["value"] == 12
    # 4 h at $100 and 600 s of the machine
    assert costs["tuned"]["one_time_usd"] == Decimal("400.0136")
    assert found["chosen"] == "mini"
    assert costs["nearest"]["reaches_target"] is False
    # what the climb certified overrules the low end of the interval, as it does in the verdict
    for certified, chosen in ((0.84, "tuned"), (0.86, "mini")):
        run_file["candidates"][1]["certified"] = certified
        path.write_text(json.dumps(run_file))
        assert json.loads(run(tmp_path, "--json"))["chosen"] == chosen
    # the prices that a run kept are used again, whatever the price library says by now
    kept = PriceBook.of(["openai/gpt-4o-mini"], {}, ON)
    rates = kept.rates["openai/gpt-4o-mini"]
    dear = rates.tokens[0].model_copy(update={"input": Decimal("1.50")})
    book = kept.model_copy(
        update={"rates": {rates.model: rates.model_copy(update={"tokens": (dear,)})}}
    )
    run_file |= {"prices": book.model_dump(mode="json"), "name": "kept"}
    path.write_text(json.dumps({"name": "kept", "economics": run_file}))
    again = json.loads(run(path, "--json"), parse_float=Decimal)
    mini = next(c for c in again["candidates"] if c["key"] == "mini")
    assert mini["running_usd"] == Decimal("75.6")
    anew = json.loads(run(path, "--json", "--on", "2026-11-21"), parse_float=Decimal)
    assert next(c for c in anew["candidates"] if c["key"] == "mini")["running_usd"] == Decimal(
        "8.1"
    )
    with pytest.raises(UserError, match="no run below"):
        ProjectFolder(tmp_path / "elsewhere").newest_run()


def test_every_row_of_our_tables_has_a_source_and_a_date(on):
    for name in table.TITLES:
        for row in tables.rows(name):
            assert row.source.startswith("https://"), row.id
            assert row.checked <= on, row.id
            assert row.usd >= 0


def test_our_tables_are_append_only():
    """The running hashes of all published rows, in order. A new row appends a line to the file;
    a line that no longer comes out means that a published price was changed."""
    published = (SCENARIOS.parents[1] / "tests/economics/published_rows.txt").read_text().split()
    found = tables.chain()
    assert set(published) <= set(found), "a published row was changed: append a new one instead"
    assert set(found) == set(published), "append the new rows to tests/economics/published_rows.txt"


def test_candidates_in_a_word():
    out = run(
        "large=openai/gpt-4o:500/100", "small=openai/gpt-4o-mini:400-600/100",
        "--requests-per-month", "100000", "--on", "2026-11-21", "--json",
    )  # fmt: skip
    found = json.loads(out, parse_float=Decimal)
    assert [c["monthly_usd"] for c in found["candidates"]] == [225, Decimal("13.5")]
    assert found["candidates"][1]["interval"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere.toml"],
        ["a=b"],
        ["a=openai/gpt-4o:x/1"],
        ["a=openai/gpt-4o:1/1", "--on", "soon"],
        ["a=openai/gpt-4o:1/1", "--price", "labour"],
        ["a=openai/gpt-4o:1/1", "a=openai/gpt-4o:2/2"],
        ["a=openai/gpt-4o:1/1", "--months", "0"],
        ["a=openai/gpt-4o:1/1", "--requests-per-month", "9:1"],
    ],
)
def test_what_cannot_be_priced_is_refused(arguments):
    with pytest.raises(UserError):
        run(*arguments)


def test_a_file_that_is_no_run_is_refused(tmp_path):
    path = tmp_path / "run.json"
    for text in ("[]", "{}", "{", '{"candidates": [{"key": "a"}]}'):
        path.write_text(text)
        with pytest.raises(UserError, match="is not a run"):
            run(path)


def test_nothing_asked_costs_what_is_fixed():
    out = run(SCENARIOS / "api-vs-self-hosted.toml", "--requests-per-month", "0", "--json")
    found = {c["key"]: c for c in json.loads(out)["candidates"]}
    assert found["api"]["monthly_usd"] == 0 and found["api"]["per_request_usd"] is None
    assert found["self-hosted"]["running_usd"] == 200


def measured(**costs):
    usage = CandidateUsage(
        key="own",
        technique="fine-tuning",
        model="local/smollm2-135m-instruct",
        usage=Usage(input_tokens=90_000, output_tokens=10_000, seconds=100.0),
        requests=100,
        unmerged_slowdown=1.2,
    )
    scenario = of_run(
        [usage],
        Volume(requests_per_month=1_000_000),
        title="t",
        costs={"machine_usd_per_hour": 0.36, **costs},
        on=ON,
    )
    workload = scenario.workload.workload()
    return analyse(scenario.candidates, workload, scenario.book(ON)).candidates[0]


def test_self_hosting_is_priced_from_the_measured_throughput():
    # One machine must stand there: 730 h x 0.36
    assert measured().running.value == Decimal("262.8")
    by_the_second = measured(min_replicas=0)
    # 1 s of the machine a request
    assert by_the_second.running.value == 100
    # 1,000 tokens at 1,000 tokens/s, a quarter of the hours used: 4 s a request
    quarter = measured(utilisation=0.25)
    assert quarter.running.value == 400
    assert any("measured over 100 answers" in f.source for f in quarter.lines[0].factors)
    # at half of the hours one machine is not filled, and costs its 730 h all the same
    assert measured(utilisation=0.5).running.value == Decimal("262.8")
    # two machines are on whatever is asked: 2 x 730 h x 0.36
    redundant = measured(utilisation=0.5, min_replicas=2)
    assert redundant.running.value == Decimal("525.6")
    # an adapter apart answers 1.2x slower and shares its machines with three others
    apart = measured(utilisation=0.5, min_replicas=2, adapters_per_machine=4)
    assert apart.running.value == Decimal("240")
