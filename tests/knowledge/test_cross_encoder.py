"""A cross-encoder in a folder: searched through, and kept by the winner by its content."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from climbing.tasks import MODEL, climb, fact_task, reading
from ports.rungs import searching
from rung.errors import UserError
from rung.knowledge.tools import open_tool
from rung.solver import load
from rung.task.tools import ToolSettings
from scripted import ScriptedModel
from tiny_encoder import sizes, tokenizer

RERANKED = searching(rerank="endpoint", tool="judge")
TEXTS = ["the code of part 7 is red", "a", "", "code " * 900]
WORDS = ("the", "code", "of", "part", "is", "what", "a", "red", *"0123456789-?.")


def made(folder: Path, labels: int = 1, seed: int = 0) -> Path:
    """A BERT of random weights that reads `WORDS`."""
    config = sizes(WORDS, num_labels=labels, initializer_range=1.0)
    import torch
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    BertForSequenceClassification(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(WORDS), pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("judge"))


def settings(folder: Path, **parts: object) -> ToolSettings:
    own = {"name": "judge", "protocol": "cross-encoder", "model": str(folder), **parts}
    return ToolSettings(**own)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 2])
async def test_it_orders_by_what_the_model_says(tmp_path: Path, labels: int) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = made(tmp_path, labels)
    said = await open_tool(settings(folder)).call({"query": "what is the code", "documents": TEXTS})
    order = json.loads(said.text)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for index, score in order:
        pair = tokenizer(
            ["what is the code"],
            [TEXTS[index]],
            truncation=True,
            max_length=63,
            return_tensors="pt",
        )
        logits = model(**pair).logits[0]
        expected = logits[0].sigmoid() if labels == 1 else torch.softmax(logits, 0)[1]
        assert score == pytest.approx(expected.item(), abs=1e-5)
    scores = [score for _, score in order]
    assert scores == sorted(scores, reverse=True) and {at for at, _ in order} == {0, 1, 2, 3}
    assert said.seconds > 0 and said.usd == 0.0


@pytest.mark.slow
def test_a_winner_reranks_by_it_and_refuses_another(folder: Path, tmp_path: Path) -> None:
    """Twenty passages are put in its order; what it says of them is random, and stays the same."""
    place = shutil.copytree(folder, tmp_path / "judge")
    task = fact_task(tools=(settings(place),))
    chat = ScriptedModel(reading, MODEL)
    result = climb(task, tmp_path / "run", chat, candidates=(RERANKED,), everything=True)
    (row,) = result.candidates
    assert row.state in ("hopeless", "drop") and row.errors == 0
    wider = RERANKED.context.model_copy(update={"k": 20})
    good = RERANKED.model_copy(update={"context": wider})
    climb(task, tmp_path / "run", chat, candidates=(good,))
    winner = tmp_path / "run" / "winner"

    def opened() -> object:
        return load(winner, lambda _: chat, lambda _: None)  # type: ignore[arg-type, return-value]

    answer = opened().ask("What is the code of part 42?")  # type: ignore[attr-defined]
    (step,) = answer.steps
    assert step.name == "judge" and step.seconds == 0.0 < answer.usage.seconds
    shutil.rmtree(place)
    made(place, seed=1)
    with pytest.raises(UserError, match="is not the one that was measured"):
        opened()
    shutil.rmtree(place)
    with pytest.raises(UserError, match="no cross-encoder at"):
        opened()


@pytest.mark.slow
async def test_one_of_three_classes_is_refused(tmp_path: Path) -> None:
    tool = open_tool(settings(made(tmp_path, labels=3)))
    with pytest.raises(UserError, match="tells 3 classes apart"):
        await tool.call({"query": "q", "documents": ["a"]})


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no cross-encoder at"):
        open_tool(settings(tmp_path))


@pytest.mark.parametrize(
    "parts",
    [{"url": "http://h/x"}, {"command": ("x",)}, {"model": ""}, {"schema": {"type": "object"}}],
)
def test_settings_that_make_no_sense_are_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(Path("x"), **parts)
