"""How well an album is searched and grouped: a folder of photos with a sub-folder for each person.

    python benchmarks/albums.py DIR [--samples 1,3,5] [--trials 20] [--db FOLDER]
    python benchmarks/albums.py DIR --truth truth.json --sources LFW

The first searches each person with samples from their own sub-folder, which do
not count as found, and takes a photo for theirs if it lies there: other people
on the photos are without a label. The second is for an album of
``composed_album.py``, of which it is known who is where: it searches people and
strangers with photos that are not in the album. Both group the faces.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.composed_album import Truth
from facenet_core.album.album import Album
from facenet_core.album.records import Found
from facenet_core.config import load_settings
from facenet_core.evaluation.clusterings import compare
from facenet_core.metrics import wilson_interval
from facenet_core.service import FaceService
from facenet_core.types import Embedding


@dataclass
class Tally:
    """Photos that were found, and should have been.

    Attributes:
        right: Found, and shows the person.
        wrong: Found, and does not.
        there: Shows the person.
    """

    right: int = 0
    wrong: int = 0
    there: int = 0

    def count(self, found: set[int], shows: set[int]) -> None:
        """Adds a search."""
        self.right += len(found & shows)
        self.wrong += len(found - shows)
        self.there += len(shows)

    def __str__(self) -> str:
        precision = self.right / max(self.right + self.wrong, 1)
        return f"precision {precision:.3f}, recall {self.right / max(self.there, 1):.3f} ({self.there:,} to be found)"


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--samples", default="1,3,5", help="how many samples (1,3,5)")
    parser.add_argument("--trials", type=int, default=20, help="searches of each person with each number of samples")
    parser.add_argument("--truth", type=Path, help="of a composed album")
    parser.add_argument("--sources", type=Path, help="the photos that it was composed from")
    parser.add_argument("--db", type=Path, help="keep the index here, instead of throwing it away")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        service = FaceService(load_settings(db=args.db or Path(temporary)))
        album = service.album
        album.add(args.folder)
        print(f"model {service.engine.model_id.model}")
        looked = sum(1 for _ in album.index())
        counts = album.counts()
        run = album.run()
        rate = f", {run.rate:.1f} a second" if run and looked else ""
        print(f"{counts['photos']:,} photos, {counts['faces']:,} faces, {counts['refused']} files refused{rate}")
        root = args.folder.resolve()
        paths = {photo.id: photo.paths[0].relative_to(root).as_posix() for photo in album.listed(10**9)}
        if args.truth:
            _composed(service, album, paths, Truth.read(args.truth), args.sources)
        else:
            _foldered(album, paths, [int(n) for n in args.samples.split(",")], args.trials)


def _foldered(album: Album, paths: Mapping[int, str], samples: Sequence[int], trials: int) -> None:
    of: dict[str, list[int]] = {}
    for photo, path in paths.items():
        of.setdefault(path.split("/")[0], []).append(photo)
    main_face = {photo: face for photo in paths if (face := _main(album, photo)) is not None}
    rng = np.random.default_rng(1)
    print("| person | photos | " + " | ".join(f"{n} sample{'s' * (n > 1)}" for n in samples) + " |")
    print("|---|---|" + "---|" * len(samples))
    totals = [Tally() for _ in samples]
    for person, own in sorted(of.items()):
        cells = []
        usable = [photo for photo in own if photo in main_face]
        for total, count in zip(totals, samples, strict=True):
            tally = Tally()
            for _ in range(trials):
                chosen = rng.choice(usable, min(count, len(usable)), replace=False).tolist()
                found = album.search([list(album.embeddings([main_face[photo] for photo in chosen]))])
                for each in (tally, total):
                    each.count(_photos(found) - set(chosen), set(own) - set(chosen))
            cells.append(str(tally))
        print(f"| {person} | {len(own)} | " + " | ".join(cells) + " |")
    print("| all | | " + " | ".join(map(str, totals)) + " |")
    _grouping(album, {face: paths[photo].split("/")[0] for photo, face in main_face.items()})


def _composed(service: FaceService, album: Album, paths: Mapping[int, str], truth: Truth, sources: Path) -> None:
    ids = {path: photo for photo, path in paths.items()}
    probes: dict[str, list[Embedding]] = {}
    for probe in truth.probes:
        if (embedding := _embedded(service, sources / probe.source)) is not None:
            probes.setdefault(probe.person, []).append(embedding)
    tally, searches = Tally(), []
    for person, embeddings in probes.items():
        shows = {ids[path] for path in truth.photos_of(person) if path in ids}
        found = album.search([embeddings])
        tally.count(_photos(found), shows)
        searches.append((found, shows))
    said = sum(bool(found.hits) for found, _ in searches)
    print(f"{len(probes)} people: {tally}; {said} of them found on at least one photo")
    print(f"recall at 99 % precision, of all searches together: {_recall_at(searches, 0.99):.3f}")
    strangers = [e for source in truth.strangers if (e := _embedded(service, sources / source)) is not None]
    absent = sum(album.search([[embedding]]).verdict == "absent" for embedding in strangers)
    low, high = wilson_interval(absent, len(strangers))
    print(f"{len(strangers)} strangers: {100 * absent / len(strangers):.1f} % not in this album "
          f"(95 % interval {100 * low:.1f} to {100 * high:.1f})")  # fmt: skip
    _grouping(album, dict(_owners(album, paths, truth)))


def _recall_at(searches: Sequence[tuple[Found, set[int]]], precision: float) -> float:
    """The largest recall with that precision, if photos of all searches were taken from the rarest on."""
    rows = [
        (hit.strangers, -hit.distance, hit.photo.id in shows)
        for found, shows in searches
        for hit in (*found.hits, *found.perhaps)
    ]
    right = np.cumsum([good for _, _, good in sorted(rows, reverse=True)])
    enough = np.flatnonzero(right / np.arange(1, len(right) + 1) >= precision)
    return float(right[enough[-1]] / sum(len(shows) for _, shows in searches)) if len(enough) else 0.0


def _grouping(album: Album, whose: Mapping[int, str]) -> None:
    """How well the faces are grouped, of which it is known whose they are."""
    album.people.group(anew=True)
    group_of = {face: group.number for group in album.people.all(smallest=1) for face in group.faces}
    known = [face for face in whose if face in group_of]
    names = {name: number for number, name in enumerate(sorted(set(whose.values())))}
    found = compare(_array(names[whose[face]] for face in known), _array(group_of[face] for face in known))
    print(
        f"groups, of {found.faces:,} labelled faces of {found.people} people in {found.clusters} groups: BCubed F1 "
        f"{found.bcubed.f1:.3f} (precision {found.bcubed.precision:.3f}, recall {found.bcubed.recall:.3f}), "
        f"pairwise F1 {found.pairs.f1:.3f}, ARI {found.adjusted_rand:.3f}"
    )
    silhouette = album.people.doubts().silhouette
    print(f"without labels: mean silhouette {silhouette if silhouette is None else round(silhouette, 3)}")


def _owners(album: Album, paths: Mapping[int, str], truth: Truth) -> Iterator[tuple[int, str]]:
    """Faces that were found where one was placed, and whose they are."""
    placed = {photo.path: photo.faces for photo in truth.photos}
    for id_, path in paths.items():
        for face in album.faces_on(album.photo(id_)):
            x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
            nearest = min(placed[path], key=lambda p: (p.x - x) ** 2 + (p.y - y) ** 2)
            if (nearest.x - x) ** 2 + (nearest.y - y) ** 2 < (nearest.size / 2) ** 2:
                yield face.id, nearest.person


def _main(album: Album, photo: int) -> int | None:
    """The largest face of a photo."""
    faces = album.faces_on(album.photo(photo))
    return max(faces, key=lambda face: face.box.width * face.box.height).id if faces else None


def _embedded(service: FaceService, path: Path) -> Embedding | None:
    analysis = service.analyse(service.photo(path.read_bytes(), path.name), "prominent")
    return analysis.faces[analysis.prominent].embedding if analysis.faces else None


def _photos(found: Found) -> set[int]:
    return {hit.photo.id for hit in found.hits}


def _array(numbers: Iterator[int]) -> NDArray[np.int64]:
    return np.array(list(numbers), np.int64)


if __name__ == "__main__":
    main()
