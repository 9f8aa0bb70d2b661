"""What the database holds: people, templates and seeds as JSON records, and back.

::

    meta       schema          version
    people     <person id>     id, name, created_at
    templates  <template id>   id, person_id, photo_sha256, source_sha256, source_name,
                               detection, embedding, model, created_at
    seeds      <photo sha256>  file_name, outcome, recorded_at
    settings   <setting>       value

The tables of models that are not in use are those of ``shadow.py``. Ids are
ours (UUID 4, 32 hex digits) and double as TinyDB's document ids: its own
running numbers are cached, so two writers would hand out the same one.
Times are ISO 8601 in UTC. Embeddings are base64 of little-endian float32, a
quarter of the size of a list of numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias, cast
from uuid import uuid4

from facenet_core.store.fields import RecordError, decode_embedding, decode_time, encode_embedding, encode_time
from facenet_core.store.names import sorted_by_name
from facenet_core.types import ENGINES, Box, Detection, Engine, Landmarks, ModelId, Person, Template

SCHEMA_VERSION = 2
"""Version of the layout, which has had the tables of ``shadow.py`` since 2."""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""What a setting may be."""

Record = Mapping[str, Any]
"""One record of a table, as JSON holds it."""

_ID = re.compile("[0-9a-f]{32}")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Seed:
    """A photo that came with the program, and what became of it.

    Attributes:
        file_name: Its name in the folder it came in.
        outcome: What became of it, such as ``enrolled``.
        recorded_at: When, UTC.
    """

    file_name: str
    outcome: str
    recorded_at: datetime


def new_id() -> str:
    """Return a fresh id for a person or a template, 32 hex digits."""
    return uuid4().hex


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id.

    Args:
        text: Any text.
    """
    return bool(_ID.fullmatch(text))


def encode_person(person_id: str, name: str, created_at: datetime) -> dict[str, Any]:
    """Return the record of a person.

    Args:
        person_id: Their id.
        name: Their name, clean.
        created_at: When they were first enrolled, with its time zone.
    """
    return {"id": person_id, "name": name, "created_at": encode_time(created_at)}


def encode_template(template: Template) -> dict[str, Any]:
    """Return the record of a template.

    Args:
        template: The template.

    Raises:
        ValueError: Its embedding is not a unit vector of its model's length,
            or a hash is none.
    """
    for sha256 in (template.photo_sha256, template.source_sha256):
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"expected a SHA-256 as 64 hex digits, got {sha256!r}")
    return {
        "id": template.id,
        "person_id": template.person_id,
        "photo_sha256": template.photo_sha256,
        "source_sha256": template.source_sha256,
        # A file's name may hold bytes that are no text, which no UTF-8 file can keep.
        "source_name": template.source_name.encode("utf-8", "replace").decode(),
        **encode_face(template),
        "created_at": encode_time(template.created_at),
    }


def encode_face(template: Template) -> dict[str, Any]:
    """Return the fields of a template's record that depend on the model.

    Args:
        template: The template.

    Raises:
        ValueError: Its embedding is not a unit vector of its model's length.
    """
    box, points = template.detection.box, template.detection.landmarks
    return {
        "detection": {
            "box": _numbers(box.left, box.top, box.right, box.bottom),
            "landmarks": [
                _numbers(*point)
                for point in (points.left_eye, points.right_eye, points.nose, points.mouth_left, points.mouth_right)
            ],
            "confidence": _numbers(template.detection.confidence)[0],
        },
        "embedding": encode_embedding(template.embedding, template.model_id.dimensions),
        "model": {
            "model": template.model_id.model,
            "preprocessing": template.model_id.preprocessing,
            "weights_sha256": template.model_id.weights_sha256,
            "dimensions": template.model_id.dimensions,
            "engine": template.model_id.engine,
        },
    }


def decode_people(people: Iterable[Record], templates: Iterable[Record]) -> tuple[Person, ...]:
    """Return people with their templates, sorted by name.

    Args:
        people: Their records.
        templates: The records of all their templates.

    Raises:
        RecordError: A record can't be decoded, or a template is nobody's.
    """
    owned: dict[str, list[Template]] = {}
    for record in templates:
        template = decode_template(record)
        owned.setdefault(template.person_id, []).append(template)
    decoded = [_decode_person(record, owned.pop(_text(record, "id"), [])) for record in people]
    if owned:
        raise RecordError("a photo belongs to nobody")
    return sorted_by_name(decoded)


def decode_template(record: Record) -> Template:
    """Return a template from its record.

    Args:
        record: The record.

    Raises:
        RecordError: It can't be decoded.
    """
    model = _mapping(record, "model")
    dimensions = model.get("dimensions")
    if not isinstance(dimensions, int) or dimensions < 1:
        raise RecordError("a model has no number of dimensions")
    photo_sha256, source_sha256 = _text(record, "photo_sha256"), _text(record, "source_sha256")
    if not _SHA256.fullmatch(photo_sha256) or not _SHA256.fullmatch(source_sha256):
        raise RecordError("a photo's hash is none")
    return Template(
        id=_text(record, "id"),
        person_id=_text(record, "person_id"),
        photo_sha256=photo_sha256,
        source_sha256=source_sha256,
        source_name=_text(record, "source_name"),
        detection=_decode_detection(_mapping(record, "detection")),
        embedding=decode_embedding(_text(record, "embedding"), dimensions),
        model_id=ModelId(
            _text(model, "model"),
            _text(model, "preprocessing"),
            _text(model, "weights_sha256"),
            dimensions,
            decode_engine(model),
        ),
        created_at=decode_time(_text(record, "created_at")),
    )


def decode_engine(model: Record) -> Engine:
    """Return the engine of a model's record; older records have none, and were made by the only one there was.

    Args:
        model: The record.

    Raises:
        RecordError: It names an engine that is not known.
    """
    engine = model.get("engine", "float32")
    if engine not in ENGINES:
        raise RecordError("a model's engine is not known")
    return cast(Engine, engine)


def decode_seed(record: Record) -> Seed:
    """Return a seed from its record.

    Args:
        record: The record.

    Raises:
        RecordError: It can't be decoded.
    """
    return Seed(_text(record, "file_name"), _text(record, "outcome"), decode_time(_text(record, "recorded_at")))


def _decode_person(record: Record, templates: list[Template]) -> Person:
    oldest_first = tuple(sorted(templates, key=lambda template: template.created_at))
    return Person(_text(record, "id"), _text(record, "name"), decode_time(_text(record, "created_at")), oldest_first)


def _decode_detection(record: Record) -> Detection:
    try:
        left, top, right, bottom = record["box"]
        confidence = record["confidence"]
        points = [(x, y) for x, y in record["landmarks"]]
        # All in one list: checking them one by one takes as long as everything else together.
        numbers = [left, top, right, bottom, confidence, *chain.from_iterable(points)]
        finite = all(map(math.isfinite, numbers))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RecordError("a face has no box, no points or no confidence") from error
    if not finite or len(points) != 5:
        raise RecordError("a face does not have five points, or one is not finite")
    return Detection(Box(left, top, right, bottom), Landmarks(*points), confidence)


def _numbers(*values: float) -> list[float]:
    # NumPy's numbers are not JSON's.
    return [float(value) for value in values]


def _mapping(record: Record, field: str) -> Record:
    value = record.get(field) if isinstance(record, dict) else None
    if not isinstance(value, dict):
        raise RecordError(f"a record has no {field}")
    return value


def _text(record: Record, field: str) -> str:
    value = record.get(field) if isinstance(record, dict) else None
    if not isinstance(value, str):
        raise RecordError(f"a record has no {field}")
    return value
