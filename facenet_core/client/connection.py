"""How a client reaches the server: what it sends, when it asks again, and what a refusal looks like."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from facenet_core.api import answers

A = TypeVar("A", bound=BaseModel)

Photo: TypeAlias = "Path | tuple[str, bytes]"
"""A file, or its name and its bytes."""

PATIENCE = 90.0
"""Seconds to wait for an answer: more than the server takes before it gives up."""

LOST = (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError)
"""The server may have done what was asked, and its answer did not come."""


class ApiError(Exception):
    """The server refused, or could not be reached.

    Attributes:
        status: Of HTTP; None if there was no answer.
        problem: What the server says.
    """

    def __init__(self, message: str, status: int | None = None, problem: answers.Problem | None = None) -> None:
        super().__init__(message)
        self.status, self.problem = status, problem


class Connection:
    """Asks one server. For one thread.

    Args:
        url: Where the API is.
        key: An API key, if the server wants one.
        retries: How often to ask again when the server is busy, after as long
            as it says, or when its answer was lost and asking again does no harm.
        transport: How to reach it, instead of the network.
    """

    def __init__(
        self, url: str, key: str | None = None, retries: int = 3, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=url.rstrip("/") + "/", headers=headers, timeout=PATIENCE, transport=transport)
        self._retries = retries

    def get(self, kind: type[A], path: str, params: dict[str, Any] | None = None) -> A:
        """Asks for something.

        Args:
            kind: What is expected.
            path: Of the route.
            params: Of the query.

        Raises:
            ApiError: If the server refuses.
        """
        return parsed(kind, self.ask("GET", path, params=params))

    def post(
        self, kind: type[A], path: str, photos: Sequence[tuple[str, Photo]], data: dict[str, Any], *, once: bool = False
    ) -> A:
        """Sends photos.

        Args:
            kind: What is expected.
            path: Of the route.
            photos: Fields of the form, and files.
            data: Other fields.
            once: Not to be carried out twice, if it is sent again.

        Raises:
            ApiError: If the server refuses.
        """
        files = [(field, _file(photo)) for field, photo in photos]
        headers = {"Idempotency-Key": uuid4().hex} if once else {}
        return parsed(kind, self.ask("POST", path, files=files, data=data, headers=headers))

    def ask(self, method: str, path: str, accepted: Sequence[int] = (), **given: Any) -> httpx.Response:
        """Sends a request, again if need be.

        Args:
            method: Of HTTP.
            path: Of the route.
            accepted: Statuses that are answers, beside success.
            **given: For the HTTP client.

        Raises:
            ApiError: If the server refuses or can't be reached.
        """
        harmless = method == "GET" or "Idempotency-Key" in given.get("headers", {})
        for left in range(self._retries, -1, -1):
            try:
                answer = self.http.request(method, path, **given)
            except httpx.HTTPError as error:
                if left and harmless and isinstance(error, LOST):
                    continue
                raise ApiError(f"{self.http.base_url}: the server can't be reached ({error}).") from error
            if answer.is_success or answer.status_code in accepted:
                return answer
            again = answer.headers.get("Retry-After", "")
            if answer.status_code not in (429, 503) or not left or not again.isdigit():
                break
            time.sleep(int(again))  # the server has said so
        raise _refusal(answer)


def _refusal(answer: httpx.Response) -> ApiError:
    try:
        problem = answers.Problem.model_validate_json(answer.content)
    except ValidationError:
        return ApiError(f"{answer.url}: the server answered {answer.status_code}.", answer.status_code)
    return ApiError(problem.detail, answer.status_code, problem)


def parsed(kind: type[A], answer: httpx.Response) -> A:
    """An answer as what it should be.

    Raises:
        ApiError: If it is something else.
    """
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise ApiError(f"{answer.url}: this is not an answer of this program's API.", answer.status_code) from error


def _file(photo: Photo) -> tuple[str, bytes]:
    if isinstance(photo, Path):
        try:
            return photo.name, photo.read_bytes()
        except OSError as error:
            raise ApiError(f"{photo}: this file can't be read ({error.strerror}).") from error
    return photo
