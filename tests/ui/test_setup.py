"""What the pages show while something they need is missing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import weights
from facenet_core.config import Settings
from facenet_core.download import Progress
from facenet_core.engine import FaceEngine
from facenet_core.errors import DatabaseVersionError, DatabaseWriteError, DownloadError, ModelError
from facenet_core.service import FaceService
from facenet_core.types import Detection
from tests.fakes import BLUE, RED, FakeDetector, FakeEmbedder, fake_engine, photo
from tests.ui.conftest import Serve, ServeInstalled, settle
from tests.ui.people import enrol
from tests.ui.visitor import Visitor

PAGES = ["verify", "recognize", "manage", "settings"]
MODEL = "20180408-102900"


# -- the first start ----------------------------------------------------------


def test_a_page_does_not_wait_for_the_model(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    loading = threading.Event()
    settings.images_dir.mkdir()
    (settings.images_dir / "Grace_Hopper.png").write_bytes(photo(RED))
    enrol(FaceService(settings, fake_engine()), "Ann", BLUE)
    monkeypatch.setattr(FaceEngine, "load", lambda chosen: loading.wait() and fake_engine())
    monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: FaceService(settings))
    visitor = Visitor().open("verify")
    try:
        assert "Loading the face model: 0 s. You can go on; an answer waits until it is there." in visitor.text
        assert visitor.one("selectbox", "Who do they say they are?").options == ["Ann"]
        assert visitor.has("file_uploader", "Drop a photo here")
        assert "Loading the face model" in visitor.wait().text
        assert "Loading the face model" in visitor.open("recognize").text
    finally:
        loading.set()
        settle()
    assert "Loading the face model" not in visitor.wait().text
    assert visitor.has("file_uploader", "Drop photos here")


def test_photos_dropped_too_early_are_answered_when_the_model_is_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = threading.Event()
    enrol(FaceService(settings, fake_engine()), "Ann", BLUE)
    monkeypatch.setattr(FaceEngine, "load", lambda chosen: loading.wait() and fake_engine())
    monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: FaceService(settings))
    visitor = Visitor().open("recognize")
    try:
        visitor.upload("Drop photos here", ("a.png", photo(BLUE)))  # returns, and so the page was done
        assert visitor.progress_meanwhile() == "Waiting for the model"
        assert "Loading the face model" in visitor.wait().text
    finally:
        loading.set()
        settle()
    visitor.wait()
    assert "1 photo, 1 face, 1 named" in visitor.text
    assert "Loading the face model" not in visitor.text


def test_a_dialog_stays_open_when_the_model_is_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    loading = threading.Event()
    monkeypatch.setattr(FaceEngine, "load", lambda chosen: loading.wait() and fake_engine())
    monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: FaceService(settings))
    visitor, other = Visitor().open("manage").click("Add a person").fill("Name", "Ann"), Visitor().open("manage")
    try:
        assert "Loading the face model" in visitor.text
        assert "Loading the face model" in other.text
    finally:
        loading.set()
        settle()
    visitor.wait()
    assert visitor.dialog == "Add a person" and "Loading the face model" not in visitor.text
    visitor.upload("Drop photos here", ("a.png", photo(RED))).click("Enrol 1 photo")
    assert "1 photo enrolled." in visitor.text
    other.wait()
    assert "Loading the face model" not in other.text and "Ann" in other.text


def test_the_photos_of_the_images_folder_appear(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    enrolling = threading.Event()

    class Detector(FakeDetector):
        def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
            return super().detect(pixels) if pixels.max() == 0 or enrolling.wait() else ()

    class Service(FaceService):
        def start(self) -> None:
            super().start()
            assert self.engine

    settings.images_dir.mkdir()
    (settings.images_dir / "Grace_Hopper.png").write_bytes(photo(RED))
    shared = Service(settings, FaceEngine(Detector(), FakeEmbedder()))
    monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: shared)
    visitor = Visitor().open("verify")
    try:
        assert "Enrolling the photos of the images folder." in visitor.text
        assert "Nobody is enrolled yet. The photos of the images folder are on their way." in visitor.text
    finally:
        enrolling.set()
        settle()
    visitor.wait()
    assert "images folder" not in visitor.text
    assert visitor.one("selectbox", "Who do they say they are?").options == ["Grace Hopper"]


def test_a_setting_that_is_malformed_is_named_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENET_THRESHOLD", "*high*")
    visitor = Visitor().open("manage")
    assert visitor.errors == ["FACENET_THRESHOLD is '*high*', but it must be a distance from 0 to 2."]


# -- no model -----------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_without_a_model_every_page_shows_how_to_get_one(serve_installed: ServeInstalled, page: str) -> None:
    serve_installed()
    visitor = Visitor().open(page)
    assert visitor.header[0].value == "There is no face model"
    (error,) = visitor.errors
    assert error.startswith("No face model is installed in ") and "Get that file again" in error
    assert not visitor.title
    assert visitor.has("button", "Fetch the model") and visitor.has("file_uploader", "Weights file")
    assert not visitor.has("button", "Use this file")
    assert not visitor.has("button", "Use facenet-mini")
    assert MODEL in visitor.one("selectbox", "Model").options[visitor.one("selectbox", "Model").index]
    assert f"v0.3.1/{MODEL}-weights.h5, about 90 MB. Its checksum is verified before it is used." in visitor.text


def test_a_model_is_fetched_with_progress(serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch) -> None:
    service, visitor = serve_installed(), Visitor()
    service.settings.images_dir.mkdir()
    (service.settings.images_dir / "Grace_Hopper.png").write_bytes(photo(RED))
    seen = []

    def fetch(model: str, models_dir: Path, progress: Progress) -> None:
        for done, total in ((0, None), (45 * 2**20, 90 * 2**20), (91 * 2**20, 90 * 2**20)):
            progress(done, total)
            seen.append(visitor.progress_meanwhile())
        models_dir.mkdir()
        (models_dir / f"{model}-weights.h5").write_bytes(b"weights")

    monkeypatch.setattr("facenet_core.ui.setup.fetch", fetch)
    visitor.open("manage").click("Fetch the model")
    assert seen == [f"Fetching {MODEL}: {part}" for part in ("0 MB of 0 MB", "45 MB of 90 MB", "91 MB of 90 MB")]
    assert visitor.title[0].value == "Manage"
    assert "Grace Hopper" in visitor.text
    assert service.engine.model_id.model == MODEL


def test_a_fetch_that_fails_says_why(serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*args: object, **kwargs: object) -> None:
        raise DownloadError("https://example.org/*x*: the server answered 503, Service Unavailable. Try again later.")

    monkeypatch.setattr("facenet_core.ui.setup.fetch", fetch)
    serve_installed()
    visitor = Visitor().open().click("Fetch the model")
    assert visitor.errors[1:] == [
        "https://example.org/*x*: the server answered 503, Service Unavailable. Try again later."
    ]
    assert visitor.has("button", "Fetch the model")
    assert not visitor.progress


def test_a_file_that_does_not_fit_is_refused_in_words(serve_installed: ServeInstalled) -> None:
    service = serve_installed()
    visitor = Visitor().open().upload("Weights file", ("../evil.h5", b"not a weights file")).click("Use this file")
    _, error = visitor.errors
    assert error.startswith("This file")
    assert visitor.header[0].value == "There is no face model"
    assert list(service.settings.models_dir.iterdir()) == []


def test_a_file_that_fits_is_kept_and_the_page_goes_on(
    serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(path: Path) -> weights.WeightsCheck:
        return weights.WeightsCheck(path, "0" * 64, None, "anything", 512, "abcdef0123456789")

    monkeypatch.setattr(weights, "check", check)
    service = serve_installed()
    visitor = Visitor().open("manage").upload("Weights file", ("mine.h5", b"good")).click("Use this file")
    assert visitor.title[0].value == "Manage"
    assert service.engine.model_id.model == "own-abcdef012345"
    assert [path.name for path in service.settings.models_dir.iterdir()] == ["own-abcdef012345-weights.h5"]


def test_a_model_that_was_chosen_and_is_gone_can_be_replaced(
    serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve_installed("20180402-114759-weights.h5")
    service.repository.save_settings({"model": "gone"})
    visitor = Visitor().open()
    (error,) = visitor.errors
    assert error.startswith("The model gone is chosen, but")
    (service.settings.models_dir / f"{MODEL}-weights.h5").write_bytes(b"weights")
    monkeypatch.setattr("facenet_core.ui.setup.fetch", lambda *args, **kwargs: None)
    visitor.click("Fetch the model")
    assert service.engine.model_id.model == MODEL
    assert visitor.title[0].value == "Verify"


def test_with_a_chosen_model_gone_the_one_that_ships_is_offered(serve_installed: ServeInstalled) -> None:
    service = serve_installed()
    weights.SHIPPED_FILE.parent.mkdir()
    weights.SHIPPED_FILE.write_bytes(b"weights")
    service.repository.save_settings({"model": MODEL})
    visitor = Visitor().open()
    assert visitor.errors[0].startswith(f"The model {MODEL} is chosen, but")
    visitor.click("Use facenet-mini")
    assert visitor.title[0].value == "Verify"
    assert service.engine.model_id.model == "facenet-mini"


def test_a_model_that_the_environment_names_and_is_not_there_is_said_so(
    serve_installed: ServeInstalled, tmp_path: Path
) -> None:
    serve_installed(f"{MODEL}-weights.h5", weights=tmp_path / "nothing.h5")
    visitor = Visitor().open()
    assert visitor.errors == [f"FACENET_WEIGHTS names {tmp_path}/nothing.h5, but there is no such file."]
    assert "FACENET_WEIGHTS or FACENET_MODEL in the environment chooses the model" in visitor.text


def test_a_model_that_can_not_be_loaded_is_said_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(chosen: Settings) -> FaceEngine:
        raise ModelError("the file is *damaged*")

    shared = FaceService(settings)
    monkeypatch.setattr(FaceEngine, "load", load)
    monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda around_load: shared)
    shared.start()
    settle()
    visitor = Visitor().open("manage")
    assert visitor.errors == ["the file is *damaged*"]
    assert visitor.has("button", "Fetch the model")


def test_a_choice_that_can_not_be_stored_is_said_so(
    serve_installed: ServeInstalled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise DatabaseWriteError("the disk is full; nothing was changed")

    service = serve_installed()
    monkeypatch.setattr("facenet_core.ui.setup.fetch", lambda *args, **kwargs: None)
    monkeypatch.setattr(service.repository, "save_settings", full)
    assert Visitor().open().click("Fetch the model").errors[1:] == ["the disk is full; nothing was changed"]


# -- the database -------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_damaged_database_is_said_so_on_every_page_and_left_as_it_is(
    service: FaceService, visitor: Visitor, page: str
) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    path = service.settings.db / "facenet.json"
    path.write_bytes(b'{"people": ')
    before = {p: p.read_bytes() for p in service.settings.db.iterdir() if p.is_file()}
    visitor.open(page)
    assert visitor.header[0].value == "The database can't be read"
    (error,) = visitor.errors
    assert f"{path}: the database is damaged" in error and "facenet.json.bak" in error
    assert not visitor.title
    assert {p: p.read_bytes() for p in service.settings.db.iterdir() if p.is_file()} == before
    visitor.click("Restore the last good backup")
    assert visitor.title
    assert "Ann" in [person.name for person in service.people()]
    (kept,) = service.settings.db.glob("facenet.json.damaged-*")
    assert kept.read_bytes() == b'{"people": '


def test_a_damaged_database_without_a_backup_offers_none(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    path = service.settings.db / "facenet.json"
    path.write_bytes(b"damaged")
    (service.settings.db / "facenet.json.bak").unlink(missing_ok=True)
    visitor.open("manage")
    assert "There is no backup beside it." in visitor.text
    assert "If you have an exported archive, move the damaged file away" in visitor.text
    assert not visitor.has("button", "Restore the last good backup")
    assert path.read_bytes() == b"damaged"


def test_a_restore_that_fails_is_said_so(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    (service.settings.db / "facenet.json").write_bytes(b"damaged")
    visitor.open("manage")
    (service.settings.db / "facenet.json.bak").write_bytes(b"damaged too")
    visitor.click("Restore the last good backup")
    assert visitor.errors
    assert (service.settings.db / "facenet.json").read_bytes() == b"damaged"


def test_a_database_of_a_newer_version_is_said_so(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def people() -> None:
        raise DatabaseVersionError("this database was written by a newer version")

    monkeypatch.setattr(service, "people", people)
    visitor.open("manage")
    assert visitor.errors == ["this database was written by a newer version"]
    assert not visitor.title


def test_a_database_that_is_damaged_while_the_page_is_open_is_said_so(serve: Serve, visitor: Visitor) -> None:
    service = serve()
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    visitor.open("manage")
    (service.settings.db / "facenet.json").write_bytes(b"damaged")
    visitor.wait()
    assert visitor.header[0].value == "The database can't be read"
