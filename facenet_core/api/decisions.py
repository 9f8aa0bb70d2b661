"""Questions about photos: verify, identify, compare, detect and embed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile

from facenet_core.api import answers, convert, uploads
from facenet_core.api.access import Caller, needs
from facenet_core.api.context import Given
from facenet_core.api.problems import responses
from facenet_core.config import FPIR_RANGE
from facenet_core.decision import TOP_K
from facenet_core.types import Wanted

router = APIRouter(prefix="/v1", tags=["decisions"])

PHOTO = responses(408, 415)

Photo = Annotated[UploadFile, File(description="a photo: JPEG, PNG, WebP, HEIC ...")]
FaceNumber = Annotated[int | None, Form(ge=1, description="which face, from 1, left to right; else the prominent one")]
Threshold = Annotated[float | None, Form(ge=0, le=2, description="the largest distance that matches, instead of ours")]

MOST_CANDIDATES = 100


@router.post("/verify", responses=responses(404, 408, 415))
async def verify(
    photo: Photo,
    claim: Annotated[str, Form(description="name or id of the person they say they are")],
    context: Given,
    caller: Annotated[Caller, Depends(needs("verify"))],
    face: FaceNumber = None,
    threshold: Threshold = None,
) -> answers.Verification:
    """Is this the person they say they are (1:1)?"""

    def work() -> answers.Verification:
        given = uploads.photo(photo, context.service.max_bytes)
        analysis = context.analyse(given.data, given.name, face or "prominent")
        with context.noting_failures():
            found = context.service.verify(analysis, claim, face=face, threshold=threshold)
        context.service.audit.decided("verify", found.outcome, caller.asker, found.candidate.person.id)
        return convert.verification(analysis, found)

    return await context.workers.run(work)


@router.post("/identify", responses=PHOTO)
async def identify(
    photo: Photo,
    context: Given,
    caller: Annotated[Caller, Depends(needs("identify"))],
    top_k: Annotated[int, Form(ge=1, le=MOST_CANDIDATES, description="people listed for each face")] = TOP_K,
    target_fpir: Annotated[
        float | None,
        Form(ge=FPIR_RANGE[0], le=FPIR_RANGE[1], description="searches for a stranger that may name somebody"),
    ] = None,
    threshold: Threshold = None,
) -> answers.Identification:
    """Who is on this photo (1:N)? Every face is answered."""

    def work() -> answers.Identification:
        given = uploads.photo(photo, context.service.max_bytes)
        analysis = context.analyse(given.data, given.name)
        return context.identify(analysis, caller, top_k=top_k, target_fpir=target_fpir, threshold=threshold)

    return await context.workers.run(work)


@router.post("/compare", responses=PHOTO)
async def compare(
    first: Photo,
    second: Photo,
    context: Given,
    caller: Annotated[Caller, Depends(needs("verify"))],
    first_face: FaceNumber = None,
    second_face: FaceNumber = None,
    threshold: Threshold = None,
) -> answers.Comparison:
    """Do two photos show one person? The database is not asked."""
    wanted: tuple[Wanted, Wanted] = first_face or "prominent", second_face or "prominent"

    def work() -> answers.Comparison:
        service = context.service
        a, b = (uploads.photo(each, service.max_bytes) for each in (first, second))
        with context.noting_failures():
            one, other = service.analyse_together(
                [
                    (lambda: service.photo(a.data, a.name), wanted[0]),
                    (lambda: service.photo(b.data, b.name), wanted[1]),
                ]
            )
            found = service.compare(one, other, faces=(first_face, second_face), threshold=threshold)
        service.audit.decided("compare", found.outcome, caller.asker)
        return convert.comparison(one, other, found)

    return await context.workers.run(work)


@router.post("/detect", responses=PHOTO)
async def detect(
    photo: Photo, context: Given, caller: Annotated[Caller, Depends(needs("verify"))]
) -> answers.Detections:
    """Where are the faces on this photo, and how well does it show them?"""

    def work() -> answers.Detections:
        given = uploads.photo(photo, context.service.max_bytes)
        analysis = context.analyse(given.data, given.name, "prominent")
        return answers.Detections(
            width=analysis.photo.width,
            height=analysis.photo.height,
            faces=convert.faces(analysis),
            prominent=analysis.prominent + 1 if analysis.faces else None,
            seconds=round(analysis.seconds, 4),
        )

    return await context.workers.run(work)


@router.post("/embed", responses=PHOTO)
async def embed(
    photo: Photo, context: Given, caller: Annotated[Caller, Depends(needs("manage"))]
) -> answers.Embeddings:
    """The templates of a photo's faces. They are biometric data, and a face can be made from them."""

    def work() -> answers.Embeddings:
        given = uploads.photo(photo, context.service.max_bytes)
        analysis = context.analyse(given.data, given.name)
        found = [
            answers.Embedded(face=convert.face(face, number), embedding=face.embedding.tolist())
            for number, face in enumerate(analysis.faces, 1)
        ]
        context.note("embed", caller, outcome=str(len(found)))
        return answers.Embeddings(faces=found, model=convert.model(analysis.model_id))

    return await context.workers.run(work)
