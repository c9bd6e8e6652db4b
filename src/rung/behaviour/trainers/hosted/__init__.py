"""Fine-tuning bought from a provider: upload, order once, wait, cancel. One file a provider."""

from rung.behaviour.trainers.base import Hooks, Order, Till
from rung.behaviour.trainers.hosted.base import HostedJob, HostedTuner
from rung.behaviour.trainers.hosted.run import (
    HostedResult,
    JobFile,
    bought,
    cancel_job,
    tune_hosted,
)
from rung.behaviour.trainers.hosted.shelf import PROVIDERS, open_tuner, provider_of

__all__ = [
    "PROVIDERS",
    "Hooks",
    "HostedJob",
    "HostedResult",
    "HostedTuner",
    "JobFile",
    "Order",
    "Till",
    "bought",
    "cancel_job",
    "open_tuner",
    "provider_of",
    "tune_hosted",
]
