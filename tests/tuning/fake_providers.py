"""Together, Fireworks and OpenAI as their packages describe them, in one app that keeps books.

Bodies are checked strictly: an unknown field is refused, as a typo would be by the providers.
`lose` names calls whose work is done and whose answer is lost on the way.
"""

from __future__ import annotations

import hashlib
import json
from email import message_from_bytes
from typing import Any, Literal

import httpx2
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

STEPS = {
    "together": ("pending", "running", "uploading", "completed"),
    "fireworks": ("CREATING", "RUNNING", "WRITING_RESULTS", "COMPLETED"),
    "openai": ("validating_files", "queued", "running", "succeeded"),
}
ENDED = {"together": "cancelled", "fireworks": "CANCELLED"}
"""Where a cancelled job arrives, a look or more after it was asked to end."""
TOKENS, NANODOLLARS = 4321, 1_234_000_000


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SftMethod(Strict):
    method: Literal["sft"]
    train_on_inputs: bool | Literal["auto"]


class LoraType(Strict):
    type: Literal["Lora"]
    lora_r: int
    lora_alpha: int
    lora_dropout: float = 0.0
    lora_trainable_modules: str = "all-linear"


class TogetherEstimate(Strict):
    """`together.types.FineTuningEstimatePriceParams`"""

    model: str
    training_file: str
    validation_file: str | None = None
    n_epochs: int
    n_evals: int = 0
    training_method: SftMethod
    training_type: LoraType


class TogetherJob(TogetherEstimate):
    """`together.lib.types.fine_tuning.FinetuneRequest`, as far as it is used"""

    learning_rate: float
    suffix: str | None = None
    random_seed: int | None = None
    n_checkpoints: int = 1


class FireworksDataset(Strict):
    datasetId: str
    dataset: dict[Literal["userUploaded", "exampleCount", "format", "displayName"], Any]


class FireworksJob(Strict):
    """`fireworks.types.SupervisedFineTuningJobCreateParams`, as far as it is used"""

    dataset: str
    displayName: str | None = None
    baseModel: str
    outputModel: str | None = None
    epochs: int
    learningRate: float
    loraRank: int
    evaluationDataset: str | None = None


class Fake:
    """The app and its books."""

    def __init__(self) -> None:
        self.forget()
        self.app = self._app()

    def forget(self) -> None:
        """Begin anew: routes take longer to make than to call."""
        self.jobs: dict[str, dict[str, Any]] = {}
        """Every job that was ever taken: what would have to be paid."""
        self.files: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.lose: set[str] = set()
        self.fail_with: str | None = None
        self.refuse: dict[str, int] = {}
        """Statuses by call, for every call of that name."""
        self.failed_as = "error"
        """Together's word for a failed job: `error`, or `user_error`."""
        self.slow_to_end = 0
        """For how many looks a cancelled job goes on."""

    def transport(self) -> httpx2.ASGITransport:
        return httpx2.ASGITransport(app=self.app)

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def books(request: Request, go: Any) -> Response:
            call = f"{request.method} {request.url.path}"
            self.calls.append(call)
            name = call.rsplit("/", 1)[-1]
            signed = request.url.path.startswith("/signed/")
            if not signed and request.headers.get("authorization") != "Bearer secret-key":
                return JSONResponse({"error": {"message": "who is this?"}}, 401)
            assert not signed or "authorization" not in request.headers, "the key was given away"
            for what, status in self.refuse.items():
                if what in call:
                    return JSONResponse({"error": {"message": f"no: {name} secret-key"}}, status)
            response = await go(request)
            if any(what in call for what in self.lose):
                raise httpx2.ReadError("the line is dead")
            return response

        self._together(app)
        self._fireworks(app)
        self._openai(app)
        return app

    def _take(self, provider: str, ident: str, body: dict[str, Any]) -> dict[str, Any]:
        self.jobs[ident] = {"provider": provider, "id": ident, "step": 0, "body": body}
        return self.jobs[ident]

    def _look(self, provider: str, ident: str) -> tuple[dict[str, Any], str]:
        """A job goes one step on with every look."""
        job = self.jobs.get(ident)
        if job is None or job["provider"] != provider:
            raise HTTPException(404, "no such job")
        if job["step"] == "ending":
            if self.slow_to_end:
                self.slow_to_end -= 1
            else:
                job["state"], job["step"] = ENDED[provider], "end"
        elif job["step"] != "end":
            if self.fail_with and job["step"] == 1:
                job["state"], job["step"] = "failed", "end"
            else:
                job["state"] = STEPS[provider][job["step"]]
                job["step"] = min(job["step"] + 1, 3)
        return job, job["state"]

    def _together(self, app: FastAPI) -> None:  # noqa: C901 (one route after the other)
        def view(job: dict[str, Any], state: str) -> dict[str, Any]:
            done = state == "completed"
            return {
                "id": job["id"],
                "status": {"failed": self.failed_as}.get(state, state),
                "user_id": "u",
                "created_at": "2026-11-21T00:00:00Z",
                "updated_at": "2026-11-21T00:00:00Z",
                "suffix": job["body"].get("suffix"),
                "model_output_name": f"u/model-{job['body'].get('suffix')}" if done else None,
                "token_count": TOKENS if done else None,
                "total_price": NANODOLLARS if done else None,
                "events": [{"message": self.fail_with}] if state == "failed" else [],
            }

        @app.post("/v1/files")
        async def announce(request: Request) -> Response:
            form, _ = multipart(await request.body(), request.headers["content-type"])
            if "file_name" not in form:  # OpenAI's upload, which has the same address
                return await self.openai_upload(request)
            assert set(form) == {"purpose", "file_name", "file_type", "checksum"}
            ident = f"file-{form['checksum'][:8]}"
            if ident in self.files:
                return JSONResponse({"file_id": ident}, 409)
            name = form["file_name"]
            self.files[ident] = {"checksum": form["checksum"], "state": "PENDING", "name": name}
            headers = {"Location": f"http://test/signed/{ident}", "X-Together-File-Id": ident}
            return Response(status_code=302, headers=headers)

        @app.put("/signed/{ident}")
        async def put(ident: str, request: Request) -> dict[str, Any]:
            data = await request.body()
            assert hashlib.sha256(data).hexdigest() == self.files[ident]["checksum"]
            self.files[ident]["data"] = data
            return {}

        @app.post("/v1/files/{ident}/preprocess")
        async def check(ident: str) -> dict[str, Any]:
            self.files[ident]["state"] = "RUNNING"
            return together_file(ident, self.files[ident])

        @app.get("/v1/files/{ident}")
        async def file(ident: str) -> dict[str, Any]:
            said = together_file(ident, self.files[ident])
            self.files[ident]["state"] = "COMPLETED"
            return said

        @app.post("/v1/fine-tunes/estimate-price")
        async def estimate(body: TogetherEstimate) -> dict[str, Any]:
            return {"estimation_available": True, "estimated_total_price": 1.5}

        @app.post("/v1/fine-tunes")
        async def start(body: TogetherJob) -> dict[str, Any]:
            job = self._take("together", f"ft-{len(self.jobs)}", body.model_dump())
            return view(job, "pending")

        @app.get("/v1/fine-tunes")
        async def every() -> dict[str, Any]:
            jobs = [j for j in self.jobs.values() if j["provider"] == "together"]
            return {"data": [view(j, j.get("state", "pending")) for j in jobs]}

        @app.get("/v1/fine-tunes/{ident}")
        async def look(ident: str) -> dict[str, Any]:
            return view(*self._look("together", ident))

        @app.post("/v1/fine-tunes/{ident}/cancel")
        async def cancel(ident: str) -> dict[str, Any]:
            """`together.lib.cli.api.fine_tuning.cancel`: what ends or has ended is refused."""
            ended = ("cancel_requested", "cancelled", "error", "user_error", "completed")
            if self.jobs[ident].get("state") in ended:
                raise HTTPException(400, f"the job is {self.jobs[ident]['state']}")
            self.jobs[ident] |= {"state": "cancel_requested", "step": "ending"}
            return view(self.jobs[ident], "cancel_requested")

    def _fireworks(self, app: FastAPI) -> None:  # noqa: C901 (one route after the other)
        root = "/v1/accounts/acme"

        def view(job: dict[str, Any], state: str) -> dict[str, Any]:
            return {
                "name": f"accounts/acme/supervisedFineTuningJobs/{job['id']}",
                **job["body"],
                "state": f"JOB_STATE_{state.upper()}",
                "status": {"code": "OK", "message": self.fail_with or ""},
                "estimatedCost": {"currencyCode": "USD", "units": "1", "nanos": 234_000_000},
            }

        @app.post(f"{root}/datasets")
        async def create(body: FireworksDataset) -> dict[str, Any]:
            if body.datasetId in self.files:
                raise HTTPException(409, "ALREADY_EXISTS")
            self.files[body.datasetId] = {"state": "UPLOADING", "rows": body.dataset}
            return {"name": f"accounts/acme/datasets/{body.datasetId}", "state": "UPLOADING"}

        @app.get(root + "/datasets/{ident}")
        async def dataset(ident: str) -> dict[str, Any]:
            return {"name": ident, "state": self.files[ident]["state"]}

        @app.post(root + "/datasets/{ident}:upload")
        async def fill(ident: str, request: Request) -> dict[str, Any]:
            _, files = multipart(await request.body(), request.headers["content-type"])
            data = files["file"][1]
            assert data.count(b"\n") == int(self.files[ident]["rows"]["exampleCount"])
            self.files[ident] |= {"state": "READY", "data": data}
            return {}

        @app.post(f"{root}/supervisedFineTuningJobs")
        async def start(body: FireworksJob, supervisedFineTuningJobId: str) -> dict[str, Any]:
            if supervisedFineTuningJobId in self.jobs:
                raise HTTPException(409, "ALREADY_EXISTS")
            job = self._take("fireworks", supervisedFineTuningJobId, body.model_dump())
            return view(job, "CREATING")

        @app.get(root + "/supervisedFineTuningJobs/{ident}")
        async def look(ident: str) -> dict[str, Any]:
            return view(*self._look("fireworks", ident))

        @app.post(root + "/supervisedFineTuningJobs/{ident}:cancel")
        async def cancel(ident: str) -> dict[str, Any]:
            if self.jobs[ident].get("state") in ("CANCELLING", "CANCELLED", "COMPLETED", "FAILED"):
                raise HTTPException(400, "FAILED_PRECONDITION")
            self.jobs[ident] |= {"state": "CANCELLING", "step": "ending"}
            return {}

    async def openai_upload(self, request: Request) -> Response:
        form, files = multipart(await request.body(), request.headers["content-type"])
        assert form == {"purpose": "fine-tune"}
        name, data = files["file"]
        ident = f"file-{len(self.files)}"
        self.files[ident] = {"filename": name, "data": data}
        return JSONResponse(file_object(ident, self.files[ident]))

    def _openai(self, app: FastAPI) -> None:
        from openai.types.fine_tuning import FineTuningJob, job_create_params

        def view(job: dict[str, Any], state: str) -> dict[str, Any]:
            body, done = job["body"], state == "succeeded"
            error = {"code": "x", "message": self.fail_with or "", "param": None}
            plain = {
                "id": job["id"],
                "object": "fine_tuning.job",
                "created_at": 1,
                "organization_id": "o",
                "result_files": [],
                "hyperparameters": {},
                "seed": body.get("seed") or 0,
                "model": body["model"],
                "training_file": body["training_file"],
                "metadata": body.get("metadata"),
                "status": state,
                "fine_tuned_model": f"ft:{body['model']}:o:{body['suffix']}:1" if done else None,
                "trained_tokens": TOKENS if done else None,
                "error": error if state == "failed" else None,
            }
            return FineTuningJob.model_validate(plain).model_dump(mode="json")

        @app.get("/v1/files")
        async def files(purpose: str, limit: int) -> dict[str, Any]:
            kept = {i: f for i, f in self.files.items() if "filename" in f}
            return {"object": "list", "data": [file_object(i, f) for i, f in kept.items()]}

        @app.post("/v1/fine_tuning/jobs")
        async def start(request: Request) -> dict[str, Any]:
            body = await request.json()
            assert set(body) <= set(job_create_params.JobCreateParams.__annotations__)
            assert set(body["method"]) == {"type", body["method"]["type"]}
            job = self._take("openai", f"ftjob-{len(self.jobs)}", body)
            return view(job, "validating_files")

        @app.get("/v1/fine_tuning/jobs")
        async def every(request: Request) -> dict[str, Any]:
            asked = request.query_params.get("metadata[rung]")
            jobs = [j for j in self.jobs.values() if j["body"].get("metadata") == {"rung": asked}]
            said = [view(j, j.get("state", "queued")) for j in jobs]
            return {"object": "list", "data": said, "has_more": False}

        @app.get("/v1/fine_tuning/jobs/{ident}")
        async def look(ident: str) -> dict[str, Any]:
            return view(*self._look("openai", ident))

        @app.post("/v1/fine_tuning/jobs/{ident}/cancel")
        async def cancel(ident: str) -> dict[str, Any]:
            self.jobs[ident] |= {"state": "cancelled", "step": "end"}
            return view(self.jobs[ident], "cancelled")


def together_file(ident: str, file: dict[str, Any]) -> dict[str, Any]:
    """`together.types.FileResponse`"""
    return {
        "id": ident,
        "bytes": len(file.get("data", b"")),
        "created_at": 1,
        "filename": file["name"],
        "FileType": "jsonl",
        "object": "file",
        "purpose": "fine-tune",
        "processing_status": file["state"],
    }


def file_object(ident: str, file: dict[str, Any]) -> dict[str, Any]:
    from openai.types import FileObject

    plain = {
        "id": ident,
        "object": "file",
        "bytes": len(file["data"]),
        "created_at": 1,
        "filename": file["filename"],
        "purpose": "fine-tune",
        "status": "processed",
    }
    return FileObject.model_validate(plain).model_dump(mode="json")


def multipart(body: bytes, kind: str) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Fields, and files by field."""
    whole = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    form, files = {}, {}
    for part in whole.get_payload():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if part.get_filename():
            files[name] = (part.get_filename(), data)
        else:
            form[name] = data.decode()
    return form, files


def rows(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.decode().splitlines()]
