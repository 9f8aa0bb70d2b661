"""Comparing embeddings: Euclidean distances and the ranking of people. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.types import Candidate, Embedding, ModelId, Person


def distance(a: Embedding, b: Embedding) -> float:
    """Euclidean distance of two unit-norm embeddings, 0 to 2.

    Args:
        a: Shape ``(d,)``.
        b: Shape ``(d,)``.
    """
    return float(np.linalg.norm(a.astype(np.float64) - b.astype(np.float64)))


def distances(probes: NDArray[np.float32], templates: NDArray[np.float32]) -> NDArray[np.float32]:
    """All Euclidean distances between two sets of unit-norm embeddings.

    Uses d² = 2 - 2·cosine, exact to about 5e-4 near 0 in float32.

    Args:
        probes: Shape ``(m, d)``, float32.
        templates: Shape ``(n, d)``, float32.

    Returns:
        Shape ``(m, n)``, float32, 0 to 2.
    """
    squared = 2.0 - 2.0 * (probes @ templates.T)
    result: NDArray[np.float32] = np.sqrt(np.clip(squared, 0.0, 4.0), dtype=np.float32)
    return result


@dataclass(frozen=True, slots=True)
class Gallery:
    """Everybody that a probe can be compared with, as one matrix.

    Attributes:
        people: The enrolled people that have templates of this model.
        matrix: Shape ``(n, d)``, float32: their templates, person by person.
        starts: Shape ``(len(people),)``, int64: each person's first row.
        photo_numbers: Shape ``(n,)``, int64: each row's place among all of its
            person's photos, from 0.
    """

    people: tuple[Person, ...]
    matrix: NDArray[np.float32]
    starts: NDArray[np.int64]
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
        numbers: list[int] = []
        for person in people:
            own = [(i, t.embedding) for i, t in enumerate(person.templates) if t.model_id == model_id]
            if own:
                members.append(person)
                starts.append(len(rows))
                rows.extend(embedding for _, embedding in own)
                numbers.extend(i for i, _ in own)
        matrix = np.stack(rows) if rows else np.empty((0, model_id.dimensions), np.float32)
        return cls(tuple(members), matrix, np.array(starts, np.int64), np.array(numbers, np.int64))

    def __len__(self) -> int:
        """Number of templates."""
        return len(self.matrix)

    def rank(self, probe: Embedding, top_k: int) -> tuple[Candidate, ...]:
        """The people closest to a probe, each by their closest template.

        Args:
            probe: Shape ``(d,)``, float32, unit norm.
            top_k: How many people at most.

        Returns:
            Candidates, closest first; ties keep the gallery's order.
        """
        if not len(self):
            return ()
        to_templates = distances(probe[np.newaxis], self.matrix)[0]
        to_people = np.minimum.reduceat(to_templates, self.starts)
        order = np.argsort(to_people, kind="stable")[:top_k]
        return tuple(self._candidate(int(i), to_templates, probe) for i in order)

    def compare(self, probe: Embedding, person: Person) -> Candidate | None:
        """Holds a probe against one person.

        Args:
            probe: Shape ``(d,)``, float32, unit norm.
            person: The claimed person.

        Returns:
            The comparison, or None if the person has no template of this model.
        """
        for index, member in enumerate(self.people):
            if member.id == person.id:
                return self._candidate(index, distances(probe[np.newaxis], self.matrix)[0], probe)
        return None

    def _candidate(self, index: int, to_templates: NDArray[np.float32], probe: Embedding) -> Candidate:
        start = int(self.starts[index])
        end = int(self.starts[index + 1]) if index + 1 < len(self.starts) else len(self.matrix)
        order = start + np.argsort(to_templates[start:end], kind="stable")
        best = int(order[0])
        person, number = self.people[index], int(self.photo_numbers[best])
        return Candidate(
            person=person,
            template=person.templates[number],
            photo_number=number + 1,
            distance=distance(probe, self.matrix[best]),
            runner_up_distance=distance(probe, self.matrix[order[1]]) if len(order) > 1 else None,
        )
