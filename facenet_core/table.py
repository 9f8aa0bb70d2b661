"""Who is on which photo, as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from facenet_core.types import Identification

NOBODY, UNSURE = "Not in database", "Can't tell"


def to_csv(photos: Iterable[tuple[str, Sequence[Identification]]], top_k: int) -> str:
    """One row per face.

    Args:
        photos: Each photo's name with its identifications.
        top_k: Candidates per face.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(
        ["photo", "face", "left", "top", "right", "bottom", "detector_score", "result", "threshold"]
        + [f"{what}_{place}" for place in range(1, top_k + 1) for what in ("person", "distance")]
    )
    for name, identifications in photos:
        for found in identifications:
            box = found.face.detection.box
            row: list[str | int | float] = [cell(name), found.number]
            row += [round(edge) for edge in (box.left, box.top, box.right, box.bottom)]
            row.append(round(found.face.detection.confidence, 4))
            unnamed = UNSURE if found.outcome == "inconclusive" else NOBODY
            row.append(cell(found.candidates[0].person.name) if found.matched else unnamed)
            row.append(round(found.threshold.distance, 6))
            for candidate in found.candidates:
                row += [cell(candidate.person.name), round(candidate.distance, 6)]
            table.writerow(row)
    return text.getvalue()


def cell(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
