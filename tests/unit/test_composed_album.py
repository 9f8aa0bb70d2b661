from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw, UnidentifiedImageError

from benchmarks.composed_album import DAMAGES, UNREADABLE_EXIF, Truth, compose, spoil
from facenet_core import images
from facenet_core.errors import PhotoError
from facenet_core.types import Photo

PHOTOS = 34
COLOURS = {"Red": 0, "Green": 1, "Blue": 2}
SEVERAL = {"Red_Ada": 6, "Green_Bea": 2, "Blue_Cyd": 3, "Red_Dan": 2}
ALONE = ("Green_Eva", "Blue_Fay", "Red_Gus", "Green_Hal", "Blue_Ida")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of people as LFW has them; a face is a disc of its person's colour."""
    folder = tmp_path_factory.mktemp("pictures")
    for person, count in {**SEVERAL, **dict.fromkeys(ALONE, 1)}.items():
        (folder / person).mkdir()
        fill = [40, 40, 40]
        fill[COLOURS[person.split("_")[0]]] = 220
        for number in range(1, count + 1):
            picture = Image.new("RGB", (250, 250), "gray")
            ImageDraw.Draw(picture).ellipse((80, 65, 170, 185), tuple(fill))
            picture.save(folder / person / f"{person}_{number:04d}.jpg")
    return folder


@pytest.fixture(scope="module")
def target(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("composed")
    compose(pictures, target, PHOTOS, seed=1)
    return target


@pytest.fixture(scope="module")
def truth(target: Path) -> Truth:
    return Truth.read(target / "truth.json")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_makes_the_same_album(pictures: Path, target: Path, truth: Truth, tmp_path: Path) -> None:
    again = compose(pictures, tmp_path, 6, seed=1)

    assert again.photos == truth.photos[:6]
    first = files(target / "album")
    assert files(tmp_path / "album") == {photo.path: first[photo.path] for photo in again.photos}


def test_another_seed_makes_another_album(pictures: Path, truth: Truth, tmp_path: Path) -> None:
    assert compose(pictures, tmp_path, 3, seed=2).photos != truth.photos[:3]


def test_an_album_that_is_there_is_not_mixed_with_another(pictures: Path, target: Path) -> None:
    with pytest.raises(FileExistsError, match="choose another folder"):
        compose(pictures, target, 1)


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folders"):
        compose(tmp_path, tmp_path / "target", 1)


def test_the_truth_names_every_file_of_the_album(target: Path, truth: Truth) -> None:
    paths = [photo.path for photo in truth.photos]

    assert len(paths) == PHOTOS
    assert sorted(paths) == sorted(files(target / "album"))
    assert {len(Path(path).parts) for path in paths} == {3}
    assert {".jpg", ".png", ".webp"} <= {Path(path).suffix for path in paths}


def test_a_photo_shows_one_to_four_different_people(truth: Truth) -> None:
    for photo in truth.photos:
        assert len({face.person for face in photo.faces}) == len(photo.faces)
        assert all(face.source.startswith(f"{face.person}/") for face in photo.faces)
    assert {len(photo.faces) for photo in truth.photos} == {1, 2, 3, 4}


def test_a_third_of_everybodys_pictures_are_kept_out_as_probes(truth: Truth) -> None:
    used = {face.source for photo in truth.photos for face in photo.faces}
    probes = {probe.source for probe in truth.probes}

    assert not used & probes
    kept = {person: sum(probe.person == person for probe in truth.probes) for person in SEVERAL}
    assert kept == {"Red_Ada": 2, "Green_Bea": 1, "Blue_Cyd": 1, "Red_Dan": 1}
    assert len(used) == sum(SEVERAL.values()) - len(probes) + 3
    assert all(truth.photos_of(probe.person) for probe in truth.probes)


def test_strangers_are_nowhere_in_the_album(pictures: Path, truth: Truth) -> None:
    strangers = {source.split("/")[0] for source in truth.strangers}

    assert len(strangers) == 2
    assert strangers < set(ALONE)
    assert not strangers & {face.person for photo in truth.photos for face in photo.faces}
    assert all((pictures / source).is_file() for source in truth.strangers)


def test_a_picture_is_used_again_at_other_sizes(truth: Truth) -> None:
    sizes: dict[str, list[float]] = {}
    for face in (face for photo in truth.photos for face in photo.faces):
        sizes.setdefault(face.source, []).append(face.size)

    assert all(len(used) > 5 and max(used) > 1.2 * min(used) for used in sizes.values())


def test_faces_are_where_the_truth_says_whichever_way_the_photo_lies(target: Path, truth: Truth) -> None:
    seen = set()
    for photo in truth.photos:
        data = (target / "album" / photo.path).read_bytes()
        decoded = images.decode(data, photo.path)
        seen.add(orientation(target / "album" / photo.path) if UNREADABLE_EXIF not in data else "unreadable")
        for face in photo.faces:
            assert colour_at(decoded, face.x, face.y) == COLOURS[face.person.split("_")[0]]
            for x, y in ((-0.35, 0), (0.35, 0), (0, -0.35), (0, 0.35)):
                assert colour_at(decoded, face.x + x * face.size, face.y + y * face.size) is not None
            assert colour_at(decoded, face.x + 0.65 * face.size, face.y) is None
    assert seen == {0, 1, 3, 6, 8, "unreadable"}


def orientation(path: Path) -> int:
    """0 without a tag."""
    with Image.open(path) as image:
        return int(image.getexif().get(ExifTags.Base.Orientation, 0))


def colour_at(photo: Photo, x: float, y: float) -> int | None:
    """The channel that stands out; None if none does."""
    pixel = photo.pixels[round(y), round(x)].astype(int)
    return int(np.argmax(pixel)) if pixel.max() - np.median(pixel) > 70 else None


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A few photos in folders."""
    rng = np.random.default_rng(0)
    for number, folder in enumerate(("2019/hike", "2019/hike", "2020/office")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (60, 80, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / f"IMG_{number}.jpg")
    return tmp_path


def test_every_damaged_file_is_refused_and_no_other_is_touched(album: Path) -> None:
    before = files(album)

    spoilt = spoil(album, 50)

    assert len(spoilt) == 50
    assert set(spoilt.values()) == set(DAMAGES)
    for path in spoilt:
        with pytest.raises(PhotoError):
            images.read(album / path)
    there = {path.relative_to(album).as_posix() for path in album.rglob("*.*")}
    assert there == {*before, *spoilt}
    assert before.items() <= files(album).items()


def test_files_are_damaged_as_it_says(album: Path) -> None:
    by_kind = {kind: album / path for path, kind in spoil(album, len(DAMAGES)).items()}

    assert by_kind["folder"].is_dir()
    assert by_kind["folder"].suffix == ".jpg"
    assert by_kind["dangling link"].is_symlink()
    assert not by_kind["dangling link"].exists()
    assert by_kind["empty"].stat().st_size == 0
    assert by_kind["unreadable"].stat().st_mode & 0o777 == 0
    assert by_kind["PDF"].read_bytes().startswith(b"%PDF")
    assert by_kind["huge"].stat().st_size < 1000
    for kind in ("another format", "text", "PDF"):
        with pytest.raises(UnidentifiedImageError):
            Image.open(by_kind[kind])


def test_spoiling_again_adds_more_files(album: Path) -> None:
    first, second = spoil(album, 12, seed=3), spoil(album, 12, seed=3)

    assert not first.keys() & second.keys()
    assert len(first | second) == 24


def test_the_same_seed_spoils_alike(album: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for path, data in files(album).items():
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_bytes(data)

    assert spoil(album, 20, seed=5) == spoil(other, 20, seed=5)
    assert spoil(album, 0) == {}


def test_a_folder_without_photos_can_not_be_spoilt(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no photos"):
        spoil(tmp_path)
