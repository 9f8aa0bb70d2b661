"""Public pictures of the fake engine's people: a source that finds them, and what fetches them, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from facenet_core.reverse.index import ReverseIndex
from facenet_core.sources.records import Fetched, FoundImage, RefusedResult, SourceName


@dataclass
class Pictures:
    """A source, and its web.

    Attributes:
        name: Which source it passes for.
        pictures: What it finds.
        contents: The files, by address.
    """

    name: SourceName = "commons"
    pictures: list[FoundImage] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)

    def put(
        self,
        name: str,
        content: bytes,
        *,
        title: str | None = None,
        author: str | None = "A. Photographer",
        licence: str | None = "CC BY-SA 4.0",
        licence_url: str | None = "https://example.org/by-sa",
        page_url: str | None = None,
    ) -> FoundImage:
        """Publishes a picture."""
        url = f"https://{self.name}.example.org/{name}"
        page = page_url or f"https://{self.name}.example.org/wiki/{name}"
        image = FoundImage(self.name, url, page, title or name, author, licence, licence_url, None, None)
        self.pictures.append(image)
        self.contents[url] = content
        return image

    def search(self, query: str, limit: int) -> Iterator[FoundImage | RefusedResult]:
        yield from self.pictures[:limit]

    def found(self, image: FoundImage) -> Fetched:
        return Fetched(self.contents[image.image_url], "image/png", image.image_url, datetime.now(UTC))

    def crawled_by(self, index: ReverseIndex) -> None:
        """Has everything taken in."""
        list(index.crawl(self, self, "people", 1000))
        list(index.index())
