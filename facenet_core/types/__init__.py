"""The values that travel through the library: frozen, slotted, with next to no behaviour."""

from __future__ import annotations

from facenet_core.types.answers import (
    Basis,
    Candidate,
    Comparison,
    Identification,
    OneIn,
    Outcome,
    Threshold,
    Verification,
)
from facenet_core.types.faces import (
    ENGINES,
    Analysis,
    Box,
    Detection,
    Embedding,
    Engine,
    Face,
    Flaw,
    Landmarks,
    ModelId,
    Photo,
    Point,
    Quality,
    Wanted,
)
from facenet_core.types.keys import ROLES, ApiKey, Asker, Door, Role
from facenet_core.types.models import ModelChoice, Rehearsal, Shadow, Unfound
from facenet_core.types.people import EnrolOutcome, EnrolRequest, NewTemplate, Person, Template

__all__ = [
    "ENGINES",
    "ROLES",
    "Analysis",
    "ApiKey",
    "Asker",
    "Basis",
    "Box",
    "Candidate",
    "Comparison",
    "Detection",
    "Door",
    "Embedding",
    "Engine",
    "EnrolOutcome",
    "EnrolRequest",
    "Face",
    "Flaw",
    "Identification",
    "Landmarks",
    "ModelChoice",
    "ModelId",
    "NewTemplate",
    "OneIn",
    "Outcome",
    "Person",
    "Photo",
    "Point",
    "Quality",
    "Rehearsal",
    "Role",
    "Shadow",
    "Template",
    "Threshold",
    "Unfound",
    "Verification",
    "Wanted",
]
