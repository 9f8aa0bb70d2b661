from __future__ import annotations

import io
import json
import random
import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facenet_core.config import Settings, load_settings
from facenet_core.errors import ArchiveError, NotAPhotoError, StoreError
from facenet_core.service import FaceService
from facenet_core.store import archive, open_archive
from facenet_core.store.archive import Archive, ImportMode
from tests.fakes import (
    BLUE,
    DARK_RED,
    GREEN,
    MODEL,
    OTHER_MODEL,
    RED,
    THRESHOLD,
    YELLOW,
    Colour,
    fake_engine,
    photo,
)

MODES: tuple[ImportMode, ImportMode] = ("merge", "replace")


def fill(service: FaceService, **people: list[Colour]) -> None:
    for name, colours in people.items():
        for mark, colour in enumerate(colours):
            analysis = service.prepare_enrolment(photo(colour, mark=mark), f"{name}-{mark}.png")
            service.enrol(name, analysis, overrule=True)  # colours are people: several are never alike


def photos(service: FaceService) -> dict[str, list[str]]:
    return {person.name: [t.source_name for t in person.templates] for person in service.people()}


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a database, but its lock."""
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of Anna (two photos) and Bert; made once, because that takes a while."""
    folder = tmp_path_factory.mktemp("filled")
    fill(
        FaceService(load_settings(db=folder, database_url=None, threshold=THRESHOLD), fake_engine()),
        Anna=[RED, BLUE],
        Bert=[GREEN],
    )
    return folder


@pytest.fixture
def source(filled: Path, settings: Settings, tmp_path: Path) -> FaceService:
    """Another machine, with Anna (two photos) and Bert."""
    copied = shutil.copytree(filled, tmp_path / "source")
    return FaceService(settings.model_copy(update={"db": copied}), fake_engine())


@pytest.fixture
def exported(source: FaceService) -> bytes:
    target = io.BytesIO()
    assert source.export(target) == 2
    return target.getvalue()


Parts = dict[str, bytes]


@pytest.fixture
def parts(exported: bytes) -> Parts:
    """The members of a good archive."""
    with zipfile.ZipFile(io.BytesIO(exported)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", packing) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name")
        for name, data in members:
            file.writestr(name, data)
    return target.getvalue()


def opened(data: bytes) -> Archive:
    return open_archive(io.BytesIO(data))


# -- there and back ---------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_everybody_arrives_on_another_machine_as_they_were(
    source: FaceService, service: FaceService, exported: bytes, mode: ImportMode
) -> None:
    service.import_people(opened(exported), mode)
    for given, got in zip(source.people(), service.people(), strict=True):
        assert (got.id, got.name, got.created_at) == (given.id, given.name, given.created_at)
        for a, b in zip(given.templates, got.templates, strict=True):
            np.testing.assert_array_equal(a.embedding, b.embedding)
            fields = ("id", "source_name", "source_sha256", "detection", "model_id", "created_at")
            assert [getattr(a, f) for f in fields] == [getattr(b, f) for f in fields]
            assert source.stored_photo(a) == service.stored_photo(b)
    (face,) = service.identify(service.analyse(service.photo(photo(RED, mark=9), "probe.png")))
    assert face.candidates[0].person.name == "Anna"


def test_an_archive_holds_the_records_and_each_photo_once_and_nothing_else(exported: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(exported)) as file:
        names = file.namelist()
        records = json.loads(file.read("people.json"))
        assert names[0] == "people.json"
        for name in names[1:]:
            assert name == f"photos/{sha256(file.read(name)).hexdigest()}.webp"
    assert len(names) == len(set(names)) == 4
    assert (records["format"], records["version"]) == ("facenet-people", 1)


def test_an_archive_tells_when_it_was_written(exported: bytes) -> None:
    age = datetime.now(UTC) - opened(exported).created_at
    assert 0 <= age.total_seconds() < 60


def test_nobody_can_be_exported_and_imported(service: FaceService) -> None:
    target = io.BytesIO()
    assert service.export(target) == 0
    assert opened(target.getvalue()).people == ()


def test_a_photo_that_is_missing_here_stops_the_export(source: FaceService) -> None:
    template = source.people()[0].templates[0]
    source.repository.photos.path(template.photo_sha256).unlink()
    with pytest.raises(StoreError, match="this photo is missing"):
        source.export(io.BytesIO())


PRESENT: dict[str, dict[str, list[Colour]]] = {
    "nobody": {},
    "others": {"Cleo": [YELLOW], "Dan": [DARK_RED]},
    "the same": {"Anna": [RED, BLUE], "Bert": [GREEN]},
    "one of two photos": {"anna": [RED]},
    "the same name with another photo": {"BERT": [DARK_RED]},
    "the same photo under another name": {"Eve": [GREEN]},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("present", PRESENT.values(), ids=PRESENT)
def test_the_preview_tells_exactly_what_the_import_does(
    service: FaceService, exported: bytes, present: dict[str, list[Colour]], mode: ImportMode
) -> None:
    fill(service, **present)
    people, count = {p.id for p in service.people()}, sum(map(len, photos(service).values()))
    preview = service.preview_import(opened(exported), mode)
    outcome = service.import_people(opened(exported), mode)
    promised = asdict(preview)
    assert promised.pop("foreign_photos") == 0
    assert promised.pop("removed_people") == (len(people) if mode == "replace" else 0)
    assert promised == asdict(outcome)
    kept = count if mode == "merge" else 0
    assert sum(map(len, photos(service).values())) == kept + outcome.added_photos
    if mode == "replace":
        assert photos(service) == {"Anna": ["Anna-0.png", "Anna-1.png"], "Bert": ["Bert-0.png"]}


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_that_two_people_of_an_archive_share_is_taken_once_and_announced_so(
    service: FaceService, parts: Parts, mode: ImportMode
) -> None:
    records = json.loads(parts["people.json"])
    first, *others = records["templates"]
    for other in others:
        other["photo_sha256"] = first["photo_sha256"]
    shared = zipped(("people.json", json.dumps(records).encode()), *list(parts.items())[1:])
    preview = service.preview_import(opened(shared), mode)
    outcome = service.import_people(opened(shared), mode)
    assert (outcome.added_people, outcome.added_photos, outcome.skipped_photos) == (1, 1, 2)
    assert (preview.added_people, preview.added_photos, preview.skipped_photos) == (1, 1, 2)


def test_merging_twice_adds_nothing(service: FaceService, exported: bytes) -> None:
    service.import_people(opened(exported), "merge")
    before = photos(service)
    again = service.import_people(opened(exported), "merge")
    assert (again.added_people, again.added_photos, again.skipped_photos) == (0, 0, 3)
    assert photos(service) == before


def test_templates_of_another_model_are_announced_and_can_be_renewed(settings: Settings, exported: bytes) -> None:
    service = FaceService(settings, fake_engine(OTHER_MODEL))
    assert service.preview_import(opened(exported), "merge").foreign_photos == 3
    service.import_people(opened(exported), "merge")
    assert all(outcome.accepted for outcome in service.renew())
    assert service.outdated() == ()


@pytest.mark.parametrize(("model", "foreign"), [(MODEL, 0), (OTHER_MODEL, 3), (None, None)])
def test_without_a_model_nothing_is_said_about_models(exported: bytes, model: Any, foreign: int | None) -> None:
    assert opened(exported).preview((), "merge", model).foreign_photos == foreign


# -- hostile and damaged files -----------------------------------------------------------


def refusal(service: FaceService, data: bytes) -> str:
    """Why an archive is refused, having made sure that nothing changes."""
    if not service.people():
        fill(service, Zoe=[YELLOW])
    before = content(service.settings.db)
    with pytest.raises(ArchiveError) as caught:
        service.import_people(opened(data), "replace")
    assert content(service.settings.db) == before
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../people.json", "photos/../../x.webp", "/etc/passwd", "\\server\\x", "C:\\x.webp", "..\\x", "c:x"],
)
def test_a_path_out_of_the_archive_is_refused_by_name(service: FaceService, parts: Parts, name: str) -> None:
    message = refusal(service, zipped(*parts.items(), (name, b"x")))
    assert message == f"This archive names a path outside itself ({name!r}) and was refused."


@pytest.mark.parametrize("name", ["readme.txt", "photos/", "photos/me.webp", "PEOPLE.JSON", "photos/" + "0" * 64])
def test_whatever_export_never_writes_is_refused_by_name(service: FaceService, parts: Parts, name: str) -> None:
    message = refusal(service, zipped(*parts.items(), (name, b"x")))
    assert message == f"This archive holds {name!r}, which Export never writes, and was refused."


def test_a_name_that_would_control_the_terminal_is_shown_harmlessly(service: FaceService, parts: Parts) -> None:
    assert "\x1b" not in refusal(service, zipped(*parts.items(), ("\x1b[2J", b"x")))


def test_a_link_is_refused(service: FaceService, parts: Parts) -> None:
    link = zipfile.ZipInfo("photo.webp")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert "which Export never writes" in refusal(service, zipped(*parts.items(), (link, b"/etc/passwd")))


def test_a_link_in_the_place_of_a_photo_is_no_link_any_more(service: FaceService, parts: Parts) -> None:
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = []
    for name, data in parts.items():
        member = zipfile.ZipInfo(name)
        member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        members.append((member, data))
    service.import_people(opened(zipped(*members)), "merge")
    assert not [path for path in service.settings.db.rglob("*") if path.is_symlink()]
    swapped = [(name, b"/etc/passwd" if name.endswith(".webp") else data) for name, data in parts.items()]
    assert "A photo in this archive is damaged" in refusal(service, zipped(*swapped))


@pytest.mark.parametrize("name", ["people.json", "photo"])
def test_a_member_that_occurs_twice_is_refused(service: FaceService, parts: Parts, name: str) -> None:
    chosen = name if name in parts else list(parts)[-1]
    message = refusal(service, zipped(*parts.items(), (chosen, parts[chosen])))
    assert message == f"This archive holds {chosen!r} twice and was refused."


BOMB = "This archive would unpack to far more than it could hold (a zip bomb) and was refused."
DAMAGED = "This archive is damaged or incomplete: copy or export it again."


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    service: FaceService, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_member", None)  # nothing may be unpacked
    parts["people.json"] += b" " * 2**20
    assert refusal(service, zipped(*parts.items())) == BOMB
    many = [(f"photos/{number:064x}.webp", bytes(2**14)) for number in range(64)]
    assert refusal(service, zipped(*many)) == BOMB


def test_a_photo_larger_than_any_that_export_writes_is_refused(
    service: FaceService, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER", 100)
    assert refusal(service, zipped(*parts.items())) == BOMB


def directory_entries(data: bytes) -> list[int]:
    """Where the entries of a zip file's central directory begin (APPNOTE 4.3.12)."""
    found, at = [], data.find(b"PK\x01\x02")
    while at >= 0:
        found.append(at)
        at = data.find(b"PK\x01\x02", at + 1)
    return found


def patched(data: bytes, offset: int, form: str, *values: int) -> bytes:
    """A zip file with something else in its directory's first entry."""
    changed = bytearray(data)
    struct.pack_into(form, changed, directory_entries(data)[0] + offset, *values)
    return bytes(changed)


def test_a_bomb_that_lies_about_its_packed_size_is_refused(service: FaceService, parts: Parts) -> None:
    parts["people.json"] += b" " * 2**20
    plain = zipped(*parts.items())
    assert refusal(service, patched(plain, 20, "<I", 2**20)) in (BOMB, DAMAGED)


def test_a_bomb_that_lies_about_its_unpacked_size_is_refused(service: FaceService, parts: Parts) -> None:
    size = len(parts["people.json"])
    parts["people.json"] += b" " * 2**20
    plain = zipped(*parts.items())
    assert refusal(service, patched(plain, 24, "<I", size)) == DAMAGED


def test_more_than_the_limit_is_never_unpacked_whatever_the_directory_says(
    exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_refuse_hostile", lambda members, size: None)
    monkeypatch.setattr(archive, "MAX_RECORDS", 1000)
    with pytest.raises(ArchiveError, match="zip bomb"):
        opened(exported)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_an_unusual_packing_is_refused(service: FaceService, parts: Parts, packing: int) -> None:
    message = refusal(service, zipped(*parts.items(), packing=packing))
    assert message == "This archive packs 'people.json' in a way that Export never does, and was refused."


def test_an_encrypted_archive_is_refused(service: FaceService, exported: bytes) -> None:
    assert refusal(service, patched(exported, 8, "<H", 1)) == DAMAGED


NOT_AN_ARCHIVE = "This is not an archive of people: choose a file that Export has made."


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7\n", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_file_is_refused(service: FaceService, data: bytes) -> None:
    assert refusal(service, data) == NOT_AN_ARCHIVE


def test_an_archive_that_was_cut_off_is_refused(service: FaceService, exported: bytes) -> None:
    for length in (len(exported) // 2, len(exported) - 1):
        assert refusal(service, exported[:length]) == NOT_AN_ARCHIVE


def test_a_zip_file_of_a_kind_from_the_future_is_refused(service: FaceService, exported: bytes) -> None:
    assert refusal(service, patched(exported, 6, "<B", 255)) == NOT_AN_ARCHIVE


def test_a_zip_file_without_people_is_refused(service: FaceService, parts: Parts) -> None:
    del parts["people.json"]
    expected = "This zip file holds no people: choose a file that Export has made."
    assert refusal(service, zipped(*parts.items())) == expected
    assert refusal(service, zipped(("people.json", b'{"format": "address-book"}'))) == expected


@pytest.mark.parametrize("version", [0, 2, 10**9])
def test_an_archive_of_another_version_is_refused_with_both_versions(
    service: FaceService, parts: Parts, version: int
) -> None:
    records = json.loads(parts["people.json"])
    parts["people.json"] = json.dumps({**records, "version": version}).encode()
    assert refusal(service, zipped(*parts.items())) == (
        f"This archive has version {version}, and this program reads version 1: export it again with the same version "
        "of the program on both machines."
    )


def test_a_missing_photo_is_refused_by_its_persons_name(service: FaceService, parts: Parts) -> None:
    del parts[list(parts)[-1]]
    assert refusal(service, zipped(*parts.items())) == ("A photo of Bert is missing in this archive: export it again.")


def test_a_changed_photo_stops_the_import_and_leaves_nothing_behind(service: FaceService, parts: Parts) -> None:
    parts[list(parts)[-1]] += b"x"  # the last one: the others are in place by then
    assert refusal(service, zipped(*parts.items())) == (
        "A photo in this archive is damaged: export it again. Nothing was imported."
    )


def test_a_photo_that_does_not_unpack_is_refused(service: FaceService, exported: bytes) -> None:
    place = exported.rindex(b"WEBP", 0, directory_entries(exported)[0])
    damaged = exported[:place] + b"WUBP" + exported[place + 4 :]
    assert refusal(service, damaged) == DAMAGED


Change = Callable[[dict[str, Any]], Any]


def change(**values: Any) -> Change:
    return lambda records: records.update(values)


def in_template(**values: Any) -> Change:
    return lambda records: records["templates"][0].update(values)


def in_person(**values: Any) -> Change:
    return lambda records: records["people"][0].update(values)


@pytest.mark.parametrize(
    "damage",
    [
        change(people=None),
        change(people=[1]),
        change(people={"a": 1}),
        change(templates="x"),
        change(people=[]),
        change(created_at="yesterday"),
        change(version="new"),
        change(version=None),
        change(version=float("inf")),
        lambda records: records.pop("templates"),
        in_person(name=7),
        in_person(name="../../etc"),
        in_person(name="a\x1b[2Jb"),
        in_person(name=""),
        in_person(name="x" * 5000),
        in_person(created_at="0001-01-01T00:00:00+23:59"),
        in_template(embedding="####"),
        in_template(embedding="AAAA"),
        in_template(embedding="AAAAAAAAAAAAAAAAAAAAAA=="),
        in_template(photo_sha256="../../x"),
        in_template(person_id="nobody"),
        in_template(model={"dimensions": 10**9}),
        in_template(detection={"box": [0, 0, float("nan"), 1], "landmarks": [[0, 0]] * 5, "confidence": 1}),
        in_template(detection={"box": [0, 0, 10**400, 1], "landmarks": [[0, 0]] * 5, "confidence": 1}),
        in_template(detection={"box": [0, 0, 1, 1], "landmarks": [], "confidence": 1}),
    ],
)
def test_damaged_records_are_refused(service: FaceService, parts: Parts, damage: Change) -> None:
    records = json.loads(parts["people.json"])
    damage(records)
    parts["people.json"] = json.dumps(records).encode()
    assert refusal(service, zipped(*parts.items())) == (
        "The list of people in this archive is damaged: export it again."
    )


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"null", b"[]", b"{}", b"7", b"{", b"[" * 100_000, b'{"format":' * 10_000, b"1" * 5_000],
    ids=["empty", "no text", "null", "list", "object", "number", "cut", "deep lists", "deep objects", "long number"],
)
def test_records_that_are_no_records_are_refused(service: FaceService, parts: Parts, text: bytes) -> None:
    parts["people.json"] = text
    message = refusal(service, zipped(*parts.items(), packing=zipfile.ZIP_STORED))
    assert message == "The list of people in this archive is damaged: export it again."


def test_a_bit_that_flipped_anywhere_is_an_archive_error_or_does_no_harm(source: FaceService, exported: bytes) -> None:
    whole = {t.photo_sha256: source.stored_photo(t) for person in source.people() for t in person.templates}
    rng = random.Random(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(exported)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        try:
            found = opened(bytes(damaged))
            got = {t.photo_sha256: found.photo(t.photo_sha256) for person in found.people for t in person.templates}
        except ArchiveError:
            refused += 1
        else:
            assert got == whole
    assert refused > 100


def test_a_box_that_lies_outside_its_photo_does_not_break_the_pages(service: FaceService, parts: Parts) -> None:
    records = json.loads(parts["people.json"])
    for template in records["templates"]:
        template["detection"]["box"] = [1e6, 1e6, -1e6, 2e6]
    parts["people.json"] = json.dumps(records).encode()
    service.import_people(opened(zipped(*parts.items())), "merge")
    for person in service.people():
        for template in person.templates:
            assert service.enrolled_crop(template).shape == (160, 160, 3)


def test_a_stored_file_that_is_no_photo_is_an_error_like_any_other(service: FaceService, parts: Parts) -> None:
    script = b"<script>alert(1)</script>"
    old, new = list(parts)[-1], f"photos/{sha256(script).hexdigest()}.webp"
    del parts[old]
    records = parts.pop("people.json").replace(old[7:-5].encode(), new[7:-5].encode())
    service.import_people(opened(zipped(("people.json", records), *parts.items(), (new, script))), "merge")
    (template,) = service.repository.person("Bert").templates
    with pytest.raises(NotAPhotoError, match="This is not a photo"):
        service.enrolled_crop(template)
