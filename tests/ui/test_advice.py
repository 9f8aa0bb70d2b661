from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page(blurred: bool) -> None:
    from facenet_core import images
    from facenet_core.ui import components
    from tests.fakes import RED, fake_engine, photo

    found = fake_engine().analyse(images.decode(photo(RED, blurred=blurred), "door.png"))
    components.advice(found.faces[0])
    components.details(found, found.faces[0])


def shown(blurred: bool) -> AppTest:
    visited = AppTest.from_function(page, kwargs={"blurred": blurred}, default_timeout=60).run()
    assert not visited.exception
    return visited


def test_a_poor_photo_gets_advice() -> None:
    visited = shown(blurred=True)
    (advice,) = visited.info
    assert advice.value.startswith("About this photo: the face is blurred\\. Hold the camera still")
    assert "- Quality: the face is blurred (sharpness 0.00," in visited.markdown[0].value


def test_a_good_photo_needs_none() -> None:
    visited = shown(blurred=False)
    assert not visited.info
    assert "- Quality: nothing to object to (sharpness " in visited.markdown[0].value
