from __future__ import annotations

import pytest

from facenet_core.sources.fields import number, plain, text, web_address
from facenet_core.sources.licences import ALL_RIGHTS_RESERVED, NO_LICENCE, Licence, licence


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://creativecommons.org/licenses/by/2.0/", "CC BY 2.0"),
        ("http://creativecommons.org/licenses/by-sa/4.0", "CC BY-SA 4.0"),
        ("https://www.creativecommons.org/licenses/BY-NC-ND/4.0/legalcode", "CC BY-NC-ND 4.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.de", "CC BY-SA 4.0"),
        ("https://creativecommons.org/licenses/by-sa/3.0/de/", "CC BY-SA 3.0 DE"),
        ("https://creativecommons.org/licenses/by-nd-nc/1.0/", "CC BY-NC-ND 1.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/deed.en", "Public Domain Mark 1.0"),
    ],
)
def test_the_address_tells_the_licence_whatever_it_is_called(url: str, name: str) -> None:
    assert licence("a licence", url) == Licence(name, url)
    assert licence(None, url) == Licence(name, url)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("cc-by-sa-4.0", "CC BY-SA 4.0"),
        ("CC BY-SA 4.0", "CC BY-SA 4.0"),
        ("Creative Commons BY 2.5", "CC BY 2.5"),
        ("CC BY-SA 3.0 de", "CC BY-SA 3.0 DE"),
        ("CC0", "CC0"),
        ("CC-zero", "CC0"),
        (" Public   domain ", "Public domain"),
        ("GFDL", "GFDL"),
        ("No known copyright restrictions", "No known copyright restrictions"),
        ("Copyrighted free use", "Copyrighted free use"),
    ],
)
def test_a_name_is_brought_to_one_form(given: str, name: str) -> None:
    assert licence(given, None) == Licence(name, None)


@pytest.mark.parametrize("name", [None, "", "  "])
def test_without_a_name_and_a_telling_address_there_is_no_licence(name: str | None) -> None:
    assert licence(name, None) == NO_LICENCE
    assert licence(name, "https://stock.example/licence") == NO_LICENCE
    assert licence(name, "https://creativecommons.org.evil.example/licenses/by/4.0/") == NO_LICENCE


@pytest.mark.parametrize("name", ["All Rights Reserved", "© 2020 Ann", "Copyright Ann", "copyrighted"])
def test_reserved_rights_are_no_licence(name: str) -> None:
    assert licence(name, "https://example.org/terms") == ALL_RIGHTS_RESERVED


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1234", 1234), (7, 7), (7.0, 7), ("0", 0), (-1, None), ("x", None), (None, None), (True, None), ("1e3", None)],
)
def test_numbers_come_as_strings_too(value: object, expected: int | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("//example.org/a", "https://example.org/a"),
        ("http://[2001:db8::1]:80/", "http://[2001:db8::1]:80/"),
        ("ftp://example.org/a", None),
        ("x-raw-image:///abc", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("https://me:secret@example.org/", None),
        ("https://example.org/a b", None),
        ("https://example.org/\ud800.jpg", None),
        ("https://example.org:port/", None),
        ("https:///a", None),
        ("https://[::1/", None),
        ("https://example.org/" + "a" * 3_000, None),
        (5, None),
        (None, None),
    ],
)
def test_only_addresses_of_the_web_are_taken(value: object, expected: str | None) -> None:
    assert web_address(value) == expected


def test_html_becomes_the_text_that_a_browser_shows() -> None:
    html = '<style>.a{}</style><a href="//x">Ann &amp; <b>Co.</b></a><br>Bea<script>x()</script>'
    assert plain(html) == "Ann & Co. Bea"
    assert plain("<span></span>") is None
    assert plain(None) is None


def test_text_is_one_legible_line() -> None:
    assert text(" a\n\tb\x00\u202ec ") == "a b c"
    assert text("a\ud800b \udfff") == "a b"
    assert text("é" * 900) == "é" * 500
    assert text({"a": 1}) is None
    assert text(12) == "12"
