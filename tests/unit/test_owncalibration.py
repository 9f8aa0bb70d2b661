from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from facenet_core import shipped
from facenet_core.calibration import Calibration
from facenet_core.config import Settings
from facenet_core.owncalibration import KEY, corrected, decoded, encoded
from facenet_core.service import FaceService
from tests.fakes import MEASURED, MODEL, OTHER_MODEL, RED, fake_engine, photo
from tests.galleries import DRAWN, gallery, measured

OWN = replace(
    MEASURED,
    distances=(1.3, 0.9, 0.7, 0.5),
    provenance={"data": "your own gallery of 60 people, 21 Nov 2026", "non_mated": 1770, "people": 60, "date": "today"},
)


def made(people: int, photos: int = 1, *, several: int | None = None) -> tuple[Calibration | None, str]:
    crowd = gallery(people, photos, alike=2.0)
    between = np.linalg.norm(crowd.matrix[:, np.newaxis] - crowd.matrix, axis=2)
    owners = np.arange(people).repeat(photos)
    upper = np.triu(np.ones_like(between, bool), 1)
    same = owners[:, np.newaxis] == owners
    sizes = np.full(people, photos)
    return corrected(
        measured(), np.sort(between[upper & ~same]), np.sort(between[upper & same]), sizes, people * (people - 1) // 2
    )


def test_enough_people_correct_the_shipped_rates_and_fewer_are_told_how_many_it_takes() -> None:
    assert made(45)[0] is None
    assert "about 46" in made(45)[1]
    own, reason = made(46)
    assert own and reason == ""
    assert own.verify_threshold().distance < measured().verify_threshold().distance - 0.05  # they look more alike
    assert own.provenance["people"] == 46 and own.provenance["non_mated"] == 46 * 45 // 2
    assert own.provenance["data"].startswith("your own gallery of 46 people, ")


def test_more_photos_of_the_same_people_do_not_make_rarer_rates_certain() -> None:
    one, several = made(60)[0], made(60, 4)[0]
    assert one and several
    assert one.measured_to == several.measured_to == pytest.approx(30 / 1770, rel=1e-3)
    assert several.provenance["non_mated"] == 16 * 1770


def test_true_visitors_are_those_of_the_shipped_rates_until_enough_people_have_several_photos() -> None:
    few, many = made(60)[0], made(60, 3)[0]
    assert few and many
    assert few.missed_rates == measured().missed_rates
    assert few.provenance["mated_data"] == "drawn people"
    assert many.missed_rates != measured().missed_rates
    assert "mated_data" not in many.provenance


def test_a_stored_calibration_comes_back_as_it_was() -> None:
    for own in (made(60)[0], made(60, 3)[0], OWN):
        assert own
        stored = json.loads(json.dumps(encoded(own, DRAWN), allow_nan=False))
        assert decoded(stored, DRAWN) == own


def test_a_calibration_of_another_model_is_none_of_this_one() -> None:
    assert decoded(encoded(OWN, MODEL), OTHER_MODEL) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rates", [0.5, 0.01, 0.02, 0.001]),
        ("rates", [0.5, 0.01, 0.001]),
        ("rates", [0.5, 0.01, 0.001, 0.0]),
        ("rates", ["0.5", 0.01, 0.001, 0.0001]),
        ("rates", [True, 0.01, 0.001, 0.0001]),
        ("rates", None),
        ("distances", [0.5, 0.7, 0.9, 1.3]),
        ("distances", [float("nan"), 0.9, 0.7, 0.5]),
        ("distances", [10**400, 0.9, 0.7, 0.5]),
        ("distances", []),
        ("missed_rates", [0.9, 0.01]),
        ("missed_distances", [1.1]),
        ("measured_to", 1e-7),
        ("tail_scale", 0),
        ("tail_scale", float("inf")),
        ("provenance", {"data": "somewhere"}),
        ("provenance", {**OWN.provenance, "mated_data": 3}),
        ("provenance", "somewhere"),
        ("rates", list(np.geomspace(0.5, 1e-4, 2000))),
    ],
)
def test_damaged_rates_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        decoded({**encoded(OWN, MODEL), key: value}, MODEL)


def test_what_is_no_calibration_at_all_is_refused() -> None:
    for stored in ([], "own", 1.0):
        with pytest.raises(ValueError, match="expected"):
            decoded(stored, MODEL)


# -- in use --------------------------------------------------------------------


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FaceService:
    monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})
    return FaceService(settings.model_copy(update={"threshold": None, "identify_threshold": None}), fake_engine())


def test_thresholds_are_made_from_the_users_own_people_until_they_go_back(service: FaceService) -> None:
    shipped = service.verify_threshold()
    assert service.own_calibration() is None
    service.use_calibration(OWN)
    assert service.calibration() == OWN
    assert service.shipped_calibration() is MEASURED
    assert service.verify_threshold().distance == pytest.approx(0.7)
    assert "in your own gallery of 60 people, 21 Nov 2026" in service.verify_threshold().explanation
    assert service.identify_threshold().distance == pytest.approx(0.7)
    service.use_calibration(None)
    assert service.verify_threshold() == shipped


def test_the_users_own_rates_are_not_used_with_another_model(service: FaceService, settings: Settings) -> None:
    service.use_calibration(OWN)
    other = FaceService(settings, fake_engine(OTHER_MODEL))
    assert other.own_calibration() is None


def test_damaged_rates_are_ignored_with_a_warning(service: FaceService, caplog: pytest.LogCaptureFixture) -> None:
    service.repository.save_settings({KEY: {**encoded(OWN, MODEL), "tail_scale": 0}})
    assert service.calibration() is MEASURED
    assert "are ignored" in caplog.text


def test_a_survey_is_made_once_until_something_changes(service: FaceService) -> None:
    surveys = [service.survey(), service.survey()]
    service.enrol("Ann", service.prepare_enrolment(photo(RED), "ann.png"))
    surveys.append(service.survey())
    service.use_calibration(OWN)
    surveys.append(service.survey())
    assert [a is b for a, b in pairwise(surveys)] == [True, False, False]
    assert [found.people for found in surveys] == [0, 0, 1, 1]


def test_a_model_that_was_never_measured_can_be_surveyed(settings: Settings) -> None:
    for fixed in (None, 0.5):
        free = settings.model_copy(update={"threshold": fixed, "identify_threshold": fixed})
        found = FaceService(free, fake_engine()).survey()
        assert (found.people, found.rates, found.own) == (0, (), None)
