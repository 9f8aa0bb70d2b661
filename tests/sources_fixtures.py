"""A loopback server of pictures, and a fetcher whose time is the test's."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from facenet_core.config import Settings, load_settings
from facenet_core.sources.addresses import resolve
from facenet_core.sources.fetching import Fetcher
from facenet_core.sources.web import Web
from tests.fake_time import FakeTime
from tests.sources_server import SourcesServer

TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: to load the certificates of the world for each test takes longer than the test."""


def picture(colour: str, format_name: str = "JPEG", side: int = 64) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, format_name)
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[SourcesServer]:
    """The sources, with few results, so that paging is seen where a test asks for more."""
    with SourcesServer([picture("red"), picture("blue")], results=7) as started:
        yield started


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def settings(server: SourcesServer) -> Settings:
    return load_settings(**server.settings())


Fetch = Callable[..., Fetcher]


@pytest.fixture
def fetcher(settings: Settings, time: FakeTime) -> Iterator[Fetch]:
    """Makes fetchers, with other settings where they are given, and closes them."""
    made: list[Fetcher] = []

    def make(
        resolve: Callable[[str, int], Sequence[str]] = resolve, tls: ssl.SSLContext = TRUSTS_NOBODY, **changes: object
    ) -> Fetcher:
        given = settings.model_copy(update=changes)
        web = Web(given, clock=time.clock, now=time.now, sleep=time.sleep, random=Random(1), resolve=resolve, tls=tls)
        made.append(Fetcher(given, web))
        return made[-1]

    yield make
    for one in made:
        one.close()
