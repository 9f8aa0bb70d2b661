"""Has the workers load the model before they are given photos: those that are there, and those that come later.

The one module that imports Dask: this one is imported by workers, and by
:mod:`facenet_core.cluster.workers` once a cluster was asked for.
"""

from __future__ import annotations

import asyncio

from distributed import Worker, WorkerPlugin

from facenet_core.cluster.batches import loaded
from facenet_core.cluster.recipe import Recipe


class Preload(WorkerPlugin):  # type: ignore[misc]  # of Dask, which has few types
    """Loads an engine when a worker starts, or when it is told to.

    Args:
        recipe: The engine.
    """

    name = "facenet-engine"
    """One for all: new workers load what was asked for last, and anything else with its first task."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    async def setup(self, worker: Worker) -> None:
        """Loads it beside the worker's event loop, which has to answer meanwhile.

        Raises:
            ModelError: If this worker has no such engine.
        """
        await asyncio.to_thread(loaded, self._recipe)
