"""deepface as a process of its own, which times what it is told to do.

Reads a line of JSON for each request from standard input and answers with one:
seconds, and what was found. Weights are expected where deepface looks for them,
under DEEPFACE_HOME.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version

BEGAN = time.perf_counter()

import numpy as np  # noqa: E402  # the import is part of a cold start
from deepface import DeepFace  # noqa: E402  # as above

MODEL, DETECTOR = "Facenet512", "mtcnn"


def represent(photo: str) -> int:
    """Every face of a photo; how many there are."""
    found = DeepFace.represent(photo, model_name=MODEL, detector_backend=DETECTOR, enforce_detection=False)
    return len(found)


def verify(first: str, second: str) -> float:
    """The distance of two photos' faces."""
    found = DeepFace.verify(
        first,
        second,
        model_name=MODEL,
        detector_backend=DETECTOR,
        enforce_detection=False,
        distance_metric="euclidean_l2",
    )
    return float(found["distance"])


def forward(faces: int) -> int:
    """So many crops through the network, one after another, as deepface does."""
    model = DeepFace.build_model(MODEL)
    crops = np.random.default_rng(0).uniform(0, 1, (faces, 160, 160, 3)).astype(np.float32)
    for crop in crops:
        model.forward(crop[np.newaxis])
    return faces


def album(*photos: str) -> int:
    """Photos one after another; how many faces they show."""
    return sum(represent(photo) for photo in photos)


def memory() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def versions() -> dict[str, str]:
    """What is at work."""
    return {name: version(name) for name in ("deepface", "tensorflow", "keras", "mtcnn")}


ACTIONS = {
    "represent": represent,
    "verify": verify,
    "forward": forward,
    "album": album,
    "memory": memory,
    "versions": versions,
}


def main() -> None:
    """Answers until there are no more requests."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        began = BEGAN if request.get("cold") else time.perf_counter()
        found = ACTIONS[request["do"]](*request["given"])
        print(json.dumps({"seconds": time.perf_counter() - began, "found": found}), file=answers, flush=True)


if __name__ == "__main__":
    main()
