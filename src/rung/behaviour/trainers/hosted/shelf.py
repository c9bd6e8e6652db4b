"""Which model name is tuned where: of the vendors, those that tune."""

from importlib import import_module

from rung.behaviour.trainers.hosted.base import HostedTuner
from rung.errors import UserError
from rung.models.vendors import VENDORS

PROVIDERS = tuple(vendor.name for vendor in VENDORS.values() if vendor.tuner)
"""The first part of a model's name."""


def provider_of(model: str) -> str:
    """`together` of `together/meta-llama/…`; `UserError` where nobody tunes that model."""
    provider, _, name = model.partition("/")
    if provider not in VENDORS or not VENDORS[provider].tuner or not name:
        raise UserError(
            f"[models] tune names {model!r}, which no provider tunes; write "
            f"{', '.join(f'{p}/<base model>' for p in PROVIDERS)}"
        )
    return provider


def tuner_class(provider: str) -> type[HostedTuner]:
    """A provider's tuner, whose facts (limits, rows) need no key and no network."""
    module, _, name = (VENDORS[provider].tuner or "").partition(":")
    kind: type[HostedTuner] = getattr(import_module(module), name)
    return kind


def open_tuner(model: str) -> HostedTuner:
    """The provider's tuner, without touching the network. Raises `UserError`."""
    return tuner_class(provider_of(model))()
