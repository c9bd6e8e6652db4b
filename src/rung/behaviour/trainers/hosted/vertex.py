"""Supervised tuning of Gemini on Vertex AI, over its REST interface.

Files lie in a Cloud Storage bucket of the user's, a tuned model answers at an endpoint of its own
that Google makes. Shapes: https://docs.cloud.google.com/vertex-ai/docs/reference/rest/v1/\
projects.locations.tuningJobs and https://docs.cloud.google.com/storage/docs/json_api/v1/objects.
"""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from rung.behaviour.trainers.base import Order, TuningExample
from rung.behaviour.trainers.hosted.base import GB, LOST, Files, HostedJob, JobState, Limits, Tuner
from rung.behaviour.trainers.hosted.http import Http
from rung.errors import UserError
from rung.models.google import KEY_ENV, google_token, project_and_location, vertex_host
from rung.task.types import JsonValue

VERTEX_LIMITS = Limits(
    provider="Vertex",
    least_rows=1,
    most_rows=10_000_000,
    most_bytes=1 * GB,
    most_tokens=131_072,
    source="https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/"
    "supervised-tuning, of 2026-09-25",
)
BUCKET_ENV = "RUNG_VERTEX_BUCKET"
FOLDER = "rung"
STATES: dict[str, JobState] = {
    "JOB_STATE_UNSPECIFIED": "waiting",
    "JOB_STATE_QUEUED": "waiting",
    "JOB_STATE_PENDING": "waiting",
    "JOB_STATE_PAUSED": "waiting",
    "JOB_STATE_RUNNING": "running",
    "JOB_STATE_UPDATING": "running",
    "JOB_STATE_CANCELLING": "cancelling",
    "JOB_STATE_SUCCEEDED": "done",
    "JOB_STATE_PARTIALLY_SUCCEEDED": "done",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
}
ADAPTERS = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN"}
"""Ranks that Vertex takes."""
PAGE = "100"
NOT_THERE, THERE_ALREADY = 404, 412


def vertex_dev_rows(train: int, dev: int) -> int:
    """At most 5,000; where there are more than 1,000, at most 30 % of the training rows."""
    return dev if dev <= 1000 else min(dev, 5000, max(1000, train * 3 // 10))


def vertex_rows(examples: Sequence[TuningExample]) -> list[dict[str, JsonValue]]:
    """Gemini's `contents`: the assistant is `model`, the system turn stands apart.

    There is no weight: every model turn is learnt, so conversations with shots are refused.
    """
    rows: list[dict[str, JsonValue]] = []
    for example in examples:
        system = [m.content for m in example.messages if m.role == "system"]
        turns = [m for m in example.messages if m.role != "system"]
        if any(m.role == "assistant" for m in turns):
            raise UserError(
                "Vertex would learn the answers of the shots too, as its rows have no weights: "
                "export a candidate without shots (--candidate)"
            )
        row: dict[str, JsonValue] = {}
        if system:
            row["systemInstruction"] = {"role": "system", "parts": [{"text": "\n".join(system)}]}
        row["contents"] = [
            *({"role": "user", "parts": [{"text": m.content}]} for m in turns),
            {"role": "model", "parts": [{"text": example.answer}]},
        ]
        rows.append(row)
    return rows


class VertexTuner(Tuner):
    """Jobs carry the order's tag as the tuned model's display name, files in their name."""

    name = "vertex"
    limits = published = VERTEX_LIMITS
    states = STATES
    dev_rows = staticmethod(vertex_dev_rows)
    rows = staticmethod(vertex_rows)

    def __init__(self, http: Http | None = None, storage: Http | None = None) -> None:
        project, location = project_and_location()
        self.parent = f"/v1/projects/{project}/locations/{location}"
        self.http = http or Http(vertex_host(location), KEY_ENV, token=google_token)
        place = os.environ.get("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"
        self.storage = storage or Http(place, KEY_ENV, token=google_token)

    async def upload(self, name: str, data: bytes, rows: int) -> str:
        """Its `gs://` address: names hold a content hash, so equal names are equal."""
        bucket, path = _bucket(), f"{FOLDER}/{name}"
        address = f"gs://{bucket}/{path}"
        there = await self.storage.send(
            "GET", f"/storage/v1/b/{bucket}/o/{quote(path, safe='')}", accept=(NOT_THERE,)
        )
        if there.status_code != NOT_THERE:
            return address
        await self.storage.send(
            "POST",
            f"/upload/storage/v1/b/{bucket}/o",
            # Only where there is none: two that upload at once leave one whole file.
            params={"uploadType": "media", "name": path, "ifGenerationMatch": "0"},
            content=data,
            accept=(THERE_ALREADY,),
        )
        return address

    async def find(self, order: Order) -> HostedJob | None:
        """By display name; failed and cancelled jobs are no hindrance to a new one."""
        page = ""
        while True:
            asked = {"pageSize": PAGE} | ({"pageToken": page} if page else {})
            listed = await self.http.get(f"{self.parent}/tuningJobs", asked)
            for body in listed.get("tuningJobs", ()):
                job = self._job(body) if body.get("tunedModelDisplayName") == order.tag else None
                if job is not None and job.state not in LOST:
                    return job
            page = listed.get("nextPageToken", "")
            if not page:
                return None

    async def start(self, order: Order, files: Files) -> HostedJob:
        """The learning rate is Vertex's choice: its multiplier cannot be told from a rate."""
        weights = order.weights
        if weights.rank not in ADAPTERS:
            raise UserError(
                f"Vertex takes adapters of rank {', '.join(map(str, ADAPTERS))}, not {weights.rank}"
            )
        spec: dict[str, Any] = {
            "trainingDatasetUri": files.train,
            "hyperParameters": {
                "epochCount": weights.epochs,
                "adapterSize": f"ADAPTER_SIZE_{ADAPTERS[weights.rank]}",
            },
            "exportLastCheckpointOnly": True,
        }
        if files.dev:
            spec["validationDatasetUri"] = files.dev
        body = {
            "baseModel": order.model,
            "tunedModelDisplayName": order.tag,
            "supervisedTuningSpec": spec,
        }
        return self._job(await self.http.post(f"{self.parent}/tuningJobs", json=body))

    async def look(self, job: str) -> HostedJob:
        """The job as it stands."""
        return self._job(await self.http.get(f"/v1/{job}"))

    async def cancel(self, job: str) -> HostedJob:
        """Ask for an end; Vertex answers nothing, so the job is looked at."""
        await self.http.post(f"/v1/{job}:cancel", json={})
        return await self.look(job)

    async def aclose(self) -> None:
        """Close connections."""
        await self.http.aclose()
        await self.storage.aclose()

    def _job(self, body: dict[str, Any]) -> HostedJob:
        body = {"state": "JOB_STATE_UNSPECIFIED", **body}
        return HostedJob(
            state=self.state(body, "name", "state"),
            id=str(body["name"]),
            model=(body.get("tunedModel") or {}).get("endpoint"),
            trained_tokens=_tokens(body),
            problem=(body.get("error") or {}).get("message"),
        )


def _bucket() -> str:
    bucket = os.environ.get(BUCKET_ENV, "").strip().removeprefix("gs://").strip("/")
    if not bucket:
        raise UserError(
            f"Vertex reads its training files from Cloud Storage: name a bucket in {BUCKET_ENV}"
        )
    return bucket


def _tokens(body: dict[str, Any]) -> int | None:
    """The training file's billable tokens as Vertex counts them, once for each epoch.

    That epochs multiply them is our reading: the job's description tells no price.
    """
    stats = (body.get("tuningDataStats") or {}).get("supervisedTuningDataStats") or {}
    billable = stats.get("totalBillableTokenCount")
    spec = body.get("supervisedTuningSpec") or {}
    epochs = (spec.get("hyperParameters") or {}).get("epochCount")
    return None if billable is None or epochs is None else int(billable) * int(epochs)
