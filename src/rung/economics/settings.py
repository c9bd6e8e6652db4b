"""The `[costs]` section: every priced item can be overridden, and a wrong key is named."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from rung.errors import UserError
from rung.money import fault, given
from rung.task.types import Frozen
from rung.task.wording import did_you_mean

Money = Annotated[Decimal, BeforeValidator(given), Field(ge=0)]
"""A non-negative decimal; a float enters as it was written."""


class ModelPrices(Frozen):
    """A model's own prices, USD per 1M tokens; what is left out stays as listed."""

    input_usd_per_mtok: Money | None = None
    output_usd_per_mtok: Money | None = None
    cache_read_usd_per_mtok: Money | None = None
    cache_write_usd_per_mtok: Money | None = None
    machine_usd_per_hour: Money | None = None
    gpu_usd_per_hour: Money | None = None
    deployment_usd_per_hour: Money | None = None
    """Of a dedicated deployment on which a provider serves a model that it tuned: its hours are
    paid then, and no tokens."""
    tokens_per_second: Money | None = Field(default=None, gt=0)
    """What a server of one's own or a deployment reads and writes in all, measured there: without
    it one machine is counted whatever is asked."""


TOKEN_PRICES = (
    "input_usd_per_mtok",
    "output_usd_per_mtok",
    "cache_read_usd_per_mtok",
    "cache_write_usd_per_mtok",
)
HOUR_PRICES = ("machine_usd_per_hour", "gpu_usd_per_hour")
HOURS = (
    "setup_hours",
    "rag_setup_hours",
    "curation_hours",
    "maintenance_hours_per_month",
    "retrain_hours",
)


class CostSettings(ModelPrices):
    """`[costs]` of a task. The flat token prices are for models without a list price."""

    models: dict[str, ModelPrices] = Field(default_factory=dict)
    """`[costs.models."openai/gpt-4o-mini"]`: overrides one model's list price."""
    machine: str | None = None
    """A row of the CPU machine table, such as `aws-m7g.large`."""
    gpu: str | None = None
    """A card or a row of the GPU table, such as `l40s` or `runpod-secure-h100-sxm`."""
    utilisation: Money | None = Field(default=None, gt=0, le=1)
    """Share of the machine hours paid for that do work: peaks and nights are paid too. 1 when
    left out."""
    min_replicas: Money | None = None
    """Machines that stand there for a model of one's own whatever is asked: 1 when left out, 2
    where one may fail, 0 where only the seconds that it computes are paid."""
    adapters_per_machine: Money | None = None
    """Tuned models that share one base model, each adapter kept apart."""
    labour_usd_per_hour: Money | None = None
    labelling_usd_per_example: Money | None = None
    curation_hours: Money | None = None
    setup_hours: Money | None = None
    rag_setup_hours: Money | None = None
    maintenance_hours_per_month: Money | None = None
    training_usd_per_mtok: Money | None = None
    embedding_usd_per_mtok: Money | None = None
    rerank_usd_per_1k: Money | None = None
    store_usd_per_month: Money | None = None
    infrastructure_usd_per_month: Money | None = None
    retrains_per_month: Money | None = None
    retrain_hours: Money | None = None
    """Hours of people that each retraining takes: data, checks, release."""
    evaluations_per_month: Money | None = None
    evaluation_size: int = Field(default=200, ge=0)

    def of(self, model: str, name: str) -> Decimal | None:
        """A setting of `ModelPrices`: the model's own, else the flat one."""
        own: Decimal | None = getattr(self.models.get(model), name, None)
        flat: Decimal | None = getattr(self, name)
        return flat if own is None else own

    @classmethod
    def read(cls, costs: Mapping[str, Any]) -> CostSettings:
        """Check `[costs]`; an unknown key is refused with the nearest known one."""
        _refuse_unknown(costs, set(cls.model_fields), "costs")
        models = costs.get("models", {})
        for name, prices in (models if isinstance(models, Mapping) else {"NAME": models}).items():
            section = f'costs.models."{name}"'
            if not isinstance(prices, Mapping):
                raise UserError(
                    f"[{section}] is {prices!r}: it is a table of a model's prices, such as "
                    "input_usd_per_mtok = 0.15."
                )
            _refuse_unknown(prices, set(ModelPrices.model_fields), section)
        try:
            read = cls.model_validate(dict(costs))
        except ValidationError as error:
            raise UserError(f"[costs] {fault(error)}") from error
        hours = next((name for name in HOURS if getattr(read, name)), None)
        if hours is not None and read.labour_usd_per_hour is None:
            raise UserError(
                f"[costs] {hours} = {getattr(read, hours):f}: hours of people have no price; set "
                "[costs] labour_usd_per_hour too."
            )
        return read


def _refuse_unknown(given: Mapping[str, Any], known: set[str], section: str) -> None:
    for key in given:
        if key not in known:
            hint = did_you_mean(key, sorted(known))
            raise UserError(f"Unknown key {key!r} in [{section}]; {hint}")
