from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from facenet_core import config
from facenet_core.config import PROJECT_ROOT, database_address, load_settings
from facenet_core.errors import InputError, SettingError


@pytest.fixture(autouse=True)
def env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Shields the tests from the project's own .env; returns where it is looked for instead."""
    monkeypatch.setattr(config, "ENV_FILE", tmp_path / ".env")
    return tmp_path / ".env"


def test_everything_has_a_default_inside_the_project():
    settings = load_settings()
    assert (PROJECT_ROOT / "facenet_core" / "config.py").is_file()
    assert settings.models_dir == PROJECT_ROOT / "keras-facenet-h5"
    assert settings.db == PROJECT_ROOT / "db"
    assert settings.images_dir == PROJECT_ROOT / "images"
    assert (settings.model, settings.weights, settings.threshold, settings.identify_threshold) == (None,) * 4
    assert (settings.max_upload_mb, settings.max_pixels) == (50, 50_000_000)
    assert (settings.detection_long_side, settings.min_face_px) == (1280, 24)


def test_the_environment_sets_every_field(monkeypatch, tmp_path):
    values = {
        "MODEL": "20180408-102900",
        "WEIGHTS": str(tmp_path / "w.h5"),
        "MODELS_DIR": str(tmp_path / "m"),
        "DB": str(tmp_path / "db"),
        "DATABASE_URL": "postgresql://app:secret@one:5432,two:5432/faces?sslmode=verify-full",
        "IMAGES_DIR": str(tmp_path / "i"),
        "THRESHOLD": "1.05",
        "IDENTIFY_THRESHOLD": "0.9",
        "TARGET_FMR": "0.0001",
        "TARGET_FPIR": "0.05",
        "PROFILE": "fast",
        "ENGINE": "bfloat16",
        "MAX_UPLOAD_MB": "10",
        "MAX_PIXELS": "1000000",
        "DETECTION_LONG_SIDE": "800",
        "MIN_FACE_PX": "60",
        "PAGES_OPEN": "true",
        "API_KEYS": "true",
        "API_RATE": "60/hour",
        "EVENTS_DAYS": "30",
        "CONTACT": "me@example.org",
        "FLICKR_KEY": "f",
        "PEXELS_KEY": "p",
        "SERPAPI_KEY": "s",
        "COMMONS_URL": "https://wiki.example/api.php",
        "FLICKR_URL": "https://flickr.example/rest/",
        "PEXELS_URL": "http://localhost:8000/search",
        "SERPAPI_URL": "http://[::1]:8000",
        "REVERSE": "true",
        "REVERSE_DAYS": "30",
        "OWN_HOSTS": "example.org, example.com",
        "ALLOWED_PRIVATE_HOSTS": "127.0.0.1:8000,[fd00::5]:80,",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"FACENET_{name}", value)
    assert load_settings().model_dump() == {
        "model": "20180408-102900",
        "weights": tmp_path / "w.h5",
        "models_dir": tmp_path / "m",
        "db": tmp_path / "db",
        "database_url": SecretStr("postgresql://app:secret@one:5432,two:5432/faces?sslmode=verify-full"),
        "images_dir": tmp_path / "i",
        "threshold": 1.05,
        "identify_threshold": 0.9,
        "target_fmr": 0.0001,
        "target_fpir": 0.05,
        "profile": "fast",
        "engine": "bfloat16",
        "max_upload_mb": 10,
        "max_pixels": 1_000_000,
        "detection_long_side": 800,
        "min_face_px": 60,
        "pages_open": True,
        "api_keys": True,
        "api_rate": "60/hour",
        "events_days": 30,
        "reverse": True,
        "reverse_days": 30,
        "contact": "me@example.org",
        "flickr_key": SecretStr("f"),
        "pexels_key": SecretStr("p"),
        "serpapi_key": SecretStr("s"),
        "commons_url": "https://wiki.example/api.php",
        "flickr_url": "https://flickr.example/rest/",
        "pexels_url": "http://localhost:8000/search",
        "serpapi_url": "http://[::1]:8000",
        "own_hosts": ("example.org", "example.com"),
        "allowed_private_hosts": ("127.0.0.1:8000", "[fd00::5]:80"),
    }


def test_the_env_file_is_read_but_the_environment_wins(monkeypatch, env_file):
    env_file.write_text("FACENET_THRESHOLD=0.8\nFACENET_MIN_FACE_PX=50\n", "utf-8")
    monkeypatch.setenv("FACENET_THRESHOLD", "1.1")
    settings = load_settings()
    assert (settings.threshold, settings.min_face_px) == (1.1, 50)


def test_what_the_caller_gives_wins_and_none_leaves_the_environment(monkeypatch):
    monkeypatch.setenv("FACENET_MODEL", "from-environment")
    monkeypatch.setenv("FACENET_THRESHOLD", "1.1")
    settings = load_settings(model=None, threshold=0.7)
    assert (settings.model, settings.threshold) == ("from-environment", 0.7)


def test_an_override_that_is_no_setting_is_a_mistake():
    with pytest.raises(TypeError, match="treshold"):
        load_settings(treshold=1.0)


def test_unknown_and_empty_variables_are_ignored(monkeypatch, env_file):
    monkeypatch.setenv("FACENET_DATA", "/anywhere")
    monkeypatch.setenv("FACENET_THRESHOLD", "")
    env_file.write_text("FACENET_NONSENSE=1\nOTHER=2\n", "utf-8")
    assert load_settings().threshold is None


@pytest.mark.parametrize("value", ["abc", "-0.1", "2.01", "nan", "inf", "1,05"])
@pytest.mark.parametrize("name", ["THRESHOLD", "IDENTIFY_THRESHOLD"])
def test_a_threshold_that_is_no_distance_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"FACENET_{name}", value)
    with pytest.raises(SettingError) as caught:
        load_settings()
    assert str(caught.value) == f"FACENET_{name} is '{value}', but it must be a distance from 0 to 2."


@pytest.mark.parametrize("value", ["0", "2", "1.05", "1e-3"])
def test_the_ends_of_the_range_are_distances_too(monkeypatch, value):
    monkeypatch.setenv("FACENET_THRESHOLD", value)
    assert load_settings().threshold == float(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_UPLOAD_MB", "0"),
        ("MAX_UPLOAD_MB", "1.5"),
        ("MAX_PIXELS", "-1"),
        ("DETECTION_LONG_SIDE", "100"),
        ("DETECTION_LONG_SIDE", "9000"),
        ("MIN_FACE_PX", "many"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(monkeypatch, name, value):
    monkeypatch.setenv(f"FACENET_{name}", value)
    with pytest.raises(SettingError, match=rf"^FACENET_{name} is '{value}', but it must be a whole number from "):
        load_settings()


def test_every_malformed_variable_is_named_at_once(monkeypatch):
    monkeypatch.setenv("FACENET_THRESHOLD", "x")
    monkeypatch.setenv("FACENET_MIN_FACE_PX", "y")
    with pytest.raises(InputError) as caught:
        load_settings()
    assert "FACENET_THRESHOLD" in str(caught.value)
    assert "FACENET_MIN_FACE_PX" in str(caught.value)


def test_paths_are_absolute_and_know_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACENET_DB", "~/faces")
    monkeypatch.setenv("FACENET_MODELS_DIR", "models")
    settings = load_settings()
    assert settings.db == tmp_path / "faces"
    assert settings.models_dir == tmp_path / "models"


def test_the_home_of_nobody_is_refused(monkeypatch):
    monkeypatch.setenv("FACENET_DB", "~no-such-user-here/db")
    with pytest.raises(SettingError, match=r"^FACENET_DB is '~no-such-user-here/db', but it must be the path"):
        load_settings()


def test_an_env_file_that_is_not_text_is_refused_by_name(env_file):
    env_file.write_bytes(b"FACENET_MODEL=\xff\xfe\n")
    with pytest.raises(SettingError, match=r"\.env: this file of settings can't be read"):
        load_settings()


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().threshold = 1.0


def test_keys_are_taken_from_the_names_that_others_use_too(monkeypatch, env_file):
    env_file.write_text("PEXELS_API_KEY=from-file\nSERPAPI_API_KEY=from-file\nFLICKR_API_KEY=from-file\n", "utf-8")
    monkeypatch.setenv("SERPAPI_API_KEY", "from-environment")
    monkeypatch.setenv("FACENET_FLICKR_KEY", "ours")
    settings = load_settings(pexels_key=None)
    assert settings.pexels_key == SecretStr("from-file")
    assert settings.serpapi_key == SecretStr("from-environment")
    assert settings.flickr_key == SecretStr("ours")
    assert load_settings(flickr_key="given").flickr_key == SecretStr("given")
    assert "from-" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTACT", "nobody"),
        ("CONTACT", "me@example.org)"),
        ("CONTACT", "Ünder@example.org"),
        ("CONTACT", "me@example.org\r\nX-Evil: 1"),
        ("COMMONS_URL", "ftp://example.org/"),
        ("FLICKR_URL", "https://me:secret@example.org/"),
        ("PEXELS_URL", "https://example.org/?a=b"),
        ("OWN_HOSTS", "https://example.org"),
        ("ALLOWED_PRIVATE_HOSTS", "127.0.0.1"),
        ("ALLOWED_PRIVATE_HOSTS", "10.0.0.0/8"),
    ],
)
def test_a_setting_of_the_sources_that_makes_no_sense_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"FACENET_{name}", value)
    with pytest.raises(SettingError, match=f"^FACENET_{name} is .*, but it must be "):
        load_settings()


def test_the_address_of_a_database_does_not_show_its_password(monkeypatch):
    monkeypatch.setenv("FACENET_DATABASE_URL", "postgresql://app:secret@host/faces")
    settings = load_settings()
    assert "secret" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert "secret" not in settings.model_dump_json()


@pytest.mark.parametrize(
    "value",
    [
        "mysql://app:secret@host/faces",
        "postgresql://app:secret@host",
        "app:secret@host/faces",
        "x secret",
        "postgresql://app:se@secret@host/faces",
        "postgresql://app:secret/x@host/faces",
        "postgresql://app:secret/x@host",
        "postgresql://app:12/secret@host",
        "postgresql://app:secret/x?y@host/faces",
    ],
)
def test_what_is_no_address_of_a_database_is_refused_without_its_password(monkeypatch, value):
    monkeypatch.setenv("FACENET_DATABASE_URL", value)
    with pytest.raises(
        SettingError, match=r"^FACENET_DATABASE_URL is something else, but it must be the address"
    ) as no:
        load_settings()
    assert "secret" not in str(no.value) and "%40" in str(no.value)
    with pytest.raises(SettingError, match=r"not the address of a PostgreSQL database: .* %40") as no:
        database_address(value)
    assert "secret" not in str(no.value)


@pytest.mark.parametrize(
    "value",
    [
        "postgres://host/faces",
        "postgresql:///faces?host=/var/run/postgresql",
        "postgresql://app:a:b%40c@[::1]:5432,db.example:,%2Frun/faces?sslmode=verify-full&connect_timeout=3",
    ],
)
def test_every_way_to_name_a_server_is_an_address(value):
    assert database_address(value) == value
