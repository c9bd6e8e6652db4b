"""A hosted provider is one record, its tuner one file: opened, told apart, ordered from."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.behaviour.trainers.base import Desk, Order, Tuned
from rung.behaviour.trainers.hosted import open_tuner, provider_of
from rung.behaviour.trainers.hosted.openai import OpenAITuner
from rung.behaviour.trainers.shelf import open_trainer
from rung.candidate import Weights
from rung.errors import UserError
from rung.models import registry
from rung.models.openai_compatible import OpenAICompatible
from rung.models.registry import Provider, known_forms, open_model
from rung.models.vendors import VENDORS, Vendor, leaves_this_machine
from scripted import ScriptedModel
from tuning.fake_providers import Fake
from tuning.orders import Hooks, Http, TillDouble, no_pause, order

FAKE = Fake()


class Workbench(OpenAITuner):
    """A provider whose jobs are ordered as OpenAI's."""

    name = "workbench"

    def __init__(self) -> None:
        super().__init__(Http("http://test/v1", "RUNG_TEST_KEY", no_pause, FAKE.transport()))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_TEST_KEY", "secret-key")
    tuner = f"{__name__}:Workbench"
    record = Vendor("workbench", "Workbench", "https://workbench.test/v1", tuner=tuner)
    monkeypatch.setitem(VENDORS, "workbench", record)
    # Derived of the vendors when the module is read.
    derived = Provider("workbench/", record.form, registry._endpoint)
    monkeypatch.setattr(registry, "PROVIDERS", (*registry.PROVIDERS, derived))


def test_its_models_open_and_are_told_apart_as_hosted() -> None:
    model = open_model("workbench/big")
    assert isinstance(model, OpenAICompatible) and model.endpoint.model == "big"
    assert "workbench/<model>" in known_forms()
    assert leaves_this_machine("workbench/big")


async def test_its_tuner_orders_and_resumes(tmp_path: Path) -> None:
    assert provider_of("workbench/big") == "workbench"
    assert isinstance(open_tuner("workbench/big"), Workbench)

    async def train() -> Tuned:
        wanted: Order = order().model_copy(update={"weights": Weights(kind="hosted")})
        desk = Desk(
            ScriptedModel(lambda _: "x"), tmp_path / "adapters", TillDouble(), Hooks(pause=no_pause)
        )
        return await open_trainer("hosted", "workbench/big").train(wanted, desk)

    first = await train()
    assert first.model is not None and first.model.startswith("workbench/")
    assert await train() == first and len(FAKE.jobs) == 1


def test_without_its_record_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(VENDORS, "workbench")
    with pytest.raises(UserError, match="which no provider tunes"):
        provider_of("workbench/big")
