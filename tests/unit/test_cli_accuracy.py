from __future__ import annotations

import numpy as np
import pytest

from facenet_core import shipped
from tests.cli_runner import Cli
from tests.fakes import BLUE, DARK_RED, GREEN, MEASURED, MODEL, RED


@pytest.fixture
def known(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Error rates were measured for the model, and no threshold is fixed."""
    monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})
    cli.environment(THRESHOLD=None, IDENTIFY_THRESHOLD=None)
    return cli


def crowd(cli: Cli, people: int = 50) -> None:
    rng = np.random.default_rng(7)
    for number in range(people):
        colour = tuple(int(x) for x in rng.integers(10, 235, 3))
        folder = cli.photo(f"crowd/{chr(97 + number // 10)}{chr(97 + number % 10)}.png", colour).parent
    assert cli("enroll-folder", folder).code == 0


def test_with_nobody_enrolled_there_is_nothing_to_tell(known: Cli) -> None:
    answer = known("accuracy", "show")
    assert answer.code == 0
    assert "0 people, 0 photos." in answer.out
    assert "Nobody is enrolled yet, so nobody can be named." in answer.out


def test_the_answer_tells_people_what_the_thresholds_mean_and_who_is_worth_a_look(known: Cli) -> None:
    known.enrol({"Ruby": [RED], "Rubina": [DARK_RED], "Gus": [GREEN], "Bo": [BLUE]})
    answer = known("accuracy", "show")
    assert "About 1 stranger in 1,000 is let in, about 34 in 100 true visitors are turned away." in answer.out
    assert "With 4 enrolled photos, about 1 in 300 strangers" in answer.out
    assert "Possibly one person, enrolled twice:" in answer.out
    assert "With one photo only: Bo, Gus, Rubina, Ruby." in answer.out
    data = known("accuracy", "show", "--json").data
    (pair,) = data["possible_duplicates"]
    assert sorted(pair["people"]) == ["Rubina", "Ruby"] and pair["photos"] == [1, 1]
    assert pair["one_in"]["strangers"] > 10_000
    assert data["comparisons"] == {"non_mated": 5, "mated": 0, "people_pairs": 5}
    assert (data["source"], data["data"], data["own_available"]) == ("shipped", "squares", False)
    assert [rate["shipped"] for rate in data["rates"] if rate["current"]] == [0.001]


def test_embeddings_are_never_part_of_the_answer(known: Cli) -> None:
    known.enrol({"Ruby": [RED], "Gus": [GREEN]})
    assert "embedding" not in known("accuracy", "show", "--json").out


def test_too_few_people_can_not_replace_the_shipped_rates(known: Cli) -> None:
    known.enrol({"Ruby": [RED]})
    answer = known("accuracy", "use", "own", "--json")
    assert answer.code == 2
    assert "about 46" in answer.error["message"]
    assert known("accuracy", "show", "--json").data["source"] == "shipped"


def test_the_users_own_people_replace_the_shipped_rates_and_back(known: Cli) -> None:
    crowd(known)
    shipped = known("accuracy", "show", "--json").data
    assert shipped["own_available"] and shipped["own_reason"] is None
    assert shipped["departures"]
    own = known("accuracy", "use", "own", "--json").data
    assert own["source"] == "own" and own["data"].startswith("your own gallery of 50 people, ")
    assert own["verify"]["distance"] < shipped["verify"]["distance"]
    known.enrol({"Eve": [GREEN]})
    assert known("accuracy", "show", "--json").data["verify"] == own["verify"], "thresholds must not move by themselves"
    back = known("accuracy", "use", "shipped", "--json").data
    assert (back["source"], back["verify"]) == ("shipped", shipped["verify"])


def test_a_model_that_was_never_measured_has_its_fixed_thresholds(cli: Cli) -> None:
    cli.enrol({"Ruby": [RED], "Gus": [GREEN]})
    data = cli("accuracy", "show", "--json").data
    assert data["verify"]["distance"] == 0.5 and data["fnmr"] is None
    assert data["data"] is None and data["rates"] == []
    assert "no threshold was measured" in cli("accuracy", "show").out
    cli.environment(THRESHOLD=None)
    assert cli("accuracy", "show", "--json").data["verify"] is None


def test_a_target_moves_the_measured_threshold(known: Cli) -> None:
    before = known("accuracy", "show", "--json").data
    shown = known("settings", "set", "target-fmr", "0.0001", "--json").data
    assert shown["target_fmr"] == {"rate": 0.0001, "set_by": "database"}
    after = known("accuracy", "show", "--json").data
    assert after["target_fmr"] == 0.0001
    assert after["verify"]["distance"] < before["verify"]["distance"]
    known("settings", "set", "target-fpir", "0.001")
    back = known("settings", "set", "target-fmr", "default", "--json").data
    assert (back["target_fmr"]["rate"], back["target_fpir"]["rate"]) == (0.001, 0.001)


def test_a_target_of_the_environment_has_the_last_word(known: Cli) -> None:
    known.environment(TARGET_FPIR=0.05)
    answer = known("settings", "set", "target-fpir", "0.001")
    assert "Stored, but the environment has the last word:" in answer.out
    assert known("settings", "show", "--json").data["target_fpir"] == {"rate": 0.05, "set_by": "environment"}


@pytest.mark.parametrize("value", ["0", "0.2", "1e-9", "nan", "often"])
def test_a_target_that_is_no_such_rate_is_refused(known: Cli, value: str) -> None:
    answer = known("settings", "set", "target-fmr", value, "--json")
    assert (answer.code, answer.error["code"]) == (2, "setting")
    assert "from 0.000001 to 0.1, or `default`" in answer.error["message"]
    assert known("settings", "show", "--json").data["target_fmr"] == {"rate": 0.001, "set_by": None}
