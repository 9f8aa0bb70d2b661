"""Photos on which several people are together, from one ranking for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.records import Coverage, FaceTable, Found, Hit
from facenet_core.album.searching import Ranking

CERTAIN = 1e-12
"""Rarer than one in so many can't be told."""


@dataclass(frozen=True)
class _Placed:
    """A ranking, by photo.

    Attributes:
        table: The faces that it is of.
        ranking: The ranking.
    """

    table: FaceTable
    ranking: Ranking

    @cached_property
    def places(self) -> dict[int, int]:
        """Where in the ranking each photo is."""
        return {int(self.table.photos[row]): place for place, row in enumerate(self.ranking.order)}

    def face(self, photo: int) -> int:
        """The number of the person's face on a photo."""
        return int(self.table.ids[self.ranking.order[self.places[photo]]])

    def sure(self, photo: int) -> bool:
        """Whether it shows the person, and not only perhaps."""
        return self.places[photo] < self.ranking.found

    def distance(self, photo: int) -> float:
        """Of that face."""
        return float(self.ranking.distances[self.places[photo]])

    def rarity(self, photo: int) -> float:
        """The share of strangers that are as near."""
        return float(self.ranking.rarity[self.places[photo]])


def together(
    kept: AlbumPhotos, table: FaceTable, rankings: Sequence[Ranking], without: Sequence[Ranking], coverage: Coverage
) -> Found:
    """The photos that are in every ranking, without other people.

    Args:
        kept: The album's photos.
        table: The faces that the rankings are of.
        rankings: One for each person.
        without: One for each person who must not be on them. Photos that such a
            person might be on are only perhaps what is asked for.
        coverage: How much of the album the faces are from.
    """
    people, barred = ([_Placed(table, ranking) for ranking in each] for each in (rankings, without))
    common = set(people[0].places).intersection(*(person.places for person in people[1:]))
    shown = kept.photos(common)
    faces = kept.faces(person.face(photo) for person in people for photo in common)
    certain: list[Hit] = []
    perhaps: list[Hit] = []
    for photo in common & shown.keys():
        ids = [person.face(photo) for person in people]
        if len(set(ids)) < len(ids) or not shown[photo].paths:
            continue  # one face can't be two people
        others = [other for other in barred if photo in other.places and _there(other, people, photo)]
        if any(other.sure(photo) or other.face(photo) in ids for other in others):
            continue
        farthest = max(person.distance(photo) for person in people)
        rarest = max(person.rarity(photo) for person in people)
        hit = Hit(shown[photo], tuple(faces[id_] for id_ in ids), farthest, 1.0 / max(rarest, CERTAIN))
        sure = not others and all(person.sure(photo) for person in people)
        (certain if sure else perhaps).append(hit)
    certain.sort(key=_nearest)
    perhaps.sort(key=_nearest)
    return Found("found" if certain else "absent", tuple(certain), tuple(perhaps), len(table), coverage)


def _there(other: _Placed, people: Sequence[_Placed], photo: int) -> bool:
    """Whether somebody is on a photo beside the others: not if the face is one of theirs, and more surely theirs."""
    claimed = other.rarity(photo), other.distance(photo)
    return all(
        claimed <= (person.rarity(photo), person.distance(photo))
        for person in people
        if person.face(photo) == other.face(photo)
    )


def _nearest(hit: Hit) -> tuple[float, int]:
    return hit.distance, hit.photo.id
