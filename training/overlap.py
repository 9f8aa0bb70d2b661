"""How well the shipped model does on the people of LFW View 1 whom it can't have seen in training.

``python -m training.overlap LABELS TEACHER CROPS CROPS160``

Some celebrities are among the training faces and in LFW, without names in
either. The teacher tells who: a person of View 1 counts as seen if one of their
photos is within a distance of any training face. The smaller the distance, the
surer it is the same person; the larger, the more strangers are left out with
them. Printed is the accuracy on the pairs of the others. CROPS and CROPS160 are
of ``training.validation crops``, at the sizes of the two networks.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from facenet_core.config import PROJECT_ROOT
from facenet_core.embedding import unit_norm
from facenet_core.matching import distances
from facenet_core.metrics import wilson_interval
from facenet_core.weights_file import load_weights
from training.label import load_labels
from training.validation import embed, figures, load_crops

LIMITS = (0.0, 0.6, 0.7, 0.8, 0.9)
"""Distances of the teacher's embeddings, centred."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, metavar="LABELS")
    parser.add_argument("teacher", type=Path, metavar="TEACHER")
    parser.add_argument("crops", type=Path, metavar="CROPS")
    parser.add_argument("large_crops", type=Path, metavar="CROPS160")
    args = parser.parse_args()

    labels, crops = load_labels(args.labels), load_crops(args.crops)
    trained = labels.embeddings[labels.share == 0].astype(np.float32)
    middle = trained.mean(0)
    known, seen = (
        unit_norm(rows - middle)
        for rows in (trained, embed(load_weights(args.teacher).model, load_crops(args.large_crops).views))
    )
    nearest = np.array([distances(row[np.newaxis], known).min() for row in seen])
    of_people = np.full(int(crops.person.max()) + 1, np.inf)
    np.minimum.at(of_people, crops.person, nearest)
    embeddings = embed(load_weights(PROJECT_ROOT / "keras-facenet-h5" / "model.h5").model, crops.views)

    print("| seen within | people seen | pairs of the others | accuracy % on them |\n|---|---|---|---|")
    for limit in LIMITS:
        met = of_people <= limit
        pairs = ~met[crops.person[crops.pairs]].any(1)
        found = figures(embeddings, replace(crops, pairs=crops.pairs[pairs], folds=crops.folds[pairs]))
        wrong = round((1 - found.accuracy) * pairs.sum())
        low, high = wilson_interval(wrong, int(pairs.sum()))
        shown = f"{100 * found.accuracy:.2f} [{100 * (1 - high):.2f}, {100 * (1 - low):.2f}]"
        print(f"| {limit:.1f} | {met.sum()} of {len(met)} | {pairs.sum()} | {shown} |")


if __name__ == "__main__":
    main()
