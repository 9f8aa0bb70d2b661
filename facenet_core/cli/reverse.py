"""reverse crawl, index, rebuild, status and sources: what is in the reverse index."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias, TypeVar, get_args

from tqdm import tqdm

from facenet_core.cli import audit, cluster, reverse_search, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group, number
from facenet_core.cli.output import BAD_INPUT, DONE, Answer, columns, count, exit_code, load_model
from facenet_core.errors import FaceNetError, InputError, ReverseError, SourceError
from facenet_core.reverse.records import Crawled, Taken
from facenet_core.service import FaceService
from facenet_core.sources.records import SourceName

T = TypeVar("T")

Ended: TypeAlias = "FaceNetError | KeyboardInterrupt | None"
"""What has ended a command early, if anything has."""

OUTCOMES = ("fetched", "known", "refused")

LIMIT = 200
"""New pictures of each source, unless another number is given."""

OWN = ("urls", "folder")
"""The user's own, of which all is taken unless a number is given."""

SHOWN = 10
"""Reasons that are listed in words; JSON has all of them."""


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "reverse", "Find which public, licensed pages show somebody who looks like this.")
    parser = add_command(group, "crawl", crawl, "Look for pictures by keyword and fetch those that are new.")
    parser.add_argument(
        "query", nargs="?", default="", metavar="QUERY", help="what to look for; not needed for --urls and --folder"
    )
    parser.add_argument(
        "--source", action="append", choices=get_args(SourceName), default=[], help="where to look; repeatable"
    )
    parser.add_argument(
        "--limit", type=number, metavar="N", help=f"new pictures of each source ({LIMIT}; all of your own)"
    )
    parser.add_argument("--urls", type=Path, metavar="FILE", help="your own list: an address in each line")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="your own folder of pictures")
    parser.add_argument("--again", action="store_true", help="fetch pictures again that another model has seen")

    parser = add_command(group, "index", index, "Find the faces on pictures that were fetched, and take them in.")
    parser.add_argument("--keep-originals", action="store_true", help="keep the pictures, instead of thumbnails alone")
    cluster.add_to(parser)

    add_command(group, "rebuild", rebuild, "Make the index of the nearest faces anew; searches go on meanwhile.")
    add_command(group, "status", status, "Say how much is in the index.")
    add_command(group, "sources", sources, "Say which sources can be used, and what the others need.")
    reverse_search.add_to(group)


def crawl(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse crawl``."""
    from facenet_core.sources.catalogue import source
    from facenet_core.sources.fetching import Fetcher

    names = [*args.source, *(["urls"] if args.urls else []), *(["folder"] if args.folder else [])]
    names = list(dict.fromkeys(names))
    if not names and not args.again:
        raise ReverseError(
            "Say where to look: --source NAME, --urls FILE or --folder DIR. `reverse sources` lists them."
        )
    service.reverse.refuse_off()
    tally, outcome = Tally(args), "failed"
    ended: Ended = None
    try:
        with Fetcher(service.settings) as fetcher:
            if args.again:
                load_model(service)
                tally.add("again", service.reverse.fetch_again(fetcher))
            for name in names:
                limit = args.limit or (sys.maxsize if name in OWN else LIMIT)
                try:
                    place = source(name, service.settings, fetcher, urls=args.urls, folder=args.folder)
                    tally.add(name, service.reverse.crawl(place, fetcher, args.query, limit))
                except ReverseError:
                    raise  # the other sources would come to the same
                except (SourceError, InputError) as error:  # the other sources are asked all the same
                    tally.failed[name] = error
        outcome = "failed" if tally.failed else "done"
    except (FaceNetError, KeyboardInterrupt) as error:
        if not tally.total and not tally.failed:
            raise
        ended = error
    finally:
        service.audit.note("reverse_crawl", outcome, audit.asker())
    return tally.answer(ended)


def index(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse index``."""
    service.reverse.refuse_off()
    taken: list[Taken] = []
    ended: Ended = None
    with cluster.analyser(service, args) as analyse:
        load_model(service)
        outcome = "failed"
        try:
            run = service.reverse.index(keep=args.keep_originals, analyse=analyse)
            with closing(run):
                taken.extend(_progress(run, args, "photos", service.reverse.status().waiting))
            outcome = "done"
        except (FaceNetError, KeyboardInterrupt) as error:
            if not taken:
                raise
            ended = error
        finally:
            service.audit.note("reverse_index", outcome, audit.asker())
    problems = [each for each in taken if each.problem]
    total = {
        "photos": len(taken),
        "faces": sum(each.faces for each in taken),
        "copies": sum(each.copies for each in taken),
        "removed": sum(each.removed for each in taken),
    }
    refused = [{"image_url": each.image_url, "reason": each.problem} for each in problems]
    lines = [
        f"Looked at {count(total['photos'], 'photo')}: {count(total['faces'], 'face')}, "
        f"{total['copies']:,} of them copies of others."
    ]
    if total["removed"]:
        lines.append(f"{count(total['removed'], 'face')} of people on the removal list: not taken in.")
    lines += [f"  {each.image_url}: {each.problem}" for each in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  ... and {len(problems) - SHOWN:,} more, with --json.")
    code = exit_code(ended) if ended else BAD_INPUT if problems else DONE
    return Answer({**total, "refused": refused, "ended": _ending(ended)}, [*lines, *_said(ended)], code)


def rebuild(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse rebuild``."""
    service.reverse.refuse_off()
    load_model(service)
    faces = service.reverse.rebuild()
    service.audit.note("reverse_rebuild", "done", audit.asker())
    return Answer({"faces": faces}, [f"Made the index anew, of {count(faces, 'face')}."])


def status(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse status``."""
    service.reverse.refuse_unused()
    load_model(service)
    found = service.reverse.status()
    data = {
        "images": [{"source": source, "pictures": images} for source, images in sorted(found.images.items())],
        "refused": found.refused,
        "photos": found.photos,
        "waiting": found.waiting,
        "to_fetch_again": found.lost,
        "faces": found.faces,
        "copies": found.copies,
        "removals": found.removals,
        "unrecognised": list(found.unrecognised),
        "unmeasured": found.unmeasured,
        "oldest": None if found.oldest is None else shapes.time(found.oldest),
        "kept_days": service.settings.reverse_days,
    }
    lines = (
        [
            f"{count(found.photos, 'photo')}, {count(found.faces, 'face')}, "
            f"{count(found.copies, 'more face')} that are copies of them.",
            *columns((source, count(images, "picture")) for source, images in sorted(found.images.items())),
        ]
        if found.images
        else ["Nothing was crawled yet: `reverse crawl QUERY --source commons`."]
    )
    if found.waiting:
        lines.append(f"{count(found.waiting, 'photo')} wait for `reverse index`.")
    if found.lost:
        lines.append(
            f"{count(found.lost, 'photo')} were seen by another model alone: `reverse crawl --again` fetches them."
        )
    if found.refused:
        lines.append(f"{found.refused:,} addresses gave no photo.")
    kept = count(service.settings.reverse_days, "day")
    lines.append(f"{found.removals:,} on the removal list. Pictures are kept for {kept}.")
    for entry in found.unrecognised:
        lines.append(
            f"Entry {entry} of the removal list: this model does not find the face on what is kept. Remove the person "
            f"again with another photo, then take the entry off: `reverse allow {entry}`."
        )
    if found.unmeasured:
        lines.append(
            "Nothing was measured for this model: who is on the removal list is told by the distance that held with "
            "the model they were removed with."
        )
    return Answer(data, lines)


def sources(service: FaceService, args: Namespace) -> Answer:
    """Answers ``reverse sources``."""
    from facenet_core.sources.catalogue import readiness

    known = readiness(service.settings)
    data = {
        "sources": [
            {
                "name": each.name,
                "title": each.title,
                "key": each.key,
                "ready": each.missing is None,
                "missing": each.missing,
            }
            for each in known
        ]
    }
    return Answer(data, columns((each.name, each.missing or "ready") for each in known))


class Tally:
    """What came of a crawl.

    Args:
        args: Of the command.

    Attributes:
        failed: Why sources could not be asked.
    """

    def __init__(self, args: Namespace) -> None:
        self._args = args
        self._outcomes: dict[str, Counter[str]] = {}
        self._reasons: Counter[str] = Counter()
        self._limited: set[str] = set()
        self.failed: dict[str, FaceNetError] = {}

    @property
    def total(self) -> Counter[str]:
        """How many addresses came to what."""
        return sum(self._outcomes.values(), Counter[str]())

    def add(self, name: str, crawled: Generator[Crawled, None, None]) -> None:
        """Counts what comes of a source while it is crawled."""
        counts = self._outcomes.setdefault(name, Counter())
        with closing(crawled):
            for each in _progress(crawled, self._args, name, None):
                counts[each.outcome] += 1
                if each.outcome == "refused":
                    self._reasons[each.reason] += 1
                if each.limited:
                    self._limited.add(name)

    def answer(self, ended: Ended) -> Answer:
        """What is said of it.

        Args:
            ended: What has ended it early.
        """
        total, failed = self.total, self.failed
        names = {**self._outcomes, **failed}
        data = {
            "sources": [
                {
                    "source": name,
                    **{what: self._outcomes.get(name, Counter())[what] for what in OUTCOMES},
                    "limited": name in self._limited,
                }
                for name in names
            ],
            "refused": [{"reason": reason, "times": times} for reason, times in self._reasons.most_common()],
            "failed": [{"source": name, "reason": str(problem)} for name, problem in failed.items()],
            "ended": _ending(ended),
        }
        fetched, known, refused = (total[what] for what in OUTCOMES)
        lines = [f"Fetched {count(fetched, 'picture')}; {known:,} were known, {refused:,} refused."]
        lines += [f"  {times:,} times: {reason}" for reason, times in self._reasons.most_common(SHOWN)]
        limited = [name for name in names if name in self._limited]
        lines += [f"{name}: the limit is reached. The same command goes on from there." for name in limited]
        lines += [f"{name}: {problem}" for name, problem in failed.items()]
        if fetched:
            lines.append("`reverse index` finds the faces on them.")
        code = exit_code(ended) if ended else max(map(exit_code, failed.values()), default=DONE)
        return Answer(data, [*lines, *_said(ended)], code)


def _ending(ended: Ended) -> shapes.Shape | None:
    """What has ended a command early, as an error is told."""
    if ended is None:
        return None
    return {"code": ended.code if isinstance(ended, FaceNetError) else "interrupted", "message": _said(ended)[0]}


def _said(ended: Ended) -> list[str]:
    return [] if ended is None else [str(ended) or "Interrupted."]


def _progress(things: Iterable[T], args: Namespace, unit: str, total: int | None) -> Iterator[T]:
    """At a terminal, how far it is."""
    quiet = args.json or not sys.stderr.isatty()
    return iter(tqdm(things, desc=unit, total=total, disable=quiet, file=sys.stderr, leave=False))
