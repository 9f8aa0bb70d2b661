"""The simple contract: six routes that other programs know from older servers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, File, Form, Path, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from facenet_core.api import uploads
from facenet_core.api.access import Caller, needs
from facenet_core.api.answers import Health, Working
from facenet_core.api.context import Context, Given
from facenet_core.api.problems import details
from facenet_core.errors import FaceNetError
from facenet_core.types import Identification

router = APIRouter(tags=["simple"])

Confidence = Literal["very_high", "high", "medium"]

RARE: tuple[tuple[float, Confidence], ...] = ((100_000, "very_high"), (10_000, "high"), (0, "medium"))
"""How rare a similarity must be among strangers, one in so many, for the confidence in a match."""


class Added(BaseModel):
    """A face was added."""

    message: Literal["Face added successfully"] = "Face added successfully"
    id: str = Field(examples=["jane_smith"])
    embedding_size: int = Field(examples=[512])
    total_faces: int = Field(examples=[15])


class Matched(BaseModel):
    """Whom a face is of; of several faces that which the photo is of."""

    match_found: bool = Field(examples=[True])
    matched_id: str | None = Field(default=None, examples=["jane_smith"])
    similarity_score: float = Field(description="cosine, -1 to 1", examples=[0.92])
    threshold: float = Field(description="the same for the largest distance that matches", examples=[0.51])
    confidence: Confidence | None = Field(default=None, examples=["very_high"])
    processing_time_ms: int = Field(examples=[85])
    message: str | None = None


class Listed(BaseModel):
    """A face in the list."""

    id: str = Field(examples=["jane_smith"])
    added_date: datetime


class Faces(BaseModel):
    """Everybody."""

    total_faces: int = Field(examples=[15])
    faces: list[Listed]


class Deleted(BaseModel):
    """A face was deleted."""

    message: Literal["Face deleted successfully"] = "Face deleted successfully"
    deleted_id: str = Field(examples=["jane_smith"])
    remaining_faces: int = Field(examples=[14])


class Stats(BaseModel):
    """The database in numbers."""

    total_faces: int = Field(examples=[14])
    model: str = Field(examples=["facenet-mini"])
    embedding_dimension: int = Field(examples=[512])
    database_size_mb: float = Field(examples=[2.3])
    uptime_seconds: int = Field(examples=[3600])
    last_updated: datetime | None


@router.post("/add_face", responses=details(400, 408, 415))
async def add_face(
    id: Annotated[str, Form(description="who it is; adding another photo makes the answers surer")],  # the contract
    file: Annotated[UploadFile, File(description="a photo of one face")],
    context: Given,
    caller: Annotated[Caller, Depends(needs("enrol"))],
) -> Added:
    """Adds a face."""

    def work() -> Added:
        service = context.service
        given = uploads.photo(file, service.max_bytes)
        with context.noting_failures():
            outcome = service.enrol(id, service.prepare_enrolment(given.data, given.name))
        context.enrolled(outcome, caller)
        return Added(
            id=outcome.person, embedding_size=service.engine.model_id.dimensions, total_faces=len(service.people())
        )

    return await context.workers.run(work)


@router.post("/match_face", response_model_exclude_none=True, responses=details(400, 408, 415))
async def match_face(
    file: Annotated[UploadFile, File(description="a photo")],
    context: Given,
    caller: Annotated[Caller, Depends(needs("identify"))],
) -> Matched:
    """Finds whom a face is of."""
    began = time.perf_counter()
    return await context.workers.run(lambda: _match(context, file, caller, began))


def _match(context: Context, file: UploadFile, caller: Caller, began: float) -> Matched:
    given = uploads.photo(file, context.service.max_bytes)
    analysis = context.one_face(given.data, given.name)
    (found,) = context.service.identify(analysis)
    context.service.audit.identified([found], caller.asker)
    best = found.candidates[0] if found.candidates else None
    answer = Matched(
        match_found=found.matched,
        matched_id=best.person.name if best and found.matched else None,
        similarity_score=round(_cosine(best.distance), 4) if best else 0.0,
        threshold=round(_cosine(found.threshold.distance), 4),
        confidence=_confidence(found) if found.matched else None,
        processing_time_ms=round(1000 * (time.perf_counter() - began)),
    )
    if found.matched:
        return answer
    said = "No face match found above threshold" if best else "No faces in database"
    return answer.model_copy(update={"message": said})


@router.get("/list_faces", responses=details())
async def list_faces(context: Given, caller: Annotated[Caller, Depends(needs("manage"))]) -> Faces:
    """Lists everybody."""
    people = await context.workers.run(context.service.people)
    return Faces(total_faces=len(people), faces=[Listed(id=p.name, added_date=p.created_at) for p in people])


@router.delete("/delete_face/{face_id}", responses=details(404))
async def delete_face(
    face_id: Annotated[str, Path(description="who", examples=["jane_smith"])],
    context: Given,
    caller: Annotated[Caller, Depends(needs("manage"))],
) -> Deleted:
    """Removes a person with all their photos."""

    def work() -> Deleted:
        repository = context.service.repository
        person = repository.person(face_id)
        repository.remove_person(person.id)
        context.note("remove", caller, outcome="removed", person_id=person.id)
        return Deleted(deleted_id=person.name, remaining_faces=len(context.service.people()))

    return await context.workers.run(work)


@router.get("/stats", responses=details())
async def stats(context: Given, caller: Annotated[Caller, Depends(needs("manage"))]) -> Stats:
    """The database in numbers."""

    def work() -> Stats:
        service = context.service
        size, changed = service.repository.on_disk()
        model_id = service.engine.model_id
        return Stats(
            total_faces=len(service.people()),
            model=model_id.model,
            embedding_dimension=model_id.dimensions,
            database_size_mb=round(size / 1e6, 3),
            uptime_seconds=int(time.monotonic() - context.began),
            last_updated=changed,
        )

    return await context.workers.run(work)


@router.get("/health", response_model=Health, responses={503: {"model": Health, "description": "Not all of it works"}})
async def health(context: Given) -> Any:
    """Whether it works. Takes no key, and tells nothing else."""
    status = context.service.state.status
    connected, loaded = await anyio.to_thread.run_sync(_connected, context), status in ("ready", "enrolling")
    working: Working = "unhealthy"
    if connected and status != "failed" and status != "no_weights":
        working = "healthy" if loaded else "starting"
    answer = Health(status=working, model_loaded=loaded, database_connected=connected, timestamp=datetime.now(UTC))
    return JSONResponse(answer.model_dump(mode="json"), 200 if working == "healthy" else 503)


def _connected(context: Context) -> bool:
    try:
        context.service.people()
    except FaceNetError:
        return False
    return True


def _cosine(distance: float) -> float:
    """Of unit vectors: d² = 2 - 2 cos."""
    return 1.0 - distance**2 / 2.0


def _confidence(found: Identification) -> Confidence:
    rarity = found.one_in.strangers if found.one_in else 0.0
    return next(name for least, name in RARE if rarity >= least)
