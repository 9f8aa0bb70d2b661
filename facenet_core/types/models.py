"""A change of the model: which one is chosen, what another one makes of the enrolled photos, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from facenet_core.types.faces import ModelId
from facenet_core.types.people import EnrolOutcome, Person, Template


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model, as it is chosen and as it marks its templates.

    Attributes:
        setting: What is stored to choose it: its id among the installed ones.
        model_id: What its templates carry.
    """

    setting: str
    model_id: ModelId


@dataclass(frozen=True, slots=True)
class Unfound:
    """Why a model has no template of an enrolled photo.

    Attributes:
        code: The error's code, such as ``no_face``.
        reason: One sentence: what happened and what to do about it.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """Templates that a model which is not in use made of the enrolled photos.

    Attributes:
        of: The model.
        templates: Its templates, by the id of those in use.
        unfound: Photos that it has none of, by the id of their template.
    """

    of: ModelChoice
    templates: Mapping[str, Template]
    unfound: Mapping[str, Unfound]

    def applied(self, person: Person) -> Person:
        """A person as they would be with this model; templates that it lacks stay those of another."""
        return replace(person, templates=tuple(self.templates.get(t.id, t) for t in person.templates))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How far the rehearsal of another model is.

    Attributes:
        model: The model's id.
        photos: Enrolled photos.
        done: Those that it has seen.
        unfound: What it could not use, with the reason.
        running: Whether this process is at it.
        rate: Photos a second; 0.0 if it is not running, or not yet known.
        problem: Why it ended early, a sentence; empty if it did not.
    """

    model: str
    photos: int
    done: int
    unfound: tuple[EnrolOutcome, ...]
    running: bool
    rate: float
    problem: str

    @property
    def complete(self) -> bool:
        """Whether it has seen every photo and is ready to be judged."""
        return not self.running and not self.problem and self.done >= self.photos
