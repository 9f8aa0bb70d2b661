"""Whom the network takes for somebody else: false matches by age, gender and ethnicity.

``python -m training.groups FACES TEACHER [--folder keras-facenet-h5]``

Measured on the faces of UTKFace that were never trained on. Its file names
begin with age, gender and ethnicity as its authors estimated them; nearly
everybody is in it once, so it tells how often strangers are taken for each
other (FMR) and nothing of who is not recognised (FNMR). The threshold is that at
which one pair in a thousand of all these faces matches; a group's figure is the
share of pairs within the group that do. The intervals are of a bootstrap over
faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core.embedding import unit_norm
from facenet_core.matching import distances
from facenet_core.metrics import threshold_at
from training.faces import load_faces
from training.validation import embed

FMR = 1e-3
DRAWS = 200

GENDERS = ("male", "female")
ETHNICITIES = ("White", "Black", "Asian", "Indian", "other")
"""As UTKFace's own description numbers and names them."""

AGES = ((0, 9), (10, 19), (20, 39), (40, 59), (60, 120))


@dataclass(frozen=True, slots=True)
class Group:
    """People who have something in common.

    Attributes:
        name: What.
        members: Shape ``(n,)``: who of all faces.
    """

    name: str
    members: NDArray[np.bool_]


def groups_of(files: NDArray[np.str_]) -> Iterator[Group]:
    """The groups that file names tell, and their crossings of gender and ethnicity."""
    parts = [name.split("_") for name in files]
    known = np.array([len(p) == 4 and p[1] in "01" and p[2] in "01234" for p in parts])
    age, gender, ethnicity = (
        np.array([int(p[i]) if ok else -1 for p, ok in zip(parts, known, strict=True)]) for i in range(3)
    )
    yield Group("everybody", np.ones(len(files), bool))
    for low, high in AGES:
        yield Group(f"aged {low} to {high}", (age >= low) & (age <= high))
    adult = age >= 20
    for number, name in enumerate(GENDERS):
        yield Group(f"{name}, 20 and older", adult & (gender == number))
    for number, name in enumerate(ETHNICITIES):
        for sex, word in enumerate(GENDERS):
            yield Group(f"{name}, {word}, 20 and older", adult & (ethnicity == number) & (gender == sex))


def false_matches(
    embeddings: NDArray[np.float32], groups: list[Group], seed: int = 0
) -> list[tuple[float, float, float]]:
    """FMR within each group at the threshold of all, with a 95 % interval.

    Args:
        embeddings: Shape ``(n, d)``, unit norm.
        groups: Who belongs together.
        seed: Of the bootstrap.

    Returns:
        Rate, lower and upper end for each group.
    """
    between = distances(embeddings, embeddings)
    threshold = threshold_at(np.sort(between[np.triu_indices(len(between), 1)]).astype(np.float64), FMR)
    rng = np.random.default_rng(seed)
    found = []
    for group in groups:
        within = between[np.ix_(group.members, group.members)] <= threshold
        np.fill_diagonal(within, False)
        n = len(within)
        rates = []
        for _ in range(DRAWS):
            # How often each face is drawn; a face is never compared with itself.
            times = rng.multinomial(n, np.full(n, 1 / n)).astype(np.float64)
            rates.append(times @ within @ times / (times.sum() ** 2 - (times**2).sum()))
        low, high = np.percentile(rates, (2.5, 97.5))
        found.append((within.sum() / (n * (n - 1)), low, high))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, metavar="FACES", help="folder of .npz files of faces")
    parser.add_argument("teacher", type=Path, metavar="TEACHER", help="the large model's weights file")
    parser.add_argument("--folder", type=Path, default=Path("keras-facenet-h5"), help="of the small model")
    args = parser.parse_args()
    from facenet_core.weights_file import load_weights

    faces = load_faces(args.faces)
    kept = faces.held_out
    groups = list(groups_of(faces.files[kept]))
    # As the app sees a face with the profile best: straight and mirrored.
    both_ways = np.stack([faces.pixels[kept], faces.pixels[kept, :, ::-1]], 1)
    columns = []
    for path in (args.folder / "model.h5", args.teacher):
        embeddings = embed(load_weights(path).model, both_ways)
        columns.append(false_matches(unit_norm(embeddings - embeddings.mean(0)), groups))
    print("| group | faces | FMR %, small model | FMR %, large model |\n|---|---|---|---|")
    for group, small, large in zip(groups, *columns, strict=True):
        shown = (f"{100 * rate:.2f} [{100 * low:.2f}, {100 * high:.2f}]" for rate, low, high in (small, large))
        print(f"| {group.name} | {group.members.sum()} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
