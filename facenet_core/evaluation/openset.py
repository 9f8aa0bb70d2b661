"""Open-set 1:N: searches for people who are enrolled, and for people who are not.

In each of many random splits some people are enrolled with their first photos,
as the app would enrol them: photos without a face are refused. Mated searches
are with their other photos, non-mated searches with all photos of everybody
else. A photo without a face is a search that returns nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.evaluation.embeddings import Embedded
from facenet_core.evaluation.folders import Folders
from facenet_core.matching import distances, mean_template
from facenet_core.metrics import SEED

SPLITS = 100


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What searches are held against.

    Attributes:
        identify: The 1:N threshold, from the number of enrolled photos and that
            of the nearest person's.
        verify: The 1:1 threshold of a person with one photo.
        origin: Where they come from, to stand in a sentence after "thresholds".
    """

    identify: Callable[[int, int], float]
    verify: float
    origin: str


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over many splits.

    Attributes:
        mean: Over the splits.
        interval: Between which 95 % of the splits are.
    """

    mean: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Searches:
    """The error rates of searches at one kind of threshold.

    Attributes:
        threshold: Mean over the splits, for a person with one photo.
        fpir: Share of non-mated searches that return anybody.
        fnir: Share of mated searches that do not return the right person, or
            somebody else before; None if no split had one.
    """

    threshold: float
    fpir: Spread
    fnir: Spread | None


@dataclass(frozen=True, slots=True)
class OpenSet:
    """1:N with a gallery of some size.

    Attributes:
        people: How many are enrolled.
        templates: Their photos, mean over the splits.
        mated: Mated searches, mean over the splits.
        non_mated: Non-mated searches, mean over the splits.
        identify: At the 1:N threshold for this gallery.
        verify: At the 1:1 threshold, which does not know the gallery's size.
    """

    people: int
    templates: float
    mated: float
    non_mated: float
    identify: Searches
    verify: Searches


class OpenSets:
    """Simulates galleries of labelled photos.

    Args:
        folders: The photos.
        embedded: Their embeddings.
        matrix: Shape ``(n, n)``: their distances.
        photos_per_person: With how many photos a person is enrolled; with fewer
            who would have none left to be searched with.
    """

    def __init__(
        self, folders: Folders, embedded: Embedded, matrix: NDArray[np.float32], photos_per_person: int
    ) -> None:
        self._person = folders.person
        self._matrix = matrix
        self._embeddings = embedded.embeddings
        self._found = embedded.found
        self._templates: dict[int, NDArray[np.int64]] = {}
        for person in range(len(folders.people)):
            own = np.flatnonzero(folders.person == person)
            templates = own[self._found[own]][: min(photos_per_person, max(len(own) - 1, 1))]
            if len(templates):
                self._templates[person] = templates
        self.largest = min(len(self._templates), len(folders.people) - 1)
        """The largest gallery, in people, that leaves a stranger."""

    def measure(self, people: int, thresholds: Thresholds, splits: int = SPLITS) -> OpenSet:
        """Counts errors.

        Args:
            people: How many are enrolled, at most :attr:`largest`.
            thresholds: What searches are held against.
            splits: How many times people are drawn.
        """
        rng = np.random.default_rng(SEED)
        known = np.array(list(self._templates))
        sizes, figures = [], []
        for _ in range(splits):
            enrolled = rng.permutation(known)[:people]
            templates = sum(len(self._templates[p]) for p in enrolled.tolist())
            mated, right, distance, photos = self._search(enrolled)
            sizes.append((templates, int(mated.sum()), int((~mated).sum())))
            limits = {int(k): thresholds.identify(templates, int(k)) for k in {1, *photos.tolist()}}
            limit = np.array([limits[int(k)] for k in photos])
            row = [limits[1]]
            for returned in (distance <= limit, distance <= thresholds.verify):
                row.append(float(returned[~mated].mean()))
                row.append(1.0 - float((returned & right)[mated].mean()) if mated.any() else np.nan)
            figures.append(row)
        table = np.array(figures)
        limit, fpir, fnir, verify_fpir, verify_fnir = table.T
        templates_mean, mated_mean, non_mated_mean = np.array(sizes).mean(axis=0).tolist()
        return OpenSet(
            people,
            templates_mean,
            mated_mean,
            non_mated_mean,
            Searches(float(limit.mean()), _spread(fpir), _spread(fnir) if _any(fnir) else None),
            Searches(thresholds.verify, _spread(verify_fpir), _spread(verify_fnir) if _any(verify_fnir) else None),
        )

    def _search(
        self, enrolled: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
        """Searches with every photo that is not enrolled, as :class:`facenet_core.matching.Gallery` does.

        Returns:
            For each: whether it shows somebody enrolled, whether the nearest
            person is the one it shows, their distance, the number of their photos.
        """
        own = [self._templates[p] for p in enrolled.tolist()]
        photos = np.array([len(templates) for templates in own])
        templates = np.concatenate(own)
        probes = np.delete(np.arange(len(self._person)), templates)
        starts = np.concatenate([[0], np.cumsum(photos)[:-1]])
        to_people = np.minimum.reduceat(self._matrix[np.ix_(probes, templates)], starts, axis=1)
        if (photos > 1).any():
            means = np.stack([mean_template(self._embeddings[rows]) for rows in own])
            answered = np.flatnonzero(self._found[probes])
            to_means = distances(self._embeddings[probes[answered]], means)
            to_people[answered] = np.minimum(to_people[answered], to_means)
        nearest = np.argmin(to_people, axis=1)
        distance = to_people[np.arange(len(probes)), nearest].astype(np.float64)
        mated = np.isin(self._person[probes], enrolled)
        return mated, self._person[probes] == enrolled[nearest], distance, photos[nearest]


def gallery_sizes(asked: Sequence[int], largest: int) -> Iterator[tuple[int, str]]:
    """Says of each size why it can't be simulated; empty if it can.

    Args:
        asked: Sizes in people.
        largest: The largest that leaves a stranger.
    """
    for size in dict.fromkeys(asked):
        yield size, "" if size <= largest else f"at most {largest:,} people can be enrolled here and leave a stranger"


def _any(values: NDArray[np.float64]) -> bool:
    return not bool(np.isnan(values).all())


def _spread(values: NDArray[np.float64]) -> Spread:
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, [2.5, 97.5])
    return Spread(float(known.mean()), (float(low), float(high)))
