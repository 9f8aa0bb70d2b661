"""What a store of people is made of, wherever it keeps them: photos, shadows, what finds people, and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from facenet_core.store.event import Event
from facenet_core.store.shadow import Slot
from facenet_core.types import Asker, Embedding, ModelChoice, ModelId, Person, Shadow, Template, Unfound


class Photos(Protocol):
    """The enrolled photos, by the hash of their content."""

    def read(self, sha256: str) -> bytes:
        """Returns a photo.

        Args:
            sha256: Its hash, 64 hex digits.

        Returns:
            Exactly the bytes that were stored.

        Raises:
            UnknownPhotoError: That is not a hash.
            StoreError: It is missing, damaged or can't be read.
        """
        ...

    def all(self) -> frozenset[str]:
        """Returns the hashes of all stored photos.

        Raises:
            StoreError: They can't be read.
        """
        ...


class ShadowSlots(Protocol):
    """What models that are not in use make of the photos: one model's templates in each slot.

    Every change is one transaction, as those of
    :class:`~facenet_core.store.protocol.PeopleRepository` are, and every method
    raises the same errors as its methods do. A photo that is removed is gone
    from here as well.
    """

    def get(self, slot: Slot) -> Shadow | None:
        """Returns what a slot holds; None if it is empty. Read only when anything has changed.

        Args:
            slot: Which one.
        """
        ...

    def begin(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> None:
        """Makes a slot one of a model, in the place of any other.

        What the slot holds of the same model already stays, but for the photos
        that it could not use: they are to be tried again. What another slot
        holds of it is taken over.

        Args:
            slot: Which one.
            of: The model.
            in_use: The model in use. It is stored as the chosen one if none
                was: weights that have just arrived might be preferred otherwise.
        """
        ...

    def add(
        self, slot: Slot, of: ModelChoice, found: Iterable[Template], unfound: Sequence[tuple[Template, Unfound]]
    ) -> None:
        """Adds templates; those of photos that were removed meanwhile are left out.

        Args:
            slot: Where.
            of: The model that made them.
            found: The templates, with the ids of those in use.
            unfound: Templates in use that it has none for, with the reason.

        Raises:
            RehearsalError: The slot is one of another model by now, or empty.
            ValueError: An embedding is not a unit vector of its model's length.
        """
        ...

    def discard(self, slot: Slot) -> None:
        """Empties a slot. One that is empty is no error.

        Args:
            slot: Which one.
        """
        ...

    def swap(self, slot: Slot, of: ModelChoice, in_use: ModelChoice) -> bool:
        """Puts a slot's templates in the place of those in use, and chooses its model: both or nothing.

        Those that were in use become the slot ``previous``. A photo that the
        model could not use keeps the template that it has. What else there is
        of the model is thrown away.

        Args:
            slot: Which one.
            of: Its model.
            in_use: The model in use.

        Returns:
            Whether it was done: not while there are photos that the slot does
            not know yet.

        Raises:
            RehearsalError: The slot is one of another model by now, or empty.
        """
        ...


class PeopleFinder(Protocol):
    """Searches very many templates where they are stored."""

    def count(self, model_id: ModelId) -> tuple[int, int]:
        """Returns how many people have templates of a model, and how many these are.

        Args:
            model_id: The model.

        Raises:
            StoreError: They can't be read.
        """
        ...

    def ready(self, model_id: ModelId) -> bool:
        """Returns whether they can be searched; begins to prepare that otherwise, and does not wait for it.

        Args:
            model_id: The model.

        Raises:
            StoreError: They can't be read.
        """
        ...

    def nearest(self, model_id: ModelId, probe: Embedding, people_wanted: int) -> tuple[Person, ...]:
        """Returns people who have the templates nearest to a face, with all their templates, sorted by name.

        Somebody may be missed; of whoever is found nothing is rounded.

        Args:
            model_id: The model.
            probe: Shape ``(d,)``, unit norm.
            people_wanted: At least so many, where there are.

        Raises:
            StoreError: They can't be read.
        """
        ...


class Events(Protocol):
    """Who asked for what, and what came of it. Thread-safe, for several processes."""

    def note(self, kind: str, outcome: str, by: Asker, person_id: str | None = None) -> None:
        """Adds an event; now and then drops old ones.

        Args:
            kind: What was asked for.
            outcome: What came of it.
            by: Who asked.
            person_id: Whom it was about.

        Raises:
            StoreError: If it can't be written.
        """
        ...

    def latest(self, limit: int = 100, before: int | None = None) -> tuple[Event, ...]:
        """The latest events, newest first.

        Args:
            limit: How many, at most :data:`~facenet_core.store.event.MOST`.
            before: Only those whose id is smaller.

        Raises:
            StoreError: If they can't be read.
        """
        ...

    def close(self) -> None:
        """Lets go of the database; the next call opens it again."""
        ...
