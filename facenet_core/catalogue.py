"""The models there are: the one that ships with the project, and the public ones.

The catalogue lists the Keras FaceNet weights that the keras-facenet project
publishes under the MIT licence. That licence covers the files; the data they
were trained on (MS-Celeb-1M, CASIA-WebFace, VGGFace2) was collected from the
web and released for non-commercial research, and MS-Celeb-1M has been withdrawn
by its publisher. Whether that limits a particular use is for its user to judge.

``facenet_mini.json`` holds what changes with each training of the model that
ships: the sha256 of its file, and what was measured of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from facenet_core import mini
from facenet_core.errors import InputError
from facenet_core.scaling import Scaling

SUFFIX = "-weights.h5"
"""An installed model ``<id>`` is the file ``<id>-weights.h5`` in the models folder."""

DEFAULT_MODEL = "20180408-102900"
"""The catalogue's model to fetch unless another is asked for: the only one of it whose thresholds are measured."""

PUBLISHED_MB = 90
"""About the size of each of the catalogue's files, in megabytes."""

_RELEASE = "https://github.com/faustomorales/keras-facenet/releases/download/v0.3.1/"
_PROJECT = "https://github.com/faustomorales/keras-facenet"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model brings and what it costs, as this project measured it.

    Attributes:
        accuracy: On the pairs of LFW View 1, each tenth at the threshold that
            is best on the others, with the profile ``best``: 0 to 1.
        standard_error: Of the accuracy, over the tenths.
        milliseconds: To cut out and embed a face with that profile, on two
            processor cores: the median over photos.
    """

    accuracy: float
    standard_error: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A public model.

    Attributes:
        id: The name that David Sandberg's facenet project gave it.
        dimensions: Length of its embedding.
        trained_on: The data set.
        published_lfw: Accuracy on LFW as published by the facenet project
            (README, "Pre-trained models"), 0 to 1.
        scaling: How it expects pixels.
        url: Where it is published.
        sha256: Of the published file, 64 hex digits (keras-facenet,
            ``metadata.py``, ``keras_weights_sha256``).
        licence: Of the file.
        source: The project that publishes it.
        measured: What it does here; None if that was not measured.
    """

    id: str
    dimensions: int
    trained_on: str
    published_lfw: float
    scaling: Scaling
    url: str
    sha256: str
    licence: str
    source: str
    measured: Measured | None = None

    @property
    def file_name(self) -> str:
        """Its name in the models folder."""
        return self.id + SUFFIX


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        id="20180402-114759",
        dimensions=512,
        trained_on="VGGFace2",
        published_lfw=0.9965,
        scaling="fixed",
        url=f"{_RELEASE}20180402-114759-weights.h5",
        sha256="8b71e7045497e841c00ee568f031d1a4d30908fceadf6884aef2dec4d545202b",
        licence="MIT",
        source=_PROJECT,
    ),
    CatalogueEntry(
        id="20180408-102900",
        dimensions=512,
        trained_on="CASIA-WebFace",
        published_lfw=0.9905,
        scaling="fixed",
        url=f"{_RELEASE}20180408-102900-weights.h5",
        sha256="af526097bd89ff84dda94dc071ff39c4cf39922cf0a9d9dea652853cda9616be",
        licence="MIT",
        source=_PROJECT,
        measured=Measured(accuracy=0.989, standard_error=0.0043, milliseconds=45.3),
    ),
    CatalogueEntry(
        id="20170512-110547",
        dimensions=128,
        trained_on="MS-Celeb-1M",
        published_lfw=0.992,
        scaling="whitening",
        url=f"{_RELEASE}20170512-110547-weights.h5",
        sha256="668e950140ad76f1e21e3a2bc1d3ad9c673734ea8ea1abbf4ecc44d1dbdd400b",
        licence="MIT",
        source=_PROJECT,
    ),
)
"""The public models in the order of preference when several are installed and
none is chosen: 512 dimensions before 128, then published accuracy."""


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """The model that ships with the project, ``model.h5``.

    Attributes:
        id: What its templates are called after.
        dimensions: Length of its embedding.
        input_size: Side of its square input, in pixels.
        scaling: How it expects pixels.
        sha256: Of its file, 64 hex digits.
        measured: What it does; None if that was not measured yet.
    """

    id: str
    dimensions: int
    input_size: int
    scaling: Scaling
    sha256: str
    measured: Measured | None


@cache
def shipped_model() -> ShippedModel:
    """The model that ships with the project."""
    stored = json.loads(files("facenet_core").joinpath("facenet_mini.json").read_text("utf-8"))
    measured = Measured(**stored["measured"]) if stored["measured"] else None
    return ShippedModel("facenet-mini", mini.DIMENSIONS, mini.INPUT_SIZE, "fixed", stored["sha256"], measured)


def models() -> tuple[CatalogueEntry | ShippedModel, ...]:
    """All that are known: the model that ships, then the catalogue."""
    return (shipped_model(), *CATALOGUE)


def known(model: str) -> CatalogueEntry | ShippedModel | None:
    """What the project knows of a model; None for one of somebody's own."""
    return next((m for m in models() if m.id == model), None)


def entry(model: str) -> CatalogueEntry:
    """Looks a model up in the catalogue.

    Raises:
        InputError: If it is not there; the message lists those that are.
    """
    for candidate in CATALOGUE:
        if candidate.id == model:
            return candidate
    raise InputError(f"There is no model called {model!r}. The catalogue has {', '.join(e.id for e in CATALOGUE)}.")
