"""album search: every photo that shows somebody."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path

from facenet_core.album.packing import pack
from facenet_core.album.records import Found, Hit
from facenet_core.album.samples import best_faces, first_templates
from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, add_command, number
from facenet_core.cli.output import DONE, NO_MATCH, Answer, columns, count, load_model
from facenet_core.enrolment import chosen_face
from facenet_core.errors import AlbumError, UnknownPersonError
from facenet_core.service import FaceService
from facenet_core.types import Embedding

SHOWN = 20
"""Photos that are listed in words; JSON has all of them."""


def add_to(group: Commands) -> None:
    """Adds this command to ``album``."""
    parser = add_command(group, "search", search, "Find every photo that shows a person, from one sample or several.")
    parser.add_argument("photos", type=Path, nargs="*", metavar="PHOTO", help="a photo of the person")
    parser.add_argument("--face", type=number, metavar="N", help="which face of the one photo, from 1, left to right")
    parser.add_argument("--person", metavar="NAME", help="an enrolled person, instead of photos or beside them")
    parser.add_argument("--group", type=int, metavar="N", help="a group of `album people`, the same way")
    for name, about in (("--and", "who must be on it too"), ("--without", "who must not be on it")):
        parser.add_argument(
            name, dest=name.strip("-") + "_photos", type=Path, action="append", default=[], metavar="PHOTO",
            help=f"a photo of another person, {about}; repeatable",
        )  # fmt: skip
    parser.add_argument("--zip", type=Path, metavar="FILE", help="also write the photos and a manifest to a zip file")


def search(service: FaceService, args: Namespace) -> Answer:
    """Answers ``album search``."""
    if args.face and len(args.photos) != 1:
        raise AlbumError("--face says which face of one photo is meant. Give one photo with it.")
    load_model(service)
    samples = [*_samples(service, args.photos, args.face), *_of_person(service, args.person)]
    if args.group is not None:
        samples += list(service.album.embeddings(best_faces(service.album.people.get(args.group))))
    people = [samples, *([_samples(service, args.and_photos)] if args.and_photos else [])]
    without = [_samples(service, args.without_photos)] if args.without_photos else []
    found = service.album.search(people, without)
    service.audit.note("album_search", found.verdict, audit.asker())
    packed = None
    if args.zip and found.hits:
        with files.writing(args.zip) as target:
            packed = pack(service.album, found.hits, target)
    data = {
        "verdict": found.verdict,
        "faces_searched": found.faces,
        "photos_unseen": found.coverage.unseen,
        "photos": [_hit(hit) for hit in found.hits],
        "perhaps": [_hit(hit) for hit in found.perhaps],
        "zip": files.shown(args.zip) if packed is not None else None,
        "packed": packed,
    }
    return Answer(data, list(_lines(found, args, packed)), DONE if found.hits else NO_MATCH)


def _samples(service: FaceService, photos: Sequence[Path], face: int | None = None) -> list[Embedding]:
    embeddings = []
    for path in photos:
        analysis = service.analyse(files.photo(service, path), face or "prominent")
        embeddings.append(chosen_face(analysis, face).embedding)
    return embeddings


def _of_person(service: FaceService, name: str | None) -> list[Embedding]:
    if name is None:
        return []
    person = service.repository.person(name)
    embeddings = [template.embedding for template in first_templates(person, service.engine.model_id)]
    if not embeddings:
        raise UnknownPersonError(f"{person.name} was enrolled with another model. Renew the templates first.")
    return embeddings


def _hit(hit: Hit) -> shapes.Shape:
    return {
        "paths": [files.shown(path) for path in hit.photo.paths],
        "sha256": hit.photo.sha256,
        "distance": shapes.distance(hit.distance),
        "one_in_strangers": round(hit.strangers),
        "faces": [{"id": face.id, **shapes.detection(face.detection)} for face in hit.faces],
    }


def _lines(found: Found, args: Namespace, packed: int | None) -> Iterable[str]:
    if found.hits:
        yield f"Found in {count(len(found.hits), 'photo')} (among {count(found.faces, 'face')}):"
        yield from columns(_row(hit) for hit in found.hits[:SHOWN])
        if len(found.hits) > SHOWN:
            yield f"  ... and {len(found.hits) - SHOWN:,} more, with --json or --zip."
    else:
        yield f"This person is probably not in this album (among {count(found.faces, 'face')})."
    if found.perhaps:
        yield f"{count(len(found.perhaps), 'photo')} might:" if found.hits else "The nearest, in case:"
        yield from columns(_row(hit) for hit in found.perhaps[:5])
    if found.coverage.sentence:
        yield found.coverage.sentence
    if packed is not None:
        yield f"Wrote {count(packed, 'photo')} to {files.shown(args.zip)}."


def _row(hit: Hit) -> tuple[str, str, str]:
    return files.shown(hit.photo.paths[0]), f"{hit.distance:.2f}", f"1 in {round(hit.strangers):,} strangers"
