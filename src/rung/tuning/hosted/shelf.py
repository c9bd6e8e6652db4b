"""The list of providers: which model name is tuned where."""

from __future__ import annotations

from collections.abc import Callable

from rung.errors import UserError
from rung.tuning.hosted.base import HostedTuner
from rung.tuning.hosted.fireworks import FireworksTuner
from rung.tuning.hosted.openai import OpenAITuner
from rung.tuning.hosted.together import TogetherTuner
from rung.tuning.hosted.vertex import VertexTuner

PROVIDERS: dict[str, Callable[[], HostedTuner]] = {
    "together": TogetherTuner,
    "fireworks": FireworksTuner,
    "vertex": VertexTuner,
    "openai": OpenAITuner,
}
"""By the first part of a model's name."""


def provider_of(model: str) -> str:
    """`together` of `together/meta-llama/…`; `UserError` where nobody tunes that model."""
    provider, _, name = model.partition("/")
    if provider not in PROVIDERS or not name:
        raise UserError(
            f"[models] tune names {model!r}, which no provider tunes; write "
            f"{', '.join(f'{p}/<base model>' for p in PROVIDERS)}"
        )
    return provider


def open_tuner(model: str) -> HostedTuner:
    """The provider's tuner, without touching the network. Raises `UserError`."""
    return PROVIDERS[provider_of(model)]()
