"""The tables of an album, for SQLite and PostgreSQL alike.

A photo is its content, whichever files hold it. A face is a place on a photo:
what users say of it outlives a change of the model, whose embeddings are beside
it. ``numbers`` are little-endian arrays: 15 float64 of a face (a box, five
points, the confidence), float32 of an embedding.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
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

SCHEMA = "facenet_album"
"""Of PostgreSQL."""

APPLICATION_ID = 0x466E416C
"""``FnAl``, in a SQLite file's header."""

VERSION = 3
"""Of the tables: 2 added ``missing_from``, 3 ``changes``."""

METADATA = MetaData()

FOLDERS = Table(
    "folders",
    METADATA,
    id_column(),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("added_at", Text, nullable=False),
)

PHOTOS = Table(
    "photos",
    METADATA,
    id_column(),
    Column("sha256", Text, nullable=False, unique=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("gone_at", Text),
)

FILES = Table(
    "files",
    METADATA,
    id_column(),
    reference("folder", "folders"),
    Column("path", LargeBinary, nullable=False),
    Column("bytes", Number, nullable=False),
    Column("mtime", Number, nullable=False),
    Column("photo", Number, ForeignKey("photos.id")),
    Column("code", Text),
    Column("reason", Text),
    UniqueConstraint("folder", "path"),
    Index("files_of_photo", "photo"),
)

MODELS = models_table(METADATA)

ANALYSES = Table(
    "analyses",
    METADATA,
    reference("photo", "photos", primary_key=True),
    reference("model", "models", cascade=False, primary_key=True),
    sqlite_with_rowid=False,
)
"""Which model has seen which photo."""

FACES = Table(
    "faces",
    METADATA,
    id_column(),
    reference("photo", "photos"),
    Column("numbers", LargeBinary, nullable=False),
    Column("clear", Integer, nullable=False),
    Index("faces_of_photo", "photo"),
)

EMBEDDINGS = Table(
    "embeddings",
    METADATA,
    reference("face", "faces"),
    reference("model", "models", cascade=False),
    Column("numbers", Numbers, nullable=False),
    UniqueConstraint("face", "model"),
)

SAID = Table(
    "said",
    METADATA,
    id_column(),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text),
    Column("person", Text),
    Column("undone_at", Text),
    sqlite_autoincrement=True,
)

SAID_OF = Table(
    "said_of",
    METADATA,
    reference("said", "said", primary_key=True),
    Column("side", Integer, primary_key=True, autoincrement=False),
    reference("face", "faces", primary_key=True),
    Index("said_of_face", "face"),
    sqlite_with_rowid=False,
)

MEMBERS = Table(
    "members",
    METADATA,
    reference("face", "faces", primary_key=True),
    reference("model", "models", cascade=False, primary_key=True),
    Column("number", Number, nullable=False),
    Column("knot", Number, nullable=False),
    Index("members_of_group", "model", "number"),
    sqlite_with_rowid=False,
)

RUNS = Table(
    "runs",
    METADATA,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("began_at", Text, nullable=False),
    Column("told_at", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("problem", Text),
)

MISSING_FROM = Table(
    "missing_from",
    METADATA,
    reference("photo", "photos", primary_key=True),
    reference("folder", "folders", primary_key=True),
    Index("missing_from_folder", "folder"),
    sqlite_with_rowid=False,
)
"""In which folders a photo was that is in no file of them any more."""

CHANGES = Table(
    "changes",
    METADATA,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("revision", Text, nullable=False),
    Column("faces", Text, nullable=False),
    Column("removed", Text, nullable=False),
)
"""One row of words, drawn anew: at any change, when other faces are there, and when photos are forgotten."""


after(CHANGES, "INSERT INTO changes VALUES (1, '', '', '')")
# Beside their row they are read without a second look-up.
after(EMBEDDINGS, "ALTER TABLE embeddings ALTER numbers SET STORAGE MAIN", "postgresql")
