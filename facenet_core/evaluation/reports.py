"""Whole evaluations: from photos to error rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facenet_core.calibration import IDENTIFY_FPIR, VERIFY_FMR, each_of
from facenet_core.engine import FaceEngine
from facenet_core.errors import InputError
from facenet_core.evaluation.cache import FaceCache
from facenet_core.evaluation.comparisons import Comparisons
from facenet_core.evaluation.embeddings import Embedded, Limits, Progress, embed_photos
from facenet_core.evaluation.folders import Folders
from facenet_core.evaluation.openset import OpenSet, OpenSets, Thresholds, gallery_sizes
from facenet_core.evaluation.pairs import Pairs
from facenet_core.evaluation.verification import ErrorRates, error_rates
from facenet_core.metrics import Accuracy, Distances, cross_validated, threshold_at
from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.types import Threshold


@dataclass(frozen=True, slots=True)
class PairsReport:
    """What came of a pairs file.

    Attributes:
        pairs: The file.
        embedded: Its photos, with those that failed.
        accuracy: By LFW's protocol; None if there is one fold only.
        rates: Error rates.
    """

    pairs: Pairs
    embedded: Embedded
    accuracy: Accuracy | None
    rates: ErrorRates


@dataclass(frozen=True, slots=True)
class FoldersReport:
    """What came of labelled folders.

    Attributes:
        folders: The folders.
        embedded: Their photos, with those that failed.
        rates: Error rates over all pairs of photos.
        thresholds: What searches were held against.
        open_sets: 1:N, for each size of gallery.
        left_out: Sizes that could not be simulated, and why.
    """

    folders: Folders
    embedded: Embedded
    rates: ErrorRates
    thresholds: Thresholds
    open_sets: tuple[OpenSet, ...]
    left_out: tuple[tuple[int, str], ...]


def evaluate_pairs(
    engine: FaceEngine,
    pairs: Pairs,
    cache: FaceCache | None = None,
    *,
    threshold: Threshold | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    analyse: Analyser = analyse_here,
) -> PairsReport:
    """Runs LFW's protocol end to end, from photos.

    Args:
        engine: Detects and embeds.
        pairs: From :func:`facenet_core.evaluation.read_pairs`.
        cache: Where embeddings are kept.
        threshold: The app's, for the error rates there.
        limits: For reading photos.
        progress: See :data:`facenet_core.evaluation.Progress`.
        analyse: Where photos are analysed.

    Raises:
        ClusterError: If photos are analysed on a cluster, and that is gone.
        InputError: If no mated, or no non-mated pair could be compared.
    """
    embedded = embed_photos(engine, pairs.photos, cache, limits=limits, progress=progress, analyse=analyse)
    first, second = (embedded.embeddings[pairs.pairs[:, side]].astype(np.float64) for side in (0, 1))
    between = np.linalg.norm(first - second, axis=1)
    between[np.isnan(between)] = np.inf
    comparisons = _compared(Comparisons.listed(between, pairs.people), embedded)
    accuracy = None
    if pairs.folds.any():
        accuracy = cross_validated(between, pairs.mated, pairs.folds)
    return PairsReport(pairs, embedded, accuracy, error_rates(comparisons, threshold))


def evaluate_folders(
    engine: FaceEngine,
    folders: Folders,
    cache: FaceCache | None = None,
    *,
    threshold: Threshold | None = None,
    thresholds: Thresholds | None = None,
    galleries: Sequence[int] = (),
    photos_per_person: int = 1,
    limits: Limits | None = None,
    progress: Progress | None = None,
    analyse: Analyser = analyse_here,
) -> FoldersReport:
    """Measures 1:1 over all pairs of labelled photos, and open-set 1:N.

    Args:
        engine: Detects and embeds.
        folders: From :func:`facenet_core.evaluation.read_folders`.
        cache: Where embeddings are kept.
        threshold: The app's 1:1 threshold, for the error rates there.
        thresholds: The app's for searches; None measures them on these photos.
        galleries: People enrolled in 1:N; half of them if empty.
        photos_per_person: With how many photos each.
        limits: For reading photos.
        progress: See :data:`facenet_core.evaluation.Progress`.
        analyse: Where photos are analysed.

    Raises:
        ClusterError: If photos are analysed on a cluster, and that is gone.
        InputError: If no mated, or no non-mated pair could be compared.
    """
    embedded = embed_photos(engine, folders.photos, cache, limits=limits, progress=progress, analyse=analyse)
    matrix = embedded.matrix()
    comparisons = _compared(Comparisons.of_all(matrix, folders.person), embedded)
    simulated = OpenSets(folders, embedded, matrix, photos_per_person)
    thresholds = thresholds or measured_thresholds(comparisons.non_mated)
    sizes = dict(gallery_sizes(galleries or [max(len(folders.people) // 2, 1)], simulated.largest))
    return FoldersReport(
        folders,
        embedded,
        error_rates(comparisons, threshold),
        thresholds,
        tuple(simulated.measure(size, thresholds) for size, problem in sizes.items() if not problem),
        tuple((size, problem) for size, problem in sizes.items() if problem),
    )


def measured_thresholds(non_mated: Distances) -> Thresholds:
    """Thresholds for the app's own targets, from the comparisons at hand.

    Args:
        non_mated: Sorted, rising.
    """

    def verify(templates: int) -> float:
        return threshold_at(non_mated, each_of(VERIFY_FMR, templates))

    def identify(templates: int, of_person: int) -> float:
        return min(threshold_at(non_mated, each_of(IDENTIFY_FPIR, templates)), verify(of_person))

    return Thresholds(identify, verify(1), "measured on these same photos, so that FPIR is near its target of itself")


def _compared(comparisons: Comparisons, embedded: Embedded) -> Comparisons:
    for kind, distances in (("mated", comparisons.mated), ("non-mated", comparisons.non_mated)):
        if not np.isfinite(distances).any():
            why = (
                f" The first: {embedded.failures[0].photo}: {embedded.failures[0].reason}" if embedded.failures else ""
            )
            raise InputError(
                f"No {kind} comparison could be made: {len(embedded.failures):,} of {len(embedded.paths):,} photos "
                f"gave no face.{why}"
            )
    return comparisons
