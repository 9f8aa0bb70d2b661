"""Which weights file to use, and what is installed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from facenet_core import catalogue
from facenet_core.catalogue import DEFAULT_MODEL, SUFFIX, CatalogueEntry, ShippedModel, known
from facenet_core.config import PROJECT_ROOT, Settings
from facenet_core.errors import NoWeightsError, SettingError, WeightsError
from facenet_core.scaling import Scaling
from facenet_core.weights_file import LoadedWeights, load_weights

SHIPPED = "model.h5"
"""File name of a model that needs no choosing: that of the one that ships."""

SHIPPED_FILE = PROJECT_ROOT / "keras-facenet-h5" / SHIPPED
"""The model that ships. In another folder a ``model.h5`` is a file of one's own."""


@dataclass(frozen=True, slots=True)
class ResolvedWeights:
    """The file to load.

    Attributes:
        path: The file, which existed a moment ago.
        model: Its id: that of the catalogue, or made from the file's name.
        scaling: How it expects pixels; None where only its embedding's length
            can tell (see :func:`facenet_core.scaling.scaling_for`).
    """

    path: Path
    model: str
    scaling: Scaling | None


@dataclass(frozen=True, slots=True)
class Installation:
    """A model that is installed, or that could be.

    Attributes:
        model: Its id.
        known: What the project knows of it; None for a file of one's own.
        path: Its file, or None if it is not installed.
        size: Of the file, in bytes; None if it is not installed.
    """

    model: str
    known: CatalogueEntry | ShippedModel | None
    path: Path | None
    size: int | None

    @property
    def entry(self) -> CatalogueEntry | None:
        """What the catalogue says of it; None if it is not there."""
        return self.known if isinstance(self.known, CatalogueEntry) else None


@dataclass(frozen=True, slots=True)
class WeightsCheck:
    """What :func:`check` found out about a file that loads.

    Attributes:
        path: The file.
        sha256: Of the file, 64 hex digits.
        matches_catalogue: True if the file is byte for byte a published one or
            the one that ships, False if it carries the name of one but is not, None if it does
            neither.
        model: The known id, or the name made from the file's.
        dimensions: Length of the embedding.
        digest: Identifies the tensors, whatever file they are in (see
            :class:`facenet_core.weights_file.LoadedWeights`).
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
        if self.matches_catalogue and self.model == catalogue.shipped_model().id:
            return "This is the file that ships with the project, byte for byte."
        if self.matches_catalogue:
            return f"This is the published file of {self.model}, byte for byte."
        if self.matches_catalogue is None:
            return "This file is not one of the catalogue; it fits the network, and nothing else is known of it."
        return (
            f"This file fits the network and is named after {self.model}, but it is not the published file. It may "
            "hold the same tensors, stored differently, or other ones: the checksum can't tell which."
        )


def resolve(settings: Settings) -> ResolvedWeights:
    """Finds the weights file that the settings choose.

    1. ``FACENET_WEIGHTS``: that file. Its model id is ``FACENET_MODEL`` if set,
       else a catalogue id that its name contains, else its name.
    2. ``FACENET_MODEL``: ``<id>-weights.h5`` in the models folder, or the model
       that ships.
    3. ``model.h5`` in the models folder, which is the model that ships unless
       ``FACENET_MODELS_DIR`` names another folder.
    4. The first of the catalogue that is installed there.
    5. The model that ships.

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
        path = _place(chosen, folder)
        if path.is_file():
            return _resolved(path, chosen)
        advice = (
            "Get that file again from the project's repository"
            if path == SHIPPED_FILE
            else f"Fetch it with `python -m facenet_core weights fetch {chosen}`"
        )
        raise NoWeightsError(
            f"The model {chosen} is chosen, but {path} does not exist. {advice}; `python -m facenet_core weights list` "
            "shows what there is."
        )
    for path in (folder / SHIPPED, *(folder / e.file_name for e in catalogue.CATALOGUE), SHIPPED_FILE):
        if path.is_file():
            return _resolved(path, _model_of(path))
    raise NoWeightsError(
        f"No face model is installed in {folder}, and the one that ships with the project is missing: {SHIPPED_FILE}. "
        "Get that file again from the project's repository, fetch a model with `python -m facenet_core weights fetch "
        f"{DEFAULT_MODEL}`, or set FACENET_WEIGHTS to a weights file that you have."
    )


def installed(settings: Settings) -> tuple[Installation, ...]:
    """Lists the model that ships, the catalogue, and whatever else is in the models folder.

    Nothing is read but sizes; :func:`check` looks into a file.

    Returns:
        The model that ships, the catalogue in its order, then a ``model.h5`` of
        one's own and other ``*-weights.h5`` by name.
    """
    folder = settings.models_dir
    listed = [_installation(m.id, folder) for m in catalogue.models()]
    named = {_model_of(path) for path in (*folder.glob(f"*{SUFFIX}"), *folder.glob(SHIPPED))}
    own = [_installation(model, folder) for model in sorted(named - {i.model for i in listed})]
    return (*listed, *(found for found in own if found.path))


def load(path: Path) -> LoadedWeights:
    """Loads a weights file; that of the model that ships only if it is the very one.

    Takes seconds: TensorFlow is imported here.

    Raises:
        WeightsError: If it is missing or does not fit any network, or if it
            stands in the place of the model that ships and is another; then
            nothing of it was parsed.
    """
    if _is_shipped(path) and path.is_file() and _readable_sha256(path) != catalogue.shipped_model().sha256:
        raise WeightsError(
            f"{path}: this is not the model that ships with the project: the file is damaged, or was exchanged. Get "
            f"it again from the project's repository, or fetch a larger model with `python -m facenet_core weights "
            f"fetch {DEFAULT_MODEL}` and choose it with `python -m facenet_core settings set model {DEFAULT_MODEL}`. "
            "A weights file of your own can lie anywhere else: name it with FACENET_WEIGHTS."
        )
    return load_weights(path)


def check(path: Path) -> WeightsCheck:
    """Loads a weights file and compares it with the catalogue.

    Takes seconds: TensorFlow is imported here.

    Raises:
        WeightsError: If :func:`load` refuses it.
    """
    loaded = load(path)
    found = _readable_sha256(path)
    published = next((m.id for m in catalogue.models() if m.sha256 == found), None)
    model = published or _model_of(path)
    matches = True if published else False if known(model) else None
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


def _readable_sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: this file can't be read ({error.strerror}).") from error


def _resolved(path: Path, model: str) -> ResolvedWeights:
    # What ships is what it is, whatever it is said to be.
    model = catalogue.shipped_model().id if _is_shipped(path) else model
    about = known(model)
    return ResolvedWeights(path, model, about.scaling if about else None)


def _installation(model: str, folder: Path) -> Installation:
    path = _place(model, folder)
    if not path.is_file():
        return Installation(model, known(model), None, None)
    return Installation(model, known(model), path, path.stat().st_size)


def _place(model: str, folder: Path) -> Path:
    """The file of a model, if it is installed."""
    path = folder / f"{model}{SUFFIX}"
    if path.is_file():
        return path
    return {catalogue.shipped_model().id: SHIPPED_FILE, Path(SHIPPED).stem: folder / SHIPPED}.get(model, path)


def _is_shipped(path: Path) -> bool:
    return path.resolve() == SHIPPED_FILE.resolve()


def _model_of(path: Path) -> str:
    """The known id that a file's name contains, else its name without the ending."""
    if _is_shipped(path):
        return catalogue.shipped_model().id
    named = (e.id for e in catalogue.CATALOGUE if e.id in path.name)
    return next(named, path.name.removesuffix(SUFFIX) if path.name.endswith(SUFFIX) else path.stem)
