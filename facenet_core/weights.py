"""Which weights file to use: the catalogue of public models, and what is installed.

The catalogue lists the Keras FaceNet weights that the keras-facenet project
publishes under the MIT licence. That licence covers the files; the data they
were trained on (MS-Celeb-1M, CASIA-WebFace, VGGFace2) was collected from the
web and released for non-commercial research, and MS-Celeb-1M has been withdrawn
by its publisher. Whether that limits a particular use is for its user to judge.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from facenet_core.config import Settings
from facenet_core.errors import InputError, NoWeightsError, SettingError, WeightsError
from facenet_core.facenet import Scaling, load_weights

SUFFIX = "-weights.h5"
"""An installed model ``<id>`` is the file ``<id>-weights.h5`` in the models folder."""

SHIPPED = "model.h5"
"""File name of a model that ships with the project."""

DEFAULT_MODEL = "20180408-102900"
"""The catalogue's model to fetch unless another is asked for: the one whose thresholds are measured."""

_RELEASE = "https://github.com/faustomorales/keras-facenet/releases/download/v0.3.1/"
_PROJECT = "https://github.com/faustomorales/keras-facenet"


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
class ResolvedWeights:
    """The file to load.

    Attributes:
        path: The file, which existed a moment ago.
        model: Its id: that of the catalogue, or made from the file's name.
        scaling: How it expects pixels; None where only its embedding's length
            can tell (see :func:`scaling_for`).
    """

    path: Path
    model: str
    scaling: Scaling | None


@dataclass(frozen=True, slots=True)
class Installation:
    """A model that is installed, or that could be.

    Attributes:
        model: Its id.
        entry: What the catalogue says of it; None for a file of one's own.
        path: Its file, or None if it is not installed.
        size: Of the file, in bytes; None if it is not installed.
    """

    model: str
    entry: CatalogueEntry | None
    path: Path | None
    size: int | None


@dataclass(frozen=True, slots=True)
class WeightsCheck:
    """What :func:`check` found out about a file that loads.

    Attributes:
        path: The file.
        sha256: Of the file, 64 hex digits.
        matches_catalogue: True if the file is byte for byte a published one,
            False if it carries the name of one but is not, None if it does
            neither.
        model: The catalogue id, or the name made from the file's.
        dimensions: Length of the embedding.
        digest: Identifies the tensors, whatever file they are in (see
            :class:`facenet_core.facenet.LoadedWeights`).
    """

    path: Path
    sha256: str
    matches_catalogue: bool | None
    model: str
    dimensions: int
    digest: str

    @property
    def explanation(self) -> str:
        """What ``matches_catalogue`` means, in a sentence or two."""
        if self.matches_catalogue:
            return f"This is the published file of {self.model}, byte for byte."
        if self.matches_catalogue is None:
            return "This file is not one of the catalogue; it fits the network, and nothing else is known of it."
        return (
            f"This file fits the network and is named after {self.model}, but it is not the published file. It may "
            "hold the same tensors, stored differently, or other ones: the checksum can't tell which."
        )


def entry(model: str) -> CatalogueEntry:
    """Looks a model up in the catalogue.

    Raises:
        InputError: If it is not there; the message lists those that are.
    """
    for candidate in CATALOGUE:
        if candidate.id == model:
            return candidate
    raise InputError(f"There is no model called {model!r}. The catalogue has {', '.join(e.id for e in CATALOGUE)}.")


def scaling_for(dimensions: int) -> Scaling:
    """The scaling of weights that the catalogue does not know.

    A weights file does not say how its pixels were scaled in training. Of the
    public models those with 128 dimensions (2017, also deepface's
    ``facenet_weights.h5``) were trained with per-image whitening, and those with
    512 (2018, also ``facenet512_weights.h5``) with fixed scaling, when the
    facenet project had introduced ``--use_fixed_image_standardization``.

    Args:
        dimensions: Length of the embedding.

    Raises:
        WeightsError: If it is another length, for which there is no rule.
    """
    if dimensions == 128:
        return "whitening"
    if dimensions == 512:
        return "fixed"
    raise WeightsError(
        f"These weights make embeddings of {dimensions} numbers. How they expect pixels to be scaled is known for "
        "128 and 512 only, so they can't be used."
    )


def resolve(settings: Settings) -> ResolvedWeights:
    """Finds the weights file that the settings choose.

    1. ``FACENET_WEIGHTS``: that file. Its model id is ``FACENET_MODEL`` if set,
       else a catalogue id that its name contains, else its name.
    2. ``FACENET_MODEL``: ``<id>-weights.h5`` in the models folder.
    3. ``model.h5`` in the models folder, which ships with the project.
    4. The first of :data:`CATALOGUE` that is installed there.

    Raises:
        NoWeightsError: If that file does not exist, or none is installed.
        SettingError: If ``FACENET_MODEL`` is not a plain name.
    """
    folder = settings.models_dir
    chosen = settings.model
    if chosen is not None and (Path(chosen).name != chosen or "\\" in chosen):
        raise SettingError(f"FACENET_MODEL is {chosen!r}, but it must be the name of a model, without a path.")
    if settings.weights is not None:
        if not settings.weights.is_file():
            raise NoWeightsError(f"FACENET_WEIGHTS names {settings.weights}, but there is no such file.")
        return _resolved(settings.weights, chosen or _model_of(settings.weights))
    if chosen is not None:
        path = folder / f"{chosen}{SUFFIX}"
        if path.is_file():
            return _resolved(path, chosen)
        raise NoWeightsError(
            f"The model {chosen} is chosen, but {path} does not exist. Fetch it with `python -m facenet_core weights "
            f"fetch {chosen}`; `python -m facenet_core weights list` shows what there is."
        )
    for path in (folder / SHIPPED, *(folder / e.file_name for e in CATALOGUE)):
        if path.is_file():
            return _resolved(path, _model_of(path))
    raise NoWeightsError(
        f"No face model is installed in {folder}. Fetch one with `python -m facenet_core weights fetch "
        "20180408-102900`, or set FACENET_WEIGHTS to a weights file that you have."
    )


def installed(settings: Settings) -> tuple[Installation, ...]:
    """Lists the catalogue and whatever else is in the models folder.

    Nothing is read but sizes; :func:`check` looks into a file.

    Returns:
        The catalogue in its order, then ``model.h5`` and other
        ``*-weights.h5`` by name.
    """
    folder = settings.models_dir
    listed = [_installation(e.id, e, folder / e.file_name) for e in CATALOGUE]
    others = {*folder.glob(f"*{SUFFIX}"), *folder.glob(SHIPPED)} - {folder / e.file_name for e in CATALOGUE}
    own = [_installation(_model_of(path), None, path) for path in sorted(others)]
    return (*listed, *(found for found in own if found.path))


def check(path: Path) -> WeightsCheck:
    """Loads a weights file and compares it with the catalogue.

    Takes seconds: TensorFlow is imported here.

    Raises:
        WeightsError: If it is missing or does not fit the network.
    """
    loaded = load_weights(path)
    try:
        found = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: this file can't be read ({error.strerror}).") from error
    published = next((e.id for e in CATALOGUE if e.sha256 == found), None)
    model = published or _model_of(path)
    matches = True if published else False if any(e.id == model for e in CATALOGUE) else None
    return WeightsCheck(path, found, matches, model, loaded.dimensions, loaded.digest)


def adopt(content: bytes, models_dir: Path) -> str:
    """Keeps a weights file that somebody brought, if it fits the network.

    Args:
        content: The file.
        models_dir: Where to keep it; made if missing. Its name there is ours:
            that of the catalogue, or made from the digest of its tensors.

    Returns:
        The model's id, for ``FACENET_MODEL``.

    Raises:
        WeightsError: If it does not fit, or can't be written; nothing is kept.
    """
    part = models_dir / f"{uuid4().hex}.part"
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            found = check(part)
            model = found.model if found.matches_catalogue else f"own-{found.digest[:12]}"
            part.replace(models_dir / f"{model}{SUFFIX}")
        finally:
            part.unlink(missing_ok=True)
    except WeightsError as error:
        raise WeightsError(str(error).replace(str(part), "This file")) from error
    except OSError as error:
        raise WeightsError(f"The file can't be kept in {models_dir} ({error.strerror}).") from error
    return model


def sha256_of(path: Path) -> str:
    """Hashes a file without holding it in memory.

    Returns:
        64 hex digits.

    Raises:
        OSError: If it can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolved(path: Path, model: str) -> ResolvedWeights:
    return ResolvedWeights(path, model, next((e.scaling for e in CATALOGUE if e.id == model), None))


def _installation(model: str, known: CatalogueEntry | None, path: Path) -> Installation:
    if not path.is_file():
        return Installation(model, known, None, None)
    return Installation(model, known, path, path.stat().st_size)


def _model_of(path: Path) -> str:
    """The catalogue id that a file's name contains, else its name without the ending."""
    known = (e.id for e in CATALOGUE if e.id in path.name)
    return next(known, path.name.removesuffix(SUFFIX) if path.name.endswith(SUFFIX) else path.stem)
