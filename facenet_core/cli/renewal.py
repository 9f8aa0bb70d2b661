"""people renew: after another model was chosen, or people came from one."""

from __future__ import annotations

from argparse import Namespace

from facenet_core.cli import cluster, shapes
from facenet_core.cli.arguments import Commands, add_command
from facenet_core.cli.output import BAD_INPUT, DONE, Answer, columns, count, load_model, progress
from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.service import FaceService


def add_to(group: Commands) -> None:
    """Adds this command to ``people``."""
    parser = add_command(group, "renew", renew, "Make the templates of another model anew from their photos.")
    cluster.add_to(parser)


def renew(service: FaceService, args: Namespace) -> Answer:
    """Answers ``people renew``."""
    with cluster.analyser(service, args) as analyse:
        model_id = load_model(service)
        data, lines = renewed(service, args, analyse)
    return Answer(
        {**data, "model": shapes.model(model_id)},
        lines or ["Every photo was enrolled with this model. There is nothing to renew."],
        BAD_INPUT if data["not_renewed"] else DONE,
    )


def renewed(service: FaceService, args: Namespace, analyse: Analyser = analyse_here) -> tuple[shapes.Shape, list[str]]:
    """Renews what another model made.

    Returns:
        ``renewed``, a number, and ``not_renewed``, the outcomes of the others;
        and the same as lines, none where there was nothing to renew.

    Raises:
        ModelError: If there is no model.
    """
    outcomes = list(progress(service.renew(analyse), len(service.outdated()), "photo", args))
    if not outcomes:
        return {"renewed": 0, "not_renewed": []}, []
    refused = [outcome for outcome in outcomes if not outcome.accepted]
    done = len(outcomes) - len(refused)
    return (
        {"renewed": done, "not_renewed": [shapes.outcome(outcome, outcome.photo) for outcome in refused]},
        [
            f"Renewed {done} of {count(len(outcomes), 'photo')}.",
            *columns((outcome.person, outcome.photo, outcome.reason) for outcome in refused),
        ],
    )
