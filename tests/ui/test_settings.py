from __future__ import annotations

import pytest

from facenet_core import shipped
from facenet_core.errors import DatabaseWriteError
from facenet_core.service import FaceService
from tests.fakes import DARK_RED, OTHER_MODEL, RED, fake_engine, photo
from tests.ui.conftest import Serve, ServeInstalled
from tests.ui.people import MEASURED, enrol
from tests.ui.test_verify import claim
from tests.ui.visitor import Visitor


@pytest.fixture
def measured(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> FaceService:
    """With measured thresholds, of which the environment fixes none."""
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)
    return serve(threshold=None, identify_threshold=None)


def test_measured_thresholds_are_shown_with_their_reason(measured: FaceService) -> None:
    visitor = Visitor().open("settings")
    assert "**Verify (1:1)**: 0.80" in visitor.text
    assert measured.verify_threshold().explanation in visitor.text
    assert measured.identify_threshold().explanation in visitor.text
    assert [kind.value for kind in visitor.button_group] == ["measured", "measured"]
    assert not visitor.number_input


def test_the_rates_that_measured_thresholds_aim_at_are_said(measured: FaceService) -> None:
    assert "aim at 1 in 1,000 strangers who are let in, and at 1 in 100 searches" in Visitor().open("settings").text
    measured.set_targets(fmr=1e-4, fpir=None)
    assert "aim at 1 in 10,000 strangers who are let in" in Visitor().open("settings").text


def test_a_fixed_threshold_is_used_everywhere_until_it_is_measured_again(measured: FaceService) -> None:
    enrol(measured, "Ann", RED)
    visitor, other = Visitor(), Visitor()
    assert "Welcome in" in claim(other, "Ann", DARK_RED).text
    visitor.open("settings")._act(visitor.button_group[0].set_value("fixed"))
    visitor.fill("Distance", 0.05, "number_input").click("Save")
    assert visitor.toasts == ["Saved."]
    assert visitor.run().toasts == []
    assert "**Verify (1:1)**: 0.05" in visitor.text and "Set by you" in visitor.text
    assert measured.identify_threshold().origin == "measured"
    assert "Go away" in other.run().text
    visitor._act(visitor.button_group[0].set_value("measured")).click("Save")
    assert "**Verify (1:1)**: 0.80" in visitor.text
    assert "Welcome in" in other.run().text


def test_nothing_is_stored_before_save(measured: FaceService) -> None:
    visitor = Visitor().open("settings")
    visitor._act(visitor.button_group[1].set_value("fixed")).fill("Distance", 0.3, "number_input")
    assert measured.identify_threshold().origin == "measured"
    visitor.click("Save")
    assert measured.identify_threshold().distance == 0.3


def test_thresholds_of_the_environment_are_shown_as_such(visitor: Visitor) -> None:
    visitor.open("settings")
    assert visitor.text.count("Set in the environment.") == 2
    assert "**Verify (1:1)**: 0.50" in visitor.text
    assert not visitor.number_input


def test_a_model_without_measured_thresholds_asks_for_fixed_ones(serve: Serve) -> None:
    service = serve(threshold=None, identify_threshold=None)
    enrol(service, "Ann", RED)
    visitor = Visitor().open("settings")
    assert "no threshold was measured for model fake" in visitor.text
    assert [box.value for box in visitor.number_input] == [1.0, 1.0]
    visitor.fill("Verify (1:1)", 0.4, "number_input").fill("Recognise (1:N)", 0.3, "number_input").click("Save")
    assert service.verify_threshold().distance == 0.4
    assert service.identify_threshold().distance == 0.3
    assert "no threshold was measured" not in visitor.text
    assert "Welcome in" in claim(visitor, "Ann", DARK_RED).text


def test_a_threshold_of_the_environment_is_not_asked_for(serve: Serve) -> None:
    service = serve(identify_threshold=None)
    visitor = Visitor().open("settings")
    assert "**Verify (1:1)**: 0.50" in visitor.text and "Set in the environment." in visitor.text
    (box,) = visitor.number_input
    assert box.label == "Recognise (1:N)"
    visitor.click("Save")
    assert service.identify_threshold().distance == 1.0


def test_a_threshold_that_is_set_already_is_kept_when_the_other_is_asked_for(serve: Serve) -> None:
    service = serve(threshold=None, identify_threshold=None)
    service.set_thresholds(verify=0.7, identify=None)
    visitor = Visitor().open("settings")
    assert [box.value for box in visitor.number_input] == [0.7, 1.0]


def test_settings_that_can_not_be_saved_are_said_so(measured: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise DatabaseWriteError("the disk is full; nothing was changed")

    visitor = Visitor().open("settings")
    monkeypatch.setattr(measured.repository, "save_settings", full)
    visitor.click("Save")
    assert visitor.errors == ["the disk is full; nothing was changed"]


# -- the model ----------------------------------------------------------------


def test_a_model_of_the_environment_is_shown_as_such(serve_installed: ServeInstalled) -> None:
    serve_installed("first-weights.h5", model="first")
    assert "The model is set by FACENET_WEIGHTS or FACENET_MODEL" in Visitor().open("settings").text


def test_photos_of_another_model_are_pointed_out_and_renewed(serve: Serve) -> None:
    enrol(serve(fake_engine(OTHER_MODEL)), "Ann", RED)
    service = serve()
    visitor = Visitor().open("settings")
    assert "1 of the enrolled photos were embedded by another model" in visitor.text
    visitor.click("Renew them from their photos")
    assert "another model" not in visitor.text
    found = service.verify(service.analyse(service.photo(photo(DARK_RED), "probe.png")), "Ann")
    assert found.matched
