"""Which faces stand for somebody in a search: the same on the page and at the command line."""

from __future__ import annotations

from facenet_core.album.records import Group
from facenet_core.types import ModelId, Person, Template

MOST = 10
"""Faces of a group, or photos of an enrolled person, that are samples."""


def best_faces(group: Group) -> tuple[int, ...]:
    """The numbers of the faces that show a person of the album best."""
    return group.faces[:MOST]


def first_templates(person: Person, model_id: ModelId) -> tuple[Template, ...]:
    """The first photos of an enrolled person, of those that this model has embedded; none if it has embedded none."""
    return tuple(template for template in person.templates if template.model_id == model_id)[:MOST]
