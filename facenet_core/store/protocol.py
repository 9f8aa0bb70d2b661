"""What a store of people does, wherever it keeps them: files of this machine, or a server that many hosts share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from facenet_core.store.arrival import ImportOutcome
from facenet_core.store.event import Event
from facenet_core.store.schema import JSON, Seed
from facenet_core.store.shadow import Slot
from facenet_core.types import Asker, Embedding, ModelChoice, ModelId, NewTemplate, Person, Shadow, Template, Unfound


class Photos(Protocol):
    """The enrolled photos, by the hash of their content."""

    def read(self, sha256: str) -> bytes:
        """Returns a photo, exactly as it was stored.

        Args:
            sha256: Its hash, 64 hex digits.

        Raises:
            UnknownPhotoError: That is not a hash.
            StoreError: It is missing, damaged or can't be read.
        """
        ...

    def all(self) -> frozenset[str]:
        """Returns the hashes of all stored photos."""
        ...


class ShadowSlots(Protocol):
    """What models that are not in use make of the photos; :class:`~facenet_core.store.Shadows` says more."""

    def get(self, slot: Slot) -> Shadow | None:
        """Returns what a slot holds; None if it is empty."""
        ...

    def begin(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> None:
        """Makes a slot one of a model, in the place of any other."""
        ...

    def add(
        self, slot: Slot, of: ModelChoice, found: Iterable[Template], unfound: Sequence[tuple[Template, Unfound]]
    ) -> None:
        """Adds templates; those of photos that were removed meanwhile are left out."""
        ...

    def discard(self, slot: Slot) -> None:
        """Empties a slot. One that is empty is no error."""
        ...

    def swap(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> bool:
        """Puts a slot's templates in the place of those in use, and chooses its model: both or nothing."""
        ...


class PeopleFinder(Protocol):
    """Searches very many templates where they are stored."""

    def count(self, model_id: ModelId) -> tuple[int, int]:
        """Returns how many people have templates of a model, and how many these are."""
        ...

    def ready(self, model_id: ModelId) -> bool:
        """Returns whether they can be searched; begins to prepare that otherwise, and does not wait for it."""
        ...

    def nearest(self, model_id: ModelId, probe: Embedding, people_wanted: int) -> tuple[Person, ...]:
        """Returns people who have the templates nearest to a face, with all their templates, sorted by name."""
        ...


class PeopleRepository(Protocol):
    """Everything that is stored about people; :class:`~facenet_core.store.Repository` says more.

    Every change is one transaction: it happens in full and is kept when the
    method returns, and nobody else's change is lost, be it another thread's,
    another process's or another host's.

    Attributes:
        place: Where the people are, for messages.
        photos: The stored photos.
        shadows: What models that are not in use make of the photos.
        index: Searches very many templates; None where that can't be done.
    """

    @property
    def index(self) -> PeopleFinder | None: ...  # noqa: D102

    @property
    def place(self) -> str: ...  # noqa: D102

    @property
    def photos(self) -> Photos: ...  # noqa: D102

    @property
    def shadows(self) -> ShadowSlots: ...  # noqa: D102

    def revision(self) -> str:
        """Returns a token that changes whenever anybody commits; cheap."""
        ...

    def on_disk(self) -> tuple[int, datetime | None]:
        """Returns the size of the database, in bytes, and when it was changed, UTC; 0 and None if there is none."""
        ...

    def people(self) -> tuple[Person, ...]:
        """Returns everybody, sorted by name. Read only when anything has changed."""
        ...

    def person(self, reference: str) -> Person:
        """Returns one person, by their id or their name."""
        ...

    def enrol(self, name: str, new: Sequence[NewTemplate], *, create: bool | None = None) -> Person:
        """Enrols photos of one person: all of them or none."""
        ...

    def rename(self, person_id: str, name: str) -> Person:
        """Gives a person another name."""
        ...

    def remove_person(self, person_id: str) -> None:
        """Removes a person with all their photos."""
        ...

    def remove_template(self, person_id: str, template_id: str) -> Person:
        """Removes one photo of a person who has others."""
        ...

    def replace_templates(self, templates: Sequence[Template]) -> int:
        """Swaps detection, embedding and model of enrolled photos, in one transaction; returns how many."""
        ...

    def import_people(
        self, people: Sequence[Person], photos: Callable[[str], bytes], mode: Literal["merge", "replace"]
    ) -> ImportOutcome:
        """Takes in people from elsewhere: all of them or none."""
        ...

    def sweep(self) -> int:
        """Deletes photos that belong to nobody; returns how many."""
        ...

    def seeds(self) -> dict[str, Seed]:
        """Returns what became of the photos that came with the program, by their hash."""
        ...

    def record_seed(self, sha256: str, file_name: str, outcome: str) -> None:
        """Remembers what became of a photo that came with the program."""
        ...

    def settings(self) -> dict[str, JSON]:
        """Returns the settings that were saved."""
        ...

    def save_settings(self, settings: Mapping[str, JSON]) -> None:
        """Saves settings; those not named stay as they are."""
        ...

    @property
    def backup_available(self) -> bool:
        """Whether there is a backup that :meth:`restore_backup` can restore."""
        ...

    def restore_backup(self) -> Path | None:
        """Puts the backup in the place of a damaged database; returns where that is now."""
        ...


class Events(Protocol):
    """Who asked for what, and what came of it; :class:`~facenet_core.store.EventLog` says more."""

    def note(self, kind: str, outcome: str, by: Asker, person_id: str | None = None) -> None:
        """Adds an event; now and then drops old ones."""
        ...

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Event, ...]:
        """The latest events, newest first."""
        ...

    def close(self) -> None:
        """Lets go of the database; the next call opens it again."""
        ...
