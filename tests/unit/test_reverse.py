"""What a reverse index takes in, finds, and lets go of."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from facenet_core import images
from facenet_core.config import Settings
from facenet_core.errors import FileTooLargeError, ReverseError, StoreError, TimedOutError
from facenet_core.reverse import crawling
from facenet_core.reverse.index import ReverseIndex
from facenet_core.reverse.records import distance_of, score
from facenet_core.reverse.tables import MODELS, PHOTOS
from facenet_core.sources.records import RefusedResult
from facenet_core.store import sqlite
from facenet_core.store.models import ModelNumbers
from tests.fakes import BLUE, DARK_RED, GREEN, MODEL, OTHER_MODEL, RED, YELLOW, photo
from tests.postgres import Postgres
from tests.reverses import ReverseScene, page_of


@pytest.fixture
def scene(reverse_settings: Settings) -> Iterator[ReverseScene]:
    with closing(ReverseScene(reverse_settings)) as scene:
        yield scene


def test_it_is_off_until_it_is_asked_for_and_leaves_no_trace(settings: Settings) -> None:
    scene = ReverseScene(settings)
    for ask in (scene.crawl, scene.take_in, scene.index.status, scene.index.rebuild, scene.index.removals):
        with pytest.raises(ReverseError, match="FACENET_REVERSE=true turns it on"):
            ask()
    assert not (settings.db / "reverse").exists()


def test_the_page_of_the_person_comes_first_with_everything_that_must_be_named(scene: ReverseScene) -> None:
    scene.web.put("blue", photo(BLUE))
    url = scene.web.put("red", photo(RED, GREEN))
    scene.take_in()
    matches = scene.search(RED)
    hit = matches.hits[0]
    assert matches.searched == 3
    assert hit.outcome == "match"
    assert hit.score == pytest.approx(100.0)
    (page,) = hit.pages
    assert (page.page_url, page.image_url, page.source) == (page_of(url), url, "commons")
    assert (page.author, page.licence, page.licence_url) == ("An author", "CC BY 4.0", "https://licence.example/")
    assert page.fetched_at == scene.web.now
    assert all(each.score >= 60.0 for each in matches.hits)


def test_the_score_is_that_of_older_systems() -> None:
    for cosine in (1.0, 0.2, 0.0, -1.0):
        distance = np.sqrt(2 - 2 * cosine)
        assert score(distance) == pytest.approx((cosine + 1) / 2 * 100)
        assert distance_of(score(distance)) == pytest.approx(distance)


def test_an_address_is_fetched_once_however_often_it_is_found(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))
    assert [each.outcome for each in scene.crawl()] == ["fetched"]
    assert [each.outcome for each in scene.crawl("other words")] == ["known"]
    assert len(scene.web.asked) == 1


def test_one_picture_at_two_addresses_is_one_face_on_two_pages(scene: ReverseScene) -> None:
    first, second = scene.web.put("red", photo(RED)), scene.web.put("again", photo(RED))
    assert [each.outcome for each in scene.crawl()] == ["fetched", "known"]
    list(scene.index.index())
    (hit,) = scene.search(RED).hits
    assert [page.image_url for page in hit.pages] == [first, second]


def test_a_picture_that_was_saved_again_is_shown_with_the_first(scene: ReverseScene) -> None:
    first, second = scene.web.put("red", photo(RED)), scene.web.put("smaller", photo(RED, side=48, mark=3))
    (one, other) = scene.take_in()
    assert (one.copies, other.copies) == (0, 1)
    (hit,) = scene.search(RED).hits
    assert [page.image_url for page in hit.pages] == [first, second]
    assert scene.index.status().copies == 1


def test_a_copy_takes_the_place_of_the_face_that_goes(scene: ReverseScene) -> None:
    first, second = scene.web.put("red", photo(RED)), scene.web.put("smaller", photo(RED, side=48, mark=3))
    third = scene.web.put("smallest", photo(RED, side=40, mark=5))
    scene.take_in()
    scene.search(RED)  # what it keeps in memory knows the first
    assert scene.index.remove_url(first) == 1
    (hit,) = scene.search(RED).hits
    assert [page.image_url for page in hit.pages] == [second, third]


def test_what_has_no_licence_is_refused_and_said_so(scene: ReverseScene) -> None:
    scene.web.refused.append(RefusedResult("https://x.example/a.png", "https://x.example/a", "It has no licence."))
    (refused,) = scene.crawl()
    assert (refused.outcome, refused.reason) == ("refused", "It has no licence.")
    assert scene.index.status().images == {}


def test_what_could_not_be_had_for_now_is_asked_again_and_what_never_can_is_not(scene: ReverseScene) -> None:
    slow = scene.web.put("slow", TimedOutError("slow", "it takes too long."))
    scene.web.put("large", FileTooLargeError("large", "it is too large."))
    assert [(each.outcome, each.reason) for each in scene.crawl()] == [
        ("refused", "it takes too long."),
        ("refused", "it is too large."),
    ]
    scene.web.pictures[slow] = photo(RED)
    scene.web.asked.clear()
    assert [each.outcome for each in scene.crawl()] == ["fetched", "known", "known"]
    assert scene.web.asked == [slow]
    assert scene.index.status().refused == 1


def test_a_crawl_that_was_stopped_goes_on(scene: ReverseScene) -> None:
    for name, colour in (("red", RED), ("blue", BLUE), ("green", GREEN)):
        scene.web.put(name, photo(colour))
    crawl = scene.index.crawl(scene.web, scene.web, "people", 100)
    next(crawl)
    crawl.close()
    assert sorted(each.outcome for each in scene.crawl()) == ["fetched", "fetched", "known"]
    assert len(scene.web.asked) == 3


def test_a_limit_counts_what_is_new_so_that_the_next_crawl_goes_on(scene: ReverseScene) -> None:
    scene.web.refused.append(RefusedResult("https://x.example/a.png", "https://x.example/a", "It has no licence."))
    for number in range(5):
        scene.web.put(f"red {number}", photo(RED, mark=number))
    seen = []
    for _ in range(3):
        crawled = scene.crawl(limit=2)
        seen.append((sum(each.outcome == "fetched" for each in crawled), crawled[-1].limited))
        list(scene.index.index())
    assert seen == [(2, True), (2, True), (1, False)]


def test_crawls_wait_for_the_index(scene: ReverseScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawling, "WAITING", 1)
    scene.web.put("red", photo(RED))
    scene.web.put("blue", photo(BLUE))
    with pytest.raises(ReverseError, match="Index them first"):
        scene.crawl()
    list(scene.index.index())
    scene.crawl()
    assert len(list(scene.index.index())) == 1


def test_two_crawls_or_two_runs_at_once_are_refused(scene: ReverseScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOOK_SECONDS", 0.05)
    scene.web.put("red", photo(RED))
    scene.web.put("blue", photo(BLUE))
    crawl = scene.index.crawl(scene.web, scene.web, "people", 100)
    next(crawl)
    with pytest.raises(ReverseError, match="Another crawl is under way"):
        list(scene.opened().crawl(scene.web, scene.web, "people", 100))
    list(crawl)
    run = scene.index.index()
    next(run)
    with pytest.raises(ReverseError, match="another process"):
        list(scene.opened().index())
    run.close()


def test_a_run_that_was_stopped_goes_on_and_looks_at_each_photo_once(scene: ReverseScene) -> None:
    for mark in range(5):
        scene.web.put(f"p{mark}", photo((40 * mark, 20, 255 - 40 * mark)))
    scene.crawl()
    run = scene.index.index()
    looked = [next(run), next(run)]
    run.close()
    looked += scene.opened().index()
    assert sorted(each.image_url for each in looked) == sorted(scene.web.pictures)
    assert scene.index.status().faces + scene.index.status().copies == 5


def test_what_is_no_photo_is_an_answer_and_the_others_are_taken_in(scene: ReverseScene) -> None:
    bad = scene.web.put("bad", b"\x89PNG\r\n\x1a\nnothing")
    scene.web.put("red", photo(RED))
    taken = {each.image_url: each for each in scene.take_in()}
    assert taken[bad].problem
    assert len(scene.search(RED).hits) == 1
    assert scene.index.status().waiting == 0


@pytest.mark.parametrize("keep", [False, True])
def test_only_a_thumbnail_is_kept_unless_more_is_asked_for(scene: ReverseScene, keep: bool) -> None:
    scene.web.put("red", photo(RED, side=600))
    scene.crawl()
    list(scene.index.index(keep=keep))
    with scene.index._database.reading() as connection:
        originals = [row.original for row in connection.execute(PHOTOS.select())]
    assert [original is not None for original in originals] == [keep]
    (hit,) = scene.search(RED).hits
    with Image.open(io.BytesIO(scene.index.thumbnail(hit.photo) or b"")) as small:
        assert max(small.size) == 360


def test_filters_by_source_and_by_date(scene: ReverseScene) -> None:
    old = scene.web.put("red", photo(RED))
    scene.take_in()
    before = scene.web.now
    scene.later(days=2)
    scene.web.pictures.clear()
    scene.web.name = "pexels"
    new = scene.web.put("dark", photo(DARK_RED, GREEN))
    scene.take_in()
    assert scene.found(RED, sources=("commons",)) == [page_of(old)]
    assert scene.found(RED, sources=("pexels",)) == [page_of(new)]
    assert scene.found(RED, since=before + timedelta(days=1)) == [page_of(new)]
    assert scene.found(RED, until=before + timedelta(days=1)) == [page_of(old)]
    assert scene.found(RED, sources=("flickr",)) == []


def test_somebody_who_looks_like_nobody_is_not_found(scene: ReverseScene) -> None:
    scene.web.put("yellow", photo((250, 250, 20)))
    scene.take_in()
    assert scene.search((5, 5, 235)).hits == ()


# -- removal ----------------------------------------------------------------------


def test_a_page_that_was_removed_is_gone_at_once_and_does_not_come_back(scene: ReverseScene) -> None:
    url = scene.web.put("red", photo(RED))
    scene.take_in()
    assert scene.index.remove_url(page_of(url)) == 1
    assert scene.found(RED) == []
    assert scene.index.status().photos == 0
    assert [(each.outcome, each.reason) for each in scene.crawl()] == [("refused", "It is on the removal list.")]


def test_a_site_is_removed_with_all_below_it_and_no_other(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED), host="www.bad.example")
    kept = scene.web.put("dark", photo(DARK_RED, BLUE), host="notbad.example")
    scene.take_in()
    assert scene.index.remove_host("bad.example") == 1
    assert scene.found(RED) == [page_of(kept)]


def test_a_person_who_was_removed_is_gone_and_is_not_taken_in_again(scene: ReverseScene) -> None:
    scene.web.put("both", photo(RED, BLUE))
    scene.web.put("copy", photo(RED, BLUE, side=48, mark=4))
    scene.take_in()
    analysis = scene.analysed(DARK_RED)
    assert scene.index.remove_face(analysis.photo, analysis.faces[0]) == 2
    assert scene.search(BLUE).hits[0].distance == pytest.approx(0.0, abs=1e-3)
    assert all(hit.distance > 0.5 for hit in scene.search(RED).hits)

    scene.web.put("new", photo(RED, GREEN, mark=7))
    (taken,) = scene.take_in()
    assert (taken.faces, taken.removed) == (1, 1)
    assert all(hit.distance > 0.5 for hit in scene.search(RED).hits)
    assert scene.index.rebuild() == 2
    assert all(hit.distance > 0.5 for hit in scene.search(RED).hits)


def test_thumbnails_do_not_show_whoever_was_removed(scene: ReverseScene) -> None:
    scene.web.put("before", photo(RED, BLUE))
    scene.take_in()
    analysis = scene.analysed(RED)
    scene.index.remove_face(analysis.photo, analysis.faces[0])
    scene.web.put("after", photo(RED, BLUE, YELLOW, mark=6))
    scene.take_in()
    for hit in (scene.search(BLUE).hits[0], scene.search(YELLOW).hits[0]):
        pixels = images.decode(scene.index.thumbnail(hit.photo) or b"", "thumbnail").pixels
        # An eye is cut out of every face that can be seen; the face that was removed is all of one colour.
        left = pixels[32:88, 32:88].reshape(-1, 3).astype(int)
        assert np.ptp(left, axis=0).max() < 40


def test_a_removed_person_stays_removed_with_another_model(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))
    scene.take_in()
    analysis = scene.analysed(RED)
    scene.index.remove_face(analysis.photo, analysis.faces[0])
    scene.model_id = OTHER_MODEL
    scene.web.put("again", photo(RED, BLUE, mark=8))
    taken = scene.take_in()
    assert [(each.faces, each.removed) for each in taken] == [(1, 1)]


def test_who_is_taken_off_the_list_may_come_back(scene: ReverseScene) -> None:
    url = scene.web.put("red", photo(RED))
    scene.take_in()
    scene.index.remove_url(url)
    (entry,) = scene.index.removals()
    assert (entry.kind, entry.url, entry.dropped) == ("url", url, 1)
    scene.index.take_off(entry.id)
    scene.take_in()
    assert scene.found(RED) == [page_of(url)]
    with pytest.raises(ReverseError, match="no entry 99"):
        scene.index.take_off(99)


def test_pictures_are_forgotten_after_the_retention_period(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))
    scene.take_in()
    scene.later(days=179)
    assert len(scene.search(RED).hits) == 1
    scene.later(days=2)
    assert scene.search(RED).hits == ()
    assert scene.index.status().photos == 0


# -- another model ------------------------------------------------------------------


def test_photos_are_fetched_again_for_another_model(scene: ReverseScene) -> None:
    url = scene.web.put("red", photo(RED))
    changed = scene.web.put("blue", photo(BLUE))
    gone = scene.web.put("green", photo(GREEN))
    scene.take_in()
    scene.model_id = OTHER_MODEL
    status = scene.index.status()
    assert (status.faces, status.waiting, status.lost) == (0, 0, 3)
    assert scene.search(RED).hits == ()
    scene.web.pictures[changed] = photo(YELLOW)
    scene.web.pictures[gone] = FileTooLargeError("green", "it is too large now.")
    assert len(list(scene.index.fetch_again(scene.web))) == 3
    assert len(list(scene.index.index())) == 2
    assert scene.found(RED)[0] == page_of(url)
    assert scene.found(YELLOW)[0] == page_of(changed)
    status = scene.index.status()
    assert (status.faces, status.lost, status.photos) == (2, 0, 2)


def test_pictures_that_are_fetched_again_wait_for_the_index_too(
    scene: ReverseScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, colour in (("red", RED), ("blue", BLUE), ("green", GREEN)):
        scene.web.put(name, photo(colour))
    scene.take_in()
    scene.model_id = OTHER_MODEL
    monkeypatch.setattr(crawling, "WAITING", 2)
    scene.web.asked.clear()
    for _ in range(2):
        with pytest.raises(ReverseError, match="Index them first"):
            list(scene.index.fetch_again(scene.web))
    assert len(scene.web.asked) == 2
    list(scene.index.index(keep=True))
    assert len(list(scene.index.fetch_again(scene.web))) == 1


def test_an_index_run_leaves_no_trace_of_a_photo_that_was_removed_meanwhile(scene: ReverseScene) -> None:
    url = scene.web.put("red", photo(RED))
    scene.web.put("blue", photo(BLUE))
    scene.crawl()
    run = scene.index.index()
    scene.opened().remove_url(url)
    list(run)
    assert page_of(url) not in scene.found(RED)
    assert scene.index.status().photos == 1


def test_a_photo_without_a_face_is_kept_as_seen(scene: ReverseScene) -> None:
    scene.web.put("nobody", photo())
    (taken,) = scene.take_in()
    assert (taken.faces, taken.problem) == (0, None)
    assert list(scene.index.index()) == []


def test_a_file_that_is_something_else_is_not_touched(settings: Settings) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    folder = settings.db / "reverse"
    folder.mkdir(parents=True)
    path = folder / "reverse.sqlite"
    path.write_bytes(b"not a database at all, but somebody's text" * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"reverse\.sqlite"):
        scene.crawl()
    assert path.read_bytes() == before


def test_the_file_is_the_owners_alone(settings: Settings) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    scene.web.put("red", photo(RED))
    scene.crawl()
    assert Path(settings.db / "reverse" / "reverse.sqlite").stat().st_mode & 0o077 == 0


def test_a_model_that_is_chosen_again_does_not_know_whoever_was_removed_meanwhile(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))
    scene.web.put("blue", photo(BLUE))
    scene.take_in()
    scene.model_id = OTHER_MODEL
    analysis = scene.analysed(RED)
    scene.index.remove_face(analysis.photo, analysis.faces[0])
    scene.model_id = MODEL
    assert all(hit.distance > 0.5 for hit in scene.search(RED).hits)
    assert scene.search(BLUE).hits[0].distance == pytest.approx(0.0, abs=1e-3)


def test_a_site_is_removed_however_its_address_is_written(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED), host="Pictures.Bad.Example")
    scene.take_in()
    assert scene.index.remove_host("BAD.example") == 1
    assert scene.found(RED) == []


# -- several hosts ----------------------------------------------------------------


@pytest.fixture
def shared(settings: Settings, postgres: Postgres) -> Iterator[ReverseScene]:
    """An index in PostgreSQL."""
    postgres.sql("DROP SCHEMA IF EXISTS facenet_reverse CASCADE")
    scene = ReverseScene(settings.model_copy(update={"reverse": True, "database_url": SecretStr(postgres.url())}))
    yield scene
    scene.close()


@pytest.mark.postgres
def test_two_hosts_may_use_a_new_model_first_at_once(shared: ReverseScene, postgres: Postgres) -> None:
    one, other, numbers = shared.index._database, shared.opened(), list[int]()
    thread = threading.Thread(target=lambda: numbers.append(other._current()[0].model))
    other.removals()  # makes the tables
    with one.writing() as connection:
        given = ModelNumbers(MODELS).given(connection, MODEL)
        thread.start()
        postgres.wait_for_a_waiter()
    thread.join()
    assert numbers == [given]


@pytest.mark.postgres
@pytest.mark.parametrize("work", ["crawl", "index"])
def test_a_run_whose_lock_another_has_taken_since_ends(shared: ReverseScene, postgres: Postgres, work: str) -> None:
    for mark in range(4):
        shared.web.put(f"{mark}", photo(RED, mark=mark))
    if work == "index":
        shared.crawl()

    def begun(index: ReverseIndex) -> Generator[object, None, None]:
        run = index.index() if work == "index" else index.crawl(shared.web, shared.web, "anything", 10)
        next(run)
        return run

    run = begun(shared.index)
    postgres.break_connections()
    next(run)
    postgres.break_connections()
    others = begun(shared.opened())
    with pytest.raises(ReverseError, match="another process may be at this work since"):
        next(run)
    list(others)
