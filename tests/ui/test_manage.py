from __future__ import annotations

import pytest

from facenet_core.service import FaceService
from facenet_core.ui import faces
from tests.fakes import BLUE, DARK_RED, GREEN, OTHER_MODEL, RED, fake_engine
from tests.ui.conftest import Serve
from tests.ui.people import enrol, lose_photos
from tests.ui.visitor import Visitor


def names(visitor: Visitor) -> list[str]:
    """Who has a card."""
    return [alt.removeprefix("Photo 1 of ") for alt in visitor.pictures if alt.startswith("Photo 1 of ")]


def open_person(visitor: Visitor, number: int = 0) -> Visitor:
    visitor.open("manage").click("Open", number)
    assert visitor.dialog == "Person"
    return visitor


# -- the gallery --------------------------------------------------------------


def test_with_nobody_enrolled_the_page_says_how_to_begin(visitor: Visitor) -> None:
    visitor.open("manage")
    assert "Nobody is enrolled yet. Add a person with one or several photos, or a whole folder of them." in visitor.text
    assert not visitor.has("text_input", "Search")


def test_everybody_has_a_card_with_a_face(service: FaceService, visitor: Visitor) -> None:
    person = enrol(service, "Zoë", RED, DARK_RED)
    enrol(service, "Ann", BLUE)
    visitor.open("manage")
    assert names(visitor) == ["Ann", "Zoë"]
    assert "2 people, 3 photos" in visitor.text
    assert f"2 photos · {person.created_at.day} {person.created_at:%b %Y}" in visitor.text


def test_people_are_found_by_a_part_of_their_name(service: FaceService, visitor: Visitor) -> None:
    for name in ("Grace Hopper", "Ada Lovelace", "Grace Kelly"):
        enrol(service, name, RED)
    visitor.open("manage").fill("Search", " GRACE")
    assert names(visitor) == ["Grace Hopper", "Grace Kelly"]
    visitor.fill("Search", "[nobody]")
    assert names(visitor) == []
    assert "Nobody is called [nobody]." in visitor.text
    visitor.fill("Search", "")
    assert len(names(visitor)) == 3


def test_many_people_come_page_by_page(service: FaceService, visitor: Visitor) -> None:
    for number in range(50):
        enrol(service, f"{'Odd' if number % 2 else 'Even'} {number:02}", RED)
    visitor.open("manage")
    assert "50 people, 50 photos" in visitor.text
    assert len(names(visitor)) == 24
    everybody = [p.name for p in service.people()]
    assert names(visitor) == everybody[:24]
    visitor.turn_to(3)
    assert names(visitor) == everybody[48:]
    visitor.fill("Search", "odd")  # two pages: there is no third any more
    assert names(visitor) == everybody[25:49]
    visitor.fill("Search", "odd 01")
    assert names(visitor) == ["Odd 01"]
    assert not visitor.pagination


def test_a_lost_photo_leaves_the_card(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    lose_photos(service)
    visitor.open("manage")
    assert "photo missing" in visitor.text and "Ann" in visitor.text
    open_person(visitor)
    assert "photo missing" in visitor.text


# -- one person ---------------------------------------------------------------


def test_a_card_opens_the_person_with_all_photos(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED, DARK_RED)
    open_person(visitor)
    assert [h.value for h in visitor.subheader] == ["Ann"]
    assert "Photo 2 of Ann" in visitor.pictures
    assert "Ann.png" in visitor.text


def test_a_person_can_be_renamed(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    open_person(visitor).fill("Name", "  Anna   Maria ").click("Rename")
    assert visitor.dialog == "Person"
    assert visitor.subheader[0].value == "Anna Maria"
    visitor.close()
    assert names(visitor) == ["Anna Maria"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bob", "Somebody else is called Bob already: choose another name."),
        ("", "A person needs a name"),
        ("x" * 500, "This name has 500 characters: use at most 100."),
        ("Bob\u202egnp.exe", "invisible character (U+202E) that reverses the text"),
        ("../../etc/passwd", "A name can't contain / because it is also the name of a folder."),
    ],
)
def test_a_name_that_can_not_be_used_is_refused_with_the_reason(
    service: FaceService, visitor: Visitor, name: str, sentence: str
) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    open_person(visitor).fill("Name", name).click("Rename")
    (error,) = visitor.errors
    assert sentence in error
    assert [p.name for p in service.people()] == ["Ann", "Bob"]
    visitor.fill("Name", "Cleo").click("Rename")
    assert not visitor.errors
    assert [p.name for p in service.people()] == ["Bob", "Cleo"]


def test_a_photo_can_be_removed_but_not_the_only_one(service: FaceService, visitor: Visitor) -> None:
    first, second = enrol(service, "Ann", RED, DARK_RED).templates
    open_person(visitor).click("Remove", 0)
    (left,) = service.people()[0].templates
    assert left.id == second.id
    only = visitor.one("button", "Remove")
    assert only.disabled and only.help == "The only photo goes with the person."
    assert not service.repository.photos.path(first.photo_sha256).exists()


def test_a_person_is_removed_only_after_confirmation(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED, DARK_RED)
    open_person(visitor).click("Remove this person")
    assert "Remove Ann and 2 photos? This can't be undone." in visitor.text
    visitor.click("Keep")
    assert "undone" not in visitor.text
    assert len(service.people()) == 1
    visitor.click("Remove this person").click("Yes, remove")
    assert "Removed, with all photos and templates." in visitor.text
    assert service.people() == ()
    assert "Nobody is enrolled yet." in visitor.close().text


def test_a_question_about_removal_is_not_there_when_the_person_is_opened_again(
    service: FaceService, visitor: Visitor
) -> None:
    enrol(service, "Ann", RED)
    open_person(visitor).click("Remove this person").close().click("Open")
    assert "undone" not in visitor.text


def test_what_went_wrong_with_somebody_is_not_said_about_the_next(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    enrol(service, "Bob", BLUE)
    open_person(visitor).fill("Name", "bob")
    service.repository.remove_person(service.repository.person("Ann").id)
    visitor.click("Rename").close().click("Open")
    assert visitor.subheader[0].value == "Bob"
    assert not visitor.errors


def test_pictures_of_somebody_removed_are_forgotten(service: FaceService, visitor: Visitor) -> None:
    """They are kept for all sessions, so that a gallery is fast."""
    ann, bob = enrol(service, "Ann", RED), enrol(service, "Bob", BLUE)
    visitor.open("manage")
    assert set(faces._crops()) == {ann.templates[0].id, bob.templates[0].id}
    service.repository.remove_person(ann.id)
    visitor.run()
    assert set(faces._crops()) == {bob.templates[0].id}


# -- others -------------------------------------------------------------------


def test_another_session_sees_a_change_without_being_touched(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    watcher = Visitor().open("manage")
    open_person(visitor).fill("Name", "Anna").click("Rename")
    assert names(watcher) == ["Ann"]
    assert names(watcher.wait()) == ["Anna"]


def test_a_dialog_is_not_closed_by_what_others_do(service: FaceService, visitor: Visitor) -> None:
    enrol(service, "Ann", RED)
    open_person(visitor)
    enrol(service, "Bob", BLUE)
    assert visitor.wait().dialog == "Person"


def test_somebody_removed_elsewhere_meanwhile_is_said_to_be_gone(service: FaceService, visitor: Visitor) -> None:
    ann = enrol(service, "Ann", RED, DARK_RED)
    open_person(visitor)
    service.repository.remove_person(ann.id)
    visitor.click("Remove", 1)
    assert "Removed, with all photos and templates." in visitor.text


def test_photos_of_another_model_are_pointed_out(serve: Serve, visitor: Visitor) -> None:
    enrol(serve(fake_engine(OTHER_MODEL)), "Ann", RED, GREEN)
    serve()
    visitor.open("manage")
    assert "2 of the enrolled photos were embedded by another model" in visitor.text
    visitor.click("Renew them from their photos")
    assert "another model" not in visitor.text
