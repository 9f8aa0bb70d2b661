"""album cluster, people, name, merge, split, apart, confirm, undo and doubts: who is in the album."""

from __future__ import annotations

from argparse import Namespace

from facenet_core.album.records import Group
from facenet_core.album.said import Kind
from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, add_command
from facenet_core.cli.output import Answer, columns, count, load_model
from facenet_core.errors import AlbumError
from facenet_core.service import FaceService

SHOWN = 30
"""Groups that are listed in words; JSON has all of them."""

SAID: dict[Kind, tuple[str, str]] = {
    "same": ("merge", "groups are one person"),
    "apart": ("split", "faces are somebody else"),
    "named": ("name", "a group has a name"),
    "sure": ("confirm", "a group is one person"),
    "differ": ("apart", "two groups are different people"),
}
"""The command that says something, and what it says."""


def add_to(group: Commands) -> None:
    """Adds these commands to ``album``."""
    parser = add_command(group, "cluster", cluster, "Group the faces into people.")
    parser.add_argument("--anew", action="store_true", help="all faces, not only those that came since")
    add_command(group, "people", people, "List the groups of faces.")

    parser = add_command(group, "show", show, "Show a group's faces.")
    parser.add_argument("number", type=int, metavar="N", help="the group, as numbered by `album people`")

    parser = add_command(group, "name", name, "Say who a group is, which enrols the person with its best photos.")
    parser.add_argument("number", type=int, metavar="N", help="the group")
    parser.add_argument("name", metavar="NAME", help="the person's name")

    parser = add_command(group, "merge", merge, "Say that groups are one person.")
    parser.add_argument("numbers", type=int, nargs="+", metavar="N", help="the groups")

    parser = add_command(group, "split", split, "Say that faces of a group are somebody else.")
    parser.add_argument("number", type=int, metavar="N", help="the group")
    parser.add_argument("faces", type=int, nargs="+", metavar="FACE", help="the faces, as numbered by `album show`")

    parser = add_command(group, "apart", apart, "Say that two groups are different people.")
    parser.add_argument("one", type=int, metavar="N", help="a group")
    parser.add_argument("other", type=int, metavar="M", help="the other")

    parser = add_command(group, "confirm", confirm, "Say that a group is one person.")
    parser.add_argument("number", type=int, metavar="N", help="the group")

    add_command(group, "undo", undo, "Take back what was said last.")
    add_command(group, "doubts", doubts, "List groups that may be several people, and pairs that may be one.")


def cluster(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album cluster``."""
    load_model(service)
    service.album.people.group(anew=args.anew)
    return people(service, args)


def people(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album people``."""
    groups, left = service.album.people.all(), service.album.people.ungrouped()
    lines = [
        f"{count(len(groups), 'person')} with two faces or more, or a name:",
        *columns(map(_row, groups[:SHOWN])),
    ]
    if len(groups) > SHOWN:
        lines.append(f"  ... and {len(groups) - SHOWN:,} more, with --json.")
    if not groups:
        lines = ["There are no groups yet: `album index` looks at the photos, `album cluster` groups their faces."]
    if left:
        lines.append(f"{count(left, 'face')} came since: `album cluster` groups them.")
    return Answer({"groups": [_group(group) for group in groups], "ungrouped": left}, lines)


def show(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album show``."""
    group = service.album.people.get(args.number)
    faces = service.album.faces(group.faces)
    entries, rows = [], []
    for face in faces:
        try:
            photo = files.shown(service.album.photo(face.photo).paths[0])
        except AlbumError:  # its file has gone or changed, and a run is at it
            photo = None
        entries.append({"id": face.id, "photo": photo, **shapes.detection(face.detection)})
        rows.append((face.id, photo or "photo gone", "left {:.0f}, top {:.0f}".format(*entries[-1]["box"])))
    return Answer({"group": _group(group), "faces": entries}, [_title(group), *columns(rows)])


def name(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album name``."""
    outcomes = service.album.people.name(args.number, args.name)
    service.audit.note("album_name", "named", audit.asker())
    for outcome in outcomes:
        service.audit.enrolled(outcome, audit.asker())
    enrolled = sum(outcome.accepted for outcome in outcomes)
    rows = [(o.photo, "enrolled" if o.accepted else o.reason) for o in outcomes]
    return Answer(
        {"name": args.name, "outcomes": [shapes.outcome(o, o.photo) for o in outcomes], "enrolled": enrolled},
        [f"Group {args.number} is {args.name}. Enrolled {count(enrolled, 'photo')}.", *columns(rows)],
    )


def merge(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album merge``."""
    service.album.people.merge(args.numbers)
    service.audit.note("album_merge", "merged", audit.asker())
    return people(service, args)


def split(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album split``."""
    service.album.people.split(args.number, args.faces)
    service.audit.note("album_split", "split", audit.asker())
    return people(service, args)


def apart(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album apart``."""
    service.album.people.differ(args.one, args.other)
    service.audit.note("album_apart", "apart", audit.asker())
    return people(service, args)


def confirm(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album confirm``."""
    service.album.people.confirm(args.number)
    service.audit.note("album_confirm", "confirmed", audit.asker())
    return people(service, args)


def undo(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album undo``."""
    kind = service.album.people.undo()
    if kind is None:
        return Answer({"undone": None}, ["There is nothing to take back."])
    service.audit.note("album_undo", kind, audit.asker())
    command, said = SAID[kind]
    return Answer({"undone": command}, [f"Took back that {said}."])


def doubts(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album doubts``."""
    found = service.album.people.doubts()
    silhouette = found.silhouette
    lines = [] if silhouette is None else [f"Mean silhouette {silhouette:.2f} (-1 to 1)."]
    lines += [f"Group {merge.label} may be two people ({merge.separation:.2f})." for merge in found.merges[:SHOWN]]
    lines += [f"Groups {s.first} and {s.second} may be one person ({s.nearness:.2f})." for s in found.splits[:SHOWN]]
    return Answer(
        {
            "silhouette": None if silhouette is None else round(silhouette, 4),
            "merges": [
                {"group": m.label, "faces": [list(m.first), list(m.second)], "separation": round(m.separation, 4)}
                for m in found.merges
            ],
            "splits": [{"groups": [s.first, s.second], "nearness": round(s.nearness, 4)} for s in found.splits],
        },
        lines or ["There are no groups yet."],
    )


def _group(group: Group) -> shapes.Shape:
    return {
        "number": group.number,
        "name": group.name,
        "person_id": group.person,
        "faces": list(group.faces),
        "photos": group.photos,
    }


def _row(group: Group) -> tuple[object, ...]:
    return group.number, group.name or "unknown", count(group.photos, "photo"), count(len(group.faces), "face")


def _title(group: Group) -> str:
    return f"Group {group.number}, {group.name or 'unknown'}, on {count(group.photos, 'photo')}:"
