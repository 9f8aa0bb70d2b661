"""Evaluation: how well the model and its thresholds do on labelled photos, from photos to error rates.

::

    from facenet_core import FaceService
    from facenet_core.evaluation import FaceCache, evaluate_folders, read_folders

    with FaceCache(Path("faces.sqlite")) as cache:
        report = evaluate_folders(FaceService().engine, read_folders(Path("people")), cache)
    print(report.rates.eer)
"""

from __future__ import annotations

from facenet_core.evaluation.cache import CacheError, FaceCache, PhotoFaces, forget
from facenet_core.evaluation.comparisons import Comparisons, Weights
from facenet_core.evaluation.embeddings import Embedded, Failure, Limits, Progress, embed_photos
from facenet_core.evaluation.figure import draw
from facenet_core.evaluation.folders import Folders, read_folders
from facenet_core.evaluation.openset import OpenSet, Searches, Spread, Thresholds
from facenet_core.evaluation.pairs import Pairs, read_pairs
from facenet_core.evaluation.reports import FoldersReport, PairsReport, evaluate_folders, evaluate_pairs
from facenet_core.evaluation.verification import AtThreshold, ErrorRates, OperatingPoint, Rate

__all__ = [
    "AtThreshold",
    "CacheError",
    "Comparisons",
    "Embedded",
    "ErrorRates",
    "FaceCache",
    "Failure",
    "Folders",
    "FoldersReport",
    "Limits",
    "OpenSet",
    "OperatingPoint",
    "Pairs",
    "PairsReport",
    "PhotoFaces",
    "Progress",
    "Rate",
    "Searches",
    "Spread",
    "Thresholds",
    "Weights",
    "draw",
    "embed_photos",
    "evaluate_folders",
    "evaluate_pairs",
    "forget",
    "read_folders",
    "read_pairs",
]
