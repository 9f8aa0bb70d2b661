"""What is the user's own: a list of addresses, and a folder. No licence is asked for.

Neither looks at the query: the list and the folder are what is wanted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from facenet_core.enrolment import PHOTO_SUFFIXES
from facenet_core.errors import SourceSetupError
from facenet_core.sources.fields import text, web_address
from facenet_core.sources.records import FoundImage, RefusedResult
from facenet_core.sources.results import Result, stream

MAX_LIST = 64 * 2**20
"""Bytes of the longest file of addresses."""

NO_ADDRESS = "This is not a web address of a picture; give one that begins with https:// or http://."
LINK = "This is a link, and links are not followed."


class UrlList:
    """Pictures at addresses that the user lists.

    Args:
        lines: In each the address of a picture and, after white space, of the
            page that shows it if there is one. Empty lines, and those that begin
            with #, are passed over.
    """

    name = "urls"

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines

    @classmethod
    def read(cls, path: Path) -> UrlList:
        """Takes the lines of a file, in UTF-8.

        Raises:
            SourceSetupError: If it can't be read.
        """
        try:
            with path.open("rb") as file:
                content = file.read(MAX_LIST + 1)
            if len(content) > MAX_LIST:
                raise SourceSetupError(f"{path}: this list of addresses is larger than {MAX_LIST // 2**20} MB.")
            return cls(content.decode("utf-8-sig").splitlines())
        except UnicodeDecodeError as error:
            raise SourceSetupError(f"{path}: this list of addresses is not text in UTF-8.") from error
        except OSError as error:
            raise SourceSetupError(f"{path}: this list of addresses can't be read ({error.strerror}).") from error

    def search(self, query: str, limit: int) -> Iterator[Result]:
        """Gives the addresses; see :meth:`facenet_core.sources.records.Source.search`."""
        return stream([self._results()], limit)

    def _results(self) -> Iterator[Result]:
        for line in self._lines:
            image, *pages = line.split() or [""]
            if not image or image.startswith("#"):
                continue
            image_url = web_address(image)
            if image_url is None or not image_url.startswith("http"):
                yield RefusedResult(text(image) or "", "", NO_ADDRESS)
                continue
            page_url = web_address(pages[0]) if pages else None
            yield _own("urls", image_url, page_url or image_url, None)


class Folder:
    """Photos of a folder and of those in it.

    Args:
        folder: Where.
    """

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def search(self, query: str, limit: int) -> Iterator[Result]:
        """Gives the photos, by name; see :meth:`facenet_core.sources.records.Source.search`."""
        if not self._folder.is_dir():
            raise SourceSetupError(f"{_legible(str(self._folder))}: there is no such folder.")
        return stream([self._results()], limit)

    def _results(self) -> Iterator[Result]:
        for root, folders, files in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(root, name)
                # Those that begin with a dot are what systems leave beside photos: "._IMG_1.jpg".
                if name.startswith(".") or path.suffix.casefold() not in PHOTO_SUFFIXES:
                    continue
                address = path.as_uri()
                if path.is_symlink():
                    yield RefusedResult(address, address, LINK)
                else:
                    yield _own("folder", address, address, _legible(path.relative_to(self._folder).as_posix()))


def _own(source: str, image_url: str, page_url: str, title: str | None) -> FoundImage:
    return FoundImage(
        source="folder" if source == "folder" else "urls",
        image_url=image_url,
        page_url=page_url,
        title=title,
        author=None,
        licence=None,
        licence_url=None,
        width=None,
        height=None,
    )


def _legible(name: str) -> str:
    # A name that is not valid UTF-8 could be neither printed nor stored.
    return name.encode(errors="replace").decode()
