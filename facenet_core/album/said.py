"""What users have said about an album's faces: these are one person, these are not, this is Ann."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from facenet_core.store import name_key

Kind = Literal["same", "apart", "named", "sure", "differ"]


@dataclass(frozen=True, slots=True)
class Said:
    """Something that a user has said.

    Attributes:
        id: Larger ones are later.
        kind: ``same``: the faces are one person; ``apart``: none of them is the
            person of the others; ``named``: they are one person, of that name;
            ``sure`` and ``differ``: the same as ``same`` and ``apart``, said of
            one group and of two that stay as they were.
        faces: The faces.
        others: Those that they are held apart from.
        name: The person's name.
        person: The id of the enrolled person, if it was enrolled.
    """

    id: int
    kind: Kind
    faces: frozenset[int]
    others: frozenset[int]
    name: str | None
    person: str | None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What follows from everything that was said, where the later word counts.

    Attributes:
        same: Sets of faces, apart from each other, that are one person each.
        apart: Pairs of sets: no face of one is the person of a face of the other.
        names: Faces with the name that they were given, and the enrolled person.
    """

    same: tuple[frozenset[int], ...]
    apart: tuple[tuple[frozenset[int], frozenset[int]], ...]
    names: tuple[tuple[frozenset[int], str, str | None], ...]

    @property
    def people(self) -> tuple[frozenset[int], ...]:
        """The faces of everybody who has a name: no two of them are one person.

        Two names whose groups were put together are one of them.
        """
        whole = {face: faces for faces in self.same for face in faces}
        return tuple(dict.fromkeys(whole.get(min(faces), faces) for faces, _, _ in self.names))


def agreed(said: Sequence[Said]) -> Agreed:
    """What follows from everything that was said.

    Where two words contradict each other the later one counts: faces that were
    said to be somebody else leave the sets that they were in, and faces that
    were put together after they were held apart are together. One name is one
    person, however often it was given.

    Args:
        said: The oldest first.
    """
    joined = _Joined()
    apart: list[tuple[frozenset[int], frozenset[int]]] = []
    by_name: dict[str, tuple[frozenset[int], str, str | None]] = {}
    for word in reversed(said):
        if word.kind in ("apart", "differ"):
            if (wrong := word.faces - joined.with_all(word.others)) and word.others:
                apart.append((wrong, word.others))
            continue
        faces, before = word.faces, frozenset[int]()
        if word.kind == "named" and word.name:
            key = name_key(word.name)
            before, name, person = by_name.get(key, (before, word.name, word.person))
            # Whoever has been given another name since is not of this one.
            faces -= frozenset(f for k, (named, _, _) in by_name.items() if k != key for f in named)
        faces = _left(faces, before, apart, joined)
        if not faces:
            continue
        if word.kind == "named" and word.name:
            by_name[key] = (before | faces, name, person or word.person)
        joined.join(before | faces)
    return Agreed(joined.sets(), tuple(apart), tuple(by_name.values()))


def _left(
    faces: frozenset[int],
    before: frozenset[int],
    apart: Sequence[tuple[frozenset[int], frozenset[int]]],
    joined: _Joined,
) -> frozenset[int]:
    """Those of some faces that may be joined with others, though later words hold faces apart.

    Whoever was said to be somebody else since leaves, with all who were joined
    with them since; the person stays with the rest.
    """
    sure = joined.with_all(before)
    whole = joined.with_all(faces) | sure
    for wrong, others in apart:
        if whole.isdisjoint(wrong) or whole.isdisjoint(others):
            continue
        faces -= joined.with_all(others if sure & wrong else wrong)
        whole = joined.with_all(faces) | sure
    return faces


class _Joined:
    """Sets of faces that grow together."""

    def __init__(self) -> None:
        self._of: dict[int, set[int]] = {}

    def join(self, faces: frozenset[int]) -> None:
        whole: set[int] = set(self.with_all(faces))
        for face in whole:
            self._of[face] = whole

    def with_all(self, faces: frozenset[int]) -> frozenset[int]:
        wholes = {id(whole): whole for face in faces if (whole := self._of.get(face))}
        return faces.union(*wholes.values())

    def sets(self) -> tuple[frozenset[int], ...]:
        found = {id(whole): frozenset(whole) for whole in self._of.values() if len(whole) > 1}
        return tuple(sorted(found.values(), key=min))
