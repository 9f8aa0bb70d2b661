"""Copies: faces of the same picture, resized or saved again. One of them is searched, and stands for the others."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from facenet_core.reverse.tables import FACES

TWIN_DISTANCE = 0.3
"""Faces at most so far apart are copies of one picture."""


def promote(connection: Connection, leaving: Sequence[int]) -> None:
    """Lets the first copy of each face that is about to go stand for the others.

    It gets a new number: whoever keeps an index of faces by their numbers takes
    it for a new face, as it was not searched before.

    Args:
        connection: To write with.
        leaving: Numbers of faces.
    """
    gone = set(leaving)
    for face in leaving:
        copies = [id_ for id_ in connection.scalars(select(FACES.c.id).where(FACES.c.twin == face)) if id_ not in gone]
        if not copies:
            continue
        first, *others = sorted(copies)
        row = select(FACES.c.photo, FACES.c.model, FACES.c.place, FACES.c.embedding).where(FACES.c.id == first)
        same = insert(FACES).from_select(["photo", "model", "place", "embedding"], row).returning(FACES.c.id)
        new = connection.execute(same).scalar_one()
        connection.execute(update(FACES).where(FACES.c.id.in_(others)).values(twin=new))
        connection.execute(delete(FACES).where(FACES.c.id == first))
