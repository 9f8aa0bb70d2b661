"""The training code, on faces that were made up."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenet_core.mini import facenet_mini
from training.batches import Batches, centred_targets
from training.curve import draw
from training.export import folded
from training.faces import SIDE, Faces, load_faces
from training.label import Labels, load_labels, views_of_round
from training.train import Recipe, Trainer, run
from training.validation import Crops, figures
from training.views import drawn, mirrored, random_maps, transforms, within

VIEW, BATCH = 32, 16


@pytest.fixture(scope="module")
def faces() -> Faces:
    """Twenty-four smooth pictures, each of its own colours."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (24, 4, 4, 3), dtype=np.uint8)
    pixels = np.stack([np.asarray(Image.fromarray(p).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for p in small])
    return Faces(pixels, np.zeros(24, np.uint8), ("made-up",), np.array([f"face {i}" for i in range(24)]))


@pytest.fixture(scope="module")
def labels(faces: Faces) -> Labels:
    """Two rounds of views; the embeddings are made of the colours that a view shows."""
    project = np.random.default_rng(1).normal(size=(48, 512))
    rounds = []
    for number in range(2):
        views = views_of_round(faces, number)
        seen = [
            faces.pixels[f][:, :: SIDE // 4, :: SIDE // 4].reshape(len(f), -1) / 127.5 - 1
            for f in (views.face, views.other)
        ]
        mixed = seen[0] * (1 - views.share[:, None]) + seen[1] * views.share[:, None]
        made = mixed @ project
        views.embeddings[:] = made / np.linalg.norm(made, axis=1, keepdims=True)
        rounds.append(views)
    return Labels(*(np.concatenate([getattr(r, name) for r in rounds]) for name in Labels.__slots__))


@pytest.mark.real
def test_the_loss_falls_and_a_killed_run_goes_on_as_if_it_had_not_been(
    faces: Faces, labels: Labels, tmp_path: Path
) -> None:
    recipe = Recipe(8, 1, batch=BATCH, view=VIEW, rate=2e-2)
    batches = Batches(faces, labels, BATCH, VIEW, recipe.seed)
    whole = Trainer(recipe, tmp_path / "whole" / "checkpoints", mixed=False)
    run(whole, batches, tmp_path / "whole" / "log.csv", until=3)
    shutil.copytree(tmp_path / "whole", tmp_path / "halves")
    run(whole, batches, tmp_path / "whole" / "log.csv")
    halves = Trainer(recipe, tmp_path / "halves" / "checkpoints", mixed=False)
    run(halves, batches, tmp_path / "halves" / "log.csv")

    for one, other in zip(whole.averaged().get_weights(), halves.averaged().get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    with (tmp_path / "halves" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [3, 8]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])

    draw(tmp_path / "halves" / "log.csv", tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.width > picture.height


@pytest.mark.real
def test_a_run_at_a_larger_view_begins_with_the_weights_of_a_smaller_one(tmp_path: Path) -> None:
    recipe = Recipe(4, 1, view=VIEW)
    small = Trainer(recipe, tmp_path / "small" / "checkpoints", mixed=False)
    small.save()
    (tmp_path / "small" / "recipe.json").write_text('{"steps": 4, "decay": 1, "view": 32}')

    large = Trainer(Recipe(4, 1, view=48), tmp_path / "large", mixed=False)
    large.begin_from(tmp_path / "small")

    kept, grown = small.averaged().get_layer("stem_conv"), large.averaged().get_layer("stem_conv")
    np.testing.assert_array_equal(kept.get_weights()[0], grown.get_weights()[0])
    kernel = [t.averaged().get_layer("places_conv").get_weights()[0] for t in (small, large)]
    assert (kernel[0].shape, kernel[1].shape) == ((2, 2, 512, 1), (3, 3, 512, 1))
    np.testing.assert_allclose(kernel[1].mean() * 9, kernel[0].mean() * 4, atol=2e-2)


@pytest.mark.real
def test_the_network_without_normalisation_gives_the_same_embeddings() -> None:
    trained_model = facenet_mini(training=True, size=VIEW)
    rng = np.random.default_rng(0)
    trained_model.set_weights([rng.uniform(0.1, 0.2, w.shape).astype(np.float32) for w in trained_model.get_weights()])
    plain = folded(trained_model)
    photos = rng.uniform(-1, 1, (3, VIEW, VIEW, 3)).astype(np.float32)

    assert not any("norm" in layer.name for layer in plain.layers if layer.weights)
    np.testing.assert_allclose(
        np.asarray(plain(photos, training=False)), np.asarray(trained_model(photos, training=False)), atol=1e-4
    )


def test_held_out_faces_are_in_no_batch(faces: Faces, labels: Labels) -> None:
    utk = Faces(faces.pixels, faces.sets, ("utkface",), faces.files)
    held = np.flatnonzero(utk.held_out)
    batches = Batches(utk, labels, 4, VIEW, 1)
    usable = ~(np.isin(labels.face, held) | np.isin(labels.other, held))

    assert 0 < len(held) < len(faces.pixels) / 2
    assert len(batches) == usable.sum() // 4
    shown = np.concatenate([batches.batch(step).targets for step in range(len(batches))])
    targets = centred_targets(labels)
    for row in shown:
        assert usable[np.abs(targets - row).sum(1).argmin()]


def test_the_target_of_a_face_is_the_mean_of_its_views_and_that_of_a_blend_its_own(labels: Labels) -> None:
    targets = centred_targets(labels)
    plain = labels.share == 0
    face = next(f for f in range(24) if (plain & (labels.face == f)).sum() == 2)
    first, second = targets[plain & (labels.face == face)]

    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(first, second, atol=1e-5)
    own = labels.embeddings.astype(np.float32) - labels.embeddings[plain].astype(np.float32).mean(0)
    np.testing.assert_allclose(
        targets[~plain], own[~plain] / np.linalg.norm(own[~plain], axis=1, keepdims=True), atol=1e-5
    )


def test_a_view_without_strength_is_the_crop_that_the_app_makes(faces: Faces) -> None:
    maps = random_maps(np.random.default_rng(0), np.zeros(2, bool), 0.0)
    seen = np.asarray(drawn(faces.pixels[:2], transforms(maps, SIDE, 100), 100))

    np.testing.assert_allclose(seen, faces.pixels[:2, 6:106, 6:106], atol=1.0)


def test_a_mirrored_view_of_a_mirrored_view_is_the_view(faces: Faces) -> None:
    rng, which = np.random.default_rng(0), np.array([True, False])
    maps = random_maps(rng, np.zeros(2, bool), 1.0)
    straight, flipped = (
        np.asarray(drawn(faces.pixels[:2], transforms(m, SIDE, 64), 64)) for m in (maps, mirrored(maps, which))
    )
    whole = mirrored(random_maps(rng, np.ones(2, bool), 0.0), which)

    np.testing.assert_allclose(flipped[0], straight[0, :, ::-1], atol=0.5)
    np.testing.assert_allclose(flipped[1], straight[1], atol=0.5)
    np.testing.assert_allclose(within(mirrored(maps, which), whole), maps, atol=1e-6)


def test_faces_are_read_from_their_files_in_order(tmp_path: Path) -> None:
    for name, grey in (("b", 200), ("a", 50)):
        file = io.BytesIO()
        Image.new("RGB", (SIDE, SIDE), (grey,) * 3).save(file, "WEBP")
        blob = np.frombuffer(file.getvalue(), np.uint8)
        np.savez(tmp_path / f"{name}.npz", webp=blob, offsets=np.array([0, len(blob)]), names=np.array([name.encode()]))

    found = load_faces(tmp_path)

    assert found.names == ("a", "b")
    assert list(found.files) == ["a", "b"]
    assert [round(float(p.mean()), -1) for p in found.pixels] == [50, 200]


def test_missing_faces_and_labels_are_said_by_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}.*no .npz files"):
        load_faces(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"python -m training\.label"):
        load_labels(tmp_path)


def test_a_network_that_tells_people_apart_is_found_to_do_so() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 4)
    people = rng.normal(size=(40, 64))
    rows = (people[person] + 0.2 * rng.normal(size=(160, 64))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    mated = np.stack([np.arange(0, 160, 4), np.arange(1, 160, 4)], 1)
    pairs = np.concatenate([mated, np.roll(mated, 1, 0) * [1, 0] + mated * [0, 1]])
    crops = Crops(np.zeros((160, 2, 1, 1, 3), np.uint8), person, pairs, np.arange(80) % 10)

    good, chance = figures(rows, crops), figures(rows[rng.permutation(160)], crops)

    assert (good.accuracy, good.eer) == (1.0, 0.0)
    assert chance.accuracy < 0.8
    assert chance.fnmr_at_fmr_1e_3 > 0.9
