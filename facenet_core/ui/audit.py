"""What a page notes for the audit: each answer once in a session, however often the page runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facenet_core.monitor import Kind
from facenet_core.service import FaceService
from facenet_core.types import EnrolOutcome, Identification, Outcome
from facenet_core.ui import login

NOTED = "audit_noted"
"""What was noted, the oldest first, as a key of the session."""

MOST = 5_000
"""Answers of which a session remembers that they were noted."""


def decided(shared: FaceService, kind: Kind, photo: str, outcome: Outcome, person_id: str | None = None) -> None:
    """Notes a decision.

    Args:
        shared: The service.
        kind: The question.
        photo: The sha256 of the photo, and the number of the face on it.
        outcome: The answer.
        person_id: Whom it is about.
    """
    if _new(kind, photo, outcome, person_id):
        shared.audit.decided(kind, outcome, login.asker(), person_id)


def identified(shared: FaceService, photo: str, found: Sequence[Identification]) -> None:
    """Notes who was found on a photo.

    Args:
        shared: The service.
        photo: Its sha256.
        found: One for each face.
    """
    for each in found:
        person_id = each.candidates[0].person.id if each.matched else None
        decided(shared, "identify", f"{photo} {each.number}", each.outcome, person_id)


def searched(shared: FaceService, question: str, verdict: str, kind: str = "album_search") -> None:
    """Notes a search for a face, once for each question.

    Args:
        shared: The service.
        question: What tells it from others.
        verdict: The answer.
        kind: Where it was searched.
    """
    if _new(kind, question, verdict):
        note(shared, kind, verdict)


def enrolled(shared: FaceService, outcome: EnrolOutcome) -> None:
    """Notes what became of a photo that was to be enrolled."""
    shared.audit.enrolled(outcome, login.asker())


def note(shared: FaceService, kind: str, outcome: str, person_id: str | None = None) -> None:
    """Notes a change.

    Args:
        shared: The service.
        kind: What was changed.
        outcome: What came of it, a word.
        person_id: Whom it is about.
    """
    shared.audit.note(kind, outcome, login.asker(), person_id)


def _new(*what: str | None) -> bool:
    noted: dict[tuple[str | None, ...], None] = st.session_state.setdefault(NOTED, {})
    if what in noted:
        return False
    noted[what] = None
    while len(noted) > MOST:
        del noted[next(iter(noted))]
    return True
