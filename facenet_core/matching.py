"""Comparing embeddings: Euclidean distances and the ranking of people. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facenet_core.types import Candidate, Embedding, ModelId, Person

NORM_TOLERANCE = 1e-3
"""How far an embedding's length may be from 1; float32 rounding stays below 1e-6."""

CANCELLED = 1e-6
"""Length of a sum of unit vectors, below which it has no direction."""


def distance(a: Embedding, b: Embedding) -> float:
    """Euclidean distance of two unit-norm embeddings, 0 to 2.

    Args:
        a: Shape ``(d,)``.
        b: Shape ``(d,)``.

    Raises:
        ValueError: If one is no unit-norm vector, or their lengths differ.
    """
    for embedding in (a, b):
        check(embedding, len(a))
    return _apart(a, b)


def check(embedding: Embedding, dimensions: int) -> None:
    """Refuses what is no embedding: nothing is compared with a vector without direction.

    Args:
        embedding: What should have shape ``(dimensions,)`` and unit norm.
        dimensions: The model's.

    Raises:
        ValueError: If it has another shape, is not finite, or not of length 1.
    """
    if embedding.shape != (dimensions,):
        raise ValueError(f"expected an embedding of shape ({dimensions},), got {embedding.shape}")
    length = float(np.linalg.norm(embedding.astype(np.float64)))
    if not abs(length - 1.0) <= NORM_TOLERANCE:
        raise ValueError(f"expected an embedding of length 1, got {length:g}")


def distances(probes: NDArray[np.float32], templates: NDArray[np.float32]) -> NDArray[np.float32]:
    """All Euclidean distances between two sets of unit-norm embeddings.

    Uses d² = 2 - 2·cosine, exact to about 5e-4 near 0 in float32.

    Args:
        probes: Shape ``(m, d)``, float32.
        templates: Shape ``(n, d)``, float32.

    Returns:
        Shape ``(m, n)``, float32, 0 to 2.
    """
    return apart(probes @ templates.T)


def apart(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """The Euclidean distances of unit vectors, from their cosines: d² = 2 - 2·cosine."""
    result: NDArray[np.float32] = np.sqrt(np.clip(2.0 - 2.0 * cosines, 0.0, 4.0), dtype=np.float32)
    return result


class Searchable(Protocol):
    """Everybody that a probe can be compared with, wherever their templates are."""

    def __len__(self) -> int:
        """Number of templates."""
        ...

    @property
    def number_of_people(self) -> int:
        """Number of people who have one."""
        ...

    def rank(self, probe: Embedding, top_k: int) -> tuple[Candidate, ...]:
        """The people closest to a probe, closest first; see :meth:`Gallery.rank`."""
        ...

    def compare(self, probe: Embedding, person: Person) -> Candidate | None:
        """Holds a probe against one person; see :meth:`Gallery.compare`."""
        ...


@dataclass(frozen=True, slots=True)
class Gallery:
    """Everybody that a probe can be compared with, as one matrix.

    Attributes:
        people: The enrolled people that have templates of this model.
        matrix: Shape ``(n, d)``, float32: their templates, person by person.
        starts: Shape ``(len(people),)``, int64: each person's first row.
        several: Shape ``(m,)``, int64: which people have several templates.
        means: Shape ``(m, d)``, float32: the mean of the templates of each of
            those, unit norm.
        photo_numbers: Shape ``(n,)``, int64: each row's place among all of its
            person's photos, from 0.
    """

    people: tuple[Person, ...]
    matrix: NDArray[np.float32]
    starts: NDArray[np.int64]
    several: NDArray[np.int64]
    means: NDArray[np.float32]
    photo_numbers: NDArray[np.int64]

    @classmethod
    def of(cls, people: Sequence[Person], model_id: ModelId) -> Gallery:
        """Gathers the templates that one model made.

        Args:
            people: Enrolled people, with templates of any model.
            model_id: Templates of other models are left out: their embeddings
                mean something else.
        """
        members: list[Person] = []
        rows: list[Embedding] = []
        starts: list[int] = []
        several: list[int] = []
        means: list[Embedding] = []
        numbers: list[int] = []
        for person in people:
            own = [(i, t.embedding) for i, t in enumerate(person.templates) if t.model_id == model_id]
            if own:
                members.append(person)
                starts.append(len(rows))
                rows.extend(embedding for _, embedding in own)
                if len(own) > 1:
                    several.append(len(starts) - 1)
                    means.append(mean_template(np.stack([embedding for _, embedding in own])))
                numbers.extend(i for i, _ in own)
        none = np.empty((0, model_id.dimensions), np.float32)
        return cls(
            tuple(members),
            np.stack(rows) if rows else none,
            np.array(starts, np.int64),
            np.array(several, np.int64),
            np.stack(means) if means else none,
            np.array(numbers, np.int64),
        )

    def __len__(self) -> int:
        """Number of templates."""
        return len(self.matrix)

    @property
    def number_of_people(self) -> int:
        """Number of people who have one."""
        return len(self.people)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Shape ``(len(people),)``, int64: each person's number of templates."""
        return np.diff(np.append(self.starts, len(self)))

    def rank(self, probe: Embedding, top_k: int) -> tuple[Candidate, ...]:
        """The people closest to a probe.

        A person is as close as the closest of their templates, or as the mean
        of all of them if that is closer. Of the rules tried this misses the
        fewest people at the same FMR together with the mean alone, which one
        wrong photo spoils (``docs/accuracy.md``).

        Args:
            probe: Shape ``(d,)``, float32, unit norm.
            top_k: How many people at most.

        Returns:
            Candidates, closest first; ties keep the gallery's order.

        Raises:
            ValueError: If the probe is no unit-norm vector of this length.
        """
        check(probe, self.matrix.shape[1])
        if not len(self):
            return ()
        nearest = largest(self.cosines(probe[np.newaxis])[0], top_k)
        return tuple(self._candidate(int(i), probe) for i in nearest)

    def cosines(self, probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """How near probes are to people: the larger, the smaller their distance (:func:`apart`).

        Args:
            probes: Shape ``(m, d)``, float32, unit norm.

        Returns:
            Shape ``(m, len(people))``, float32: the largest cosine to any of a
            person's templates, or to their mean.
        """
        to_templates = probes @ self.matrix.T
        if not len(self.several):
            return to_templates
        to_people: NDArray[np.float32] = np.maximum.reduceat(to_templates, self.starts, axis=1)
        to_people[:, self.several] = np.maximum(to_people[:, self.several], probes @ self.means.T)
        return to_people

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
        check(probe, self.matrix.shape[1])
        for index, member in enumerate(self.people):
            if member.id == person.id:
                return self._candidate(index, probe)
        return None

    def _mean(self, index: int) -> Embedding:
        mean: Embedding = self.means[np.searchsorted(self.several, index)]
        return mean

    def _candidate(self, index: int, probe: Embedding) -> Candidate:
        start = int(self.starts[index])
        own = self.matrix[start : start + int(self.sizes[index])]
        to_photos = [_apart(probe, row) for row in own]
        best = int(np.argmin(to_photos))
        person, number = self.people[index], int(self.photo_numbers[start + best])
        return Candidate(
            person=person,
            template=person.templates[number],
            photo_number=number + 1,
            compared=len(own),
            distance=to_photos[best] if len(own) == 1 else min(to_photos[best], _apart(probe, self._mean(index))),
            photo_distance=to_photos[best],
            distance_without=_to_person(probe, np.delete(own, best, axis=0)) if len(own) > 1 else None,
        )


def largest(values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Where the largest values are, without sorting the rest.

    Args:
        values: Shape ``(n,)``.
        count: How many at most.

    Returns:
        Indices, the largest value first; equal ones keep their order.
    """
    if count < 1:
        return np.empty(0, np.intp)
    if count < len(values):
        least = np.partition(values, len(values) - count)[len(values) - count]
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")][:count]


def mean_template(templates: NDArray[np.float32]) -> Embedding:
    """The direction in which a person's templates point on average.

    Args:
        templates: Shape ``(k, d)``, float32, unit norm.

    Returns:
        Shape ``(d,)``, float32, unit norm; the first template, if they cancel out.
    """
    first: Embedding = templates[0]
    if len(templates) == 1:
        return first
    total = templates.sum(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(total))
    if length < CANCELLED:
        return first
    mean: Embedding = (total / length).astype(np.float32)
    return mean


def _to_person(probe: Embedding, templates: NDArray[np.float32]) -> float:
    return min(*(_apart(probe, row) for row in templates), _apart(probe, mean_template(templates)))


def _apart(a: Embedding, b: Embedding) -> float:
    return float(np.linalg.norm(a.astype(np.float64) - b.astype(np.float64)))
