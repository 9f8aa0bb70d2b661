from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from facenet_core.errors import RehearsalError
from facenet_core.store import PeopleRepository, Slot, open_archive, write_archive
from facenet_core.types import ModelChoice, ModelId, Person, Template, Unfound
from tests.postgres import OpenStore
from tests.unit.store_workers import CANDIDATE, IN_USE, MODEL, OTHER, embedding, new_template

THIRD = ModelChoice("third", replace(MODEL, model="third", dimensions=4))


@pytest.fixture
def repository(open_again: OpenStore) -> PeopleRepository:
    repository = open_again().people
    repository.enrol("Anna", [new_template("anna 1"), new_template("anna 2")])
    repository.enrol("Bert", [new_template("bert")])
    return repository


def templates(repository: PeopleRepository) -> list[Template]:
    return [template for person in repository.people() for template in person.templates]


def seen_by(model: ModelId, found: Sequence[Template]) -> list[Template]:
    return [
        replace(t, model_id=model, embedding=embedding(f"{model.model} {t.source_name}", model.dimensions))
        for t in found
    ]


def rehearse(repository: PeopleRepository, choice: ModelChoice = CANDIDATE) -> None:
    repository.shadows.begin("candidate", choice, IN_USE)
    repository.shadows.add("candidate", choice, seen_by(choice.model_id, templates(repository)), [])


def models(repository: PeopleRepository) -> set[str]:
    return {template.model_id.model for template in templates(repository)}


def test_a_rehearsal_changes_nothing_but_itself(repository: PeopleRepository, open_again: OpenStore) -> None:
    before = repository.people()
    rehearse(repository)
    again = open_again().people
    assert [p.name for p in again.people()] == [p.name for p in before]
    assert models(again) == {"tiny"}
    shadow = again.shadows.get("candidate")
    assert shadow and shadow.of == CANDIDATE
    assert {t.model_id.model for t in shadow.templates.values()} == {"other"}
    anna = shadow.applied(again.person("Anna"))
    assert [t.source_name for t in anna.templates] == ["anna 1.jpg", "anna 2.jpg"]
    assert {t.model_id for t in anna.templates} == {OTHER}


def test_a_rehearsal_goes_on_where_it_stopped_and_tries_again_what_it_could_not_use(
    repository: PeopleRepository, open_again: OpenStore
) -> None:
    first, second, third = templates(repository)
    repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    repository.shadows.add(
        "candidate", CANDIDATE, seen_by(OTHER, [first]), [(second, Unfound("no_face", "No face was found."))]
    )
    shadow = repository.shadows.get("candidate")
    assert shadow and (set(shadow.templates), set(shadow.unfound)) == ({first.id}, {second.id})
    assert shadow.unfound[second.id].reason == "No face was found."
    assert not repository.shadows.swap("candidate", CANDIDATE, IN_USE), "the third photo was never seen"
    again = open_again().people
    again.shadows.begin("candidate", CANDIDATE, IN_USE)
    shadow = again.shadows.get("candidate")
    assert shadow and (set(shadow.templates), set(shadow.unfound)) == ({first.id}, set())
    again.shadows.add("candidate", CANDIDATE, seen_by(OTHER, [second, third]), [])
    assert again.shadows.swap("candidate", CANDIDATE, IN_USE)
    assert models(repository) == {"other"}


def test_the_choice_that_is_in_use_is_stored_before_another_file_may_be_preferred(repository: PeopleRepository) -> None:
    repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    assert repository.settings()["model"] == "tiny"
    repository.save_settings({"model": "chosen"})
    repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    assert repository.settings()["model"] == "chosen"


def test_a_rehearsal_of_another_model_begins_anew(repository: PeopleRepository) -> None:
    rehearse(repository)
    rehearse(repository, THIRD)
    shadow = repository.shadows.get("candidate")
    assert shadow and shadow.of == THIRD
    assert {len(t.embedding) for t in shadow.templates.values()} == {4}
    for attempt in (
        lambda: repository.shadows.add("candidate", CANDIDATE, seen_by(OTHER, templates(repository)), []),
        lambda: repository.shadows.swap("candidate", CANDIDATE, IN_USE),
    ):
        with pytest.raises(RehearsalError, match="rehearsal of other was ended meanwhile"):
            attempt()
    assert repository.shadows.get("candidate") == shadow


def test_templates_and_choice_are_changed_together_and_back(repository: PeopleRepository) -> None:
    before = templates(repository)
    rehearse(repository)
    assert repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    assert models(repository) == {"other"} and repository.settings()["model"] == "other"
    assert repository.shadows.get("candidate") is None
    previous = repository.shadows.get("previous")
    assert previous and previous.of == IN_USE and set(previous.templates) == {t.id for t in before}

    assert repository.shadows.swap("previous", IN_USE, CANDIDATE)
    assert repository.settings()["model"] == "tiny"
    for old, new in zip(before, templates(repository), strict=True):
        assert replace(old, embedding=new.embedding) == new
        assert old.embedding.tolist() == new.embedding.tolist()
    previous = repository.shadows.get("previous")
    assert previous and previous.of == CANDIDATE


def test_a_model_that_was_left_is_rehearsed_from_what_is_kept(repository: PeopleRepository) -> None:
    rehearse(repository)
    repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    repository.shadows.begin("candidate", IN_USE, CANDIDATE)
    shadow = repository.shadows.get("candidate")
    assert shadow and len(shadow.templates) == 3
    assert repository.shadows.swap("candidate", IN_USE, CANDIDATE)
    assert repository.shadows.get("candidate") is None
    previous = repository.shadows.get("previous")
    assert previous and previous.of == CANDIDATE, "what was kept of a model in use is of no use"


def test_a_photo_without_a_face_keeps_its_template(repository: PeopleRepository) -> None:
    first, *others = templates(repository)
    repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    repository.shadows.add(
        "candidate", CANDIDATE, seen_by(OTHER, others), [(first, Unfound("no_face", "No face was found."))]
    )
    assert repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    assert [t.model_id.model for t in templates(repository)] == ["tiny", "other", "other"]
    assert repository.shadows.swap("previous", IN_USE, CANDIDATE)
    assert models(repository) == {"tiny"}


def test_a_template_of_a_third_model_is_no_part_of_the_way_back(repository: PeopleRepository) -> None:
    bert = repository.person("Bert")
    repository.replace_templates(seen_by(THIRD.model_id, bert.templates))
    rehearse(repository)
    assert repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    assert models(repository) == {"other"}
    assert not repository.shadows.swap("previous", IN_USE, CANDIDATE), "Bert has to be embedded first"
    assert models(repository) == {"other"}


def test_a_photo_that_was_removed_meanwhile_is_left_out(repository: PeopleRepository) -> None:
    made = seen_by(OTHER, templates(repository))
    repository.shadows.begin("candidate", CANDIDATE, IN_USE)
    repository.remove_person(repository.person("Bert").id)
    repository.shadows.add("candidate", CANDIDATE, made, [])
    assert repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    assert [person.name for person in repository.people()] == ["Anna"]


def test_an_import_that_replaces_everybody_leaves_no_shadow_of_other_photos(
    repository: PeopleRepository, tmp_path: Path
) -> None:
    rehearse(repository)
    anna = repository.person("Anna")
    path = tmp_path / "people.zip"
    with path.open("wb") as file:
        write_archive(file, [anna], repository.photos.read)
    with path.open("rb") as file:
        archive = open_archive(file)
        # Another photo under an id that was known.
        first, second = archive.people[0].templates
        swapped = (replace(first, id=second.id), replace(second, id=first.id))
        people = [Person(anna.id, "Anna", anna.created_at, swapped)]
        repository.import_people(people, archive.photo, "replace")
    shadow = repository.shadows.get("candidate")
    assert shadow and shadow.templates == {}


def test_another_process_sees_what_was_rehearsed_here(repository: PeopleRepository, open_again: OpenStore) -> None:
    other = open_again().people
    assert other.shadows.get("candidate") is None
    rehearse(repository)
    assert other.shadows.get("candidate")
    repository.shadows.discard("candidate")
    repository.shadows.discard("candidate")
    assert other.shadows.get("candidate") is None
    with pytest.raises(RehearsalError):
        other.shadows.swap("candidate", CANDIDATE, IN_USE)


@pytest.mark.parametrize("slot", ["candidate", "previous"])
def test_who_is_removed_is_removed_from_the_shadows(repository: PeopleRepository, slot: Slot) -> None:
    rehearse(repository)
    if slot == "previous":
        repository.shadows.swap("candidate", CANDIDATE, IN_USE)
    anna, bert = repository.people()
    repository.remove_template(anna.id, anna.templates[0].id)
    repository.remove_person(bert.id)
    shadow = repository.shadows.get(slot)
    assert shadow and set(shadow.templates) == {anna.templates[1].id}
