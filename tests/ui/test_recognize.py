from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from facenet_core import shipped
from facenet_core.errors import ModelError
from facenet_core.service import FaceService
from facenet_core.types import Analysis
from facenet_core.ui import photos
from tests.fakes import BLUE, DARK_RED, GREEN, OTHER_MODEL, RED, YELLOW, Colour, fake_engine, photo
from tests.ui.conftest import Serve
from tests.ui.people import MEASURED, enrol, lose_photos
from tests.ui.visitor import Visitor

DROP = "Drop photos here"


def show(visitor: Visitor, **photos: tuple[Colour, ...]) -> Visitor:
    """Drops photos with a face of each colour."""
    return visitor.open("recognize").upload(DROP, *((f"{name}.png", photo(*faces)) for name, faces in photos.items()))


def near(one: object, other: Colour) -> bool:
    """Whether two colours are the same but for what JPEG does to them."""
    return bool(np.abs(np.subtract(one, other)).max() < 12)


def rows(visitor: Visitor) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(visitor.download("CSV").decode())))


def test_every_face_of_a_photo_is_named_or_not(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    show(visitor, party=(BLUE, GREEN, DARK_RED))
    assert "1 photo, 3 faces, 2 named" in visitor.text
    assert "**1** · :green[:material/check_circle: **Bob**] · distance 0.00" in visitor.text
    assert "**2** · :red[:material/person_off: **Not in database**] · nearest: Bob 1.52" in visitor.text
    assert "**3** · :green[:material/check_circle: **Ann**] · distance 0.07" in visitor.text
    assert list(visitor.pictures) == [
        "party.png with 3 numbered faces",
        "Face 1",
        "Enrolled photo 1 of Bob",
        "Face 2",
        "Face 3",
        "Enrolled photo 1 of Ann",
    ]


def test_a_name_comes_with_how_rare_it_is_and_the_reason_for_the_threshold(
    serve: Serve, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)
    service = serve(identify_threshold=None)
    enrol(service, "Ann", RED)
    show(visitor, one=(DARK_RED,))
    assert "distance 0.07 · fewer than 1 in 1,000,000 strangers" in visitor.text
    expected = service.identify_threshold()
    assert "With 1 enrolled photo, a threshold of 0.80 gives about 1 in " in expected.explanation
    assert expected.explanation in visitor.text


def test_the_next_four_people_are_named_too(service: FaceService, visitor: Visitor) -> None:
    for name, colour in {"A": RED, "B": DARK_RED, "C": YELLOW, "D": GREEN, "E": BLUE, "F": (31, 40, 220)}.items():
        enrol(service, name, colour)
    show(visitor, one=(RED,))
    assert "Next: B 0.07, C 1.01, D 1.59, F 1.62" in visitor.text


def test_a_file_that_is_no_photo_does_not_take_the_others_away(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open("recognize").upload(
        DROP, ("a.png", photo(RED)), ("b.png", b"not a photo"), ("c.png", photo(GREEN)), ("d.png", b"")
    )
    assert "2 photos, 2 faces, 1 named" in visitor.text
    assert [error.split(":")[0] for error in visitor.errors] == ["b.png", "d.png"]
    assert [row["photo"] for row in rows(visitor)] == ["a.png", "c.png"]


def test_with_no_good_photo_there_is_nothing_to_download(visitor: Visitor) -> None:
    visitor.open("recognize").upload(DROP, ("b.png", b"not a photo"))
    assert "0 photos, 0 faces, 0 named" in visitor.text
    assert not visitor.download_button


def test_a_photo_without_faces_is_shown_as_such(visitor: Visitor) -> None:
    show(visitor, wall=())
    assert "No face was found in this photo." in visitor.text
    assert list(visitor.pictures) == ["wall.png, without faces"]
    assert rows(visitor) == []


def test_with_nobody_enrolled_nobody_is_named(visitor: Visitor) -> None:
    show(visitor, one=(RED,))
    assert "1 photo, 1 face, 0 named" in visitor.text
    assert "Not in database" in visitor.text and "nobody to compare with" in visitor.text
    assert rows(visitor)[0]["result"] == "Not in database"


def test_people_enrolled_with_another_model_are_pointed_out_and_can_be_renewed(serve: Serve, visitor: Visitor) -> None:
    enrol(serve(fake_engine(OTHER_MODEL)), "Ann", RED)
    serve()
    show(visitor, one=(RED,))
    assert "1 of the enrolled photos were embedded by another model" in visitor.text
    assert "1 photo, 1 face, 0 named" in visitor.text
    visitor.click("Renew them from their photos")
    assert "another model" not in visitor.text
    assert "1 photo, 1 face, 1 named" in visitor.text


def test_a_photo_that_can_not_be_renewed_is_named_with_the_reason(serve: Serve, visitor: Visitor) -> None:
    old = serve(fake_engine(OTHER_MODEL))
    enrol(old, "Ann", RED)
    lose_photos(old)
    enrol(old, "Bob", BLUE)
    serve()
    visitor.open("recognize").click("Renew them from their photos")
    assert "1 of the enrolled photos were embedded by another model" in visitor.text
    (error,) = visitor.errors
    assert error.startswith("Ann, Ann.png: ") and "this photo is missing" in error
    visitor.run()
    assert not visitor.errors


def test_a_lost_photo_of_somebody_does_not_take_the_answer_away(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    lose_photos(service)
    show(visitor, one=(RED,))
    assert "**Ann**" in visitor.text and "photo missing" in visitor.text


def test_a_model_without_a_threshold_says_what_to_do(serve: Serve, visitor: Visitor) -> None:
    enrol(serve(identify_threshold=None), "Ann", RED)
    show(visitor, one=(RED,))
    assert "no threshold was measured for model fake" in visitor.text
    assert "named" not in visitor.text.splitlines()[-1]


def test_a_face_can_be_shown_to_the_camera(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    visitor.open("recognize").choose("Photos", "Camera").photograph(photo(RED))
    assert "1 photo, 1 face, 1 named" in visitor.text


def test_the_table_is_safe_to_open_in_a_spreadsheet(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "=1+1", RED)
    enrol(service, 'A "B", C', BLUE)
    visitor.open("recognize").upload(DROP, ("@SUM(A1).png", photo(RED, BLUE)))
    first, second = rows(visitor)
    assert (first["photo"], first["face"], first["result"], first["person_1"]) == (
        "'@SUM(A1).png",
        "1",
        "'=1+1",
        "'=1+1",
    )
    assert (first["left"], first["top"], first["right"], first["bottom"]) == ("30", "30", "90", "90")
    assert second["result"] == second["person_1"] == 'A "B", C'
    assert float(second["distance_1"]) < float(second["threshold"]) < float(second["distance_2"])
    assert second["person_3"] is None or second["person_3"] == ""


def test_the_annotated_picture_has_the_size_of_the_photo(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    content = photo(RED, GREEN)
    visitor.open("recognize").upload(DROP, ("pair.png", content))
    given, annotated = Image.open(io.BytesIO(content)), Image.open(io.BytesIO(visitor.download("Annotated picture")))
    assert annotated.format == "PNG"
    assert annotated.size == given.size
    assert annotated.convert("RGB").getpixel((30, 60)) != RED  # the box's line


def test_a_large_photo_is_shown_smaller_with_its_boxes_in_place(service: FaceService, visitor: Visitor) -> None:
    row = [(220, 12 * number, 30) for number in range(20)]
    visitor.open("recognize").upload(DROP, ("row.png", photo(*row, side=70)))  # 1840 pixels wide
    annotated = Image.open(io.BytesIO(visitor.download("Annotated picture"))).convert("RGB")
    assert annotated.width == 1600
    scale = 1600 / 1840
    left, cheek, height = (round(pixels * scale) for pixels in (30 + 19 * 90, 46 + 19 * 90, 72))
    assert near(annotated.getpixel((cheek, height)), row[-1])
    edge = annotated.getpixel((left + 3, round(97 * scale)))
    assert not near(edge, row[-1]) and not near(edge, (255, 255, 255))
    assert rows(visitor)[-1]["left"] == "1740"


def test_several_annotated_pictures_come_in_one_archive_with_the_table(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    same = ("same.png", photo(RED))
    visitor.open("recognize").upload(DROP, same, ("same.png", photo(GREEN)), ("../../etc/passwd.png", photo(BLUE)))
    with zipfile.ZipFile(io.BytesIO(visitor.download("Annotated pictures"))) as archive:
        assert archive.namelist() == [
            "001-same-faces.png",
            "002-same-faces.png",
            "003-passwd-faces.png",
            "faces.csv",
        ]
        assert Image.open(archive.open("002-same-faces.png")).size == (120, 120)
        assert len(archive.read("faces.csv").decode().splitlines()) == 4


def test_dropped_photos_are_remembered_while_more_are_dropped(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(visitor, a=(RED,))
    seen: list[str] = []
    read = service.photo
    monkeypatch.setattr(service, "photo", lambda data, name: (seen.append(name), read(data, name))[1])
    visitor.upload(DROP, ("b.png", photo(GREEN)))
    assert "2 photos, 2 faces" in visitor.text
    assert seen == ["b.png"]


def many(count: int) -> list[tuple[str, bytes]]:
    """Photos of one face each, no two alike."""
    return [(f"{number:02d}.png", photo((RED, GREEN)[number % 2], mark=number)) for number in range(count)]


def test_of_many_photos_twenty_are_shown_at_once_and_all_are_in_the_table(
    service: FaceService, visitor: Visitor
) -> None:
    enrol(service, "Ann", RED)
    visitor.open("recognize").upload(DROP, *many(23))
    assert "23 photos, 23 faces, 12 named" in visitor.text
    assert "19.png" in visitor.text and "20.png" not in visitor.text
    assert len(rows(visitor)) == 23
    visitor.fill("Shown", 1, "selectbox")
    assert "19.png" not in visitor.text and "22.png" in visitor.text
    assert "23 photos, 23 faces, 12 named" in visitor.text


def test_photos_that_were_stopped_are_not_looked_at_until_told_to_go_on(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(service, "Ann", RED)
    identify, asked = service.identify, []

    def answer(found: Analysis) -> object:
        asked.append(found)
        if len(asked) == 17:  # as a click on Stop ends the page
            raise ModelError("stands for a click")
        return identify(found)

    monkeypatch.setattr(service, "identify", answer)
    visitor.open("recognize").upload(DROP, *many(30))
    assert visitor.errors == ["stands for a click"]
    visitor.session_state[photos.STOPPED] = tuple((name, len(data)) for name, data in many(30))
    visitor.run()
    assert "17 photos, 17 faces, 9 named" in visitor.text
    assert "Stopped: 13 photos not looked at." in visitor.text
    visitor.click("Go on")
    assert "30 photos, 30 faces, 15 named" in visitor.text
    assert "Stopped" not in visitor.text
