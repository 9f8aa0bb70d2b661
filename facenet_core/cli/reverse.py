"""reverse index, rebuild, status and sources: what is in the reverse index."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from facenet_core.cli import audit, cluster, reverse_crawl, reverse_search, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group
from facenet_core.cli.output import (
    BAD_INPUT,
    DONE,
    Answer,
    Ended,
    columns,
    count,
    ending,
    exit_code,
    load_model,
    progress,
    said,
)
from facenet_core.cli.reverse_crawl import SHOWN
from facenet_core.errors import FaceNetError
from facenet_core.reverse.records import Taken
from facenet_core.service import FaceService


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "reverse", "Find which public, licensed pages show somebody who looks like this.")
    reverse_crawl.add_to(group)
    parser = add_command(group, "index", index, "Find the faces on pictures that were fetched, and take them in.")
    parser.add_argument("--keep-originals", action="store_true", help="keep the pictures, instead of thumbnails alone")
    cluster.add_to(parser)

    add_command(group, "rebuild", rebuild, "Make the index of the nearest faces anew; searches go on meanwhile.")
    add_command(group, "status", status, "Say how much is in the index.")
    add_command(group, "sources", sources, "Say which sources can be used, and what the others need.")
    reverse_search.add_to(group)


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
                taken.extend(progress(run, service.reverse.status().waiting, "photo", args))
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
    return Answer({**total, "refused": refused, "ended": ending(ended)}, [*lines, *said(ended)], code)


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
