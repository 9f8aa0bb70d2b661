"""Names are shown as they are, whatever Markdown would make of them."""

from __future__ import annotations

import pytest

from facenet_core import shipped
from facenet_core.errors import DatabaseWriteError
from facenet_core.service import FaceService
from facenet_core.ui import adding
from facenet_core.ui.components import plain
from tests.fakes import BLUE, GREEN, OTHER_MODEL, RED, fake_engine, photo
from tests.ui.conftest import Serve
from tests.ui.people import MEASURED, enrol
from tests.ui.visitor import Visitor, read

NAMES = [
    "*bold* _it_ `x`",
    "[x](mailto:a@evil.example)",
    "<script>alert(1)<b>",
    ":red[x] :streamlit: :smile:",
    "R&amp;D $x$ ~~y~~ -> z",
    "www.evil.example",
]
PHOTO = "![x](http://evil.example/:material/check_circle:.png) *b*.png"


def literal(visitor: Visitor, *names: str) -> None:
    """Checks that names are on the page, and nowhere as Markdown."""
    said = "\n".join(visitor.raw)
    for name in names:
        assert name in visitor.text
        assert name not in said


@pytest.mark.parametrize(
    ("name", "alive"),
    [
        ("http://evil.example https://evil.example", "http://"),
        ("WWW.evil.example", "WWW."),
        ("a@evil.example", "@evil"),
        (":material/check_circle:", ":material"),
        (":streamlit: :smile:", ":s"),
        ("a -> b --> c", "->"),
        ("a <- b", "<-"),
        ("a -- b", "--"),
        ("a >= b <= c ~= d", "="),
        ("&copy; &#42;", "&c"),
    ],
)
def test_nothing_is_made_of_a_name_when_the_escapes_are_gone(name: str, alive: str) -> None:
    """Streamlit looks for these in the text that Markdown's parser leaves."""
    parsed = plain(name).replace("\\", "")
    assert alive not in parsed or alive in ("=", "&c")
    assert read(plain(name)) == name


def test_a_name_of_many_lines_stays_on_one() -> None:
    assert read(plain("a\n\n# b\t c.png ")) == "a # b c.png"


def test_ordinary_names_are_left_alone() -> None:
    for name in ("Jean-Luc O'Neill", "Zoë Müller", "王小明", "Ann, 2 (old)"):
        assert read(plain(name)) == name
        assert "\N{WORD JOINER}" not in plain(name)


@pytest.mark.parametrize("name", NAMES)
def test_verify_shows_a_name_literally(service: FaceService, visitor: Visitor, name: str) -> None:
    enrol(service, name, RED)
    visitor.open().select("Who do they say they are?", name)
    visitor.choose("Their photo", "Gallery")
    visitor.select("An enrolled photo, or a file of the images folder", f"{name}, photo 1")
    assert "Welcome in" in visitor.text
    assert f"Enrolled photo 1 of {name}" in visitor.pictures
    assert name not in "\n".join(visitor.raw)
    visitor.choose("Their photo", "Upload").upload("Drop a photo here", (PHOTO, photo()))
    assert visitor.errors[0].startswith(f"{PHOTO}: no face was found.")
    literal(visitor, PHOTO)


@pytest.mark.parametrize("name", NAMES)
def test_verify_shows_a_name_literally_when_it_says_how_rare_an_answer_is(
    service: FaceService, visitor: Visitor, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_measured", lambda: MEASURED)
    enrol(service, name, RED)
    visitor.open().select("Who do they say they are?", name)
    visitor.upload("Drop a photo here", ("a.png", photo(RED)))
    literal(visitor, name)


def test_verify_shows_a_name_literally_when_it_can_not_compare(serve: Serve, visitor: Visitor) -> None:
    enrol(serve(fake_engine(OTHER_MODEL)), NAMES[0], RED)
    serve()
    visitor.open().select("Who do they say they are?", NAMES[0])
    visitor.upload("Drop a photo here", ("a.png", photo(RED)))
    assert visitor.errors
    literal(visitor, NAMES[0])


def test_recognise_shows_names_literally(service: FaceService, visitor: Visitor) -> None:
    for name, colour in zip(NAMES, [RED, BLUE, (31, 40, 220), (32, 40, 220), (33, 40, 220)], strict=False):
        enrol(service, name, colour)
    visitor.open("recognize").upload(
        "Drop photos here", (PHOTO, photo(RED, GREEN)), (f"broken {PHOTO}", b"no photo"), (f"no face {PHOTO}", photo())
    )
    literal(visitor, *NAMES[:5], PHOTO, f"broken {PHOTO}", f"no face {PHOTO}")


def test_what_is_being_done_is_shown_literally(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "TURN", 0.0)
    visitor, seen, service = Visitor(), [], serve()
    enrol_one = service.enrol

    def watched(*args: object, **kwargs: object) -> object:
        seen.append(visitor.progress_meanwhile())
        return enrol_one(*args, **kwargs)

    monkeypatch.setattr(service, "enrol", watched)
    visitor.open("manage").click("Add a folder")
    visitor.upload("Drop a folder here", ("f/*a*.png", photo(RED)), ("f/*b*.png", photo(BLUE))).click("Enrol 2 photos")
    assert not [text for text in seen if text and "*a*" in text]


@pytest.mark.parametrize("name", NAMES)
def test_manage_shows_a_name_literally(service: FaceService, visitor: Visitor, name: str) -> None:
    enrol(service, name, RED)
    enrol(service, "Ann", BLUE)
    visitor.open("manage")
    literal(visitor, name)
    number = [person.name for person in service.people()].index(name)
    visitor.click("Open", number)
    literal(visitor, name, f"{name}.png")
    literal(visitor.click("Remove this person"), f"Remove {name} and 1 photo?", name)
    visitor.close().click("Open", 1 - number).fill("Name", name).click("Rename")
    (error,) = visitor.errors
    assert error == f"Somebody else is called {name} already: choose another name."
    literal(visitor, name)
    visitor.close().fill("Search", f"{name}?")
    literal(visitor, f"Nobody is called {name}?.", name)


@pytest.mark.parametrize("name", NAMES)
def test_dialogs_that_enrol_show_a_name_literally(service: FaceService, visitor: Visitor, name: str) -> None:
    enrol(service, name, RED)
    visitor.open("manage").click("Open").click("Add photos")
    literal(visitor, f"For **{name}**", name)
    visitor.upload("Drop photos here", (PHOTO, photo()), (f"broken {PHOTO}", b"no photo"))
    literal(visitor, f"broken {PHOTO}: This is not a photo.")
    literal(visitor.click("Enrol 1 photo"), f"- **{PHOTO}** ({name}) no face was found.", name, PHOTO)
    visitor.close().click("Add a person").fill("Name", "Ann").upload("Drop photos here", ("a.png", photo(RED, mark=99)))
    literal(visitor.click("Enrol 1 photo"), f"- **a.png** (Ann) The face looks like {name} (0.00 apart).", name)


def test_an_error_of_the_database_is_shown_literally(
    service: FaceService, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise DatabaseWriteError("/srv/*x*/facenet.json: the disk is full")

    enrol(service, "Ann", RED)
    visitor.open("manage").click("Open")
    monkeypatch.setattr(service.repository, "rename", full)
    visitor.click("Rename")
    literal(visitor, "/srv/*x*/facenet.json: the disk is full")
