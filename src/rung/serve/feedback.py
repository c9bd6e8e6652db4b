"""`POST /v1/feedback`: what a person or program says of an answer."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Request
from pydantic import AwareDatetime, BaseModel, Field, JsonValue

from rung.errors import UserError
from rung.serve.errors import ApiError
from rung.serve.service import Service
from rung.serve.wire import Given
from rung.traffic import Feedback
from rung.traffic.review import checked_correction

router = APIRouter()
RequestId = Annotated[str, Field(min_length=1, max_length=80)]
Note = Annotated[str, Field(max_length=4000)]
NOT_VALID = "not_valid"


class Judgement(Given):
    """The answer is right, or wrong."""

    request_id: RequestId
    """The `id` of the response."""
    verdict: Literal["right", "wrong"]
    note: Note = ""


class Correction(Given):
    """The answer is wrong, and this would be right."""

    request_id: RequestId
    verdict: Literal["corrected"]
    corrected: JsonValue
    """In the form of an example's `expected`: a label, a text, an object of the task's schema."""
    note: Note = ""


class Kept(BaseModel):
    """The feedback as it was kept."""

    id: str
    request_id: str
    verdict: Literal["right", "wrong", "corrected"]
    at: AwareDatetime


Said = Annotated[Judgement | Correction, Field(discriminator="verdict"), Body()]


@router.post("/v1/feedback", status_code=201)
async def create_feedback(given: Said, request: Request) -> Kept:
    """Keep feedback on one answer; the newest counts."""
    service: Service = request.app.state.service
    if service.writer is None:
        raise ApiError(
            404, "This server keeps no log, so there is nothing to judge.", code="no_log"
        )
    store = service.writer.store
    if await asyncio.to_thread(store.get, given.request_id) is None:
        raise ApiError(
            404,
            "No such request is in the log: it was not answered here, not kept, or deleted.",
            param="request_id",
            code="request_not_found",
        )
    corrected = None
    if isinstance(given, Correction):
        try:
            corrected = checked_correction(service.served.solver.spec.output, given.corrected)
        except UserError as error:
            raise ApiError(400, str(error), param="corrected", code=NOT_VALID) from None
    feedback = Feedback(
        request_id=given.request_id,
        verdict=given.verdict,
        corrected=corrected,
        note=given.note,
        who=request.state.key_name or "anyone",
    )
    try:
        await asyncio.to_thread(store.add_feedback, feedback)
    except UserError:  # deleted in between
        raise ApiError(
            404, "The request is no longer in the log.", code="request_not_found"
        ) from None
    service.metrics.feedback.labels(given.verdict).inc()
    return Kept(id=feedback.id, request_id=given.request_id, verdict=given.verdict, at=feedback.at)
