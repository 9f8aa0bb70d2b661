"""Everybody in one file, out and in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import StreamingResponse

from facenet_core.api import answers
from facenet_core.api.access import Caller, needs
from facenet_core.api.context import Given
from facenet_core.api.problems import responses
from facenet_core.service import ImportMode, open_archive

router = APIRouter(prefix="/v1", tags=["moving"])

Manager = Annotated[Caller, Depends(needs("manage"))]

PIECE = 2**20
"""Bytes that are sent at once."""


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses=responses() | {200: {"content": {"application/zip": {}}, "description": "The archive"}},
)
async def export(context: Given, caller: Manager) -> StreamingResponse:
    """Everybody with their photos and templates. The file is biometric data and not encrypted."""

    def work() -> IO[bytes]:
        # In no folder: nobody finds it there, and it is gone when it was sent.
        file = tempfile.TemporaryFile()  # closed by who sends it
        try:
            people = context.service.export(file)
        except BaseException:
            file.close()
            raise
        context.note("export", caller, outcome=str(people))
        file.seek(0)
        return file

    headers = {"Content-Disposition": 'attachment; filename="people.facenet.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(_pieces(await context.workers.run(work)), media_type="application/zip", headers=headers)


@router.post("/import", responses=responses(408, 409))
async def import_people(
    archive: Annotated[UploadFile, File(description="an archive made by export")],
    context: Given,
    caller: Manager,
    mode: Annotated[ImportMode, Form(description="merge into who is here, or replace everybody")] = "merge",
    preview: Annotated[bool, Form(description="only say what it would do")] = False,
) -> answers.Import:
    """Takes in everybody of an archive: all of it, or nothing."""

    def work() -> answers.Import:
        service = context.service
        opened = open_archive(archive.file)
        expected = service.preview_import(opened, mode)
        if not preview:
            done = service.import_people(opened, mode)
            context.note("import", caller, outcome=mode)
            added = done.added_people, done.added_photos, done.skipped_photos
        else:
            added = expected.added_people, expected.added_photos, expected.skipped_photos
        return answers.Import(
            imported=not preview,
            added_people=added[0],
            added_photos=added[1],
            skipped_photos=added[2],
            removed_people=expected.removed_people,
            foreign_photos=expected.foreign_photos,
        )

    return await context.workers.run(work)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
