"""enroll and enroll-folder: photos in, people out."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, Parser, add_command, number
from facenet_core.cli.output import BAD_INPUT, DONE, Answer, columns, count, load_model, progress
from facenet_core.enrolment import photos_in
from facenet_core.errors import InputError, PhotoError, PoorPhotoError
from facenet_core.service import FaceService
from facenet_core.store import clean_name
from facenet_core.types import EnrolOutcome, EnrolRequest


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    parser = add_command(commands, "enroll", enroll, "Enrol photos of one person, who may be new.")
    parser.add_argument("name", metavar="NAME", help="whose photos they are")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="a photo")
    parser.add_argument("--face", type=number, metavar="N", help="which face of the one photo, from 1, left to right")
    _add_accept_poor(parser)

    summary = "Enrol a folder: the name of a photo, or of the sub-folder it is in, is the person's."
    parser = add_command(commands, "enroll-folder", enroll_folder, summary)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder")
    _add_accept_poor(parser)


def _add_accept_poor(parser: Parser) -> None:
    parser.add_argument("--accept-poor", action="store_true", help="enrol photos of poor quality too")


def enroll(service: FaceService, args: Namespace) -> Answer:
    """Answers ``enroll``."""
    name = clean_name(args.name)
    if args.face and len(args.photos) > 1:
        raise InputError("--face says which face of one photo is meant. Enrol photos of several faces one by one.")
    return _enrolled(service, args, [(path, name) for path in args.photos], args.face)


def enroll_folder(service: FaceService, args: Namespace) -> Answer:
    """Answers ``enroll-folder``."""
    if not args.folder.is_dir():
        raise files.FileError(f"{files.shown(args.folder)}: there is no such folder.")
    photos = list(photos_in(args.folder))
    if not photos:
        raise files.FileError(f"{files.shown(args.folder)}: there is no photo in this folder.")
    return _enrolled(service, args, photos, None)


def _enrolled(service: FaceService, args: Namespace, photos: Sequence[tuple[Path, str]], face: int | None) -> Answer:
    model_id = load_model(service)
    watched = progress(photos, len(photos), "photo", args)
    results = [(path, _enrol(service, path, name, face, args.accept_poor)) for path, name in watched]
    accepted = sum(outcome.accepted for _, outcome in results)
    lines = columns((files.shown(path), outcome.person, _words(outcome)) for path, outcome in results)
    return Answer(
        {
            "outcomes": [shapes.outcome(outcome, files.shown(path)) for path, outcome in results],
            "enrolled": accepted,
            "refused": len(results) - accepted,
            "model": shapes.model(model_id),
        },
        [*lines, f"Enrolled {accepted} of {count(len(results), 'photo')}."],
        DONE if accepted == len(results) else BAD_INPUT,
    )


def _enrol(service: FaceService, path: Path, name: str, face: int | None, overrule: bool) -> EnrolOutcome:
    photo = files.shown(path.name)
    try:
        data = files.read(path, service.max_bytes)
    except PhotoError as error:
        return EnrolOutcome(photo, name, False, error.code, error.reason)
    (outcome,) = service.enrol_many([EnrolRequest(name, photo, data, face, overrule)])
    service.audit.enrolled(outcome, audit.asker())
    return outcome


def _words(outcome: EnrolOutcome) -> str:
    hint = " Enrol it all the same with --accept-poor." if outcome.code == PoorPhotoError.code else ""
    warnings = "".join(f" But {warning}" for warning in outcome.warnings)
    return outcome.reason + warnings + hint
