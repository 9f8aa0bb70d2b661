"""Something that was asked for, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from facenet_core.types import Door

MOST = 1_000
"""Events that are given out at once."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was asked for.

    Attributes:
        id: Larger ones are later.
        at: When, UTC.
        kind: What, such as ``verify``.
        door: Where.
        who: Who asked: see :class:`Asker`.
        key_id: Which key it was asked with; None without keys.
        person_id: Whom it was about, if anybody. No name: that of somebody who
            is removed must not live on here.
        outcome: What came of it, a word.
    """

    id: int
    at: datetime
    kind: str
    door: Door
    who: str | None
    key_id: str | None
    person_id: str | None
    outcome: str
