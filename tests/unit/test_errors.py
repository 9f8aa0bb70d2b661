from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from facenet_core import errors
from facenet_core.errors import (
    DatabaseDamagedError,
    DuplicatePhotoError,
    FaceNetError,
    InputError,
    ModelError,
    NoFaceError,
    SeveralFacesError,
    SourceError,
    StoreError,
)

CLASSES = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, FaceNetError)]


def drawn() -> dict[str, str | None]:
    """Each exception of the tree in the docstring, with the one it hangs under."""
    tree: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ((?:│   |    )*)([├└]── )?(\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4 + bool(found[2])
            path = [*path[:depth], found[3]]
            tree[found[3]] = path[-2] if depth else None
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    bases = {c.__name__: c.__bases__[0].__name__ if c is not FaceNetError else None for c in CLASSES}
    assert drawn() == bases


def test_every_code_is_another_word() -> None:
    codes = [c.code for c in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize(
    ("error", "code"),
    [(NoFaceError, "no_face"), (SeveralFacesError, "several_faces"), (errors.NotAPhotoError, "not_a_photo")],
)
def test_a_code_is_the_name_for_scripts(error: type[FaceNetError], code: str) -> None:
    assert error.code == code


@pytest.mark.parametrize("error", [c for c in CLASSES if c is not FaceNetError], ids=lambda c: c.__name__)
def test_every_error_is_the_users_the_models_the_databases_or_a_sources(error: type[FaceNetError]) -> None:
    assert sum(issubclass(error, kind) for kind in (InputError, ModelError, SourceError, StoreError)) == 1


def test_an_error_about_a_photo_names_it() -> None:
    error = SeveralFacesError("us.jpg", "3 faces were found.", 3)
    assert (str(error), error.photo, error.reason, error.count) == (
        "us.jpg: 3 faces were found.",
        "us.jpg",
        "3 faces were found.",
        3,
    )
    assert DuplicatePhotoError("me.jpg", "It is enrolled already.", "Ann").person == "Ann"


def test_a_damaged_database_names_the_backup_that_could_be_restored() -> None:
    error = DatabaseDamagedError(Path("db/facenet.json"), "it is empty", Path("db/facenet.json.bak"))
    assert str(error) == (
        "db/facenet.json: the database is damaged (it is empty). Nothing was changed. The last good backup is "
        "db/facenet.json.bak; restore it from the Manage page or with `people restore`."
    )
    assert (error.path, error.backup) == (Path("db/facenet.json"), Path("db/facenet.json.bak"))


def test_a_damaged_database_without_a_backup_says_so() -> None:
    assert str(DatabaseDamagedError(Path("a"), "it is empty", None)).endswith("There is no backup beside it.")
