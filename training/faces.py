"""The training faces: square crops from ``.npz`` files, without any label."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

SIDE = 112
"""Side of a stored crop, in pixels."""

MARGIN = 1.12
"""How much larger a stored crop is than the one that the app makes, for jitter."""

TIGHT = frozenset({"utkface", "mebeauty"})
"""Sets whose crops are no wider than the app's, so they are not cut further."""


HELD_OUT_SET, HELD_OUT_OF = "utkface", 8
"""One face in so many of this set, whose file names tell age, gender and
ethnicity, is never trained on: ``training/groups.py`` measures on these."""


@dataclass(frozen=True, slots=True)
class Faces:
    """All the crops of a folder.

    Attributes:
        pixels: Shape ``(n, 112, 112, 3)``, RGB, uint8.
        sets: Shape ``(n,)``: the index of each face's set in ``names``.
        names: The sets, in alphabetical order.
        files: Shape ``(n,)``: each face's file name in its set.
    """

    pixels: NDArray[np.uint8]
    sets: NDArray[np.uint8]
    names: tuple[str, ...]
    files: NDArray[np.str_]

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Shape ``(n,)``: which faces are kept for measuring, by a hash of their file names."""
        candidates = np.array([self.names[i] == HELD_OUT_SET for i in self.sets])
        hashes = (int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) for name in self.files)
        return candidates & (np.fromiter(hashes, np.int64, len(self.files)) % HELD_OUT_OF == 0)

    @property
    def tight(self) -> NDArray[np.bool_]:
        """Shape ``(n,)``: which faces belong to :data:`TIGHT` sets."""
        return np.isin(self.sets, [i for i, name in enumerate(self.names) if name in TIGHT])


def load_faces(folder: Path) -> Faces:
    """Decodes every crop of a folder of ``.npz`` files.

    Args:
        folder: Holds one file per set, with ``webp`` (the files' bytes, one
            after another) and ``offsets`` (where each begins, and the end).

    Raises:
        FileNotFoundError: If there is none.
    """
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise FileNotFoundError(f"{folder}: there are no .npz files of faces")
    blobs = [blob for path in files for blob in _blobs(path)]
    names = [_names(path) for path in files]
    pixels = np.empty((len(blobs), SIDE, SIDE, 3), np.uint8)
    with ThreadPoolExecutor() as pool:
        for i, crop in enumerate(tqdm(pool.map(_decode, blobs), "faces", len(blobs), disable=None)):
            pixels[i] = crop
    sets = np.repeat(np.arange(len(files), dtype=np.uint8), [len(n) for n in names])
    return Faces(pixels, sets, tuple(path.stem for path in files), np.concatenate(names))


def _names(path: Path) -> NDArray[np.str_]:
    with np.load(path, allow_pickle=False) as archive:
        return np.char.decode(archive["names"].astype(np.bytes_), "utf-8")


def _blobs(path: Path) -> Iterator[bytes]:
    with np.load(path, allow_pickle=False) as archive:
        webp, offsets = archive["webp"], archive["offsets"]
    for start, end in itertools.pairwise(offsets):
        yield webp[start:end].tobytes()


def _decode(blob: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(blob)) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE)))
