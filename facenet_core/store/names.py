"""People's names: which can be used, which are the same, and in which order they come."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from facenet_core.errors import PersonNameError
from facenet_core.types import Person

MAX_NAME_LENGTH = 100
"""Characters. Longer than any name that a page can show on one line."""

_REVERSING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates of the bidirectional algorithm (UAX #9)."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Default_Ignorable_Code_Point of the Unicode character database, version 15."""


def clean_name(name: str) -> str:
    """Return a name as it is stored and shown.

    Unicode form NFC, without white space around it, with single spaces
    inside.

    Args:
        name: As typed, or as a folder is called.

    Returns:
        The name, 1 to 100 characters.

    Raises:
        PersonNameError: It is empty or too long, or holds characters that
            can't be shown, reverse the text around them or can't be part of a
            folder's name.
    """
    name = unicodedata.normalize("NFC", name).strip()
    for character in name:
        _check_character(character)
    name = " ".join(name.split())
    if not name_key(name):
        raise PersonNameError("A person needs a name: type at least one character that can be seen.")
    if len(name) > MAX_NAME_LENGTH:
        raise PersonNameError(f"This name has {len(name)} characters: use at most {MAX_NAME_LENGTH}.")
    if name in (".", ".."):
        raise PersonNameError(f'A person can\'t be called "{name}", because a name is also the name of a folder.')
    return name


def name_key(name: str) -> str:
    """Return what names of the same person have in common.

    Case, Unicode form, white space and characters that can't be seen make no
    difference: a compatibility caseless match, definition D146 of the Unicode
    Standard, without default ignorable characters as in NFKC_Casefold.

    Args:
        name: Any text.

    Returns:
        Equal keys for names of the same person. Empty if nothing in the name
        can be seen.
    """
    key = unicodedata.normalize("NFD", _INVISIBLE.sub("", name)).casefold()
    key = unicodedata.normalize("NFKC", key).casefold()
    key = _INVISIBLE.sub("", unicodedata.normalize("NFKC", key))
    return " ".join(key.split())


def sorted_by_name(people: Iterable[Person]) -> tuple[Person, ...]:
    """Return people in the order in which every list shows them.

    Args:
        people: In any order.
    """
    return tuple(sorted(people, key=lambda person: (person.name.casefold(), person.id)))


def _check_character(character: str) -> None:
    number = f"U+{ord(character):04X}"
    if character in "/\\":
        raise PersonNameError(f"A name can't contain {character} because it is also the name of a folder.")
    if _REVERSING.match(character):
        raise PersonNameError(
            f"This name contains an invisible character ({number}) that reverses the text around it: type it again."
        )
    match unicodedata.category(character):
        case "Cc":
            raise PersonNameError(
                f"This name contains a control character ({number}), such as a line break or a tab: type it again."
            )
        case "Cs" | "Cn":
            raise PersonNameError(f"This name contains {number}, which is no character: type it again.")
