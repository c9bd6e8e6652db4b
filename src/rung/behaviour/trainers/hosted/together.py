"""Together's fine-tuning API: https://docs.together.ai/docs/fine-tuning-quickstart

Shapes as in the `together` package 3.1.1 (read 2026-11-21). A file is announced with its sha256,
put to the address that comes back, and checked by the provider; the same sha256 again is answered
409 with the id it has. Together tells what a job will cost before it is ordered.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from rung.behaviour.trainers.base import Order
from rung.behaviour.trainers.hosted.base import GB, Files, HostedJob, JobState, Limits, Tuner
from rung.behaviour.trainers.hosted.http import Http
from rung.errors import ProviderError, UserError

TOGETHER_LIMITS = Limits(
    provider="Together",
    least_rows=1,
    most_bytes=int(50.1 * GB),
    source="`together` 3.1.1, together.lib.constants MIN_SAMPLES and MAX_FILE_SIZE_GB (100 GB in "
    "https://docs.together.ai/docs/fine-tuning/data-preparation)",
)
STATES: dict[str, JobState] = {
    "pending": "waiting",
    "queued": "waiting",
    "running": "running",
    "compressing": "running",
    "uploading": "running",
    "cancel_requested": "cancelling",
    "cancelled": "cancelled",
    "error": "failed",
    "user_error": "failed",
    "completed": "done",
}
CHECKING = ("PENDING", "QUEUED", "RUNNING")
LOOKS = 60
"""How often the check of a file is looked at before it is left to the provider."""
NANO = Decimal(10) ** 9
"""`total_price` is in billionths of a dollar (`finetune_price_to_dollars` of the package)."""


class TogetherTuner(Tuner):
    """Jobs carry the order's tag as suffix."""

    name = "together"
    # Larger files go up in parts (`MULTIPART_THRESHOLD_GB` of the package); here it is one PUT.
    limits = TOGETHER_LIMITS.model_copy(update={"most_bytes": 5 * GB})
    published = TOGETHER_LIMITS
    states = STATES

    def __init__(
        self, http: Http | None = None, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        base = os.environ.get("TOGETHER_BASE_URL") or "https://api.together.ai"
        self.http = http or Http(base, "TOGETHER_API_KEY")
        self._pause = pause

    async def upload(self, name: str, data: bytes, rows: int) -> str:
        """Announce, put, have it checked."""
        form = {
            "purpose": "fine-tune",
            "file_name": name,
            "file_type": "jsonl",
            "checksum": hashlib.sha256(data).hexdigest(),
        }
        # As multipart fields, the way the provider's own package sends them.
        fields = {key: (None, value) for key, value in form.items()}
        announced = await self.http.send("POST", "/v1/files", files=fields, accept=(302, 409))
        if announced.status_code == 409:
            return await self._checked(str(announced.json()["file_id"]))
        target, ident = (
            announced.headers.get("location"),
            announced.headers.get("x-together-file-id"),
        )
        if not target or not ident:
            raise ProviderError(f"{self.http.place} named no address to put the file to")
        # The address is signed: the key stays here.
        await self.http.send("PUT", target, content=data, with_key=False)
        await self.http.post(f"/v1/files/{ident}/preprocess")
        return await self._checked(ident)

    async def _checked(self, ident: str) -> str:
        for _ in range(LOOKS):
            file = await self.http.get(f"/v1/files/{ident}")
            state = file.get("processing_status")
            if state in ("FAILED", "INVALID_FORMAT"):
                report = file.get("validation_report") or {}
                raise UserError(
                    f"Together does not take the training file {ident!r}: "
                    f"{report.get('error') or state}; delete it there and run again"
                )
            if state not in CHECKING:
                break
            await self._pause(2.0)
        return ident

    async def quote(self, order: Order, files: Files) -> Decimal | None:
        """The provider's own estimate."""
        estimate = await self.http.post(
            "/v1/fine-tunes/estimate-price", json=_recipe(order, files, ordering=False)
        )
        if estimate.get("estimation_available") is not True:
            return None
        if estimate.get("allowed_to_proceed") is False:
            raise UserError(
                f"Together expects {estimate.get('estimated_total_price')} USD, more than the "
                f"account's limit of {estimate.get('user_limit')} USD: raise the limit there"
            )
        price = estimate.get("estimated_total_price")
        return None if price is None else Decimal(str(price))

    async def find(self, order: Order) -> HostedJob | None:
        """By suffix."""
        jobs = await self.http.get("/v1/fine-tunes")
        for job in jobs.get("data", ()):
            if job.get("suffix") == order.tag and self.live(job, "status"):
                return await self.look(str(job["id"]))
        return None

    async def start(self, order: Order, files: Files) -> HostedJob:
        """LoRA on all linear layers, loss on what the assistant says."""
        body = _recipe(order, files, ordering=True)
        return self._job(await self.http.post("/v1/fine-tunes", json=body))

    async def look(self, job: str) -> HostedJob:
        """The job as it stands."""
        return self._job(await self.http.get(f"/v1/fine-tunes/{job}"))

    async def cancel(self, job: str) -> HostedJob:
        """Ask for an end: the job is `cancel_requested` first. Steps already made are billed."""
        return self._job(await self.http.post(f"/v1/fine-tunes/{job}/cancel"))

    def _job(self, body: dict[str, Any]) -> HostedJob:
        state = self.state(body, "id", "status")
        price, events = body.get("total_price"), body.get("events") or ()
        return HostedJob(
            id=str(body["id"]),
            state=state,
            model=body.get("model_output_name"),
            trained_tokens=body.get("token_count"),
            usd=None if price is None else Decimal(price) / NANO,
            problem=str(events[-1].get("message")) if state == "failed" and events else None,
        )


def _recipe(order: Order, files: Files, *, ordering: bool) -> dict[str, Any]:
    weights = order.weights
    body: dict[str, Any] = {
        "model": order.model,
        "training_file": files.train,
        "n_epochs": weights.epochs,
        "n_evals": 1 if files.dev else 0,
        "training_method": {"method": "sft", "train_on_inputs": False},
        "training_type": {
            "type": "Lora",
            "lora_r": weights.rank,
            "lora_alpha": 2 * weights.rank,
            "lora_trainable_modules": "all-linear",
        },
    }
    if files.dev:
        body["validation_file"] = files.dev
    if ordering:
        body |= {
            "suffix": order.tag,
            "learning_rate": weights.learning_rate,
            "random_seed": weights.seed,
            "n_checkpoints": 1,
        }
    return body
