"""What every trainer of the shelf promises, here or at a provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from rung.behaviour.trainers.base import Desk, Hooks, Tuned
from rung.behaviour.trainers.hosted import PROVIDERS, trainer
from rung.behaviour.trainers.shelf import TRAINERS, open_trainer
from rung.candidate import WEIGHTS, Weights
from rung.errors import RungError, UserError
from rung.models.base import ChatModel
from rung.models.fetch import model_folder
from rung.models.registry import open_model
from scripted import ScriptedModel

from .fake_providers import Fake
from .orders import NAMES, TillDouble, make, no_pause, order
from .test_vertex import fake as vertex
from .test_vertex import plain

__all__ = ["vertex"]
HERE = "local/smollm2-135m-instruct"
NEEDS_WEIGHTS = [
    pytest.mark.slow,
    pytest.mark.skipif(model_folder(HERE) is None, reason=f"{HERE} is not fetched"),
]
NEEDS_TRL = pytest.mark.skipif(find_spec("trl") is None, reason="the extra trl is not installed")
ON_SHELF = [
    *(
        pytest.param(
            (kind, HERE), id=kind, marks=[*NEEDS_WEIGHTS, *([NEEDS_TRL] if kind != "lora" else [])]
        )
        for kind in TRAINERS
        if WEIGHTS[kind].here
    ),
    *(pytest.param(("hosted", f"{name}/base-model"), id=name) for name in PROVIDERS),
]


class Place:
    """Where one trainer works: this machine, or a double of its provider."""

    def __init__(self, kind: str, model: str, folder: Path, done: Callable[[Path], int]) -> None:
        self.kind, self.model, self.folder = kind, model, folder / "adapters"
        self.till = TillDouble()
        self.here = WEIGHTS[kind].here
        self.base: ChatModel = open_model(model) if self.here else ScriptedModel(lambda _: "x")
        self.trained = lambda: done(self.folder)
        """How often weights were trained."""

    def train(self, *, paid: bool = True, hooks: Hooks | None = None) -> Tuned:
        made = plain() if self.model.startswith("vertex/") else order()
        recipe = Weights(kind=self.kind, epochs=1, learning_rate=1e-4)
        wanted = made.model_copy(update={"weights": recipe})
        if WEIGHTS[self.kind].prefers:
            pairs = tuple(e.model_copy(update={"rejected": "no code"}) for e in made.train)
            wanted = wanted.model_copy(update={"train": pairs})
        till = self.till if paid else None
        desk = Desk(self.base, self.folder, till, hooks or Hooks(pause=no_pause))
        return asyncio.run(open_trainer(self.kind, self.model).train(wanted, desk))


@pytest.fixture(params=ON_SHELF)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    kind, model = request.param
    provider = model.partition("/")[0]
    if WEIGHTS[kind].here:
        yield Place(kind, model, tmp_path, lambda kept: len(list(kept.glob("*/tuning.json"))))
    elif provider in NAMES:
        fake = Fake()
        monkeypatch.setattr(trainer, "open_tuner", lambda _: make(provider, fake))
        yield Place(kind, model, tmp_path, lambda _: len(fake.jobs))
    else:
        google = request.getfixturevalue("vertex")
        yield Place(kind, model, tmp_path, lambda _: len(google.jobs))


@pytest.mark.lengthy
def test_what_comes_of_it_can_be_asked_and_told(place: Place) -> None:
    tuned = place.train()
    assert (tuned.adapter is None) != (tuned.model is None)
    assert json.loads(json.dumps(tuned.took)) == tuned.took and tuned.took
    if tuned.model is not None:  # named as a candidate would name it
        assert open_model(tuned.model).name == tuned.model
        assert place.till.paid


@pytest.mark.lengthy
def test_what_is_done_is_not_done_again(place: Place) -> None:
    first = place.train()
    paid = list(place.till.paid)
    assert place.train() == first and place.trained() == 1 and place.till.paid == paid


@pytest.mark.lengthy
def test_stopped_it_goes_on_where_it_was(place: Place) -> None:
    with suppress(RungError):
        place.train(hooks=Hooks(stop=lambda: True, pause=no_pause))
    assert place.train() and place.trained() == 1


def test_what_nobody_pays_for_is_not_bought(place: Place) -> None:
    if place.here:
        assert place.train(paid=False).adapter
    else:
        with pytest.raises(UserError, match="nobody pays"):
            place.train(paid=False)
        assert place.trained() == 0


@pytest.mark.parametrize("kind", TRAINERS)
def test_a_model_that_it_cannot_tune_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    async def train() -> Tuned:
        desk = Desk(ScriptedModel(lambda _: "x"), tmp_path / "adapters", TillDouble())
        return await open_trainer(kind, "scripted/m").train(order(), desk)

    with pytest.raises(UserError, match="scripted/m"):
        asyncio.run(train())


def test_the_shelf_and_the_traits_name_the_same_kinds() -> None:
    assert {"base", *TRAINERS} == set(WEIGHTS)
