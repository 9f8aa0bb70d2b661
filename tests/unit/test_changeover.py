from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import enrolment, rehearsals, shipped
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import (
    DatabaseWriteError,
    ModelError,
    NoFaceError,
    NoWeightsError,
    RehearsalError,
    WeightsError,
)
from facenet_core.service import FaceService
from facenet_core.types import Analysis, Detection, EnrolOutcome, ModelId, Template
from facenet_core.weights import resolve
from tests import fakes
from tests.fakes import BLUE, DARK_RED, GREEN, RED, FakeDetector, FakeEmbedder, engine_called, photo

SOON = 30.0


def model_id(name: str) -> ModelId:
    return engine_called(name).model_id


@pytest.fixture(autouse=True)
def installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models, whose files load as fake engines called like them; another photo is saved at once."""
    for name in ("first", "second"):
        install(settings, name)
    monkeypatch.setattr(FaceEngine, "load", lambda s: engine_called(resolve(s).model))
    monkeypatch.setattr(rehearsals, "SAVED_EVERY", 0.0)


def install(settings: Settings, name: str) -> None:
    settings.models_dir.mkdir(exist_ok=True)
    (settings.models_dir / f"{name}-weights.h5").write_bytes(b"weights")


@pytest.fixture
def begin(settings: Settings) -> Callable[..., FaceService]:
    """A process on the one database."""

    def begun(**changes: object) -> FaceService:
        return FaceService(settings.model_copy(update=changes))

    return begun


@pytest.fixture
def service(begin: Callable[..., FaceService]) -> FaceService:
    """One that uses the first model, and knows two people."""
    service = begin()
    service.choose_model("first")
    enrol(service, "Ann", RED)
    enrol(service, "Bo", BLUE, GREEN)
    return service


def enrol(service: FaceService, name: str, *colours: fakes.Colour) -> None:
    for number, colour in enumerate(colours):
        analysis = service.prepare_enrolment(photo(colour, mark=number + len(name)), f"{name} {number}.png")
        service.enrol(name, analysis, overrule=True)


def models(service: FaceService) -> set[str]:
    return {t.model_id.model for p in service.people() for t in p.templates}


def named(service: FaceService, colour: fakes.Colour) -> str | None:
    (found,) = service.identify(service.analyse(service.photo(photo(colour), "probe.png")))
    return found.candidates[0].person.name if found.matched else None


def ended(service: FaceService) -> None:
    for thread in threading.enumerate():
        if thread.name == "rehearsal":
            thread.join(SOON)
            assert not thread.is_alive()


# -- rehearsing -----------------------------------------------------------------


def test_a_rehearsal_tells_of_each_photo_while_answers_come_from_the_model_in_use(service: FaceService) -> None:
    outcomes = []
    for outcome in service.rehearse("second"):
        outcomes.append((outcome.person, outcome.photo, outcome.accepted, outcome.code))
        assert service.engine.model_id.model == "first"
        assert named(service, DARK_RED) == "Ann"
    assert outcomes == [
        ("Ann", "Ann 0.png", True, "embedded"),
        ("Bo", "Bo 0.png", True, "embedded"),
        ("Bo", "Bo 1.png", True, "embedded"),
    ]
    rehearsal = service.rehearsal()
    assert rehearsal and (rehearsal.model, rehearsal.photos, rehearsal.done) == ("second", 3, 3)
    assert rehearsal.complete and not rehearsal.running
    assert models(service) == {"first"}


def test_a_rehearsal_that_was_killed_goes_on_where_it_stopped(
    service: FaceService, begin: Callable[..., FaceService]
) -> None:
    outcomes = service.rehearse("second")
    next(outcomes)
    next(outcomes)
    # As good as killed: what the next process finds is what was committed by now.
    again = begin()
    rehearsal = again.rehearsal()
    assert rehearsal and (rehearsal.done, rehearsal.photos, rehearsal.complete) == (1, 3, False)
    assert [outcome.person for outcome in again.rehearse("second")] == ["Bo", "Bo"]
    assert again.cut_over() == ()
    with pytest.raises(RehearsalError):
        list(outcomes)
    assert models(service) == {"second"}


def test_what_was_made_is_kept_when_a_rehearsal_is_given_up(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsals, "SAVED_EVERY", 1000.0)
    outcomes = service.rehearse("second")
    next(outcomes)
    outcomes.close()
    rehearsal = service.rehearsal()
    assert rehearsal and rehearsal.done == 1


def test_photos_that_are_enrolled_or_removed_meanwhile_are_noticed(service: FaceService) -> None:
    seen = []
    for outcome in service.rehearse("second"):
        if not seen:
            enrol(service, "Cy", (120, 120, 10))
            service.repository.remove_person(service.repository.person("Bo").id)
        seen.append(outcome.person)
    assert "Cy" in seen
    rehearsal = service.rehearsal()
    assert rehearsal and rehearsal.complete and rehearsal.photos == 2


def test_a_photo_in_which_the_face_is_not_found_again_is_listed_with_the_reason(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo = service.repository.person("Bo")
    service.repository.photos.path(bo.templates[0].photo_sha256).write_bytes(b"damaged")
    refused = [outcome for outcome in service.rehearse("second") if not outcome.accepted]
    rehearsal = service.rehearsal()
    assert rehearsal and rehearsal.complete
    assert list(rehearsal.unfound) == refused
    assert [(o.person, o.photo, o.code) for o in refused] == [("Bo", "Bo 0.png", "store")]
    assert "is damaged" in refused[0].reason
    service.cut_over()
    assert models(service) == {"first", "second"}
    assert [t.id for t in service.outdated()] == [bo.templates[0].id]
    assert len(service.gallery()) == 2


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ("first", RehearsalError, "first is in use already"),
        ("third", NoWeightsError, "weights fetch third"),
    ],
)
def test_what_can_not_be_rehearsed_is_refused_at_once(
    service: FaceService, model: str, error: type[Exception], message: str
) -> None:
    for begun in (service.rehearse, service.start_rehearsal):
        with pytest.raises(error, match=message):
            begun(model)
    assert service.rehearsal() is None


def test_the_same_weights_under_another_name_are_no_other_model(
    service: FaceService, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(settings, "copy")
    monkeypatch.setattr(FaceEngine, "load", lambda s: engine_called("first"))
    with pytest.raises(RehearsalError, match="same weights"):
        list(service.rehearse("copy"))
    assert service.rehearsal() is None


@pytest.mark.parametrize("changes", [{"model": "first"}, {"weights": Path(__file__)}])
def test_a_model_that_the_environment_sets_can_not_be_changed_here(
    service: FaceService, begin: Callable[..., FaceService], changes: dict[str, object]
) -> None:
    list(service.rehearse("second"))
    settled = begin(**changes)
    for change in (lambda: settled.rehearse("second"), settled.cut_over, settled.roll_back):
        with pytest.raises(RehearsalError, match="FACENET_WEIGHTS or FACENET_MODEL in the environment"):
            change()
    assert models(service) == {"first"}


def test_a_model_that_was_fetched_is_not_used_before_it_is_chosen(
    settings: Settings, begin: Callable[..., FaceService]
) -> None:
    catalogued = "20180408-102900"
    install(settings, catalogued)
    service = begin()
    assert service.engine.model_id.model == catalogued
    install(settings, "20180402-114759")  # which would be preferred if nothing were chosen
    list(service.rehearse("20180402-114759"))
    assert service.model_setting.model == catalogued
    assert begin().engine.model_id.model == catalogued


# -- in the background -----------------------------------------------------------


class Slow:
    """Templates of the second model wait, each, until they may be made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.go = threading.Semaphore(0), threading.Semaphore(0)
        reembedded = enrolment.reembedded

        def slowly(template: Template, analysis: Analysis) -> Template:
            if analysis.model_id.model == "second":
                self.at.release()
                assert self.go.acquire(timeout=SOON)
            return reembedded(template, analysis)

        monkeypatch.setattr(enrolment, "reembedded", slowly)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow(monkeypatch)
    yield made
    made.go.release(100)


def test_a_rehearsal_in_the_background_tells_how_far_it_is_and_blocks_nobody(service: FaceService, slow: Slow) -> None:
    service.start_rehearsal("second")
    assert slow.at.acquire(timeout=SOON)
    rehearsal = service.rehearsal()
    assert rehearsal and rehearsal.running and (rehearsal.model, rehearsal.done, rehearsal.photos) == ("second", 0, 3)
    assert not rehearsal.complete
    assert named(service, DARK_RED) == "Ann"
    with pytest.raises(RehearsalError, match="second is being rehearsed"):
        service.start_rehearsal("second")
    slow.go.release()
    assert slow.at.acquire(timeout=SOON)
    rehearsal = service.rehearsal()
    assert rehearsal and (rehearsal.done, rehearsal.rate > 0) == (1, True)
    slow.go.release(2)
    ended(service)
    rehearsal = service.rehearsal()
    assert rehearsal and rehearsal.complete


def test_a_rehearsal_in_the_background_can_be_stopped_and_goes_on_later(service: FaceService, slow: Slow) -> None:
    service.start_rehearsal("second")
    assert slow.at.acquire(timeout=SOON)
    service.stop_rehearsal()
    slow.go.release()
    ended(service)
    rehearsal = service.rehearsal()
    assert rehearsal and not rehearsal.running and rehearsal.done == 1
    slow.go.release(10)
    service.start_rehearsal("second")
    ended(service)
    rehearsal = service.rehearsal()
    assert rehearsal and rehearsal.complete


def test_discarding_ends_the_rehearsal_and_leaves_nothing(service: FaceService, slow: Slow) -> None:
    service.start_rehearsal("second")
    assert slow.at.acquire(timeout=SOON)
    slow.go.release(10)
    service.discard_rehearsal()
    assert service.rehearsal() is None
    assert service.repository.shadows.get("candidate") is None
    assert models(service) == {"first"}
    service.discard_rehearsal()


@pytest.mark.parametrize(
    ("error", "said"),
    [(WeightsError("second does not fit"), "second does not fit"), (ZeroDivisionError("oops"), "failed: oops")],
)
def test_why_a_rehearsal_in_the_background_failed_is_told(
    service: FaceService, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(settings: Settings) -> FaceEngine:
        raise error

    monkeypatch.setattr(FaceEngine, "load", fail)
    service.start_rehearsal("second")
    ended(service)
    rehearsal = service.rehearsal()
    assert rehearsal and said in rehearsal.problem
    assert (rehearsal.model, rehearsal.complete, rehearsal.running) == ("second", False, False)


# -- what would change -------------------------------------------------------------


class OneForAll(FakeEmbedder):
    """Takes every face for the same one."""

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(np.array([[1, 0, 0, 0]], np.float32), (len(crops), 1))


def test_what_would_flip_is_known_before_the_change_and_true_after_it(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FaceEngine, "load", lambda s: FaceEngine(FakeDetector(), OneForAll(model_id("second"))))
    list(service.rehearse("second"))
    found = service.flips()
    assert service.flips() is found
    assert (found.photos, found.same, found.fixed) == (3, 0, True)
    told = {(f.shot.person.name, f.shot.number): (f.before.claim, f.after.claim, f.after.named) for f in found.flips}
    assert told == {
        ("Ann", 1): (None, None, "other"),
        ("Bo", 1): ("no_match", "match", "other"),  # as close to Ann as to Bo, who comes later
        ("Bo", 2): ("no_match", "match", "other"),
    }
    assert [(p.first.name, p.second.name, p.confusable) for p in found.pair_flips] == [("Ann", "Bo", True)]
    assert named(service, BLUE) == "Bo"
    service.cut_over()
    assert named(service, BLUE) == "Ann"


def test_each_model_is_held_against_its_own_thresholds(
    service: FaceService, begin: Callable[..., FaceService], monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(service, "Ann", DARK_RED)
    list(service.rehearse("second"))
    measuring = begin(threshold=None, identify_threshold=None)
    first, second = ((m.preprocessing, m.weights_sha256) for m in (model_id("first"), model_id("second")))
    monkeypatch.setattr(shipped, "_measured", lambda: {first: fakes.MEASURED})
    assert "no threshold was measured for model second" in measuring.flips().problem
    strict = replace(fakes.MEASURED, distances=(0.04, 0.03, 0.02, 0.01), tail_scale=0.001)
    monkeypatch.setattr(shipped, "_measured", lambda: {first: fakes.MEASURED, second: strict})
    found = begin(threshold=None, identify_threshold=None).flips()
    assert not found.problem and not found.fixed
    flipped = {f.shot.person.name: (f.before.claim, f.after.claim) for f in found.flips}
    assert flipped == {"Ann": ("match", "no_match")}


def test_without_a_rehearsal_there_is_nothing_to_judge_or_to_switch_to(service: FaceService) -> None:
    for attempt in (service.flips, service.cut_over):
        with pytest.raises(RehearsalError, match="No other model has been rehearsed"):
            attempt()
    with pytest.raises(RehearsalError, match="no former model"):
        service.roll_back()
    assert service.former_model() is None


# -- changing ------------------------------------------------------------------------


def test_cutting_over_changes_model_and_templates_at_once_without_loading_again(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(service.rehearse("second"))
    monkeypatch.setattr(FaceEngine, "load", None)
    probe = service.analyse(service.photo(photo(DARK_RED), "probe.png"))
    assert service.cut_over() == ()
    assert service.engine.model_id == model_id("second")
    assert models(service) == {"second"} and not service.outdated()
    assert named(service, DARK_RED) == "Ann"
    assert service.rehearsal() is None
    with pytest.raises(ModelError, match="model was changed meanwhile"):
        service.verify(probe, "Ann")


def test_photos_enrolled_after_the_rehearsal_are_embedded_before_the_change(service: FaceService) -> None:
    list(service.rehearse("second"))
    enrol(service, "Cy", (120, 120, 10))
    (late,) = service.cut_over()
    assert (late.person, late.accepted) == ("Cy", True)
    assert models(service) == {"second"}


def test_going_back_is_immediate_but_for_photos_enrolled_since(service: FaceService) -> None:
    before = {t.id: t.embedding.tolist() for p in service.people() for t in p.templates}
    list(service.rehearse("second"))
    service.cut_over()
    assert service.former_model() == ("first", 0)
    enrol(service, "Cy", (120, 120, 10))
    assert service.former_model() == ("first", 1)
    assert [outcome.person for outcome in service.roll_back()] == ["Cy"]
    assert service.engine.model_id == model_id("first")
    assert models(service) == {"first"}
    after = {t.id: t.embedding.tolist() for p in service.people() for t in p.templates}
    assert {key: after[key] for key in before} == before
    assert service.former_model() == ("second", 0)
    assert list(service.roll_back()) == []
    assert models(service) == {"second"}
    service.forget_former_model()
    assert service.former_model() is None


def test_going_back_to_a_file_that_is_gone_changes_nothing(service: FaceService, settings: Settings) -> None:
    list(service.rehearse("second"))
    service.cut_over()
    (settings.models_dir / "first-weights.h5").unlink()
    engine = service.engine
    with pytest.raises(NoWeightsError, match="first"):
        list(service.roll_back())
    assert service.engine is engine and models(service) == {"second"}


def test_going_back_to_weights_that_have_changed_embeds_anew(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(service.rehearse("second"))
    service.cut_over()
    other = replace(model_id("first"), weights_sha256="9" * 64)
    monkeypatch.setattr(FaceEngine, "load", lambda s: FaceEngine(FakeDetector(), FakeEmbedder(other)))
    assert len(list(service.roll_back())) == 3
    assert {t.model_id for p in service.people() for t in p.templates} == {other}


def test_a_candidate_whose_weights_have_changed_has_to_be_rehearsed_again(
    service: FaceService, begin: Callable[..., FaceService], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(service.rehearse("second"))
    again = begin()
    assert again.engine.model_id.model == "first"
    other = replace(model_id("second"), weights_sha256="9" * 64)
    monkeypatch.setattr(FaceEngine, "load", lambda s: FaceEngine(FakeDetector(), FakeEmbedder(other)))
    with pytest.raises(RehearsalError, match="Rehearse it again"):
        again.cut_over()
    assert models(again) == {"first"}
    list(again.rehearse("second"))
    again.cut_over()
    assert {t.model_id for p in again.people() for t in p.templates} == {other}


def test_a_change_that_can_not_be_stored_changes_nothing(service: FaceService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bool:
        raise DatabaseWriteError("the disk is full")

    list(service.rehearse("second"))
    with monkeypatch.context() as patch:
        patch.setattr(service.repository.shadows, "swap", full)
        with pytest.raises(DatabaseWriteError):
            service.cut_over()
    assert service.engine.model_id == model_id("first") and models(service) == {"first"}
    assert named(service, DARK_RED) == "Ann"
    service.cut_over()
    assert models(service) == {"second"}


# -- other processes --------------------------------------------------------------------


def test_another_process_follows_a_change_and_never_mixes(
    service: FaceService, begin: Callable[..., FaceService]
) -> None:
    other = begin()
    old = other.analyse(other.photo(photo(DARK_RED), "probe.png"))
    assert other.verify(old, "Ann").matched
    list(service.rehearse("second"))
    service.cut_over()
    for answer in (lambda: other.verify(old, "Ann"), lambda: other.identify(old), lambda: other.enrol("Dee", old)):
        with pytest.raises(ModelError, match="model was changed meanwhile"):
            answer()
    assert other.engine.model_id == model_id("second")
    assert named(other, DARK_RED) == "Ann"
    assert not other.outdated()
    list(other.roll_back())
    assert service.engine.model_id == model_id("first")
    assert named(service, DARK_RED) == "Ann"


def test_a_change_in_the_middle_of_a_decision_is_no_answer(
    service: FaceService, begin: Callable[..., FaceService], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the model and the look at the templates."""
    other = begin()
    old = other.analyse(other.photo(photo(DARK_RED), "probe.png"))
    list(service.rehearse("second"))
    gallery = other.gallery
    for answer in (lambda: other.identify(old), lambda: other.verify(old, "Ann")):

        def changed(wanted: ModelId | None = None) -> object:
            if models(service) == {"first"}:
                list(service.rehearse("second"))
                service.cut_over()
            return gallery(wanted)

        monkeypatch.setattr(other, "gallery", changed)
        with pytest.raises(ModelError, match="model was changed meanwhile"):
            answer()
        list(service.roll_back())
        assert other.engine.model_id == model_id("first")


def test_a_page_is_told_that_the_model_was_changed_elsewhere(
    service: FaceService, begin: Callable[..., FaceService], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = begin()
    assert other.engine.model_id.model == other.model_name == "first"
    list(service.rehearse("second"))
    service.cut_over()
    load, may_load = FaceEngine.load, threading.Event()

    def slowly(settings: Settings) -> FaceEngine:
        assert may_load.wait(SOON)
        return load(settings)

    monkeypatch.setattr(FaceEngine, "load", slowly)
    try:
        state = other.state
        assert (state.status, state.message) == ("loading", "The model was changed elsewhere.")
        assert other.model_name == "second"
    finally:
        may_load.set()
    assert other.engine.model_id.model == "second"
    assert (other.state.status, other.state.message) == ("ready", "")


def test_a_process_whose_model_the_environment_sets_keeps_it(
    service: FaceService, begin: Callable[..., FaceService]
) -> None:
    settled = begin(model="first")
    assert settled.engine.model_id.model == "first"
    list(service.rehearse("second"))
    service.cut_over()
    assert settled.engine.model_id.model == "first"
    assert len(settled.outdated()) == 3 and len(settled.gallery()) == 0
    assert [outcome.code for outcome in settled.renew()] == ["renewed"] * 3


def test_renewing_in_one_process_does_not_undo_a_change_in_another(
    service: FaceService, begin: Callable[..., FaceService]
) -> None:
    first = {t.id: t for p in service.people() for t in p.templates}
    service.repository.replace_templates([replace(t, model_id=model_id("third")) for t in first.values()])
    renewing = begin().renew()
    next(renewing)
    list(service.rehearse("second"))
    service.cut_over()
    with pytest.raises(ModelError, match="Nothing was renewed"):
        list(renewing)
    assert models(service) == {"second"}


def test_two_processes_may_rehearse_the_same_model_at_once(
    service: FaceService, begin: Callable[..., FaceService]
) -> None:
    one, two = service.rehearse("second"), begin().rehearse("second")
    seen: list[EnrolOutcome] = [next(one), next(two)]
    seen += [*one, *two]
    assert all(outcome.accepted for outcome in seen)
    service.cut_over()
    assert models(service) == {"second"}


class Blind(FakeDetector):
    """Finds nobody."""

    def detect(self, pixels: NDArray[np.uint8]) -> tuple[Detection, ...]:
        return ()


def test_a_model_that_finds_no_face_at_all_compares_nothing(
    service: FaceService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FaceEngine, "load", lambda s: FaceEngine(Blind(), FakeEmbedder(model_id("second"))))
    assert {outcome.code for outcome in service.rehearse("second")} == {NoFaceError.code}
    assert (service.flips().photos, service.flips().pairs) == (0, 0)
