from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facenet_core import shipped
from facenet_core.config import Settings
from facenet_core.errors import ModelError, NoFaceError, NoThresholdError, SettingError, UnknownPersonError
from facenet_core.service import FaceService
from facenet_core.store import Repository
from facenet_core.types import Analysis
from tests.fakes import (
    BLUE,
    DARK_RED,
    GREEN,
    MEASURED,
    MODEL,
    OTHER_MODEL,
    RED,
    THRESHOLD,
    Colour,
    fake_engine,
    photo,
)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds were measured for the fake model."""
    table = {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED}
    monkeypatch.setattr(shipped, "_measured", lambda: table)


@pytest.fixture
def free(settings: Settings) -> Settings:
    """Settings that fix no threshold."""
    return settings.model_copy(update={"threshold": None, "identify_threshold": None})


def probe(service: FaceService, *colours: Colour, mark: int = 99) -> Analysis:
    return service.analyse(service.photo(photo(*colours, mark=mark), "probe.png"))


def enrol(service: FaceService, name: str, *colours: Colour) -> None:
    for mark, colour in enumerate(colours):
        analysis = service.prepare_enrolment(photo(colour, mark=mark), f"{name}-{mark}.png")
        service.enrol(name, analysis, overrule=True)  # colours are people: several are never alike


# -- 1:1 -------------------------------------------------------------------------


def test_a_person_is_welcome_under_their_own_name_and_nobody_elses(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    enrol(service, "Gus", GREEN)
    given = probe(service, DARK_RED)
    welcome, refused = service.verify(given, "ruby"), service.verify(given, "Gus")
    assert welcome.matched
    assert not refused.matched
    assert 0 < welcome.candidate.distance < THRESHOLD < 1 < refused.candidate.distance
    assert (welcome.candidate.person.name, refused.candidate.person.name) == ("Ruby", "Gus")
    assert welcome.probe is given.faces[0]
    assert welcome.model_id == MODEL
    assert welcome.one_in is None  # nothing was measured for the fake model


def test_an_answer_names_the_photo_that_carried_it_and_what_would_be_without(service: FaceService) -> None:
    enrol(service, "Ruby", BLUE, DARK_RED, RED)
    found = service.verify(probe(service, RED), "Ruby").candidate
    assert (found.photo_number, found.template.source_name) == (3, "Ruby-2.png")
    assert found.distance == pytest.approx(0, abs=1e-6)
    assert found.distance_without is not None
    assert 0.01 < found.distance_without < THRESHOLD


def test_a_distance_equal_to_the_threshold_is_a_match(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    given = probe(service, DARK_RED)
    exact = service.verify(given, "Ruby").candidate.distance
    assert service.verify(given, "Ruby", threshold=exact).matched
    assert not service.verify(given, "Ruby", threshold=np.nextafter(exact, 0)).matched


def test_a_face_of_several_can_be_chosen(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    given = probe(service, GREEN, RED)
    assert not service.verify(given, "Ruby", face=1).matched
    assert service.verify(given, "Ruby", face=2).matched
    with pytest.raises(SettingError, match="there is no face 3"):
        service.verify(given, "Ruby", face=3)


def test_a_claim_of_somebody_unknown_lists_similar_names(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    enrol(service, "Rudy", GREEN)
    with pytest.raises(UnknownPersonError, match=r'Nobody called "Ruvy" is enrolled\. Did you mean Rudy or Ruby\?'):
        service.verify(probe(service, RED), "Ruvy")


def test_a_photo_of_nobody_can_not_be_verified(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    with pytest.raises(NoFaceError, match=r"probe\.png: no face was found"):
        service.verify(probe(service), "Ruby")


def test_who_was_enrolled_with_another_model_is_told_apart_from_who_is_unknown(settings: Settings) -> None:
    enrol(FaceService(settings, fake_engine()), "Ruby", RED)
    changed = FaceService(settings, fake_engine(OTHER_MODEL))
    with pytest.raises(UnknownPersonError, match=r"Ruby was enrolled with another model\. Renew the templates first"):
        changed.verify(probe(changed, RED), "Ruby")
    (answer,) = changed.identify(probe(changed, RED))
    assert (answer.matched, answer.candidates) == (False, ())


# -- two photos ---------------------------------------------------------------------


def test_two_photos_are_compared_without_anybody_being_enrolled(service: FaceService) -> None:
    same = service.compare(probe(service, RED), probe(service, DARK_RED))
    other = service.compare(probe(service, RED), probe(service, GREEN))
    assert (same.matched, other.matched) == (True, False)
    assert same.distance < THRESHOLD < other.distance
    assert same.threshold.origin == "fixed"


def test_faces_of_both_photos_can_be_chosen(service: FaceService) -> None:
    first, second = probe(service, RED, GREEN), probe(service, BLUE, RED)
    assert service.compare(first, second, faces=(1, 2)).matched
    assert not service.compare(first, second, faces=(2, 1)).matched


def test_photos_seen_by_different_models_are_never_compared(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    given = probe(service, RED)
    foreign = replace(given, model_id=OTHER_MODEL)
    for ask in (
        lambda: service.compare(given, foreign),
        lambda: service.compare(foreign, given),
        lambda: service.verify(foreign, "Ruby"),
        lambda: service.identify(foreign),
        lambda: service.enrol("Eve", foreign),
    ):
        with pytest.raises(ModelError, match=r"probe\.png: the model was changed meanwhile\. Give the photo again\."):
            ask()
    assert [person.name for person in service.people()] == ["Ruby"]


# -- 1:N ------------------------------------------------------------------------------


def test_every_face_is_named_or_not_in_the_database_from_left_to_right(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    enrol(service, "Gus", GREEN)
    found = service.identify(probe(service, BLUE, DARK_RED, GREEN))
    assert [(i.number, i.matched) for i in found] == [(1, False), (2, True), (3, True)]
    assert [i.candidates[0].person.name for i in found[1:]] == ["Ruby", "Gus"]
    assert {len(i.candidates) for i in found} == {2}
    for answer in found:
        assert [c.distance for c in answer.candidates] == sorted(c.distance for c in answer.candidates)


def test_the_number_of_candidates_can_be_chosen(service: FaceService) -> None:
    for name, colour in (("Ruby", RED), ("Gus", GREEN), ("Bo", BLUE)):
        enrol(service, name, colour)
    (found,) = service.identify(probe(service, RED), top_k=2)
    assert len(found.candidates) == 2


def test_with_nobody_enrolled_a_face_is_not_in_the_database(service: FaceService) -> None:
    (found,) = service.identify(probe(service, RED))
    assert (found.matched, found.candidates, found.one_in) == (False, (), None)


def test_a_photo_of_nobody_has_no_answers(service: FaceService) -> None:
    assert service.identify(probe(service)) == ()


def test_a_removed_person_is_found_by_no_probe_again(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    (before,) = service.identify(probe(service, RED))
    assert before.matched
    service.repository.remove_person(before.candidates[0].person.id)
    (after,) = service.identify(probe(service, RED))
    assert after.candidates == ()
    with pytest.raises(UnknownPersonError):
        service.verify(probe(service, RED), "Ruby")


def test_the_gallery_follows_what_another_process_does(service: FaceService, settings: Settings) -> None:
    elsewhere = FaceService(settings, fake_engine())
    assert len(service.gallery()) == 0
    enrol(elsewhere, "Ruby", RED, DARK_RED)
    assert len(service.gallery()) == 2
    assert service.verify(probe(service, RED), "Ruby").matched
    Repository(settings.db).rename(elsewhere.people()[0].id, "Rubina")
    (found,) = service.identify(probe(service, RED))
    assert found.candidates[0].person.name == "Rubina"


def test_an_unchanged_gallery_is_built_once(service: FaceService) -> None:
    enrol(service, "Ruby", RED)
    assert service.gallery() is service.gallery()


# -- thresholds --------------------------------------------------------------------------


@pytest.mark.usefixtures("measured")
def test_a_threshold_comes_from_the_call_then_the_environment_then_the_database_then_the_measurement(
    free: Settings,
) -> None:
    service = FaceService(free, fake_engine())
    verify, identify = service.verify_threshold(), service.identify_threshold()
    assert verify.origin == identify.origin == "measured"
    assert verify.distance == pytest.approx(0.8)

    service.set_thresholds(verify=0.7, identify=0.6)
    assert (service.verify_threshold().distance, service.identify_threshold().distance) == (0.7, 0.6)
    assert service.verify_threshold().origin == "fixed"

    fixed = FaceService(free.model_copy(update={"threshold": 0.9, "identify_threshold": 0.0}), fake_engine())
    assert (fixed.verify_threshold().distance, fixed.identify_threshold().distance) == (0.9, 0.0)
    assert (fixed.verify_threshold(0.3).distance, fixed.identify_threshold(0.2).distance) == (0.3, 0.2)

    service.set_thresholds(verify=None, identify=None)
    assert (service.verify_threshold(), service.identify_threshold()) == (verify, identify)


@pytest.mark.usefixtures("measured")
def test_the_measured_threshold_of_a_search_falls_as_photos_are_enrolled(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    enrol(service, "Ruby", *[RED] * 11)
    few = service.identify_threshold().distance
    enrol(service, "Gus", GREEN)
    (found,) = service.identify(probe(service, GREEN))
    assert found.threshold == service.identify_threshold()
    assert found.threshold.distance < few
    assert "With 12 enrolled photos" in found.threshold.explanation


@pytest.mark.usefixtures("measured")
def test_nobody_is_named_whom_verify_would_send_away(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    enrol(service, "Ruby", *[RED] * 6)
    given = probe(service, RED)
    (found,) = service.identify(given)
    assert found.threshold == service.verify(given, "Ruby").threshold == service.verify_threshold(templates=6)
    assert found.threshold.distance < service.identify_threshold().distance


@pytest.mark.usefixtures("measured")
def test_targets_move_the_thresholds_until_they_are_the_defaults_again(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    enrol(service, "Ruby", RED)
    verify, identify = service.verify_threshold(), service.identify_threshold()
    service.set_targets(fmr=1e-4, fpir=1e-3)
    assert service.verify_threshold().distance == pytest.approx(0.6)
    assert service.identify_threshold().distance < identify.distance
    service.set_targets(fmr=None, fpir=None)
    assert (service.verify_threshold(), service.identify_threshold()) == (verify, identify)
    environment = FaceService(free.model_copy(update={"target_fmr": 1e-2}), fake_engine())
    assert environment.verify_threshold().distance == pytest.approx(1.0)


@pytest.mark.parametrize(("fmr", "fpir"), [(0.5, None), (1e-9, None), (None, 0.5), (None, 0.0), (float("nan"), None)])
def test_a_target_that_makes_no_sense_is_refused_and_changes_nothing(
    free: Settings, fmr: float | None, fpir: float | None
) -> None:
    service = FaceService(free, fake_engine())
    before = service.targets
    with pytest.raises(SettingError, match="is a rate from"):
        service.set_targets(fmr=fmr, fpir=fpir)
    assert service.targets == before


@pytest.mark.usefixtures("measured")
def test_between_match_and_no_match_the_answer_is_can_not_tell(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    enrol(service, "Ruby", RED)
    given = probe(service, DARK_RED)
    exact = service.verify(given, "Ruby").candidate.distance
    band = replace(MEASURED, distances=(1.4, exact * 1.01, exact / 2, exact / 4))
    key = (MODEL.preprocessing, MODEL.weights_sha256)
    shipped._measured()[key] = band
    try:
        claim, (found,) = service.verify(given, "Ruby"), service.identify(given)
    finally:
        shipped._measured()[key] = MEASURED
    assert (claim.outcome, claim.matched) == ("inconclusive", False)
    assert (found.outcome, found.matched) == ("inconclusive", False)
    assert found.candidates[0].person.name == "Ruby"
    assert service.verify(given, "Ruby", threshold=exact / 2).outcome == "no_match"


@pytest.mark.usefixtures("measured")
def test_an_answer_tells_how_many_strangers_look_alike_whatever_threshold_was_set(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    enrol(service, "Ruby", RED)
    given = probe(service, DARK_RED)
    for threshold in (None, 0.01):
        assert str(service.verify(given, "Ruby", threshold=threshold).one_in) == "fewer than 1 in 1,000,000"
    (found,) = service.identify(probe(service, GREEN))
    assert found.one_in is not None
    assert found.one_in.strangers < 100


def test_a_model_that_was_never_measured_asks_for_a_threshold(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    enrol(service, "Ruby", RED)
    given = probe(service, RED)
    for ask in (
        lambda: service.verify(given, "Ruby"),
        lambda: service.identify(given),
        lambda: service.compare(given, given),
    ):
        with pytest.raises(NoThresholdError, match="FACENET_THRESHOLD"):
            ask()
    assert service.verify(given, "Ruby", threshold=0.5).one_in is None


@pytest.mark.parametrize("value", [-0.1, 2.1, float("nan")])
def test_a_threshold_out_of_range_is_neither_used_nor_stored(service: FaceService, value: float) -> None:
    enrol(service, "Ruby", RED)
    with pytest.raises(SettingError):
        service.verify(probe(service, RED), "Ruby", threshold=value)
    with pytest.raises(SettingError):
        service.set_thresholds(verify=0.4, identify=value)
    assert service.repository.settings() == {}


def test_a_setting_stored_by_another_process_is_followed(free: Settings) -> None:
    service = FaceService(free, fake_engine())
    elsewhere = FaceService(free, fake_engine())
    elsewhere.set_thresholds(verify=0.7, identify=None)
    assert service.verify_threshold().distance == 0.7
    elsewhere.set_thresholds(verify=0.6, identify=None)
    assert service.verify_threshold().distance == 0.6


def test_asking_writes_nothing(service: FaceService, settings: Settings) -> None:
    service.identify(probe(service, RED))
    service.compare(probe(service, RED), probe(service, RED))
    assert not [path for path in Path(settings.db).rglob("*") if path.suffix != ".lock"]
