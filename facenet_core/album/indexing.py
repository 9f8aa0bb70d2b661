"""Index runs: every new or changed photo of an album is read once, and its faces are embedded."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from facenet_core.album.database import AlbumDatabase
from facenet_core.album.files import AlbumFiles
from facenet_core.album.photos import AlbumPhotos
from facenet_core.album.pictures import Drawn, Pictures
from facenet_core.album.records import Folder, Indexed, KnownFile, RunState, shown
from facenet_core.album.runs import WORK, Runs
from facenet_core.album.scanning import UNREADABLE, Changes, Entry, changes
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import AlbumError, FaceNetError, PhotoError
from facenet_core.pipeline import Analyser, Encoded, analyse_here
from facenet_core.quality import flaws
from facenet_core.store.sql import Held
from facenet_core.types import Analysis, Detection, Embedding, ModelId

logger = logging.getLogger(__name__)

TOLD_EVERY = 1.0
"""Seconds between two notes of how far a run is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an album keeps of a photo.

    Attributes:
        size: Pixels across and down.
        faces: Where each is, whether it is clear, and its embedding.
        drawn: The small pictures.
        model_id: What made the embeddings.
    """

    size: tuple[int, int]
    faces: tuple[tuple[Detection, bool, Embedding], ...]
    drawn: Drawn
    model_id: ModelId

    @classmethod
    def of(cls, found: Analysis) -> Seen:
        """From an analysis."""
        faces = tuple(
            (face.detection, not any(flaw.severity == "refuse" for flaw in flaws(face.quality)), face.embedding)
            for face in found.faces
        )
        drawn = Drawn.of(found.photo.pixels, (face.detection for face in found.faces))
        return cls((found.photo.width, found.photo.height), faces, drawn, found.model_id)


class Indexer:
    """Runs over the folders of an album. One run at a time, of whatever process.

    Args:
        database: Of the album.
        files: Its files.
        photos: Its photos.
        pictures: Its thumbnails.
        settings: Limits for photos.
        now: The clock, UTC.

    Attributes:
        runs: How far the run is.
    """

    def __init__(
        self,
        database: AlbumDatabase,
        files: AlbumFiles,
        photos: AlbumPhotos,
        pictures: Pictures,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._files, self._photos, self._pictures = database, files, photos, pictures
        self._settings, self._now = settings, now
        self.runs = Runs(database, now)
        self._stop = threading.Event()

    def run(
        self,
        engine: FaceEngine,
        *,
        again: bool = False,
        analyse: Analyser = analyse_here,
        group: Callable[[], object] = lambda: None,
    ) -> Generator[Indexed, None, None]:
        """Looks at everything that is new or changed; what is gone leaves the album.

        A run that is stopped or killed has lost nothing: the next goes on where
        it was. Files are only read.

        Args:
            engine: What finds and embeds faces.
            again: Read every file, and compare its content with what is known.
            analyse: Where photos are analysed. The album is written here alone.
            group: Groups the faces, at the end of the run, also if it was asked
                to pause.

        Yields:
            Each file that was looked at.

        Raises:
            AlbumError: If another process is at it, also if it has begun since
                the connection to a server broke; or, when all others were
                indexed, if a folder can't be read.
            ClusterError: If it was a cluster, and that is gone.
            ModelError: If the model fails.
            StoreError: If the album can't be written.
        """
        with self._database.alone(WORK) as held:
            if held is None:
                raise AlbumError("The album is being indexed by another process. Wait for its end.")
            yield from self._run(engine, again, analyse, group, held)

    def _run(
        self, engine: FaceEngine, again: bool, analyse: Analyser, group: Callable[[], object], held: Held
    ) -> Generator[Indexed, None, None]:
        began, total, done = self._now(), 0, 0

        def tell(state: RunState, problem: str | None = None) -> None:
            if held():  # else another run may be under way: how far that is must not be written over
                self.runs.tell(state, began, total, done, problem)

        def goes_on() -> bool:
            _check(held)
            return self.runs.goes_on(total, done) and not self._stop.is_set()

        try:
            tell("scanning")
            found, away = self._scanned(again, engine)
            total = sum(len(each.fresh) for _, each in found)
            going = goes_on()
            for folder, each in found:
                if not going:
                    break
                with closing(self._indexed(engine, folder, each.fresh, analyse, held)) as coming:
                    for indexed in coming:
                        done += 1
                        if (self._now() - self.runs.told_at).total_seconds() >= TOLD_EVERY:
                            going = goes_on()
                        yield indexed
                        going = going and not self._stop.is_set()
                        if not going:
                            break
                    else:
                        _check(held)
                        self._files.drop_files(each.gone, self._now())
            _check(held)
            if going:
                self._pictures.forget(self._photos.contents)
            tell("grouping")
            group()
            if going and away:
                others = " The other folders were indexed." if found else ""
                raise AlbumError(" ".join(away) + others)
            tell("done" if going else "paused")
        except GeneratorExit:
            tell("paused")
            raise
        except FaceNetError as error:
            tell("failed", str(error))
            raise

    def stop(self) -> None:
        """Ends this process's run after the photo that it is at, and each one until :meth:`resume`."""
        self._stop.set()

    def pause(self) -> None:
        """Ends the run, of whatever process: another one hears of it when it next tells how far it is."""
        self.stop()
        self.runs.pause()

    def fail(self, problem: str) -> None:
        """Keeps why a run could not begin."""
        self.runs.tell("failed", self._now(), 0, 0, problem)

    def resume(self) -> None:
        """Lets the next run go on to its end."""
        self._stop.clear()

    def _scanned(self, again: bool, engine: FaceEngine) -> tuple[list[tuple[Folder, Changes]], list[str]]:
        """What changed in each folder, and what is wrong with those that can't be read or are suddenly empty.

        Files whose photos the current model has not seen count as changed.
        """
        seen = self._photos.seen_by(engine.model_id)

        def stale(file: KnownFile) -> bool:
            return again or file.code == UNREADABLE or (file.photo is not None and file.photo not in seen)

        found, away = [], []
        for folder in self._files.folders():
            try:
                found.append((folder, changes(folder.path, self._files.files(folder.id), stale)))
            except AlbumError as error:
                away.append(str(error))
        return found, away

    def _indexed(
        self, engine: FaceEngine, folder: Folder, fresh: tuple[Entry, ...], analyse: Analyser, held: Held
    ) -> Generator[Indexed, None, None]:
        asked: deque[tuple[Entry, str]] = deque()
        ready: deque[Indexed] = deque()
        copies: dict[str, list[Entry]] = {}  # of photos that are being analysed

        def photos() -> Iterator[Encoded]:
            for entry in fresh:
                read = self._read(folder.path, entry)
                _check(held)
                if isinstance(read[1], str):
                    ready.append(self._refuse(folder, entry, read[0], read[1]))
                    continue
                sha256, data = read
                photo, seen = self._photos.known(sha256, engine.model_id)
                if photo is not None and seen:
                    self._files.put_file(folder.id, entry.path, (entry.bytes, entry.mtime), photo)
                    ready.append(Indexed(_whole(folder, entry)))
                    continue
                if sha256 in copies:
                    copies[sha256].append(entry)
                    continue
                copies[sha256] = []
                asked.append((entry, sha256))
                name = shown(_whole(folder, entry).name)
                limit = self._settings.max_upload_mb * 2**20
                yield Encoded(name, partial(bytes, data), limit, self._settings.max_pixels)

        with closing(analyse(engine, photos(), Seen.of)) as coming:
            for found in coming:
                entry, sha256 = asked.popleft()
                yield from _drained(ready)
                _check(held)
                same = copies.pop(sha256)
                if isinstance(found, PhotoError):
                    ready += [self._refuse(folder, each, found.code, found.reason) for each in (entry, *same)]
                elif isinstance(found, FaceNetError):
                    raise found
                else:
                    self._keep(folder, (entry, *same), sha256, found)
                    ready.append(Indexed(_whole(folder, entry), len(found.faces)))
                    ready += [Indexed(_whole(folder, each)) for each in same]
                yield from _drained(ready)
        yield from _drained(ready)

    def _read(self, root: Path, entry: Entry) -> tuple[str, bytes] | tuple[str, str]:
        """The hash and the content of a file, or the code and the reason of why it can't be read."""
        if entry.problem:
            return entry.problem
        limit = self._settings.max_upload_mb * 2**20
        try:
            with (root / os.fsdecode(entry.path)).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            return UNREADABLE, f"This file can't be read ({error.strerror})."
        return hashlib.sha256(data).hexdigest(), data

    def _keep(self, folder: Folder, entries: tuple[Entry, ...], sha256: str, found: Seen) -> None:
        with self._database.writing():
            photo, ids = self._photos.put_photo(sha256, found.size, found.faces, found.model_id)
            for entry in entries:
                self._files.put_file(folder.id, entry.path, (entry.bytes, entry.mtime), photo)
        self._pictures.put(sha256, ids, found.drawn)

    def _refuse(self, folder: Folder, entry: Entry, code: str, reason: str) -> Indexed:
        self._files.put_file(folder.id, entry.path, (entry.bytes, entry.mtime), None, code, reason)
        return Indexed(_whole(folder, entry), None, reason)


def _check(held: Held) -> None:
    if not held():
        raise AlbumError(
            "The connection to the database broke, and another process may be indexing the album since. This run ends; "
            "what was indexed is kept."
        )


def _whole(folder: Folder, entry: Entry) -> Path:
    return folder.path / os.fsdecode(entry.path)


def _drained(ready: deque[Indexed]) -> Iterator[Indexed]:
    while ready:
        yield ready.popleft()
