"""OpenAI's supervised fine-tuning, and servers that speak its API.

Closing: no new jobs for anyone from 2027-01-06, nor now for who never tuned, so it is never a
default (https://developers.openai.com/api/docs/deprecations). Shapes as in the `openai` package 3.x
(`openai.types.fine_tuning`).
"""

import os
from typing import Any

from rung.behaviour.trainers.base import Order
from rung.behaviour.trainers.hosted.base import MB, Files, HostedJob, JobState, Limits, Tuner
from rung.behaviour.trainers.hosted.http import Http

OPENAI_LIMITS = Limits(
    provider="OpenAI",
    least_rows=10,
    most_bytes=512 * MB,
    most_tokens=65_536,
    source="512 MB a file: `openai` 3.54.0, Files.create; 10 rows: "
    "https://developers.openai.com/api/docs/guides/supervised-fine-tuning; 65,536 tokens (gpt-4.1, "
    "gpt-4o): https://developers.openai.com/api/docs/guides/fine-tuning-best-practices",
)
STATES: dict[str, JobState] = {
    "validating_files": "waiting",
    "queued": "waiting",
    "paused": "waiting",
    "running": "running",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}
MOST_FILES = "10000"
"""The longest page of a list of files."""


class OpenAITuner(Tuner):
    """Jobs carry the order's tag in their metadata, files in their name."""

    name = "openai"
    limits = published = OPENAI_LIMITS
    states = STATES

    def __init__(self, http: Http | None = None) -> None:
        base = os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        self.http = http or Http(base, "OPENAI_API_KEY")

    async def upload(self, name: str, data: bytes, rows: int) -> str:
        """The id of the file of that name: names hold a content hash, so equal names are equal."""
        there = await self.http.get("/files", {"purpose": "fine-tune", "limit": MOST_FILES})
        for file in there.get("data", ()):
            if file.get("filename") == name and file.get("status") != "error":
                return str(file["id"])
        made = await self.http.post(
            "/files", data={"purpose": "fine-tune"}, files={"file": (name, data)}
        )
        return str(made["id"])

    async def find(self, order: Order) -> HostedJob | None:
        """By metadata; failed and cancelled jobs are no hindrance to a new one."""
        jobs = await self.http.get("/fine_tuning/jobs", {"metadata[rung]": order.tag})
        for job in jobs.get("data", ()):
            # A server that ignores the filter lists them all.
            ours = (job.get("metadata") or {}).get("rung") == order.tag
            if ours and self.live(job, "status"):
                return self._job(job)
        return None

    async def start(self, order: Order, files: Files) -> HostedJob:
        """The learning rate is OpenAI's choice: its multiplier cannot be told from a rate."""
        weights = order.weights
        body: dict[str, Any] = {
            "model": order.model,
            "training_file": files.train,
            "seed": weights.seed,
            "suffix": order.tag,
            "metadata": {"rung": order.tag},
            "method": {
                "type": "supervised",
                "supervised": {"hyperparameters": {"n_epochs": weights.epochs}},
            },
        }
        if files.dev:
            body["validation_file"] = files.dev
        return self._job(await self.http.post("/fine_tuning/jobs", json=body))

    async def look(self, job: str) -> HostedJob:
        """The job as it stands."""
        return self._job(await self.http.get(f"/fine_tuning/jobs/{job}"))

    async def cancel(self, job: str) -> HostedJob:
        """Ask for an end."""
        return self._job(await self.http.post(f"/fine_tuning/jobs/{job}/cancel"))

    def _job(self, body: dict[str, Any]) -> HostedJob:
        return HostedJob(
            state=self.state(body, "id", "status"),
            id=str(body["id"]),
            model=body.get("fine_tuned_model"),
            trained_tokens=body.get("trained_tokens"),
            problem=(body.get("error") or {}).get("message"),
        )
