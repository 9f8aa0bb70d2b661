from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import (
    DuplicatePhotoError,
    FaceNetError,
    FaceTooSmallError,
    InputError,
    ModelError,
    NoFaceError,
    NoWeightsError,
    PersonExistsError,
    PersonNameError,
    PhotoTooLargeError,
    SeveralFacesError,
    StoreError,
    UnknownPersonError,
)
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Box, EnrolOutcome, EnrolRequest, Person, Template
from tests.fakes import (
    BLACK,
    BLUE,
    DARK_RED,
    GREEN,
    MODEL,
    OTHER_MODEL,
    RED,
    YELLOW,
    Colour,
    fake_engine,
    photo,
)

SOON = 30.0
"""Seconds after which something that should happen at once has failed."""


def enrol(service: FaceService, name: str, *colours: Colour, mark: int = 0, **options: Any) -> EnrolOutcome:
    data = photo(*colours, mark=mark)
    return service.enrol(name, service.prepare_enrolment(data, f"{name}.png"), **options)


def photos(service: FaceService) -> dict[str, int]:
    return {person.name: len(person.templates) for person in service.people()}


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a database, but its lock."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"}


def matches(service: FaceService, colour: Colour, name: str) -> bool:
    return service.verify(service.analyse(service.photo(photo(colour, mark=99), "probe.png")), name).matched


# -- enrolling one photo -------------------------------------------------------------


def test_a_first_photo_makes_a_person(service: FaceService) -> None:
    outcome = enrol(service, "  Ada   Lovelace ", RED)
    (ada,) = service.people()
    assert ada.name == "Ada Lovelace"
    assert outcome == EnrolOutcome(
        "  Ada   Lovelace .png", "Ada Lovelace", True, "enrolled", "Enrolled.", ada.templates[0].id
    )


def test_further_photos_join_the_person_whatever_the_case_of_the_name(service: FaceService) -> None:
    enrol(service, "Ada", RED)
    outcome = enrol(service, "ADA", RED, mark=1)
    assert outcome.person == "Ada"
    assert photos(service) == {"Ada": 2}


def test_a_new_person_or_an_existing_one_can_be_insisted_on(service: FaceService) -> None:
    with pytest.raises(UnknownPersonError):
        enrol(service, "Ada", RED, create=False)
    enrol(service, "Ada", RED, create=True)
    with pytest.raises(PersonExistsError):
        enrol(service, "ada", RED, mark=1, create=True)
    enrol(service, "Ada", RED, mark=2, create=False)
    assert photos(service) == {"Ada": 2}


@pytest.mark.parametrize("name", ["", "   ", "../etc", "a\nb", "x" * 101])
def test_a_name_that_can_not_be_used_is_refused(service: FaceService, name: str) -> None:
    with pytest.raises(PersonNameError):
        enrol(service, name, RED)


@pytest.mark.parametrize(
    ("colours", "error", "words"),
    [
        ((), NoFaceError, "no face was found"),
        ((RED, GREEN), SeveralFacesError, "2 faces were found"),
    ],
)
def test_a_photo_that_does_not_show_one_face_is_refused(
    service: FaceService, colours: tuple[Colour, ...], error: type[FaceNetError], words: str
) -> None:
    with pytest.raises(error, match=words):
        enrol(service, "Ada", *colours)
    assert photos(service) == {}


def test_one_of_several_faces_can_be_enrolled(service: FaceService) -> None:
    enrol(service, "Ada", GREEN, RED, face=2)
    assert matches(service, RED, "Ada")
    assert not matches(service, GREEN, "Ada")


def test_the_smallest_face_is_set_by_the_settings(settings: Settings) -> None:
    service = FaceService(settings.model_copy(update={"min_face_px": 61}), fake_engine())
    with pytest.raises(FaceTooSmallError, match="only 60 pixels wide; at least 61"):
        enrol(service, "Ada", RED)


@pytest.mark.parametrize("name", ["Ada", "Eve"])
def test_a_photo_is_enrolled_once_whoever_it_is_said_to_show(service: FaceService, name: str) -> None:
    enrol(service, "Ada", RED)
    with pytest.raises(DuplicatePhotoError, match="This photo is enrolled already, as Ada") as caught:
        enrol(service, name, RED)
    assert caught.value.person == "Ada"
    assert photos(service) == {"Ada": 1}


def test_a_refused_photo_changes_not_a_byte(service: FaceService, settings: Settings) -> None:
    enrol(service, "Ada", RED)
    before = content(settings.db)
    attempts: list[Callable[[], EnrolOutcome]] = [
        lambda: enrol(service, "Ada"),
        lambda: enrol(service, "Eve", RED),
        lambda: enrol(service, "a/b", GREEN),
        lambda: enrol(service, "Eve", GREEN, create=False),
    ]
    for attempt in attempts:
        with pytest.raises(InputError):
            attempt()
    assert content(settings.db) == before


def test_somebody_who_looks_like_another_person_is_pointed_out_and_enrolled(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    outcome = enrol(service, "Rubina", DARK_RED)
    assert (outcome.accepted, outcome.resembles) == (True, "Ruby")


def test_a_person_may_look_like_themselves(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    assert enrol(service, "Ruby", DARK_RED).resembles is None
    assert enrol(service, "Gus", GREEN).resembles is None


def test_without_a_threshold_nobody_is_said_to_look_like_anybody(settings: Settings) -> None:
    none = {"threshold": None, "identify_threshold": None}
    service = FaceService(settings.model_copy(update=none), fake_engine())
    enrol(service, "Ruby", RED)
    assert enrol(service, "Rubina", DARK_RED).resembles is None


# -- quality -----------------------------------------------------------------------


def given(service: FaceService, name: str, data: bytes, overrule: bool = False) -> EnrolOutcome:
    """What becomes of a photo among others."""
    (outcome,) = service.enrol_many([EnrolRequest(name, "a.png", data, overrule=overrule)])
    return outcome


@pytest.mark.parametrize(
    ("poor", "code", "advice"),
    [
        (photo(RED, blurred=True), "blurred", "Hold the camera still"),
        (photo(BLACK), "dark", "more light on the face"),
    ],
    ids=["blurred", "dark"],
)
def test_a_poor_photo_is_refused_with_advice_and_enrolled_when_overruled(
    service: FaceService, poor: bytes, code: str, advice: str
) -> None:
    refused = given(service, "Ada", poor)
    assert (refused.accepted, refused.code, refused.flaws) == (False, "poor_photo", (code,))
    assert refused.reason.startswith(f"the face is {code}.")
    assert advice in refused.reason
    assert photos(service) == {}

    accepted = given(service, "Ada", poor, overrule=True)
    assert (accepted.accepted, accepted.code, accepted.flaws) == (True, "enrolled", (code,))
    assert accepted.warnings == (refused.reason,)
    assert photos(service) == {"Ada": 1}


def test_a_small_face_is_enrolled_with_a_warning(service: FaceService) -> None:
    outcome = given(service, "Ada", photo(RED, side=25))
    assert (outcome.accepted, outcome.flaws) == (True, ("small",))
    (warning,) = outcome.warnings
    assert "25 pixels wide" in warning
    assert "larger or closer photo" in warning


def test_a_good_photo_has_no_warnings(service: FaceService) -> None:
    outcome = given(service, "Ada", photo(RED))
    assert (outcome.flaws, outcome.warnings) == ((), ())


@pytest.mark.parametrize("data", [photo(), photo(RED, GREEN), photo(RED, side=20)], ids=["none", "two", "tiny"])
def test_a_photo_without_one_face_of_some_size_can_not_be_forced_in(service: FaceService, data: bytes) -> None:
    assert not given(service, "Ada", data, overrule=True).accepted
    assert photos(service) == {}


def test_a_photo_of_somebody_else_is_refused_for_this_person(service: FaceService) -> None:
    enrol(service, "Ada", RED)
    refused = given(service, "ada", photo(GREEN))
    assert (refused.accepted, refused.flaws) == (False, ("unlike_others",))
    assert re.match(
        r"the face does not look like Ada's other photos \(1\.\d\d from the closest; up to 0\.50 it may be the same "
        r"person\)\. Check that it is the right photo",
        refused.reason,
    )
    assert given(service, "Ada", photo(GREEN), overrule=True).flaws == ("unlike_others",)
    assert photos(service) == {"Ada": 2}
    assert given(service, "Ada", photo(GREEN, mark=1)).accepted  # it looks like one of the two now


def test_a_photo_is_held_against_photos_of_the_same_model_only(settings: Settings) -> None:
    enrol(FaceService(settings, fake_engine(OTHER_MODEL)), "Ada", RED)
    assert given(FaceService(settings, fake_engine()), "Ada", photo(GREEN)).accepted


def test_without_a_threshold_no_photo_is_said_to_show_somebody_else(settings: Settings) -> None:
    service = FaceService(settings.model_copy(update={"threshold": None}), fake_engine())
    enrol(service, "Ada", RED)
    assert given(service, "Ada", photo(GREEN)).accepted


def test_a_photo_that_is_enrolled_already_is_called_that_and_not_poor(service: FaceService) -> None:
    enrol(service, "Ada", RED)
    assert given(service, "Bob", photo(GREEN)).accepted
    assert given(service, "Ada", photo(GREEN)).code == "duplicate_photo"


def test_a_face_like_somebody_else_s_is_a_warning_that_says_what_to_do(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    (warning,) = given(service, "Rubina", photo(DARK_RED)).warnings
    assert warning.startswith("the face looks like Ruby (0.07 apart). If they are one person, remove one of the two")


def test_whom_a_face_resembles_is_held_against_the_threshold_of_a_search(settings: Settings) -> None:
    service = FaceService(settings.model_copy(update={"identify_threshold": 0.01}), fake_engine())
    enrol(service, "Ruby", RED)
    assert enrol(service, "Rubina", DARK_RED).resembles is None


def test_renewing_drops_no_photo_for_its_quality(settings: Settings) -> None:
    before = FaceService(settings, fake_engine(OTHER_MODEL))
    given(before, "Ada", photo(RED, blurred=True), overrule=True)
    given(before, "Ada", photo(GREEN), overrule=True)
    service = FaceService(settings, fake_engine())
    assert [outcome.code for outcome in service.renew()] == ["renewed", "renewed"]
    assert photos(service) == {"Ada": 2}


def test_a_poor_photo_among_the_first_ones_is_left_out_and_tried_once(service: FaceService) -> None:
    service.settings.images_dir.mkdir()
    (service.settings.images_dir / "Ada.png").write_bytes(photo(RED, blurred=True))
    assert [outcome.code for outcome in service.enrol_first_photos()] == ["poor_photo"]
    assert service.enrol_first_photos() == []


def test_the_outcome_names_the_new_photo_even_when_another_one_is_dated_later(service: FaceService) -> None:
    enrol(service, "Ada", RED)
    (ada,) = service.people()
    later = replace(ada.templates[0], created_at=datetime.now(UTC) + timedelta(days=1))
    service.repository.import_people(
        [Person(ada.id, ada.name, ada.created_at, (later,))], service.repository.photos.read, "replace"
    )
    outcome = enrol(service, "Ada", RED, mark=1)
    named = {template.id: template.source_name for template in service.people()[0].templates}
    assert outcome.template_id != later.id
    assert outcome.template_id in named


def test_several_threads_enrol_without_losing_anybody(service: FaceService) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda mark: enrol(service, f"P{mark % 3}", RED, mark=mark), range(12)))
    assert photos(service) == {"P0": 4, "P1": 4, "P2": 4}


def test_a_photo_larger_than_the_settings_allow_is_refused(settings: Settings) -> None:
    service = FaceService(settings.model_copy(update={"max_upload_mb": 1, "max_pixels": 10_000}), fake_engine())
    with pytest.raises(PhotoTooLargeError, match="1,048,576"):
        service.photo(bytes(2**20 + 1), "huge.png")
    with pytest.raises(PhotoTooLargeError, match="10,000 in all"):
        service.prepare_enrolment(photo(RED), "large.png")


# -- enrolling many ----------------------------------------------------------------------


def request(person: str, *colours: Colour, mark: int = 0, data: bytes | None = None) -> EnrolRequest:
    return EnrolRequest(person, f"{person}.png", photo(*colours, mark=mark) if data is None else data)


def test_one_refused_photo_does_not_stop_the_rest(service: FaceService) -> None:
    outcomes = list(
        service.enrol_many(
            [
                request("Ada", RED),
                request("Nobody"),
                request("Broken", data=b"\xff\xd8\xff broken"),
                request("Eve", RED),
                request("a/b", GREEN),
                request("Two", RED, GREEN),
                request("Gus", GREEN),
            ]
        )
    )
    assert [(o.person, o.accepted, o.code) for o in outcomes] == [
        ("Ada", True, "enrolled"),
        ("Nobody", False, "no_face"),
        ("Broken", False, "not_a_photo"),
        ("Eve", False, "duplicate_photo"),
        ("a/b", False, "person_name"),
        ("Two", False, "several_faces"),
        ("Gus", True, "enrolled"),
    ]
    assert outcomes[1].reason.startswith("no face was found.")  # the photo's name stands beside it
    assert photos(service) == {"Ada": 1, "Gus": 1}


def test_outcomes_come_one_by_one_and_stopping_keeps_what_is_done(service: FaceService) -> None:
    outcomes = service.enrol_many(request(name, RED, mark=mark) for mark, name in enumerate(["Ada", "Ben", "Cy"]))
    assert next(iter(outcomes)).person == "Ada"
    assert photos(service) == {"Ada": 1}


def test_a_face_chosen_beforehand_is_the_one_enrolled(service: FaceService) -> None:
    (outcome,) = service.enrol_many([EnrolRequest("Ada", "us.png", photo(GREEN, RED), 2)])
    assert outcome.accepted
    assert matches(service, RED, "Ada")


def test_a_face_known_by_its_place_is_the_one_enrolled_or_none(service: FaceService) -> None:
    red, nobody = Box(112, 28, 170, 92), Box(60, 28, 120, 92)
    requests = [EnrolRequest("Ada", "us.png", photo(GREEN, RED), box=box) for box in (nobody, red)]
    refused, enrolled = service.enrol_many(requests)
    assert (refused.code, enrolled.accepted) == ("no_face", True)
    assert "not found in this photo again" in refused.reason
    assert matches(service, RED, "Ada")


def test_analyses_made_before_are_used_again(service: FaceService) -> None:
    asked: list[str] = []

    def remembered(data: bytes, name: str) -> Analysis:
        asked.append(name)
        return service.prepare_enrolment(data, name)

    assert all(o.accepted for o in service.enrol_many([request("Ada", RED)], remembered))
    assert asked == ["Ada.png"]


def test_without_a_model_no_photo_is_blamed(settings: Settings) -> None:
    service = FaceService(settings)
    with pytest.raises(NoWeightsError, match="No face model is installed"):
        list(service.enrol_many([request("Ada", RED)]))


# -- the first photos ----------------------------------------------------------------------


@pytest.fixture
def folder(settings: Settings) -> Path:
    """The images folder, with Ada (red) and Gus (green)."""
    settings.images_dir.mkdir()
    (settings.images_dir / "Ada_Lovelace.png").write_bytes(photo(RED))
    (settings.images_dir / "Gus").mkdir()
    (settings.images_dir / "Gus" / "1.png").write_bytes(photo(GREEN))
    return settings.images_dir


@pytest.mark.usefixtures("folder")
def test_the_first_photos_are_enrolled_under_the_names_of_files_and_folders(service: FaceService) -> None:
    assert [(o.photo, o.person, o.code) for o in service.enrol_first_photos()] == [
        ("Ada_Lovelace.png", "Ada Lovelace", "enrolled"),
        ("1.png", "Gus", "enrolled"),
    ]
    assert photos(service) == {"Ada Lovelace": 1, "Gus": 1}


@pytest.mark.usefixtures("folder")
def test_each_first_photo_is_tried_once(service: FaceService, settings: Settings) -> None:
    service.enrol_first_photos()
    before = content(settings.db)
    assert service.enrol_first_photos() == []
    assert FaceService(settings, fake_engine()).enrol_first_photos() == []
    assert content(settings.db) == before


def test_a_changed_or_added_file_is_tried_again(service: FaceService, folder: Path) -> None:
    service.enrol_first_photos()
    (folder / "Ada_Lovelace.png").write_bytes(photo(RED, mark=1))
    (folder / "Bo.png").write_bytes(photo(BLUE))
    assert [o.person for o in service.enrol_first_photos()] == ["Ada Lovelace", "Bo"]
    assert photos(service) == {"Ada Lovelace": 2, "Bo": 1, "Gus": 1}


def test_a_removed_person_does_not_come_back(service: FaceService, folder: Path) -> None:
    service.enrol_first_photos()
    service.repository.remove_person(service.repository.person("Gus").id)
    (folder / "Gus" / "1.png").rename(folder / "Gus" / "2.png")  # the same photo under another name
    assert service.enrol_first_photos() == []
    assert photos(service) == {"Ada Lovelace": 1}


def test_a_first_photo_that_is_refused_is_reported_once_and_the_rest_enrolled(
    service: FaceService, folder: Path
) -> None:
    (folder / "Aaron.png").write_bytes(photo())
    (folder / "Broken.jpg").write_bytes(b"no photo")
    outcomes = service.enrol_first_photos()
    assert [(o.person, o.code) for o in outcomes if not o.accepted] == [
        ("Aaron", "no_face"),
        ("Broken", "not_a_photo"),
    ]
    assert sum(o.accepted for o in outcomes) == 2
    assert service.enrol_first_photos() == []


def test_a_first_photo_that_can_not_be_read_is_tried_again_later(
    service: FaceService, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def opened(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == "Ada_Lovelace.png":
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    assert [(o.person, o.code, o.reason) for o in service.enrol_first_photos()] == [
        ("Ada Lovelace", "not_a_photo", "This file can't be read (Permission denied)."),
        ("Gus", "enrolled", "Enrolled."),
    ]
    monkeypatch.undo()
    assert [o.person for o in service.enrol_first_photos()] == ["Ada Lovelace"]
    assert folder.is_dir()


def test_a_file_name_that_is_no_text_does_not_stop_the_rest(service: FaceService, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/Andr\xe9.png")).write_bytes(photo(BLUE))
    outcomes = service.enrol_first_photos()
    assert [o.code for o in outcomes] == ["enrolled", "person_name", "enrolled"]
    assert outcomes[1].photo == "Andr?.png"
    assert service.enrol_first_photos() == []


def test_an_images_folder_that_is_not_there_is_no_error(service: FaceService) -> None:
    assert service.enrol_first_photos() == []


def test_a_first_photo_larger_than_allowed_is_refused_like_any_other(settings: Settings, folder: Path) -> None:
    service = FaceService(settings.model_copy(update={"max_upload_mb": 1}), fake_engine())
    (folder / "Big.png").write_bytes(photo(BLUE) + bytes(2**20))
    assert {o.person: o.code for o in service.enrol_first_photos()}["Big"] == "photo_too_large"


# -- in the background -----------------------------------------------------------------------


def finished(service: FaceService) -> str:
    """The state after the threads that start() and reload() began have ended."""
    for thread in threading.enumerate():
        if thread.name in ("first-photos", "engine-loader"):
            thread.join(SOON)
            assert not thread.is_alive()
    return service.state.status


@pytest.mark.usefixtures("folder")
def test_starting_loads_the_model_and_enrols_the_first_photos(service: FaceService) -> None:
    assert service.state.status == "idle"
    service.start()
    assert finished(service) == "ready"
    assert photos(service) == {"Ada Lovelace": 1, "Gus": 1}


@pytest.mark.usefixtures("folder")
def test_the_model_is_ready_while_the_first_photos_are_being_enrolled(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    real = service.enrol_first_photos

    def slowly() -> list[EnrolOutcome]:
        begun.set()
        assert may_end.wait(SOON)
        return real()

    monkeypatch.setattr(service, "enrol_first_photos", slowly)
    service.start()
    assert begun.wait(SOON)
    assert service.engine.model_id == MODEL
    assert service.state.status == "enrolling"
    may_end.set()
    assert finished(service) == "ready"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what loading a model gives, call by call."""

    def results(*given: FaceEngine | FaceNetError) -> None:
        left: Iterator[FaceEngine | FaceNetError] = iter(given)

        def load(settings: Settings) -> FaceEngine:
            result = next(left)
            if isinstance(result, FaceNetError):
                raise result
            return result

        monkeypatch.setattr(FaceEngine, "load", load)

    return results


@pytest.mark.usefixtures("folder")
def test_the_first_photos_wait_for_a_model_that_arrives_later(
    settings: Settings, loads: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    loads(NoWeightsError("No face model is installed."), fake_engine())
    service = FaceService(settings)
    with caplog.at_level(logging.WARNING):
        service.start()
        assert finished(service) == "no_weights"
    assert service.state.message == "No face model is installed."
    assert "were not enrolled: No face model is installed." in caplog.text
    assert photos(service) == {}
    service.reload()
    assert finished(service) == "ready"
    assert photos(service) == {"Ada Lovelace": 1, "Gus": 1}


@pytest.mark.usefixtures("folder")
def test_a_service_that_was_never_started_does_nothing_in_the_background(service: FaceService) -> None:
    service.reload()
    assert finished(service) == "ready"
    assert photos(service) == {}


def test_something_can_be_done_around_the_loading_of_a_model(settings: Settings) -> None:
    done: list[str] = []

    @contextmanager
    def around() -> Iterator[None]:
        done.append(threading.current_thread().name)
        yield
        done.append("afterwards")

    class Warmed(FaceEngine):
        def warm(self) -> None:
            done.append("model")

    ready = fake_engine()
    service = FaceService(settings, Warmed(ready.detector, ready.embedder), around)
    assert done == []
    assert service.engine.model_id == MODEL
    assert done == ["engine-loader", "model", "afterwards"]


def test_making_a_service_touches_no_file(settings: Settings, tmp_path: Path) -> None:
    service = FaceService(settings)
    assert service.state.status == "idle"
    assert list(tmp_path.iterdir()) == []


def test_a_model_chosen_on_the_page_is_used_unless_the_environment_chooses(
    settings: Settings, loads: Callable[..., None], tmp_path: Path
) -> None:
    loads(fake_engine(), fake_engine(OTHER_MODEL))
    service = FaceService(settings)
    assert (service.engine.model_id, service.model_setting.model) == (MODEL, None)
    service.choose_model("20170512-110547")
    assert (service.engine.model_id, service.model_setting.model) == (OTHER_MODEL, "20170512-110547")
    for chosen in ({"model": "mine"}, {"weights": tmp_path / "w.h5"}):
        settled = FaceService(settings.model_copy(update=chosen))
        assert settled.model_setting == settled.settings


# -- what is kept ------------------------------------------------------------------------------


def test_an_enrolled_face_can_be_shown_as_the_model_saw_it(service: FaceService) -> None:
    analysis = service.prepare_enrolment(photo(GREEN, RED), "us.png")
    service.enrol("Ada", analysis, face=2)
    (template,) = service.people()[0].templates
    np.testing.assert_array_equal(service.enrolled_crop(template), analysis.faces[1].crop)
    stored = service.photo(service.stored_photo(template), "stored")
    np.testing.assert_array_equal(stored.pixels, analysis.photo.pixels)


def test_an_enrolled_face_is_shown_in_the_size_of_the_model_that_saw_it(settings: Settings) -> None:
    small = FaceService(settings, fake_engine(replace(MODEL, preprocessing="fake-margin25-squash96+aligned-fixed")))
    enrol(small, "Ada", RED)
    service = FaceService(settings, fake_engine())
    (template,) = service.people()[0].templates
    crop = service.enrolled_crop(template)
    assert crop.shape == (96, 96, 3)
    assert crop[48, 48].tolist() == pytest.approx(RED, abs=3)


def test_a_photo_file_that_is_gone_is_named(service: FaceService) -> None:
    enrol(service, "Ada", RED)
    (template,) = service.people()[0].templates
    service.repository.photos.path(template.photo_sha256).unlink()
    with pytest.raises(StoreError, match="this photo is missing"):
        service.enrolled_crop(template)
    assert matches(service, RED, "Ada")  # the template is all that a decision needs


# -- another model -------------------------------------------------------------------------------


@pytest.fixture
def changed(settings: Settings) -> FaceService:
    """Ruby (two photos) and Gus, enrolled with one model and asked about with another."""
    before = FaceService(settings, fake_engine())
    enrol(before, "Ruby", RED)
    enrol(before, "Ruby", DARK_RED)
    enrol(before, "Gus", GREEN)
    return FaceService(settings, fake_engine(OTHER_MODEL))


def test_photos_of_another_model_are_counted_and_renewed(changed: FaceService) -> None:
    assert len(changed.outdated()) == 3
    before = {t.id: (t.created_at, t.source_name) for p in changed.people() for t in p.templates}
    outcomes = list(changed.renew())
    assert [(o.person, o.accepted, o.code) for o in outcomes] == [
        ("Gus", True, "renewed"),
        ("Ruby", True, "renewed"),
        ("Ruby", True, "renewed"),
    ]
    assert {t.id: (t.created_at, t.source_name) for p in changed.people() for t in p.templates} == before
    assert changed.outdated() == ()
    assert matches(changed, RED, "Ruby")
    assert not matches(changed, GREEN, "Ruby")
    assert list(changed.renew()) == []


def test_renewing_that_is_stopped_half_way_changes_not_a_byte(changed: FaceService, settings: Settings) -> None:
    before = content(settings.db)
    renewing = changed.renew()
    assert next(renewing).accepted
    assert next(renewing).accepted
    renewing.close()
    assert content(settings.db) == before


def test_all_renewed_templates_take_their_place_in_one_step(
    changed: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    replace_templates = changed.repository.replace_templates

    def counted(templates: Sequence[Template]) -> int:
        steps.append(len(templates))
        return replace_templates(templates)

    monkeypatch.setattr(changed.repository, "replace_templates", counted)
    for _ in changed.renew():
        assert steps == []
    assert steps == [3]


def test_a_photo_that_can_not_be_renewed_keeps_its_template_and_says_why(changed: FaceService) -> None:
    (gus,) = changed.repository.person("Gus").templates
    changed.repository.photos.path(gus.photo_sha256).unlink()
    outcomes = list(changed.renew())
    assert [(o.person, o.accepted) for o in outcomes] == [("Gus", False), ("Ruby", True), ("Ruby", True)]
    assert "this photo is missing" in outcomes[0].reason
    assert [t.id for t in changed.outdated()] == [gus.id]
    assert changed.repository.person("Gus").templates[0].model_id == MODEL


def test_a_person_who_is_removed_while_templates_are_renewed_stays_removed(changed: FaceService) -> None:
    gus = changed.repository.person("Gus")
    for _ in changed.renew():
        if any(person.id == gus.id for person in changed.people()):
            changed.repository.remove_person(gus.id)
    assert photos(changed) == {"Ruby": 2}
    assert changed.outdated() == ()


def test_photos_of_both_models_can_stand_side_by_side(changed: FaceService) -> None:
    enrol(changed, "Ruby", RED, mark=5)
    assert photos(changed) == {"Gus": 1, "Ruby": 3}
    assert matches(changed, RED, "Ruby")
    assert len(changed.outdated()) == 3


def test_asking_without_a_model_says_what_to_do(settings: Settings) -> None:
    service = FaceService(settings)
    with pytest.raises(ModelError, match="weights fetch"):
        service.analyse(service.photo(photo(YELLOW), "probe.png"))
