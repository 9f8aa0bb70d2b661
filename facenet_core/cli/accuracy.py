"""accuracy show and use: how far the answers can be trusted, and by whose people."""

from __future__ import annotations

from argparse import Namespace

from facenet_core import wording
from facenet_core.cli import audit, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group
from facenet_core.cli.output import Answer, columns, count, load_model
from facenet_core.errors import InputError, NoThresholdError
from facenet_core.neighbours import Resemblance, Shot
from facenet_core.service import FaceService
from facenet_core.survey import Rate, Survey
from facenet_core.types import Person

OWN, SHIPPED = "own", "shipped"


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "accuracy", "See how far the answers can be trusted.")
    add_command(group, "show", show, "Hold everybody who is enrolled against everybody else.")
    parser = add_command(group, "use", use, "Choose whose error rates the thresholds are made from.")
    parser.add_argument(
        "source", choices=[OWN, SHIPPED], metavar="SOURCE", help=f"`{OWN}` people, or those `{SHIPPED}` with the model"
    )


def show(service: FaceService, args: Namespace) -> Answer:
    """Answers ``accuracy show``."""
    model_id = load_model(service)
    found = service.survey()
    operating, said = _operating_point(service)
    return Answer(
        {
            "people": found.people,
            "photos": found.photos,
            "compared_photos": found.compared_photos,
            "comparisons": {
                "non_mated": len(found.non_mated),
                "mated": len(found.mated),
                "people_pairs": found.people_pairs,
            },
            **operating,
            **_source(service),
            "own_available": found.own is not None,
            "own_reason": found.own_reason or None,
            "rates": [_rate(rate) for rate in found.rates],
            "departures": wording.departures(found),
            "possible_duplicates": [_pair(pair) for pair in found.duplicates],
            "lookalikes": [_pair(pair) for pair in found.lookalikes],
            "unlike_the_others": [_pair(pair) for pair in found.strays],
            "one_photo": [person.name for person in found.single_photo],
            "model": shapes.model(model_id),
        },
        [*said, *_lines(found)],
    )


def use(service: FaceService, args: Namespace) -> Answer:
    """Answers ``accuracy use``."""
    load_model(service)
    if args.source == SHIPPED:
        service.use_calibration(None)
    else:
        found = service.survey()
        if found.own is None:
            raise InputError(found.own_reason)
        service.use_calibration(found.own)
    service.audit.note("set", "calibration", audit.asker())
    data = _source(service)
    operating, lines = _operating_point(service)
    return Answer({**data, "verify": operating["verify"], "identify": operating["identify"]}, lines)


def _operating_point(service: FaceService) -> tuple[shapes.Shape, list[str]]:
    """Thresholds and what they mean, for scripts and for people."""
    targets, problem = service.targets, ""
    verify = identify = calibration = None
    try:
        verify, identify = service.verify_threshold(), service.identify_threshold()
        calibration = service.calibration()
    except NoThresholdError as error:
        problem = str(error)
    lines = []
    if verify and identify:
        lines = [f"Verify, {verify.distance:.4f}: {verify.explanation}"]
        lines += [f"Recognise, {identify.distance:.4f}: {identify.explanation}"]
    if verify and identify and calibration:
        fmr = calibration.fmr(verify.distance)[0] if verify.origin == "fixed" else targets.fmr
        lines += [wording.trade_off(calibration, fmr), wording.rests_on(calibration, fmr)]
        lines += [wording.search(calibration, len(service.gallery()), verify, identify)]
    return {
        "verify": shapes.threshold(verify) if verify else None,
        "identify": shapes.threshold(identify) if identify else None,
        "target_fmr": targets.fmr,
        "target_fpir": targets.fpir,
        "fnmr": calibration.fnmr(verify.distance) if calibration and verify else None,
    }, [*lines, *([problem] if problem else [])]


def _source(service: FaceService) -> shapes.Shape:
    try:
        data = service.calibration().provenance["data"]
    except NoThresholdError:
        data = None
    return {"source": OWN if service.own_calibration() else SHIPPED, "data": data}


def _rate(rate: Rate) -> shapes.Shape:
    return {
        "distance": shapes.distance(rate.distance),
        "shipped": rate.shipped,
        "share": rate.share,
        "low": rate.low,
        "high": rate.high,
        "errors": rate.errors,
        "comparisons": rate.comparisons,
        "departs": rate.departs,
        "current": rate.current,
    }


def _pair(pair: Resemblance) -> shapes.Shape:
    return {
        "people": [pair.first.person.name, pair.second.person.name],
        "photos": [pair.first.number, pair.second.number],
        "distance": shapes.distance(pair.distance),
        "one_in": shapes.one_in(pair.one_in),
    }


def _lines(found: Survey) -> list[str]:
    of = "" if found.compared_photos == found.photos else f" ({found.compared_photos:,} drawn for the rates)"
    lines = ["", f"{count(found.people, 'person')}, {count(found.photos, 'photo')}{of}."]
    if found.rates:
        head = ("distance", "shipped", "your people", "95 % sure", "")
        rows = [(f"{rate.distance:.2f}", *wording.compared(rate)) for rate in found.told]
        lines += ["How often different people are so close:", *columns([head, *rows])]
    lines += [found.own_reason] if found.own_reason else []
    if said := wording.verdict(found):
        lines += [said, *wording.departures(found)]
    for title, pairs in (
        ("Possibly one person, enrolled twice", found.duplicates),
        ("Most similar people", found.lookalikes),
        ("Photos that look like no other of their person", found.strays),
    ):
        if pairs:
            lines += [f"{title}:", *columns(map(_row, pairs))]
    return lines + _single(found.single_photo)


def _row(pair: Resemblance) -> tuple[str, str, str, str]:
    return _name(pair.first), _name(pair.second), f"{pair.distance:.4f}", str(pair.one_in or "")


def _name(shot: Shot) -> str:
    return f"{shot.person.name}, photo {shot.number}"


def _single(people: tuple[Person, ...]) -> list[str]:
    return [f"With one photo only: {', '.join(person.name for person in people)}."] if people else []
