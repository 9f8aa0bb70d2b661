"""Pages of the public web as text: what they are called is not ours, and only web addresses are linked."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from facenet_core.reverse.records import Page
from facenet_core.sources.records import TITLES
from facenet_core.ui import components

SOURCES = TITLES | {"urls": "own list", "folder": "own folder"}
"""What each source is called beside its pictures."""

LONGEST = 60
"""Characters of a title that are shown."""

_KEPT = ":/?#@!&'+,;=%~"
"""What an address may consist of beside letters, digits and ``_.-``; brackets and their like would end a link."""


def source(name: str) -> str:
    """What a source is called."""
    return SOURCES.get(name, name)


def web(url: str | None) -> str | None:
    """An http or https address as it may be linked; None for anything else."""
    try:
        parts = urlsplit(url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
    except ValueError:
        return None
    return quote(url or "", safe=_KEPT)


def linked(text: str, url: str | None) -> str:
    """Text as Markdown, linked if the address is one of the web."""
    address = web(url)
    return f"[{components.plain(text)}](<{address}>)" if address else components.plain(text)


def title(page: Page) -> str:
    """What a page is called, or else where it is; of a file its name alone."""
    name = page.title or (page.page_url if web(page.page_url) else unquote(page.page_url).rsplit("/", 1)[-1])
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"


def credit(page: Page) -> str:
    """Author, licence, source and date, as Markdown."""
    author = components.plain(page.author) if page.author else "author not named"
    licence = linked(page.licence, page.licence_url) if page.licence else "no licence named"
    fetched = f"{page.fetched_at.astimezone():%d %b %Y}".lstrip("0")
    return f"{author} · {licence} · {components.plain(source(page.source))} · fetched {fetched}"
