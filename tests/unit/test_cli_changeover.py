from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core.engine import FaceEngine
from facenet_core.weights import resolve
from tests.cli_runner import Cli
from tests.fakes import BLUE, GREEN, RED, FakeDetector, FakeEmbedder, engine_called
from tests.unit.test_cli_docs import OBJECTS


@pytest.fixture(autouse=True)
def enrolled(cli: Cli) -> None:
    """Two people, known to the first of two models."""
    cli.install("first", "second")
    cli("settings", "set", "model", "first")
    cli.enrol({"Ann": [RED], "Bo": [BLUE, GREEN]})


def models(cli: Cli) -> set[str]:
    return {m for person in cli("people", "list", "--json").data["people"] for m in person["models"]}


class OneForAll(FakeEmbedder):
    """Takes every face for the same one."""

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(np.array([[1, 0, 0, 0]], np.float32), (len(crops), 1))


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second model is no good."""

    def load(settings: object) -> FaceEngine:
        engine = engine_called(resolve(settings).model)
        second = engine.model_id.model == "second"
        return FaceEngine(FakeDetector(), OneForAll(engine.model_id)) if second else engine

    monkeypatch.setattr(FaceEngine, "load", load)


@pytest.mark.usefixtures("blind")
def test_a_rehearsal_says_what_would_be_answered_differently_and_changes_nothing(cli: Cli) -> None:
    answer = cli("weights", "rehearse", "second")
    assert answer.code == 0
    assert answer.lines[:2] == [
        "Rehearsed second on 3 photos, beside first.",
        "Of 3 photos, 0 would be answered as now and 3 differently, 3 of them worse.",
    ]
    (bo,) = [line.split() for line in answer.lines if "Bo, photo 2" in line]
    assert " ".join(bo) == "Bo, photo 2 Go away, named nobody -> Welcome in, named Ann worse"
    assert any("Ann  Bo" in line and line.endswith("could pass for each other") for line in answer.lines)
    assert answer.lines[-1] == "Nothing has changed yet."
    assert models(cli) == {"first"}

    data = cli("weights", "rehearse", "second", "--json").data
    assert (data["model"], data["in_use"]["id"], data["photos"], data["not_embedded"]) == ("second", "first", 3, [])
    flips = data["flips"]
    assert (flips["photos"], flips["same"], flips["worse"], flips["problem"]) == (3, 0, 3, None)
    assert flips["fixed_thresholds"] is True
    assert flips["different"][0]["person"] == "Ann"
    assert flips["different"][2]["after"] == {"claim": "match", "distance": 0.0, "named": "other", "as": "Ann"}
    assert (flips["pairs"], flips["confusable_before"], flips["confusable_after"]) == (1, 0, 1)
    assert flips["different_pairs"][0]["people"] == ["Ann", "Bo"]
    documented = OBJECTS["flips"]
    assert flips.keys() == documented.keys()
    assert flips["different"][0].keys() == documented["different"][0].keys()
    assert flips["different_pairs"][0].keys() == documented["different_pairs"][0].keys()


def test_another_model_is_used_and_left_again(cli: Cli) -> None:
    answer = cli("weights", "use", "second", "--yes")
    assert answer.code == 0
    assert "Of 3 photos, 3 would be answered as now and 0 differently." in answer.lines
    assert answer.lines[-1] == "second is in use now. `weights back` goes back to first."
    assert models(cli) == {"second"}
    assert cli("settings", "show", "--json").data["model"]["id"] == "second"
    assert cli("verify", cli.photo("probe.png", RED), "--claim", "Ann").code == 0

    cli("enroll", "--accept-poor", "Cy", cli.photo("c.png", (120, 120, 10)))
    answer = cli("weights", "back")
    assert (answer.code, answer.lines) == (
        0,
        ["first is in use again. `weights back` goes back to second.", "Embedded 1 photo enrolled since."],
    )
    assert models(cli) == {"first"}
    data = cli("weights", "back", "--json").data
    assert (data["in_use"]["id"], data["former"]["id"], data["embedded"]) == ("second", "first", 0)


def test_somebody_at_the_terminal_sees_what_would_change_before_being_asked(cli: Cli) -> None:
    cli.types("n\n")
    answer = cli("weights", "use", "second")
    assert answer.code == 2
    assert answer.err.index("Of 3 photos, 3 would be answered as now") < answer.err.index(
        "Use second from now on? [y/N]"
    )
    assert models(cli) == {"first"}
    cli.types("y\n")
    assert cli("weights", "use", "second").code == 0
    assert models(cli) == {"second"}


def test_a_script_that_does_not_agree_changes_nothing(cli: Cli) -> None:
    answer = cli("weights", "use", "second", "--json")
    assert (answer.code, answer.error["code"]) == (2, "confirmation_needed")
    assert models(cli) == {"first"}
    assert cli("weights", "discard", "--json").data["discarded"] == "second"
    answer = cli("weights", "discard")
    assert (answer.code, answer.lines) == (0, ["Nothing is being rehearsed."])


def test_photos_that_can_not_be_embedded_are_named_and_make_an_exit_code(cli: Cli) -> None:
    photo = sorted(cli.folder.glob("db/photos/*/*"))[0]
    photo.write_bytes(b"damaged")
    answer = cli("weights", "rehearse", "second")
    assert answer.code == 2
    assert any("is damaged" in line for line in answer.lines)
    answer = cli("weights", "use", "second", "--yes", "--json")
    assert answer.code == 2
    (refused,) = answer.data["not_embedded"]
    assert (refused["accepted"], refused["code"]) == (False, "store")
    assert models(cli) == {"first", "second"}


def test_what_was_in_use_before_can_be_thrown_away(cli: Cli) -> None:
    assert cli("weights", "discard", "--former").lines == ["There are none."]
    cli("weights", "use", "second", "--yes")
    assert cli("weights", "discard", "--former").code == 0
    answer = cli("weights", "back", "--json")
    assert (answer.code, answer.error["code"]) == (2, "rehearsal")


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["rehearse", "first"], 2, "rehearsal"),
        (["use", "first", "--yes"], 2, "rehearsal"),
        (["rehearse", "third"], 3, "no_weights"),
        (["rehearse", "../third"], 2, "setting"),
        (["back"], 2, "rehearsal"),
    ],
)
def test_what_can_not_be_done_is_refused(cli: Cli, arguments: list[str], code: int, kind: str) -> None:
    answer = cli("weights", *arguments, "--json")
    assert (answer.code, answer.error["code"]) == (code, kind)


def test_a_model_that_the_environment_sets_is_not_changed(cli: Cli) -> None:
    cli.environment(MODEL="first")
    for command in (["rehearse", "second"], ["use", "second", "--yes"], ["back"]):
        answer = cli("weights", *command, "--json")
        assert (answer.code, answer.error["code"]) == (2, "rehearsal")
        assert "FACENET_MODEL in the environment" in json.dumps(answer.error)
