from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from facenet_core import images
from facenet_core.enrolment import STORED_LONG_SIDE
from facenet_core.service import FaceService
from facenet_core.store import open_archive
from facenet_core.types import Photo

pytestmark = pytest.mark.real

HOPPER = Path(__file__).parents[2] / "images" / "Grace_Hopper.jpg"


@pytest.fixture
def malformed(data: Path) -> Path:
    """A photo of the web whose EXIF block is damaged."""
    return data / "album-athletes" / "serena_williams" / "232.jpg"


def test_the_malformed_photo_is_one_that_pillow_alone_fails_on(malformed: Path) -> None:
    with Image.open(malformed) as image, pytest.raises(SyntaxError, match="not a TIFF file"):
        ImageOps.exif_transpose(image)


def test_a_photo_with_malformed_exif_is_enrolled_and_recognised(empty: FaceService, malformed: Path) -> None:
    analysis = empty.prepare_enrolment(malformed.read_bytes(), malformed.name)
    assert empty.enrol("Serena Williams", analysis, face=analysis.prominent + 1).accepted
    seen = empty.analyse(empty.photo(malformed.read_bytes(), malformed.name))
    (answer,) = [found for found in empty.identify(seen) if found.matched]  # nobody else in the crowd is taken for her
    assert answer.face is seen.faces[seen.prominent]
    assert answer.candidates[0].distance < 0.2
    assert len(seen.faces) > 1


def test_the_stored_photo_gives_the_embedding_that_was_enrolled(empty: FaceService, malformed: Path) -> None:
    for name, path in (("Serena Williams", malformed), ("Grace Hopper", HOPPER)):
        analysis = empty.prepare_enrolment(path.read_bytes(), path.name)
        empty.enrol(name, analysis, face=analysis.prominent + 1)
        (template,) = empty.repository.person(name).templates
        again = empty.analyse(images.decode(empty.stored_photo(template), "stored"))
        assert max(again.photo.width, again.photo.height) <= STORED_LONG_SIDE
        face = again.faces[again.prominent]
        assert face.detection == template.detection
        np.testing.assert_allclose(face.embedding, template.embedding, atol=1e-5)
        np.testing.assert_array_equal(empty.enrolled_crop(template), face.crop)


def test_a_photo_larger_than_what_is_kept_is_recognised_in_full_size(empty: FaceService) -> None:
    small = Image.open(HOPPER).convert("RGB")
    target = io.BytesIO()
    small.resize((small.width * 5, small.height * 5), Image.Resampling.BICUBIC).save(target, "JPEG", quality=90)
    data = target.getvalue()
    empty.enrol("Grace Hopper", empty.prepare_enrolment(data, "large.jpg"))
    full: Photo = empty.photo(data, "large.jpg")
    assert max(full.width, full.height) == 3000 > STORED_LONG_SIDE
    (answer,) = empty.identify(empty.analyse(full))
    assert answer.matched
    assert answer.candidates[0].distance < 0.2


def test_people_who_were_moved_to_another_machine_are_recognised_there(
    empty: FaceService, malformed: Path, tmp_path: Path
) -> None:
    analysis = empty.prepare_enrolment(malformed.read_bytes(), malformed.name)
    empty.enrol("Serena Williams", analysis, face=analysis.prominent + 1)
    target = io.BytesIO()
    empty.export(target)
    there = FaceService(empty.settings.model_copy(update={"db": tmp_path / "there"}), empty.engine)
    there.import_people(open_archive(target), "merge")
    assert there.outdated() == ()
    answer = there.verify(analysis, "Serena Williams", face=analysis.prominent + 1)
    assert answer.matched
    assert answer.candidate.distance == pytest.approx(0, abs=1e-4)
