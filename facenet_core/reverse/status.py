"""How much is in the reverse index."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from facenet_core.reverse.faces import Faces
from facenet_core.reverse.photos import unseen
from facenet_core.reverse.records import Status
from facenet_core.reverse.removals import unseen as unseen_people
from facenet_core.reverse.tables import IMAGES, PHOTOS, REMOVALS


def status(connection: Connection, faces: Faces, *, measured: bool) -> Status:
    """Counts.

    Args:
        connection: To read with.
        faces: Those of the current model.
        measured: Whether it is known what a distance of this model means.
    """
    by_source = select(IMAGES.c.source, func.count()).where(IMAGES.c.photo.is_not(None)).group_by(IMAGES.c.source)

    def number(*where: object, of: object = PHOTOS) -> int:
        return connection.execute(select(func.count()).select_from(of).where(*where)).scalar_one()  # type: ignore[arg-type]

    oldest = connection.execute(select(func.min(IMAGES.c.fetched_at)).where(IMAGES.c.photo.is_not(None))).scalar()
    return Status(
        images={source: count for source, count in connection.execute(by_source)},
        refused=number(IMAGES.c.problem.is_not(None), of=IMAGES),
        photos=number(),
        waiting=number(unseen(faces.model), PHOTOS.c.original.is_not(None)),
        lost=number(unseen(faces.model), PHOTOS.c.original.is_(None)),
        faces=faces.count(connection),
        copies=faces.count(connection, copies=True),
        removals=number(of=REMOVALS),
        unrecognised=tuple(each.removal for each in unseen_people(connection, faces.model)),
        unmeasured=not measured and number(REMOVALS.c.kind == "face", of=REMOVALS) > 0,
        oldest=datetime.fromisoformat(oldest) if oldest else None,
    )
