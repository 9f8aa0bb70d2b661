"""Routes to jobs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Depends, File, Form, Path, Query, Response, UploadFile

from facenet_core.api import answers, uploads
from facenet_core.api.access import Caller, needs
from facenet_core.api.context import Context, Given
from facenet_core.api.decisions import MOST_CANDIDATES
from facenet_core.api.jobs import Job
from facenet_core.api.problems import Refused, responses
from facenet_core.api.replays import IdempotencyKey
from facenet_core.config import FPIR_RANGE
from facenet_core.decision import TOP_K

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MOST_PHOTOS = 1_000
"""Photos in one job."""

JobId = Annotated[UUID, Path(description="as it was given when the job was begun")]
Photos = Annotated[list[UploadFile], File(description=f"at most {MOST_PHOTOS} photos")]
Anybody = Annotated[Caller, Depends(needs(None))]


@router.post("/identify", status_code=202, responses=responses(408))
async def identify(
    photos: Photos,
    context: Given,
    caller: Annotated[Caller, Depends(needs("identify"))],
    response: Response,
    top_k: Annotated[int, Form(ge=1, le=MOST_CANDIDATES)] = TOP_K,
    target_fpir: Annotated[float | None, Form(ge=FPIR_RANGE[0], le=FPIR_RANGE[1])] = None,
) -> answers.Job:
    """Begins to search for everybody on many photos."""
    given = await _read(photos, context)
    return _begun(context.jobs.identify(context, given, caller, top_k=top_k, target_fpir=target_fpir), response)


@router.post("/enrol", status_code=202, responses=responses(408, 409))
async def enrol(
    photos: Photos,
    names: Annotated[list[str], Form(description="whose photos: one name for all, or one for each")],
    context: Given,
    caller: Annotated[Caller, Depends(needs("enrol"))],
    response: Response,
    accept_poor: Annotated[bool, Form()] = False,
    idempotency_key: IdempotencyKey = None,
) -> answers.Job:
    """Begins to enrol many photos."""
    given = await _read(photos, context)
    if len(names) not in (1, len(given)):
        raise Refused(422, "malformed", f"There are {len(given)} photos and {len(names)} names: one for all, or each.")
    people = names * len(given) if len(names) == 1 else names

    async def begin() -> Job:
        return context.jobs.enrol(context, given, people, caller, accept_poor=accept_poor)

    asked = [b"enrol", str(accept_poor).encode(), "\0".join(people).encode(), *(each.data for each in given)]
    return _begun(await context.replays.once(idempotency_key, caller, asked, begin), response)


@router.get("/{job:uuid}", responses=responses(404))
async def get_job(
    job: JobId, context: Given, caller: Anybody, offset: Annotated[int, Query(ge=0, le=MOST_PHOTOS)] = 0
) -> answers.Job:
    """How far a job is, and its results so far."""
    return _shown(context.jobs.get(job.hex, caller), offset)


@router.delete("/{job:uuid}", responses=responses(404))
async def cancel_job(job: JobId, context: Given, caller: Anybody) -> answers.Job:
    """Stops a job. What it has done stays done."""
    return _shown(context.jobs.cancel(job.hex, caller), 0)


async def _read(photos: list[UploadFile], context: Context) -> list[uploads.Uploaded]:
    if len(photos) > MOST_PHOTOS:
        raise Refused(413, "too_many", f"At most {MOST_PHOTOS} photos can be given at once.")
    return await anyio.to_thread.run_sync(lambda: [uploads.photo(each, context.service.max_bytes) for each in photos])


def _begun(job: Job, response: Response) -> answers.Job:
    response.headers["Location"] = f"jobs/{job.id}"
    return _shown(job, 0)


def _shown(job: Job, offset: int) -> answers.Job:
    results = list(job.results)
    return answers.Job(
        id=job.id,
        kind=job.kind,
        state=job.state,
        total=job.total,
        done=len(results),
        begun_at=job.begun_at,
        ended_at=job.ended_at,
        problem=job.problem,
        results=results[offset:],
    )
