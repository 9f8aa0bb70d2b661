"""The tables of the reverse index, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from facenet_core.store.columns import Number, Numbers, after, id_column, models_table, reference

APPLICATION_ID = 0x466E5276
"""``FnRv``, in a SQLite file's header."""

VERSION = 1
"""Of the tables."""

METADATA = MetaData()

IMAGES = Table(
    "images",
    METADATA,
    id_column(),
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
    Column("photo", Number, ForeignKey("photos.id", ondelete="SET NULL")),
    Column("problem", Text),
    Index("images_of_photo", "photo"),
    Index("images_of_source", "source", "fetched_at"),
)
"""An address that a source gave. ``fetched_at`` is when it was answered; with a ``problem`` it is no photo."""

PHOTOS = Table(
    "photos",
    METADATA,
    id_column(),
    Column("sha256", Text, nullable=False, unique=True),
    Column("width", Integer),
    Column("height", Integer),
    Column("thumbnail", LargeBinary),
    Column("original", LargeBinary),
)
"""What addresses gave, by its content. The ``original`` waits for the index, and is dropped then unless it is kept."""

MODELS = models_table(METADATA)

ANALYSES = Table(
    "analyses",
    METADATA,
    reference("photo", "photos", primary_key=True),
    reference("model", "models", cascade=False, primary_key=True),
    Column("problem", Text),
    sqlite_with_rowid=False,
)
"""Which model has seen which photo."""

FACES = Table(
    "faces",
    METADATA,
    id_column(),
    reference("photo", "photos"),
    reference("model", "models", cascade=False),
    Column("place", LargeBinary, nullable=False),
    Column("embedding", Numbers, nullable=False),
    Column("twin", Number),
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
    id_column(),
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
    reference("removal", "removals", primary_key=True),
    reference("model", "models", cascade=False, primary_key=True),
    Column("embedding", Numbers, nullable=False),
    Column("within", Double, nullable=False),
    sqlite_with_rowid=False,
)
"""Faces at most ``within`` of the ``embedding`` are taken for the person who was removed."""

# Beside their row they are read without a second look-up.
after(FACES, "ALTER TABLE faces ALTER embedding SET STORAGE MAIN", "postgresql")
