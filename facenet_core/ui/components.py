"""What several pages show: verdicts, the distance scale, crops, reports."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import streamlit as st

from facenet_core.errors import FaceNetError
from facenet_core.quality import described, flaws
from facenet_core.types import Analysis, EnrolOutcome, Face, ModelId, OneIn, Outcome, Threshold

CROP_WIDTH = 132
"""Pixels: every face crop is shown at one size."""

SCALE_END = 1.6
"""Right end of the distance scale: few pairs of faces are farther apart."""

MANY_NOTES, NOTES_HEIGHT = 6, 260
"""Beyond so many notes about photos they scroll, in so many pixels."""

MATCH, UNSURE, NO_MATCH, NEUTRAL = "#2a9461", "#d98a1f", "#cf4a3f", "rgba(128,128,128,0.35)"

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#+\-.!|~<>$:&]")
_MADE_OF_TEXT = re.compile(r"(?<=:)(?=[\w/])|(?<=@)(?=\w)|(?<=www)(?=\.)|(?<=-)(?=[->])|(?<=[<>~])(?=[=-])", re.I)
"""Inside of addresses, ``:material/name:``, ``:emoji:``, ``->``, ``--``, ``>=`` and their like."""


def verdict(outcome: Outcome) -> None:
    """The answer to a claim, as a word, an icon and a colour."""
    if outcome == "match":
        st.markdown("## :green[:material/check_circle: Welcome in]")
    elif outcome == "inconclusive":
        st.markdown("## :orange[:material/help: Can't tell]")
        st.markdown("**Try another photo:** sharp, well lit, the face turned to the camera.")
    else:
        st.markdown("## :red[:material/cancel: Go away]")


def distance_scale(distance: float, threshold: Threshold) -> None:
    """The distance as a point on a line, with the threshold as a mark on it, and the band of *can't tell*."""
    outcome = threshold.judge(distance)
    at, limit, end = (min(x / SCALE_END, 1.0) * 100 for x in (distance, threshold.distance, threshold.inconclusive))
    place = {
        "match": f"within the threshold {threshold.distance:.2f}",
        "inconclusive": f"between the threshold {threshold.distance:.2f} and {threshold.inconclusive:.2f}, "
        "where the answer is Can't tell",
        "no_match": f"beyond the threshold {threshold.distance:.2f}",
    }[outcome]
    said = f"Distance {distance:.2f}, {place}, on a scale from 0 to {SCALE_END}"
    colour = {"match": MATCH, "inconclusive": UNSURE, "no_match": NO_MATCH}[outcome]
    st.html(
        f"""
        <div role="img" aria-label="{html.escape(said)}" style="position:relative;height:4.6rem;margin:0 0.5rem">
          <div style="position:absolute;left:{at:.2f}%;top:0;transform:translateX({_hang(at)});font-weight:600;
                      white-space:nowrap">distance {distance:.2f}</div>
          <div style="position:absolute;left:0;right:0;top:2.15rem;height:0.5rem;border-radius:0.25rem;
                      background:linear-gradient(to right,{MATCH}55 {limit:.2f}%,{UNSURE}77 {limit:.2f}%,
                      {UNSURE}77 {end:.2f}%,{NEUTRAL} {end:.2f}%)"></div>
          <div style="position:absolute;left:{limit:.2f}%;top:1.75rem;height:1.3rem;
                      border-left:2px solid currentColor"></div>
          <div style="position:absolute;left:{at:.2f}%;top:1.9rem;width:1rem;height:1rem;margin-left:-0.5rem;
                      border-radius:50%;background:{colour};box-shadow:0 0 0 2px #fff"></div>
          <div style="position:absolute;left:{limit:.2f}%;top:3.2rem;transform:translateX({_hang(limit)});
                      white-space:nowrap;opacity:0.75;font-size:0.85rem">threshold {threshold.distance:.2f}</div>
        </div>
        """
    )


def _hang(at: float) -> str:
    """Where a label hangs: one that would run over the edge hangs inwards."""
    return "0" if at < 12 else "-100%" if at > 88 else "-50%"


def rarity(one_in: OneIn | None, name: str) -> str:
    """The sentence that a distance means something by."""
    if one_in is None:
        return "How rare this similarity is was not measured for this model."
    estimated = ", estimated beyond what was measured" if one_in.basis == "estimated" else ""
    return f"{str(one_in).capitalize()} strangers looks this similar to {plain(name)}{estimated}."


def crop(face: Face, caption: str, alt: str) -> None:
    """What the model saw of a face."""
    st.image(face.crop, caption=caption, width=CROP_WIDTH, alt=alt)


def details(analysis: Analysis, face: Face) -> None:
    """The small print under an answer."""
    box = face.detection.box
    with st.expander("Details", icon=":material/info:"):
        st.markdown(
            f"- Face: {box.width:.0f} × {box.height:.0f} pixels of {analysis.photo.width} × {analysis.photo.height}, "
            f"detector's score {face.detection.confidence:.3f}\n"
            f"- Quality: {quality_line(face)}\n"
            f"- Faces in the photo: {len(analysis.faces)}\n"
            f"- Detection and embedding took {analysis.seconds:.2f} s\n"
            f"- {model_line(analysis.model_id)}"
        )


def quality_line(face: Face) -> str:
    """How well a photo shows a face, in words and measures."""
    measured, found = face.quality, flaws(face.quality)
    words = "; ".join(flaw.message.rstrip(".") for flaw in found) if found else "nothing to object to"
    return (
        f"{words} (sharpness {measured.sharpness:.2f}, median grey {measured.brightness:.0f} of 255, turned "
        f"{abs(measured.yaw):.2f}, tilted {abs(measured.roll):.0f}°, {measured.visible:.0%} inside the photo)"
    )


def advice(face: Face) -> None:
    """What is wrong with a probe's photo and what to do about it; nothing where nothing is."""
    if found := flaws(face.quality):
        st.info(f"About this photo: {plain(described(found))}", icon=":material/tips_and_updates:")


def model_line(model_id: ModelId) -> str:
    """Which model answered."""
    return (
        f"Model `{model_id.model}`, {model_id.dimensions} numbers per face, preprocessing "
        f"`{model_id.preprocessing}`, weights `{model_id.weights_sha256[:12]}`"
    )


def report(outcomes: Sequence[EnrolOutcome]) -> None:
    """How many photos were enrolled, and what there is to say about the others."""
    done = sum(o.accepted for o in outcomes)
    refused = len(outcomes) - done
    if done:
        st.success(f"{count(done, 'photo')} enrolled.", icon=":material/check_circle:")
    if refused:
        st.warning(f"{count(refused, 'photo')} refused, with the reason below.", icon=":material/block:")
    if notes := [_note(o) for o in outcomes if o.warnings or not o.accepted]:
        with st.container(height=NOTES_HEIGHT if len(notes) > MANY_NOTES else "content"):
            st.markdown("\n".join(notes))
    if len(outcomes) > 1:
        with st.expander("Every photo", icon=":material/list:"):
            st.dataframe(
                [
                    {"Photo": o.photo, "Person": o.person, "Result": "enrolled" if o.accepted else "refused"}
                    for o in outcomes
                ],
                hide_index=True,
                alt="What became of each photo",
            )


def _note(outcome: EnrolOutcome) -> str:
    said = " ".join(w[:1].upper() + w[1:] for w in outcome.warnings) if outcome.accepted else outcome.reason
    about = f"**{plain(outcome.photo)}** " if outcome.photo else ""
    whose = f"({plain(outcome.person)}) " if outcome.person.strip() else ""
    return f"- {about}{whose}{plain(said)}"


def show_error(error: FaceNetError | str) -> None:
    """One error, in the words of its message, which may quote names."""
    st.error(plain(str(error)), icon=":material/error:")


def count(number: int, noun: str) -> str:
    """``1 photo``, ``2 photos``; ``1 person``, ``2 people``."""
    plural = f"{noun.removesuffix('person')}people" if noun.endswith("person") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def plain(text: str) -> str:
    """A name as Markdown that shows it literally.

    Streamlit makes links, icons and arrows of what is left once the escapes of
    Markdown are gone; an invisible character keeps their parts apart.
    """
    apart = _MADE_OF_TEXT.sub("\N{WORD JOINER}", " ".join(text.split()))
    return _MARKDOWN.sub(r"\\\g<0>", apart)
