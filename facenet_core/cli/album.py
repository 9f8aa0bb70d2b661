"""album add, remove, index, watch and status: which folders are searched."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from facenet_core.album.records import UNDER_WAY, Indexed, Run
from facenet_core.album.watching import Watcher
from facenet_core.cli import album_people, album_search, audit, cluster, files, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group, add_yes
from facenet_core.cli.output import BAD_INPUT, DONE, Answer, columns, confirm, count, load_model, printable
from facenet_core.errors import AlbumError, StoreError
from facenet_core.service import FaceService

SHOWN = 20
"""Files that can't be used that are named in words; JSON has all of them."""


AGAIN = 60.0
"""Seconds after which :func:`watch` tries again what could not be done."""


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "album", "Search folders of photos for people, and group who is in them.")
    parser = add_command(group, "add", add, "Add a folder tree of photos. It is only ever read.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder")

    parser = add_command(group, "remove", remove, "Take a folder out, with all that is known of its photos.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder")
    add_yes(parser)

    parser = add_command(group, "index", index, "Look at photos that are new or changed. Can be stopped at any time.")
    parser.add_argument("--again", action="store_true", help="read every file again and compare its content")
    cluster.add_to(parser)

    parser = add_command(group, "watch", watch, "Index, and again whenever something changes, until it is stopped.")
    parser.add_argument("--once", action="store_true", help="end when everything is indexed")
    cluster.add_to(parser)

    add_command(group, "status", status, "Say what is in the album, and which files can't be used.")
    album_search.add_to(group)
    album_people.add_to(group)


def add(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album add``."""
    folder = service.album.add(args.folder)
    service.audit.note("album_add", "added", audit.asker())
    path = files.shown(folder.path)
    return Answer({"folder": path}, [f"Added {path}. `album index` looks at its photos."])


def remove(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album remove``."""
    confirm(args, f"Take {files.shown(args.folder)} out of the album? The photos stay where they are.")
    folder = service.album.remove(args.folder)
    service.audit.note("album_remove", "removed", audit.asker())
    path = files.shown(folder.path)
    return Answer(
        {"folder": path, "photos": folder.photos}, [f"Took {path} out, with {count(folder.photos, 'photo')}."]
    )


def index(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album index``."""
    _folders(service)
    looked, faces, refused = 0, 0, []
    with cluster.analyser(service, args) as analyse:
        load_model(service)
        for each in service.album.index(again=args.again, analyse=analyse):
            looked += 1
            faces += each.faces or 0
            if each.problem:
                refused.append(each)
            _tell(service.album.run(), args)
    if sys.stderr.isatty() and not args.json:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    data = {
        "looked_at": looked,
        "faces": faces,
        "refused": [{"path": files.shown(each.path), "reason": each.problem} for each in refused],
        "album": service.album.counts(),
    }
    lines = [f"Looked at {count(looked, 'file')}: {count(faces, 'face')}.", *_unusable(refused), *_summary(service)]
    return Answer(data, lines, BAD_INPUT if refused else DONE)


def watch(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album watch``, when it is stopped."""
    looked, problem = 0, ""
    _folders(service)
    with cluster.analyser(service, args) as analyse, Watcher(lambda: _paths(service)) as watcher:
        load_model(service)
        try:
            while True:
                before, problem = problem, ""
                try:
                    _folders(service)
                    for each in service.album.index(analyse=analyse):
                        looked += 1
                        if each.problem and not args.json:
                            print(printable(f"{files.shown(each.path)}: {each.problem}"), file=sys.stderr)
                except (AlbumError, StoreError) as error:
                    if args.once:
                        raise
                    problem = str(error)
                    if problem != before:
                        print(printable(problem), file=sys.stderr)
                if args.once:
                    break
                watcher.wait(AGAIN if problem else None)
        except KeyboardInterrupt:
            pass
    return Answer({"looked_at": looked, "album": service.album.counts()}, _summary(service))


def status(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album status``."""
    refused = service.album.refused()
    run = service.album.run()
    folders = service.album.folders()
    data = {
        "album": service.album.counts(),
        "folders": [
            {
                "path": files.shown(folder.path),
                "added_at": shapes.time(folder.added_at),
                "photos": folder.photos,
                "refused": folder.refused,
            }
            for folder in folders
        ],
        "refused": [{"path": files.shown(each.path), "code": each.code, "reason": each.reason} for each in refused],
        "run": None
        if run is None
        else {
            "state": run.state,
            "began_at": shapes.time(run.began_at),
            "told_at": shapes.time(run.told_at),
            "total": run.total,
            "done": run.done,
            "rate": round(run.rate, 2),
            "remaining_seconds": None if run.remaining is None else round(run.remaining),
            "problem": run.problem,
        },
    }
    rows = [(files.shown(f.path), count(f.photos, "photo"), f"{f.refused:,} refused") for f in folders]
    lines = [*_summary(service), *columns(rows)] if rows else ["The album has no folder yet: `album add DIR` adds one."]
    lines += [f"{files.shown(each.path)}: {each.reason}" for each in refused[:SHOWN]]
    if len(refused) > SHOWN:
        lines.append(f"... and {len(refused) - SHOWN:,} more, with --json.")
    return Answer(data, [*lines, *_run(run)])


def _paths(service: FaceService) -> list[Path]:
    return [folder.path for folder in service.album.folders()]


def _folders(service: FaceService) -> None:
    """Raises AlbumError if the album has none."""
    if not service.album.folders():
        raise AlbumError("The album has no folder yet: `album add DIR` adds one.")


def _summary(service: FaceService) -> list[str]:
    counts = service.album.counts()
    line = f"{count(counts['photos'], 'photo')} in {count(counts['files'], 'file')}, {count(counts['faces'], 'face')}"
    return [f"{line}, {count(counts['refused'], 'file')} that can't be used."]


def _unusable(refused: list[Indexed]) -> list[str]:
    lines = [f"  {files.shown(each.path)}: {each.problem}" for each in refused[:SHOWN]]
    if len(refused) > SHOWN:
        lines.append(f"  ... and {len(refused) - SHOWN:,} more: `album status --json` has all of them.")
    return lines


def _run(run: Run | None) -> list[str]:
    if run is None or run.state == "done":
        return []
    far = f"{run.done:,} of {run.total:,}"
    if run.state == "grouping":
        return [f"Grouping the faces into people, after {far}."]
    if run.state == "pausing":
        return [f"Pausing after the photo that it is at: {far}."]
    if run.state in UNDER_WAY:
        left = "" if run.remaining is None else f", {run.remaining / 60:.0f} minutes left"
        return [f"Indexing: {far}, {run.rate:.1f} a second{left}."]
    return [f"The last run ended early ({run.problem or 'it was stopped'}), {far}: `album index` goes on."]


def _tell(run: Run | None, args: Namespace) -> None:
    """A line that is written over, at a terminal."""
    if run is None or not sys.stderr.isatty() or args.json:
        return
    left = "" if run.remaining is None else f", {run.remaining:.0f} s left"
    print(f"\r\x1b[K{run.done:,} of {run.total:,}, {run.rate:.1f} a second{left}", end="", file=sys.stderr, flush=True)
