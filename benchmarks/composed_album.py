"""Composes an album of photos with several people each, of whom it is known who is where.

    python benchmarks/composed_album.py LFW TARGET [--photos 2000] [--seed 1] [--spoil 50]

LFW holds labelled folders (folder = person) of pictures as LFW has them: 250
pixels wide and high, with the face in the middle, such as LFW View 1. Written are
``TARGET/album``, ``TARGET/truth.json``, and with ``--spoil`` also damaged files
in the album and ``TARGET/spoilt.json``, which names them. The same seed makes the
same album.

* Of who has several pictures, a third of them (at least one) are kept out of the
  album as probes; the others are in it.
* Of those with one picture, half fill the album; the others are strangers, who
  are nowhere in it.

Each photo shows one to four different people. A face is the middle of one
picture, scaled, brightened or darkened, sometimes turned or blurred, on a made-up
background. A picture is used again in other photos, each time differently. Most
photos are JPEG, some of them lying on their side or on their head with an EXIF tag
that says so, and some with EXIF that nobody can read, which is no damage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageDraw, ImageFilter
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.spoilt import DAMAGES, spoil

__all__ = ["DAMAGES", "AlbumPhoto", "PlacedFace", "Probe", "Truth", "compose", "spoil"]

TILE_PX = (128, 150)
"""Width and height of the middle of a picture that is pasted: in LFW it seldom shows anybody else."""

FACE_PX = 91
"""Median width of a detected face in LFW, where it is the shorter side."""

SCALES = (0.6, 1.6)
FRAMES = ((640, 480), (800, 600), (960, 640), (1024, 768), (768, 1024))
EVENTS = ("birthday", "summer party", "Ausflug Zürich", "hike", "wedding", "office")
YEARS = range(2018, 2026)

LYING = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""EXIF orientation, and how the pixels of an upright photo have to be turned for it."""

UNREADABLE_EXIF = b"Exif\0\0MM\0*\xff\xff\xff\xf0 is no directory"


@dataclass(frozen=True, slots=True)
class PlacedFace:
    """A face in a photo of the album.

    Attributes:
        person: Who it is.
        source: The picture that it was taken from, relative to the folder of all.
        x: Middle of the face, in pixels of the upright photo.
        y: Likewise.
        size: Width of the face in pixels, roughly; its height is about 1.35 times that.
    """

    person: str
    source: str
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class AlbumPhoto:
    """A photo of the album: its path, relative to the album, and who is on it."""

    path: str
    faces: tuple[PlacedFace, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A picture of somebody who is in the album, itself not in it; relative to the folder of all."""

    person: str
    source: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of an album.

    Attributes:
        photos: Every photo.
        probes: To search for. An album of few photos does not show everybody, and
            nobody is searched who is not in it.
        strangers: Pictures of people who are nowhere in the album.
    """

    photos: tuple[AlbumPhoto, ...]
    probes: tuple[Probe, ...]
    strangers: tuple[str, ...]

    def photos_of(self, person: str) -> frozenset[str]:
        """Paths of the photos that show somebody."""
        return frozenset(photo.path for photo in self.photos if any(face.person == person for face in photo.faces))

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> Truth:
        """Reads what :meth:`write` has written."""
        known = json.loads(path.read_text("utf-8"))
        photos = (
            AlbumPhoto(each["path"], tuple(PlacedFace(**face) for face in each["faces"])) for each in known["photos"]
        )
        return cls(tuple(photos), tuple(Probe(**each) for each in known["probes"]), tuple(known["strangers"]))


def compose(sources: Path, target: Path, photos: int = 2000, seed: int = 1) -> Truth:
    """Writes ``album`` and ``truth.json`` into a folder.

    Args:
        sources: Labelled folders (folder = person) of pictures as LFW has them.
        target: Made if need be.
        photos: How many.
        seed: Decides about everything that is drawn.

    Returns:
        What ``truth.json`` holds.

    Raises:
        FileExistsError: If there is an album already.
        ValueError: If there is nobody to show.
    """
    album = target / "album"
    if album.exists():
        raise FileExistsError(f"{album} exists; choose another folder, or remove it")
    rng = np.random.default_rng(seed)
    shown, probes, strangers = _divided(sources, rng)
    if not shown:
        raise ValueError(f"{sources}: no folders with pictures of people")
    made = []
    hands = tqdm(_hands(shown, photos, rng), total=photos, unit=" photo", mininterval=5, disable=None)
    for number, hand in enumerate(hands):
        # Random numbers of its own: a longer album of the same seed begins with the shorter one.
        made.append(_composed(sources, album, number, hand, np.random.default_rng((seed, number))))
    present = {face.person for photo in made for face in photo.faces}
    truth = Truth(tuple(made), tuple(probe for probe in probes if probe.person in present), strangers)
    truth.write(target / "truth.json")
    return truth


def _divided(sources: Path, rng: np.random.Generator) -> tuple[list[Probe], list[Probe], tuple[str, ...]]:
    """Pictures for the album, probes, and strangers."""
    shown: list[Probe] = []
    probes: list[Probe] = []
    alone: list[Probe] = []
    for folder in sorted(path for path in sources.iterdir() if path.is_dir()):
        found = [Probe(folder.name, f"{folder.name}/{path.name}") for path in sorted(folder.glob("*.jpg"))]
        if len(found) == 1:
            alone += found
            continue
        kept = set(rng.permutation(len(found))[: max(1, len(found) // 3)].tolist()) if found else set()
        for index, each in enumerate(found):
            (probes if index in kept else shown).append(each)
    mixed = [alone[index] for index in rng.permutation(len(alone))]
    half = len(mixed) // 2
    return shown + mixed[half:], probes, tuple(sorted(each.source for each in mixed[:half]))


def _hands(shown: Sequence[Probe], photos: int, rng: np.random.Generator) -> Iterator[list[str]]:
    """For each photo its pictures, of different people; all are used equally often, as near as may be."""
    most = min(4, len({each.person for each in shown}))
    deck: list[Probe] = []
    for _ in range(photos):
        size = int(rng.integers(1, most + 1))
        hand: dict[str, str] = {}
        passed: list[Probe] = []
        while len(hand) < size:
            deck = deck or [shown[index] for index in rng.permutation(len(shown))]
            each = deck.pop()
            if each.person in hand:
                passed.append(each)
            else:
                hand[each.person] = each.source
        deck += passed
        yield list(hand.values())


def _composed(sources: Path, album: Path, number: int, hand: list[str], rng: np.random.Generator) -> AlbumPhoto:
    """Makes and writes one photo."""
    width, height = FRAMES[rng.integers(len(FRAMES))]
    photo = _background(width, height, rng)
    columns, rows = (int(side // (tile * SCALES[1])) for side, tile in zip((width, height), TILE_PX, strict=True))
    faces = []
    for source, cell in zip(hand, rng.permutation(columns * rows)[: len(hand)].tolist(), strict=True):
        scale = float(rng.uniform(*SCALES))
        with Image.open(sources / source) as picture:
            tile = _tile(picture.convert("RGB"), scale, rng)
        row, column = divmod(cell, columns)
        left = column * width // columns + int(rng.integers(width // columns - tile.width + 1))
        top = row * height // rows + int(rng.integers(height // rows - tile.height + 1))
        photo.paste(tile, (left, top), _mask(tile.size))
        x, y = left + tile.width / 2, top + tile.height / 2
        faces.append(PlacedFace(source.split("/")[0], source, x, y, round(FACE_PX * scale, 1)))
    folder = album / str(rng.choice(YEARS)) / str(rng.choice(EVENTS))
    folder.mkdir(parents=True, exist_ok=True)
    path = _saved(photo, folder, number, rng)
    return AlbumPhoto(path.relative_to(album).as_posix(), tuple(faces))


def _background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A gradient of two muted colours with blotches, sometimes stripes, and grain."""
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-0.5, 0.5, width, dtype=np.float32), np.linspace(-0.5, 0.5, height, dtype=np.float32)
    along = x * np.float32(np.cos(angle)) + (y * np.float32(np.sin(angle)))[:, np.newaxis]
    coarse = Image.fromarray(rng.normal(0, 12, rng.integers(3, 8, 2)).astype(np.float32))
    shade = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))
    if rng.random() < 0.3:
        shade += 8 * np.sin(along * np.float32(rng.uniform(40, 120)))
    shade += rng.standard_normal((height, width), np.float32) * np.float32(rng.uniform(1, 5))
    first, second = (rng.uniform(60, 190) + rng.uniform(-25, 25, 3) for _ in range(2))
    channels = [shade + (first[c] + second[c]) / 2 + along * np.float32(second[c] - first[c]) for c in range(3)]
    return Image.fromarray(np.stack([np.clip(each, 0, 255).astype(np.uint8) for each in channels], axis=-1))


def _tile(picture: Image.Image, scale: float, rng: np.random.Generator) -> Image.Image:
    """The middle of a picture, changed."""
    if rng.random() < 0.5:
        picture = picture.rotate(float(rng.uniform(-15, 15)), Image.Resampling.BICUBIC)
    width, height = TILE_PX
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    box = (left, top, left + width, top + height)
    tile = picture.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS, box)
    if rng.random() < 0.3:
        tile = tile.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.012 * FACE_PX * scale))))
    pixels = np.asarray(tile).astype(np.float32)
    mean = pixels.mean()
    pixels = (pixels - mean) * rng.uniform(0.8, 1.2) + mean * rng.uniform(0.75, 1.25)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _mask(size: tuple[int, int]) -> Image.Image:
    """Round corners and soft edges; hides most of what neighbours reach into the tile."""
    mask, edge = Image.new("L", size), size[0] // 30
    inside = (edge, edge, size[0] - 1 - edge, size[1] - 1 - edge)
    ImageDraw.Draw(mask).rounded_rectangle(inside, size[0] // 3, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(edge / 2))


def _saved(photo: Image.Image, folder: Path, number: int, rng: np.random.Generator) -> Path:
    """Writes a photo in some format, some way up."""
    kind = number * 0.618034 % 1  # evenly spread, so that a short album has every kind
    suffix = ".png" if kind < 0.04 else ".webp" if kind < 0.08 else str(rng.choice([".jpg"] * 8 + [".JPG", ".jpeg"]))
    exif = Image.Exif()
    if 0.12 <= kind < 0.52:
        exif[ExifTags.Base.Orientation] = tag = (1, *LYING)[int((kind - 0.12) / 0.1)]
        photo = photo.transpose(LYING[tag]) if tag in LYING else photo
    path = folder / f"IMG_{number:05d}{suffix}"
    photo.save(path, quality=int(rng.integers(60, 96)), exif=UNREADABLE_EXIF if 0.08 <= kind < 0.12 else exif)
    return path


def main() -> None:
    """Composes, spoils if asked to, and says what was made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, metavar="LFW", help="labelled folders, folder = person")
    parser.add_argument("target", type=Path, metavar="TARGET", help="where the album and what is known of it go")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spoil", type=int, default=0, metavar="COUNT", help="add so many damaged files")
    options = parser.parse_args()
    truth = compose(options.sources, options.target, options.photos, options.seed)
    faces = [face for photo in truth.photos for face in photo.faces]
    print(
        f"{len(truth.photos):,} photos with {len(faces):,} faces of {len({face.person for face in faces}):,} people; "
        f"{len(truth.probes):,} probes of {len({probe.person for probe in truth.probes}):,} people, "
        f"{len(truth.strangers):,} strangers"
    )
    if options.spoil:
        spoilt = spoil(options.target / "album", options.spoil, options.seed)
        (options.target / "spoilt.json").write_text(json.dumps(spoilt, ensure_ascii=False, indent=1) + "\n", "utf-8")
        print(f"{len(spoilt):,} damaged files")


if __name__ == "__main__":
    main()
