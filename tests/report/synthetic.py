"""Runs built in code: what `run.json` and `attempts.jsonl` hold, without a climb.

The figures are drawn at random and mean nothing; only their form is real.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.candidate import Candidate, Context, Prompt, Shots, Weights
from rung.climbing.economics import economics_of
from rung.climbing.explaining import DIAGNOSIS_FILE
from rung.climbing.summary import mean_usage, measured
from rung.diagnose import Bound, CauseShare, Diagnosis, Finding
from rung.evidence import paired_comparison
from rung.records import Answer, Attempt, Passage, Usage
from rung.records.results import Calls, CandidateResult, Comparison, RunResult, State, Verdict
from rung.task.types import Document, Example, LabelsOutput, SplitName, Target, Task, Workload

SMALL = "local/smollm2-135m-instruct"
EMBEDDER = "local/all-minilm-l6-v2"
LABELS = ("billing", "delivery", "returns", "brakes-wheels")
WORDS = [
    "my",
    "bike",
    "order",
    "brake",
    "wheel",
    "refund",
    "invoice",
    "parcel",
    "late",
    "broken",
    "where",
    "when",
    "how",
    "please",
]

SHAPES: tuple[tuple[Candidate, State, float], ...] = (
    (Candidate(model="no-llm/nearest", embedder=EMBEDDER), "drop", 0.62),
    (Candidate(model="no-llm/linear", embedder=EMBEDDER), "undecided", 0.84),
    (Candidate(model=SMALL), "hopeless", 0.31),
    (
        Candidate(model=SMALL, prompt=Prompt(shots=Shots(kind="nearest", k=5)), embedder=EMBEDDER),
        "pass",
        0.93,
    ),
    (Candidate(model=SMALL, prompt=Prompt(shots=Shots(kind="fixed", k=5))), "drop", 0.71),
    (Candidate(model=SMALL, context=Context(kind="retrieved", k=3)), "drop", 0.55),
    (Candidate(model=SMALL, weights=Weights(kind="lora")), "pass", 0.94),
    (
        Candidate(
            model=SMALL, weights=Weights(kind="lora"), context=Context(kind="retrieved", k=3)
        ),
        "planned",
        0.9,
    ),
    (Candidate(model=SMALL, context=Context(kind="gold", k=3)), "probe", 0.66),
)
LEARNING: dict[str, Any] = {
    "sizes": (25, 50, 100, 200),
    "scores": (0.55, 0.725, 0.85, 0.9),
    "untrained": 0.3,
    "target": 0.85,
    "points": (
        {"factor": 2.0, "n": 400, "chance": 0.91, "low": 0.86, "median": 0.925, "high": 0.97,
         "outlook": "may, if the curve goes on as it went, reach"},
        {"factor": 4.0, "n": 800, "chance": 0.94, "low": 0.87, "median": 0.94, "high": 0.99,
         "outlook": "may, if the curve goes on as it went, reach"},
    ),
    "reason": "",
}  # fmt: skip
SETUP = {"rag": 1000.0, "fine-tuning": 5000.0, "hybrid": 10000.0}


def make_task(n_dev: int = 40, n_test: int = 120, seed: int = 0) -> Task:
    """A routing task with documents."""
    draw = random.Random(seed)

    def example(i: int) -> Example:
        text = " ".join(draw.choice(WORDS) for _ in range(draw.randint(5, 18)))
        return Example(
            id=f"msg-{i:04}",
            input=f"{text} {i}",
            expected=draw.choice(LABELS),
            context_ids=(f"doc-{draw.randrange(12)}",),
        )

    rows = [example(i) for i in range(n_dev + n_test + 60)]
    documents = tuple(
        Document(id=f"doc-{i}", title=f"Policy {i}", text="A policy. " * 60) for i in range(12)
    )
    return Task(
        name="ticket-routing",
        instruction="Route the customer's message to one queue of the service desk.",
        output=LabelsOutput(labels=LABELS),
        target=Target(metric="accuracy", score=0.85),
        train=tuple(rows[n_dev + n_test :]),
        dev=tuple(rows[:n_dev]),
        test=tuple(rows[n_dev : n_dev + n_test]),
        documents=documents,
        workload=Workload(requests_per_month=42_000, months=12),
    )


def make_run(
    task: Task, seed: int = 0, shapes: Sequence[tuple[Candidate, State, float]] = SHAPES
) -> tuple[RunResult, list[Attempt]]:
    """A finished run of that task, and its attempts."""
    draw = random.Random(seed)
    rows, attempts = [], []
    for candidate, state, chance in shapes:
        row, made = _candidate(task, candidate, state, chance, draw)
        rows.append(row)
        attempts += made
    passed = [r for r in rows if r.state == "pass"]
    choice = min(passed, key=lambda r: r.monthly_usd or 0.0) if passed else None
    return _result(task, rows, attempts, choice), attempts


def _candidate(
    task: Task, candidate: Candidate, state: State, chance: float, draw: random.Random
) -> tuple[CandidateResult, list[Attempt]]:
    dev = (
        [] if state == "planned" else [attempt(candidate, "dev", e, chance, draw) for e in task.dev]
    )
    on_test = state in ("pass", "drop", "undecided")
    asked = task.test[: len(task.test) // 2] if state == "drop" else task.test
    test = [attempt(candidate, "test", e, chance, draw) for e in asked] if on_test else []
    usage, spread, cost = mean_usage(test or dev)
    setup = SETUP.get(candidate.technique, 0.0)
    work = task.workload
    found = measured(task, "test", asked, test) if test else None
    if found is not None:
        bound = max(0.0, round((found.low or 0) - 0.01, 3))
        bound = max(bound, task.target.score) if state == "pass" else bound
        found = found.model_copy(update={"certified": bound})
    tuned = candidate.weights.kind == "lora" and state != "planned"
    return CandidateResult(
        key=candidate.key,
        technique=candidate.technique,
        model=candidate.model,
        candidate=candidate,
        state=state,
        reason="at most 0.45 with 99% confidence" if state == "hopeless" else "",
        dev=measured(task, "dev", task.dev, dev) if dev else None,
        test=found,
        alpha=0.0057 if test else None,
        cost_per_request_usd=cost,
        expected_cost_per_request_usd=4e-6,
        setup_usd=setup,
        monthly_usd=None if cost is None else cost * work.requests_per_month + setup / work.months,
        usage=usage,
        usage_sd=spread,
        latency_p95_s=0.31 if state == "pass" else None,
        training={
            "train_tokens": 87_048,
            "seconds": 312.4,
            "epochs_run": 3,
            "dev_losses": (2.31, 0.42, 0.31, 0.33),
            "train_losses": (0.9, 0.35, 0.2),
        }
        if tuned
        else {},
        learning=LEARNING if tuned else {},
    ), dev + test


def attempt(
    candidate: Candidate, split: SplitName, example: Example, chance: float, draw: random.Random
) -> Attempt:
    """One answer, right with that chance."""
    right = draw.random() < chance
    reading = candidate.context.kind in ("retrieved", "gold")
    if draw.random() < 0.01:
        return Attempt(
            candidate=candidate.key,
            split=split,
            example_id=example.id,
            error="the endpoint answered 503 after 3 tries",
        )
    said = str(example.expected) if right else draw.choice(LABELS)
    passages = (
        tuple(
            Passage(
                document_id=f"doc-{draw.randrange(12)}",
                title="Returns and refunds",
                start=i * 600,
                text="Goods can be returned within 30 days of delivery. " * 8,
            )
            for i in range(3)
        )
        if reading
        else ()
    )
    tokens = 0 if candidate.technique == "no-llm" else draw.randint(60, 420)
    return Attempt(
        candidate=candidate.key,
        split=split,
        example_id=example.id,
        answer=Answer(
            text=said,
            value=said,
            passages=passages,
            citations=(0,) if reading else (),
            usage=Usage(input_tokens=tokens, output_tokens=3 if tokens else 0, seconds=0.2),
            calls=1 if tokens else 0,
            latency_s=0.15 + tokens / 1000 if tokens else 0.008 + len(example.input_text()) / 1e4,
        ),
        score=1.0 if said == example.expected else 0.0,
        details={"valid": 1.0},
        cost_usd=2e-7 + tokens * draw.uniform(2e-8, 4e-8),
    )


def _result(
    task: Task, rows: list[CandidateResult], attempts: list[Attempt], choice: CandidateResult | None
) -> RunResult:
    asked = [r for r in rows if r.technique != "no-llm"]
    exhaustive = sum(len(task.dev) + (0 if r.state == "probe" else len(task.test)) for r in asked)
    status: Any = "sufficient" if choice else "insufficient"
    return RunResult(
        run="4b6fab363973",
        task=task.name,
        fingerprint=task.fingerprint(),
        metric="accuracy",
        target=task.target.score,
        confidence=0.95,
        verdict=Verdict(
            status=status,
            choice=choice.key if choice else None,
            reasons=(f"{choice.key} reaches the target.",) if choice else ("Nothing passed.",),
            next_step="Serve it from .rung/winner, or raise the target and climb on.",
            comparisons=tuple(_compared(choice, rows, attempts)) if choice else (),
        ),
        candidates=tuple(rows),
        calls=Calls(
            made=0,
            cached=900,
            exhaustive=exhaustive,
            used=sum(a.answer.calls for a in attempts if a.answer),
        ),
        sizes={s: len(task.split(s)) for s in ("train", "dev", "test")},
        spent_usd=0.0132,
        seconds=184.2,
        notes=("train: 3 examples left out because their input stands in test too",),
        ledger="this test split has been used by 5 candidates; error left for further ones: 0.01",
        workload=task.workload.model_dump(),
        economics=economics_of(rows, lambda k: [a for a in attempts if a.candidate == k], task),
        prices=prices(),
        versions={"rung": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
        started="2026-11-21T08:00:00+00:00",
        finished=True,
    )


def _compared(
    choice: CandidateResult, rows: list[CandidateResult], attempts: list[Attempt]
) -> list[Comparison]:
    scores: dict[str, dict[str, float]] = {}
    for one in attempts:
        if one.split == "test" and one.score is not None:
            scores.setdefault(one.candidate, {})[one.example_id] = one.score
    ours, found = scores[choice.key], []
    for row in rows:
        common = sorted(set(ours) & set(scores.get(row.key, {})))
        if row.key == choice.key or not common:
            continue
        theirs = scores[row.key]
        pair = paired_comparison([ours[i] for i in common], [theirs[i] for i in common])
        found.append(
            Comparison(
                other=row.key,
                difference=pair.difference,
                low=pair.low,
                high=pair.high,
                p_value=pair.p_value,
                n=pair.n,
                method=pair.method,
            )
        )
    return found


def prices() -> dict[str, Any]:
    """A price book as a run keeps it."""
    source = {
        "what": "AWS EC2 m7g.large, 2 vCPU, 8 GB, Linux, us-east-1, on demand",
        "url": "https://example.com/prices",
        "checked": "2026-07-01",
    }
    rates = {
        m: {"model": m, "machine_usd_per_hour": "0.0816", "source": source}
        for m in (SMALL, "no-llm/nearest", "no-llm/linear")
    }
    return {"on": "2026-11-21", "rates": rates}


def make_diagnosis(task: Task, result: RunResult) -> Diagnosis:
    """Why the first prompt fails, by invented probes on the dev examples."""
    prompt = next(r for r in result.candidates if r.technique == "prompting")
    rag = next(r for r in result.candidates if r.technique == "rag")
    ids = [e.id for e in task.dev]
    said: tuple[Any, ...] = (
        ("missing_knowledge", 7, 0.25, 0.6, ("rag", "hybrid"), ids[:7]),
        ("wrong_format", 6, 0.2, 0.55, ("fine-tuning", "hybrid"), ids[7:13]),
        ("label_suspect", 4, 0.1, 0.45, (), ids[13:17]),
    )
    tuned = next(r for r in result.candidates if r.technique == "fine-tuning")
    return Diagnosis(
        candidate=prompt.key,
        n=len(ids),
        failures=17,
        probed=17,
        confidence=0.95,
        causes=tuple(
            CauseShare(cause=cause, share=count / 17, low=low, high=high, count=count,
                       examples=tuple(which), techniques=mends)
            for cause, count, low, high, mends, which in said
        ),
        bounds=(
            Bound(candidate=rag.key, technique="rag", most=0.75, high=0.86,
                  text="Every missing fact handed over, nothing else mended."),
            Bound(candidate=tuned.key, technique="fine-tuning", most=0.72, high=0.84,
                  text="Every wrong form mended, no fact added."),
        ),
        examples={i: Finding(id=i, score=0.0, cause=cause, flipped_by="gold passages")
                  for cause, _, _, _, _, which in said for i in which},
    )  # fmt: skip


def write_run(
    folder: Path,
    result: RunResult,
    attempts: Sequence[Attempt],
    diagnosis: Diagnosis | None = None,
) -> Path:
    """The folder of a run on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    lines = "".join(a.model_dump_json() + "\n" for a in attempts)
    (folder / "attempts.jsonl").write_text(lines, encoding="utf-8")
    if diagnosis is not None:
        (folder / DIAGNOSIS_FILE).write_text(diagnosis.model_dump_json(), encoding="utf-8")
    return folder
