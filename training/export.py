"""Turns the newest checkpoint of a run into ``model.json`` and ``model.h5``.

``python -m training.export RUN keras-facenet-h5``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from facenet_core.config import PROJECT_ROOT
from facenet_core.mini import facenet_mini
from facenet_core.weights import sha256_of
from facenet_core.weights_file import save_weights

FIGURES = PROJECT_ROOT / "facenet_core" / "facenet_mini.json"
"""Holds the sha256 and what was measured; ``benchmarks/models.py --record`` writes the latter."""


def folded(trained: Any) -> Any:
    """The same network without batch normalisation.

    Each normalisation's scale becomes part of the weights of the layer before
    it, and its offset the bias: Jacob et al., "Quantization and Training of
    Neural Networks", 2018, section 3.2.

    Args:
        trained: Of ``facenet_mini(training=True)``.

    Returns:
        A model of ``facenet_mini()`` that gives the same embeddings.
    """
    plain = facenet_mini(size=trained.input_shape[1])
    for layer in plain.layers:
        if not layer.weights:
            continue
        (kernel,) = trained.get_layer(layer.name).get_weights()
        norm = trained.get_layer(f"{layer.name.removesuffix('_conv')}_norm")
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        per_output = scale[:, np.newaxis] if layer.name == "places_conv" else scale
        layer.set_weights([kernel * per_output, beta - mean * scale])
    return plain


def export(trained: Any, folder: Path) -> None:
    """Writes ``model.json`` and ``model.h5``, and the sha256 that the app checks.

    Args:
        trained: Of ``facenet_mini(training=True)``, in float32.
        folder: Where to.
    """
    model = folded(trained)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(json.loads(model.to_json()), indent=1, sort_keys=True)
    (folder / "model.json").write_text(text + "\n", "utf-8")
    save_weights(model, folder / "model.h5")
    # What was measured of another file is not said of this one.
    FIGURES.write_text(
        json.dumps({"sha256": sha256_of(folder / "model.h5"), "measured": None}, indent=1) + "\n", "utf-8"
    )


def main() -> None:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where model.json and model.h5 go")
    args = parser.parse_args()
    from training.train import open_run

    export(open_run(args.run).averaged(), args.folder)


if __name__ == "__main__":
    main()
