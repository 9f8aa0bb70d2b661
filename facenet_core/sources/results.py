"""Pages of results to one stream of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from facenet_core.errors import InputError
from facenet_core.sources.records import FoundImage, RefusedResult

Result = FoundImage | RefusedResult

FRUITLESS = 3
"""Pages in a row without a new picture after which a search ends, where every page is paid for from a quota."""


def words(query: str) -> str:
    """A query without white space around and between its words.

    Raises:
        InputError: If nothing is left.
    """
    asked = " ".join(query.split())
    if not asked:
        raise InputError("Give at least one word to look for.")
    return asked


def stream(pages: Iterable[Iterable[Result]], limit: int, fruitless: int | None = None) -> Iterator[Result]:
    """Each picture of the pages once, until there are enough.

    Pages shift while they are read, so that a picture may come again.

    Args:
        pages: Asked for one by one, when the results before are taken.
        limit: At most so many pictures; what is refused does not count.
        fruitless: End after so many pages in a row without a new picture; None
            goes on to the last.
    """
    if limit <= 0:
        return
    seen: set[str] = set()
    taken = barren = 0
    for page in pages:
        before = taken
        for result in page:
            if result.image_url and result.image_url in seen:
                continue
            seen.add(result.image_url)
            taken += isinstance(result, FoundImage)
            yield result
            if taken >= limit:
                return
        barren = 0 if taken > before else barren + 1
        if fruitless is not None and barren >= fruitless:
            return
