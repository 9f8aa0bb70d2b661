"""A client of the REST API, for other Python programs.

::

    with Client("http://127.0.0.1:8000", key="fnk_...") as faces:
        faces.add_person("Grace Hopper", [Path("grace.jpg")])
        print(faces.verify(Path("visitor.jpg"), "Grace Hopper").outcome)
"""

from __future__ import annotations

from facenet_core.client.connection import ApiError, Photo
from facenet_core.client.questions import Client

__all__ = ["ApiError", "Client", "Photo"]
