"""Files that came with a request, and how much of a request is read at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from fastapi import Request, UploadFile
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facenet_core.api.problems import BUSY, Refused, answer_to
from facenet_core.errors import FaceNetError, PhotoTooLargeError

READING = 30.0
"""Seconds that may pass until more of a request's body comes."""

MOST_OPEN = 64
"""Requests with a body that are read or worked on at once; the rest is told to come back."""

MAX_NAME = 200
"""Characters of a file's name that are kept."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A photo as it came.

    Attributes:
        name: What its owner calls it.
        data: Its bytes.
    """

    name: str
    data: bytes


def photo(upload: UploadFile, max_bytes: int) -> Uploaded:
    """Reads a file, on a worker's thread: those of requests that wait stay on the disk if they are large.

    Args:
        upload: The file.
        max_bytes: Largest that is taken.

    Raises:
        PhotoTooLargeError: If it is larger.
    """
    given = PurePosixPath((upload.filename or "").replace("\\", "/")).name
    name = "".join(c for c in given if c.isprintable())[:MAX_NAME] or "photo"
    upload.file.seek(0)
    data = upload.file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise PhotoTooLargeError(name, f"this file is larger than {max_bytes // 2**20} MB.")
    return Uploaded(name, data)


class BodyLimit:
    """Stops reading a request that is too large or comes too slowly, and does not begin with some.

    Args:
        app: What answers.
        max_bytes: Largest body.
        admit: Raises an error for whoever has no business here.
        most: Requests with a body that are read or worked on at once.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, admit: Callable[[Request], None], most: int = MOST_OPEN) -> None:
        self._app, self._max, self._admit, self._most = app, max_bytes, admit, most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "DELETE"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._admit(request)
            if self._open >= self._most:
                raise Refused(429, "busy", BUSY, {"Retry-After": "1"})
        except (Refused, FaceNetError) as error:
            await answer_to(request, error)(scope, receive, send)
            return
        self._open += 1
        try:
            await self._limited(scope, receive, send)
        finally:
            self._open -= 1

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0
        too_large = Refused(413, "too_large", f"A request may have {self._max // 2**20} MB at most.")
        announced = dict(scope["headers"]).get(b"content-length", b"0")

        async def limited() -> Message:
            nonlocal read
            if announced.isdigit() and int(announced) > self._max:
                raise too_large
            try:
                message = await asyncio.wait_for(receive(), READING) if read >= 0 else await receive()
            except TimeoutError as error:
                raise Refused(408, "slow", "The request came too slowly.") from error
            read += len(message.get("body", b""))
            if read > self._max:
                raise too_large
            if not message.get("more_body"):
                read = -(2**62)  # all of it is here; what comes now is that the client is gone
            return message

        await self._app(scope, limited, send)
