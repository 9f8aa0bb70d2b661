"""reverse search, remove, removals and allow: who is found, and who must not be."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, add_command, add_yes, distance, number
from facenet_core.cli.output import DONE, NO_MATCH, Answer, columns, confirm, count, load_model
from facenet_core.enrolment import chosen_face
from facenet_core.errors import ReverseError
from facenet_core.reverse.records import FLOOR, Among, Hit, Matches, Page, Removal
from facenet_core.service import FaceService
from facenet_core.sources.records import SourceName

TOP = 20
"""Faces that are listed, unless another number is given."""

NOTHING = {"page": "Nothing from there", "face": "Nobody who looks like this"}

VERDICTS = {"match": "probably", "inconclusive": "can't tell", "no_match": "looks similar"}


def add_to(group: Commands) -> None:
    """Adds these commands to ``reverse``."""
    parser = add_command(group, "search", search, "Find the pages that show somebody who looks like this.")
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a photo of the person")
    parser.add_argument("--face", type=number, metavar="N", help="which face of it, from 1, left to right")
    parser.add_argument("--top", type=number, default=TOP, metavar="N", help=f"how many different faces ({TOP})")
    parser.add_argument(
        "--source", action="append", choices=get_args(SourceName), default=[], help="only what it found; repeatable"
    )
    parser.add_argument("--since", type=day, metavar="DATE", help="only what was fetched on this day or later")
    parser.add_argument("--until", type=day, metavar="DATE", help="only what was fetched before this day")

    parser = add_command(group, "remove", remove, "Drop pages, or somebody's faces, at once and for good.")
    parser.add_argument("url", nargs="?", metavar="URL", help="the address of a page or a picture")
    parser.add_argument("--host", metavar="NAME", help="everything of a site instead: example.org, or an address on it")
    parser.add_argument("--photo", type=Path, metavar="PHOTO", help="a person's faces instead: a photo of them")
    parser.add_argument("--face", type=number, metavar="N", help="which face of it, from 1, left to right")
    parser.add_argument(
        "--threshold", type=distance, metavar="D",
        help="how far a face may be from it and still be theirs, 0 to 2; the 1:1 threshold by default",
    )  # fmt: skip
    add_yes(parser)

    add_command(group, "removals", removals, "List what was removed and is not taken in again.")
    parser = add_command(group, "allow", allow, "Take an entry off the removal list.")
    parser.add_argument("entry", type=number, metavar="N", help="its number in `reverse removals`")


def day(text: str) -> datetime:
    """A day, such as 2026-11-22, as its first moment in UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-11-22") from None


def search(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse search``."""
    service.reverse.refuse_off()
    load_model(service)
    analysis = service.analyse(files.photo(service, args.photo), args.face or "prominent")
    probe = chosen_face(analysis, args.face).embedding
    found = service.reverse.search(probe, args.top, Among(tuple(args.source), args.since, args.until))
    matched = any(hit.outcome == "match" for hit in found.hits)
    service.audit.note("reverse_search", "match" if matched else "no_match", audit.asker())
    data = {
        "faces_searched": found.searched,
        "threshold": None if found.threshold is None else shapes.threshold(found.threshold),
        "hits": [_hit(hit) for hit in found.hits],
    }
    return Answer(data, list(_lines(found)), DONE if matched else NO_MATCH)


def remove(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse remove``."""
    if sum(given is not None for given in (args.url, args.host, args.photo)) != 1:
        raise ReverseError("Say what to remove: an address, --host NAME, or --photo PHOTO of a person.")
    service.reverse.refuse_unused()
    if args.photo is None:
        if args.url is None:
            from facenet_core.reverse.removing import host_of

            what = host_of(args.host)
            ask = (
                f"Remove everything of {what} and the sites below it from the reverse index? It is not taken in again."
            )
        else:
            what = args.url
            ask = f"Remove everything of {what} from the reverse index? It is not taken in again."
        confirm(args, ask)
        dropped = service.reverse.remove_host(what) if args.url is None else service.reverse.remove_url(what)
        noun = "page"
    else:
        load_model(service)
        analysis = service.analyse(files.photo(service, args.photo), args.face or "prominent")
        face = chosen_face(analysis, args.face)
        confirm(
            args,
            "Remove this person's faces from the reverse index? A small picture of the face is kept, so that the "
            "person is not taken in again.",
        )
        dropped = service.reverse.remove_face(analysis.photo, face, args.threshold)
        noun = "face"
    service.audit.note("reverse_remove", noun, audit.asker())
    said = f"Dropped {count(dropped, noun)}, and put it on the removal list."
    if not dropped:
        said = f"{NOTHING[noun]} is in the index; it is on the removal list, and will not be taken in."
    return Answer({"dropped": dropped}, [said])


def removals(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse removals``."""
    listed = service.reverse.removals()
    data = {
        "removals": [
            {
                "id": each.id,
                "at": shapes.time(each.at),
                "kind": each.kind,
                "url": each.url,
                "dropped": each.dropped,
            }
            for each in listed
        ]
    }
    return Answer(data, columns(map(_removal, listed)) if listed else ["Nothing was removed."])


def allow(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse allow``."""
    service.reverse.take_off(args.entry)
    service.audit.note("reverse_allow", "allowed", audit.asker())
    return Answer(
        {"allowed": args.entry}, [f"Entry {args.entry} is off the list: the next crawl may take it in again."]
    )


def _hit(hit: Hit) -> shapes.Shape:
    return {
        "face": hit.face,
        "score": round(hit.score, 2),
        "distance": shapes.distance(hit.distance),
        "one_in": shapes.one_in(hit.one_in),
        "outcome": hit.outcome,
        **shapes.detection(hit.detection),
        "photo": {"width": hit.size[0], "height": hit.size[1]},
        "pages": [_page(page) for page in hit.pages],
    }


def _page(page: Page) -> shapes.Shape:
    return {
        "source": page.source,
        "page_url": page.page_url,
        "image_url": page.image_url,
        "title": page.title,
        "author": page.author,
        "licence": page.licence,
        "licence_url": page.licence_url,
        "fetched_at": shapes.time(page.fetched_at),
    }


def _lines(found: Matches) -> Iterator[str]:
    if not found.hits:
        yield f"Nobody is at least {FLOOR:.0f} % similar (among {count(found.searched, 'face')})."
        return
    yield f"The most similar among {count(found.searched, 'face')}:"
    yield from columns(
        (
            f"{hit.score:.1f} %",
            f"{hit.distance:.2f}",
            str(hit.one_in or ""),
            VERDICTS[hit.outcome],
            hit.pages[0].page_url,
            hit.pages[0].licence or "",
            f"+{len(hit.pages) - 1}" if len(hit.pages) > 1 else "",
        )
        for hit in found.hits
    )
    if found.threshold:
        yield found.threshold.explanation


def _removal(each: Removal) -> tuple[str, str, str, str]:
    what = each.url or "somebody's faces"
    return str(each.id), f"{each.at:%Y-%m-%d}", what, f"{each.dropped:,} dropped"
