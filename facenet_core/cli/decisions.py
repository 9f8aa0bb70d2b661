"""compare, verify, identify and detect: questions about photos."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from facenet_core import table, wording
from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, add_command, add_threshold, number
from facenet_core.cli.output import BAD_INPUT, DONE, NO_MATCH, Answer, columns, count, load_model, progress
from facenet_core.decision import TOP_K
from facenet_core.drawing import MARKS, Mark, annotate, png
from facenet_core.errors import FaceNetError, PhotoError
from facenet_core.quality import described, flaws
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Asker, Face, Identification, OneIn, Threshold, Verification

logger = logging.getLogger(__name__)


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    parser = add_command(commands, "compare", compare, "Hold two photos against each other, without the database.")
    parser.add_argument("a", type=Path, metavar="A", help="a photo")
    parser.add_argument("b", type=Path, metavar="B", help="another photo")
    for side in "ab":
        parser.add_argument(
            f"--face-{side}", type=number, metavar="N", help=f"which face of {side.upper()}, from 1, left to right"
        )
    add_threshold(parser)

    parser = add_command(commands, "verify", verify, "Is this the person they say they are (1:1)?")
    parser.add_argument("photo", type=Path, metavar="PROBE", help="their photo")
    parser.add_argument("--claim", required=True, metavar="NAME", help="who they say they are")
    parser.add_argument("--face", type=number, metavar="N", help="which face, from 1, left to right")
    add_threshold(parser)

    parser = add_command(commands, "identify", identify, "Who is on these photos (1:N)?")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PROBE", help="a photo")
    add_threshold(parser)
    parser.add_argument("--top", type=number, default=TOP_K, metavar="K", help=f"people listed per face ({TOP_K})")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write a table, one row per face")
    parser.add_argument("--annotate", type=Path, metavar="FOLDER", help="also write each photo with numbered faces")

    parser = add_command(commands, "detect", detect, "Where are the faces on a photo?")
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a photo")


def compare(service: FaceService, args: Namespace) -> Answer:
    """Answers ``compare``."""
    photos = files.photo(service, args.a), files.photo(service, args.b)
    load_model(service)
    first, second = photos
    a, b = service.analyse_together(
        [(lambda: first, args.face_a or "prominent"), (lambda: second, args.face_b or "prominent")]
    )
    found = service.compare(a, b, faces=(args.face_a, args.face_b), threshold=args.threshold)
    service.audit.decided("compare", found.outcome, audit.asker())
    return Answer(
        {
            "matched": found.matched,
            "outcome": found.outcome,
            "distance": shapes.distance(found.distance),
            "threshold": shapes.threshold(found.threshold),
            "one_in": shapes.one_in(found.one_in),
            "a": shapes.probe(args.a, a, found.first),
            "b": shapes.probe(args.b, b, found.second),
            "model": shapes.model(found.model_id),
            "seconds": round(a.seconds + b.seconds, 3),
        },
        [
            {"match": "Match", "inconclusive": "Can't tell", "no_match": "No match"}[found.outcome],
            *_reasons(found.distance, found.threshold, found.one_in),
            *_choice(a, found.first, "--face-a", args.face_a),
            *_choice(b, found.second, "--face-b", args.face_b),
        ],
        DONE if found.matched else NO_MATCH,
    )


def verify(service: FaceService, args: Namespace) -> Answer:
    """Answers ``verify``."""
    photo = files.photo(service, args.photo)
    load_model(service)
    _enrol_first_photos(service)
    analysis = service.analyse(photo, args.face or "prominent")
    found = service.verify(analysis, args.claim, face=args.face, threshold=args.threshold)
    candidate, answer = found.candidate, wording.CLAIM[found.outcome]
    service.audit.decided("verify", found.outcome, audit.asker(), candidate.person.id)
    return Answer(
        {
            "person": candidate.person.name,
            "matched": found.matched,
            "outcome": found.outcome,
            "answer": answer,
            "distance": shapes.distance(candidate.distance),
            "threshold": shapes.threshold(found.threshold),
            "one_in": shapes.one_in(found.one_in),
            "carried_by": {
                "photo": candidate.photo_number,
                "source_name": candidate.template.source_name,
                "photo_distance": shapes.distance(candidate.photo_distance),
                "photos": candidate.compared,
                "distance_without": shapes.distance(candidate.distance_without),
                "outcome_without": found.outcome_without,
            },
            "probe": shapes.probe(args.photo, analysis, found.probe),
            "model": shapes.model(found.model_id),
            "seconds": round(analysis.seconds, 3),
        },
        [
            answer,
            *_reasons(candidate.distance, found.threshold, found.one_in),
            f"  Closest to photo {candidate.photo_number} of {candidate.person.name} "
            f"({candidate.template.source_name}), {candidate.photo_distance:.4f}.",
            *_without(found),
            *_choice(analysis, found.probe, "--face", args.face),
            *_advice(found),
        ],
        DONE if found.matched else NO_MATCH,
    )


def identify(service: FaceService, args: Namespace) -> Answer:
    """Answers ``identify``."""
    if args.csv and not args.csv.parent.is_dir():  # rather now than after a thousand photos
        raise files.FileError(f"{files.shown(args.csv.parent)}: there is no such folder.")
    targets = files.picture_targets(args.annotate, args.photos) if args.annotate else [None] * len(args.photos)
    model_id = load_model(service)
    _enrol_first_photos(service)
    limit, gallery = service.identify_threshold(args.threshold), service.gallery()
    entries, lines, rows = [], [], []
    analysed = service.analyse_many(partial(files.photo, service, path) for path in args.photos)
    watched = progress(analysed, len(args.photos), "photo", args)
    for path, target, analysis in zip(args.photos, targets, watched, strict=True):
        name = files.shown(path)
        entry: shapes.Shape = {"photo": name, "error": None, "annotated": None, "faces": []}
        entries.append(entry)
        if isinstance(analysis, FaceNetError):
            if not isinstance(analysis, PhotoError):
                raise analysis
            entry["error"] = {"code": analysis.code, "message": str(analysis), "photo": analysis.photo}
            lines.append(str(analysis))
            continue
        found = service.identify(analysis, threshold=args.threshold, top_k=args.top)
        service.audit.identified(found, audit.asker())
        entry["faces"] = [_identified(i) for i in found]
        rows.append((name, found))
        lines += [f"{name}: {count(len(found), 'face')}", *columns(map(_row, found))]
        if target:
            marks = [Mark(i.face.detection.box, i.number, MARKS[i.outcome]) for i in found]
            with files.writing(target) as file:
                file.write(png(annotate(analysis.photo.pixels, marks)))
            entry["annotated"] = files.shown(target)
    if args.csv:
        with files.writing(args.csv) as file:
            file.write(table.to_csv(rows, args.top).encode())
    people, templates = count(gallery.number_of_people, "person"), count(len(gallery), "photo")
    lines += [f"Searched {people} with {templates}.", f"Threshold {limit.distance:.4f}. {limit.explanation}"]
    return Answer(
        {
            "photos": entries,
            "threshold": shapes.threshold(limit),
            "enrolled": {"people": gallery.number_of_people, "templates": len(gallery)},
            "model": shapes.model(model_id),
        },
        lines,
        BAD_INPUT if any(entry["error"] for entry in entries) else DONE,
    )


def detect(service: FaceService, args: Namespace) -> Answer:
    """Answers ``detect``."""
    photo = files.photo(service, args.photo)
    load_model(service)
    analysis = service.analyse(photo, "prominent")
    faces = [
        {
            "number": n,
            **shapes.detection(face.detection),
            "quality": shapes.quality(face),
            "flaws": shapes.flaws(face),
        }
        for n, face in enumerate(analysis.faces, 1)
    ]
    prominent = analysis.prominent + 1 if analysis.faces else None
    rows = [
        (
            face["number"],
            "left {:.0f}, top {:.0f}, right {:.0f}, bottom {:.0f}".format(*face["box"]),
            f"confidence {face['confidence']:.2f}",
            ", ".join(face["flaws"]).replace("_", " "),
            "prominent" if face["number"] == prominent and len(faces) > 1 else "",
        )
        for face in faces
    ]
    return Answer(
        {
            "photo": files.shown(args.photo),
            "width": photo.width,
            "height": photo.height,
            "faces": faces,
            "prominent": prominent,
            "model": shapes.model(analysis.model_id),
            "seconds": round(analysis.seconds, 3),
        },
        [f"{photo.name}: {count(len(faces), 'face')}", *columns(rows)],
    )


def _enrol_first_photos(service: FaceService) -> None:
    """Enrols what came with the program while nobody else is, so that the first question has somebody to ask about."""
    if service.people():
        return
    try:
        for outcome in service.enrol_first_photos():
            service.audit.enrolled(outcome, Asker("images"))
            if not outcome.accepted:
                logger.warning("%s was not enrolled: %s", outcome.photo, outcome.reason)
    except (FaceNetError, OSError) as error:
        logger.warning("The photos in %s were not enrolled: %s", service.settings.images_dir, error)


def _identified(found: Identification) -> shapes.Shape:
    nearest = found.candidates[0] if found.candidates else None
    return {
        "number": found.number,
        **shapes.detection(found.face.detection),
        "flaws": shapes.flaws(found.face),
        "person": nearest.person.name if nearest and found.matched else None,
        "matched": found.matched,
        "outcome": found.outcome,
        "distance": shapes.distance(nearest.distance) if nearest else None,
        "threshold": shapes.distance(found.threshold.distance),
        "one_in": shapes.one_in(found.one_in),
        "candidates": [shapes.candidate(candidate) for candidate in found.candidates],
    }


def _row(found: Identification) -> tuple[object, ...]:
    if not found.candidates:
        return found.number, table.NOBODY, "", "nobody is enrolled"
    nearest = found.candidates[0]
    if found.outcome == "inconclusive":
        return found.number, table.UNSURE, f"{nearest.distance:.4f}", f"perhaps {nearest.person.name}"
    if not found.matched:
        return found.number, table.NOBODY, "", f"nearest: {nearest.person.name} {nearest.distance:.4f}"
    return found.number, nearest.person.name, f"{nearest.distance:.4f}", _strangers(found.one_in)


def _reasons(distance: float, limit: Threshold, rarity: OneIn | None) -> Iterator[str]:
    sign = "at most" if distance <= limit.distance else "more than"
    yield f"  Distance {distance:.4f}, {sign} {limit.distance:.4f}. {limit.explanation}"
    if rarity:
        estimated = " (estimated beyond the data)" if rarity.basis == "estimated" else ""
        yield f"  {_strangers(rarity).capitalize()} looks at least this similar{estimated}."
    if limit.judge(distance) == "inconclusive":
        yield "  Try another photo: sharp, well lit, the face turned to the camera."


def _without(found: Verification) -> Iterator[str]:
    """What the answer would be without the photo that carried it."""
    without = found.candidate.distance_without
    if without is not None and found.outcome_without:
        answer = wording.CLAIM[found.outcome_without]
        yield f"  Without that photo: {without:.4f}, {answer}."


def _advice(found: Verification) -> Iterator[str]:
    """What is wrong with the photo of somebody who was not let in."""
    probed = flaws(found.probe.quality)
    if probed and not found.matched:
        yield f"  About this photo: {described(probed)}"


def _strangers(rarity: OneIn | None) -> str:
    return f"{rarity} strangers" if rarity else ""


def _choice(analysis: Analysis, face: Face, option: str, given: int | None) -> Iterator[str]:
    """Says which of several faces was taken."""
    if len(analysis.faces) > 1:
        which = "as asked for" if given else f"the prominent one (choose another with {option})"
        place = f"face {shapes.face_number(analysis, face)} of {len(analysis.faces)}"
        yield f"  {analysis.photo.name}: {place} was taken, {which}."
