"""A gallery that is too large for the memory of every program: the store finds who comes into question."""

from __future__ import annotations

from typing import Protocol

from facenet_core.matching import Gallery, check
from facenet_core.types import Candidate, Embedding, ModelId, Person


class Finder(Protocol):
    """Finds people near a face; may miss somebody, but rounds nothing of whom it finds."""

    def nearest(self, model_id: ModelId, probe: Embedding, people_wanted: int) -> tuple[Person, ...]:
        """Returns people with all their templates, sorted by name."""
        ...


class LargeGallery:
    """Everybody that a probe can be compared with, of whom few are ever in memory.

    Whom the store finds is held against the probe as :class:`Gallery` does, with
    the same distances to the last digit. Somebody is missed whom the store's
    index misses, or of whom no single photo, but the mean of all, is near.

    Args:
        finder: Finds people.
        model_id: The model.
        people: How many people there are.
        templates: How many templates of theirs.
    """

    def __init__(self, finder: Finder, model_id: ModelId, people: int, templates: int) -> None:
        self._finder, self._model_id = finder, model_id
        self._people, self._templates = people, templates

    def __len__(self) -> int:
        """Number of templates."""
        return self._templates

    @property
    def number_of_people(self) -> int:
        """Number of people who have one."""
        return self._people

    def rank(self, probe: Embedding, top_k: int) -> tuple[Candidate, ...]:
        """The people closest to a probe.

        Args:
            probe: Shape ``(d,)``, float32, unit norm.
            top_k: How many people at most.

        Returns:
            Candidates, closest first.

        Raises:
            ValueError: If the probe is no unit-norm vector of this length.
            StoreError: If the store does not answer.
        """
        check(probe, self._model_id.dimensions)
        found = self._finder.nearest(self._model_id, probe, top_k)
        return Gallery.of(found, self._model_id).rank(probe, top_k)

    def compare(self, probe: Embedding, person: Person) -> Candidate | None:
        """Holds a probe against one person.

        Args:
            probe: Shape ``(d,)``, float32, unit norm.
            person: The claimed person.

        Returns:
            The comparison, or None if the person has no template of this model.

        Raises:
            ValueError: If the probe is no unit-norm vector of this length.
        """
        return Gallery.of([person], self._model_id).compare(probe, person)
