"""What the API answers, as JSON. Templates are never among it, but where they are what was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from facenet_core.types import Basis, Door, Outcome

Working = Literal["healthy", "starting", "unhealthy"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


# -- parts ----------------------------------------------------------------------


class Model(_Answer):
    """What made the embeddings."""

    id: str = Field(examples=["facenet-mini"])
    preprocessing: str
    weights_sha256: str = Field(description="of the weights' tensors")
    dimensions: int
    engine: str


class Limit(_Answer):
    """What a distance was held against."""

    distance: float = Field(description="the largest that matches, 0 to 2", examples=[0.992])
    inconclusive: float = Field(description="up to this one the answer is: can't tell")
    origin: Literal["measured", "estimated", "fixed"]
    explanation: str


class OneIn(_Answer):
    """How rare a similarity is among strangers."""

    strangers: float = Field(description="about one in this many looks at least this similar", examples=[40_000.0])
    basis: Basis = Field(description="with `bound` it is rarer than that")


class Quality(_Answer):
    """How well a photo shows a face."""

    face_px: float
    sharpness: float
    brightness: float
    yaw: float
    roll: float
    visible: float
    confidence: float


class FoundFace(_Answer):
    """A face on a photo, in pixels of the upright photo."""

    number: int = Field(description="from 1, left to right")
    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom")
    landmarks: dict[str, tuple[float, float]]
    confidence: float
    quality: Quality
    flaws: list[str] = Field(description="codes of what speaks against enrolling it, worst first")


class Candidate(_Answer):
    """A person that a face was compared with."""

    person_id: str
    person: str = Field(examples=["Grace Hopper"])
    distance: float
    photo: int = Field(description="the photo that carried it, from 1")
    photos: int = Field(description="how many it was compared with")
    photo_distance: float
    distance_without: float | None = Field(description="without the photo that carried it")


# -- decisions --------------------------------------------------------------------


class Verification(_Answer):
    """The answer to a claim (1:1)."""

    matched: bool
    outcome: Outcome
    outcome_without: Outcome | None = Field(description="without the photo that carried it")
    candidate: Candidate
    threshold: Limit
    one_in: OneIn | None
    face: FoundFace
    faces: int = Field(description="how many there were to choose from")
    model: Model
    seconds: float


class Comparison(_Answer):
    """Two photos held against each other."""

    matched: bool
    outcome: Outcome
    distance: float
    threshold: Limit
    one_in: OneIn | None
    first: FoundFace
    second: FoundFace
    model: Model
    seconds: float


class Identified(_Answer):
    """The answer for one face (1:N)."""

    face: FoundFace
    matched: bool
    outcome: Outcome
    candidates: list[Candidate] = Field(description="best first; the closest is named only if it matched")
    threshold: Limit
    one_in: OneIn | None


class Identification(_Answer):
    """The answers for a photo's faces, from left to right."""

    faces: list[Identified]
    photos_searched: int = Field(description="enrolled photos")
    model: Model
    seconds: float


class Detections(_Answer):
    """The faces on a photo."""

    width: int
    height: int
    faces: list[FoundFace]
    prominent: int | None = Field(description="number of the face that the photo is of")
    seconds: float


class Embedded(_Answer):
    """A face with its template: special-category personal data. Keep it as you would keep the photo."""

    face: FoundFace
    embedding: list[float] = Field(description="unit norm")


class Embeddings(_Answer):
    """The templates of a photo's faces."""

    faces: list[Embedded]
    model: Model


# -- people -------------------------------------------------------------------------


class EnrolledPhoto(_Answer):
    """An enrolled photo."""

    id: str
    source_name: str
    created_at: datetime
    current: bool = Field(description="whether the model in use made its template")


class Person(_Answer):
    """An enrolled person."""

    id: str
    name: str
    created_at: datetime
    photos: list[EnrolledPhoto]


class PersonListed(_Answer):
    """An enrolled person, without the photos."""

    id: str
    name: str
    created_at: datetime
    photos: int


class People(_Answer):
    """A page of the enrolled people, by name."""

    people: list[PersonListed]
    total: int
    next: int | None = Field(description="`offset` of the next page")


class Outcomes(_Answer):
    """What became of one photo."""

    photo: str
    accepted: bool
    code: str = Field(examples=["enrolled", "no_face"])
    reason: str
    photo_id: str | None
    resembles: str | None = Field(description="somebody else whom a search would take this photo for")
    flaws: list[str]
    warnings: list[str]


class Enrolment(_Answer):
    """What became of photos; one that is refused does not stop the rest."""

    person: Person
    photos: list[Outcomes]


class Problem(_Answer):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["urn:facenet:no_face"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["no_face"])
    photo: str | None = Field(default=None, description="which photo it is about")
    photos: list[Outcomes] | None = Field(default=None, description="what became of each photo, if several were given")


class Detail(_Answer):
    """What went wrong, as the simple contract has it."""

    detail: str = Field(examples=["jane.jpg: no face was found."])


# -- jobs ---------------------------------------------------------------------------


class JobResult(_Answer):
    """What came of one photo: one of the three."""

    photo: str
    identification: Identification | None = None
    outcome: Outcomes | None = None
    problem: Problem | None = None


class Job(_Answer):
    """Work on many photos."""

    id: str
    kind: Literal["identify", "enrol"]
    state: Literal["queued", "running", "done", "cancelled", "failed"]
    total: int
    done: int
    begun_at: datetime
    ended_at: datetime | None
    problem: str | None = Field(description="why it failed")
    results: list[JobResult] = Field(description="in the photos' order, from `offset` on")


# -- the rest ---------------------------------------------------------------------


class Health(_Answer):
    """Whether it works."""

    status: Working
    model_loaded: bool
    database_connected: bool
    timestamp: datetime


class Targets(_Answer):
    """The error rates that measured thresholds aim at."""

    fmr: float = Field(description="strangers that a claim (1:1) lets in")
    fpir: float = Field(description="searches (1:N) for a stranger that name somebody")


class Thresholds(_Answer):
    """What decides now."""

    verify: Limit
    identify: Limit
    targets: Targets


class Import(_Answer):
    """What an import did, or would do."""

    imported: bool
    added_people: int
    added_photos: int
    skipped_photos: int = Field(description="enrolled already")
    removed_people: int
    foreign_photos: int | None = Field(description="of another model: to be renewed")


class Calibration(_Answer):
    """Measured error rates by distance, of the model in use."""

    rates: list[float] = Field(description="FMR, falling")
    distances: list[float] = Field(description="where each is reached")
    measured_to: float = Field(description="the smallest rate that has data behind it")
    missed_rates: list[float] = Field(description="FNMR, rising; empty if it was not measured")
    missed_distances: list[float] = Field(description="where each is reached")
    own: bool = Field(description="whether it was corrected by the people enrolled here")
    provenance: dict[str, Any] = Field(description="what it was measured on")


class Event(_Answer):
    """Something that somebody asked for."""

    id: int
    at: datetime
    kind: str = Field(examples=["verify", "enrol", "remove"])
    door: Door = Field(description="where: the API, a page, a command, or the photos of the images folder")
    who: str | None = Field(
        description="the key's name, the address they logged in with or their name on the machine; null where nobody "
        "had to say"
    )
    person_id: str | None
    outcome: str


class Events(_Answer):
    """The latest events, newest first."""

    events: list[Event]
