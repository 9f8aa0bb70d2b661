"""Decisions: verify, identify and compare."""

from __future__ import annotations

from facenet_core.enrolment import chosen_face
from facenet_core.errors import ModelError, UnknownPersonError
from facenet_core.matching import Searchable, distance
from facenet_core.thresholds import Thresholds
from facenet_core.types import Analysis, Comparison, Face, Identification, ModelId, Verification

TOP_K = 5
"""People shown for an identified face: the closest, and the next four."""


class Decisions(Thresholds):
    """Answers from an engine and the enrolled people. Thread-safe."""

    def refuse_foreign(self, *analyses: Analysis) -> None:
        """Checks that the current model has seen these photos: embeddings of another mean something else.

        Raises:
            ModelError: If another has, because the model was changed meanwhile.
        """
        for analysis in analyses:
            if analysis.model_id != self.engine.model_id:
                raise ModelError(f"{analysis.photo.name}: the model was changed meanwhile. Give the photo again.")

    def compare(
        self,
        first: Analysis,
        second: Analysis,
        *,
        faces: tuple[int | None, int | None] = (None, None),
        threshold: float | None = None,
    ) -> Comparison:
        """Holds two photos against each other, without the database.

        Args:
            first: A photo.
            second: Another.
            faces: Which face of each, from 1; None for the prominent one.
            threshold: Instead of the 1:1 threshold.

        Raises:
            NoFaceError: If a photo shows nobody.
            ModelError: If a photo was analysed with another model.
            NoThresholdError: If no threshold is known.
        """
        with self.monitor.stage("decide"):
            self.refuse_foreign(first, second)
            a, b = chosen_face(first, faces[0]), chosen_face(second, faces[1])
            model_id = first.model_id
            between, limit = distance(a.embedding, b.embedding), self.verify_threshold(threshold, model_id=model_id)
            return Comparison(a, b, between, limit, limit.judge(between), self._one_in(between, model_id), model_id)

    def verify(
        self, probe: Analysis, claim: str, *, face: int | None = None, threshold: float | None = None
    ) -> Verification:
        """Answers whether a probe shows the person it is claimed to show (1:1).

        Args:
            probe: The probe's photo.
            claim: Name or id of the claimed person.
            face: Which face, from 1; None for the prominent one.
            threshold: Instead of the 1:1 threshold.

        Raises:
            NoFaceError: If the photo shows nobody.
            UnknownPersonError: If nobody of that name is enrolled, or only with
                another model.
            ModelError: If the probe was analysed with another model.
            NoThresholdError: If no threshold is known.
        """
        with self.monitor.stage("decide"):
            self.refuse_foreign(probe)
            model_id = probe.model_id
            person = self.repository.person(claim)
            chosen = chosen_face(probe, face)
            candidate = self.gallery(model_id).compare(chosen.embedding, person)
            self.refuse_foreign(probe)  # another process may have changed the model, and all templates, meanwhile
            if candidate is None:
                raise UnknownPersonError(
                    f"{person.name} was enrolled with another model. Renew the templates first, on the Settings page "
                    "or with `people renew`."
                )
            limit = self.verify_threshold(threshold, templates=candidate.compared, model_id=model_id)
            without = None
            if candidate.distance_without is not None:
                fewer = self.verify_threshold(threshold, templates=candidate.compared - 1, model_id=model_id)
                without = fewer.judge(candidate.distance_without)
            rarity = self._one_in(candidate.distance, model_id, candidate.compared)
            return Verification(chosen, candidate, limit, limit.judge(candidate.distance), without, rarity, model_id)

    def identify(
        self,
        probe: Analysis,
        *,
        threshold: float | None = None,
        top_k: int = TOP_K,
        target_fpir: float | None = None,
    ) -> tuple[Identification, ...]:
        """Answers who each face of a photo is (1:N), if it is embedded.

        Args:
            probe: The photo.
            threshold: Instead of the 1:N threshold.
            top_k: Candidates per face.
            target_fpir: Share of strangers that may be named, instead of the
                settings'.

        Returns:
            One answer per face, from left to right.

        Raises:
            ModelError: If the probe was analysed with another model.
            NoThresholdError: If no threshold is known.
        """
        with self.monitor.stage("decide"):
            self.refuse_foreign(probe)
            gallery = self.gallery(probe.model_id)
            self.refuse_foreign(probe)  # another process may have changed the model, and all templates, meanwhile
            return tuple(
                self._identification(number, face, gallery, probe.model_id, threshold, top_k, target_fpir)
                for number, face in enumerate(probe.faces, start=1)
                if face.embedding.size
            )

    def _identification(
        self,
        number: int,
        face: Face,
        gallery: Searchable,
        model_id: ModelId,
        threshold: float | None,
        top_k: int,
        target_fpir: float | None,
    ) -> Identification:
        candidates = gallery.rank(face.embedding, top_k)
        best = candidates[0] if candidates else None
        of_person = best.compared if best else None
        limit = self.identify_threshold(
            threshold, templates=len(gallery), of_person=of_person, model_id=model_id, target_fpir=target_fpir
        )
        if best is None:
            return Identification(number, face, "no_match", (), limit, None)
        rarity = self._one_in(best.distance, model_id, best.compared)
        return Identification(number, face, limit.judge(best.distance), candidates, limit, rarity)
