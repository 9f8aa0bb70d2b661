"""Crawls: what sources find is noted and fetched, once, and waits for the index."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from facenet_core.errors import (
    CutShortError,
    FetchError,
    HttpStatusError,
    ReverseError,
    RobotsError,
    TimedOutError,
    UnreachableError,
)
from facenet_core.reverse.addresses import Address, Addresses
from facenet_core.reverse.photos import Photos
from facenet_core.reverse.records import Crawled
from facenet_core.sources.records import Fetched, FoundImage, RefusedResult, Source

WAITING = 5_000
"""Originals that may wait for the index: they are kept for that time only."""


class Fetching(Protocol):
    """Fetches pictures."""

    def found(self, image: FoundImage) -> Fetched:
        """A result's picture.

        Raises:
            FetchError: If it can't be had.
        """


class Crawler:
    """Takes search results in.

    Args:
        addresses: Where they go.
        photos: Those that were fetched.
        now: The clock, UTC.
    """

    def __init__(self, addresses: Addresses, photos: Photos, now: Callable[[], datetime]) -> None:
        self._addresses, self._photos, self._now = addresses, photos, now

    def crawl(self, source: Source, fetching: Fetching, query: str, limit: int) -> Generator[Crawled, None, None]:
        """Looks for pictures and fetches those that are new. What an earlier crawl left unfetched comes first.

        Args:
            source: Where to look.
            fetching: Fetches the pictures.
            query: What for.
            limit: New addresses at most, beside those that were left; what is
                known or refused does not count, so that another crawl goes on.

        Yields:
            Each result that was dealt with.

        Raises:
            SourceError: If the source can't be asked; what was taken in stays.
            ReverseError: If too many originals wait for the index.
        """
        after = 0
        while (left := self._addresses.to_fetch([source.name], after)) is not None:
            after = left.id
            yield self._fetched(left, fetching)
        new = 0
        for result in source.search(query, sys.maxsize):
            if isinstance(result, RefusedResult):
                yield Crawled(result.image_url, "refused", result.reason)
                continue
            address = self._addresses.found(result, query, self._now())
            if isinstance(address, Crawled):
                yield address
                continue
            new += 1
            yield replace(self._fetched(address, fetching), limited=new >= limit)
            if new >= limit:
                return

    def again(self, addresses: Iterable[Address], fetching: Fetching, model: int) -> Generator[Crawled, None, None]:
        """Fetches the originals of photos that another model has seen.

        Args:
            addresses: One of each photo.
            fetching: Fetches the pictures.
            model: The number of the model that is to see them.

        Yields:
            Each address that was dealt with.

        Raises:
            ReverseError: If too many originals wait for the index.
        """
        for address in addresses:
            content = self._asked(address, fetching, model)
            if isinstance(content, Crawled):
                yield content
                continue
            yield self._addresses.fetched_again(address, hashlib.sha256(content).hexdigest(), content, self._now())

    def _asked(self, address: Address, fetching: Fetching, model: int | None) -> bytes | Crawled:
        """What an address gives, or why it gives nothing."""
        if self._photos.originals(model) >= WAITING:
            raise ReverseError(f"{WAITING:,} pictures wait for the index already. Index them first: `reverse index`.")
        try:
            return fetching.found(address.image).bytes
        except FetchError as error:
            if not may_pass(error):
                self._addresses.refused(address.id, error.reason, self._now())
            return Crawled(address.image.image_url, "refused", error.reason)

    def _fetched(self, address: Address, fetching: Fetching) -> Crawled:
        content = self._asked(address, fetching, None)
        if isinstance(content, Crawled):
            return content
        return self._addresses.fetched(address, hashlib.sha256(content).hexdigest(), content, self._now())


def may_pass(error: FetchError) -> bool:
    """Whether an address may be had later: it is asked again by the next crawl."""
    if isinstance(error, HttpStatusError):
        return error.status == 429 or error.status >= 500
    return isinstance(error, UnreachableError | TimedOutError | CutShortError | RobotsError)
