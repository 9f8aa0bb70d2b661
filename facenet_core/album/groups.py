"""The people of an album: which faces are together, and what they are called."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facenet_core.album.clustering import JOIN_FMR, NEW, Links, all_apart, cluster, extend, renamed
from facenet_core.album.database import AlbumDatabase
from facenet_core.album.doubts import Doubts, Merge, doubts
from facenet_core.album.members import Members
from facenet_core.album.nearest import FileIndex, FileNearest, Nearest, ServerNearest, discard_others, file_of
from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.records import FaceTable, Group
from facenet_core.album.said import Agreed, agreed
from facenet_core.album.sayings import Sayings
from facenet_core.album.searching import EXACT, KNOT_FMR, Crowd
from facenet_core.calibration import Calibration
from facenet_core.errors import AlbumError
from facenet_core.store.graph import Graph
from facenet_core.types import ModelId

TURNS = 3
"""How often to group faces because somebody has grouped them otherwise, or said something of them, meanwhile. The last
time others who want to write have to wait."""


class Groups:
    """Groups an album's faces into people, by what users have said and by likeness. Thread-safe.

    Args:
        database: Of the album.
        photos: Its photos.
        sayings: What users have said.
    """

    def __init__(self, database: AlbumDatabase, photos: AlbumPhotos, sayings: Sayings) -> None:
        self._database, self._photos, self._sayings = database, photos, sayings
        self._members = Members(database)
        self._lock = threading.Lock()
        self._crowd: tuple[FaceTable, NDArray[np.int64], Crowd] | None = None
        self._index: tuple[ModelId, FileIndex] | None = None
        self._graphs: dict[ModelId, Graph] = {}

    def regroup(
        self, model_id: ModelId, calibration: Calibration, touched: Iterable[int] = (), *, anew: bool = False
    ) -> int:
        """Groups new faces, and those that something new was said about; the rest stays as it is.

        Args:
            model_id: Whose embeddings count.
            calibration: What a distance means.
            touched: Faces to be looked at again.
            anew: Look at all of them again.

        Returns:
            How many faces are grouped.
        """
        again = sorted(set(touched))
        for turn in range(1, TURNS + 1):
            with self._database.writing() if turn == TURNS else nullcontext():
                table, said = self._photos.table(model_id), self._sayings.all()
                known = self._members.of(table, model_id)
                before = known.copy()
                before[:, slice(None) if anew else table.rows(again)] = NEW
                links = _links(table, agreed(said))
                labels = [
                    renamed(_grouped(table, links, calibration.distance_at(rate)[0], labels), last)
                    for rate, labels, last in zip((JOIN_FMR, KNOT_FMR), before, known, strict=True)
                ]
                with self._database.writing():
                    if self._sayings.all() == said and self._members.put(table.ids, np.stack(labels), known, model_id):
                        break
        return len(table)

    def ungrouped(self, model_id: ModelId) -> int:
        """How many faces have come since the last time."""
        table = self._photos.table(model_id)
        return int((self._members.of(table, model_id)[0] == NEW).sum())

    def all(self, model_id: ModelId, smallest: int = 2) -> tuple[Group, ...]:
        """The groups, named ones first, then by size.

        Args:
            model_id: Whose embeddings count.
            smallest: Groups of fewer faces are left out, unless they have a name.
        """
        table = self._photos.table(model_id)
        labels = self._members.of(table, model_id)[0]
        names = self._names(table, labels)
        order = np.argsort(labels, kind="stable")
        order = order[labels[order] != NEW]
        if not len(order):
            return ()
        numbers, starts = np.unique(labels[order], return_index=True)
        groups = [
            self._group(table, int(number), rows, names.get(int(number)))
            for number, rows in zip(numbers, np.split(order, starts[1:]), strict=True)
            if len(rows) >= smallest or int(number) in names
        ]
        return tuple(sorted(groups, key=lambda group: (group.name is None, -len(group.faces), group.number)))

    def get(self, model_id: ModelId, number: int) -> Group:
        """One group.

        Raises:
            AlbumError: If there is none of that number.
        """
        table = self._photos.table(model_id)
        labels = self._members.of(table, model_id)[0]
        rows = np.flatnonzero(labels == number)
        if not len(rows):
            raise AlbumError(f"There is no group {number} any more: the faces were grouped again meanwhile.")
        return self._group(table, number, rows, self._names(table, labels).get(number))

    def crowd(self, model_id: ModelId) -> tuple[FaceTable, Crowd]:
        """All faces, ready to be searched. Remembered until anything changes."""
        with self._lock:  # whoever comes second would make the same again
            removed = self._database.changes().removed
            table = self._photos.table(model_id)
            knots = self._members.of(table, model_id)[1]
            held = self._crowd
            if held is None or held[0] is not table or not np.array_equal(held[1], knots):
                held = self._crowd = table, knots, Crowd.of(table.embeddings, table.photos, knots)
            crowd = held[2]
            nearest = self._nearest(table, model_id, removed) if len(crowd.means) > EXACT else None
            return table, replace(crowd, nearest=nearest)

    def tidy(self) -> None:
        """Deletes what is kept beside the database of photos that were forgotten, by whatever process."""
        discard_others(self._database.folder, self._database.changes().removed)

    def _nearest(self, table: FaceTable, model_id: ModelId, removed: str) -> Nearest | None:
        """The index of an album that is too large to look at every knot; None while a server is making it."""
        if self._database.shared:
            if model_id not in self._graphs:
                self._graphs[model_id] = self._database.graph(model_id)
            graph = self._graphs[model_id]
            return ServerNearest(self._database, graph, table) if graph.ready() else None
        path = file_of(self._database.folder, model_id, removed)
        if self._index is None or self._index[0] != model_id:
            self.tidy()
            self._index = model_id, FileIndex(path)
        index = self._index[1]
        if index.update(table, path):
            self.tidy()  # photos may have been forgotten while it was made
        return FileNearest(index, table)

    def doubts(self, model_id: ModelId, calibration: Calibration) -> Doubts:
        """What may be wrong with the groups: by their numbers, and faces by theirs.

        Args:
            model_id: Whose embeddings count.
            calibration: What a distance means.
        """
        table = self._photos.table(model_id)
        labels, _ = self._members.of(table, model_id)
        rows = np.flatnonzero(labels != NEW)
        some = FaceTable(table.ids[rows], table.photos[rows], table.clear[rows], table.embeddings[rows])
        links = _links(some, agreed(self._sayings.all()))
        distance, _ = calibration.distance_at(JOIN_FMR)
        found = doubts(some.embeddings, some.photos, links, distance, labels[rows])
        return replace(found, merges=tuple(_by_face(some, merge) for merge in found.merges))

    def _names(self, table: FaceTable, labels: NDArray[np.int64]) -> dict[int, tuple[str, str | None]]:
        """The name of each group that has one: that of the most of its named faces."""
        votes: dict[int, tuple[int, str, str | None]] = {}
        for faces, name, person in agreed(self._sayings.all()).names:
            held = labels[table.rows(sorted(faces))]
            for number, count in zip(*np.unique(held[held != NEW], return_counts=True), strict=True):
                if count > votes.get(int(number), (0,))[0]:
                    votes[int(number)] = int(count), name, person
        return {number: (name, person) for number, (_, name, person) in votes.items()}

    def _group(
        self, table: FaceTable, number: int, rows: NDArray[np.int64], named: tuple[str, str | None] | None
    ) -> Group:
        # The clear ones first, and of those the ones nearest to the middle of all.
        middle = table.embeddings[rows].mean(axis=0)
        order = np.lexsort((-(table.embeddings[rows] @ middle), ~table.clear[rows]))
        name, person = named or (None, None)
        photos = len(np.unique(table.photos[rows]))
        return Group(number, name, person, tuple(table.ids[rows[order]].tolist()), photos)


def _grouped(table: FaceTable, links: Links, distance: float, before: NDArray[np.int64]) -> NDArray[np.int64]:
    if (before == NEW).all():
        return cluster(table.embeddings, table.photos, links, distance)
    return extend(table.embeddings, table.photos, links, distance, before)


def _links(table: FaceTable, said: Agreed) -> Links:
    """What was said, of the faces that are there."""
    must = tuple(_rows(table, faces) for faces in said.same)
    cannot = tuple((_rows(table, one), _rows(table, other)) for one, other in said.apart)
    # One face stands for all of a person: must-links hold them together.
    people = [rows[0] for faces in said.people if (rows := _rows(table, faces))]
    return Links(tuple(m for m in must if len(m) > 1), (*(pair for pair in cannot if all(pair)), *all_apart(people)))


def _by_face(table: FaceTable, merge: Merge) -> Merge:
    first, second = (tuple(table.ids[list(half)].tolist()) for half in (merge.first, merge.second))
    return replace(merge, first=first, second=second)


def _rows(table: FaceTable, faces: frozenset[int]) -> tuple[int, ...]:
    return tuple(table.rows(sorted(faces)).tolist())
