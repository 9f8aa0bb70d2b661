"""What is removed from the reverse index, or expires there, goes at once and whole, and does not come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import func, insert, select, update

from facenet_core import images
from facenet_core.config import Settings
from facenet_core.errors import ReverseError, TimedOutError
from facenet_core.reverse.blanking import SAMPLE_SIDE, sample_of, sampled
from facenet_core.reverse.removals import bar, see
from facenet_core.reverse.tables import FACES, PHOTOS, REMOVALS
from facenet_core.service import FaceService
from facenet_core.sources.links import same, site, sites
from facenet_core.types import Box
from tests.fakes import BLUE, GREEN, OTHER_MODEL, RED, fake_engine, photo
from tests.reverses import ReverseScene, page_of


@pytest.fixture
def scene(reverse_settings: Settings) -> Iterator[ReverseScene]:
    with closing(ReverseScene(reverse_settings)) as scene:
        yield scene


def photos(scene: ReverseScene) -> int:
    """How many the database keeps, shown by an address or not."""
    with scene.index._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(PHOTOS)).scalar_one()


def remove_person(scene: ReverseScene, *colours: tuple[int, int, int]) -> int:
    """As another process would."""
    analysis = scene.analysed(*colours)
    return scene.opened().remove_face(analysis.photo, analysis.faces[0])


# -- how addresses are written -------------------------------------------------------


@pytest.mark.parametrize("nothing", ["", "  ", "\n"])
def test_nothing_is_not_everything(scene: ReverseScene, nothing: str) -> None:
    scene.web.put("red", photo(RED))
    scene.take_in()
    with pytest.raises(ReverseError, match="Give the whole address"):
        scene.index.remove_url(nothing)
    with pytest.raises(ReverseError, match="names no site"):
        scene.index.remove_host(nothing)
    assert photos(scene) == 1
    assert scene.index.removals() == ()


@pytest.mark.parametrize("text", ["pictures example", "https://", "/a.html", "*.example", "a..example"])
def test_what_is_no_site_is_refused(scene: ReverseScene, text: str) -> None:
    with pytest.raises(ReverseError, match="names no site"):
        scene.index.remove_host(text)


def test_what_is_no_address_is_refused(scene: ReverseScene) -> None:
    with pytest.raises(ReverseError, match="Give the whole address"):
        scene.index.remove_url("pictures.example/red.png")
    assert scene.index.removals() == ()


@pytest.mark.parametrize(
    "written",
    [
        "bücher.example",
        "BÜCHER.example.",
        "xn--bcher-kva.example:443",
        "https://bücher.example/",
        " http://Bücher.Example:80/other#part",
    ],
)
def test_a_site_may_be_written_in_many_ways(scene: ReverseScene, written: str) -> None:
    scene.web.put("red", photo(RED), host="www.Bücher.example")
    scene.web.put("blue", photo(BLUE), host="XN--bcher-kva.example.")
    scene.web.put("green", photo(GREEN), host="cher-kva.example")
    scene.crawl()
    assert scene.index.remove_host(written) == 2
    assert scene.index.removals()[0].url == "xn--bcher-kva.example"
    assert sorted(each.outcome for each in scene.crawl()) == ["known", "refused", "refused"]


@pytest.mark.parametrize(
    "written",
    [
        "http://pictures.example/r%C3%B6d%20x.png",
        " https://PICTURES.example./röd x.png#top",
        "https://pictures.example:443/röd%20x.png",
    ],
)
def test_a_page_may_be_written_in_many_ways(scene: ReverseScene, written: str) -> None:
    scene.web.put("röd x", photo(RED), host="Pictures.example")
    scene.web.put("röd", photo(BLUE))
    scene.crawl()
    assert scene.index.remove_url(written) == 1
    assert sorted(each.outcome for each in scene.crawl()) == ["known", "refused"]
    assert scene.index.remove_url(written) == 0
    (entry,) = scene.index.removals()
    assert entry.dropped == 1


def test_addresses_that_are_none_are_in_nobodys_way(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED), host="[bad")
    scene.web.put("blue", photo(BLUE), host="bad\u2488.example")
    scene.crawl()
    assert scene.index.remove_host("example") == 0
    assert scene.index.remove_url("https://[bad/red.png") == 1


def test_addresses_as_they_are_compared() -> None:
    assert same("http://A.example.:80?x=1#y") == "https://a.example/?x=1"
    assert same("https://a.example:8080/B") == "https://a.example:8080/B"
    assert same("http://[::1]/") == "https://[::1]/"
    assert same(" file:///A#b ") == "file:///A#b"
    assert sites("https://www.a.example/") == ["www.a.example", "a.example", "example"]
    assert site("https://a\u2488.example/") == site("javascript:alert(1)") == site("") == ""
    assert sites("") == []


# -- while others are at work ----------------------------------------------------------


@pytest.mark.parametrize("what", ["page", "site"])
def test_what_is_removed_while_it_is_fetched_is_not_kept(scene: ReverseScene, what: str) -> None:
    url = scene.web.put("red", photo(RED))
    other = scene.opened()
    scene.web.meanwhile = lambda: other.remove_url(page_of(url)) if what == "page" else other.remove_host("example")
    assert [(each.outcome, each.reason) for each in scene.crawl()] == [("refused", "It is on the removal list.")]
    assert photos(scene) == 0


def test_what_is_removed_during_a_crawl_is_not_taken_in_by_it(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))
    scene.web.put("blue", photo(BLUE))
    crawl = scene.index.crawl(scene.web, scene.web, "people", 100)
    next(crawl)
    scene.opened().remove_host("pictures.example")
    assert [each.outcome for each in crawl] == ["refused"]
    assert photos(scene) == 0


def test_what_expires_while_it_is_fetched_is_not_kept(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))

    def meanwhile() -> None:
        scene.later(days=200)
        scene.opened().expire()

    scene.web.meanwhile = meanwhile
    assert [(each.outcome, each.reason) for each in scene.crawl()] == [
        ("refused", "It was forgotten while it was fetched.")
    ]
    assert photos(scene) == 0


def test_what_is_removed_while_it_is_fetched_again_is_not_kept(scene: ReverseScene) -> None:
    url = scene.web.put("red", photo(RED))
    scene.take_in()
    scene.model_id = OTHER_MODEL
    scene.web.pictures[url] = photo(BLUE)
    scene.web.meanwhile = lambda: scene.opened().remove_url(url)
    assert [each.outcome for each in scene.index.fetch_again(scene.web)] == ["refused"]
    assert photos(scene) == 0


def test_a_photo_that_no_address_shows_expires(scene: ReverseScene) -> None:
    scene.web.put("red", photo(RED))
    scene.crawl()
    with scene.index._database.writing() as connection:
        connection.execute(insert(PHOTOS).values(sha256="left over", original=b"x"))
    scene.later(hours=2)
    scene.index.expire()
    assert photos(scene) == 1


def test_a_person_is_removed_while_an_index_run_is_under_way(scene: ReverseScene) -> None:
    for mark in range(4):
        scene.web.put(f"red{mark}", photo(RED, (BLUE, GREEN)[mark % 2], mark=mark))
    scene.crawl()
    run = scene.index.index(keep=True)
    next(run)
    assert remove_person(scene, RED) == 1
    assert [(each.faces, each.removed) for each in run] == [(1, 1)] * 3
    assert all(hit.distance > 0.5 for hit in scene.search(RED).hits)
    with scene.index._database.reading() as connection:
        assert not any(connection.scalars(select(PHOTOS.c.original)))


def test_a_page_that_is_on_the_list_is_not_taken_in_by_an_index_run(scene: ReverseScene) -> None:
    url = scene.web.put("red", photo(RED))
    scene.crawl()
    with scene.index._database.writing() as connection:  # as an older version may have left it
        bar(connection, "url", same(url), scene.web.now)
    list(scene.index.index())
    assert photos(scene) == 0


def test_an_address_that_is_on_the_list_is_not_asked_again_and_again(scene: ReverseScene) -> None:
    url = scene.web.put("red", TimedOutError("red", "it takes too long."))
    scene.crawl()
    with scene.index._database.writing() as connection:  # as an older version may have left it
        bar(connection, "url", same(url), scene.web.now)
    scene.web.pictures[url] = photo(RED)
    assert {each.reason for each in scene.crawl()} == {"It is on the removal list."}
    scene.web.asked.clear()
    scene.crawl()
    assert scene.web.asked == []


# -- while it is off ----------------------------------------------------------------


@pytest.fixture
def off(scene: ReverseScene) -> Iterator[ReverseScene]:
    """An index that was turned off."""
    scene.web.put("red", photo(RED))
    scene.web.put("blue", photo(BLUE))
    scene.take_in()
    turned = ReverseScene(scene.settings.model_copy(update={"reverse": False}))
    turned.web.now = scene.web.now
    yield turned
    turned.close()


def test_what_is_kept_can_be_removed_while_it_is_off(off: ReverseScene) -> None:
    assert off.index.remove_url("https://pictures.example/red.png") == 1
    assert remove_person(off, BLUE) == 1
    assert [each.kind for each in off.index.removals()] == ["face", "url"]
    off.index.take_off(off.index.removals()[0].id)
    assert off.index.status().faces == 0
    for ask in (off.crawl, off.index.rebuild, lambda: off.search(RED), lambda: list(off.index.index())):
        with pytest.raises(ReverseError, match="FACENET_REVERSE=true turns it on"):
            ask()


def test_what_is_kept_expires_while_it_is_off(off: ReverseScene) -> None:
    off.later(days=181)
    assert off.index.expire() == 2
    assert photos(off) == 0


def test_where_nothing_was_kept_nothing_is_made_while_it_is_off(scene: ReverseScene) -> None:
    unused = ReverseScene(scene.settings.model_copy(update={"reverse": False}))
    assert unused.index.expire() == 0
    with pytest.raises(ReverseError, match="FACENET_REVERSE=true turns it on"):
        unused.index.remove_host("a.example")
    assert not unused.index._database.exists


def test_pictures_expire_when_the_app_starts(settings: Settings) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    scene.web.now = datetime(2020, 1, 1, tzinfo=UTC)
    scene.web.put("red", photo(RED))
    scene.take_in()
    service = FaceService(settings, fake_engine())
    service.start()
    for thread in threading.enumerate():
        if thread.name == "first-photos":
            thread.join()
    assert photos(scene) == 0
    service.close()
    scene.close()


# -- nothing is left of a face ---------------------------------------------------------


@pytest.mark.parametrize("how", ["page", "site", "person", "time", "another model"])
def test_index_files_do_not_outlive_the_faces_in_them(settings: Settings, how: str) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    url = scene.web.put("red", photo(RED))
    scene.take_in()
    if how == "another model":
        scene.model_id = OTHER_MODEL
        remove_person(scene, RED)
        scene.model_id = scene.index._model[0] if scene.index._model else OTHER_MODEL
    files = [settings.db / "reverse" / f"faces-{name}.faiss" for name in ("this", "older")]
    for file in files:
        file.write_bytes(b"codes")
    match how:
        case "page":
            scene.index.remove_url(url)
        case "site":
            scene.index.remove_host("example")
        case "person":
            remove_person(scene, RED)
        case "time":
            scene.later(days=200)
            scene.index.expire()
        case _:
            scene.index.status()
    assert not any(file.exists() for file in files)
    scene.close()


def test_a_removal_that_drops_nothing_leaves_the_index_file(settings: Settings) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    scene.web.put("red", photo(RED))
    scene.take_in()
    file = settings.db / "reverse" / "faces-this.faiss"
    file.write_bytes(b"codes")
    scene.index.remove_host("other.example")
    assert file.exists()
    scene.close()


def test_an_index_file_that_was_made_during_a_removal_does_not_stay(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    url = scene.web.put("red", photo(RED))
    scene.take_in()
    file = settings.db / "reverse" / "faces-this.faiss"
    _, vectors = scene.index._current()

    def rebuild() -> int:
        scene.opened().remove_url(url)
        file.write_bytes(b"codes")
        return 1

    monkeypatch.setattr(vectors, "rebuild", rebuild)
    scene.index.rebuild()
    assert not file.exists()
    scene.close()


def test_what_is_deleted_is_overwritten(settings: Settings) -> None:
    scene = ReverseScene(settings.model_copy(update={"reverse": True}))
    scene.crawl()
    with scene.index._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    scene.close()


# -- another model ------------------------------------------------------------------


def test_the_face_in_the_middle_of_a_sample_is_the_one_that_was_removed() -> None:
    pixels = np.full((400, 600, 3), 255, np.uint8)
    pixels[300:360, 20:80] = RED
    pixels[100:400, 90:400] = BLUE  # larger, and nearer to the middle of the photo
    sample = images.decode(sample_of(pixels, Box(20, 300, 80, 360)), "sample")
    assert (sample.width, sample.height) == (SAMPLE_SIDE, SAMPLE_SIDE)
    found = fake_engine().analyse(sample)
    assert len(found.faces) > 1
    face = sampled(found)
    assert face is not None
    (red,) = fake_engine().analyse(images.decode(photo(RED), "red")).faces
    assert np.linalg.norm(face.embedding - red.embedding) < 0.1


def test_a_tiny_face_is_kept_enlarged() -> None:
    pixels = np.full((60, 60, 3), 255, np.uint8)
    pixels[2:8, 2:8] = RED
    sample = images.decode(sample_of(pixels, Box(2, 2, 8, 8)), "sample")
    assert (sample.width, sample.height) == (SAMPLE_SIDE, SAMPLE_SIDE)
    assert sampled(fake_engine().analyse(sample)) is not None


def test_a_model_that_nothing_was_measured_for_takes_the_distance_of_the_other(scene: ReverseScene) -> None:
    remove_person(scene, RED)
    assert not scene.index.status().unmeasured
    scene.model_id, scene.calibration = OTHER_MODEL, None
    scene.web.put("red", photo(RED, BLUE))
    assert [(each.faces, each.removed) for each in scene.take_in()] == [(1, 1)]
    status = scene.index.status()
    assert status.unmeasured
    assert status.unrecognised == ()


@pytest.mark.parametrize("side", [200, 8])
def test_somebody_whom_a_model_does_not_find_is_reported(scene: ReverseScene, side: int) -> None:
    remove_person(scene, RED)
    (entry,) = scene.index.removals()
    blank = images.thumbnail(np.full((side, side, 3), 255, np.uint8), SAMPLE_SIDE)
    with scene.index._database.writing() as connection:
        connection.execute(update(REMOVALS).values(sample=blank))
    scene.model_id = OTHER_MODEL
    assert scene.index.status().unrecognised == (entry.id,)
    scene.index.take_off(entry.id)
    assert scene.index.status().unrecognised == ()


def test_two_sessions_may_see_somebody_with_another_model_at_once(scene: ReverseScene) -> None:
    remove_person(scene, RED)
    (entry,) = scene.index.removals()
    scene.model_id = OTHER_MODEL
    faces, _ = scene.index._current()
    with scene.index._database.writing() as connection:
        assert not see(connection, entry.id, faces.model, scene.probe(RED), 0.5)
        assert not see(connection, entry.id + 1, faces.model, scene.probe(RED), 0.5)


def test_faces_are_dropped_with_the_note_that_another_model_has_seen_them_or_not_at_all(
    scene: ReverseScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.web.put("red", photo(RED))
    remove_person(scene, RED)
    scene.model_id = OTHER_MODEL
    other = scene.opened()

    def fails(*_: object) -> int:
        raise ReverseError("It fails.")

    with monkeypatch.context() as broken:
        broken.setattr("facenet_core.reverse.removing.forget", fails)
        with pytest.raises(ReverseError, match="It fails"):
            other.status()
    scene.take_in()
    with scene.index._database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(FACES)).scalar_one() == 0
