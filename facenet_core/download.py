"""Fetches the weights of the catalogue: checked, resumable, all or nothing.

What arrives is written to ``<file>.part`` beside its destination and takes its
name only when the sha256 of the whole file, read back from disk, is that of the
catalogue. Nothing else about a server needs to be trusted, so a mirror or a file
from a USB stick will do.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from filelock import FileLock

from facenet_core.catalogue import CatalogueEntry, entry
from facenet_core.errors import DownloadError
from facenet_core.weights import sha256_of

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and their final number, if it is known."""

MAX_BYTES = 200 * 2**20
"""Nothing larger is accepted; the published files have about 90 MiB."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""Seconds without any answer before the server is given up."""

PAUSES = (1.0, 3.0, 10.0)
"""Seconds before each further attempt when a connection was cut: three at most."""

_ELSEWHERE = "Try again later, or give another address with `--from URL`, or a file that you have with `--from FILE`."


def fetch(model: str, models_dir: Path, source: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Brings a model of the catalogue into the models folder.

    Does nothing if the published file is there already; any other file of its
    name is replaced. A download that was cut is resumed, also by a later call.
    Two calls at once are safe: the second waits for the first. An exception that
    ``progress`` raises cancels, and keeps what has arrived for the next call.

    Args:
        model: A catalogue id.
        models_dir: Where to put it; made if missing.
        source: Another http or https address of the same file, or a local file,
            which is copied. The published address by default.
        progress: Told how far a download is; not called for a local file.

    Returns:
        The installed file, ``<id>-weights.h5``.

    Raises:
        InputError: If the catalogue has no such model.
        DownloadError: If it can't be fetched or is not the published file;
            nothing was put in place.
    """
    wanted = entry(model)
    target = models_dir / wanted.file_name
    part = target.with_name(f"{target.name}.part")
    try:
        if _is_published(target, wanted):
            return target
        models_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f"{target.name}.lock")):
            if _is_published(target, wanted):
                return target
            if isinstance(source, Path) or (source is not None and "://" not in source):
                origin = str(source)
                _copy(Path(source).expanduser(), part)
            else:
                transfer = _Transfer(source or wanted.url, part, progress)
                origin = transfer.shown
                resumed = part.is_file() and part.stat().st_size > 0
                transfer.complete()
                if resumed and not _is_published(part, wanted):
                    logger.warning("what an earlier download left of %s does not fit; starting again", target.name)
                    part.unlink()
                    transfer.complete()
            _install(wanted, part, target, origin)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            part.unlink(missing_ok=True)
            raise DownloadError(
                f"There is no space left in {models_dir}. Nothing was installed, and what had arrived was removed; "
                f"make room for {MAX_BYTES // 2**20} MB and fetch again."
            ) from error
        raise DownloadError(
            f"{error.filename or models_dir}: {error.strerror or error}. Nothing was installed."
        ) from error
    logger.info("installed %s", target)
    return target


def _is_published(path: Path, wanted: CatalogueEntry) -> bool:
    return path.is_file() and sha256_of(path) == wanted.sha256


def _install(wanted: CatalogueEntry, part: Path, target: Path, origin: str) -> None:
    """Gives a complete file its name if it is the published one, else removes it."""
    found = sha256_of(part)
    if found != wanted.sha256:
        part.unlink()
        raise DownloadError(
            f"{origin}: this is not the published file of {wanted.id}. Its sha256 is {found}, expected "
            f"{wanted.sha256}. Nothing was installed. To use a weights file that is not in the catalogue, set "
            "FACENET_WEIGHTS to its path."
        )
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    part.replace(target)
    if os.name == "posix":  # elsewhere a folder can't be opened to flush its entries
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _copy(source: Path, part: Path) -> None:
    if not source.is_file():
        raise DownloadError(f"{source}: there is no such file.")
    if source.stat().st_size > MAX_BYTES:
        raise DownloadError(f"{source}: {_too_large()}")
    shutil.copyfile(source, part)


def _too_large() -> str:
    return f"this is larger than {MAX_BYTES // 2**20} MB, so it can't be the published file. Nothing was installed."


class _CutError(Exception):
    """The connection broke, but another attempt may bring the rest."""


class _Transfer:
    """One address on its way into one partial file.

    Args:
        url: The address.
        part: The partial file; what it holds already is not asked for again.
        progress: Told how far it is.

    Raises:
        DownloadError: If the address can't be one.
    """

    def __init__(self, url: str, part: Path, progress: Progress | None) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise DownloadError(f"{url}: this is not an address ({error}).") from error
        self.url = url
        # Without what may be a secret: a password, or the signature in a query.
        self.shown = str(parsed.copy_with(username=None, password=None, query=None, fragment=None))
        self.part = part
        self.progress = progress or (lambda done, total: None)
        self.validator: str | None = None
        self.answered = False

    def complete(self) -> None:
        """Brings what is missing, in as many attempts as :data:`PAUSES` allows.

        Raises:
            DownloadError: If the file could not be completed.
        """
        # Compressed transfer would make ranges and lengths those of the compressed stream.
        headers = {"Accept-Encoding": "identity"}
        with httpx.Client(follow_redirects=True, timeout=TIMEOUT, headers=headers) as client:
            for pause in (*PAUSES, None):
                try:
                    self._attempt(client)
                except _CutError as error:
                    if pause is None:
                        raise DownloadError(
                            f"{self.shown}: the connection was cut {len(PAUSES) + 1} times, the last time with: "
                            f"{error}. What has arrived is kept, and the next fetch goes on from there. {_ELSEWHERE}"
                        ) from error
                    logger.info("the connection was cut (%s); next attempt in %g s", error, pause)
                    time.sleep(pause)  # for the line, or the server, to come back
                else:
                    return

    def _attempt(self, client: httpx.Client) -> None:
        """Asks once for what is missing and appends it.

        Raises:
            _CutError: If another attempt may bring more.
            DownloadError: If it won't.
        """
        have = self.part.stat().st_size if self.part.is_file() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and self.validator:
            headers["If-Range"] = self.validator
        try:
            with client.stream("GET", self.url, headers=headers) as response:
                self._receive(response, have)
        except httpx.UnsupportedProtocol as error:
            raise DownloadError(f"{self.shown}: only http and https addresses can be fetched from.") from error
        except httpx.TooManyRedirects as error:
            raise DownloadError(f"{self.shown}: this address redirects in a circle. {_ELSEWHERE}") from error
        except httpx.TransportError as error:
            reason = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)
            if self.answered:
                raise _CutError(reason) from error
            if "[SSL" in reason:
                reason = f"its encryption or certificate is not valid: {reason}"
            raise DownloadError(f"{self.shown}: the server can't be reached ({reason}). {_ELSEWHERE}") from error

    def _receive(self, response: httpx.Response, have: int) -> None:
        status = response.status_code
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            self.part.unlink()
            raise _CutError("the server does not have that part of the file")
        if status not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            meaning = "there is no such file" if status == httpx.codes.NOT_FOUND else response.reason_phrase
            raise DownloadError(f"{self.shown}: the server answered {status}, {meaning}. {_ELSEWHERE}")
        if status == httpx.codes.OK:
            have = 0
        elif not re.match(rf"bytes {have}-", response.headers.get("Content-Range", "")):
            self.part.unlink(missing_ok=True)
            raise _CutError("the server sent another part of the file than was asked for")
        self.answered = True
        etag = response.headers.get("ETag", "")
        # A weak ETag may stand for different bytes, so If-Range does not take one (RFC 9110, 13.1.5).
        self.validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        if total is None or total <= MAX_BYTES:
            with self.part.open("ab" if have else "wb") as file:
                self.progress(have, total)
                for chunk in response.iter_raw():
                    have += len(chunk)
                    if have > MAX_BYTES:
                        break
                    file.write(chunk)
                    self.progress(have, total)
        if max(have, total or 0) > MAX_BYTES:
            self.part.unlink(missing_ok=True)
            raise DownloadError(f"{self.shown}: {_too_large()}")
