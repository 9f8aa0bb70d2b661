"""Bulk work on a Dask cluster: many photos are analysed elsewhere, and what is found is written here.

Dask is imported when a cluster is asked for, and no sooner.
"""

from __future__ import annotations

from facenet_core.cluster.address import LOCAL, checked
from facenet_core.cluster.workers import Workers

__all__ = ["LOCAL", "Workers", "checked"]
