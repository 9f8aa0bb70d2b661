"""The student's batches: labelled views with a little jitter of their own, made ahead on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degrade import random_changes, stored_again
from training.faces import SIDE, Faces
from training.label import Labels
from training.views import mirrored, random_maps, transforms, within

JITTER = 0.35
"""How far the student's view may lie from the teacher's, as the strength of a random view."""

AHEAD = 4
"""Batches that are made before they are asked for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A step's input.

    Attributes:
        crops: Shape ``(n, 112, 112, 3)``, uint8.
        transforms: Shape ``(n, 8)``: which part of them is seen.
        others: Crops to blend with.
        other_transforms: Which part of these.
        share: Shape ``(n,)``: how much of these.
        changes: See :class:`training.degrade.Changes`.
        targets: Shape ``(n, 512)``, float32, unit norm.
    """

    crops: NDArray[np.uint8]
    transforms: NDArray[np.float32]
    others: NDArray[np.uint8]
    other_transforms: NDArray[np.float32]
    share: NDArray[np.float32]
    changes: tuple[NDArray[np.float32], ...]
    targets: NDArray[np.float32]


def centred_targets(labels: Labels) -> NDArray[np.float32]:
    """What the student is to give for each labelled view.

    The mean of all embeddings is taken away, since it tells nobody from anybody
    (:mod:`facenet_core.centre`), and would be most of what the student learns
    first. A view that is no blend is to give the mean of its own embedding and
    those of the face's other views: the teacher's doubts about a view are not
    worth learning.

    Returns:
        Shape ``(n, 512)``, float32, unit norm.
    """
    embeddings = labels.embeddings.astype(np.float32)
    plain = labels.share == 0
    embeddings -= embeddings[plain].mean(0)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    count = int(labels.face.max()) + 1
    sums = np.zeros((count, embeddings.shape[1]), np.float32)
    np.add.at(sums, labels.face[plain], embeddings[plain])
    views = np.bincount(labels.face[plain], minlength=count)[labels.face[plain], None]
    others = (sums[labels.face[plain]] - embeddings[plain]) / np.maximum(views - 1, 1)
    embeddings[plain] += others
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings


class Batches:
    """Endless batches; the same seed and step always give the same batch.

    Faces that are held out are in none of them.

    Args:
        faces: The crops.
        labels: Their labelled views.
        size: Views in a batch.
        view: Side of the student's views, in pixels.
        seed: Of everything random.
    """

    def __init__(self, faces: Faces, labels: Labels, size: int, view: int, seed: int) -> None:
        self._faces, self._labels, self._size, self._view, self._seed = faces, labels, size, view, seed
        self._targets = centred_targets(labels)
        self._used = np.flatnonzero(~(faces.held_out[labels.face] | faces.held_out[labels.other]))

    def __len__(self) -> int:
        """Batches until every labelled view was seen once."""
        return len(self._used) // self._size

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        epoch, place = divmod(step, len(self))
        order = np.random.default_rng([self._seed, epoch]).permutation(self._used)
        return self._made(order[place * self._size : (place + 1) * self._size], step)

    def _made(self, rows: NDArray[np.int64], step: int) -> Batch:
        rng = np.random.default_rng([self._seed, 1, step])
        labels, n = self._labels, len(rows)
        face, other = labels.face[rows], labels.other[rows]
        # One jitter for both faces of a blend: they are seen by one camera.
        jitter = mirrored(random_maps(rng, np.ones(n, bool), JITTER), rng.random(n) < 0.5)
        first, second = (
            transforms(within(maps[rows], jitter), SIDE, self._view) for maps in (labels.maps, labels.other_maps)
        )
        crops, others = self._faces.pixels[face], self._faces.pixels[other]
        stored_again(rng, crops)
        changes = random_changes(rng, n).arrays()
        return Batch(crops, first, others, second, labels.share[rows], changes, self._targets[rows])

    def ahead(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """The batches of steps ``first`` to ``last - 1``, with their numbers."""
        made: queue.Queue[tuple[int, Batch] | BaseException | None] = queue.Queue(AHEAD)
        stop = threading.Event()

        def put(item: tuple[int, Batch] | BaseException | None) -> None:
            while not stop.is_set():
                try:
                    return made.put(item, timeout=0.5)
                except queue.Full:
                    continue

        def work() -> None:
            try:
                for step in range(first, last):
                    if stop.is_set():
                        return
                    put((step, self.batch(step)))
                put(None)
            except BaseException as error:  # it is the reader's to see
                put(error)

        threading.Thread(target=work, name="batches", daemon=True).start()
        try:
            while (item := made.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
