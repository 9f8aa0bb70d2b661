"""Damaged files for a folder of photos, as disks, mail and hurried copying make them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

NAME = "damaged-"
"""Names of damaged files begin with it."""


def _truncated(jpeg: bytes, rng: np.random.Generator) -> bytes:
    return jpeg[: max(4, int(len(jpeg) * rng.uniform(0, 0.95)))]


def _empty(_jpeg: bytes, _rng: np.random.Generator) -> bytes:
    return b""


def _other_format(_jpeg: bytes, rng: np.random.Generator) -> bytes:
    return b"PK\3\4\x14\0\0\0\0\0" + rng.bytes(500)


def _text(_jpeg: bytes, rng: np.random.Generator) -> bytes:
    return f"<html><body>Error {rng.integers(400, 600)}: this photo has moved.</body></html>\n".encode()


def _pdf(_jpeg: bytes, rng: np.random.Generator) -> bytes:
    return b"%%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Id %d >>\nendobj\n%%%%EOF\n" % rng.integers(10**6)


def _huge(_jpeg: bytes, rng: np.random.Generator) -> bytes:
    side = int(rng.integers(30_000, 60_000))
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(5000)),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _garbage(jpeg: bytes, rng: np.random.Generator) -> bytes:
    # A zero first: no marker of a JPEG begins so, and the garbage can't happen to be one.
    return jpeg[:20] + b"\0" + rng.bytes(int(rng.integers(500, 5000)))


_CONTENTS: Final[dict[str, Callable[[bytes, np.random.Generator], bytes]]] = {
    "truncated": _truncated,
    "empty": _empty,
    "another format": _other_format,
    "text": _text,
    "PDF": _pdf,
    "huge": _huge,
    "garbage": _garbage,
}

FOLDER, LINK, FORBIDDEN = "folder", "dangling link", "unreadable"

DAMAGES: Final[tuple[str, ...]] = (*_CONTENTS, FOLDER, LINK, FORBIDDEN)
"""The kinds of damage, every one of which a reader of photos refuses."""


def spoil(folder: Path, count: int = 50, seed: int = 1) -> dict[str, str]:
    """Adds damaged files to a folder of photos, all named like photos; changes no other.

    All kinds are made equally often, as near as may be. What may not be read is
    truncated as well, for those who may read everything.

    Args:
        folder: Holds JPEG photos, at any depth.
        count: How many.
        seed: Decides where they go and how they are damaged.

    Returns:
        The kind of damage, one of :data:`DAMAGES`, by path relative to ``folder``.

    Raises:
        ValueError: If there is no JPEG to begin with.
    """
    rng = np.random.default_rng(seed)
    photos = [path for path in sorted(folder.rglob("*.jpg")) if path.is_file() and not path.name.startswith(NAME)]
    if not photos:
        raise ValueError(f"{folder}: no photos named *.jpg")
    spoilt = {}
    before = len(list(folder.rglob(f"{NAME}*")))
    for number in range(before, before + count):
        kind = DAMAGES[number % len(DAMAGES)]
        photo = photos[rng.integers(len(photos))]
        suffix = ".png" if kind == "huge" else ".jpg"
        path = photo.with_name(f"{NAME}{number:04d}{suffix}")
        if kind == FOLDER:
            path.mkdir()
        elif kind == LINK:
            path.symlink_to(f"moved-{number}.jpg")
        else:
            path.write_bytes(_CONTENTS.get(kind, _truncated)(photo.read_bytes(), rng))
        if kind == FORBIDDEN:
            path.chmod(0)
        spoilt[path.relative_to(folder).as_posix()] = kind
    return spoilt
