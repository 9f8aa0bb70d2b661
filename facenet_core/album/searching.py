"""Who of an album's faces is the person that samples show. Pure numpy.

Faces of an album that are surely one person are held against the samples
together, as one knot: its mean is nearer to another photo of the person than
its faces are; and what is found is searched with in turn. No fixed distance
decides. What a distance means comes from the model's calibration, moved to how
the album's own faces lie around these samples; and the more knots there are,
the nearer one must be, so that the search for a stranger finds somebody in one
album of two hundred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facenet_core.album.nearest import Nearest
from facenet_core.album.records import Verdict
from facenet_core.calibration import Calibration, any_of
from facenet_core.matching import apart, mean_template

KNOT_FMR = 1e-5
"""Faces are one knot up to the distance at which one in so many strangers is taken for the person."""

FALSE_FOUND = 0.005
"""Strangers that a search finds, on average."""

FALSE_PERHAPS = 0.5
"""The same with those that are shown apart."""

EXACT = 100_000
"""Knots up to which all distances are computed; of more, those of the nearest."""

NEAREST = 4_000
"""Faces that are looked at for each sample then."""

SAMPLED = 4_000
"""Faces of an album whose distances tell of all."""

CROWD = 200
"""Faces that an album must have for its own distribution to count."""

LOOSEST = 1e-3
"""The share of strangers up to which anybody is shown, in however small an album: that of a claim (1:1)."""

MOST_MOVED = 0.03
"""How far the album's own distribution may move a distance. More was measured to cost recall and to save nothing: a few
people on most photos lie nearer to each other than strangers do."""

ROUNDS = 4
"""How often faces that were found are searched with, too."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """An album's faces by how surely they are a person.

    Attributes:
        order: Shape ``(n,)``, int64: rows of the album's table, the surest
            first, one for each photo.
        distances: Shape ``(n,)``, float32: to the nearest sample, or to the mean
            of several.
        rarity: Shape ``(n,)``, float64, rising: the share of strangers whose knot
            would be so near.
        found: How many of them show the person.
        perhaps: How many more might.
    """

    order: NDArray[np.int64]
    distances: NDArray[np.float32]
    rarity: NDArray[np.float64]
    found: int
    perhaps: int

    @property
    def verdict(self) -> Verdict:
        """Whether the person is in the album."""
        return "found" if self.found else "absent"


@dataclass(frozen=True, slots=True)
class Crowd:
    """An album's faces, ready to be searched.

    Attributes:
        embeddings: Shape ``(n, d)``, float32, unit norm.
        photos: Shape ``(n,)``, int64: the photo that each is on.
        knots: Shape ``(n,)``, int64, from 0 without gaps: the knot of each.
        rows: Shape ``(n,)``, int64: the faces, knot by knot.
        starts: Shape ``(k + 1,)``, int64: where each knot begins in ``rows``.
        means: Shape ``(k, d)``, float32, unit norm: of the knots.
        nearest: Finds near faces among very many; None if all knots are looked at.
    """

    embeddings: NDArray[np.float32]
    photos: NDArray[np.int64]
    knots: NDArray[np.int64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    means: NDArray[np.float32]
    nearest: Nearest | None = None

    @classmethod
    def of(
        cls,
        embeddings: NDArray[np.float32],
        photos: NDArray[np.int64],
        knots: NDArray[np.int64],
        nearest: Nearest | None = None,
    ) -> Crowd:
        """Prepares faces.

        Args:
            embeddings: Shape ``(n, d)``, float32, unit norm.
            photos: Shape ``(n,)``, int64.
            knots: Shape ``(n,)``, int64: equal for faces that are surely one
                person; -1 for a face that nothing is known of.
            nearest: An index of these faces.
        """
        alone = np.flatnonzero(knots < 0)
        own = knots.copy()
        own[alone] = knots.max(initial=-1) + 1 + np.arange(len(alone))
        _, dense = np.unique(own, return_inverse=True)
        rows = np.argsort(dense, kind="stable")
        _, starts = np.unique(dense[rows], return_index=True)
        sums = np.add.reduceat(embeddings[rows], starts, axis=0) if len(rows) else embeddings[:0]
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        means = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
        ends = np.append(starts, len(rows))
        return cls(embeddings, photos, dense, rows, ends, means.astype(np.float32, copy=False), nearest)

    def rank(self, samples: NDArray[np.float32], calibration: Calibration) -> Ranking:
        """Ranks the faces of all knots that may be the person.

        Args:
            samples: Shape ``(s, d)``, float32, unit norm: faces of the person.
            calibration: What a distance means.

        Returns:
            A face for each photo: a person is on a photo once.

        Raises:
            ValueError: If there is no sample.
        """
        if not len(samples):
            raise ValueError("a search needs a sample")
        knots, means = np.arange(len(self.means)), self.means
        if self.nearest is not None:
            knots = np.unique(self.knots[self.nearest.rows(samples, min(NEAREST, len(self.embeddings)))])
            means = self.means[knots]
        distances, moved = apart(_to_person(samples, means)), self._moved(samples, calibration)
        near, rates = self._rates(distances - moved, calibration, len(samples))
        count = 0
        for _ in range(ROUNDS):
            sure = near[len(self.means) * rates <= FALSE_FOUND]
            if len(sure) == count:
                break
            count = len(sure)
            known = np.concatenate([samples, self.embeddings[self._faces(knots[sure])]])
            distances = np.minimum(distances, apart(means @ mean_template(known)))
            near, rates = self._rates(distances - moved, calibration, len(samples) + 1)
        return self._ranking(samples, knots[near], distances[near], rates)

    def _ranking(
        self,
        samples: NDArray[np.float32],
        knots: NDArray[np.int64],
        distances: NDArray[np.float32],
        rates: NDArray[np.float64],
    ) -> Ranking:
        rows = self._faces(knots)
        of = np.repeat(np.arange(len(knots)), self.starts[knots + 1] - self.starts[knots])
        cosines = _to_person(samples, self.embeddings[rows])
        order = np.lexsort((-cosines, distances[of], rates[of]))
        _, first = np.unique(self.photos[rows[order]], return_index=True)
        order = order[np.sort(first)]
        rarity = rates[of[order]]
        found = int(np.searchsorted(len(self.means) * rarity, FALSE_FOUND, "right"))
        return Ranking(rows[order], apart(cosines[order]), rarity, found, len(order) - found)

    def _faces(self, knots: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the faces of knots, knot by knot."""
        return np.concatenate([self.rows[self.starts[k] : self.starts[k + 1]] for k in knots] or [self.rows[:0]])

    def _rates(
        self, distances: NDArray[np.float32], calibration: Calibration, comparisons: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Which knots may be the person, by the share of strangers that are as near."""
        allowed = min(FALSE_PERHAPS / max(len(self.means), 1), LOOSEST)
        close = np.flatnonzero(distances <= calibration.distance_at(allowed)[0])
        fmrs = (calibration.fmr(max(float(distance), 0.0))[0] for distance in distances[close])
        rates = np.array([any_of(fmr, comparisons) for fmr in fmrs], np.float64)
        return close[rates <= allowed], rates[rates <= allowed]

    def _moved(self, samples: NDArray[np.float32], calibration: Calibration) -> float:
        """How much nearer or farther than those of the calibration the album's faces lie around the samples."""
        if len(self.embeddings) < CROWD:
            return 0.0
        some = self.embeddings[:: max(1, len(self.embeddings) // SAMPLED)]
        usual, _ = calibration.distance_at(0.5)
        return float(np.clip(np.median(apart(_to_person(samples, some))) - usual, -MOST_MOVED, MOST_MOVED))


def _to_person(samples: NDArray[np.float32], faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shape ``(n,)``: cosines to the nearest sample, or to the mean of several if that is nearer."""
    cosines: NDArray[np.float32] = (faces @ samples.T).max(axis=1, initial=-1.0)
    if len(samples) > 1:
        cosines = np.maximum(cosines, faces @ mean_template(samples))
    return cosines
