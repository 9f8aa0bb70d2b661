"""The tables.

::

    state         one row: the version of the tables, the revision
    people        id, name, and the key of the name, which is unique
    models        what makes embeddings
    photos        the enrolled photos, by the hash of their content
    templates     one for each enrolled photo
    shadow_heads  which model a slot holds templates of
    shadows       the slots' templates, or why there is none
    seeds, settings, keys, events

The embedding is stored twice: as float32, from which every decision is made,
and as half precision, by which templates are searched when there are very many.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.types import UserDefinedType

from facenet_core.store.columns import after

VERSION = 1
"""Of the tables."""

SCHEMA = "facenet"
"""Where they are in the database."""

metadata = MetaData()


class HalfVector(UserDefinedType[str]):
    """A vector of half precision of any length, as text (pgvector, "Half-Precision Vectors")."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name."""
        return "halfvec"


state = Table(
    "state",
    metadata,
    Column[bool]("only", Boolean, primary_key=True),
    Column[int]("version", Integer, nullable=False),
    Column[UUID]("revision", Uuid, nullable=False),
    Column[datetime]("changed_at", DateTime(timezone=True)),
)

people = Table(
    "people",
    metadata,
    Column[str]("id", Text, primary_key=True),
    Column[str]("name", Text, nullable=False),
    Column[str]("name_key", Text, nullable=False, unique=True),
    Column[datetime]("created_at", DateTime(timezone=True), nullable=False),
)

models = Table(
    "models",
    metadata,
    Column[int]("key", Integer, Identity(), primary_key=True),
    Column[str]("model", Text, nullable=False),
    Column[str]("preprocessing", Text, nullable=False),
    Column[str]("weights_sha256", Text, nullable=False),
    Column[int]("dimensions", Integer, nullable=False),
    Column[str]("engine", Text, nullable=False),
    UniqueConstraint("model", "preprocessing", "weights_sha256", "dimensions", "engine"),
)

photos = Table(
    "photos",
    metadata,
    Column[str]("sha256", Text, primary_key=True),
    Column[bytes]("data", LargeBinary, nullable=False),
)


def _face() -> list[Column[Any]]:
    """What a model makes of a photo: box, points and confidence as 15 numbers, and the embedding."""
    return [Column("detection", ARRAY(Double)), Column("embedding", LargeBinary)]


templates = Table(
    "templates",
    metadata,
    Column[str]("id", Text, primary_key=True),
    Column[str]("person_id", Text, ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column[str]("photo_sha256", Text, ForeignKey("photos.sha256"), nullable=False, unique=True),
    Column[str]("source_sha256", Text, nullable=False, index=True),
    Column[str]("source_name", Text, nullable=False),
    Column[datetime]("created_at", DateTime(timezone=True), nullable=False),
    Column[int]("model", Integer, ForeignKey("models.key"), nullable=False),
    *_face(),
    Column[str]("vector", HalfVector, nullable=False),
    # In the order of enrolment, which times alone do not tell; and anew with every change of the row.
    Column[int]("place", BigInteger, Identity(), nullable=False),
    Column[int]("stamp", BigInteger, nullable=False),
    Index("templates_model", "model", "person_id"),
)

shadow_heads = Table(
    "shadow_heads",
    metadata,
    Column[str]("slot", Text, primary_key=True),
    Column[str]("setting", Text, nullable=False),
    Column[int]("model", Integer, ForeignKey("models.key"), nullable=False),
)

shadows = Table(
    "shadows",
    metadata,
    Column[str]("slot", Text, primary_key=True),
    Column[str]("template_id", Text, ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True, index=True),
    *_face(),
    Column[str]("vector", HalfVector),
    Column[str]("code", Text),
    Column[str]("reason", Text),
)

seeds = Table(
    "seeds",
    metadata,
    Column[str]("sha256", Text, primary_key=True),
    Column[str]("file_name", Text, nullable=False),
    Column[str]("outcome", Text, nullable=False),
    Column[datetime]("recorded_at", DateTime(timezone=True), nullable=False),
)

settings = Table("settings", metadata, Column[str]("name", Text, primary_key=True), Column[Any]("value", JSON))

keys = Table(
    "keys",
    metadata,
    Column[str]("id", Text, primary_key=True),
    Column[str]("name", Text, nullable=False),
    Column[list[str]]("roles", ARRAY(Text), nullable=False),
    Column[datetime]("created_at", DateTime(timezone=True), nullable=False),
    Column[datetime]("expires_at", DateTime(timezone=True)),
    Column[datetime]("revoked_at", DateTime(timezone=True)),
    Column[str]("sha256", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column[int]("id", BigInteger, Identity(), primary_key=True),
    Column[datetime]("at", DateTime(timezone=True), nullable=False),
    Column[str]("kind", Text, nullable=False),
    Column[str]("door", Text, nullable=False),
    Column[str]("who", Text),
    Column[str]("key_id", Text),
    Column[str]("person_id", Text),
    Column[str]("outcome", Text, nullable=False),
    Index("events_at", "at"),
)


after(state, f"INSERT INTO state VALUES (true, {VERSION}, gen_random_uuid(), NULL)")  # noqa: S608  # a number of ours
# Photos are packed already. Vectors beside their row are read without a second look-up; packing gains nothing.
after(photos, "ALTER TABLE photos ALTER data SET STORAGE EXTERNAL")
for _table in (templates, shadows):
    after(_table, f"ALTER TABLE {_table.name} ALTER vector SET STORAGE PLAIN")
    after(_table, f"ALTER TABLE {_table.name} ALTER embedding SET STORAGE MAIN")
