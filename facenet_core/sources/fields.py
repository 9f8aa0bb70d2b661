"""Single values of what a source answers, none of which is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

MAX_TEXT = 500
"""Characters that are kept of a title or an author."""

MAX_URL = 2_048
"""Characters of the longest address that is taken; browsers and servers go little further."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
"""Control characters, those that turn the direction of writing, and halves of characters, which JSON may have alone."""

_NOT_IN_ADDRESSES = re.compile(rf"\s|{_UNPRINTABLE.pattern}")


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Mapping[str, Any]]:
    """The objects in a JSON array; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """A line of text, cleaned and shortened; None if there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    line = " ".join(_UNPRINTABLE.sub(" ", str(value)).split())
    return line[:MAX_TEXT] or None


def number(value: object) -> int | None:
    """A whole number of 0 or more, also if it is written as a string; None for anything else.

    Flickr sends ``"total": "1234"``, and sizes either way.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value.strip()):
        value = int(value)
    return value if isinstance(value, int) and value >= 0 else None


def web_address(value: object) -> str | None:
    """An http or https address of a host; None for anything else, also one with a password in it."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_URL:
        return None
    if _NOT_IN_ADDRESSES.search(value):
        return None
    address = f"https:{value}" if value.startswith("//") else value
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port  # raises if it is no number
    except ValueError:
        return None
    return address if usable else None


def plain(value: object) -> str | None:
    """The text of a piece of HTML, such as an author's name with a link; None if there is none."""
    if not isinstance(value, str):
        return text(value)
    reader = _Text()
    reader.feed(value[: 20 * MAX_TEXT])
    reader.close()
    return text("".join(reader.parts))


class _Text(HTMLParser):
    """What a browser would show of HTML, without styles and scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script")
        self.parts.append(" " if tag in ("br", "p", "div", "li", "td") else "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= self._hidden > 0 and tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)
