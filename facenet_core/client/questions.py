"""Everything that the REST API answers, as methods."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal
from urllib.parse import quote

import httpx

from facenet_core.api import answers
from facenet_core.client.connection import Connection, Photo, parsed

POLL = 0.5
"""Seconds between two looks at a job."""


class Client:
    """Asks a server. For one thread; close it, or use it in ``with``.

    Args:
        url: Where the API is: ``http://host:8000``, or ``http://host:8501/api``
            beside the pages.
        key: An API key, if the server wants one.
        retries: How often to ask again when the server is busy, after as long
            as it says.
        transport: How to reach it, instead of the network.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._server = Connection(url, key, retries, transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the connection."""
        self._server.http.close()

    # -- decisions ------------------------------------------------------------

    def verify(
        self, photo: Photo, claim: str, *, face: int | None = None, threshold: float | None = None
    ) -> answers.Verification:
        """Is this the person they say they are (1:1)?

        Args:
            photo: The probe.
            claim: Name or id of the claimed person.
            face: Which face, from 1; None for the prominent one.
            threshold: Instead of the server's.

        Raises:
            ApiError: If the server refuses.
        """
        data = _form(claim=claim, face=face, threshold=threshold)
        return self._server.post(answers.Verification, "v1/verify", [("photo", photo)], data)

    def identify(
        self,
        photo: Photo,
        *,
        top_k: int | None = None,
        target_fpir: float | None = None,
        threshold: float | None = None,
    ) -> answers.Identification:
        """Who is on this photo (1:N)?

        Args:
            photo: The probe.
            top_k: People listed for each face.
            target_fpir: Searches for a stranger that may name somebody.
            threshold: Instead of the server's.

        Raises:
            ApiError: If the server refuses.
        """
        data = _form(top_k=top_k, target_fpir=target_fpir, threshold=threshold)
        return self._server.post(answers.Identification, "v1/identify", [("photo", photo)], data)

    def compare(
        self,
        first: Photo,
        second: Photo,
        *,
        faces: tuple[int | None, int | None] = (None, None),
        threshold: float | None = None,
    ) -> answers.Comparison:
        """Do two photos show one person?

        Args:
            first: A photo.
            second: Another.
            faces: Which face of each, from 1; None for the prominent one.
            threshold: Instead of the server's.

        Raises:
            ApiError: If the server refuses.
        """
        data = _form(first_face=faces[0], second_face=faces[1], threshold=threshold)
        return self._server.post(answers.Comparison, "v1/compare", [("first", first), ("second", second)], data)

    def detect(self, photo: Photo) -> answers.Detections:
        """Where are the faces on this photo?

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.post(answers.Detections, "v1/detect", [("photo", photo)], {})

    def embed(self, photo: Photo) -> answers.Embeddings:
        """The templates of a photo's faces: biometric data.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.post(answers.Embeddings, "v1/embed", [("photo", photo)], {})

    # -- people -----------------------------------------------------------------

    def people(self, query: str = "") -> Iterator[answers.PersonListed]:
        """Everybody whose name contains a text, by name.

        Raises:
            ApiError: If the server refuses.
        """
        offset: int | None = 0
        while offset is not None:
            page = self._server.get(answers.People, "v1/people", params={"query": query, "offset": offset})
            yield from page.people
            offset = page.next

    def person(self, reference: str) -> answers.Person:
        """One person, by name or id.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.get(answers.Person, f"v1/people/{_quoted(reference)}")

    def add_person(self, name: str, photos: Sequence[Photo], *, accept_poor: bool = False) -> answers.Enrolment:
        """Enrols a new person. Sent again after a lost answer, it is not carried out twice.

        Raises:
            ApiError: If the server refuses, or every photo.
        """
        data = _form(name=name, accept_poor=accept_poor)
        return self._server.post(
            answers.Enrolment, "v1/people", [("photos", photo) for photo in photos], data, once=True
        )

    def add_photos(
        self, person: str, photos: Sequence[Photo], *, face: int | None = None, accept_poor: bool = False
    ) -> answers.Enrolment:
        """Adds photos to a person.

        Raises:
            ApiError: If the server refuses, or every photo.
        """
        path, data = f"v1/people/{_quoted(person)}/photos", _form(face=face, accept_poor=accept_poor)
        return self._server.post(answers.Enrolment, path, [("photos", photo) for photo in photos], data, once=True)

    def rename(self, person: str, name: str) -> answers.Person:
        """Gives a person another name.

        Raises:
            ApiError: If the server refuses.
        """
        answer = self._server.ask("PATCH", f"v1/people/{_quoted(person)}", json={"name": name})
        return parsed(answers.Person, answer)

    def remove(self, person: str) -> None:
        """Removes a person with everything that is kept of them.

        Raises:
            ApiError: If the server refuses.
        """
        self._server.ask("DELETE", f"v1/people/{_quoted(person)}")

    def photo(self, person: str, photo_id: str) -> bytes:
        """An enrolled photo, as a WebP file.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.ask("GET", f"v1/people/{_quoted(person)}/photos/{_quoted(photo_id)}").content

    def remove_photo(self, person: str, photo_id: str) -> None:
        """Removes one photo of a person.

        Raises:
            ApiError: If the server refuses.
        """
        self._server.ask("DELETE", f"v1/people/{_quoted(person)}/photos/{_quoted(photo_id)}")

    # -- jobs ---------------------------------------------------------------------

    def start_identifying(self, photos: Sequence[Photo], *, top_k: int | None = None) -> answers.Job:
        """Begins to search for everybody on many photos.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.post(
            answers.Job, "v1/jobs/identify", [("photos", photo) for photo in photos], _form(top_k=top_k)
        )

    def start_enrolling(
        self, photos: Sequence[Photo], names: Sequence[str], *, accept_poor: bool = False
    ) -> answers.Job:
        """Begins to enrol many photos: of one person, or of one for each. Sent again, it is not begun twice.

        Raises:
            ApiError: If the server refuses.
        """
        files = [("photos", photo) for photo in photos]
        data = {"names": list(names), **_form(accept_poor=accept_poor)}
        return self._server.post(answers.Job, "v1/jobs/enrol", files, data, once=True)

    def job(self, id_: str) -> answers.Job:
        """How far a job is, and its results.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.get(answers.Job, f"v1/jobs/{_quoted(id_)}")

    def wait(self, job: answers.Job) -> answers.Job:
        """Waits until a job has ended.

        Raises:
            ApiError: If the server refuses.
        """
        while job.ended_at is None:
            time.sleep(POLL)  # the API has no way to tell that a job has ended
            job = self.job(job.id)
        return job

    def cancel(self, job: answers.Job) -> answers.Job:
        """Stops a job.

        Raises:
            ApiError: If the server refuses.
        """
        return parsed(answers.Job, self._server.ask("DELETE", f"v1/jobs/{_quoted(job.id)}"))

    # -- the server -------------------------------------------------------------------

    def export(self, path: Path) -> None:
        """Writes everybody to a file. It is biometric data and not encrypted.

        Raises:
            ApiError: If the server refuses.
            OSError: If the file can't be written.
        """
        path.write_bytes(self._server.ask("GET", "v1/export").content)

    def import_people(
        self, archive: Path, mode: Literal["merge", "replace"] = "merge", *, preview: bool = False
    ) -> answers.Import:
        """Takes in everybody of an archive.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.post(answers.Import, "v1/import", [("archive", archive)], _form(mode=mode, preview=preview))

    def thresholds(self) -> answers.Thresholds:
        """What decides now.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.get(answers.Thresholds, "v1/thresholds")

    def calibration(self) -> answers.Calibration:
        """What a distance means, by measured error rates.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.get(answers.Calibration, "v1/calibration")

    def set_targets(self, *, fmr: float | None = None, fpir: float | None = None) -> answers.Thresholds:
        """Sets the error rates that thresholds aim at; None for the default.

        Raises:
            ApiError: If the server refuses.
        """
        answer = self._server.ask("PUT", "v1/thresholds/targets", json={"fmr": fmr, "fpir": fpir})
        return parsed(answers.Thresholds, answer)

    def model(self) -> answers.Model:
        """What makes the templates.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.get(answers.Model, "v1/model")

    def events(self, limit: int = 100) -> list[answers.Event]:
        """Who asked for what, the latest first.

        Raises:
            ApiError: If the server refuses.
        """
        return self._server.get(answers.Events, "v1/events", params={"limit": limit}).events

    def health(self) -> answers.Health:
        """Whether it works.

        Raises:
            ApiError: If it can't be reached.
        """
        return parsed(answers.Health, self._server.ask("GET", "health", accepted=(200, 503)))


def _form(**given: object) -> dict[str, str]:
    said = {name: value for name, value in given.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in said.items()}


def _quoted(part: str) -> str:
    return quote(part, safe="")
