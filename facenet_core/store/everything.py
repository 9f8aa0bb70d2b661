"""All that a store holds, to be moved to another one, and told from what arrived there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from facenet_core.store import fields, schema
from facenet_core.store.event import MOST, Event
from facenet_core.store.keys import Entry
from facenet_core.store.opening import Store
from facenet_core.store.schema import JSON, Seed
from facenet_core.types import Person, Template


@dataclass(frozen=True, slots=True)
class Everything:
    """All that a store holds, but for the photos themselves and what other models make of them.

    Attributes:
        people: The people, with their templates.
        seeds: What became of the photos that came with the program.
        settings: What was set.
        keys: The keys of the API, with the hashes of their secrets.
        events: Who asked for what, oldest first.
    """

    people: Sequence[Person]
    seeds: Mapping[str, Seed]
    settings: Mapping[str, JSON]
    keys: Mapping[str, Entry]
    events: Sequence[Event]

    @property
    def photos(self) -> int:
        """The number of enrolled photos."""
        return sum(len(person.templates) for person in self.people)

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.people or self.seeds or self.settings or self.keys or self.events)

    def digest(self) -> str:
        """A hash that two stores share if and only if they hold the same, embeddings to the last bit."""
        held = {
            "people": [schema.encode_person(each.id, each.name, each.created_at) for each in self.people],
            "templates": [_record(template) for each in self.people for template in each.templates],
            "seeds": {name: asdict(seed) for name, seed in self.seeds.items()},
            "settings": self.settings,
            "keys": {name: [asdict(key), kept] for name, (key, kept) in self.keys.items()},
            "events": [asdict(event) for event in self.events],
        }
        return sha256(json.dumps(held, sort_keys=True, default=_text).encode()).hexdigest()


def everything_in(store: Store) -> Everything:
    """Reads all that a store holds.

    Args:
        store: The store.

    Raises:
        StoreError: It can't be read.
    """
    events: list[Event] = []
    while page := store.events.latest(MOST, events[-1].id if events else None):
        events.extend(page)
    people = store.people
    return Everything(people.people(), people.seeds(), people.settings(), store.keys.entries(), events[::-1])


def _record(template: Template) -> dict[str, Any]:
    record = schema.encode_template(template)
    # PostgreSQL takes no text with this character, which no file system has in a name.
    return {**record, "source_name": record["source_name"].replace("\x00", "\N{REPLACEMENT CHARACTER}")}


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return fields.encode_time(value)
    raise TypeError(type(value).__name__)
