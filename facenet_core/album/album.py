"""Album: folders of unlabelled photos, indexed in the background, searched for people and grouped into people."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facenet_core import images
from facenet_core.album.background import Background
from facenet_core.album.database import AlbumDatabase
from facenet_core.album.files import AlbumFiles
from facenet_core.album.indexing import Indexer
from facenet_core.album.people import AlbumPeople
from facenet_core.album.photos import AlbumPhotos, original
from facenet_core.album.pictures import Drawn, Pictures
from facenet_core.album.records import AlbumFace, AlbumPhoto, Coverage, Folder, Found, Indexed, Refused, Run, shown
from facenet_core.album.together import together
from facenet_core.calibration import Calibration
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import AlbumError, NoThresholdError
from facenet_core.pipeline import Analyser, analyse_here
from facenet_core.types import Embedding, EnrolOutcome, EnrolRequest, ModelId, Photo

_NO_FACES = "The album has no faces yet. Add a folder of photos, and index it."


class Album:
    """Everything about the photos of an album. Thread-safe.

    Args:
        settings: Where it is kept, and limits for photos.
        engine: The engine; may wait for it.
        calibration: What a distance means; raises NoThresholdError if nothing
            was measured.
        enrol: Enrols photos of a person.
        now: The clock, UTC.
        person: The id of somebody who was enrolled, by their name.
        model: The current model; None while it is not there. Does not wait.

    Attributes:
        people: The people of the album: faces that are grouped, named, corrected.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Callable[[], FaceEngine],
        calibration: Callable[[], Calibration],
        enrol: Callable[[Sequence[EnrolRequest]], Iterable[EnrolOutcome]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        person: Callable[[str], str | None] = lambda name: None,
        model: Callable[[], ModelId | None] = lambda: None,
    ) -> None:
        folder = settings.db / "album"
        self._settings, self._engine, self._calibration, self._now = settings, engine, calibration, now
        self._model = model
        url = settings.database_url
        self._database = AlbumDatabase(folder, url.get_secret_value() if url else None)
        self._files, self._photos = AlbumFiles(self._database), AlbumPhotos(self._database)
        self._pictures = Pictures(folder / "pictures")
        self._indexer = Indexer(self._database, self._files, self._photos, self._pictures, settings, now)
        self.people = AlbumPeople(self, self._database, self._photos, engine, calibration, enrol, now, person)
        self._background = Background(self._indexer, self._run)

    # -- folders ----------------------------------------------------------------

    def folders(self) -> tuple[Folder, ...]:
        """The folders of the album."""
        return self._files.folders() if self._database.exists else ()

    def add(self, path: Path) -> Folder:
        """Adds a folder tree; its photos come with the next index run. Nothing in it is ever changed.

        Raises:
            AlbumError: If there is no such folder, or it lies in one of the
                album, or the database lies in it.
        """
        path = _absolute(path)
        database = self._settings.db.resolve()
        if database.is_relative_to(path) or path.is_relative_to(database):
            raise AlbumError(f"{shown(str(path))}: the database is in this folder. Choose one that holds photos alone.")
        if not path.is_dir():
            raise AlbumError(f"{shown(str(path))}: there is no such folder.")
        return self._files.add_folder(path, self._now())

    def remove(self, path: Path) -> Folder:
        """Takes a folder out of the album, with all that is known of its photos. The photos stay.

        Raises:
            AlbumError: If it is not in the album, or the album is being indexed.
        """
        if self._indexer.runs.busy:
            raise AlbumError("The album is being indexed. Pause that first, or wait for its end.")
        path = _absolute(path)
        for folder in self.folders():
            if folder.path == path:
                self._files.remove_folder(folder)
                self._pictures.forget(self._photos.contents)
                self.people.tidy()
                return folder
        raise AlbumError(f"{shown(str(path))}: this folder is not in the album.")

    def refused(self) -> tuple[Refused, ...]:
        """Files that can't be used, and why."""
        return self._files.refused() if self._database.exists else ()

    # -- indexing ---------------------------------------------------------------

    def index(self, *, again: bool = False, analyse: Analyser = analyse_here) -> Generator[Indexed, None, None]:
        """Looks at everything that is new or changed, and groups the faces; see :meth:`Indexer.run`.

        Raises:
            AlbumError: If another process is at it, or, when all others were
                indexed, if a folder can't be read.
            ClusterError: If photos are analysed on a cluster, and that is gone.
            ModelError: If there is no model.
        """
        self._indexer.resume()
        yield from self._run(again, analyse)

    def _run(self, again: bool, analyse: Analyser = analyse_here) -> Generator[Indexed, None, None]:
        yield from self._indexer.run(self._engine(), again=again, analyse=analyse, group=self._group)

    def _group(self) -> None:
        self.people.tidy()
        with suppress(NoThresholdError):  # without it faces are searched one by one, and grouped by nobody
            self.people.group()

    def start_index(self, *, again: bool = False) -> None:
        """The same in the background, unless it is under way; :meth:`run` tells how far it is."""
        self._background.start(again)

    @property
    def indexing(self) -> bool:
        """Whether a run of :meth:`start_index` is under way, or waits for the model."""
        return self._background.busy

    def pause_index(self) -> None:
        """Ends the run, of whatever process, after the photo that it is at; the next one goes on there.

        Raises:
            StoreError: If the album can't be written.
        """
        self._indexer.pause()

    def run(self) -> Run | None:
        """How far an index run is, of whatever process, or how the last one ended."""
        return self._indexer.runs.last()

    # -- photos -----------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """How many ``photos``, ``files``, ``refused`` files and ``faces`` there are.

        The faces are those that the current model has found; while it is not
        there, those of the model that came last.
        """
        if not self._database.exists:
            return dict.fromkeys(("photos", "files", "refused", "faces"), 0)
        return dict(self._photos.counts(self._model()))

    def coverage(self) -> Coverage:
        """How many of the photos the current model has looked at.

        Raises:
            ModelError: If there is no model.
        """
        model_id = self._engine().model_id
        return self._photos.coverage(model_id) if self._database.exists else Coverage(0, 0)

    def revision(self) -> str:
        """Changes whenever anything in the album has changed, in whatever process."""
        return self._database.changes().revision if self._database.exists else ""

    def listed(self, limit: int, offset: int = 0) -> tuple[AlbumPhoto, ...]:
        """Photos in the order of their files' paths."""
        return self._photos.listed(limit, offset) if self._database.exists else ()

    def photo(self, id_: int) -> AlbumPhoto:
        """A photo by its number.

        Raises:
            AlbumError: If it is not there.
        """
        found = self._photos.photos([id_]).get(id_)
        if found is None or not found.paths:
            raise AlbumError("This photo is no longer in the album.")
        return found

    def faces_on(self, photo: AlbumPhoto) -> tuple[AlbumFace, ...]:
        """The faces on a photo, from left to right: those of the current model, if it has seen the photo."""
        return self._photos.faces_on(photo.id, self._model())

    def faces(self, ids: Iterable[int]) -> tuple[AlbumFace, ...]:
        """Faces by their numbers, in this order; those that are gone are left out."""
        wanted = list(ids)
        found = self._photos.faces(wanted)
        return tuple(found[id_] for id_ in wanted if id_ in found)

    def original(self, photo: AlbumPhoto) -> bytes:
        """A photo's own bytes, from the first of its files that still holds them.

        Raises:
            AlbumError: If all of its files have changed, or none can be read.
        """
        return original(photo)

    def opened(self, photo: AlbumPhoto) -> Photo:
        """A photo, decoded.

        Raises:
            AlbumError: If it has changed, or can't be read.
            PhotoError: If the limits for photos are lower than they were.
        """
        return images.decode(
            self.original(photo),
            photo.name,
            max_bytes=self._settings.max_upload_mb * 2**20,
            max_pixels=self._settings.max_pixels,
        )

    def thumbnail(self, photo: AlbumPhoto) -> bytes:
        """A photo's thumbnail as JPEG, made if it is not there.

        Raises:
            AlbumError: If the photo has changed, or can't be read.
            PhotoError: If the limits for photos are lower than they were.
        """
        if self._database.shared:
            self._pictures.tidy(lambda: self._database.changes().removed, self._photos.contents)
        return self._pictures.thumbnail(photo.sha256) or self._drawn(photo).thumbnail

    def crop(self, face: AlbumFace) -> bytes:
        """A face's crop as JPEG, made if it is not there.

        Raises:
            AlbumError: If the photo has changed, or can't be read.
            PhotoError: If the limits for photos are lower than they were.
        """
        photo = self.photo(face.photo)
        return self._pictures.crop(photo.sha256, face.id) or self._drawn(photo, face).crops[0]

    def _drawn(self, photo: AlbumPhoto, *first: AlbumFace) -> Drawn:
        faces = {face.id: face.detection for face in (*first, *self.faces_on(photo))}
        return self._pictures.make(self.opened(photo), faces)

    # -- searching --------------------------------------------------------------

    def embeddings(self, faces: Sequence[int]) -> NDArray[np.float32]:
        """The embeddings of faces of the album, as samples for a search: shape ``(s, d)``."""
        table = self._photos.table(self._engine().model_id)
        return table.embeddings[table.rows(list(faces))]

    def search(self, people: Sequence[Sequence[Embedding]], without: Sequence[Sequence[Embedding]] = ()) -> Found:
        """Finds the photos that show people.

        Args:
            people: Samples of each person: embeddings of the current model. All
                of them must be on a photo.
            without: Samples of people who must not be on it. Photos that they
                might be on are shown apart.

        Raises:
            AlbumError: If nobody is asked for, or nothing is indexed yet, or not
                by this model.
            ModelError: If there is no model.
            NoThresholdError: If nothing was measured for it.
        """
        if not people or not all(len(samples) for samples in people):
            raise AlbumError("Give a photo of the person to search for.")
        coverage = self.coverage()
        if coverage.unseen == coverage.photos:
            raise AlbumError(coverage.sentence or _NO_FACES)
        table, crowd = self.people.crowd()
        if not len(table):
            raise AlbumError(coverage.sentence or _NO_FACES)
        calibration = self._calibration()
        rankings, barred = (
            [crowd.rank(np.stack(list(samples)), calibration) for samples in each] for each in (people, without)
        )
        return together(self._photos, table, rankings, barred, coverage)

    def close(self) -> None:
        """Ends what is under way here and lets go of the files."""
        self._background.end()
        self._database.close()


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # "~nobody", a null byte
        raise AlbumError(f"{shown(str(path))}: this is no path of a folder ({error}).") from error
