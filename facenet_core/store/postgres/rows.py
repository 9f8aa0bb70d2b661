"""People's templates as rows, and back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, select, update
from sqlalchemy.dialects.postgresql import insert

from facenet_core.errors import StoreError
from facenet_core.store import fields, schema
from facenet_core.store.columns import written
from facenet_core.store.postgres import tables
from facenet_core.store.schema import JSON
from facenet_core.types import Box, Detection, Landmarks, ModelId, Template

COLUMNS = (
    "id, person_id, photo_sha256, source_sha256, source_name, created_at, model, detection, embedding, place, stamp"
)
"""Of ``templates``, in the order of :class:`Row`."""


class Row(NamedTuple):
    """A template's row; ``stamp`` is another one after each change."""

    id: str
    person_id: str
    photo_sha256: str
    source_sha256: str
    source_name: str
    created_at: datetime
    model: int
    detection: Sequence[float]
    embedding: bytes
    place: int
    stamp: int


def template_values(template: Template, model: int) -> dict[str, Any]:
    """Returns the row of a template.

    Args:
        template: The template.
        model: The key of its model.

    Raises:
        ValueError: Its embedding is not a unit vector of its model's length,
            or a hash is none.
    """
    record = schema.encode_template(template)
    return {
        "id": template.id,
        "person_id": template.person_id,
        "photo_sha256": template.photo_sha256,
        "source_sha256": template.source_sha256,
        "source_name": readable(record["source_name"]),
        "created_at": template.created_at,
        **face_values(template),
        "model": model,
        "stamp": secrets.randbits(63),
    }


def face_values(template: Template) -> dict[str, Any]:
    """Returns the columns that depend on the model.

    Args:
        template: The template.

    Raises:
        ValueError: Its embedding is not a unit vector of its model's length.
    """
    face = schema.encode_face(template)["detection"]
    points = [number for point in face["landmarks"] for number in point]
    return {
        "detection": [*face["box"], *points, face["confidence"]],
        "embedding": template.embedding.astype("<f4").tobytes(),
        "vector": written(template.embedding, 6),
    }


def utc(time: datetime) -> datetime:
    """Returns a time in our own UTC."""
    return time.astimezone(UTC)


def readable(name: str) -> str:
    """Returns a text as PostgreSQL takes it: the one character that it refuses is replaced."""
    return name.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def decoded(rows: Sequence[Row], models: Mapping[int, ModelId], place: str) -> list[Template]:
    """Returns the templates of rows.

    Args:
        rows: The rows.
        models: The models, by their keys.
        place: Where they are, for messages.

    Raises:
        StoreError: A row is not what was written.
    """
    matrices: dict[int, tuple[NDArray[np.float32], list[int]]] = {}
    for key in {row.model for row in rows}:
        of_model = [number for number, row in enumerate(rows) if row.model == key]
        matrices[key] = embeddings([rows[n].embedding for n in of_model], models[key].dimensions, place), of_model
    found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(rows)
    for matrix, of_model in matrices.values():
        for at, number in enumerate(of_model):
            found[number] = matrix[at]
    return [
        Template(
            id=row.id,
            person_id=row.person_id,
            photo_sha256=row.photo_sha256,
            source_sha256=row.source_sha256,
            source_name=row.source_name,
            detection=detection(row.detection),
            embedding=embedding,
            model_id=models[row.model],
            created_at=utc(row.created_at),
        )
        for row, embedding in zip(rows, found, strict=True)
    ]


def detection(numbers: Sequence[float]) -> Detection:
    """Returns a face from its numbers.

    Args:
        numbers: Box, points and confidence, 15 of them.
    """
    left, top, right, bottom, *points, confidence = numbers
    pairs = list(zip(points[::2], points[1::2], strict=True))
    return Detection(Box(left, top, right, bottom), Landmarks(*pairs), confidence)


def embeddings(raw: Sequence[bytes], dimensions: int, place: str) -> NDArray[np.float32]:
    """Returns embeddings of one model from their bytes, checked together: one by one takes ten times as long.

    Args:
        raw: Little-endian float32 of each.
        dimensions: The model's.
        place: Where they are, for messages.

    Returns:
        Shape ``(n, dimensions)``, read-only.

    Raises:
        StoreError: One is not a unit vector of that length.
    """
    if any(len(each) != 4 * dimensions for each in raw):
        raise StoreError(f"{place}: the database is damaged (an embedding has another length than its model's).")
    matrix = np.frombuffer(b"".join(raw), "<f4").astype(np.float32, copy=False).reshape(-1, dimensions)
    lengths = np.linalg.norm(matrix.astype(np.float64), axis=1)
    if not np.all(np.abs(lengths - 1) <= fields.NORM_TOLERANCE):
        raise StoreError(f"{place}: the database is damaged (an embedding is not of length 1).")
    matrix.flags.writeable = False
    return matrix


def key_of(model_id: ModelId) -> Select[int]:
    """Returns the question for the key of a model; there is no row if it is not known.

    Args:
        model_id: The model.
    """
    return select(tables.models.c.key).where(
        *(tables.models.c[name] == value for name, value in asdict(model_id).items())
    )


def model_key(connection: Connection, model_id: ModelId) -> int:
    """Returns the key of a model, which is noted if it is new.

    Args:
        connection: For changes.
        model_id: The model.
    """
    known = connection.execute(key_of(model_id)).scalar()
    if known is not None:
        return known
    new = insert(tables.models).values(asdict(model_id)).returning(tables.models.c.key)
    key: int = connection.execute(new).scalar_one()
    return key


def replace_faces(connection: Connection, templates: Sequence[Template], faces: Sequence[dict[str, Any]]) -> int:
    """Swaps what depends on the model, of templates that are still there; returns how many.

    Args:
        connection: For changes.
        templates: The templates.
        faces: The columns of each.
    """
    keys: dict[ModelId, int] = {}
    for model_id in {template.model_id for template in templates}:
        keys[model_id] = model_key(connection, model_id)
    swapped = 0
    for template, face in zip(templates, faces, strict=True):
        change = update(tables.templates).where(tables.templates.c.id == template.id)
        fresh = {**face, "model": keys[template.model_id], "stamp": secrets.randbits(63)}
        swapped += connection.execute(change.values(fresh)).rowcount
    return swapped


def save_settings(connection: Connection, given: Mapping[str, JSON]) -> None:
    """Saves settings; those not named stay as they are.

    Args:
        connection: For changes.
        given: New values by name.
    """
    for name, value in given.items():
        saved = insert(tables.settings).values(name=name, value=value)
        fresh = {"value": saved.excluded.value}
        connection.execute(saved.on_conflict_do_update(index_elements=["name"], set_=fresh))


def model_ids(connection: Connection) -> dict[int, ModelId]:
    """Returns the models, by their keys.

    Args:
        connection: For reading.
    """
    found = connection.execute(select(tables.models)).mappings()
    return {row["key"]: ModelId(**{name: row[name] for name in row if name != "key"}) for row in found}


def fetched(connection: Connection, ids: Sequence[str] | None, of: Literal["id", "person_id"] = "id") -> list[Row]:
    """Returns rows of templates, in the order of enrolment.

    Args:
        connection: For reading.
        ids: Which ones; None for all.
        of: Whether these are ids of templates or of people.
    """
    where, given = ("", None) if ids is None else (f"WHERE {of} = ANY(%s)", [list(ids)])
    statement = f"SELECT {COLUMNS} FROM templates {where} ORDER BY place"  # noqa: S608  # ours
    return [Row(*row) for row in driven(connection, statement, given)]


def driven(connection: Connection, statement: str, given: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
    """Returns the rows of a statement as the driver has them, in binary form: of very many that takes half the time.

    Args:
        connection: For reading.
        statement: Of ours.
        given: Its parameters.
    """
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # for mypy: it is connected
    with driver.cursor(binary=True) as cursor:
        return list(cursor.execute(statement, given).fetchall())
