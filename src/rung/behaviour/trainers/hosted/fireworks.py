"""Fireworks' supervised fine-tuning: https://docs.fireworks.ai/fine-tuning

Shapes as in the `fireworks-ai` package 1.2.30 (read 2026-11-21). Ids are chosen by who orders: the
order's tag is the id of the job and the name of the model, so the same order placed twice is
refused with 409 by the provider itself.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from rung.behaviour.trainers.base import Order
from rung.behaviour.trainers.hosted.base import LOST, MB, Files, HostedJob, JobState, Limits, Tuner
from rung.behaviour.trainers.hosted.http import Http
from rung.errors import ProviderError, UserError

FIREWORKS_LIMITS = Limits(
    provider="Fireworks",
    least_rows=3,
    most_rows=3_000_000,
    most_tokens=32_768,
    most_passes=3_000_000,
    source="https://docs.fireworks.ai/fine-tuning/fine-tuning-models",
)
WAITING = ("CREATING", "PENDING", "VALIDATING", "RE_QUEUEING", "CREATING_INPUT_DATASET", "PAUSED")
FAILED = ("FAILED", "EXPIRED", "DELETING", "DELETING_CLEANING_UP")
STATES: dict[str, JobState] = {
    **{f"JOB_STATE_{name}": "waiting" for name in ("UNSPECIFIED", "IDLE", *WAITING)},
    **{f"JOB_STATE_{name}": "running" for name in ("RUNNING", "WRITING_RESULTS")},
    **{f"JOB_STATE_{name}": "failed" for name in FAILED},
    "JOB_STATE_CANCELLING": "cancelling",
    "JOB_STATE_CANCELLED": "cancelled",
    "JOB_STATE_COMPLETED": "done",
    "JOB_STATE_EARLY_STOPPED": "done",
}
LOOKS = 60
NANO = Decimal(10) ** 9


class FireworksTuner(Tuner):
    """An account's datasets and jobs, with ids of our own."""

    name = "fireworks"
    # Of one request (`datasets.upload` of the package); larger files want an address to put them.
    limits = FIREWORKS_LIMITS.model_copy(update={"most_bytes": 150 * MB})
    published = FIREWORKS_LIMITS
    states = STATES

    def __init__(
        self,
        http: Http | None = None,
        account: str | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        base = os.environ.get("FIREWORKS_BASE_URL") or "https://api.fireworks.ai"
        self.http = http or Http(base, "FIREWORKS_API_KEY")
        self._account = account
        self._pause = pause

    @property
    def root(self) -> str:
        """The account's part of every address."""
        account = self._account or os.environ.get("FIREWORKS_ACCOUNT_ID", "").strip()
        if not account:
            raise UserError("Fireworks needs the account's id: set FIREWORKS_ACCOUNT_ID")
        return f"/v1/accounts/{account}"

    async def upload(self, name: str, data: bytes, rows: int) -> str:
        """Create the dataset, or find it: created and not yet filled is filled."""
        ident = _ident(name)
        body = {
            "datasetId": ident,
            "dataset": {"userUploaded": {}, "exampleCount": str(rows), "format": "CHAT"},
        }
        await self.http.send("POST", f"{self.root}/datasets", json=body, accept=(409,))
        there = await self.http.get(f"{self.root}/datasets/{ident}")
        if there.get("state") != "READY":
            await self.http.post(
                f"{self.root}/datasets/{ident}:upload", files={"file": (f"{ident}.jsonl", data)}
            )
        for _ in range(LOOKS):
            there = await self.http.get(f"{self.root}/datasets/{ident}")
            if there.get("state") == "READY":
                return f"{self.root.removeprefix('/v1/')}/datasets/{ident}"
            await self._pause(2.0)
        raise ProviderError(f"Fireworks is still reading the dataset {ident!r}: run again later")

    async def find(self, order: Order) -> HostedJob | None:
        """The job whose id is the tag."""
        try:
            job = await self.look(_ident(order.tag))
        except ProviderError as error:
            if error.status == 404:
                return None
            raise
        if job.state in LOST:
            raise UserError(
                f"the Fireworks job {job.id!r} {job.state}"
                f"{': ' + job.problem if job.problem else ''}; its id is taken until it is "
                "deleted there: delete it and run again"
            )
        return job

    async def start(self, order: Order, files: Files) -> HostedJob:
        """LoRA; the id is ours, so a second order is refused."""
        ident, weights = _ident(order.tag), order.weights
        base = order.model
        body: dict[str, Any] = {
            "dataset": files.train,
            "displayName": ident,
            "baseModel": base
            if base.startswith("accounts/")
            else f"accounts/fireworks/models/{base}",
            "outputModel": f"{self.root.removeprefix('/v1/')}/models/{ident}",
            "epochs": weights.epochs,
            "learningRate": weights.learning_rate,
            "loraRank": weights.rank,
        }
        if files.dev:
            body["evaluationDataset"] = files.dev
        try:
            made = await self.http.post(
                f"{self.root}/supervisedFineTuningJobs",
                params={"supervisedFineTuningJobId": ident},
                json=body,
            )
        except ProviderError as error:
            if error.status != 409:
                raise
            return await self.look(ident)
        return self._job(made)

    async def look(self, job: str) -> HostedJob:
        """The job as it stands."""
        return self._job(await self.http.get(f"{self.root}/supervisedFineTuningJobs/{job}"))

    async def cancel(self, job: str) -> HostedJob:
        """Ask for an end."""
        await self.http.post(f"{self.root}/supervisedFineTuningJobs/{job}:cancel", json={})
        return await self.look(job)

    def _job(self, body: dict[str, Any]) -> HostedJob:
        return HostedJob(
            state=self.state(body, "name", "state"),
            id=str(body["name"]).rsplit("/", 1)[-1],
            model=body.get("outputModel"),
            trained_tokens=(body.get("jobProgress") or {}).get("inputTokens"),
            usd=_usd(body.get("estimatedCost")),
            problem=(body.get("status") or {}).get("message") or None,
        )


def _ident(name: str) -> str:
    """Lower case letters, digits and dashes, which is what ids there may hold."""
    return re.sub(r"[^a-z0-9-]+", "-", name.removesuffix(".jsonl").lower()).strip("-")


def _usd(cost: dict[str, Any] | None) -> Decimal | None:
    if not cost or cost.get("currencyCode") != "USD":
        return None
    return Decimal(cost.get("units") or 0) + Decimal(cost.get("nanos") or 0) / NANO
