"""What a source finds, and what is fetched of it."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

SourceName = Literal["commons", "flickr", "pexels", "google", "yahoo", "urls", "folder"]
"""The sources there are; ``google`` and ``yahoo`` are asked through SerpApi."""

TITLES: dict[str, str] = {
    "commons": "Wikimedia Commons",
    "flickr": "Flickr",
    "pexels": "Pexels",
    "google": "Google Images",
    "yahoo": "Yahoo Images",
    "urls": "your list of addresses",
    "folder": "your folder",
}
"""What to call each in a sentence."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """One result of a search.

    Attributes:
        source: Where it was found.
        image_url: Of the file to fetch. In the user's own folder it is the
            ``file:`` URI of the file (RFC 8089), as ``Path.as_uri`` writes it;
            :func:`local_path` gives the path again.
        page_url: The page that shows it and names author and licence; the file
            itself where there is none.
        title: What it is called there.
        author: Who made it, as the source says; to be named with the picture.
        licence: The licence's name, such as ``CC BY-SA 4.0``. None only for what
            is the user's own: a list of addresses, a folder, or a site that
            they named as theirs.
        licence_url: Its text. None for the public domain, where the page says
            why, and where the source names none.
        width: In pixels, as the source states it. What ``image_url`` leads to
            may be a smaller copy.
        height: The same.
    """

    source: SourceName
    image_url: str
    page_url: str
    title: str | None
    author: str | None
    licence: str | None
    licence_url: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class RefusedResult:
    """A result that is not taken.

    Attributes:
        image_url: Of the file; empty if the source gave none that can be used.
        page_url: The page that shows it; empty likewise.
        reason: Why, as a sentence for the user. The same reason has the same
            words, so that it can be counted.
    """

    image_url: str
    page_url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched.

    Attributes:
        bytes: Its content: it begins as a picture of a known format does, and is
            no longer than the limit. It is not decoded.
        content_type: As the server called it, without parameters; empty if it
            did not say.
        final_url: The address that it came from in the end.
        fetched_at: When, in UTC.
    """

    bytes: builtins.bytes
    content_type: str
    final_url: str
    fetched_at: datetime


class Source(Protocol):
    """Where pictures are looked for."""

    @property
    def name(self) -> str:
        """Which of the sources it is."""

    def search(self, query: str, limit: int) -> Iterator[FoundImage | RefusedResult]:
        """Looks for pictures.

        Nothing is asked before the first result is wanted, and no page before
        its first result is.

        Args:
            query: Words, as a user would type them.
            limit: At most so many pictures; what is refused does not count.

        Yields:
            Each picture once, in the source's order, and what is not taken.

        Raises:
            InputError: If the query is empty and the source needs one.
            SourceError: If the source can't be used; the message says what to do.
        """


def local_path(image_url: str) -> Path | None:
    """The path of a picture in the user's own folder; None for any other address."""
    parts = urlsplit(image_url)
    if parts.scheme != "file" or parts.netloc:
        return None
    if os.name == "nt":
        return Path(url2pathname(parts.path))
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))
