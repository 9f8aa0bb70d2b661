"""Photos on which several people are together, from one ranking for each of them."""

from __future__ import annotations

from collections.abc import Sequence

from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.records import FaceTable, Found, Hit
from facenet_core.album.searching import Ranking

CERTAIN = 1e-12
"""Rarer than one in so many can't be told."""


def together(kept: AlbumPhotos, table: FaceTable, rankings: Sequence[Ranking], barred: set[int]) -> Found:
    """The photos that are in every ranking.

    Args:
        kept: The album's photos.
        table: The faces that the rankings are of.
        rankings: One for each person.
        barred: Numbers of photos that are left out.
    """
    places = [{int(table.photos[row]): place for place, row in enumerate(r.order)} for r in rankings]
    common = set(places[0]).intersection(*places[1:]) - barred
    shown = kept.photos(common)
    ranked = list(zip(rankings, places, strict=True))
    faces = kept.faces(int(table.ids[r.order[p[photo]]]) for r, p in ranked for photo in common)
    certain: list[Hit] = []
    perhaps: list[Hit] = []
    for photo in common & shown.keys():
        own = [(r, p[photo]) for r, p in ranked]
        ids = [int(table.ids[r.order[place]]) for r, place in own]
        if len(set(ids)) < len(ids) or not shown[photo].paths:
            continue  # one face can't be two people
        farthest = max(float(r.distances[place]) for r, place in own)
        rarest = max(float(r.rarity[place]) for r, place in own)
        hit = Hit(shown[photo], tuple(faces[id_] for id_ in ids), farthest, 1.0 / max(rarest, CERTAIN))
        (certain if all(place < r.found for r, place in own) else perhaps).append(hit)
    certain.sort(key=_nearest)
    perhaps.sort(key=_nearest)
    return Found("found" if certain else "absent", tuple(certain), tuple(perhaps), len(table))


def _nearest(hit: Hit) -> tuple[float, int]:
    return hit.distance, hit.photo.id
