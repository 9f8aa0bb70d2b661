"""Pages that show faces: those of a face, and the faces on pages that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, func, select

from facenet_core.reverse.records import Among, Page
from facenet_core.reverse.tables import FACES, IMAGES
from facenet_core.store.bulk import pieces


def showing(connection: Connection, faces: Sequence[int], among: Among) -> dict[int, tuple[Page, ...]]:
    """The pages that show faces, or copies of them.

    Args:
        connection: To read with.
        faces: Numbers of faces that are no copies.
        among: Which pages count.

    Returns:
        By face; without those that no page shows.
    """
    shown: dict[int, dict[str, Page]] = {}
    for some in pieces(list(faces)):
        for own in (FACES.c.id, FACES.c.twin):  # the face's own pages first
            wanted = (
                select(own, *(IMAGES.c[name] for name in _PAGE))
                .join(FACES, IMAGES.c.photo == FACES.c.photo)
                .where(own.in_(some))
                .order_by(IMAGES.c.id)
            )
            for row in connection.execute(_counting(wanted, among)):
                page = _page(row)
                shown.setdefault(row[0], {}).setdefault(page.image_url, page)
    return {face: tuple(pages.values()) for face, pages in shown.items()}


def shown_faces(connection: Connection, model: int, among: Among) -> NDArray[np.int64]:
    """The faces that pages show, or copies of them.

    Args:
        connection: To read with.
        model: The number of the model whose faces they are.
        among: Which pages count.

    Returns:
        Numbers of faces that are no copies, ascending.
    """
    own = func.coalesce(FACES.c.twin, FACES.c.id)
    wanted = select(own).join(IMAGES, IMAGES.c.photo == FACES.c.photo).where(FACES.c.model == model)
    return np.unique(np.fromiter(connection.scalars(_counting(wanted, among)), np.int64))


_PAGE = tuple(field.name for field in fields(Page))


def _page(row: Row[Any]) -> Page:
    known = {name: getattr(row, name) for name in _PAGE}
    return Page(**known | {"fetched_at": datetime.fromisoformat(row.fetched_at)})


def _counting(wanted: Select[Any], among: Among) -> Select[Any]:
    """Only addresses that count."""
    if among.sources:
        wanted = wanted.where(IMAGES.c.source.in_(among.sources))
    if among.since:
        wanted = wanted.where(IMAGES.c.fetched_at >= among.since.isoformat())
    if among.until:
        wanted = wanted.where(IMAGES.c.fetched_at < among.until.isoformat())
    return wanted
