"""Everything from one store to another: files to PostgreSQL, or back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from facenet_core.errors import DatabaseWriteError, InputError, StoreError
from facenet_core.store.database import Database
from facenet_core.store.events import EventLog
from facenet_core.store.everything import Everything, everything_in
from facenet_core.store.files import flush_folder, make_folder, write_error
from facenet_core.store.importing import fill
from facenet_core.store.key_file import KeyStore
from facenet_core.store.opening import Store, open_store

PARTS = ("photos", "keys.json", "events.sqlite", "facenet.json")
"""Of a store in files. The last one says that there is one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is.

    Attributes:
        folder: Of the files.
        url: Of a PostgreSQL database instead.
    """

    folder: Path
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved.

    Attributes:
        source: From where, without a password.
        target: To where.
        content: What.
    """

    source: str
    target: str
    content: Everything


def move(source: Place, target: Place) -> Moved:
    """Copies everything from one store to an empty one: all of it, or nothing.

    What arrived is compared with what was sent, photo by photo and bit by bit,
    before anybody can use it. The source stays as it is.

    Args:
        source: Where it is.
        target: Where it goes.

    Raises:
        InputError: They are the same place, the source is empty, or the target
            is not.
        StoreError: The source can't be read, was changed meanwhile, or did not
            arrive whole; nothing is in the target then.
        DatabaseWriteError: The target can't be written; nothing is in it then.
    """
    if source == target:
        raise InputError("The people are there already: name another place to move them to, or from.")
    here = open_store(source.folder, source.url)
    there = open_store(target.folder, target.url)
    try:
        content = everything_in(here)
        if content.empty:
            raise InputError(f"There is nothing in {here.people.place} that could be moved.")
        if target.url:
            _into_server(target.url, content, here)
        else:
            _into_files(target, content, here)
        return Moved(here.people.place, there.people.place, content)
    finally:
        here.close()
        there.close()


def _into_server(url: str, content: Everything, here: Store) -> None:
    """Fills and reads back in one change: nobody sees any of it before it was compared, nor puts anything there."""
    from facenet_core.store.postgres.moving import changing, fill

    with changing(url) as (connection, there):
        held = everything_in(there())
        if not held.empty:
            raise InputError(
                f"{there().people.place} is not empty ({len(held.people)} people, {len(held.keys)} keys, "
                f"{len(held.events)} events): name another database, or drop the schema facenet there. Nothing was "
                "changed."
            )
        fill(connection, content, here.people.photos.read)
        _compare(content, there())
        _refuse_changed(content, here)


def _refuse_filled(folder: Path) -> None:
    parts = [part for part in PARTS if (folder / part).exists()]
    if parts:
        raise InputError(
            f"{folder} is not empty ({', '.join(parts)} are there): move that away, or name another folder with --db. "
            "Nothing was changed."
        )


def _into_files(target: Place, content: Everything, here: Store) -> None:
    """Makes the store beside its future place, and puts it there once it is whole."""
    _refuse_filled(target.folder)
    beside = target.folder / f"arriving-{uuid4().hex}"
    try:
        make_folder(beside)
        fill(Database(beside), content.people, content.seeds, content.settings, here.people.photos.read)
        log = EventLog(beside, days=0)
        log.put(content.events)
        log.close()
        if content.keys:
            with KeyStore(beside).changing() as keys:
                keys.update(content.keys)
        store = open_store(beside)
        try:
            _compare(content, store)
        finally:
            store.close()
        _refuse_changed(content, here)
        _refuse_filled(target.folder)
        for part in PARTS:
            if (beside / part).exists():
                (beside / part).rename(target.folder / part)
        flush_folder(target.folder)
    except OSError as error:
        raise write_error(target.folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _compare(sent: Everything, store: Store) -> None:
    found = everything_in(store)
    for template in (template for person in found.people for template in person.templates):
        store.people.photos.read(template.photo_sha256)  # which checks it
    if found.digest() != sent.digest():
        raise DatabaseWriteError(f"{store.people.place}: what arrived is not what was sent. Nothing was kept of it.")


def _refuse_changed(sent: Everything, here: Store) -> None:
    if everything_in(here).digest() != sent.digest():
        raise StoreError(
            f"{here.people.place}: somebody used it meanwhile, and what is there now is not what was read. Nothing was "
            "moved: stop the programs that use it and begin again."
        )
