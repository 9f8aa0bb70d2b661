"""The enrolled people and their photos."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, File, Form, Header, Path, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from facenet_core import types
from facenet_core.api import answers, convert, uploads
from facenet_core.api.access import Caller, needs
from facenet_core.api.context import Context, Given
from facenet_core.api.problems import Refused, responses
from facenet_core.api.replays import IdempotencyKey
from facenet_core.errors import PersonExistsError, UnknownPersonError, UnknownPhotoError
from facenet_core.types import EnrolRequest

router = APIRouter(prefix="/v1/people", tags=["people"])

MOST_PHOTOS = 100
"""Photos in one request; more are for a job."""

TAKEN = "{} is enrolled already: add photos to them, or choose another name."

PAGE, MOST_LISTED = 50, 1_000
"""People on a page."""

Manager = Annotated[Caller, Depends(needs("manage"))]
Enroller = Annotated[Caller, Depends(needs("enrol"))]
PersonId = Annotated[str, Path(description="id or name", max_length=200)]
PhotoId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
IfMatch = Annotated[str | None, Header(description="the ETag of the person as you know them: refused if it is not")]
Photos = Annotated[list[UploadFile], File(description=f"photos of one face each, at most {MOST_PHOTOS}")]
AcceptPoor = Annotated[bool, Form(description="enrol them in spite of poor quality")]


class Renamed(BaseModel):
    """A change of a person."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200, examples=["Grace Hopper"])


def tag(person: types.Person) -> str:
    """A person's ETag: another one whenever anything about them has changed."""
    said = "\n".join((person.id, person.name, *(f"{t.id} {t.model_id}" for t in person.templates)))
    return f'"{sha256(said.encode()).hexdigest()[:32]}"'


@router.get("", responses=responses())
async def list_people(
    context: Given,
    caller: Manager,
    query: Annotated[str, Query(description="part of the name", max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = PAGE,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> answers.People:
    """Lists the people, by name."""
    people = await context.workers.run(context.service.people)
    found = [person for person in people if query.casefold() in person.name.casefold()]
    end = offset + limit
    return answers.People(
        people=[convert.listed(person) for person in found[offset:end]],
        total=len(found),
        next=end if end < len(found) else None,
    )


@router.post("", status_code=201, responses=responses(408, 409, 415))
async def add_person(
    name: Annotated[str, Form(description="nobody may be called that yet")],
    photos: Photos,
    context: Given,
    caller: Enroller,
    response: Response,
    accept_poor: AcceptPoor = False,
    idempotency_key: IdempotencyKey = None,
) -> answers.Enrolment:
    """Enrols a new person with one photo or several. Only if one of them is accepted are they there afterwards."""
    given = await _read(photos, context)

    def work() -> answers.Enrolment:
        try:
            context.service.repository.person(name)
        except UnknownPersonError:
            return _enrol(context, caller, name, given, accept_poor, new=True)
        raise PersonExistsError(TAKEN.format(name))

    asked = [b"add_person", name.encode(), str(accept_poor).encode(), *(each.data for each in given)]
    answer = await context.replays.once(idempotency_key, caller, asked, lambda: context.workers.run(work))
    response.headers["ETag"] = tag(context.service.repository.person(answer.person.id))
    return answer


@router.get(
    "/{person}", response_model=answers.Person, responses=responses(404) | {304: {"description": "You have it already"}}
)
async def get_person(
    person: PersonId,
    context: Given,
    caller: Manager,
    response: Response,
    if_none_match: Annotated[str | None, Header(description="an ETag that you have")] = None,
) -> answers.Person | Response:
    """One person with the list of their photos."""
    found = await context.workers.run(lambda: context.service.repository.person(person))
    if if_none_match == tag(found):
        return Response(status_code=304, headers={"ETag": tag(found)})
    response.headers["ETag"] = tag(found)
    return convert.person(found, context.model_id)


@router.patch("/{person}", responses=responses(404, 409, 412))
async def rename_person(
    person: PersonId, change: Renamed, context: Given, caller: Manager, response: Response, if_match: IfMatch = None
) -> answers.Person:
    """Gives a person another name."""

    def work() -> types.Person:
        found = _matching(context, person, if_match)
        renamed = context.service.repository.rename(found.id, change.name)
        context.note("rename", caller, outcome="renamed", person_id=found.id)
        return renamed

    found = await context.workers.run(work)
    response.headers["ETag"] = tag(found)
    return convert.person(found, context.model_id)


@router.delete("/{person}", status_code=204, responses=responses(404, 412))
async def remove_person(person: PersonId, context: Given, caller: Manager, if_match: IfMatch = None) -> None:
    """Removes a person with all photos and templates, from the backup too."""

    def work() -> None:
        found = _matching(context, person, if_match)
        context.service.repository.remove_person(found.id)
        context.note("remove", caller, outcome="removed", person_id=found.id)

    await context.workers.run(work)


@router.post("/{person}/photos", status_code=201, responses=responses(404, 408, 415))
async def add_photos(
    person: PersonId,
    photos: Photos,
    context: Given,
    caller: Enroller,
    response: Response,
    face: Annotated[int | None, Form(ge=1, description="which face, from 1, if there are several")] = None,
    accept_poor: AcceptPoor = False,
    idempotency_key: IdempotencyKey = None,
) -> answers.Enrolment:
    """Adds photos to a person."""
    given = await _read(photos, context)

    def work() -> answers.Enrolment:
        known = context.service.repository.person(person)
        return _enrol(context, caller, known.name, given, accept_poor, face)

    asked = [b"add_photos", f"{person}\0{face}\0{accept_poor}".encode(), *(each.data for each in given)]
    answer = await context.replays.once(idempotency_key, caller, asked, lambda: context.workers.run(work))
    response.headers["ETag"] = tag(context.service.repository.person(answer.person.id))
    return answer


@router.get(
    "/{person}/photos/{photo}",
    response_class=Response,
    responses=responses(404) | {200: {"content": {"image/webp": {}}, "description": "The photo as it is kept"}},
)
async def get_photo(person: PersonId, photo: PhotoId, context: Given, caller: Manager) -> Response:
    """An enrolled photo."""

    def work() -> bytes:
        found = context.service.repository.person(person)
        template = next((t for t in found.templates if t.id == photo), None)
        if template is None:
            raise UnknownPhotoError(f"{found.name} has no photo of that id.")
        return context.service.stored_photo(template)

    content = await context.workers.run(work)
    return Response(content, media_type="image/webp", headers={"Cache-Control": "no-store"})


@router.delete("/{person}/photos/{photo}", status_code=204, responses=responses(404, 412))
async def remove_photo(
    person: PersonId, photo: PhotoId, context: Given, caller: Manager, if_match: IfMatch = None
) -> None:
    """Removes one photo of a person who has others."""

    def work() -> None:
        found = _matching(context, person, if_match)
        context.service.repository.remove_template(found.id, photo)
        context.note("remove_photo", caller, outcome="removed", person_id=found.id)

    await context.workers.run(work)


def _matching(context: Context, reference: str, if_match: str | None) -> types.Person:
    person = context.service.repository.person(reference)
    if if_match not in (None, "*", tag(person)):
        raise Refused(412, "changed", f"{person.name} was changed meanwhile. Get them again.")
    return person


async def _read(photos: Sequence[UploadFile], context: Context) -> list[uploads.Uploaded]:
    if len(photos) > MOST_PHOTOS:
        raise Refused(413, "too_many", f"At most {MOST_PHOTOS} photos can be given at once.")
    return await anyio.to_thread.run_sync(lambda: [uploads.photo(each, context.service.max_bytes) for each in photos])


def _enrol(
    context: Context,
    caller: Caller,
    name: str,
    given: Sequence[uploads.Uploaded],
    accept_poor: bool,
    face: int | None = None,
    new: bool = False,
) -> answers.Enrolment:
    requests = [EnrolRequest(name, each.name, each.data, face, accept_poor) for each in given]
    outcomes = list(context.service.enrol_many(requests, new=new))
    said = [convert.outcome(outcome) for outcome in outcomes]
    accepted = any(outcome.accepted for outcome in outcomes)
    person = context.service.repository.person(name) if accepted else None
    for outcome in outcomes:
        context.enrolled(outcome, caller)
    if person is None and any(outcome.code == PersonExistsError.code for outcome in outcomes):
        raise PersonExistsError(TAKEN.format(name))  # by somebody who asked at the same time
    if person is None:
        reasons = " ".join(f"{outcome.photo}: {outcome.reason}" for outcome in outcomes)
        code = outcomes[0].code if len(outcomes) == 1 else "none_accepted"
        raise Refused(422, code, f"Nothing was enrolled. {reasons}", photos=said)
    return answers.Enrolment(person=convert.person(person, context.model_id), photos=said)
