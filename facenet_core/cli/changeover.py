"""weights rehearse, use, back and discard: another model, tried before it is used, and the way back."""

from __future__ import annotations

import sys
from argparse import Namespace

from facenet_core import wording
from facenet_core.cli import audit, cluster, shapes
from facenet_core.cli.arguments import Commands, add_command, add_yes
from facenet_core.cli.output import BAD_INPUT, DONE, Answer, columns, confirm, count, load_model, printable, progress
from facenet_core.flips import Answer as Answered
from facenet_core.flips import Flip, Flips
from facenet_core.service import FaceService
from facenet_core.types import EnrolOutcome


def add_to(group: Commands) -> None:
    """Adds these commands to ``weights``."""
    parser = add_command(group, "rehearse", rehearse, "Say what would be answered differently with another model.")
    parser.add_argument("model", metavar="ID", help="which model, an installed one")
    cluster.add_to(parser)

    parser = add_command(group, "use", use, "Change the model, once it was rehearsed and you have agreed.")
    parser.add_argument("model", metavar="ID", help="which model, an installed one")
    add_yes(parser)
    cluster.add_to(parser)

    add_command(group, "back", back, "Go back to the model that was in use before.")

    parser = add_command(group, "discard", discard, "Throw a rehearsal away; the model in use stays.")
    parser.add_argument("--former", action="store_true", help="the templates for `weights back` instead")


def rehearse(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights rehearse``."""
    data, lines = _rehearsed(service, args)
    return Answer(data, [*lines, "Nothing has changed yet."], BAD_INPUT if data["not_embedded"] else DONE)


def use(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights use``."""
    data, lines = _rehearsed(service, args)
    if not args.yes and sys.stdin.isatty():
        print("\n".join(map(printable, lines)), file=sys.stderr)
    confirm(args, f"Use {args.model} from now on?")
    late = service.cut_over()
    service.audit.note("use_model", args.model, audit.asker())
    data["not_embedded"] += [shapes.outcome(outcome, outcome.photo) for outcome in late if not outcome.accepted]
    data["former"], data["in_use"] = data["in_use"], shapes.model(service.engine.model_id)
    lines.append(f"{args.model} is in use now. `weights back` goes back to {data['former']['id']}.")
    return Answer(data, lines, BAD_INPUT if data["not_embedded"] else DONE)


def back(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights back``."""
    left, former = load_model(service), service.former_model()
    outcomes = list(progress(service.roll_back(), former[1] if former else 0, "photo", args))
    refused = _refused(outcomes)
    model_id = service.engine.model_id
    service.audit.note("use_model", model_id.model, audit.asker())
    return Answer(
        {
            "in_use": shapes.model(model_id),
            "former": shapes.model(left),
            "embedded": len(outcomes) - len(refused),
            "not_embedded": [shapes.outcome(outcome, outcome.photo) for outcome in refused],
        },
        [
            f"{model_id.model} is in use again. `weights back` goes back to {left.model}.",
            *([f"Embedded {count(len(outcomes), 'photo')} enrolled since."] if outcomes else []),
            *_reasons(refused),
        ],
        BAD_INPUT if refused else DONE,
    )


def discard(service: FaceService, args: Namespace) -> Answer:
    """Answers ``weights discard``."""
    if args.former:
        former = service.former_model()
        model = former[0] if former else None
        service.forget_former_model()
        said = f"Threw the templates of {model} away, which was in use before." if model else "There are none."
    else:
        rehearsal = service.rehearsal()
        model = rehearsal.model if rehearsal else None
        service.discard_rehearsal()
        said = f"Threw the rehearsal of {model} away." if model else "Nothing is being rehearsed."
    return Answer({"discarded": model}, [said])


def _rehearsed(service: FaceService, args: Namespace) -> tuple[shapes.Shape, list[str]]:
    with cluster.analyser(service, args) as analyse:
        in_use = load_model(service)
        outcomes = service.rehearse(args.model, analyse)
        begun = service.rehearsal()
        done = begun.done if begun and begun.model == args.model else 0
        for _ in progress(outcomes, sum(len(person.templates) for person in service.people()) - done, "photo", args):
            pass
    rehearsal, found = service.rehearsal(), service.flips()
    unfound = rehearsal.unfound if rehearsal else ()
    photos = rehearsal.photos if rehearsal else 0
    return {
        "model": args.model,
        "in_use": shapes.model(in_use),
        "photos": photos,
        "not_embedded": [shapes.outcome(outcome, outcome.photo) for outcome in unfound],
        "flips": _flips(found),
    }, [
        f"Rehearsed {args.model} on {count(photos, 'photo')}, beside {in_use.model}.",
        *_reasons(unfound),
        *wording.flipped(found),
        *_tables(found),
    ]


def _flips(found: Flips) -> shapes.Shape:
    return {
        "problem": found.problem or None,
        "fixed_thresholds": found.fixed,
        "photos": found.photos,
        "same": found.same,
        "worse": found.worse,
        "different": [
            {
                "person": flip.shot.person.name,
                "photo": flip.shot.number,
                "before": _answer(flip.before),
                "after": _answer(flip.after),
                "worse": flip.worse,
            }
            for flip in found.flips
        ],
        "pairs": found.pairs,
        "confusable_before": found.confusable_before,
        "confusable_after": found.confusable_after,
        "different_pairs": [
            {
                "people": [pair.first.name, pair.second.name],
                "distance_before": shapes.distance(pair.before),
                "distance_after": shapes.distance(pair.after),
                "confusable_after": pair.confusable,
            }
            for pair in found.pair_flips
        ],
    }


def _answer(answer: Answered) -> shapes.Shape:
    return {
        "claim": answer.claim,
        "distance": shapes.distance(answer.distance),
        "named": answer.named,
        "as": answer.person.name if answer.person else None,
    }


def _tables(found: Flips) -> list[str]:
    lines = []
    if found.flips:
        lines += ["Answered differently:", *columns(map(_row, found.flips))]
    if found.pair_flips:
        pairs = (
            (pair.first.name, pair.second.name, f"{pair.before:.2f} -> {pair.after:.2f}", wording.confusable(pair))
            for pair in found.pair_flips
        )
        lines += ["Pairs of people:", *columns(pairs)]
    return lines


def _row(flip: Flip) -> tuple[str, ...]:
    photo = f"{flip.shot.person.name}, photo {flip.shot.number}"
    return photo, wording.answered(flip.before), "->", wording.answered(flip.after), "worse" if flip.worse else ""


def _refused(outcomes: list[EnrolOutcome]) -> list[EnrolOutcome]:
    return [outcome for outcome in outcomes if not outcome.accepted]


def _reasons(outcomes: tuple[EnrolOutcome, ...] | list[EnrolOutcome]) -> list[str]:
    rows = [(outcome.person, outcome.photo, outcome.reason) for outcome in outcomes]
    return ["Not embedded; they would have to be enrolled again:", *columns(rows)] if rows else []
