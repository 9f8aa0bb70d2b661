"""settings show and set: what is stored with the database, for the pages and the command line alike."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from typing import Literal

from facenet_core.cli import audit, files, shapes
from facenet_core.cli.arguments import Commands, add_command, add_group, distance
from facenet_core.cli.output import Answer, columns
from facenet_core.config import FMR_RANGE, FPIR_RANGE
from facenet_core.errors import InputError, ModelError, SettingError
from facenet_core.service import FaceService
from facenet_core.weights import installed, resolve

MEASURED = "measured"
"""Instead of a distance: the threshold that was measured for the model."""

AUTO = "auto"
"""Instead of a model: the best that is installed."""

DEFAULT = "default"
"""Instead of a rate: the default target."""

_TARGETS = {"target-fmr": FMR_RANGE, "target-fpir": FPIR_RANGE}
"""Each target rate, and what it may be."""

_THRESHOLDS = {"verify-threshold": "threshold", "identify-threshold": "identify_threshold"}
"""Each threshold on the command line, and in the environment."""


def add_to(commands: Commands) -> None:
    """Adds these commands to the parser."""
    group = add_group(commands, "settings", "See and change what is stored with the database.")
    add_command(group, "show", show, "Show the settings, and where they come from.")

    parser = add_command(group, "set", change, "Change a setting, for the pages and the command line alike.")
    parser.add_argument(
        "key",
        choices=[*_THRESHOLDS, *_TARGETS, "model"],
        metavar="KEY",
        help=f"{', '.join([*_THRESHOLDS, *_TARGETS])} or model",
    )
    parser.add_argument(
        "value",
        metavar="VALUE",
        help=f"a distance or `{MEASURED}`; of a target, a rate or `{DEFAULT}`; of model, an installed one or `{AUTO}`",
    )


def show(service: FaceService, args: Namespace) -> Answer:
    """Answers ``settings show``. The model is not loaded."""
    data: shapes.Shape = {}
    rows = []
    stored = service.stored_settings()
    for key, field in _THRESHOLDS.items():
        value, set_by = _origin(getattr(service.settings, field), stored.get(key.replace("-", "_")))
        data[key.replace("-", "_")] = {"distance": value, "origin": "fixed" if set_by else MEASURED, "set_by": set_by}
        rows.append((key, MEASURED if value is None else f"{value:g}", _words(set_by)))
    for key in _TARGETS:
        name = key.replace("-", "_")
        _, set_by = _origin(getattr(service.settings, name), stored.get(name))
        rate = getattr(service.targets, key.removeprefix("target-"))
        data[name] = {"rate": rate, "set_by": set_by}
        rows.append((key, f"{rate:g}", _words(set_by)))
    model, path, problem = None, None, None
    try:
        chosen = resolve(service.model_setting)
        model, path = chosen.model, files.shown(chosen.path)
    except (ModelError, SettingError) as error:
        problem = str(error)
    _, set_by = _origin(service.settings.weights or service.settings.model, stored.get("model"))
    data["model"] = {"id": model, "path": path, "set_by": set_by, "problem": problem}
    rows.append(("model", model or "none", _words(set_by)))
    data["db"] = files.shown(service.settings.db)
    data["store"] = service.repository.place if service.settings.database_url else "tinydb"
    data["models_dir"] = files.shown(service.settings.models_dir)
    rows += [("people", data["store"], ""), ("database", data["db"], ""), ("models", data["models_dir"], "")]
    return Answer(data, columns(rows) + ([problem] if problem else []))


def change(service: FaceService, args: Namespace) -> Answer:
    """Answers ``settings set``, with the settings after the change."""
    value: str | float | None
    if args.key == "model":
        value = None if args.value == AUTO else _installed(service, args.value)
        overruled = service.settings.weights or service.settings.model
    elif args.key in _TARGETS:
        value = None if args.value == DEFAULT else _rate(args.key, args.value)
        overruled = getattr(service.settings, args.key.replace("-", "_"))
    else:
        value = None if args.value == MEASURED else _distance(args.value)
        overruled = getattr(service.settings, _THRESHOLDS[args.key])
    service.repository.save_settings({args.key.replace("-", "_"): value})
    service.audit.note("set", args.key.replace("-", "_"), audit.asker())
    answer = show(service, args)
    note = ["Stored, but the environment has the last word:"] if overruled is not None else ["Stored:"]
    return Answer(answer.data, [*note, *answer.lines])


def _origin(environment: object, stored: object) -> tuple[object, Literal["environment", "database"] | None]:
    if environment is not None:
        return environment, "environment"
    return stored, "database" if stored is not None else None


def _words(set_by: str | None) -> str:
    return f"set in the {set_by}" if set_by else ""


def _installed(service: FaceService, model: str) -> str:
    here = [found.model for found in installed(service.settings) if found.path]
    if model not in here:
        known = f"Installed are: {', '.join(here)}" if here else "None is: `weights fetch` installs one"
        raise InputError(f"No model called {model!r} is installed. {known}.")
    return model


def _distance(text: str) -> float:
    try:
        return distance(text)
    except ArgumentTypeError as error:
        raise SettingError(f"A threshold is a distance from 0 to 2, or `{MEASURED}`, not {text!r}.") from error


def _rate(key: str, text: str) -> float:
    low, high = _TARGETS[key]
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not low <= value <= high:
        least = f"{low:.6f}".rstrip("0")
        raise SettingError(f"A {key} is a rate from {least} to {high:g}, or `{DEFAULT}`, not {text!r}.")
    return value
