"""reverse crawl: looks for pictures by keyword, and fetches those that are new."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import get_args

from facenet_core.cli import audit
from facenet_core.cli.arguments import Commands, add_command, number
from facenet_core.cli.output import DONE, Answer, Ended, count, ending, exit_code, load_model, progress, said
from facenet_core.errors import FaceNetError, InputError, ReverseError, SourceError
from facenet_core.reverse.records import Crawled
from facenet_core.service import FaceService
from facenet_core.sources.records import SourceName

OUTCOMES = ("fetched", "known", "refused")

LIMIT = 200
"""New pictures of each source, unless another number is given."""

OWN = ("urls", "folder")
"""The user's own, of which all is taken unless a number is given."""

SHOWN = 10
"""Reasons that are listed in words; JSON has all of them."""


def add_to(group: Commands) -> None:
    """Adds this command to ``reverse``."""
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
            for each in progress(crawled, None, f"picture ({name})", self._args):
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
            "ended": ending(ended),
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
        return Answer(data, [*lines, *said(ended)], code)
