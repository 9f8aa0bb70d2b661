"""Everything that another store held, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from sqlalchemy import delete, func, insert, select

from facenet_core.store.everything import Everything
from facenet_core.store.postgres import keys, rows, tables
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.importing import import_people


@contextmanager
def filling(url: str, content: Everything, read_photo: Callable[[str], bytes]) -> Iterator[None]:
    """Fills an empty database in one transaction, which is committed when the block ends well.

    Args:
        url: Of the database.
        content: What to put there.
        read_photo: Returns a photo's file, given its hash.

    Raises:
        StoreError: It can't be written; nothing has changed.
    """
    database = PeopleDatabase(url)
    try:
        with database.changing() as connection:
            import_people(connection, content.people, read_photo, "merge")
            if content.seeds:
                connection.execute(
                    insert(tables.seeds), [{"sha256": name, **asdict(seed)} for name, seed in content.seeds.items()]
                )
            rows.save_settings(connection, content.settings)
            keys.put(connection, dict(content.keys))
            if content.events:
                connection.execute(insert(tables.events), [asdict(event) for event in content.events])
                # The next one's number is larger.
                last = select(func.max(tables.events.c.id)).scalar_subquery()
                sequence = func.pg_get_serial_sequence(f"{database.schema}.events", "id")
                connection.execute(select(func.setval(sequence, last)))
            yield
    finally:
        database.close()


def emptied(url: str) -> None:
    """Deletes everything.

    Args:
        url: Of the database.

    Raises:
        StoreError: It can't be written.
    """
    database = PeopleDatabase(url)
    try:
        with database.changing() as connection:
            kept = {tables.state, tables.commits, tables.models}
            # Those that refer to others first.
            for table in reversed(tables.metadata.sorted_tables):
                if table not in kept:
                    connection.execute(delete(table))
    finally:
        database.close()
