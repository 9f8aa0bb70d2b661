"""Holds the network against facenet-pytorch, an independent port of the same model.

    FACENET_WEIGHTS=20180408-102900-weights.h5 python benchmarks/reference_distances.py CHECKOUT

CHECKOUT is a clone of github.com/timesler/facenet-pytorch. Beside this project's
requirements, torch and requests are needed, torchvision is not. Two questions, on
the faces that the port's detector finds in its test's photos:

* Same network? The port's network, filled with FACENET_WEIGHTS, against ours.
  Fails if the distance between any two faces differs by more than 1e-3.
* Same weights? Our distances against those in the port's test. Fails where that
  test does, at a Frobenius norm of 1e-2: the crops follow the JPEG decoder and the
  torch version. The other model's table shows how far off foreign weights are.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from facenet_core.weights_file import load_weights

OURS = "casia-webface"
STAGES = ("Conv2d", "Block35", "Mixed_6a", "Block17", "Mixed_7a", "Block8", "Bottleneck")
TENSORS = {"kernel": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def published(checkout: Path) -> dict[str, NDArray[np.float64]]:
    """The distances in the port's test, by the name of the weights."""
    tree = ast.parse((checkout / "tests" / "actions_test.py").read_text("utf-8"))
    lists = [[getattr(e, "value", None) for e in n.elts] for n in ast.walk(tree) if isinstance(n, ast.List)]
    tables = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "expected"]
    return dict(zip(next(x for x in lists if OURS in x), np.array(ast.literal_eval(tables[0])), strict=True))


def suppress(boxes: Any, scores: Any, groups: Any, limit: float) -> Any:
    """Non-maximum suppression within each group, in place of torchvision's ``batched_nms``."""
    b, g, kept = boxes.double().numpy(), groups.numpy(), []
    area, order = (b[:, 2:] - b[:, :2]).prod(1), np.argsort(-scores.numpy(), kind="stable")
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        sides = np.minimum(b[best, 2:], b[order, 2:]) - np.maximum(b[best, :2], b[order, :2])
        common = sides.clip(0).prod(1)
        order = order[(common <= limit * (area[best] + area[order] - common)) | (g[order] != g[best])]
    return torch.tensor(np.array(kept, np.int64))


def fill(port: Any, model: Any) -> None:
    """Copies our weights into the port's network, which defines its layers in the order of our names."""

    def place(layer: Any) -> tuple[int, int, str]:
        stage = next(i for i, prefix in enumerate(STAGES) if layer.name.startswith(prefix))
        return stage, int(re.findall(r"^Block\d+_(\d+)|$", layer.name)[0] or 0), layer.name

    modules = [m for m in port.modules() if hasattr(m, "weight")]
    for module, layer in zip(modules, sorted((x for x in model.layers if x.weights), key=place), strict=True):
        for variable in layer.weights:
            name, value = variable.path.rsplit("/", 1)[-1], torch.tensor(np.asarray(variable))
            value = value.permute({1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[value.ndim])
            target = getattr(module, TENSORS.get(name, name)).data
            assert target.shape == value.shape, f"{layer.name} {name}"
            target.copy_(value)


def between(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Euclidean distances between all pairs, after scaling to unit norm."""
    e = embeddings / np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(np.linalg.norm(e[:, None] - e[None], axis=2))


def main() -> int:
    """Measures and prints; 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a clone of facenet-pytorch")
    checkout, weights = parser.parse_args().checkout, Path(os.environ["FACENET_WEIGHTS"])
    functional = SimpleNamespace(to_tensor=lambda pixels: torch.tensor(pixels).permute(2, 0, 1))
    stand_ins = {"": {}, ".ops": {}, ".ops.boxes": {"batched_nms": suppress}, ".transforms": {"functional": functional}}
    for name, content in stand_ins.items():
        vars(sys.modules.setdefault(f"torchvision{name}", ModuleType(name))).update(content)
    sys.path.insert(0, str(checkout))

    detector, faces = importlib.import_module("models.mtcnn").MTCNN(), {}
    people = sorted(p.name for p in (checkout / "data" / "test_images_aligned").iterdir())
    for path in sorted((checkout / "data" / "test_images").glob("*/1.jpg")):
        photo = Image.open(path).convert("RGB")
        size = tuple(int(512 * side / min(photo.size)) for side in photo.size)
        faces[people.index(path.parent.name)] = detector(photo.resize(size, Image.Resampling.BILINEAR))
    crops, kept = torch.stack(list(faces.values())), list(faces)

    model = load_weights(weights).model
    port = importlib.import_module("models.inception_resnet_v1").InceptionResnetV1().eval()
    fill(port, model)
    ours = between(model.predict(crops.permute(0, 2, 3, 1).numpy(), verbose=0))
    with torch.no_grad():
        network = np.abs(ours - between(port(crops).numpy())).max()
    print(f"{len(kept)} of {len(people)} photos; the port with our weights: max abs difference {network:.1e}")
    off = {name: ours - table[np.ix_(kept, kept)] for name, table in published(checkout).items()}
    for name, d in off.items():
        pairs = " ".join(f"{x:+.6f}" for x in d[np.triu_indices(len(d), 1)])
        print(f"{name}, published: max abs difference {np.abs(d).max():.6f}, norm {np.linalg.norm(d):.6f} ({pairs})")
    return int(network > 1e-3 or np.linalg.norm(off[OURS]) >= 1e-2)


if __name__ == "__main__":
    sys.exit(main())
