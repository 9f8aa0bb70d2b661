"""What goes wrong, with a status and in words: RFC 9457 under /v1, ``{"detail": ...}`` beside it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from facenet_core import errors
from facenet_core.api.answers import Detail, Outcomes, Problem
from facenet_core.api.examples import PROBLEM

logger = logging.getLogger(__name__)

STATUS: dict[type[errors.FaceNetError], int] = {
    errors.NotAPhotoError: 415,
    errors.PhotoTooLargeError: 413,
    errors.DuplicatePhotoError: 409,
    errors.UnknownPersonError: 404,
    errors.UnknownPhotoError: 404,
    errors.PersonExistsError: 409,
    errors.RehearsalError: 409,
    errors.InputError: 422,
    errors.KeyRefusedError: 401,
    errors.ModelError: 503,
    errors.StoreError: 503,
    errors.SourceError: 503,
    errors.FaceNetError: 500,
}
"""The status of an error, or of the nearest one above it in the tree."""

BUSY = "Too many requests are waiting. Try again later."

SIMPLE = {409: 400, 401: 401, 403: 403}
"""The simple contract knows fewer statuses."""


class Refused(HTTPException):
    """A request that is refused before anything is done.

    Args:
        status: Of HTTP.
        code: A stable word.
        detail: A sentence.
        headers: For the answer.
        photos: What became of each photo, if several were given.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        photos: Sequence[Outcomes] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code, self.photos = code, photos


def status_of(error: errors.FaceNetError) -> int:
    """The status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route of /v1 may answer when something goes wrong, for its documentation.

    Args:
        statuses: Beyond those that every route has.
    """
    every = {400, 401, 403, 413, 422, 429, 503, *statuses}
    return {
        status: {"model": Problem, "description": HTTPStatus(status).phrase, "content": {PROBLEM: {}}}
        for status in sorted(every)
    }


def of(error: errors.FaceNetError) -> Problem:
    """An error, told as a part of an answer."""
    status = status_of(error)
    return Problem(
        type=f"urn:facenet:{error.code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=str(error),
        code=error.code,
        photo=error.photo if isinstance(error, errors.PhotoError) else None,
    )


def details(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route of the simple contract."""
    every = {401, 403, 413, 422, 429, 503, *statuses}
    return {status: {"model": Detail, "description": HTTPStatus(status).phrase} for status in sorted(every)}


def install(app: FastAPI) -> None:
    """Has an app answer errors this way."""
    app.exception_handler(errors.FaceNetError)(_known)
    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(HTTPException)(_known)
    app.exception_handler(Exception)(_bug)


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    photo: str | None = None,
    headers: Mapping[str, str] | None = None,
    photos: Sequence[Outcomes] | None = None,
) -> JSONResponse:
    """An error as the route's contract has it."""
    if "/v1/" not in request.url.path:
        return JSONResponse({"detail": detail}, SIMPLE.get(status, status), headers)
    title = HTTPStatus(status).phrase
    problem = Problem(
        type=f"urn:facenet:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        photo=photo,
        photos=list(photos) if photos else None,
    )
    said = {name: value for name, value in problem.model_dump().items() if value is not None}
    return JSONResponse(said, status, headers, media_type=PROBLEM)


def answer_to(request: Request, error: errors.FaceNetError | HTTPException) -> JSONResponse:
    """The answer to an error."""
    if isinstance(error, errors.FaceNetError):
        status = status_of(error)
        headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(status)
        photo = error.photo if isinstance(error, errors.PhotoError) else None
        return answer(request, status, error.code, str(error), photo, headers)
    if error.status_code == 405:  # the framework names the methods of the first route of this path alone
        error.headers = {"Allow": ", ".join(_methods(request))}
    own = error if isinstance(error, Refused) else None
    code = own.code if own else HTTPStatus(error.status_code).name.lower()
    photos = own.photos if own else None
    return answer(request, error.status_code, code, str(error.detail), headers=error.headers, photos=photos)


def _methods(request: Request) -> list[str]:
    """What can be done with a path."""
    matching = (
        route
        for route in request.app.routes
        if isinstance(route, APIRoute) and route.matches(request.scope)[0] is not Match.NONE
    )
    return sorted({method for route in matching for method in route.methods or ()})


async def _known(request: Request, error: errors.FaceNetError | HTTPException) -> JSONResponse:
    return answer_to(request, error)


async def _malformed(request: Request, error: RequestValidationError) -> JSONResponse:
    said = []
    for problem in error.errors():
        place = ".".join(map(str, problem["loc"][1:]))
        if problem["type"] == "missing" and place == "file" and "/v1/" not in request.url.path:
            return answer(request, 400, "malformed", "No file uploaded")
        said.append(f"{place}: {problem['msg']}" if place else str(problem["msg"]))
    missing = all(problem["type"] in ("missing", "json_invalid") for problem in error.errors())
    return answer(request, 400 if missing else 422, "malformed", "; ".join(said))


async def _bug(request: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected", exc_info=error)
    return answer(request, 500, "bug", "This is a mistake in the program. Its details are in the server's log.")
