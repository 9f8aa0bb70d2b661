"""What the reverse index gives out. Frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from facenet_core.types import Detection, OneIn, Outcome, Threshold

FLOOR = 60.0
"""Per cent of similarity below which nothing is shown."""


def score(distance: float) -> float:
    """The similarity that older systems show: ``(cosine + 1) / 2 * 100``, in per cent.

    Of unit vectors the cosine is ``1 - distance**2 / 2``.

    Args:
        distance: Euclidean, 0 to 2.
    """
    return (1.0 - distance * distance / 4.0) * 100.0


def distance_of(similarity: float) -> float:
    """The distance of a :func:`score`."""
    return float(2.0 * (1.0 - similarity / 100.0) ** 0.5)


@dataclass(frozen=True, slots=True)
class Among:
    """Which pages count in a search.

    Attributes:
        sources: Names of sources; all if empty.
        since: Fetched then or later, UTC.
        until: Fetched before, UTC.
    """

    sources: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @property
    def everything(self) -> bool:
        """Whether all count."""
        return self == Among()


@dataclass(frozen=True, slots=True)
class Page:
    """A page that shows a photo.

    Attributes:
        source: Where it was found: ``commons``, ``flickr``, ...
        page_url: The page.
        image_url: The picture's own address.
        title: What the page calls it.
        author: Who made it.
        licence: The licence's name; None if it came from the user's own list.
        licence_url: Its text.
        fetched_at: When it was fetched, UTC.
    """

    source: str
    page_url: str
    image_url: str
    title: str | None
    author: str | None
    licence: str | None
    licence_url: str | None
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Hit:
    """A face of the index that looks like the probe.

    Attributes:
        face: Its number.
        photo: The number of its photo.
        detection: Where it is on the photo.
        size: Pixels of the photo, across and down.
        distance: To the probe, 0 to 2.
        one_in: How rare it is that a stranger looks this similar; None where
            nothing was measured.
        outcome: What the 1:N threshold for the whole index says.
        pages: The pages that show this photo, or a copy of it.
    """

    face: int
    photo: int
    detection: Detection
    size: tuple[int, int]
    distance: float
    one_in: OneIn | None
    outcome: Outcome
    pages: tuple[Page, ...]

    @property
    def score(self) -> float:
        """See :func:`score`."""
        return score(self.distance)


@dataclass(frozen=True, slots=True)
class Matches:
    """The answer to a search.

    Attributes:
        hits: The nearest first.
        searched: How many different faces were looked through.
        threshold: What the outcomes follow; None where nothing was measured.
    """

    hits: tuple[Hit, ...]
    searched: int
    threshold: Threshold | None


@dataclass(frozen=True, slots=True)
class Crawled:
    """A search result that a crawl has dealt with.

    Attributes:
        image_url: The picture's address.
        outcome: ``fetched``; ``known`` if the address or the picture was there;
            ``refused`` if it can't or must not be taken in.
        reason: Why it was refused, a sentence.
        limited: Whether the crawl ends with it because it has dealt with as many
            new addresses as it was asked for.
    """

    image_url: str
    outcome: Literal["fetched", "known", "refused"]
    reason: str = ""
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A photo that the index has dealt with.

    Attributes:
        image_url: An address of it.
        faces: How many of its faces were taken in.
        copies: How many of them are copies of faces that are there.
        removed: Faces that are on the removal list, and were not taken in.
        problem: Why it can't be used.
    """

    image_url: str
    faces: int = 0
    copies: int = 0
    removed: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that was removed and must not come back.

    Attributes:
        id: Its number.
        at: When, UTC.
        kind: ``url``, ``host`` or ``face``.
        url: The address or the host.
        dropped: What was dropped then: addresses, or faces.
    """

    id: int
    at: datetime
    kind: Literal["url", "host", "face"]
    url: str | None
    dropped: int


@dataclass(frozen=True, slots=True)
class Status:
    """How much there is.

    Attributes:
        images: Addresses by source.
        refused: Addresses that gave no photo.
        photos: Different photos.
        waiting: Photos that the next index run looks at.
        lost: Photos that only another model has seen, and that must be fetched
            again first.
        faces: Different faces, as the current model sees them.
        copies: Further ones that are copies of them.
        removals: Entries on the removal list.
        unrecognised: Those of people whom this model does not find on what is
            kept of them: they are taken in again, unless they are removed anew.
        unmeasured: Whether people are on the list and nothing was measured for
            this model: the distances then hold that they were removed with.
        oldest: When the oldest photo was fetched, UTC.
    """

    images: dict[str, int]
    refused: int
    photos: int
    waiting: int
    lost: int
    faces: int
    copies: int
    removals: int
    unrecognised: tuple[int, ...]
    unmeasured: bool
    oldest: datetime | None
