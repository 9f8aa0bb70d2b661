"""Settings from the environment and a ``.env`` file, never read at import.

Names are those of :class:`Settings`' fields with ``FACENET_`` in front. The
environment wins over ``.env``; an empty value counts as none; names that are
not known are ignored. The keys of the sources of pictures are also taken from
the names that their own documentation uses, such as ``PEXELS_API_KEY``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from facenet_core.errors import SettingError
from facenet_core.types import Engine

PROJECT_ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the package, ``images/``, ``db/`` and the models."""

ENV_FILE = PROJECT_ROOT / ".env"

PREFIX = "FACENET_"


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # "~nobody", which pydantic would let through as a crash
        raise ValueError(str(error)) from error


Location = Annotated[Path, AfterValidator(_absolute)]
"""A path made absolute on reading, so that a later change of directory does not move it."""


def _listed(value: object) -> object:
    """A list with commas, as the environment has it, as a tuple."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _names(*others: str) -> AliasChoices:
    """Names of a variable: with our prefix first, then as others know it."""
    return AliasChoices(*(name.lower() for name in others))


WebAddress = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
"""An http or https address without credentials, query or fragment."""

Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]
"""A host's name, such as example.org."""

HostAndPort = Annotated[str, Field(pattern=r"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$")]
"""A host and its port, such as 192.168.1.20:8080 or [fd00::5]:80."""

_SERVER = r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:,@/?#\s]*)(:\d*)?"

_DATABASE_URL = re.compile(rf"postgres(ql)?://([^@/?#\s]*@)?{_SERVER}(,{_SERVER})*/[^@/?#\s]+(\?[^@#\s]*)?")
"""With one ``@`` at most, and ports that are numbers: a password with special characters looks like part of a host
otherwise, which is shown."""

_DATABASE_EXAMPLE = (
    "postgresql://user:password@host:5432/name, with special characters of the password as %40 and so on"
)


def _address(url: SecretStr) -> SecretStr:
    if not _DATABASE_URL.fullmatch(url.get_secret_value()):
        raise ValueError("it names no database")
    return url


def database_address(text: str) -> str:
    """Checks the address of a PostgreSQL database that came from elsewhere.

    Args:
        text: The address.

    Raises:
        SettingError: If it is none; without the text, which may hold a password.
    """
    try:
        return _address(SecretStr(text)).get_secret_value()
    except ValueError as error:
        raise SettingError(
            f"This is not the address of a PostgreSQL database: it looks like {_DATABASE_EXAMPLE}."
        ) from error


DatabaseURL = Annotated[SecretStr, AfterValidator(_address)]
"""Where a PostgreSQL database is, and the password; shown to nobody."""

FMR_RANGE, FPIR_RANGE = (1e-6, 1e-1), (1e-4, 1e-1)
"""Target error rates that can be asked for: the least, and the most."""

Distance = Annotated[float, Field(ge=0.0, le=2.0, allow_inf_nan=False)]
"""A Euclidean distance between unit-norm embeddings."""


class Settings(BaseSettings):
    """Everything that can be set from outside. Immutable; see :func:`load_settings`.

    Attributes:
        model: Which installed model to use: a catalogue id, or ``<name>`` of a
            file ``<name>-weights.h5`` in ``models_dir``.
        weights: Any weights file; wins over ``model``.
        profile: ``best`` embeds two views of each face, ``fast`` one.
        engine: In which numbers the model computes.
        models_dir: Folder of the installed models.
        db: Folder of the database.
        database_url: A PostgreSQL database with pgvector, which keeps people,
            photos, keys, events and what is set instead of that folder, and
            albums and the reverse index.
        images_dir: Photos that are enrolled on first start.
        threshold: Fixed distance for 1:1, instead of the measured one.
        identify_threshold: The same for 1:N.
        target_fmr: Share of strangers that a claim (1:1) may let in, for the
            measured threshold.
        target_fpir: Share of strangers that a search (1:N) may name.
        max_upload_mb: Largest photo file, in MiB.
        max_pixels: Largest photo, width times height.
        detection_long_side: Photos are shrunk to this many pixels before faces
            are looked for.
        min_face_px: A face whose box is smaller can't be enrolled.
        pages_open: Serve the pages to other machines without a login: something
            in front asks who they are.
        api_keys: Ask for API keys even if only this machine is served.
        api_rate: Requests that each API key may make.
        events_days: For how long it is kept who asked for what; 0 keeps none of it.
        reverse: Whether faces on public pictures may be indexed and searched.
        reverse_days: For how long a public picture is kept after it was fetched.
        contact: An e-mail or web address at which those whose sites are fetched
            from can reach you; it is sent with every request.
        flickr_key: The key of Flickr's API.
        pexels_key: The key of Pexels' API.
        serpapi_key: The key of SerpApi, for Google Images and Yahoo Images.
        commons_url: The API of Wikimedia Commons, or of another MediaWiki.
        flickr_url: Flickr's API.
        pexels_url: Pexels' search.
        serpapi_url: SerpApi's search.
        own_hosts: Sites whose pictures are yours, or that you may use: for search
            engines that name no licence. Those below them belong to them.
        allowed_private_hosts: Hosts with port in a private network that pictures
            and APIs may be fetched from all the same.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    model: str | None = Field(None, min_length=1, description="the name of a model")
    weights: Location | None = Field(None, description="the path of a weights file")
    profile: Literal["fast", "best"] = Field("best", description="fast or best")
    engine: Engine = Field("float32", description="float32 or bfloat16")
    models_dir: Location = Field(PROJECT_ROOT / "keras-facenet-h5", description="the path of a folder")
    db: Location = Field(PROJECT_ROOT / "db", description="the path of a folder")
    database_url: DatabaseURL | None = Field(
        None, description=f"the address of a PostgreSQL database, such as {_DATABASE_EXAMPLE}"
    )
    images_dir: Location = Field(PROJECT_ROOT / "images", description="the path of a folder")
    threshold: Distance | None = Field(None, description="a distance from 0 to 2")
    identify_threshold: Distance | None = Field(None, description="a distance from 0 to 2")
    target_fmr: float | None = Field(None, ge=FMR_RANGE[0], le=FMR_RANGE[1], description="a rate from 0.000001 to 0.1")
    target_fpir: float | None = Field(None, ge=FPIR_RANGE[0], le=FPIR_RANGE[1], description="a rate from 0.0001 to 0.1")
    max_upload_mb: int = Field(50, ge=1, le=2_000, description="a whole number from 1 to 2000")
    max_pixels: int = Field(50_000_000, ge=10_000, le=1_000_000_000, description="a whole number from 10000 to 1e9")
    detection_long_side: int = Field(1280, ge=160, le=4096, description="a whole number from 160 to 4096")
    pages_open: bool = Field(False, description="true or false")
    api_keys: bool = Field(False, description="true or false")
    api_rate: str = Field("600/minute", pattern=r"^\d{1,6}/(second|minute|hour|day)$", description="such as 600/minute")
    events_days: int = Field(90, ge=0, le=3_650, description="a whole number from 0 to 3650")
    min_face_px: int = Field(24, ge=20, le=1_000, description="a whole number from 20 to 1000")
    reverse: bool = Field(False, description="true or false")
    reverse_days: int = Field(180, ge=1, le=3_650, description="a whole number from 1 to 3650")
    contact: str | None = Field(
        None,
        pattern=r"^(mailto:)?[!-'*-?A-~]+@[!-'*-?A-~]+$|^https?://[!-'*-~]+$",
        max_length=200,
        description="an e-mail address or a web address",
    )
    flickr_key: SecretStr | None = Field(None, validation_alias=_names("FACENET_FLICKR_KEY", "FLICKR_API_KEY"))
    pexels_key: SecretStr | None = Field(None, validation_alias=_names("FACENET_PEXELS_KEY", "PEXELS_API_KEY"))
    serpapi_key: SecretStr | None = Field(None, validation_alias=_names("FACENET_SERPAPI_KEY", "SERPAPI_API_KEY"))
    commons_url: WebAddress = Field("https://commons.wikimedia.org/w/api.php", description="a web address")
    flickr_url: WebAddress = Field("https://api.flickr.com/services/rest/", description="a web address")
    pexels_url: WebAddress = Field("https://api.pexels.com/v1/search", description="a web address")
    serpapi_url: WebAddress = Field("https://serpapi.com/search.json", description="a web address")
    own_hosts: Annotated[tuple[Host, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="hosts with commas between them, such as example.org"
    )
    allowed_private_hosts: Annotated[tuple[HostAndPort, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="hosts with ports and commas between them, such as 192.168.1.20:8080"
    )


def load_settings(**overrides: object) -> Settings:
    """Reads the settings.

    Args:
        **overrides: Values that win over the environment, by field name. None
            leaves a field as the environment has it, so that options of the
            command line that were not given can be passed on as they are.

    Returns:
        The settings, with absolute paths.

    Raises:
        SettingError: If a value is malformed or out of range; the message names
            each such variable and what is expected.
        TypeError: If an override is not the name of a setting.
    """
    unknown = sorted(set(overrides) - set(Settings.model_fields))
    if unknown:
        raise TypeError(f"there is no setting called {', '.join(unknown)}")
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**{"_env_file": ENV_FILE, **given})
    except ValidationError as error:
        raise SettingError(
            " ".join(_sentence(problem["loc"], problem["input"]) for problem in error.errors())
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{ENV_FILE}: this file of settings can't be read ({error}).") from error


def _sentence(location: tuple[int | str, ...], value: object) -> str:
    field = str(location[0])
    given = "something else" if field == "database_url" else repr(str(value))  # it holds a password
    return f"{PREFIX}{field.upper()} is {given}, but it must be {Settings.model_fields[field].description}."
