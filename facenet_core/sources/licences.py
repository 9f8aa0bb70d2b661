"""Under which licence a picture may be used: its name, brought to one form.

Licences are recorded, not judged: whether a use is covered is for the user to
say. Refused is only what has none, or reserves all rights. Names and addresses
of Creative Commons: https://creativecommons.org/licenses/list.en
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NO_LICENCE = "The source names no licence for this picture."
"""Why a result without one is refused."""

ALL_RIGHTS_RESERVED = "All rights are reserved: its licence allows no use."
"""Why such a result is refused."""

_CC = re.compile(
    r"^https?://(?:www\.)?creativecommons\.org/licenses/"
    r"(by|by-sa|by-nd|by-nc|by-nc-sa|by-nd-nc|by-nc-nd|sa|nd|nc|nc-sa|nd-nc)/(\d\.\d)(?:/([a-z]{2,5})(?=/|$))?",
    re.IGNORECASE,
)
_DEDICATION = re.compile(
    r"^https?://(?:www\.)?creativecommons\.org/publicdomain/(zero|mark)/(\d\.\d)(?=/|$)", re.IGNORECASE
)
_DEDICATIONS = {"zero": "CC0", "mark": "Public Domain Mark"}

# Pages below a licence's address that are not a jurisdiction: /legalcode, /deed.de.
_PAGES = {"deed", "rdf"}

_SPELT = re.compile(
    r"^(?:cc|creative commons)[\s-]+(?P<terms>by(?:[\s-](?:nc|nd|sa))*|zero|0)[\s-]*(?P<version>\d\.\d)?"
    r"(?:\s+(?P<port>[a-z]{2,5}))?$",
    re.IGNORECASE,
)
_RESERVED = re.compile(r"all rights reserved|^©|^copyright(?!ed free use)(ed)?\b|^none$|^unknown$", re.IGNORECASE)

PEXELS_URL = "https://www.pexels.com/license/"
"""The licence under which all pictures of Pexels are."""


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence.

    Attributes:
        name: In one form, such as ``CC BY-SA 4.0`` or ``Public domain``.
        url: Its text, or None.
    """

    name: str
    url: str | None


PEXELS = Licence("Pexels licence", PEXELS_URL)


def licence(name: str | None, url: str | None) -> Licence | str:
    """Brings a licence to one form, or says why a picture with it is not taken.

    An address of Creative Commons says more surely than a name which licence is
    meant, so the name follows from it where there is one.

    Args:
        name: As the source calls it.
        url: The address of its text, http or https.

    Returns:
        The licence; or the reason for which the picture is refused: there is
        neither a name nor an address that tells one, or all rights are reserved.
    """
    told = _from_url(url) if url else None
    spelt = " ".join((name or "").split())
    if told:
        return Licence(told, url)
    if not spelt:
        return NO_LICENCE
    return ALL_RIGHTS_RESERVED if _RESERVED.search(spelt) else Licence(_from_name(spelt), url)


def _from_url(url: str) -> str | None:
    if found := _CC.match(url):
        terms, version, port = found[1].upper(), found[2], (found[3] or "").lower()
        terms = terms.replace("ND-NC", "NC-ND")  # as version 1.0 has it
        return " ".join(["CC", terms, version] + ([port.upper()] if port and port not in _PAGES else []))
    if found := _DEDICATION.match(url):
        return f"{_DEDICATIONS[found[1].lower()]} {found[2]}"
    return None


def _from_name(name: str) -> str:
    found = _SPELT.match(name)
    if not found:
        return name
    terms = re.sub(r"[\s-]+", "-", found["terms"]).upper()
    first = "CC0" if terms in ("0", "ZERO") else f"CC {terms}"
    return " ".join([first, *filter(None, (found["version"], (found["port"] or "").upper()))])
