from __future__ import annotations

import unicodedata

import pytest

from facenet_core.errors import PersonNameError
from facenet_core.store import clean_name, name_key


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Anna  ", "Anna"),
        ("Anna\n", "Anna"),
        ("Anna   Maria\u00a0 Lind", "Anna Maria Lind"),
        ("Jose\u0301", "Jos\u00e9"),
        ("فاطمة", "فاطمة"),
        ("日本 太郎", "日本 太郎"),
        ("O'Neill-Smith, Jr.", "O'Neill-Smith, Jr."),
        ("👩\u200d🚀 Sally", "👩\u200d🚀 Sally"),
        ("...", "..."),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_name_is_stored_in_one_form(typed: str, stored: str) -> None:
    assert clean_name(typed) == stored
    assert clean_name(stored) == stored


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "A person needs a name"),
        (" \t\n", "A person needs a name"),
        ("\u200b\u2060", "A person needs a name"),
        ("\u3164", "A person needs a name"),
        ("x" * 101, "101 characters: use at most 100"),
        ("Anna\nMaria", r"control character \(U\+000A\)"),
        ("Anna\x00", r"control character \(U\+0000\)"),
        ("Anna\x1b[31m", r"control character \(U\+001B\)"),
        ("Anna\x85Maria", r"control character \(U\+0085\)"),
        ("\u202egnp.annA", r"reverses the text around it"),
        ("Anna\u2066", r"\(U\+2066\)"),
        ("../etc/passwd", "can't contain /"),
        ("C:\\Windows", r"can't contain \\"),
        (".", "also the name of a folder"),
        (" .. ", "also the name of a folder"),
        ("Anna\ud800", r"U\+D800, which is no character"),
        ("Anna\uffff", r"U\+FFFF, which is no character"),
    ],
)
def test_a_name_that_cant_be_used_is_refused_with_its_reason(typed: str, sentence: str) -> None:
    with pytest.raises(PersonNameError, match=sentence):
        clean_name(typed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna", "ANNA"),
        ("Anna Maria", " anna \u2003 maria "),
        ("José", unicodedata.normalize("NFD", "José")),
        ("Strauß", "STRAUSS"),
        ("Ångström", "A\u030angstro\u0308m"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("Ａｎｎａ", "Anna"),
        ("An\u00adna", "Anna"),
        ("An\u200bna", "Anna"),
    ],
)
def test_names_that_look_the_same_belong_to_the_same_person(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Anna", "Anne"), ("Anna Maria", "Annamaria"), ("José", "Jose")])
def test_names_that_look_different_belong_to_different_people(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_a_key_is_its_own_key() -> None:
    everything = [chr(number) for number in range(0x20, 0x2FFFF) if not 0xD800 <= number < 0xE000]
    assert [c for c in everything if name_key(name_key(c)) != name_key(c)] == []
