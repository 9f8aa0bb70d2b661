"""Everybody in memory, kept up to date with what others change."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sqlalchemy import Connection

from facenet_core.store.names import sorted_by_name
from facenet_core.store.postgres import rows
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.roster import Roster
from facenet_core.types import Person, Template

_Held = tuple[int, int, Template]
"""A template with its row's stamp and place."""


class Loader:
    """Reads everybody once, and from then on what has changed. Thread-safe.

    Which rows those are is told by a number that each change of a row draws
    anew, and not by the time or the order of changes: neither survives a server
    that another one takes over from.

    Args:
        database: Where they are.
    """

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._roster: Roster | None = None
        self._held: dict[str, _Held] = {}
        self._owned: dict[str, set[str]] = {}
        self._people: dict[str, Person] = {}

    def current(self) -> Roster:
        """Returns everybody, as of the latest commit.

        Raises:
            StoreError: They can't be read.
        """
        with self._lock:
            roster = self._roster
            if roster is None or roster.revision != self._database.revision():
                roster = self._roster = self._database.read(self._read)
            return roster

    def _read(self, connection: Connection) -> Roster:
        # All questions first: what was read in part must not be remembered.
        revision = self._database.seen(connection)
        stamps = dict[str, int](rows.driven(connection, "SELECT id, stamp FROM templates"))
        present = rows.driven(connection, "SELECT id, name, created_at FROM people")
        fresh = [key for key, stamp in stamps.items() if key not in self._held or self._held[key][0] != stamp]
        # Of most of them the list would be longer than the answer.
        found = rows.fetched(connection, fresh if len(fresh) < len(stamps) / 2 else None) if fresh else []
        templates = rows.decoded(found, rows.model_ids(connection), self._database.place)
        changed = self._without([key for key in self._held if key not in stamps])
        changed |= self._without(row.id for row in found) | {row.person_id for row in found}
        for row, template in zip(found, templates, strict=True):
            self._held[row.id] = row.stamp, row.place, template
            self._owned.setdefault(row.person_id, set()).add(row.id)
        people = {}
        for person_id, name, created_at in present:
            known = self._people.get(person_id)
            if known is None or known.name != name or person_id in changed:
                known = Person(person_id, name, rows.utc(created_at), self._templates(person_id))
            people[person_id] = known
        self._people = people
        return Roster(revision, sorted_by_name(people.values()))

    def _without(self, keys: Iterable[str]) -> set[str]:
        """Lets go of templates; returns whose they were."""
        owners = set()
        for key in keys:
            if key in self._held:
                owner = self._held.pop(key)[2].person_id
                self._owned[owner].discard(key)
                owners.add(owner)
        return owners

    def _templates(self, person_id: str) -> tuple[Template, ...]:
        held = [self._held[key] for key in self._owned.get(person_id, ())]
        return tuple(each[2] for each in sorted(held, key=lambda each: (each[2].created_at, each[1])))
