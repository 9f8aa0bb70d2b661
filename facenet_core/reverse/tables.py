"""The tables of the reverse index, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine, UserDefinedType

APPLICATION_ID = 0x466E5276
"""``FnRv``, in a SQLite file's header."""

VERSION = 1
"""Of the tables."""

METADATA = MetaData()


class _PgVector(UserDefinedType[str]):
    """pgvector's ``vector``: float32 of any length (https://github.com/pgvector/pgvector, "Vector Type")."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "vector"


class Numbers(TypeDecorator[NDArray[np.float32]]):
    """An array of float32: little-endian bytes in SQLite, a ``vector`` in PostgreSQL, the same to the last bit."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What a database calls it."""
        return dialect.type_descriptor(_PgVector() if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: NDArray[np.float32] | None, dialect: Dialect) -> Any:
        """As a database takes it."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            return f"[{','.join(map(repr, value.astype(np.float32).tolist()))}]"
        return value.astype("<f4").tobytes()

    def process_result_value(self, value: Any, dialect: Dialect) -> NDArray[np.float32] | None:
        """As it comes from a database."""
        if value is None:
            return None
        if isinstance(value, str):
            return np.array(value[1:-1].split(","), np.float32)
        return np.frombuffer(value, "<f4").astype(np.float32, copy=False)


_Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers the rows of an INTEGER primary key alone."""

IMAGES = Table(
    "images",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("source", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("image_url", Text, nullable=False, unique=True),
    Column("page_url", Text, nullable=False),
    Column("title", Text),
    Column("author", Text),
    Column("licence", Text),
    Column("licence_url", Text),
    Column("found_at", Text, nullable=False),
    Column("fetched_at", Text),
    Column("photo", _Id, ForeignKey("photos.id", ondelete="SET NULL")),
    Column("problem", Text),
    Index("images_of_photo", "photo"),
    Index("images_of_source", "source", "fetched_at"),
)
"""An address that a source gave. ``fetched_at`` is when it was answered; with a ``problem`` it is no photo."""

PHOTOS = Table(
    "photos",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("width", Integer),
    Column("height", Integer),
    Column("thumbnail", LargeBinary),
    Column("original", LargeBinary),
)
"""What addresses gave, by its content. The ``original`` waits for the index, and is dropped then unless it is kept."""

MODELS = Table(
    "models",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("model", Text, nullable=False),
    Column("preprocessing", Text, nullable=False),
    Column("weights", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    UniqueConstraint("model", "preprocessing", "weights"),
)

ANALYSES = Table(
    "analyses",
    METADATA,
    Column("photo", _Id, ForeignKey("photos.id", ondelete="CASCADE"), primary_key=True),
    Column("model", _Id, ForeignKey("models.id"), primary_key=True),
    Column("problem", Text),
    sqlite_with_rowid=False,
)
"""Which model has seen which photo."""

FACES = Table(
    "faces",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("photo", _Id, ForeignKey("photos.id", ondelete="CASCADE"), nullable=False),
    Column("model", _Id, ForeignKey("models.id"), nullable=False),
    Column("place", LargeBinary, nullable=False),
    Column("embedding", Numbers, nullable=False),
    Column("twin", _Id),
    Index("faces_of_photo", "photo"),
    Index("faces_of_model", "model", "twin", "id"),
    Index("faces_of_twin", "twin"),
    sqlite_autoincrement=True,  # a number is never used again: an index on the disk may still know it
)
"""``place`` is 15 little-endian float64 (a box, five points, the confidence). ``twin`` is
the face that this one is a copy of: it alone is searched."""

REMOVALS = Table(
    "removals",
    METADATA,
    Column("id", _Id, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("url", Text),
    Column("sample", LargeBinary),
    Column("dropped", Integer, nullable=False),
    UniqueConstraint("kind", "url"),
)
"""What must not come back: an address, a host, or a face, of which a small picture is kept for other models."""

REMOVED_FACES = Table(
    "removed_faces",
    METADATA,
    Column("removal", _Id, ForeignKey("removals.id", ondelete="CASCADE"), primary_key=True),
    Column("model", _Id, ForeignKey("models.id"), primary_key=True),
    Column("embedding", Numbers, nullable=False),
    Column("within", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""Faces at most ``within`` of the ``embedding`` are taken for the person who was removed."""
