"""Labelled folders as embeddings, through the cache that evaluations keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from facenet_core.config import load_settings
from facenet_core.engine import FaceEngine
from facenet_core.evaluation import FaceCache, embed_photos, read_folders


def embeddings(folder: Path, *, centred: bool) -> tuple[FaceEngine, NDArray[np.float32], NDArray[np.int64]]:
    """Embeds the prominent face of every photo of labelled folders with the installed model.

    Args:
        folder: Holds a folder for each person.
        centred: Whether the mean embedding is taken away, as the app does.

    Returns:
        The engine; the embeddings, shape ``(n, d)``; the person of each, from 0.
    """
    settings = load_settings()
    engine = FaceEngine.load(settings)
    if not centred:
        engine.centre = None
    folders = read_folders(folder)
    with FaceCache(settings.db / "cache" / "faces.sqlite") as cache:
        embedded = embed_photos(
            engine, folders.photos, cache, progress=lambda photos: tqdm(photos, unit=" photo", mininterval=5)
        )
    person = np.unique(folders.person[embedded.found], return_inverse=True)[1]
    return engine, embedded.embeddings[embedded.found], person.astype(np.int64)
