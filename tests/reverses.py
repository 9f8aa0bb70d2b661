"""Reverse indexes of the fake engine's photos: a made-up web, a clock, and what was fetched from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from facenet_core import images
from facenet_core.calibration import Calibration
from facenet_core.config import Settings
from facenet_core.errors import FetchError
from facenet_core.reverse.index import ReverseIndex
from facenet_core.reverse.records import Among, Crawled, Matches, Taken
from facenet_core.sources.records import Fetched, FoundImage, RefusedResult, SourceName
from facenet_core.thresholds import Targets
from facenet_core.types import Analysis, Embedding
from tests.fakes import MEASURED, MODEL, Colour, fake_engine, photo


class MadeUpWeb:
    """Pictures at addresses, found by whoever asks; a source and a fetcher in one.

    Attributes:
        pictures: Their bytes, or why they can't be had, by address.
        asked: The addresses that were fetched, in their order.
        meanwhile: What happens while a picture is on its way.
        name: Of the source.
    """

    def __init__(self) -> None:
        self.pictures: dict[str, bytes | FetchError] = {}
        self.refused: list[RefusedResult] = []
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.name: SourceName = "commons"
        self.now = datetime(2026, 11, 22, 9, tzinfo=UTC)

    def put(self, name: str, content: bytes | FetchError, host: str = "pictures.example") -> str:
        """Publishes a picture; returns its address."""
        url = f"https://{host}/{name}.png"
        self.pictures[url] = content
        return url

    def search(self, query: str, limit: int) -> Iterator[FoundImage | RefusedResult]:
        yield from self.refused
        for url in list(self.pictures)[:limit]:
            yield FoundImage(
                self.name, url, page_of(url), "A title", "An author", "CC BY 4.0", "https://licence.example/", 100, 100
            )

    def found(self, image: FoundImage) -> Fetched:
        self.asked.append(image.image_url)
        self.meanwhile()
        content = self.pictures[image.image_url]
        if isinstance(content, FetchError):
            raise content
        return Fetched(content, "image/png", image.image_url, self.now)


def page_of(url: str) -> str:
    """The page that shows a picture."""
    return url.replace(".png", ".html")


class ReverseScene:
    """A made-up web, and an index of it.

    Attributes:
        web: The web.
        model_id: The model that the engine has.
        calibration: What was measured for it.
        index: The index.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.web, self.model_id = MadeUpWeb(), MODEL
        self.calibration: Calibration | None = MEASURED
        self._opened: list[ReverseIndex] = []
        self.index = self.opened()

    def opened(self) -> ReverseIndex:
        """The index as another process has it."""
        index = ReverseIndex(
            self.settings,
            lambda: fake_engine(self.model_id),
            lambda: self.calibration,
            lambda: Targets(1e-3, 1e-2),
            lambda: self.web.now,
        )
        self._opened.append(index)
        return index

    def close(self) -> None:
        """Lets go of every one that was opened."""
        for index in self._opened:
            index.close()

    def later(self, **time: float) -> None:
        """Lets time pass."""
        self.web.now += timedelta(**time)

    def crawl(self, query: str = "people", limit: int = 100) -> list[Crawled]:
        return list(self.index.crawl(self.web, self.web, query, limit))

    def take_in(self) -> list[Taken]:
        """A crawl and an index run."""
        self.crawl()
        return list(self.index.index())

    def probe(self, colour: Colour) -> Embedding:
        return self.analysed(colour).faces[0].embedding

    def analysed(self, *colours: Colour, mark: int = 90) -> Analysis:
        """A photo of the probe."""
        return fake_engine(self.model_id).analyse(images.decode(photo(*colours, mark=mark), "probe.png"))

    def search(self, colour: Colour, count: int = 20, **among: object) -> Matches:
        return self.index.search(self.probe(colour), count, Among(**among))  # type: ignore[arg-type]

    def found(self, colour: Colour, **among: object) -> list[str]:
        """The pages that show somebody, the nearest first."""
        return [page.page_url for hit in self.search(colour, **among).hits for page in hit.pages]
