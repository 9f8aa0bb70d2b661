from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import catalogue, enrolment
from facenet_core.download import Progress
from facenet_core.engine import FaceEngine
from facenet_core.errors import DatabaseWriteError, DownloadError, WeightsError
from facenet_core.service import FaceService
from facenet_core.types import Analysis, ModelId, Template
from facenet_core.ui.components import plain
from facenet_core.weights import resolve
from tests.fakes import BLUE, DARK_RED, GREEN, RED, FakeDetector, FakeEmbedder, fake_engine
from tests.ui.conftest import Serve, ServeInstalled, settle
from tests.ui.people import enrol
from tests.ui.test_verify import claim
from tests.ui.visitor import Visitor

PUBLIC = catalogue.DEFAULT_MODEL


@pytest.fixture
def service(serve_installed: ServeInstalled) -> FaceService:
    """With two models of the user's own, of which the first is in use, and two people."""
    service = serve_installed("first-weights.h5", "second-weights.h5")
    service.choose_model("first")
    enrol(service, "Ann", RED)
    enrol(service, "Bo", BLUE, GREEN)
    return service


def settings_page() -> Visitor:
    return Visitor().open("settings")


def try_second(visitor: Visitor) -> Visitor:
    return visitor.select("Another model", "second: a file of your own, 0 MB").click("Try it")


def models(service: FaceService) -> set[str]:
    return {t.model_id.model for p in service.people() for t in p.templates}


@pytest.mark.parametrize("page", ["verify", "recognize", "manage", "accuracy", "settings"])
def test_every_page_says_which_model_is_at_work(service: FaceService, page: str) -> None:
    assert "Model: first" in Visitor().open(page).text


def test_a_page_with_the_small_model_leads_to_the_larger_ones(
    serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_installed("model.h5")
    monkeypatch.setattr(FaceService, "model_name", "facenet-mini")
    link = "A larger one is right more often"
    assert link in [found.label for found in Visitor().open("verify").page_link]
    assert link not in [found.label for found in settings_page().page_link]


def test_what_is_known_of_the_model_at_work_is_told(
    serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_installed(f"{PUBLIC}-weights.h5")
    text = settings_page().text
    assert f"**{PUBLIC}** is at work: trained on CASIA-WebFace, 512 numbers per face, 0 MB, 98.90%" in text
    assert f"Model `{PUBLIC}`" in text


def test_what_a_larger_model_brings_and_costs_is_told_and_fetched_on_a_click_only(
    serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = catalogue.Measured(accuracy=0.97, standard_error=0.005, milliseconds=8.0)
    shipped = replace(catalogue.shipped_model(), id="first", measured=small)
    monkeypatch.setattr(catalogue, "shipped_model", lambda: shipped)
    service = serve_installed("first-weights.h5", model=None)
    service.choose_model("first")
    enrol(service, "Ann", RED)
    fetched: list[str] = []

    def fetch(model: str, models_dir: Path, progress: Progress) -> None:
        progress(2**20, 2 * 2**20)
        (models_dir / f"{model}-weights.h5").write_bytes(b"weights")
        fetched.append(model)

    monkeypatch.setattr("facenet_core.ui.setup.fetch", fetch)
    visitor = settings_page()
    assert "the one that ships with the project" in visitor.text
    assert (
        "It was right on 98.90% of the pairs of LFW View 1 (± 0.43%), this one on 97.00% (± 0.50%). A face takes it "
        "45 ms instead of 8 ms."
    ) in visitor.text
    assert "about 90 MB. Its checksum is verified" in visitor.text
    assert fetched == []
    visitor.click("Fetch and try it")
    assert fetched == [PUBLIC]
    assert f"**{PUBLIC}** has seen 1 photo. What would change:" in visitor.text
    assert service.engine.model_id.model == "first"


def test_a_download_that_fails_is_said_so(service: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> None:
        raise DownloadError("the network is down")

    monkeypatch.setattr("facenet_core.ui.setup.fetch", fetch)
    visitor = settings_page().click("Fetch and try it")
    assert visitor.errors == ["the network is down"]
    assert service.rehearsal() is None


def test_another_model_is_tried_judged_used_and_left_again(service: FaceService) -> None:
    visitor = try_second(settings_page())
    assert "Of 3 photos, 3 would be answered as now and 0 differently." in visitor.text
    assert "Thresholds that you fixed decided with both models." in visitor.text
    assert models(service) == {"first"} and "Model: first" in visitor.text
    visitor.click("Switch to second")
    assert "second is at work now." in visitor.text and "**second** is at work" in visitor.text
    assert models(service) == {"second"}
    assert "another model" not in claim(Visitor(), "Ann", DARK_RED).text
    assert "at work now" not in visitor.run().text

    enrol(service, "Cy", (120, 120, 10))
    visitor.run()
    assert "Before, **first** was in use." in visitor.text
    assert "1 photo enrolled since will be embedded first." in visitor.text
    visitor.click("Go back to first")
    assert "first is at work again." in visitor.text
    assert models(service) == {"first"}
    assert visitor.has("button", "Go back to second")
    visitor.click("Forget it")
    assert not visitor.has("button", "Go back to second")
    assert service.former_model() is None


class OneForAll(FakeEmbedder):
    """Takes every face for the same one."""

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(np.array([[1, 0, 0, 0]], np.float32), (len(crops), 1))


def test_whose_answers_would_change_is_shown_as_a_table_and_nothing_changes_without_a_yes(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FaceEngine(FakeDetector(), OneForAll(ModelId("second", "fake-colour", "9" * 64, 4)))
    monkeypatch.setattr(FaceEngine, "load", lambda settings: other)
    visitor = try_second(settings_page())
    assert "Of 3 photos, 0 would be answered as now and 3 differently, 3 of them worse." in visitor.text
    photos, pairs = visitor.tables()
    assert [(row["Person"], row["Photo"], row["Now"], row["With second"]) for row in photos] == [
        ("Ann", 1, "named nobody", "named Bo"),
        ("Bo", 1, "Go away, named nobody", "Welcome in, named Ann"),
        ("Bo", 2, "Go away, named nobody", "Welcome in, named Ann"),
    ]
    assert [(row["Person"], row["and"], row["With second"]) for row in pairs] == [("Ann", "Bo", 0.0)]
    visitor.click("Don't switch")
    assert models(service) == {"first"} and service.rehearsal() is None
    assert visitor.has("selectbox", "Another model") and not visitor.dataframe


def test_photos_that_could_not_be_used_are_listed_with_the_reason(service: FaceService) -> None:
    first = service.repository.person("Bo").templates[0]
    service.repository.photos.path(first.photo_sha256).write_bytes(b"damaged")
    visitor = try_second(settings_page())
    assert "1 photo could not be used and would be left out until enrolled again." in visitor.text
    assert "**Bo.png** (Bo)" in visitor.text and "is damaged" in visitor.text
    visitor.click("Switch to second")
    assert "1 of the enrolled photos were embedded by another model" in visitor.run().text


def test_a_trial_shows_how_far_it_is_while_others_are_served_and_can_be_stopped(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, go = threading.Semaphore(0), threading.Semaphore(0)
    reembedded = enrolment.reembedded

    def slowly(template: Template, analysis: Analysis) -> Template:
        if analysis.model_id.model == "second":
            at.release()
            assert go.acquire(timeout=60)
        return reembedded(template, analysis)

    monkeypatch.setattr(enrolment, "reembedded", slowly)
    monkeypatch.setattr(type(service), "start_rehearsal", FaceService.start_rehearsal)  # without waiting for its end
    try:
        visitor = try_second(settings_page())
        assert at.acquire(timeout=60)
        go.release()
        assert at.acquire(timeout=60)
        visitor.wait()
        (bar,) = [node.proto.text for node in visitor._tree if node.type == "progress"]
        assert bar.startswith("Trying second: 1 of 3 photos, ") and bar.endswith(" a second")
        assert "Welcome in" in claim(Visitor(), "Ann", DARK_RED).text
        assert "Trying second" in settings_page().text
        assert "Stopping after this photo." in visitor.click("Stop").text
    finally:
        go.release(10)
    settle()
    assert "The trial of second ended after 2 of 3 photos." in visitor.wait().text
    visitor.click("Go on")
    settle()
    assert "has seen 3 photos" in visitor.wait().text


def test_a_trial_that_fails_is_explained_and_can_be_thrown_away(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(settings: object) -> FaceEngine:
        raise WeightsError("second-weights.h5 does not fit the network.")

    monkeypatch.setattr(FaceEngine, "load", refuse)
    visitor = try_second(settings_page())
    assert "The trial of second ended after 0 of 3 photos. second-weights.h5 does not fit" in visitor.text
    visitor.click("Throw it away")
    assert visitor.has("selectbox", "Another model")


def test_a_file_of_ones_own_is_tried_like_any_other(service: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    def adopt(content: bytes, models_dir: Path) -> str:
        if content != b"good":
            raise WeightsError("This file is no FaceNet.")
        (models_dir / "own-1-weights.h5").write_bytes(content)
        return "own-1"

    monkeypatch.setattr("facenet_core.ui.setup.adopt", adopt)
    visitor = settings_page().upload("Weights file", ("a.h5", b"bad")).click("Try this file")
    assert visitor.errors == ["This file is no FaceNet."]
    visitor = settings_page().upload("Weights file", ("a.h5", b"good")).click("Try this file")
    assert f"**{plain('own-1')}** has seen 3 photos" in "\n".join(visitor.raw)
    assert models(service) == {"first"}


def test_a_change_that_fails_is_said_so(service: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DatabaseWriteError("the disk is full; nothing was changed")

    visitor = try_second(settings_page())
    with monkeypatch.context() as patch:
        patch.setattr(service.repository.shadows, "swap", full)
        assert visitor.click("Switch to second").errors == ["the disk is full; nothing was changed"]
    visitor.click("Switch to second")
    with monkeypatch.context() as patch:
        patch.setattr(service.repository.shadows, "swap", full)
        assert visitor.click("Go back to first").errors == ["the disk is full; nothing was changed"]
    with monkeypatch.context() as patch:
        patch.setattr(service.repository.shadows, "discard", full)
        assert visitor.click("Forget it").errors == ["the disk is full; nothing was changed"]
    assert models(service) == {"second"}


def test_a_model_that_the_environment_sets_is_not_offered_to_be_changed(serve: Serve) -> None:
    serve(fake_engine(), model="fake")
    visitor = settings_page()
    assert "The model is set by FACENET_WEIGHTS or FACENET_MODEL in the environment." in visitor.text
    assert not visitor.has("selectbox", "Another model") and not visitor.has("file_uploader", "Weights file")


def test_a_change_made_elsewhere_is_told_and_followed(service: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor().open("recognize")
    other = FaceService(service.settings)
    list(other.rehearse("second"))
    other.cut_over()
    load, may_load = FaceEngine.load, threading.Event()

    def slowly(settings: object) -> FaceEngine:
        assert may_load.wait(60)
        return load(settings)

    monkeypatch.setattr(FaceEngine, "load", slowly)
    try:
        assert "The model was changed elsewhere. Loading the face model" in visitor.run().text
    finally:
        may_load.set()
    assert service.engine.model_id.model == "second"
    assert "Model: second" in visitor.wait().text
    assert resolve(service.model_setting).model == "second"
