"""Who of an album is the person that was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facenet_core import images
from facenet_core.album import groups
from facenet_core.album.nearest import FileIndex, FileNearest, ServerNearest
from facenet_core.album.records import Coverage, FaceTable, Found, Hit
from facenet_core.album.searching import MOST_MOVED, Crowd
from facenet_core.config import Settings
from facenet_core.errors import AlbumError
from facenet_core.types import Embedding
from tests.albums import Scene
from tests.fakes import BLACK, BLUE, DARK_RED, GREEN, MEASURED, OTHER_MODEL, RED, YELLOW, Colour, fake_engine, photo
from tests.postgres import Explaining

Faces = NDArray[np.float32]

OTHERS: tuple[Colour, ...] = (
    BLUE, YELLOW, (120, 120, 20), (20, 120, 120), (120, 20, 120), (70, 200, 200), (20, 20, 20), (60, 60, 150)
)  # fmt: skip

DIMENSIONS = 512
"""Enough for strangers drawn by lot to lie about 1.41 apart, as MEASURED has half of them beyond 1.4."""


@pytest.fixture
def scene(album_settings: Settings, tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(album_settings, tmp_path / "photos")) as scene:
        yield scene


def sample(scene: Scene, colour: Colour) -> Embedding:
    """The embedding of a photo that is not in the album."""
    engine = fake_engine(scene.model_id)
    (face,) = engine.analyse(images.decode(photo(colour, mark=99), "sample.png")).faces
    return face.embedding


def names(hits: Iterable[Hit]) -> list[str]:
    return [hit.photo.name for hit in hits]


def search(scene: Scene, *colours: Colour, without: tuple[Colour, ...] = ()) -> Found:
    """Photos that show somebody of each colour."""
    return scene.album.search([[sample(scene, c)] for c in colours], [[sample(scene, c)] for c in without])


# -- albums ---------------------------------------------------------------------


def test_every_photo_of_a_person_is_found_and_nobody_else_s(scene: Scene) -> None:
    scene.put("alone.png", RED)
    scene.put("darker.png", DARK_RED)
    scene.put("with others.png", BLUE, RED, GREEN)
    scene.put("others.png", BLUE, GREEN)
    scene.put("nobody.png")
    scene.index()
    found = search(scene, RED)
    assert found.verdict == "found"
    assert sorted(names(found.hits)) == ["alone.png", "darker.png", "with others.png"]
    assert found.perhaps == ()
    assert found.faces == 7
    assert names(found.hits)[-1] == "darker.png"  # the best come first
    for hit in found.hits:
        assert hit.distance < 0.1
        assert hit.strangers > 10_000
        assert len(hit.faces) == 1
    assert [hit.faces[0].box.left for hit in found.hits if hit.photo.name == "with others.png"] == [110]


def test_a_stranger_is_absent(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.put("b.png", BLUE, GREEN)
    scene.index()
    found = search(scene, YELLOW)
    assert (found.verdict, found.hits, found.perhaps) == ("absent", (), ())


def test_who_is_new_is_found_before_anybody_is_grouped(scene: Scene) -> None:
    scene.put("a.png", RED)
    list(scene.album._indexer.run(fake_engine()))
    assert scene.album.people.ungrouped() == 1
    assert names(search(scene, RED).hits) == ["a.png"]


def test_a_photo_is_one_hit_whoever_is_on_it_twice(scene: Scene) -> None:
    scene.put("twins.png", RED, DARK_RED)
    scene.index()
    assert names(search(scene, RED).hits) == ["twins.png"]


def test_copies_of_a_photo_are_one_hit_with_all_paths(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.put("copies/a.png", RED)
    scene.index()
    (hit,) = search(scene, RED).hits
    assert len(hit.photo.paths) == 2


def test_two_people_are_found_where_both_are(scene: Scene) -> None:
    scene.put("both.png", RED, GREEN)
    scene.put("red.png", RED)
    scene.put("green.png", GREEN, BLUE)
    scene.index()
    found = search(scene, GREEN, RED)
    assert names(found.hits) == ["both.png"]
    green, red = found.hits[0].faces
    assert (red.box.left, green.box.left) == (30, 110)
    assert search(scene, RED, BLUE).verdict == "absent"
    assert names(search(scene, GREEN, BLUE).hits) == ["green.png"]


def test_one_person_is_found_without_another(scene: Scene) -> None:
    scene.put("both.png", RED, GREEN)
    scene.put("red.png", RED)
    scene.index()
    assert names(search(scene, RED, without=(GREEN,)).hits) == ["red.png"]
    assert search(scene, RED, without=(RED,)).verdict == "absent"
    assert len(search(scene, RED, without=(BLUE,)).hits) == 2


def test_one_face_can_t_be_two_people(scene: Scene) -> None:
    scene.put("alone.png", RED)
    scene.index()
    assert search(scene, RED, DARK_RED).verdict == "absent"


def test_of_very_many_faces_an_index_finds_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    colours = (RED, DARK_RED, GREEN, *OTHERS)
    for number, colour in enumerate(colours):
        scene.put(f"{number}.png", colour, mark=number)
    scene.index()
    exactly = [search(scene, colour) for colour in (RED, GREEN, BLACK)]
    monkeypatch.setattr(groups, "EXACT", 3)

    def check() -> None:
        assert [search(scene, colour) for colour in (RED, GREEN, BLACK)] == exactly

    if scene.settings.database_url is None:
        check()
        (kept,) = (scene.settings.db / "album").glob("nearest-*")
        assert kept.stat().st_mode & 0o777 == 0o600
        kept.write_bytes(b"damaged")
        with closing(scene.opened()) as scene.album:
            check()
            assert "can't be read" in caplog.text
    else:
        check()  # until the server has made it, all are looked at
        (graph,) = scene.album.people._groups._graphs.values()
        assert graph.building
        graph.building.join()
        assert graph.ready()
        check()
        nearest, database = scene.album.people.crowd()[1].nearest, scene.album._database
        assert isinstance(nearest, ServerNearest)
        with database.reading() as connection, monkeypatch.context() as patch:
            explaining = Explaining(connection)
            patch.setattr(database, "reading", lambda: nullcontext(explaining))
            nearest.rows(np.stack([sample(scene, RED)]), 3)
        assert f"Index Scan using {graph._name} on embeddings" in explaining.plan
    (scene.folder / "0.png").unlink()
    scene.put("new.png", RED, mark=20)
    scene.index()
    assert names(search(scene, RED).hits) == ["new.png", "1.png"]


@pytest.fixture
def file_scene(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """An album in a file that is large enough for an index."""
    monkeypatch.setattr(groups, "EXACT", 3)
    with closing(Scene(settings, tmp_path / "photos")) as scene:
        for number, colour in enumerate((RED, GREEN, *OTHERS)):
            scene.put(f"{number}.png", colour, mark=number)
        scene.index()
        search(scene, RED)
        yield scene


def kept_indexes(scene: Scene) -> list[Path]:
    return list((scene.settings.db / "album").glob("nearest*"))


@pytest.mark.parametrize("way", ["folder", "later"])
def test_the_index_on_the_disk_goes_with_photos_that_are_forgotten(file_scene: Scene, way: str) -> None:
    assert len(kept_indexes(file_scene)) == 1
    if way == "folder":
        file_scene.album.remove(file_scene.folder)
    else:
        (file_scene.folder / "0.png").unlink()
        file_scene.index()
        assert len(kept_indexes(file_scene)) == 1  # it may come back
        file_scene.later(days=31)
        file_scene.index()
        assert search(file_scene, RED).verdict == "absent"
    assert kept_indexes(file_scene) == []  # what is in memory has it still, and is not written
    if way == "later":
        with closing(file_scene.opened()) as file_scene.album:
            assert names(search(file_scene, GREEN).hits) == ["1.png"]
            (kept,) = kept_indexes(file_scene)
            assert FileIndex(kept)._index.ntotal == file_scene.album.counts()["faces"]


def test_an_index_that_is_made_while_photos_are_forgotten_is_not_kept(
    file_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, other = FileIndex._write, file_scene.opened()
    kept_indexes(file_scene)[0].unlink()

    def interrupted(self: FileIndex, path: Path) -> bool:
        other.remove(file_scene.folder)
        return write(self, path)

    monkeypatch.setattr(FileIndex, "_write", interrupted)
    with closing(file_scene.opened()) as file_scene.album:
        search(file_scene, RED)
        assert kept_indexes(file_scene) == []


def test_two_searches_at_once_prepare_the_faces_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put("a.png", RED, GREEN)
    scene.index()
    made, of, both = [], Crowd.of, threading.Barrier(2)

    def slowly(*args: Faces) -> Crowd:
        made.append(args)
        time.sleep(0.2)
        return of(*args)

    def ask() -> tuple[FaceTable, Crowd]:
        both.wait()
        return scene.album.people.crowd()

    monkeypatch.setattr(Crowd, "of", slowly)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(ask) for _ in range(2)]
        answers = [each.result() for each in asked]
    assert len(made) == 1
    assert all(crowd.embeddings is table.embeddings for table, crowd in answers)


# -- the index ------------------------------------------------------------------


def rows_of(ids: Iterable[int], embeddings: Faces) -> FaceTable:
    numbers = np.array(list(ids), np.int64)
    return FaceTable(numbers, numbers, np.ones(len(numbers), np.bool_), embeddings)


def test_an_index_is_brought_up_to_date_and_made_anew_when_a_third_has_gone(tmp_path: Path) -> None:
    path, drawn = tmp_path / "nearest", strangers(400)
    index = FileIndex(path)
    assert index.update(rows_of(range(300), drawn[:300]), path)
    before = index._index

    # Ten are new, two have gone, and the number of one was given to another face.
    now = drawn.copy()
    now[5] = drawn[399]
    kept = [row for row in range(310) if row not in (7, 8)]
    table = rows_of(kept, now[kept])
    assert not index.update(table, path)  # it is written when more has come, and without those that have gone
    assert index._index is before and before.ntotal == 311
    nearest = FileNearest(index, table)
    for row in (5, 6, 9, 305):
        assert row in table.ids[nearest.rows(now[[row]], 3)]
    assert not {7, 8} & set(table.ids[nearest.rows(drawn[[7, 8]], 3)].tolist())
    assert len(nearest.rows(now[:1], len(table))) == len(table)
    assert FileIndex(path)._index.ntotal == 300

    # A file that is older than the faces lacks nothing afterwards.
    other = FileIndex(path)
    other.update(table, path)
    assert other._index.ntotal == 311
    assert 305 in table.ids[FileNearest(other, table).rows(now[[305]], 1)]

    few = rows_of(range(150), drawn[:150])
    assert index.update(few, path)
    assert index._index is not before and FileIndex(path)._index.ntotal == 150


def test_an_index_of_what_has_grown_is_written_again(tmp_path: Path) -> None:
    path, drawn = tmp_path / "nearest", strangers(110)
    index = FileIndex(path)
    assert index.update(rows_of(range(100), drawn[:100]), path)
    assert not index.update(rows_of(range(102), drawn[:102]), path)
    assert index.update(rows_of(range(110), drawn), path)
    assert FileIndex(path)._index.ntotal == 110


def test_who_might_be_the_person_is_shown_apart(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.put("b.png", *OTHERS)
    scene.index()
    rates = replace(MEASURED, distances=(1.4, 0.1, 0.071, 0.01))
    scene.album._calibration = lambda: rates
    found = search(scene, DARK_RED)
    assert (found.verdict, found.hits) == ("absent", ())
    assert names(found.perhaps) == ["a.png"]
    assert found.perhaps[0].strangers < 1500


def test_where_whoever_is_barred_might_be_is_shown_apart(scene: Scene) -> None:
    scene.put("both.png", RED, GREEN)
    scene.put("green.png", GREEN)
    scene.put("others.png", *OTHERS)
    scene.index()
    rates = replace(MEASURED, distances=(1.4, 0.1, 0.071, 0.01))
    scene.album._calibration = lambda: rates
    found = search(scene, GREEN, without=(DARK_RED,))
    assert (names(found.hits), names(found.perhaps)) == (["green.png"], ["both.png"])


def test_a_face_that_is_more_surely_the_person_s_bars_nothing(scene: Scene) -> None:
    scene.put("red.png", RED)
    scene.put("twins.png", RED, DARK_RED)
    scene.put("dark.png", DARK_RED, BLUE)
    scene.index()
    assert sorted(names(search(scene, RED).hits)) == ["dark.png", "red.png", "twins.png"]
    assert names(search(scene, RED, without=(DARK_RED,)).hits) == ["red.png"]
    assert names(search(scene, DARK_RED, without=(RED,)).hits) == ["dark.png"]
    assert search(scene, RED, without=(RED,)).perhaps == ()


def test_photos_that_the_model_has_not_seen_are_counted(scene: Scene) -> None:
    for number in range(3):
        scene.put(f"{number}.png", RED, mark=number)
    scene.index()
    assert search(scene, YELLOW).coverage.sentence == ""
    scene.model_id = OTHER_MODEL
    with pytest.raises(AlbumError, match=r"^3 of 3 photos were not looked at by this model: index the album again\.$"):
        search(scene, RED)
    next(scene.album.index())
    found = search(scene, YELLOW)
    assert found.verdict == "absent"
    assert found.coverage.sentence == "2 of 3 photos were not looked at by this model: index the album again."
    scene.index()
    assert search(scene, RED).coverage == Coverage(3, 0)


def test_several_samples_find_what_each_of_them_finds(scene: Scene) -> None:
    scene.put("red.png", RED)
    scene.put("green.png", GREEN)
    scene.index()
    found = scene.album.search([[sample(scene, RED), sample(scene, GREEN)]])
    assert sorted(names(found.hits)) == ["green.png", "red.png"]


def test_the_faces_of_a_group_are_samples(scene: Scene) -> None:
    scene.put("a.png", RED)
    scene.put("b.png", DARK_RED, BLUE)
    scene.index()
    (group,) = scene.album.people.all()
    found = scene.album.search([list(scene.album.embeddings(group.faces))])
    assert sorted(names(found.hits)) == ["a.png", "b.png"]


def test_what_has_gone_is_not_found(scene: Scene) -> None:
    scene.put("stays.png", BLUE)
    path = scene.put("a.png", RED)
    scene.index()
    path.unlink()
    scene.index()
    assert search(scene, RED).verdict == "absent"


def test_an_album_without_faces_says_so(scene: Scene) -> None:
    with pytest.raises(AlbumError, match=r"no faces yet\. Add a folder of photos, and index it"):
        search(scene, RED)
    scene.put("nobody.png")
    scene.index()
    with pytest.raises(AlbumError, match="no faces yet"):
        search(scene, RED)


@pytest.mark.parametrize("people", [[], [[]]])
def test_a_search_for_nobody_says_so(scene: Scene, people: list[list[Embedding]]) -> None:
    scene.put("a.png", RED)
    scene.index()
    with pytest.raises(AlbumError, match="Give a photo of the person"):
        scene.album.search(people)


# -- ranking ----------------------------------------------------------------------


def unit(rows: NDArray[np.float64]) -> Faces:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def strangers(count: int, seed: int = 1) -> Faces:
    return unit(np.random.default_rng(seed).normal(size=(count, DIMENSIONS)))


def beside(face: Faces, distance: float, seed: int = 2) -> Faces:
    """A face at a distance of another."""
    other = np.random.default_rng(seed).normal(size=DIMENSIONS)
    other -= (other @ face) * face
    cosine = 1 - distance**2 / 2
    return unit(cosine * face + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other))


def crowd(faces: Faces, knots: list[int] | None = None) -> Crowd:
    """Every face on a photo of its own."""
    count = len(faces)
    return Crowd.of(faces, np.arange(count), np.array(knots if knots else [-1] * count, np.int64))


def ranked(faces: Faces, person: Faces) -> tuple[int, int]:
    ranking = crowd(faces).rank(person[np.newaxis], MEASURED)
    return ranking.found, ranking.perhaps


def test_the_larger_the_album_the_nearer_one_must_be() -> None:
    everybody, person, limits = strangers(2000), strangers(1, seed=3)[0], []
    for size in (1, 20, 200, 2000):
        others = everybody[: size - 1]
        distances = np.arange(0.1, 1.3, 0.04)
        limits.append(max(d for d in distances if ranked(np.vstack([others, beside(person, d)]), person)[0]))
    assert limits[0] > limits[1] > limits[2] > limits[3]
    assert limits[0] - limits[3] > 0.2


def test_strangers_are_absent_from_albums_of_any_size() -> None:
    everybody = strangers(3000)
    for person in strangers(40, seed=4):
        assert ranked(everybody, person) == (0, 0)


def test_faces_of_one_knot_are_one_look() -> None:
    """A person of a hundred photos makes nobody else harder to find."""
    person, other = strangers(2, seed=5)
    many = np.stack([beside(other, 0.3, seed) for seed in range(150)])
    faces = np.concatenate([many, [beside(person, 0.75)]])
    apart = crowd(faces).rank(person[np.newaxis], MEASURED)
    together = crowd(faces, [0] * 150 + [1]).rank(person[np.newaxis], MEASURED)
    assert (apart.found, together.found) == (0, 1)


def test_a_face_that_is_far_is_found_with_its_knot() -> None:
    person = strangers(1, seed=6)[0]
    faces = np.stack([*(beside(person, 0.9, seed) for seed in range(8)), *strangers(30, seed=7)])
    alone = crowd(faces).rank(person[np.newaxis], MEASURED)
    knotted = crowd(faces, [0] * 8 + list(range(1, 31))).rank(person[np.newaxis], MEASURED)
    assert alone.found == 0
    assert knotted.found == 8
    assert set(knotted.order[:8].tolist()) == set(range(8))
    assert knotted.verdict == "found" and alone.verdict == "absent"


def test_of_several_faces_of_a_photo_the_surest_counts() -> None:
    person = strangers(1, seed=8)[0]
    faces = np.stack([beside(person, 0.5), beside(person, 0.2, seed=9), *strangers(3, seed=10)])
    ranking = Crowd.of(faces, np.array([7, 7, 8, 8, 9]), np.full(5, -1)).rank(person[np.newaxis], MEASURED)
    assert ranking.order.tolist() == [1]
    assert ranking.distances[0] == pytest.approx(0.2, abs=1e-3)
    assert (np.diff(ranking.rarity) >= 0).all()


def test_all_faces_of_a_knot_are_as_rare_as_the_knot_and_each_has_its_own_distance() -> None:
    person = strangers(1, seed=31)[0]
    faces = np.stack([beside(person, 0.3, seed=1), beside(person, 0.6, seed=2)])
    ranking = Crowd.of(faces, np.array([7, 8]), np.zeros(2, np.int64)).rank(person[np.newaxis], MEASURED)
    assert ranking.distances.tolist() == pytest.approx([0.3, 0.6], abs=1e-3)
    assert ranking.rarity[0] == ranking.rarity[1]


def test_every_further_sample_brings_the_person_nearer() -> None:
    person = strangers(1, seed=11)[0]
    samples = np.stack([beside(person, 0.5, seed) for seed in range(5)])
    face = beside(person, 0.5, seed=20)
    one = crowd(face[np.newaxis]).rank(samples[:1], MEASURED)
    all_ = crowd(face[np.newaxis]).rank(samples, MEASURED)
    assert all_.distances[0] < one.distances[0]


def test_an_album_of_lookalikes_is_stricter_within_bounds() -> None:
    """Everybody of a family lies nearer to each other than strangers do."""
    centre = strangers(1, seed=12)[0]
    person = beside(centre, 0.5, seed=13)
    face = beside(person, 0.7, seed=14)
    rarity = {}
    for apart in (0.4, 0.9, 1.38):
        family = np.stack([beside(centre, apart, seed) for seed in range(100, 400)])
        ranking = crowd(np.concatenate([family, face[np.newaxis]])).rank(person[np.newaxis], MEASURED)
        rarity[apart] = ranking.rarity[ranking.order == 300][0]
    assert rarity[0.9] > MEASURED.fmr(0.7)[0]
    bound = MEASURED.fmr(0.7 + MOST_MOVED)[0]
    assert max(rarity.values()) == pytest.approx(bound, rel=0.02)
    assert min(rarity.values()) >= MEASURED.fmr(0.7 - MOST_MOVED)[0] * 0.98


def test_an_album_of_one_person_still_shows_the_person() -> None:
    person = strangers(1, seed=15)[0]
    faces = np.stack([beside(person, 0.5, seed) for seed in range(300)])
    ranking = crowd(faces, [0] * 300).rank(beside(person, 0.5, seed=999)[np.newaxis], MEASURED)
    assert ranking.found == 300


def test_a_few_faces_say_nothing_about_what_is_usual() -> None:
    person = strangers(1, seed=16)[0]
    face = beside(person, 0.7)
    near = np.stack([beside(person, 1.0, seed) for seed in range(50)])
    ranking = crowd(np.concatenate([near, face[np.newaxis]])).rank(person[np.newaxis], MEASURED)
    assert ranking.rarity[0] == pytest.approx(MEASURED.fmr(0.7)[0], rel=0.01)


def test_a_ranking_of_nobody_is_empty_and_one_without_samples_an_error() -> None:
    none = crowd(strangers(0))
    assert none.rank(strangers(1), MEASURED).verdict == "absent"
    with pytest.raises(ValueError, match="needs a sample"):
        none.rank(strangers(0), MEASURED)
