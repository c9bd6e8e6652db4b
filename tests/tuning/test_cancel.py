"""Ending a job that was bought: asked for once, however slowly it ends and whoever looks on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rung.behaviour.trainers.hosted import Hooks, JobFile, bought, cancel_job, tune_hosted
from rung.errors import ProviderError, UserError

from .fake_providers import STEPS, Fake
from .orders import PAID, TillDouble, make, no_pause, order, run


def stopped(name: str, fake: Fake, folder: Path) -> None:
    """An order is placed, and nobody waits for it."""
    hooks = Hooks(stop=lambda: True, pause=no_pause)
    with pytest.raises(ProviderError, match="it goes on there"):
        asyncio.run(tune_hosted(make(name, fake), order(), folder, TillDouble(), hooks))


def cancel(name: str, fake: Fake, folder: Path) -> JobFile:
    return asyncio.run(cancel_job(make(name, fake), folder, order().tag))


def cancels(fake: Fake) -> int:
    return sum("cancel" in call for call in fake.calls)


@pytest.mark.lengthy
def test_a_stop_leaves_the_job_and_a_cancel_ends_it(name: str, tmp_path: Path) -> None:
    fake = Fake()
    stopped(name, fake, tmp_path)
    fake.slow_to_end = 1
    stages = [cancel(name, fake, tmp_path).stage]
    while stages[-1] != "cancelled":
        stages.append(cancel(name, fake, tmp_path).stage)
    # OpenAI answers that it is cancelled, the others that it will be.
    assert set(stages[:-1]) == (set() if name == "openai" else {"cancelling"})
    assert cancels(fake) == 1
    with pytest.raises(UserError, match="cancelled"):
        run(make(name, fake), tmp_path)
    assert len(fake.jobs) == 1
    with pytest.raises(UserError, match="is cancelled already"):
        cancel(name, fake, tmp_path)


def test_a_lost_answer_to_a_cancel_is_asked_for(name: str, tmp_path: Path) -> None:
    fake = Fake()
    stopped(name, fake, tmp_path)
    fake.lose = {"cancel"}
    with pytest.raises(ProviderError, match="broke the connection"):
        cancel(name, fake, tmp_path)
    fake.lose = set()
    assert cancel(name, fake, tmp_path).stage == "cancelled"
    assert cancels(fake) == 1


def test_whoever_waits_sees_the_cancel(name: str, tmp_path: Path) -> None:
    fake = Fake()
    stopped(name, fake, tmp_path)
    cancel(name, fake, tmp_path)
    with pytest.raises(UserError, match="cancelled; to order it again, delete"):
        run(make(name, fake), tmp_path)
    assert bought(tmp_path)[0].stage == "cancelled"


def test_a_job_that_is_done_is_not_cancelled_but_taken(name: str, tmp_path: Path) -> None:
    fake = Fake()
    stopped(name, fake, tmp_path)
    for _ in STEPS[name]:
        asyncio.run(make(name, fake).look(bought(tmp_path)[0].job or ""))
    with pytest.raises(UserError, match="is done already: climb again to use it"):
        cancel(name, fake, tmp_path)
    assert not cancels(fake)
    assert run(make(name, fake), tmp_path).usd == pytest.approx(PAID[name])
    assert len(fake.jobs) == 1
