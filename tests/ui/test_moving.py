from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from facenet_core.config import load_settings
from facenet_core.service import FaceService, open_archive
from tests.fakes import BLUE, DARK_RED, GREEN, OTHER_MODEL, RED, YELLOW, fake_engine, photo
from tests.ui.conftest import Serve
from tests.ui.people import enrol, lose_photos
from tests.ui.visitor import Visitor

DROP = "An archive made by Export"
SURE = "Remove everybody who is here now and put the archive's people in place"


@pytest.fixture
def elsewhere(tmp_path: Path) -> FaceService:
    """Another machine."""
    settings = load_settings(db=tmp_path / "elsewhere", images_dir=tmp_path / "none", threshold=0.5)
    return FaceService(settings, fake_engine())


def exported(service: FaceService) -> bytes:
    target = io.BytesIO()
    service.export(target)
    return target.getvalue()


def bring(visitor: Visitor, archive: bytes) -> Visitor:
    visitor.open("manage").click("Import")
    assert visitor.dialog == "Import"
    return visitor.upload(DROP, ("people.zip", archive))


def people(service: FaceService) -> dict[str, int]:
    return {person.name: len(person.templates) for person in service.people()}


def test_an_export_can_be_imported_elsewhere(service: FaceService, visitor: Visitor, elsewhere: FaceService) -> None:
    enrol(service, "Ann", RED, DARK_RED)
    enrol(service, "Bob", BLUE)
    visitor.open("manage").click("Export")
    assert visitor.dialog == "Export"
    assert "One file with 2 people and 3 photos: names, templates, photos." in visitor.text
    assert "biometric data and is not encrypted" in visitor.text
    archive = visitor.download("Download the archive")
    elsewhere.import_people(open_archive(io.BytesIO(archive)), "merge")
    assert people(elsewhere) == {"Ann": 2, "Bob": 1}


def test_with_nobody_enrolled_there_is_nothing_to_export(visitor: Visitor) -> None:
    visitor.open("manage").click("Export")
    assert "One file with 0 people and 0 photos" in visitor.text
    assert visitor.one("download_button", "Download the archive").disabled


def test_people_are_merged_after_a_preview(service: FaceService, visitor: Visitor, elsewhere: FaceService) -> None:
    enrol(elsewhere, "Ann", RED)
    archive = exported(elsewhere)
    service.import_people(open_archive(io.BytesIO(archive)), "merge")
    enrol(service, "Cleo", YELLOW)
    enrol(elsewhere, "ann", DARK_RED)
    enrol(elsewhere, "Bob", BLUE, GREEN)
    bring(visitor, exported(elsewhere))
    assert "- 1 new person\n- 3 new photos\n- 1 photo already here\n- 0 people removed from here" in visitor.text
    assert people(service) == {"Ann": 1, "Cleo": 1}
    visitor.click("Import", 1)
    assert "Imported 1 person and 3 photos." in visitor.text
    assert people(service) == {"Ann": 2, "Bob": 2, "Cleo": 1}
    assert "3 people, 5 photos" in visitor.close().text


def test_everybody_is_replaced_only_when_that_is_confirmed(
    service: FaceService, visitor: Visitor, elsewhere: FaceService
) -> None:
    enrol(service, "Ann", RED)
    enrol(elsewhere, "Bob", BLUE)
    bring(visitor, exported(elsewhere)).choose("How", "replace")
    assert "- 1 new person\n- 1 new photo\n- 0 photos already here\n- 1 person removed from here" in visitor.text
    assert visitor.one("button", "Import", 1).disabled
    visitor.fill(SURE, True, "checkbox").click("Import", 1)
    assert people(service) == {"Bob": 1}


def test_a_preview_counts_people(service: FaceService, visitor: Visitor, elsewhere: FaceService) -> None:
    enrol(elsewhere, "Ann", RED)
    enrol(elsewhere, "Bob", BLUE)
    assert "- 2 new people\n- 2 new photos\n" in bring(visitor, exported(elsewhere)).text


def test_a_confirmation_is_not_needed_to_merge(service: FaceService, visitor: Visitor, elsewhere: FaceService) -> None:
    enrol(elsewhere, "Bob", BLUE)
    bring(visitor, exported(elsewhere))
    assert not visitor.has("checkbox", SURE)
    assert not visitor.one("button", "Import", 1).disabled


def test_people_from_another_model_are_compared_after_the_import(serve: Serve, tmp_path: Path) -> None:
    settings = load_settings(db=tmp_path / "elsewhere", images_dir=tmp_path / "none", threshold=0.5)
    elsewhere = FaceService(settings, fake_engine(OTHER_MODEL))
    enrol(elsewhere, "Bob", BLUE)
    service, visitor = serve(), Visitor()
    bring(visitor, exported(elsewhere))
    assert "1 photo came from another model: the templates are made anew from the photos." in visitor.text
    visitor.click("Import", 1)
    assert service.outdated() == ()
    (found,) = service.identify(service.analyse(service.photo(photo(BLUE), "probe.png")))
    assert found.matched and found.candidates[0].person.name == "Bob"


def test_a_second_import_begins_anew(service: FaceService, visitor: Visitor, elsewhere: FaceService) -> None:
    enrol(elsewhere, "Bob", BLUE)
    bring(visitor, exported(elsewhere)).click("Import", 1).close().click("Import")
    assert "Imported" not in visitor.text
    assert visitor.has("file_uploader", DROP)


def _zipped(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"\0" * 2_000_000)
    return target.getvalue()


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (b"not a zip file", "This is not an archive of people: choose a file that Export has made."),
        (b"", "This is not an archive of people: choose a file that Export has made."),
        (_zipped("../../etc/cron.d/evil"), "This archive names a path outside itself ('../../etc/cron.d/evil')"),
        (_zipped("[x](www.evil.example)"), "'[x](www.evil.example)', which Export never writes"),
        (_zipped("people.json"), "This archive would unpack to far more than it could hold (a zip bomb)"),
    ],
)
def test_a_file_that_is_no_good_archive_is_refused_in_words(
    service: FaceService, visitor: Visitor, archive: bytes, sentence: str
) -> None:
    enrol(service, "Ann", RED)
    bring(visitor, archive)
    (error,) = visitor.errors
    assert sentence in error
    assert not [b for b in visitor.button if b.label == "Import"][1:]
    assert people(service) == {"Ann": 1}


def test_a_damaged_photo_in_an_archive_stops_the_import(
    service: FaceService, visitor: Visitor, elsewhere: FaceService
) -> None:
    enrol(elsewhere, "Bob", BLUE)
    damaged = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(exported(elsewhere))) as good, zipfile.ZipFile(damaged, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name) if name == "people.json" else b"no photo")
    bring(visitor, damaged.getvalue()).click("Import", 1)
    (error,) = visitor.errors
    assert "A photo in this archive is damaged" in error and "Nothing was imported" in error
    assert people(service) == {}


def test_an_export_does_not_leave_a_photo_out_silently(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    lose_photos(service)
    enrol(service, "Bob", BLUE)
    visitor.open("manage").click("Export")
    (error,) = visitor.errors
    assert error.startswith("Photos are missing on the disk, of Ann. Open them and remove what is marked as missing")
    assert visitor.one("download_button", "Download the archive").disabled
