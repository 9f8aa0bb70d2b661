from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from facenet_core import catalogue, weights
from facenet_core.catalogue import CATALOGUE, DEFAULT_MODEL, Measured, entry, known, shipped_model
from facenet_core.config import PROJECT_ROOT, Settings, load_settings
from facenet_core.errors import InputError, NoWeightsError, SettingError, WeightsError
from facenet_core.networks import NETWORKS
from facenet_core.weights import adopt, check, installed, load, resolve
from facenet_core.weights_file import LoadedWeights

VGGFACE2, CASIA, MS_CELEB = "20180402-114759", "20180408-102900", "20170512-110547"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def settings(models: Path, **values: object) -> Settings:
    return Settings.model_construct(**{"model": None, "weights": None, "models_dir": models, **values})


def put(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(b"weights")
    return path


def test_the_catalogue_is_complete_and_safe_to_fetch():
    assert [e.id for e in CATALOGUE] == [VGGFACE2, CASIA, MS_CELEB]
    for e in CATALOGUE:
        assert e.url.startswith("https://github.com/faustomorales/keras-facenet/releases/")
        assert e.url.endswith(f"/{e.id}-weights.h5")
        assert e.file_name == f"{e.id}-weights.h5"
        assert re.fullmatch("[0-9a-f]{64}", e.sha256)
        assert e.licence == "MIT"
        assert 0.98 < e.published_lfw < 1.0
    assert len({e.sha256 for e in CATALOGUE}) == len(CATALOGUE)


def test_an_unknown_model_is_answered_with_the_known_ones():
    assert entry(CASIA).trained_on == "CASIA-WebFace"
    with pytest.raises(InputError) as caught:
        entry("20990101-000000")
    assert "20990101-000000" in str(caught.value)
    assert all(e.id in str(caught.value) for e in CATALOGUE)


def test_without_any_model_the_answer_says_how_to_get_one(models):
    with pytest.raises(NoWeightsError) as caught:
        resolve(settings(models))
    shipped = f"{weights.SHIPPED_FILE}. Get that file again from the project's repository"
    for part in (str(models), shipped, "python -m facenet_core weights fetch 20180408-102900", "FACENET_WEIGHTS"):
        assert part in str(caught.value)


def test_a_models_folder_that_does_not_exist_is_no_model(models):
    with pytest.raises(NoWeightsError, match="No face model is installed"):
        resolve(settings(models / "missing"))
    assert all(found.path is None for found in installed(settings(models / "missing")))


def test_installed_models_are_preferred_in_the_documented_order(models):
    for name, expected in (
        (f"{MS_CELEB}-weights.h5", (MS_CELEB, "whitening")),
        (f"{CASIA}-weights.h5", (CASIA, "fixed")),
        (f"{VGGFACE2}-weights.h5", (VGGFACE2, "fixed")),
        ("model.h5", ("model", None)),
    ):
        path = put(models, name)
        chosen = resolve(settings(models))
        assert (chosen.path, chosen.model, chosen.scaling) == (path, *expected)


def test_a_file_of_ones_own_is_not_taken_unasked(models):
    put(models, "own-weights.h5")
    with pytest.raises(NoWeightsError):
        resolve(settings(models))


def test_the_chosen_model_wins_over_the_preferred_one(models):
    put(models, "model.h5")
    path = put(models, f"{MS_CELEB}-weights.h5")
    chosen = resolve(settings(models, model=MS_CELEB))
    assert (chosen.path, chosen.model, chosen.scaling) == (path, MS_CELEB, "whitening")


def test_a_model_of_ones_own_can_be_chosen_by_name(models):
    path = put(models, "own-1a2b-weights.h5")
    chosen = resolve(settings(models, model="own-1a2b"))
    assert (chosen.path, chosen.model, chosen.scaling) == (path, "own-1a2b", None)


def test_a_chosen_model_that_is_not_installed_is_named(models):
    put(models, f"{CASIA}-weights.h5")
    with pytest.raises(NoWeightsError) as caught:
        resolve(settings(models, model=VGGFACE2))
    assert str(models / f"{VGGFACE2}-weights.h5") in str(caught.value)
    assert f"weights fetch {VGGFACE2}" in str(caught.value)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..\\secret"])
def test_a_model_name_can_not_lead_out_of_the_folder(models, name):
    put(models.parent, "secret-weights.h5")
    with pytest.raises(SettingError, match="without a path"):
        resolve(settings(models, model=name))


@pytest.mark.parametrize(
    ("name", "model", "scaling"),
    [
        (f"{CASIA}-weights.h5", CASIA, "fixed"),
        (f"copy of {MS_CELEB}.h5", MS_CELEB, "whitening"),
        ("facenet512_weights.h5", "facenet512_weights", None),
        ("facenet_keras.h5", "facenet_keras", None),
        ("mine-weights.h5", "mine", None),
    ],
)
def test_any_file_can_be_used_and_is_called_after_itself(models, tmp_path, name, model, scaling):
    put(models, "model.h5")
    path = put(tmp_path, name)
    chosen = resolve(settings(models, weights=path))
    assert (chosen.path, chosen.model, chosen.scaling) == (path, model, scaling)


def test_a_file_can_be_said_to_be_a_model(models, tmp_path):
    path = put(tmp_path, "renamed.h5")
    chosen = resolve(settings(models, weights=path, model=MS_CELEB))
    assert (chosen.path, chosen.model, chosen.scaling) == (path, MS_CELEB, "whitening")


def test_a_missing_file_is_named_even_when_models_are_installed(models, tmp_path):
    put(models, "model.h5")
    with pytest.raises(NoWeightsError, match=re.escape(str(tmp_path / "gone.h5"))):
        resolve(settings(models, weights=tmp_path / "gone.h5"))


def test_the_list_shows_the_shipped_model_the_catalogue_and_ones_own_files(models):
    put(models, f"{CASIA}-weights.h5")
    put(models, "own-weights.h5")
    put(models, "model.h5")
    put(models, f"{VGGFACE2}-weights.h5.part")
    (models / "folder-weights.h5").mkdir()
    assert [(i.model, i.entry and i.entry.id, i.path and i.path.name, i.size) for i in installed(settings(models))] == [
        ("facenet-mini", None, None, None),
        (VGGFACE2, VGGFACE2, None, None),
        (CASIA, CASIA, f"{CASIA}-weights.h5", 7),
        (MS_CELEB, MS_CELEB, None, None),
        ("model", None, "model.h5", 7),
        ("own", None, "own-weights.h5", 7),
    ]


# -- the model that ships -------------------------------------------------


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the place of the model that ships, and its checksum in that of the known one."""
    path = tmp_path / "project" / "keras-facenet-h5" / "model.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    expected = replace(shipped_model(), sha256=hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setattr(weights, "SHIPPED_FILE", path)
    monkeypatch.setattr(catalogue, "shipped_model", lambda: expected)
    return path


SHIPPED_FILE = weights.SHIPPED_FILE
"""The real one, which other tests don't see."""


def test_the_shipped_model_lies_where_models_are_looked_for_unless_told_otherwise():
    assert load_settings().models_dir / "model.h5" == SHIPPED_FILE


def test_what_is_known_of_the_shipped_model_is_complete():
    shipped = shipped_model()
    assert (shipped.id, shipped.dimensions, shipped.input_size, shipped.scaling) == ("facenet-mini", 512, 96, "fixed")
    assert re.fullmatch("[0-9a-f]{64}", shipped.sha256)


def test_the_shipped_file_is_the_one_whose_checksum_is_known(monkeypatch):
    monkeypatch.setattr(weights, "SHIPPED_FILE", SHIPPED_FILE)
    found = check(SHIPPED_FILE)
    assert (found.model, found.matches_catalogue, found.dimensions) == ("facenet-mini", True, 512)
    assert shipped_model().measured is not None


def test_models_say_what_was_measured_of_them():
    assert known(CASIA) == entry(CASIA)
    assert known("facenet-mini") == shipped_model()
    assert known("own") is None
    measured = [m.measured for m in (entry(DEFAULT_MODEL), shipped_model()) if m.measured]
    assert measured
    for figures in measured:
        assert 0.9 < figures.accuracy < 1
        assert 0 < figures.standard_error < 0.02
        assert figures.milliseconds > 0


def test_what_changes_with_each_training_is_read_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "facenet_mini.json").write_text(
        '{"sha256": "ab", "measured": {"accuracy": 0.98, "standard_error": 0.004, "milliseconds": 9}}'
    )
    monkeypatch.setattr(catalogue, "files", lambda package: tmp_path)
    found = shipped_model.__wrapped__()
    assert (found.sha256, found.measured) == ("ab", Measured(0.98, 0.004, 9))


def test_with_nothing_configured_the_shipped_model_is_used(shipped):
    for name in (f"{CASIA}-weights.h5", "own-weights.h5"):
        put(shipped.parent, name)
    chosen = resolve(settings(shipped.parent))
    assert (chosen.path, chosen.model, chosen.scaling) == (shipped, "facenet-mini", "fixed")


def test_in_a_folder_of_ones_own_the_shipped_model_is_the_last_resort(shipped, models):
    assert resolve(settings(models)).path == shipped
    assert resolve(settings(models / "missing")).model == "facenet-mini"
    fetched = put(models, f"{MS_CELEB}-weights.h5")
    assert resolve(settings(models)).path == fetched
    own = put(models, "model.h5")
    assert (resolve(settings(models)).path, resolve(settings(models)).model) == (own, "model")
    assert resolve(settings(models, model="facenet-mini")).path == shipped


def test_a_model_h5_of_ones_own_can_be_chosen_by_name(models):
    own = put(models, "model.h5")
    chosen = resolve(settings(models, model="model"))
    assert (chosen.path, chosen.model, chosen.scaling) == (own, "model", None)


def test_the_shipped_model_is_what_it_is_whatever_it_is_called(shipped, models):
    for named in (settings(models, weights=shipped, model=MS_CELEB), settings(shipped.parent, model="model")):
        chosen = resolve(named)
        assert (chosen.path, chosen.model, chosen.scaling) == (shipped, "facenet-mini", "fixed")


def test_a_chosen_shipped_model_that_is_gone_is_to_be_got_again(models):
    with pytest.raises(NoWeightsError) as caught:
        resolve(settings(models, model="facenet-mini"))
    said = f"{weights.SHIPPED_FILE} does not exist. Get that file again from the project's repository"
    assert said in str(caught.value)


def test_the_shipped_model_is_listed_first_and_once(shipped):
    put(shipped.parent, "own-weights.h5")
    listed = installed(settings(shipped.parent))
    assert [i.model for i in listed] == ["facenet-mini", VGGFACE2, CASIA, MS_CELEB, "own"]
    assert (listed[0].path, listed[0].size, listed[0].entry) == (shipped, 7, None)
    assert listed[0].known == catalogue.shipped_model()
    assert listed[-1].known is None


@pytest.mark.parametrize("content", [b"", b"weighs", b"weights and more"], ids=["empty", "exchanged", "longer"])
@pytest.mark.parametrize("use", [load, check])
def test_a_damaged_shipped_model_is_refused_before_it_is_looked_into(shipped, monkeypatch, content, use):
    def never(path: Path) -> LoadedWeights:
        raise AssertionError("not before the checksum")

    shipped.write_bytes(content)
    monkeypatch.setattr(weights, "load_weights", never)
    with pytest.raises(WeightsError) as caught:
        use(shipped)
    for part in (
        f"{shipped}: this is not the model that ships with the project",
        "Get it again from the project's repository",
        f"weights fetch {DEFAULT_MODEL}",
        f"settings set model {DEFAULT_MODEL}",
        "FACENET_WEIGHTS",
    ):
        assert part in str(caught.value)


def test_a_detour_to_the_shipped_model_is_checked_too(shipped, tmp_path):
    shipped.write_bytes(b"exchanged")
    (tmp_path / "detour.h5").symlink_to(shipped)
    for path in (shipped.parent / ".." / "keras-facenet-h5" / "model.h5", tmp_path / "detour.h5"):
        with pytest.raises(WeightsError, match="not the model that ships"):
            load(path)


@pytest.mark.usefixtures("any_file_loads", "shipped")
def test_a_model_h5_of_ones_own_elsewhere_is_not_held_against_the_shipped_one(models):
    own = put(models, "model.h5")
    own.write_bytes(b"of a course")
    assert load(own).dimensions == 512
    assert (check(own).model, check(own).matches_catalogue) == ("model", None)


@pytest.mark.usefixtures("any_file_loads")
def test_the_shipped_file_is_recognised_wherever_it_lies(shipped, models):
    assert load(shipped).dimensions == 512
    for path in (shipped, put(models, "copy.h5")):
        found = check(path)
        assert (found.matches_catalogue, found.model) == (True, "facenet-mini")
        assert found.explanation == "This is the file that ships with the project, byte for byte."


@pytest.mark.usefixtures("any_file_loads")
def test_a_shipped_model_that_somebody_brings_takes_the_place_of_a_damaged_one(shipped, models):
    shipped.write_bytes(b"damaged")
    assert adopt(b"weights", models) == "facenet-mini"
    chosen = resolve(settings(models, model="facenet-mini"))
    assert (chosen.path, chosen.scaling) == (models / "facenet-mini-weights.h5", "fixed")
    assert load(chosen.path).dimensions == 512


def test_a_shipped_model_that_is_gone_is_missing_like_any_other_file(shipped):
    shipped.unlink()
    with pytest.raises(WeightsError, match="there is no such weights file"):
        load(shipped)


# -- files of one's own ---------------------------------------------------


@pytest.fixture
def any_file_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "load_weights", lambda path: LoadedWeights(None, NETWORKS[0], 512, "d" * 64, {}))


@pytest.mark.usefixtures("any_file_loads")
def test_a_published_file_is_recognised_whatever_its_name(models, monkeypatch):
    path = put(models, "renamed.part")
    published = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setattr(catalogue, "CATALOGUE", (replace(CATALOGUE[0], sha256=published),))
    found = check(path)
    assert (found.path, found.sha256, found.matches_catalogue, found.model) == (path, published, True, VGGFACE2)
    assert (found.dimensions, found.digest) == (512, "d" * 64)
    assert "byte for byte" in found.explanation


@pytest.mark.usefixtures("any_file_loads")
def test_a_file_that_only_has_the_name_of_a_published_one_is_told_apart(models):
    found = check(put(models, f"{CASIA}-weights.h5"))
    assert (found.matches_catalogue, found.model) == (False, CASIA)
    assert "is not the published file" in found.explanation


@pytest.mark.usefixtures("any_file_loads")
def test_nothing_is_claimed_of_a_file_that_is_not_in_the_catalogue(models):
    found = check(put(models, "own-weights.h5"))
    assert (found.matches_catalogue, found.model) == (None, "own")
    assert "not one of the catalogue" in found.explanation


def test_a_file_that_does_not_fit_is_refused_by_name(models):
    path = put(models, f"{CASIA}-weights.h5")
    with pytest.raises(WeightsError, match=re.escape(str(path))):
        check(path)


@pytest.mark.usefixtures("any_file_loads")
def test_a_file_that_somebody_brings_is_kept_under_a_name_of_ours(models, monkeypatch):
    published = replace(CATALOGUE[1], sha256=hashlib.sha256(b"published").hexdigest())
    monkeypatch.setattr(catalogue, "CATALOGUE", (published,))
    assert adopt(b"published", models / "new") == CASIA
    assert adopt(b"other", models / "new") == "own-dddddddddddd"
    kept = {path.name: path.read_bytes() for path in (models / "new").iterdir()}
    assert kept == {f"{CASIA}-weights.h5": b"published", "own-dddddddddddd-weights.h5": b"other"}
    assert resolve(settings(models / "new", model="own-dddddddddddd")).scaling is None


def test_a_file_that_somebody_brings_is_not_kept_if_it_does_not_fit(models):
    with pytest.raises(WeightsError, match=r"^This file: ") as caught:
        adopt(b"not HDF5", models)
    assert str(models) not in str(caught.value)
    assert list(models.iterdir()) == []


def test_a_folder_that_can_not_be_written_is_named(models):
    (models / "file").write_bytes(b"")
    with pytest.raises(WeightsError, match=re.escape(str(models / "file"))):
        adopt(b"weights", models / "file" / "below")


@pytest.mark.real
def test_the_recompressed_file_fits_but_is_not_called_published(data):
    found = check(data / "weights" / f"{CASIA}-weights.h5")
    assert (found.model, found.dimensions, found.matches_catalogue) == (CASIA, 512, False)
    assert found.sha256 == "b6fb4fbac93c967c18e9b64145460d43fe14a9b4b603b2e55f36c8d036d86969"


def test_the_folder_of_models_documents_the_catalogue():
    text = (PROJECT_ROOT / "keras-facenet-h5" / "README.md").read_text("utf-8")
    for e in CATALOGUE:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{e.id}` |"))
        for part in (str(e.dimensions), e.trained_on, f"{e.published_lfw:.2%}", e.url, e.licence, e.sha256):
            assert part in row
