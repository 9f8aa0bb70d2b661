"""Every exception that facenet_core raises on purpose.

Messages are sentences for the person at the screen: what happened, to which
file, and what to do. Anything that is not in this tree is a bug.

::

    FaceNetError
    ├── InputError                 what was given can't be used (exit code 2)
    │   ├── PhotoError             one photo; carries its name
    │   │   ├── NotAPhotoError     empty, not an image, truncated, unknown format
    │   │   ├── PhotoTooLargeError over the limit of bytes or pixels
    │   │   ├── PhotoTooSmallError too few pixels to hold a face
    │   │   ├── NoFaceError        the detector found nobody
    │   │   ├── SeveralFacesError  more than one face where one is needed
    │   │   ├── FaceTooSmallError  a face, but too few pixels to trust
    │   │   ├── PoorPhotoError     blurred, dark, turned away ...; can be overruled
    │   │   ├── DuplicatePhotoError this photo is enrolled already
    │   │   └── WorkerKilledError  looking at it ended worker after worker of a cluster
    │   ├── PersonNameError        a person's name that can't be used
    │   ├── UnknownPersonError     nobody of that name or id is enrolled
    │   ├── UnknownPhotoError      that person has no such photo
    │   ├── PersonExistsError      the name belongs to somebody else
    │   ├── UnknownKeyError        no API key of that name or id is in use
    │   ├── KeyRefusedError        an API key that is not known, has expired or was revoked
    │   ├── SettingError           a setting is out of range or malformed
    │   ├── RehearsalError         no such change of the model is under way, or it can't be made here
    │   ├── AlbumError             no such folder, photo or group in the album, or it is busy
    │   ├── ReverseError           what the reverse index can't do, or must not
    │   ├── ClusterError           a cluster can't be reached, must not be trusted, or has lost its workers
    │   └── ArchiveError           a file for import is damaged, hostile or foreign
    ├── ModelError                 no usable model (exit code 3)
    │   ├── NoWeightsError         no weights file is installed
    │   ├── WeightsError           a weights file that does not fit
    │   ├── DownloadError          fetching weights failed
    │   └── NoThresholdError       no threshold was measured for this model
    ├── StoreError                 the database (exit code 3)
    │   ├── DatabaseDamagedError   unreadable; never replaced silently
    │   ├── DatabaseVersionError   written by a newer version of this program
    │   └── DatabaseWriteError     could not be written (disk full, read-only)
    └── SourceError                where pictures are looked for and fetched (exit code 3)
        ├── SourceSetupError       a setting that the source needs is missing
        ├── SourceKeyError         the source refuses the key
        ├── SourceQuotaError       the source has been asked as much as it allows
        ├── SourceAnswerError      the source answers what its documentation does not know
        └── FetchError             one address could not be fetched; carries it
            ├── AddressError       not an address that is fetched from
            ├── PrivateAddressError  it leads into a private network
            ├── RobotsError        the site's robots.txt asks not to
            ├── RedirectsError     it leads from one address to the next without end
            ├── UnreachableError   no connection, or none that is safely encrypted
            ├── TimedOutError      it takes longer than is waited
            ├── CutShortError      the connection broke before the end
            ├── HttpStatusError    the server answers with an error
            ├── FileTooLargeError  more bytes than the limit
            └── NotAPictureError   something else than a picture
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path


class FaceNetError(Exception):
    """Base of every exception that facenet_core raises on purpose.

    Attributes:
        code: A stable word for scripts, the class name in snake case without
            its ending (``no_face``).
    """

    code: str = "error"

    def __init_subclass__(cls) -> None:
        name = cls.__name__.rstrip("_").removesuffix("Error")
        cls.code = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    def __reduce__(self) -> tuple[Callable[..., FaceNetError], tuple[object, ...]]:
        """Lets an error travel between processes: its message is not what its constructor takes."""
        return _arrived, (type(self), self.args, vars(self))


def _arrived(kind: type[FaceNetError], args: tuple[object, ...], attributes: dict[str, object]) -> FaceNetError:
    error = kind.__new__(kind, *args)
    vars(error).update(attributes)
    return error


class InputError(FaceNetError):
    """What was given can't be used."""


class PhotoError(InputError):
    """A photo that can't be used.

    Args:
        photo: The photo's name, as its owner knows it.
        reason: Why, as a sentence that fits after ``"<photo>: "``.

    Attributes:
        photo: The photo's name.
        reason: The sentence without the name.
    """

    def __init__(self, photo: str, reason: str) -> None:
        super().__init__(f"{photo}: {reason}")
        self.photo = photo
        self.reason = reason


class NotAPhotoError(PhotoError):
    """Empty, not an image, truncated, or of a format that is not supported."""


class PhotoTooLargeError(PhotoError):
    """More bytes or pixels than the limit allows."""


class PhotoTooSmallError(PhotoError):
    """Fewer pixels than a face needs."""


class NoFaceError(PhotoError):
    """The detector found nobody."""


class SeveralFacesError(PhotoError):
    """More than one face where exactly one is needed.

    Attributes:
        count: How many faces were found.
    """

    def __init__(self, photo: str, reason: str, count: int) -> None:
        super().__init__(photo, reason)
        self.count = count


class FaceTooSmallError(PhotoError):
    """The face has too few pixels to be trusted as a template."""


class PoorPhotoError(PhotoError):
    """The photo shows the face too poorly to recognise the person by; the user may overrule that.

    Attributes:
        flaws: The code of each reason.
    """

    def __init__(self, photo: str, reason: str, flaws: tuple[str, ...]) -> None:
        super().__init__(photo, reason)
        self.flaws = flaws


class DuplicatePhotoError(PhotoError):
    """This very photo is enrolled already.

    Attributes:
        person: The name of the person it is enrolled for.
    """

    def __init__(self, photo: str, reason: str, person: str) -> None:
        super().__init__(photo, reason)
        self.person = person


class WorkerKilledError(PhotoError):
    """Looking at this photo ended worker after worker of a cluster."""


class PersonNameError(InputError):
    """A person's name that can't be used."""


class UnknownPersonError(InputError):
    """Nobody of that name or id is enrolled."""


class UnknownPhotoError(InputError):
    """That person has no such photo."""


class PersonExistsError(InputError):
    """The name belongs to somebody else."""


class UnknownKeyError(InputError):
    """No API key of that name or id is in use."""


class SettingError(InputError):
    """A setting is out of range or malformed."""


class RehearsalError(InputError):
    """No such change of the model is under way, or it can't be made here."""


class AlbumError(InputError):
    """The album has no such folder, photo or group, or is busy."""


class ReverseError(InputError):
    """Something that the reverse index can't do, or must not."""


class ClusterError(InputError):
    """A cluster can't be reached, must not be trusted, or has lost its workers."""


class ArchiveError(InputError):
    """A file for import is damaged, hostile or not one of ours."""


class ModelError(FaceNetError):
    """There is no usable model."""


class NoWeightsError(ModelError):
    """No weights file is installed."""


class WeightsError(ModelError):
    """A weights file that does not fit the network."""


class DownloadError(ModelError):
    """Fetching weights failed; nothing was put in place."""


class NoThresholdError(ModelError):
    """No threshold was measured for this model and preprocessing."""


class KeyRefusedError(InputError):
    """An API key that is not known, has expired or was revoked."""


class StoreError(FaceNetError):
    """The database can't be used."""


class DatabaseDamagedError(StoreError):
    """The database file is unreadable. It is never replaced silently.

    Attributes:
        path: The damaged file.
        backup: The last good backup, or None.
    """

    def __init__(self, path: Path, reason: str, backup: Path | None) -> None:
        advice = (
            f"The last good backup is {backup}; restore it from the Manage page or with `people restore`."
            if backup
            else "There is no backup beside it."
        )
        super().__init__(f"{path}: the database is damaged ({reason}). Nothing was changed. {advice}")
        self.path = path
        self.backup = backup


class DatabaseVersionError(StoreError):
    """The database was written by a newer version of this program."""


class DatabaseWriteError(StoreError):
    """The database could not be written; it is as it was before."""


class SourceError(FaceNetError):
    """A source of pictures can't be used, or a picture can't be fetched."""


class SourceSetupError(SourceError):
    """A setting that the source needs is missing."""


class SourceKeyError(SourceError):
    """The source refuses the key."""


class SourceQuotaError(SourceError):
    """The source has been asked as much as it allows.

    Attributes:
        until: When it may be asked again, or None if that is not known.
    """

    def __init__(self, message: str, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class SourceAnswerError(SourceError):
    """The source answers what its documentation does not know."""


class FetchError(SourceError):
    """One address could not be fetched.

    Args:
        url: The address, without what may be a secret in it.
        reason: Why, as a sentence that fits after ``"<url>: "``.

    Attributes:
        url: The address.
        reason: The sentence without the address.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason


class AddressError(FetchError):
    """Not an address that is fetched from."""


class PrivateAddressError(FetchError):
    """It leads into a private network, or to this machine."""


class RobotsError(FetchError):
    """The site's robots.txt asks not to fetch it, or can't be had for now."""


class RedirectsError(FetchError):
    """It leads from one address to the next without end, or to nowhere."""


class UnreachableError(FetchError):
    """There is no connection to the server, or none that is safely encrypted."""


class TimedOutError(FetchError):
    """It takes longer than is waited."""


class CutShortError(FetchError):
    """The connection broke before everything had arrived."""


class HttpStatusError(FetchError):
    """The server answers with an error.

    Attributes:
        status: The code of RFC 9110, such as 404.
        until: When the server may be asked again, if it says so.
    """

    def __init__(self, url: str, reason: str, status: int, until: datetime | None = None) -> None:
        super().__init__(url, reason)
        self.status = status
        self.until = until


class FileTooLargeError(FetchError):
    """More bytes than the limit allows."""


class NotAPictureError(FetchError):
    """Something else than a picture of a known format."""
