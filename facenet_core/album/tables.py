"""The tables of an album, for SQLite and PostgreSQL alike.

A photo is its content, whichever files hold it. A face is a place on a photo:
what users say of it outlives a change of the model, whose embeddings are beside
it. ``numbers`` are little-endian arrays: 15 float64 of a face (a box, five
points, the confidence), float32 of an embedding.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

SCHEMA = "facenet_album"
"""Of PostgreSQL."""

APPLICATION_ID = 0x466E416C
"""``FnAl``, in a SQLite file's header."""

VERSION = 3
"""Of the tables: 2 added ``missing_from``, 3 ``changes``."""

METADATA = MetaData()

_Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers the rows of an INTEGER primary key alone."""


def _id() -> Column[int]:
    return Column("id", _Number, Identity(), primary_key=True)


def _of(name: str, table: str, *, cascade: bool = True, primary_key: bool = False) -> Column[int]:
    """A column that refers to a row, and goes with it."""
    key = ForeignKey(f"{table}.id", ondelete="CASCADE" if cascade else None)
    return Column(name, _Number, key, primary_key=primary_key, autoincrement=False, nullable=False)


FOLDERS = Table(
    "folders",
    METADATA,
    _id(),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("added_at", Text, nullable=False),
)

PHOTOS = Table(
    "photos",
    METADATA,
    _id(),
    Column("sha256", Text, nullable=False, unique=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("gone_at", Text),
)

FILES = Table(
    "files",
    METADATA,
    _id(),
    _of("folder", "folders"),
    Column("path", LargeBinary, nullable=False),
    Column("bytes", _Number, nullable=False),
    Column("mtime", _Number, nullable=False),
    Column("photo", _Number, ForeignKey("photos.id")),
    Column("code", Text),
    Column("reason", Text),
    UniqueConstraint("folder", "path"),
    Index("files_of_photo", "photo"),
)

MODELS = Table(
    "models",
    METADATA,
    _id(),
    Column("model", Text, nullable=False),
    Column("preprocessing", Text, nullable=False),
    Column("weights", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    UniqueConstraint("model", "preprocessing", "weights"),
)

ANALYSES = Table(
    "analyses",
    METADATA,
    _of("photo", "photos", primary_key=True),
    _of("model", "models", cascade=False, primary_key=True),
    sqlite_with_rowid=False,
)
"""Which model has seen which photo."""

FACES = Table(
    "faces",
    METADATA,
    _id(),
    _of("photo", "photos"),
    Column("numbers", LargeBinary, nullable=False),
    Column("clear", Integer, nullable=False),
    Index("faces_of_photo", "photo"),
)

EMBEDDINGS = Table(
    "embeddings",
    METADATA,
    _of("face", "faces"),
    _of("model", "models", cascade=False),
    Column("numbers", LargeBinary, nullable=False),
    UniqueConstraint("face", "model"),
)

SAID = Table(
    "said",
    METADATA,
    _id(),
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
    _of("said", "said", primary_key=True),
    Column("side", Integer, primary_key=True, autoincrement=False),
    _of("face", "faces", primary_key=True),
    Index("said_of_face", "face"),
    sqlite_with_rowid=False,
)

MEMBERS = Table(
    "members",
    METADATA,
    _of("face", "faces", primary_key=True),
    _of("model", "models", cascade=False, primary_key=True),
    Column("number", _Number, nullable=False),
    Column("knot", _Number, nullable=False),
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
    _of("photo", "photos", primary_key=True),
    _of("folder", "folders", primary_key=True),
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


def _after(table: Table, statement: str, dialect: str | None = None) -> None:
    """Runs a statement once a table is made."""

    def run(_: Table, connection: Connection, **__: Any) -> None:
        if dialect in (None, connection.dialect.name):
            connection.execute(text(statement))

    event.listen(table, "after_create", run)


_after(CHANGES, "INSERT INTO changes VALUES (1, '', '', '')")
# Beside their row they are read without a second look-up.
_after(EMBEDDINGS, "ALTER TABLE embeddings ALTER numbers SET STORAGE MAIN", "postgresql")
