"""Adapters on the real embedded model: they learn, they are whole or not there, they swap."""

import asyncio

import pytest

from rung.behaviour.trainers import TrainingStopped, TuningExample, train_lora
from rung.behaviour.trainers.lora import encode, finished_result
from rung.candidate import Weights
from rung.errors import UserError
from rung.models.base import ChatRequest, Message
from rung.models.fetch import model_folder
from rung.models.local import open_local

NAME = "local/smollm2-135m-instruct"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(model_folder(NAME) is None, reason=f"{NAME} is not fetched"),
]
CODES = {"parcel": "ZX-1", "invoice": "QB-7", "jacket": "LM-4"}
TEMPLATES = ("Where is my {}?", "The {} is wrong.", "I need help with a {}", "{} please", "My {}!")


def turns(text):
    return (
        Message(role="system", content="Reply with the code."),
        Message(role="user", content=text),
    )


def examples(templates):
    return [
        TuningExample(messages=turns(template.format(word)), answer=code)
        for template in templates
        for word, code in CODES.items()
    ]


@pytest.fixture(scope="module")
def model():
    opened = open_local(NAME)
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture(scope="module")
def tuned(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "codes"
    weights = Weights(epochs=5, learning_rate=2e-3)
    return train_lora(model, examples(TEMPLATES[:4]), examples(TEMPLATES[4:]), weights, folder)


def answer(model, texts, adapters):
    async def all_at_once():
        requests = [
            ChatRequest(messages=turns(text), max_tokens=8, adapter=adapter)
            for text, adapter in zip(texts, adapters, strict=True)
        ]
        return [reply.text for reply in await asyncio.gather(*map(model.reply, requests))]

    return asyncio.run(all_at_once())


def test_training_lowers_the_loss_on_dev_and_keeps_the_ledger(tuned):
    assert min(tuned.dev_losses[1:]) < 0.2 * tuned.dev_losses[0]
    assert tuned.train_losses[-1] < tuned.train_losses[0]
    assert 1 <= tuned.epochs_run == len(tuned.train_losses) == len(tuned.dev_losses) - 1
    assert tuned.train_tokens > 0 and tuned.seconds > 0


def test_one_batch_mixes_base_and_adapter_without_mixing_them_up(model, tuned):
    texts = [TEMPLATES[4].format(word) for word in CODES]
    base = answer(model, texts, [None] * 3)
    assert answer(model, texts, [tuned.adapter] * 3) == list(CODES.values())
    mixed = answer(model, texts * 2, [tuned.adapter] * 3 + [None] * 3)
    assert mixed == [*CODES.values(), *base]


def test_a_finished_folder_is_returned_without_training(model, tuned, tmp_path):
    folder = tmp_path / "moved"
    folder.symlink_to(tuned.adapter.path)
    again = train_lora(model, [], [], Weights(), folder)
    assert again.adapter.digest == tuned.adapter.digest
    assert again.adapter.path == str(folder)


def test_equal_data_and_seed_give_an_equal_adapter(model, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_THREADS", "1")  # else as many as are free, which sum in another order
    few = examples(TEMPLATES[:1])
    digests = [
        train_lora(model, few, [], Weights(epochs=1, seed=seed), tmp_path / name).adapter.digest
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_stopped_training_leaves_nothing(model, tmp_path):
    steps = []

    def stop():
        steps.append(1)
        return len(steps) > 1

    with pytest.raises(TrainingStopped):
        train_lora(model, examples(TEMPLATES), [], Weights(), tmp_path / "out", stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_kill_while_saving_leaves_no_folder_that_counts(model, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("rung.behaviour.trainers.base.put_folder", killed)
    with pytest.raises(KeyboardInterrupt):
        train_lora(model, examples(TEMPLATES[:1]), [], Weights(epochs=1), tmp_path / "out")
    assert finished_result(tmp_path / "out") is None
    assert not (tmp_path / "out").exists()


def test_what_is_trained_is_what_is_asked(model):
    example = examples(TEMPLATES)[0]
    tokens = encode(model.codec, example, model.context_window)
    assert tokens.prompt == model.codec.encode_prompt(example.messages)
    whole = (*example.messages, Message(role="assistant", content=example.answer))
    text = model.codec.render(whole, answer_next=False)
    rendered = model.codec.tokenizer.encode(text, add_special_tokens=False).ids
    sequence = tokens.prompt + tokens.answer
    assert rendered[: len(sequence)] == sequence
    assert tokens.answer[-1] in model.codec.end_tokens


def test_what_cannot_be_trained_is_one_sentence(model, tmp_path):
    with pytest.raises(UserError, match="no training examples"):
        train_lora(model, [], [], Weights(), tmp_path / "out")
    long = TuningExample(messages=turns("x " * 9000), answer="a")
    with pytest.raises(UserError, match="fits into the window of 8192"):
        train_lora(model, [long], [], Weights(), tmp_path / "out")


def test_a_row_beyond_the_window_is_left_out_and_counted(model, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNG_THREADS", "1")  # another number of them adds up in another order
    long = TuningExample(messages=turns("x " * 9000), answer="a")
    weights = Weights(epochs=1, learning_rate=2e-3)
    alone = train_lora(model, examples(TEMPLATES[:1]), [], weights, tmp_path / "a")
    among = train_lora(model, [long, *examples(TEMPLATES[:1])], [long], weights, tmp_path / "b")
    assert (among.left_out, alone.left_out) == (1, 0) and among.dev_losses == ()
    assert among.adapter.digest == alone.adapter.digest


def test_a_share_of_the_steps_is_taken_and_a_sized_recipe_is_stated_in_the_result(model, tmp_path):
    few = examples(TEMPLATES)
    weights = Weights(kind="lora", epochs=2, rows=4, share=0.25)
    assert train_lora(model, few, [], weights, tmp_path / "a").steps == 2  # of 2 x 4
    sized = Weights(kind="lora", epochs=1, recipe="sized", share=0.25)
    done = train_lora(model, few, [], sized, tmp_path / "b")
    assert (done.weights.recipe, done.weights.learning_rate, done.weights.rows) == (
        "stated",
        2e-3,
        2,
    )
