"""Questions about groups that may be wrong: two that may be one person, or one that may be two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from facenet_core.album.records import Group
from facenet_core.album.said import Kind
from facenet_core.errors import AlbumError, FaceNetError
from facenet_core.service import FaceService
from facenet_core.types import ModelId
from facenet_core.ui import album_group, album_sections, album_tiles, audit, components, login, notices

SHOWN = "album_questions"
"""Set while the questions are shown in the place of the cards, as a key of the session."""

ROUND = "album_questions_round"
"""The questions, as a key of the session."""

FACES, WIDTH = 6, 96
"""Faces that are shown of each side, and their pixels across."""

ANSWERS: dict[Kind, tuple[str, str, str]] = {
    "same": ("Same person", ":material/person:", "They are one person now."),
    "differ": ("Different people", ":material/group:", "They stay two people."),
    "sure": ("One person", ":material/person:", "It stays one person."),
    "apart": ("Two people", ":material/group:", "They are two people now."),
}
"""What each answer is called, its icon, and what came of it."""

NOTED: dict[Kind, tuple[str, str]] = {
    "same": ("album_merge", "merged"),
    "differ": ("album_apart", "apart"),
    "sure": ("album_confirm", "confirmed"),
    "apart": ("album_split", "split"),
}
"""What is noted for the audit."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether two sets of faces are one person.

    Attributes:
        numbers: The groups that they are in; the same number twice for two
            halves of one.
        first: Some of the faces, by their numbers; of halves, the larger.
        second: The others.
    """

    numbers: tuple[int, int]
    first: frozenset[int]
    second: frozenset[int]

    @property
    def halves(self) -> bool:
        """Whether it is about one group."""
        return self.numbers[0] == self.numbers[1]

    def like(self, other: Question) -> bool:
        """Whether it asks about people that another one asks about too."""
        return self.halves == other.halves and (
            bool(self.first & other.first and self.second & other.second)
            or bool(self.first & other.second and self.second & other.first)
        )


@dataclass(slots=True)
class Round:
    """Questions that were thought of at once, and what became of them.

    Attributes:
        model_id: The model at work.
        began: The album's revision that they are about.
        seen: Its revision after the last answer: what has changed since was
            changed elsewhere.
        questions: All of them, in the order in which they are asked.
        unsure: Those that are not to be asked again in this session.
        answered: Those that were answered, and how.
        moot: Those that are none any more, as the groups are now.
    """

    model_id: ModelId
    began: str
    seen: str
    questions: tuple[Question, ...]
    unsure: list[Question]
    answered: list[tuple[Question, Kind]] = field(default_factory=list)
    moot: set[Question] = field(default_factory=set)

    def left(self) -> list[Question]:
        """What is still to be asked."""
        done = [question for question, _ in self.answered] + self.unsure
        return [each for each in self.questions if each not in self.moot and not any(map(each.like, done))]


def opened() -> bool:
    """Whether the questions are shown, in the place of the cards."""
    return SHOWN in st.session_state and login.may("manage")


def button(shared: FaceService) -> None:
    """Opens the questions; says how many there are, once that is known."""
    asked = _known(shared)
    left = len(asked.left()) if asked else 0
    st.button(
        f"Check the groups ({left})" if left else "Check the groups",
        icon=":material/rule:",
        help="Asks about groups that look like one person, and about some that look like two.",
        on_click=_show,
        args=(shared,),
    )


def section(shared: FaceService) -> None:
    """The next question."""
    st.button("All people", icon=":material/arrow_back:", type="tertiary", on_click=_close)
    if not album_sections.ready(shared):
        return
    asked = _round(shared)
    found = _next(shared, asked)
    if found is None and shared.album.revision() != asked.began:  # answers raise questions
        asked = _think(shared)
        found = _next(shared, asked)
    if found is None:
        st.success("There is nothing more to ask about the groups.", icon=":material/check_circle:")
        if asked.unsure:
            st.caption(f"Left open: {components.count(len(asked.unsure), 'question')} that you were not sure of.")
            st.button("Ask them again", icon=":material/refresh:", on_click=asked.unsure.clear)
        album_group.undo_button(shared, _ask_again)
        return
    question, groups = found
    st.subheader("Is this one person, or two?" if question.halves else "Are these the same person?", anchor=False)
    left = components.count(len(asked.left()), "question")
    now = "They are one group now. " if question.halves else ""
    st.caption(f"{now}{left} left. An answer holds until you take it back.")
    sides = zip(st.columns(2), groups, (question.first, question.second), strict=True)
    for place, (column, group, faces) in enumerate(sides, 1):
        with column, st.container(border=True, height="stretch"):
            _side(shared, group, faces, place)
    with st.container(horizontal=True, vertical_alignment="center"):
        # Keys are of this question: a second click must not answer the next one.
        key = "album_answer_{}_{}_".format(*question.numbers)
        kinds: tuple[Kind, Kind] = ("sure", "apart") if question.halves else ("same", "differ")
        for kind in kinds:
            label, icon, _ = ANSWERS[kind]
            st.button(label, key=key + kind, icon=icon, on_click=_answer, args=(shared, question, kind))
        st.button(
            "Not sure", key=f"{key}unsure", icon=":material/help:", on_click=asked.unsure.append, args=(question,)
        )
        album_group.undo_button(shared, _ask_again)


def _side(shared: FaceService, group: Group, faces: frozenset[int], place: int) -> None:
    name = f"**{components.plain(group.name)}**" if group.name else f":gray[{album_group.UNKNOWN}]"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"{name} :gray[· {components.count(len(faces), 'face')}]", width="content")
        if len(faces) == len(group.faces):  # no half of a group
            st.button(
                "Open",
                key=f"album_question_open_{place}",
                icon=":material/face:",
                type="tertiary",
                on_click=_open,
                args=(group,),
            )
    best = [face for face in group.faces if face in faces][:FACES]
    with st.container(horizontal=True, gap="xsmall"):
        for number, face in enumerate(shared.album.faces(best), 1):
            album_tiles.face(shared, face, f"Person {place}, face {number} of {album_group.called(group)}", WIDTH)


def _show(shared: FaceService) -> None:
    st.session_state[SHOWN] = True
    if _known(shared) is None and (asked := _kept()):
        asked.questions = ()  # they are thought of anew


def _close() -> None:
    st.session_state.pop(SHOWN, None)


def _open(group: Group) -> None:
    _close()
    album_group.show(group)


def _kept() -> Round | None:
    found: Round | None = st.session_state.get(ROUND)
    return found


def _known(shared: FaceService) -> Round | None:
    """The questions, if nothing but answers to them has changed the album since."""
    asked = _kept()
    return asked if asked and asked.seen == shared.album.revision() else None


def _round(shared: FaceService) -> Round:
    """The questions that were thought of last, unless that was of another model."""
    asked = _kept()
    return asked if asked and asked.model_id == shared.engine.model_id else _think(shared)


def _think(shared: FaceService) -> Round:
    """Thinks of questions: first about groups of several people, which make others look alike."""
    before, revision = _kept(), shared.album.revision()
    with st.spinner("Looking for groups that may be wrong", show_time=True):
        doubts = shared.album.people.doubts()
        groups = shared.album.people.all(1)
    clear = {face.id for face in shared.album.faces(group.faces[0] for group in groups) if face.clear}
    # Nobody can tell of a blurred or tiny face who it is.
    faces = {each.number: frozenset(each.faces) for each in groups if each.name or each.faces[0] in clear}
    halves = [
        Question((each.label, each.label), frozenset(each.first), frozenset(each.second))
        for each in doubts.merges
        if each.label in faces
    ]
    pairs = [
        Question((each.first, each.second), faces[each.first], faces[each.second])
        for each in doubts.splits
        if each.first in faces and each.second in faces
    ]
    asked = Round(shared.engine.model_id, revision, revision, (*halves, *pairs), before.unsure if before else [])
    st.session_state[ROUND] = asked
    return asked


def _next(shared: FaceService, asked: Round) -> tuple[Question, tuple[Group, Group]] | None:
    """The first question that is one still, as the groups are now."""
    for question in asked.left():
        if found := _current(shared, question):
            return found
        asked.moot.add(question)
    return None


def _current(shared: FaceService, question: Question) -> tuple[Question, tuple[Group, Group]] | None:
    """A question with the groups that its faces are in now; None where it is none any more."""
    try:
        if question.halves:
            group = album_group.current(shared, question.numbers[0], question.first | question.second)
            first, second = (side.intersection(group.faces) for side in (question.first, question.second))
            groups = (group, group)
        else:
            sides = zip(question.numbers, (question.first, question.second), strict=True)
            one, other = (album_group.current(shared, number, faces) for number, faces in sides)
            groups, first, second = (one, other), frozenset(one.faces), frozenset(other.faces)
    except AlbumError:
        return None
    now = Question((groups[0].number, groups[1].number), first, second)
    return (now, groups) if first and second and now.halves == question.halves else None


def _answer(shared: FaceService, question: Question, kind: Kind) -> None:
    try:
        if (found := _current(shared, question)) is None:
            notices.say("These groups have changed meanwhile.", error=True)
            return
        people, (one, other) = shared.album.people, found[0].numbers
        says: dict[Kind, Callable[[], None]] = {
            "same": lambda: people.merge([one, other]),
            "differ": lambda: people.differ(one, other),
            "sure": lambda: people.confirm(one),
            "apart": lambda: people.split(one, sorted(found[0].second)),
        }
        says[kind]()
    except FaceNetError as error:
        notices.say(str(error), error=True)
        return
    audit.note(shared, *NOTED[kind])
    if asked := _kept():
        asked.answered.append((question, kind))
        asked.seen = shared.album.revision()
    _, icon, said = ANSWERS[kind]
    st.toast(said, icon=icon)


def _ask_again(shared: FaceService, kind: Kind) -> None:
    """Asks once more what was taken back."""
    if (asked := _kept()) is None:
        return
    if asked.answered and asked.answered[-1][1] == kind:
        asked.answered.pop()
        asked.moot.clear()
        asked.seen = shared.album.revision()
    else:  # something that was said before, or elsewhere
        asked.questions = ()
