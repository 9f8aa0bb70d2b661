"""The client of a cluster, with workers that are threads of this process."""

from __future__ import annotations

import inspect
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import KilledWorker, LocalCluster, Worker

from facenet_core import cluster, errors
from facenet_core.cluster import Workers, batches, checked, local, workers
from facenet_core.cluster.recipe import Engines, Recipe
from facenet_core.config import Settings
from facenet_core.engine import FaceEngine
from facenet_core.errors import ClusterError, FaceNetError, ModelError, NotAPhotoError, PhotoTooLargeError
from facenet_core.pipeline import Encoded
from facenet_core.types import Analysis
from tests.albums import Scene
from tests.cli_runner import Cli
from tests.clusters import LETHAL, encoded, name_and_faces, recipe_of
from tests.fakes import BLUE, GREEN, MODEL, OTHER_MODEL, RED, fake_engine, photo

SOON = 30.0


@contextmanager
def threads(folder: Path, count: int | None = None) -> Iterator[LocalCluster]:
    """Workers that are there at once."""
    with LocalCluster(
        n_workers=count or 2,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        silence_logs=50,
        local_directory=folder,
    ) as started:
        yield started


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engines:
    """Those of the workers; they need no weights."""
    monkeypatch.setattr(local, "started", partial(threads, tmp_path / "workers"))
    monkeypatch.setattr(Recipe, "of", recipe_of)
    found = Engines()
    monkeypatch.setattr(batches, "ENGINES", found)
    return found


@pytest.fixture
def two(settings: Settings) -> Iterator[Workers]:
    with Workers(cluster.LOCAL, settings, 2) as found:
        yield found


def unreadable() -> bytes:
    raise NotAPhotoError("b.png", "This file can't be read.")


def test_photos_come_in_order_whatever_becomes_of_each(two: Workers) -> None:
    names = [f"{number}.png" for number in range(40)]
    photos = encoded(names)
    photos[3] = Encoded("damaged.png", partial(bytes, b"damaged"))
    photos[17] = Encoded("b.png", unreadable)
    photos[18] = Encoded("large.png", partial(bytes, photo(RED)), max_bytes=10)
    found = list(two.analyse(fake_engine(), photos, name_and_faces))
    assert [str(each) for each in found if isinstance(each, FaceNetError)] == [
        "damaged.png: This is not a photo. Use a photo saved as JPEG, PNG, WebP, HEIC, TIFF, GIF, BMP or AVIF.",
        "b.png: This file can't be read.",
        "large.png: The file has 404 bytes, and the limit is 10. Save a smaller copy and use that.",
    ]
    assert [type(found[n]) for n in (3, 17, 18)] == [NotAPhotoError, NotAPhotoError, PhotoTooLargeError]
    others = [n for n in range(40) if n not in (3, 17, 18)]
    assert [found[n] for n in others] == [(names[n], 1) for n in others]
    assert list(two.analyse(fake_engine(), [], name_and_faces)) == []


def test_only_so_many_photos_are_under_way(two: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PHOTOS", 2)
    asked = 0

    def photos() -> Iterator[Encoded]:
        nonlocal asked
        for each in encoded(f"{number}.png" for number in range(30)):
            asked += 1
            yield each

    for answered, _ in enumerate(two.analyse(fake_engine(), photos(), name_and_faces), 1):
        assert asked <= answered + 2 * workers.AHEAD * 2 + 2
    assert asked == 30


def test_a_batch_is_full_with_photos_or_with_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = encoded(f"{number}.png" for number in range(20))
    assert [len(batch.sent) for batch in batches.batches(photos)] == [8, 8, 4]
    monkeypatch.setattr(batches, "BYTES", 2 * len(photo(RED)) - 50)
    assert {len(batch.sent) for batch in batches.batches(photos)} == {2}


LOOKED: list[str] = []
GO = threading.Event()


def slowly(analysis: Analysis) -> str:
    LOOKED.append(analysis.photo.name)
    if analysis.photo.name != "0.png":
        assert GO.wait(SOON)
    return analysis.photo.name


def tasks_at_hand(dask_worker: Worker) -> int:
    return len(dask_worker.state.tasks)


def test_stopping_early_cancels_what_was_sent(two: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PHOTOS", 1)
    monkeypatch.setattr(workers, "AHEAD", 20)
    coming = two.analyse(fake_engine(), encoded(f"{number}.png" for number in range(100)), slowly)
    assert next(coming) == "0.png"
    coming.close()
    until = time.monotonic() + SOON
    while max(two._client.run(tasks_at_hand).values()) > 1:  # the one that waits
        assert time.monotonic() < until
    GO.set()
    assert list(two.analyse(fake_engine(), encoded(["last.png"]), name_and_faces)) == [("last.png", 1)]
    assert len(LOOKED) < 6  # of 41 that were sent: what the workers were at before they heard of it


def fail(analysis: Analysis) -> str:
    raise ModelError("the model is gone")


def test_what_a_worker_raises_is_raised_here(two: Workers) -> None:
    with pytest.raises(ModelError, match="the model is gone"):
        list(two.analyse(fake_engine(), encoded(["a.png"]), fail))
    assert list(two.analyse(fake_engine(), encoded(["a.png"]), name_and_faces)) == [("a.png", 1)]


def killed_by(lethal: str) -> Callable[..., list[Any]]:
    """A worker's task that ends it for one photo, as its scheduler tells it in the end."""

    def analysed(recipe: Recipe, photos: tuple[Encoded, ...], keep: Callable[[Analysis], Any]) -> list[Any]:
        if any(each.name == lethal for each in photos):
            raise KilledWorker("task", SimpleNamespace(address="tcp://127.0.0.1:1"), 1)  # type: ignore[arg-type]
        return batches.analysed(recipe, photos, keep)

    return analysed


def test_a_photo_that_ends_its_workers_is_refused_and_costs_no_other(
    two: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "analysed", killed_by(LETHAL))
    names = [f"{number}.png" for number in range(20)]
    names[9] = LETHAL
    found = list(two.analyse(fake_engine(), encoded(names), name_and_faces))
    refused = found.pop(9)
    assert isinstance(refused, errors.WorkerKilledError) and refused.code == "worker_killed"
    assert found == [(name, 1) for name in names if name != LETHAL]


def test_workers_load_a_model_once_and_another_beside_it(
    two: Workers, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    monkeypatch.setattr(Recipe, "load", lambda self: loaded.append(self.model_id) or fake_engine(self.model_id))
    monkeypatch.setattr(Recipe, "of", lambda engine, settings, here: Recipe(engine.model_id, "float32", "fast", 1280))
    for model in (MODEL, OTHER_MODEL, MODEL):
        list(two.analyse(fake_engine(model), encoded(["a.png", "b.png"]), name_and_faces))
    assert loaded == [MODEL, OTHER_MODEL]


def test_only_the_latest_engines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    monkeypatch.setattr(Recipe, "load", lambda self: loaded.append(self.detection_long_side) or fake_engine())
    found = Engines(2)
    for side in (1, 2, 1, 3, 1, 2):
        found.get(Recipe(MODEL, "float32", "fast", side))
    assert loaded == [1, 2, 3, 2]


def test_a_worker_with_other_weights_is_named(two: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(MODEL, "float32", "fast", 1280)
    monkeypatch.setattr(Recipe, "of", lambda engine, settings, here: recipe)
    monkeypatch.setattr(FaceEngine, "load", lambda settings: fake_engine(OTHER_MODEL))
    with pytest.raises(ModelError, match=r"A worker on .* can't be used: .* It has other with weights 1{12} "):
        list(two.analyse(fake_engine(), encoded(["a.png"]), name_and_faces))


def test_a_recipe_is_loaded_with_the_clients_choices_and_the_workers_weights(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    monkeypatch.undo()
    chosen: list[Settings] = []
    monkeypatch.setattr(FaceEngine, "load", lambda settings: chosen.append(settings) or fake_engine())
    given = settings.model_copy(update={"detection_long_side": 640})
    engine = fake_engine()
    assert pickle.loads(pickle.dumps(Recipe.of(engine, given, here=False))).load().model_id == MODEL
    Recipe.of(engine, given, here=True).load()
    elsewhere, here = chosen
    assert {each.model for each in chosen} == {"fake"}
    assert {each.detection_long_side for each in chosen} == {640}
    assert {each.profile for each in chosen} == {"fast"}
    assert here.models_dir == given.models_dir != elsewhere.models_dir


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("local", "local"),
        ("tcp://127.0.0.1", "tcp://127.0.0.1:8786"),
        ("tcp://localhost:99", "tcp://localhost:99"),
        ("tcp://192.168.1.7:8786/", "tcp://192.168.1.7:8786"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
        ("tls://cluster.example:99", "tls://cluster.example:99"),
    ],
)
def test_an_address_is_completed(address: str, whole: str) -> None:
    assert checked(address) == whole


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("remote", "'remote' is not the address of a cluster. Give `local`"),
        ("http://127.0.0.1", "is not the address of a cluster"),
        ("tcp://127.0.0.1:99999", "is not the address of a cluster"),
        ("tcp://", "is not the address of a cluster"),
        ("tcp://8.8.8.8", "tcp://8.8.8.8:8786 is neither on this machine nor in a private network"),
        ("tcp://0.0.0.0", "is neither on this machine nor in a private network"),
        ("tcp://nowhere.invalid", "can't be found: there is no machine called nowhere.invalid"),
    ],
)
def test_an_address_that_is_none_or_is_not_safe_is_refused(address: str, reason: str) -> None:
    with pytest.raises(ClusterError, match=reason):
        checked(address)


def test_a_cluster_that_does_not_answer_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "ANSWERS", 0.2)
    with pytest.raises(ClusterError, match=r"^The cluster at tcp://127\.0\.0\.1:9 does not answer\. Is its scheduler"):
        Workers("tcp://127.0.0.1:9", settings)
    with pytest.raises(ClusterError, match="asks for a certificate, and none is set up here"):
        Workers("tls://127.0.0.1:9", settings)


def test_a_cluster_without_workers_is_an_error_after_a_minute(two: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def nobody_comes(count: int, timeout: float) -> None:
        waited.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(two._client, "nthreads", dict)
    monkeypatch.setattr(two._client, "wait_for_workers", nobody_comes)
    with pytest.raises(ClusterError, match="The cluster on this machine has lost its workers"):
        list(two.analyse(fake_engine(), encoded(["a.png"]), name_and_faces))
    assert waited == [60.0]


def test_a_cluster_whose_scheduler_goes_is_an_error_after_ten_seconds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert workers.ANSWERS == 10.0
    monkeypatch.setattr(workers, "ANSWERS", 0.2)
    monkeypatch.setattr(batches, "PHOTOS", 1)
    with threads(tmp_path / "gone") as running:
        monkeypatch.setattr(workers, "checked", lambda address: running.scheduler_address)
        with Workers("anywhere", settings) as found:
            coming = found.analyse(fake_engine(), encoded(f"{number}.png" for number in range(100)), name_and_faces)
            assert next(coming) == ("0.png", 1)
            running.close()
            with pytest.raises(ClusterError, match=r"is gone\. Give the command again when it is back"):
                list(coming)


def every(kind: type[FaceNetError]) -> Iterator[type[FaceNetError]]:
    """The kinds of errors of the program, those of its tests left out."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("facenet_core."):
            yield child
            yield from every(child)


SAID = {
    "str": "a.png",
    "int": 3,
    "tuple[str, ...]": ("blurred",),
    "Path": Path("db"),
    "Path | None": Path("backup"),
    "datetime | None": datetime(2026, 11, 22, tzinfo=UTC),
}
"""What errors are made of, by the type of the argument."""


def raised(kind: type[FaceNetError]) -> FaceNetError:
    """An error of a kind, with everything that it can carry."""
    taken = [each.annotation for each in inspect.signature(kind.__init__).parameters.values()]
    return kind(*[SAID[each] for each in taken if each is not inspect.Parameter.empty] or ["It is gone."])


def test_errors_travel_with_all_that_they_say() -> None:
    kinds = set(every(FaceNetError))
    assert {NotAPhotoError, errors.DatabaseDamagedError, errors.HttpStatusError} <= kinds
    for error in map(raised, kinds):
        arrived = pickle.loads(pickle.dumps(error))
        assert type(arrived) is type(error)
        assert str(arrived) == str(error) != ""
        assert (vars(arrived), arrived.args, arrived.code) == (vars(error), error.args, error.code)


# -- what uses it ------------------------------------------------------------------


def test_an_album_is_indexed_the_same_on_a_cluster(two: Workers, settings: Settings, tmp_path: Path) -> None:
    here = Scene(settings, tmp_path / "photos")
    for number in range(12):
        here.put(f"{number}.png", RED, GREEN, mark=number)
    here.put("copy.png", RED, GREEN, mark=3)
    (here.folder / "damaged.png").write_bytes(b"damaged")
    there = Scene(settings.model_copy(update={"db": tmp_path / "there"}), tmp_path / "empty")
    there.album.add(here.folder)
    expected = list(here.album.index())
    assert sorted(map(str, there.album.index(analyse=two.analyse))) == sorted(map(str, expected))
    assert there.album.counts() == here.album.counts() == {"photos": 12, "files": 13, "refused": 1, "faces": 24}
    assert there.looks() == 0
    for one, other in zip(here.album.listed(99), there.album.listed(99), strict=True):
        assert one.sha256 == other.sha256
        assert here.album.thumbnail(one) == there.album.thumbnail(other)
        faces = here.album.faces_on(one), there.album.faces_on(other)
        assert [each.detection for each in faces[0]] == [each.detection for each in faces[1]]
        assert [here.album.crop(each) for each in faces[0]] == [there.album.crop(each) for each in faces[1]]


def test_people_are_renewed_and_models_tried_on_a_cluster(cli: Cli) -> None:
    cli.enrol({"Ruby": [RED], "Sky": [BLUE]})
    cli.install("first", "second")
    cli("settings", "set", "model", "first")
    answer = cli("people", "renew", "--cluster", "local", "--json")
    assert (answer.code, answer.data["renewed"]) == (0, 2)
    answer = cli("weights", "rehearse", "second", "--cluster", "local", "--workers", "1", "--json")
    assert (answer.code, answer.data["photos"], answer.data["not_embedded"]) == (0, 2, [])


def test_the_command_line_says_what_is_wrong_with_a_cluster(cli: Cli) -> None:
    cli.photo("photos/a.png", RED)
    cli("album", "add", cli.folder / "photos")
    answer = cli("album", "index", "--cluster", "tcp://8.8.8.8", "--json")
    assert (answer.code, answer.error["code"]) == (2, "cluster")
    answer = cli("album", "index", "--workers", "2", "--json")
    assert (answer.code, answer.error["code"]) == (2, "usage")
    assert cli("album", "index", "--cluster", "local", "--workers", "300", "--json").error["code"] == "usage"
    assert cli("album", "index", "--cluster", "local", "--json").data["faces"] == 1
    assert cli("album", "watch", "--once", "--cluster", "local", "--json").code == 0


def test_the_reverse_index_is_made_on_a_cluster(cli: Cli) -> None:
    cli.environment(REVERSE="true")
    cli.photo("photos/a.png", RED)
    cli("reverse", "crawl", "--folder", cli.folder / "photos")
    answer = cli("reverse", "index", "--cluster", "tcp://8.8.8.8", "--json")
    assert (answer.code, answer.error["code"]) == (2, "cluster")
    answer = cli("reverse", "index", "--workers", "2", "--json")
    assert (answer.code, answer.error["code"]) == (2, "usage")
    answer = cli("reverse", "index", "--cluster", "local", "--workers", "1", "--json")
    assert (answer.code, answer.data["faces"]) == (0, 1)
