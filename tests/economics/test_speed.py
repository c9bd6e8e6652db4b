"""Before it is measured, a model of one's own is as slow as it is large."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.candidate import Candidate, Weights
from rung.climbing.economics import usage_of
from rung.decide.usage import expected_calls, expected_cost
from rung.economics.analysis import cost_of
from rung.economics.model import Workload, model_of, model_of_usage
from rung.economics.pricing import PriceBook
from rung.economics.spec import CandidateSpec
from rung.economics.speed import (
    MEASURED,
    READ_PER_S,
    TRAIN_PER_S,
    WRITE_PER_S,
    answer_seconds,
    parameters_named,
    training_seconds,
)
from rung.models.local import machine
from rung.money import cents, dec
from rung.records import Answer, Attempt, Usage
from rung.records.results import CandidateResult
from rung.task.types import Example, LabelsOutput, Target, Task
from scripted import ScriptedModel

ON = date(2026, 11, 21)
SMALL, LARGE = "./small-135m", "./large-1350m.gguf"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("local/smollm2-135m-instruct", 135_000_000),
        ("./Llama-3.2-1.5B-Instruct-Q4_K_M.gguf", 1_500_000_000),
        ("/models/7b/weights", None),
        ("http://me:8000/v1#Qwen/Qwen2.5-7B-Instruct", 7_000_000_000),
        ("./mixtral-8x7b", None),
        ("openai/gpt-4o", None),
        ("./model-v2.gguf", None),
        ("./context-8k", None),
    ],
)
def test_a_name_tells_parameters_or_does_not(name: str, parameters: int | None) -> None:
    assert parameters_named(name) == parameters


def test_ten_times_the_parameters_take_ten_times_the_seconds() -> None:
    assert answer_seconds(READ_PER_S, WRITE_PER_S, MEASURED) == 2.0
    assert answer_seconds(READ_PER_S, 0, 10 * MEASURED) == 10.0
    assert training_seconds(TRAIN_PER_S, 10 * MEASURED) == 10.0


class Sized(ScriptedModel):
    """A model whose files are here."""

    def __init__(self, name: str, parameters: int | None) -> None:
        super().__init__(lambda _: "a", name)
        self.trains = True
        if parameters is not None:
            self.parameters = parameters


def expected(name: str, parameters: int | None, weights: str = "base") -> Any:
    rows = tuple(Example(id=str(i), input=f"item {i}", expected="a") for i in range(60))
    task = Task(
        name="t", instruction="i", output=LabelsOutput(labels=("a", "b")), train=rows, dev=rows[:5],
        target=Target(metric="accuracy", score=0.5), test=rows[5:10],
    )  # fmt: skip
    candidate = Candidate(model=name, weights=Weights(kind=weights))
    book = PriceBook.of([SMALL, LARGE, "http://me/v1#m-7b"], {"machine_usd_per_hour": 1}, ON)
    calls = expected_calls(task, candidate, lambda _: Sized(name, parameters))
    return expected_cost(task, candidate, calls, book)


def test_the_ladder_reckons_with_parameters() -> None:
    small, large = expected(SMALL, 135_000_000), expected(SMALL, 1_350_000_000)
    assert large.usage.seconds == pytest.approx(10 * small.usage.seconds)
    assert small.usage.seconds > 0
    # Weights that cannot be counted are read off the name; a server's seconds are not ours.
    assert expected(LARGE, None).usage.seconds == pytest.approx(large.usage.seconds)
    assert expected("http://me/v1#m-7b", None).usage.seconds == 0
    tuned, ten = (expected(SMALL, n * 135_000_000, "lora").train_seconds for n in (1, 10))
    assert ten == pytest.approx(10 * tuned) and tuned > 0


def test_on_a_gpu_its_seconds_and_its_hour_are_those_of_the_gpu(monkeypatch) -> None:
    costs = {"machine_usd_per_hour": 1, "gpu_usd_per_hour": 3, "min_replicas": 1}
    monkeypatch.setattr(machine, "device", lambda: "cuda")
    found = expected(SMALL, 135_000_000, "trl")
    assert found.usage.gpu_seconds > 0 and found.usage.seconds == 0
    assert found.train_gpu_seconds > 0 and found.train_seconds == 0
    model = model_of_usage(found, Workload.of(1_000, 12), PriceBook.of([SMALL], costs, ON))
    assert cost_of(model).running.value == 3 * 730
    hours = next(line for line in model.lines if "training run" in line.what)
    assert {a.span.value for a in hours.product.over} == {3, dec(found.train_gpu_seconds) / 3600}
    # The embedded loop trains on processors wherever it runs.
    assert expected(SMALL, 135_000_000, "lora").train_seconds == found.train_gpu_seconds


@pytest.mark.parametrize(("device", "seconds"), [("cuda", (0, 60)), ("cpu", (60, 0))])
def test_a_training_is_paid_where_it_was_done(device: str, seconds: tuple[float, float]) -> None:
    candidate = Candidate(model=SMALL, weights=Weights(kind="trl"))
    row = CandidateResult(
        key="k", technique="fine-tuning", model=SMALL, candidate=candidate,
        training={"seconds": 60.0, "device": device},
    )  # fmt: skip
    answer = Answer(text="a", value="a", usage=Usage(seconds=1.0))
    said = Attempt(candidate="k", split="test", example_id="1", answer=answer, score=1.0)
    task = Task(
        name="t", instruction="i", output=LabelsOutput(labels=("a", "b")),
        target=Target(metric="accuracy", score=0.5),
    )  # fmt: skip
    used = usage_of(row, [said], task)
    assert used and (used.train_seconds, used.train_gpu_seconds) == seconds


def stated(model: str, requests: int, **costs: Any) -> tuple[str, bool]:
    tokens = {"input": 900, "output": 200}
    spec = CandidateSpec(key="a", technique="prompting", model=model, tokens=tokens)
    book = PriceBook.of((), {"machine_usd_per_hour": "0.1", **costs}, ON)
    cost = cost_of(model_of(spec, Workload.of(requests, 12), book))
    return str(cents(cost.monthly.value)), cost.load_known


def test_a_stated_candidate_needs_more_machines_where_more_is_asked() -> None:
    # 900 / 900 + 200 / 200 = 2 s; 36M x 2 s = 20,000 h at $0.10
    assert stated(SMALL, 1_000) == ("73.00", True)
    assert stated(SMALL, 36_000_000) == ("2000.00", True)
    assert stated(LARGE, 36_000_000) == ("20000.00", True)
    # Where neither name nor [costs] tells, one machine is counted and it is said.
    assert stated("./model.gguf", 36_000_000) == ("73.00", False)
    # 36M x 1,100 tokens / 1,100 a second = 10,000 h
    assert stated("./model.gguf", 36_000_000, tokens_per_second=1100) == ("1000.00", True)
    # Two must stand there; half of their hours are in use.
    assert stated(SMALL, 1_000, min_replicas=2) == ("146.00", True)
    assert stated(SMALL, 36_000_000, utilisation="0.5") == ("4000.00", True)


def test_parameters_are_counted_without_loading_them(tmp_path: Path) -> None:
    numpy_files = pytest.importorskip("safetensors.numpy")
    from rung.models.local.card import count_parameters

    numpy_files.save_file({"a": np.zeros((3, 4), np.float32)}, tmp_path / "m-1.safetensors")
    numpy_files.save_file({"b": np.zeros(5, np.float16)}, tmp_path / "m-2.safetensors")
    assert count_parameters(tmp_path) == 17
    other = tmp_path / "other"
    other.mkdir()
    (other / "pytorch_model.bin").write_bytes(b"\0" * 40)
    assert count_parameters(other) == 20
