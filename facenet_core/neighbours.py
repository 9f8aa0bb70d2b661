"""Who in a gallery looks like whom: possible duplicates, lookalikes, photos that do not look alike. Pure numpy.

Everybody is compared with everybody, in pieces, so that a gallery of ten
thousand photos takes seconds and no more memory than one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.calibration import Calibration, each_of
from facenet_core.matching import Gallery, distances
from facenet_core.types import OneIn, Person, Template

PIECE = 1000
"""Templates that are compared with all others at once."""

DUPLICATE_FMR = 1e-4
"""Two people more alike than this share of strangers are worth a look, however few people there are."""

LISTED = 50
"""Pairs of each kind that are listed."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One enrolled photo of a person.

    Attributes:
        person: Whose it is.
        template: Its template.
        number: Its place among all of the person's photos, from 1.
    """

    person: Person
    template: Template
    number: int


@dataclass(frozen=True, slots=True)
class Resemblance:
    """Two photos that look more alike, or less, than they should.

    Attributes:
        first: A photo.
        second: Another.
        distance: Between them, 0 to 2.
        one_in: How rare it is that photos of two strangers look at least this
            similar; None where no calibration says, or they show one person.
    """

    first: Shot
    second: Shot
    distance: float
    one_in: OneIn | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Who looks like whom.

    Attributes:
        alike: Shape ``(k, 2)``, int64: indices of the people in the gallery who
            look so much alike that at most about one such pair of strangers is
            expected.
        duplicates: Those pairs, closest first, at most :data:`LISTED`.
        nearest: Each person with the most similar other one, without those
            pairs; each pair once, closest first, at most :data:`LISTED`.
    """

    alike: NDArray[np.int64]
    duplicates: tuple[Resemblance, ...]
    nearest: tuple[Resemblance, ...]


def neighbours(gallery: Gallery, calibration: Calibration | None, nearer: float = 0.0) -> Neighbours:
    """Compares everybody with everybody.

    Args:
        gallery: The enrolled people.
        calibration: What a distance means; without one nobody is a possible
            duplicate.
        nearer: By how much these people look more alike in general than those
            of the calibration; a distance, which makes the search stricter.
    """
    people = len(gallery.people)
    limits, kinds = _limits(gallery, calibration, nearer)
    flagged, flagged_at = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    closest: dict[tuple[int, int], float] = {}
    for start, between in _by_person(gallery):
        rows = np.arange(start, start + len(between))
        between[np.arange(len(rows)), rows] = np.inf
        alike = between <= limits[kinds[rows][:, np.newaxis], kinds]
        first, second = np.nonzero(alike & (rows[:, np.newaxis] < np.arange(people)))
        flagged.append(np.column_stack([rows[first], second]))
        flagged_at.append(between[first, second])
        between[alike] = np.inf
        best = between.argmin(axis=1)
        for row, other, at in zip(rows, best, between[np.arange(len(rows)), best], strict=True):
            if np.isfinite(at):
                closest[min(row, other), max(row, other)] = float(at)
    pairs = np.concatenate(flagged)
    order = np.argsort(np.concatenate(flagged_at), kind="stable")[:LISTED]
    listed = sorted(closest, key=closest.__getitem__)[:LISTED]
    return Neighbours(
        pairs,
        tuple(_resemblance(gallery, int(i), int(j), calibration) for i, j in pairs[order]),
        tuple(_resemblance(gallery, i, j, calibration) for i, j in listed),
    )


def strays(gallery: Gallery, beyond: float) -> tuple[Resemblance, ...]:
    """Photos that look like no other photo of their person: somebody else's, or poor.

    Args:
        gallery: The enrolled people.
        beyond: The distance from which on two photos do not look alike.

    Returns:
        Each with the most similar other photo of the person, farthest first, at
        most :data:`LISTED`. Of a person with two photos it is one pair.
    """
    found = []
    for index, (start, size) in enumerate(zip(gallery.starts, gallery.sizes, strict=True)):
        if size < 2:
            continue
        own = gallery.matrix[start : start + size]
        between = distances(own, own)
        np.fill_diagonal(between, np.inf)
        nearest = between.argmin(axis=1)
        for row in np.flatnonzero(between.min(axis=1) > beyond)[: 1 if size == 2 else None]:
            first, second = (_shot(gallery, index, int(start + i)) for i in (row, nearest[row]))
            found.append(Resemblance(first, second, float(between[row, nearest[row]]), None))
    return tuple(sorted(found, key=lambda pair: -pair.distance)[:LISTED])


def _by_person(gallery: Gallery) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pieces of the people's distances to all people, shape ``(k, people)``, each with the first person's index."""
    ends = np.append(gallery.starts[1:], len(gallery))
    first = 0
    while first < len(gallery.people):
        top = gallery.starts[first]
        last = max(first + 1, int(np.searchsorted(ends, top + PIECE, side="right")))
        block = distances(gallery.matrix[top : ends[last - 1]], gallery.matrix)
        to_people = np.minimum.reduceat(block, gallery.starts, axis=1)
        yield first, np.minimum.reduceat(to_people, gallery.starts[first:last] - top, axis=0)
        first = last


def _limits(
    gallery: Gallery, calibration: Calibration | None, nearer: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The largest distances at which people are possible duplicates.

    More photos are more chances to look alike, so they ask for a smaller one.

    Returns:
        A table by kinds of people, of whom those with equally many photos are
        one, and each person's kind.
    """
    people = len(gallery.people)
    rate = min(DUPLICATE_FMR, 2 / max(people * (people - 1), 1))
    sizes, kinds = np.unique(gallery.sizes, return_inverse=True)
    table = np.full((len(sizes), len(sizes)), -1.0, np.float32)
    for place, photos in np.ndenumerate(np.multiply.outer(sizes, sizes)):
        if calibration:
            table[place] = calibration.distance_at(each_of(rate, int(photos)))[0] - nearer
    return table, kinds


def _shot(gallery: Gallery, person: int, row: int) -> Shot:
    number = int(gallery.photo_numbers[row])
    return Shot(gallery.people[person], gallery.people[person].templates[number], number + 1)


def _resemblance(gallery: Gallery, first: int, second: int, calibration: Calibration | None) -> Resemblance:
    sizes = gallery.sizes
    own, other = (np.arange(gallery.starts[i], gallery.starts[i] + sizes[i]) for i in (first, second))
    between = distances(gallery.matrix[own], gallery.matrix[other])
    row, column = np.unravel_index(int(between.argmin()), between.shape)
    at = float(between[row, column])
    return Resemblance(
        _shot(gallery, first, int(own[row])),
        _shot(gallery, second, int(other[column])),
        at,
        calibration.one_in(at) if calibration else None,
    )
