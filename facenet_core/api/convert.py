"""The library's values as answers."""

from __future__ import annotations

from facenet_core import shapes, types
from facenet_core.api import answers


def model(model_id: types.ModelId) -> answers.Model:
    """What made embeddings."""
    return answers.Model(**shapes.model(model_id))


def limit(threshold: types.Threshold) -> answers.Limit:
    """A threshold."""
    return answers.Limit(**shapes.threshold(threshold))


def one_in(rarity: types.OneIn | None) -> answers.OneIn | None:
    """How rare a similarity is."""
    shape = shapes.one_in(rarity)
    return answers.OneIn(**shape) if shape else None


def face(found: types.Face, number: int) -> answers.FoundFace:
    """A face."""
    return answers.FoundFace(
        number=number,
        **shapes.detection(found.detection),
        quality=answers.Quality(**shapes.quality(found)),
        flaws=shapes.flaws(found),
    )


def faces(analysis: types.Analysis) -> list[answers.FoundFace]:
    """All faces of a photo."""
    return [face(found, number) for number, found in enumerate(analysis.faces, 1)]


def one_of(analysis: types.Analysis, found: types.Face) -> answers.FoundFace:
    """A face of a photo."""
    return face(found, shapes.face_number(analysis, found))


def candidate(found: types.Candidate) -> answers.Candidate:
    """Somebody who was compared."""
    return answers.Candidate(
        person_id=found.person.id,
        person=found.person.name,
        distance=shapes.rounded(found.distance),
        photo=found.photo_number,
        photos=found.compared,
        photo_distance=shapes.rounded(found.photo_distance),
        distance_without=shapes.distance(found.distance_without),
    )


def verification(analysis: types.Analysis, found: types.Verification) -> answers.Verification:
    """The answer to a claim."""
    return answers.Verification(
        matched=found.matched,
        outcome=found.outcome,
        outcome_without=found.outcome_without,
        candidate=candidate(found.candidate),
        threshold=limit(found.threshold),
        one_in=one_in(found.one_in),
        face=one_of(analysis, found.probe),
        faces=len(analysis.faces),
        model=model(found.model_id),
        seconds=round(analysis.seconds, 4),
    )


def comparison(first: types.Analysis, second: types.Analysis, found: types.Comparison) -> answers.Comparison:
    """The answer to two photos."""
    return answers.Comparison(
        matched=found.matched,
        outcome=found.outcome,
        distance=shapes.rounded(found.distance),
        threshold=limit(found.threshold),
        one_in=one_in(found.one_in),
        first=one_of(first, found.first),
        second=one_of(second, found.second),
        model=model(found.model_id),
        seconds=round(first.seconds + second.seconds, 4),
    )


def identified(found: types.Identification) -> answers.Identified:
    """The answer for one face."""
    return answers.Identified(
        face=face(found.face, found.number),
        matched=found.matched,
        outcome=found.outcome,
        candidates=[candidate(each) for each in found.candidates],
        threshold=limit(found.threshold),
        one_in=one_in(found.one_in),
    )


def person(found: types.Person, current: types.ModelId | None) -> answers.Person:
    """Somebody with their photos."""
    photos = [
        answers.EnrolledPhoto(
            id=template.id,
            source_name=template.source_name,
            created_at=template.created_at,
            current=template.model_id == current,
        )
        for template in found.templates
    ]
    return answers.Person(id=found.id, name=found.name, created_at=found.created_at, photos=photos)


def listed(found: types.Person) -> answers.PersonListed:
    """Somebody, without their photos."""
    return answers.PersonListed(id=found.id, name=found.name, created_at=found.created_at, photos=len(found.templates))


def outcome(result: types.EnrolOutcome) -> answers.Outcomes:
    """What became of a photo."""
    return answers.Outcomes(
        photo=result.photo,
        accepted=result.accepted,
        code=result.code,
        reason=result.reason,
        photo_id=result.template_id,
        resembles=result.resembles,
        flaws=list(result.flaws),
        warnings=list(result.warnings),
    )
