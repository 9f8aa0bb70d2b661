"""Everybody in the database at one revision, to be looked up by id and by name."""

from __future__ import annotations

import difflib
from functools import cached_property

from facenet_core.errors import UnknownPersonError
from facenet_core.store.names import MAX_NAME_LENGTH, name_key
from facenet_core.types import Person


class Roster:
    """People as of one revision of the database; never changes.

    Args:
        revision: The database's revision before the people were read.
        people: The people, sorted by name.

    Attributes:
        revision: As given.
        people: As given.
    """

    def __init__(self, revision: str, people: tuple[Person, ...]) -> None:
        self.revision = revision
        self.people = people

    @cached_property
    def _by_id(self) -> dict[str, Person]:
        return {person.id: person for person in self.people}

    @cached_property
    def _by_key(self) -> dict[str, Person]:
        """Made when somebody is first looked for: after most changes nobody is."""
        return {name_key(person.name): person for person in self.people}

    def find(self, reference: str) -> Person:
        """Return one person.

        Args:
            reference: Their id, or their name in any case and Unicode form.

        Raises:
            UnknownPersonError: Nobody is called that; the message lists
                similar names.
        """
        key = name_key(reference)
        person = self._by_id.get(reference) or self._by_key.get(key)
        if person:
            return person
        if not self.people:
            raise UnknownPersonError("Nobody is enrolled yet: enrol somebody first.")
        close = difflib.get_close_matches(key[:MAX_NAME_LENGTH], self._by_key)
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in reference[:MAX_NAME_LENGTH])
        names = " or ".join(self._by_key[match].name for match in close)
        hint = f"Did you mean {names}?" if close else "Check the spelling, or look at the list of people."
        raise UnknownPersonError(f'Nobody called "{shown}" is enrolled. {hint}')
