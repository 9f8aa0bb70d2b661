from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from facenet_core import catalogue, weights
from facenet_core.download import Progress
from tests.cli_runner import Cli
from tests.fakes import DARK_RED, RED

CONTENT = b"weights of a test"
FIRST = replace(catalogue.CATALOGUE[0], sha256=sha256(CONTENT).hexdigest())


@pytest.fixture
def source(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is the published one of the first model."""
    monkeypatch.setattr(catalogue, "CATALOGUE", (FIRST, *catalogue.CATALOGUE[1:]))
    path = cli.folder / "usb" / "some.h5"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def install(cli: Cli, *names: str) -> None:
    (cli.folder / "models").mkdir(exist_ok=True)
    for name in names:
        (cli.folder / "models" / f"{name}-weights.h5").write_bytes(b"anything")


def test_the_public_models_are_listed_without_any_installed(cli: Cli) -> None:
    cli.has_model = False
    answer = cli("weights", "list")
    assert answer.code == 0
    assert all(entry.id in answer.out for entry in catalogue.CATALOGUE)
    assert answer.out.count("not installed") == len(catalogue.CATALOGUE)
    models = cli("weights", "list", "--json").data["models"]
    assert [(m["installed"], m["in_use"], m["path"]) for m in models] == [(False, False, None)] * len(models)
    assert (models[0]["id"], models[0]["ships"], models[0]["published"]) == ("facenet-mini", True, None)
    assert models[2]["published"]["trained_on"] == "CASIA-WebFace"
    assert "measured" not in models[2]["published"]
    (line,) = [line for line in answer.lines if "facenet-mini" in line]
    assert "missing" in line and "512 numbers, ships with the project" in line


def test_the_list_says_what_was_measured_of_a_model(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = replace(catalogue.shipped_model(), measured=catalogue.Measured(0.9812, 0.0041, 9.4))
    monkeypatch.setattr(catalogue, "shipped_model", lambda: shipped)
    weights.SHIPPED_FILE.parent.mkdir()
    weights.SHIPPED_FILE.write_bytes(bytes(6_171_000))
    first, *others = cli("weights", "list", "--json").data["models"]
    assert (first["in_use"], first["bytes"], first["dimensions"]) == (True, 6_171_000, 512)
    figures = {"accuracy": 0.9812, "standard_error": 0.0041, "milliseconds": 9.4}
    assert first["measured"] == figures
    assert [m["measured"] is None for m in others] == [True, False, True]
    lines = cli("weights", "list").lines
    assert "98.12% ± 0.41% on LFW View 1, 9 ms per face, 6 MB" in lines[1]
    assert "LFW 99.05%; here 98.90% ± 0.43% on LFW View 1" in lines[3]


def test_the_model_in_use_and_own_files_are_marked(cli: Cli) -> None:
    install(cli, catalogue.CATALOGUE[1].id, catalogue.CATALOGUE[2].id, "mine")
    models = {m["id"]: m for m in cli("weights", "list", "--json").data["models"]}
    assert [m["id"] for m in models.values() if m["in_use"]] == [catalogue.CATALOGUE[1].id]
    assert (models["mine"]["installed"], models["mine"]["published"], models["mine"]["bytes"]) == (True, None, 8)
    assert (models["mine"]["dimensions"], models["mine"]["measured"], models["mine"]["ships"]) == (None, None, False)
    cli("settings", "set", "model", "mine")
    assert [line.split()[1:3] for line in cli("weights", "list").lines if "mine" in line] == [["in", "use"]]


def test_a_model_is_installed_from_a_file(cli: Cli, source: Path) -> None:
    answer = cli("weights", "fetch", FIRST.id, "--from", source, "--json")
    assert (answer.code, answer.err) == (0, "")
    target = cli.folder / "models" / FIRST.file_name
    assert answer.data == {
        "command": "weights fetch",
        "id": FIRST.id,
        "path": str(target),
        "bytes": len(CONTENT),
        "sha256": FIRST.sha256,
        "licence": "MIT",
    }
    assert target.read_bytes() == CONTENT
    assert cli("weights", "fetch", FIRST.id).lines[0].startswith(f"Installed {FIRST.id}")


def test_a_download_shows_how_far_it_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(model: str, folder: Path, source: str | None, progress: Progress) -> Path:
        assert source == "https://mirror.example/file.h5"
        progress(0, 2048)
        progress(1024, 2048)
        install(cli, model)
        return folder / f"{model}-weights.h5"

    monkeypatch.setattr("facenet_core.cli.weights.fetch", fetch)
    answer = cli("weights", "fetch", "--from", "https://mirror.example/file.h5")
    assert answer.code == 0
    assert "20180408-102900" in answer.lines[0]
    assert "1.00k/2.00k" in answer.err


def test_a_file_that_is_not_the_published_one_is_not_installed(cli: Cli, source: Path) -> None:
    source.write_bytes(b"something else")
    answer = cli("weights", "fetch", FIRST.id, "--from", source, "--json")
    assert answer.code == 3
    assert answer.error["code"] == "download"
    assert not (cli.folder / "models" / FIRST.file_name).exists()


def test_an_unknown_model_is_refused_with_those_there_are(cli: Cli) -> None:
    answer = cli("weights", "fetch", "nonsense")
    assert answer.code == 2
    assert catalogue.CATALOGUE[0].id in answer.err


def test_a_weights_file_is_checked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []

    def check(path: Path) -> weights.WeightsCheck:
        checked.append(path)
        return weights.WeightsCheck(path, "a" * 64, False, FIRST.id, 512, "b" * 64)

    monkeypatch.setattr("facenet_core.cli.weights.check", check)
    install(cli, FIRST.id)
    data = cli("weights", "check", "--json").data
    assert (data["dimensions"], data["matches_catalogue"]) == (512, False)
    assert (data["file_sha256"], data["weights_sha256"]) == ("a" * 64, "b" * 64)
    assert "not the published file" in cli("weights", "check", "own.h5").out
    assert checked == [cli.folder / "models" / FIRST.file_name, Path("own.h5")]


def test_a_missing_weights_file_is_refused(cli: Cli) -> None:
    answer = cli("weights", "check", cli.folder / "missing.h5", "--json")
    assert answer.code == 3
    assert answer.error["code"] == "weights"
    assert cli("weights", "check", "--json").error["code"] == "no_weights"


def test_settings_show_where_each_comes_from(cli: Cli) -> None:
    cli.environment(IDENTIFY_THRESHOLD=None)
    data = cli("settings", "show", "--json").data
    assert data["verify_threshold"] == {"distance": 0.5, "origin": "fixed", "set_by": "environment"}
    assert data["identify_threshold"] == {"distance": None, "origin": "measured", "set_by": None}
    assert data["model"]["id"] is None
    assert "weights fetch" in data["model"]["problem"]
    assert data["db"] == str(cli.folder / "db")
    text = cli("settings", "show")
    assert "set in the environment" in text.out
    assert "weights fetch" in text.lines[-1]


def test_a_threshold_is_stored_and_taken_back(cli: Cli) -> None:
    cli.environment(THRESHOLD=None)
    answer = cli("settings", "set", "verify-threshold", "0.75")
    assert (answer.code, answer.lines[0]) == (0, "Stored:")
    fixed = {"distance": 0.75, "origin": "fixed", "set_by": "database"}
    cli("settings", "set", "identify-threshold", "0.25")
    assert cli("settings", "show", "--json").data["verify_threshold"] == fixed
    data = cli("settings", "set", "verify-threshold", "measured", "--json").data
    assert data["verify_threshold"] == {"distance": None, "origin": "measured", "set_by": None}


def test_a_stored_threshold_decides(cli: Cli) -> None:
    cli.environment(THRESHOLD=None)
    a, b = cli.photo("a.png", RED), cli.photo("b.png", DARK_RED)
    answer = cli("compare", a, b, "--json")
    assert answer.code == 3
    assert answer.error["code"] == "no_threshold"
    cli("settings", "set", "verify-threshold", "0.001")
    assert cli("compare", a, b).code == 1
    cli("settings", "set", "verify-threshold", "1")
    assert cli("compare", a, b).code == 0


def test_a_setting_that_the_environment_overrules_says_so(cli: Cli) -> None:
    answer = cli("settings", "set", "verify-threshold", "0.75")
    assert answer.lines[0] == "Stored, but the environment has the last word:"


@pytest.mark.parametrize("value", ["3", "-0.1", "nan", "much"])
def test_a_threshold_that_is_no_distance_is_refused(cli: Cli, value: str) -> None:
    answer = cli("settings", "set", "verify-threshold", "--json", "--", value)
    assert answer.code == 2
    assert answer.error["code"] == "setting"


def test_an_installed_model_is_chosen_and_the_choice_taken_back(cli: Cli) -> None:
    install(cli, catalogue.CATALOGUE[1].id, catalogue.CATALOGUE[2].id)
    chosen = cli("settings", "set", "model", catalogue.CATALOGUE[2].id, "--json").data["model"]
    assert (chosen["id"], chosen["set_by"]) == (catalogue.CATALOGUE[2].id, "database")
    back = cli("settings", "set", "model", "auto", "--json").data["model"]
    assert (back["id"], back["set_by"]) == (catalogue.CATALOGUE[1].id, None)


def test_a_model_that_is_not_installed_is_not_chosen(cli: Cli) -> None:
    answer = cli("settings", "set", "model", catalogue.CATALOGUE[2].id)
    assert answer.code == 2
    assert "weights fetch" in answer.err
    install(cli, "mine")
    assert "Installed are: mine." in cli("settings", "set", "model", "yours").err
