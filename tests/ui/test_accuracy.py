from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facenet_core import shipped
from facenet_core import survey as surveys
from facenet_core.errors import DatabaseWriteError
from facenet_core.service import FaceService
from facenet_core.types import EnrolRequest
from tests.fakes import BLUE, DARK_RED, GREEN, OTHER_MODEL, RED, fake_engine, photo
from tests.ui.conftest import Serve
from tests.ui.people import MEASURED, enrol, lose_photos
from tests.ui.test_literal import literal
from tests.ui.test_verify import claim
from tests.ui.visitor import Visitor

SLIDER = "How strict should Verify be? Strict on the left, lenient on the right."
OWN, SHIPPED = "Use my own people's rates", "Go back to the shipped rates"


@pytest.fixture
def measured(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> FaceService:
    """With error rates, and no fixed threshold."""
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)
    return serve(threshold=None, identify_threshold=None)


@pytest.fixture
def crowd(measured: FaceService) -> FaceService:
    """With so many people that they can tell something. Colours lie closer together than faces."""
    rng = np.random.default_rng(7)
    colours = [(int(r), int(g), int(b)) for r, g, b in rng.integers(10, 235, (50, 3))]
    requests = [EnrolRequest(f"Person {i}", f"{i}.png", photo(c, mark=i)) for i, c in enumerate(colours)]
    assert all(outcome.accepted for outcome in measured.enrol_many(requests))
    return measured


def charts(visitor: Visitor) -> list[str]:
    """What each chart is said to show."""
    found = [m.delta.new_element.vega_lite_chart for m in visitor.messages if m.HasField("delta")]
    return [chart.alt for chart in found if chart.spec]


def slide(visitor: Visitor, label: str, strangers: int) -> Visitor:
    return visitor._act(visitor.one("select_slider", label).set_value(strangers))


# -- few people ----------------------------------------------------------------


def test_with_nobody_enrolled_the_page_says_what_to_do_first(measured: FaceService) -> None:
    visitor = Visitor().open("accuracy")
    assert "Nobody is enrolled yet. Add the first person on the Manage page." in visitor.text
    assert "Nobody is enrolled yet, so nobody can be named." in visitor.text
    assert charts(visitor) == []


def test_one_photo_has_nothing_to_be_compared_with(measured: FaceService) -> None:
    enrol(measured, "Ann", RED)
    visitor = Visitor().open("accuracy")
    assert "There is nothing to compare yet." in visitor.text
    assert "1 person with one photo only" in visitor.text
    assert charts(visitor) == []


def test_few_people_are_shown_and_nothing_is_claimed_of_them(measured: FaceService) -> None:
    enrol(measured, "Ann", RED)
    enrol(measured, "Bo", GREEN)
    visitor = Visitor().open("accuracy")
    assert "There are too few people yet" in visitor.text
    assert "Nearest lookalikes" in visitor.text and "Ann and Bo" in visitor.text
    assert len(charts(visitor)) == 3
    assert not visitor.has("button", OWN)


def test_a_model_that_was_never_measured_shows_distances_and_no_rates(serve: Serve) -> None:
    service = serve(threshold=None, identify_threshold=None)
    enrol(service, "Ann", RED)
    enrol(service, "Bo", GREEN)
    visitor = Visitor().open("accuracy")
    assert "Nothing was measured for this model" in visitor.text
    assert len(charts(visitor)) == 1
    assert not visitor.select_slider


def test_fixed_thresholds_of_a_model_that_was_never_measured_are_drawn(service: FaceService) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bo", GREEN)
    assert len(charts(Visitor().open("accuracy"))) == 1


# -- how strict ----------------------------------------------------------------


def test_the_page_tells_what_the_thresholds_mean(measured: FaceService) -> None:
    enrol(measured, "Ann", RED)
    visitor = Visitor().open("accuracy")
    assert "About 1 stranger in 1,000 is let in, about 34 in 100 true visitors are turned away." in visitor.text
    assert "**Verify (1:1)**: 0.80" in visitor.text
    assert "With 1 enrolled photo, about 1 in 1,000 strangers would be given somebody's name." in visitor.text
    assert "on photos like those of squares" in visitor.text


def test_a_stricter_verify_is_shown_then_saved_then_used(measured: FaceService) -> None:
    measured.set_targets(fmr=None, fpir=0.05)
    enrol(measured, "Ann", RED)
    visitor, other = Visitor(), Visitor()
    assert "Welcome in" in claim(other, "Ann", DARK_RED).text
    slide(visitor.open("accuracy"), SLIDER, 10_000)
    assert "**About 1 stranger in 10,000 is let in" in visitor.text
    assert "Threshold 0.60." in visitor.text
    assert measured.verify_threshold().distance == pytest.approx(0.8), "nothing is stored before Save"
    visitor.click("Save")
    assert visitor.toasts == ["Saved."]
    assert "**Verify (1:1)**: 0.60" in visitor.text
    assert "lets in about 1 in 10,000 strangers" in other.run().text
    assert measured.targets.fpir == 0.05, "the other target stays"
    assert visitor.run().toasts == []


def test_a_target_that_is_no_stop_of_the_slider_is_one(measured: FaceService) -> None:
    measured.set_targets(fmr=0.0004, fpir=None)
    visitor = Visitor().open("accuracy")
    assert visitor.one("select_slider", SLIDER).value == 2500
    assert "About 1 stranger in 2,500 is let in" in visitor.text


def test_the_slider_says_that_a_fixed_threshold_wins(measured: FaceService) -> None:
    assert "It wins" not in Visitor().open("accuracy").text
    measured.set_thresholds(verify=0.7, identify=None)
    assert "A fixed threshold is set" in Visitor().open("accuracy").text


def test_a_target_of_the_environment_can_not_be_moved(serve: Serve, measured: FaceService) -> None:
    serve(threshold=None, identify_threshold=None, target_fmr=0.01)
    visitor = Visitor().open("accuracy")
    assert "Set in the environment, by FACENET_TARGET_FMR." in visitor.text
    assert visitor.one("select_slider", SLIDER).disabled
    assert visitor.one("button", "Save").disabled


def test_a_target_that_can_not_be_saved_is_said_so(measured: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise DatabaseWriteError("the disk is full; nothing was changed")

    visitor = slide(Visitor().open("accuracy"), SLIDER, 100)
    monkeypatch.setattr(measured.repository, "save_settings", full)
    assert visitor.click("Save").errors == ["the disk is full; nothing was changed"]


# -- the user's own people -------------------------------------------------------


def test_people_who_look_more_alike_than_promised_can_take_the_place_of_the_shipped_rates(crowd: FaceService) -> None:
    visitor = Visitor().open("accuracy")
    assert "50 people, 50 photos; 0 with several photos." in visitor.text
    (table,) = visitor.tables()
    assert [row["Shipped"] for row in table] == ["1 in 10", "1 in 100", "1 in 1,000"]
    assert table[-1]["Here it is"] == "more often" and table[-1]["Distance"] == "0.80 (Verify)"
    assert "Your people look more alike than those of the shipped rates" in visitor.text
    would = crowd.survey().own
    assert would
    assert f"would be {would.verify_threshold().distance:.2f} instead of 0.80." in visitor.text
    visitor.click(OWN)
    assert visitor.toasts == ["Saved."]
    assert crowd.calibration().rates == would.rates
    assert "The thresholds are made from your own gallery of 50 people" in visitor.text
    assert not visitor.has("button", OWN)
    visitor.click(SHIPPED)
    assert crowd.own_calibration() is None
    assert "**Verify (1:1)**: 0.80" in visitor.text


def test_rates_of_the_users_own_people_stay_until_they_are_measured_anew(crowd: FaceService) -> None:
    visitor = Visitor().open("accuracy").click(OWN)
    before = crowd.verify_threshold()
    for index in range(6):
        enrol(crowd, f"New {index}", (20 + 30 * index, 90, 140))
    assert crowd.verify_threshold() == before
    visitor.run().click("Measure them anew")
    assert "your own gallery of 56 people" in visitor.text


def test_people_who_agree_are_left_with_the_shipped_rates(crowd: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    found = crowd.survey()
    agreeing = replace(found, rates=tuple(replace(r, low=r.shipped / 2, high=2 * r.shipped) for r in found.rates))
    monkeypatch.setattr(crowd, "survey", lambda: agreeing)
    visitor = Visitor().open("accuracy")
    assert "no reason to doubt the shipped rates" in visitor.text
    assert not visitor.has("button", OWN)


def test_many_photos_are_said_to_be_drawn_from(crowd: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MOST", 30)
    assert "about 30 photos of people drawn at random" in Visitor().open("accuracy").text


# -- worth a look ----------------------------------------------------------------


def test_a_person_who_is_enrolled_twice_is_pointed_out_with_both_faces(measured: FaceService) -> None:
    enrol(measured, "Ann", RED)
    enrol(measured, "Anna", DARK_RED)
    visitor = Visitor().open("accuracy")
    assert "One person enrolled twice?" in visitor.text
    assert "Ann and Anna" in visitor.text
    assert "distance 0.07" in visitor.text
    for name, colour in (("Ann", RED), ("Anna", DARK_RED)):
        assert visitor.pictures[f"Photo 1 of {name}"].getpixel((80, 80)) == pytest.approx(colour, abs=2)


def test_a_photo_of_somebody_else_is_pointed_out(measured: FaceService) -> None:
    enrol(measured, "Ann", RED, DARK_RED, BLUE)
    visitor = Visitor().open("accuracy")
    assert "Photos that look like no other of their person" in visitor.text
    assert "Ann, photos 3 and " in visitor.text


def test_a_photo_whose_file_is_gone_takes_no_page_away(measured: FaceService) -> None:
    enrol(measured, "Ann", RED)
    enrol(measured, "Anna", DARK_RED)
    lose_photos(measured)
    assert "photo missing" in Visitor().open("accuracy").text


def test_names_are_shown_literally(measured: FaceService) -> None:
    names = ["*bold* _it_ `x`", ":red[x] :streamlit: :smile:", "[x](mailto:a@evil.example)"]
    enrol(measured, names[0], RED, BLUE)
    enrol(measured, names[1], DARK_RED)
    enrol(measured, names[2], GREEN)
    visitor = Visitor().open("accuracy")
    assert "One person enrolled twice?" in visitor.text and "like no other" in visitor.text
    literal(visitor, *names)


def test_photos_of_another_model_are_pointed_out(serve: Serve) -> None:
    enrol(serve(fake_engine(OTHER_MODEL)), "Ann", RED)
    serve()
    assert "1 of the enrolled photos were embedded by another model" in Visitor().open("accuracy").text
