"""What a database does with its connections, be it a file or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from facenet_core.errors import DatabaseWriteError, StoreError
from facenet_core.store import postgresql, sqlite
from facenet_core.store.postgresql import PostgresDatabase
from facenet_core.store.sql import SQLDatabase
from facenet_core.store.sqlite import SQLiteDatabase
from tests.postgres import Postgres, breaking

METADATA = MetaData()
THINGS = Table("things", METADATA, Column("id", Integer, primary_key=True))


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[PostgresDatabase]:
    postgres.sql("DROP SCHEMA IF EXISTS things CASCADE")
    with closing(PostgresDatabase(postgres.url(), METADATA, "things")) as database:
        yield database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SQLDatabase]:
    if request.param == "postgres":
        yield request.getfixturevalue("shared")
        return
    with closing(SQLiteDatabase(tmp_path / "things.sqlite", METADATA, 1, 1)) as database:
        yield database


def put(database: SQLDatabase, number: int) -> None:
    with database.writing() as connection:
        connection.execute(insert(THINGS).values(id=number))


def there(database: SQLDatabase) -> list[int]:
    return database.read(lambda connection: sorted(connection.scalars(select(THINGS.c.id))))


def test_an_error_of_somebody_else_s_file_stays_what_it_is(database: SQLDatabase, tmp_path: Path) -> None:
    for lent in (database.reading, database.writing, database.maintaining):
        with pytest.raises(FileNotFoundError), lent():
            (tmp_path / "none").read_bytes()


def test_a_file_that_can_not_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "folder").touch()
    database = SQLiteDatabase(tmp_path / "folder" / "things.sqlite", METADATA, 1, 1)
    with pytest.raises(StoreError, match=r"things\.sqlite: the database can't be opened"):
        there(database)


def test_who_comes_when_all_connections_are_in_use_is_told_so(
    database: SQLDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sqlite, postgresql):
        for name in ("POOL", "POOL_MORE", "POOL_SECONDS"):
            monkeypatch.setattr(module, name, int(name == "POOL"))
    with (
        database.reading(),
        pytest.raises(StoreError, match=r"too many use the database at once\. Nothing was changed"),
    ):
        there(database)
    assert there(database) == []


@pytest.mark.postgres
@pytest.mark.parametrize("committed", [True, False])
def test_a_change_whose_acknowledgement_was_lost_is_looked_up_in_every_schema(
    shared: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    put(shared, 1)
    breaking(monkeypatch, committed=committed)
    if committed:
        put(shared, 2)
    else:
        with pytest.raises(DatabaseWriteError, match=r"the connection broke\. Nothing was changed\. Try again"):
            put(shared, 2)
    assert there(shared) == ([1, 2] if committed else [1])


@pytest.mark.postgres
def test_a_lock_that_was_lost_is_held_again_unless_another_took_it(
    shared: PostgresDatabase, postgres: Postgres
) -> None:
    with closing(PostgresDatabase(postgres.url(), METADATA, "things")) as other:
        with shared.alone("work") as held:
            assert held and held()
            postgres.break_connections()
            assert not other.busy("work")
            assert held() and other.busy("work")
            postgres.break_connections()
            with other.alone("work") as theirs:
                assert theirs and theirs()
                assert not held()
            assert not held(), "what was lost once may have been done by somebody else"
        with other.alone("work") as theirs:
            assert theirs and theirs()
