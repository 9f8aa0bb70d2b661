from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from facenet_core import facenet
from facenet_core.errors import WeightsError
from facenet_core.facenet import load_weights, preprocess_input

Tensors = dict[str, dict[str, np.ndarray]]
"""Layer name to weight name to values."""


# -- pixels ---------------------------------------------------------------


def test_fixed_scaling_maps_the_middle_grey_to_zero():
    crops = np.zeros((1, 1, 2, 3), np.uint8)
    crops[0, 0, 0], crops[0, 0, 1] = (0, 127, 255), (128, 64, 1)
    x = preprocess_input(crops, "fixed")
    assert x.dtype == np.float32
    expected = [[-0.99609375, -0.00390625, 0.99609375], [0.00390625, -0.49609375, -0.98828125]]
    np.testing.assert_array_equal(x[0, 0], np.float32(expected))


def test_whitening_gives_each_image_zero_mean_and_unit_deviation():
    crops = np.zeros((2, 1, 2, 3), np.uint8)
    crops[0, 0, 1] = 10  # mean 5, deviation 5
    crops[1, 0, 0, 0] = 60  # mean 10, deviation sqrt(500)
    x = preprocess_input(crops, "whitening")
    np.testing.assert_allclose(x[0, 0], [[-1, -1, -1], [1, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(x[1].ravel(), np.float32([50, -10, -10, -10, -10, -10]) / np.sqrt(500), atol=1e-6)


def test_whitening_of_a_flat_image_is_zero_not_infinite():
    assert not preprocess_input(np.full((1, 160, 160, 3), 77, np.uint8), "whitening").any()


def test_whitening_bounds_the_contrast_of_a_nearly_flat_image():
    crops = np.full((1, 2, 2, 3), 100, np.uint8)
    crops[0, 0, 0, 0] = 101  # deviation sqrt(11)/12 = 0.276, less than the floor 1/sqrt(12) = 0.289
    x = preprocess_input(crops, "whitening")
    assert x[0, 0, 0, 0] == pytest.approx((1 - 1 / 12) * np.sqrt(12), abs=1e-4)


@pytest.mark.parametrize("scaling", ["fixed", "whitening"])
def test_no_crops_are_no_input(scaling):
    assert preprocess_input(np.empty((0, 160, 160, 3), np.uint8), scaling).shape == (0, 160, 160, 3)


@pytest.mark.parametrize(
    "crops",
    [np.zeros((160, 160, 3), np.uint8), np.zeros((1, 160, 160, 4), np.uint8), np.zeros((1, 160, 160, 3), np.float32)],
    ids=["one image", "four channels", "floats"],
)
def test_anything_but_a_batch_of_rgb_bytes_is_a_mistake(crops):
    with pytest.raises(ValueError, match="expected uint8 crops"):
        preprocess_input(crops, "fixed")


def test_an_unknown_scaling_is_a_mistake():
    with pytest.raises(ValueError, match="unknown scaling 'other'"):
        preprocess_input(np.zeros((1, 2, 2, 3), np.uint8), "other")


# -- the network ----------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> Callable[[int], object]:
    """The builder, building each size once: it takes seconds."""
    return cache(facenet.inception_resnet_v1)


@pytest.mark.parametrize(("dimensions", "parameters"), [(128, 22_808_144), (512, 23_497_424)])
def test_the_network_has_the_published_size(network, dimensions, parameters):
    model = network(dimensions)
    assert model.input_shape == (None, 160, 160, 3)
    assert model.output_shape == (None, dimensions)
    assert model.count_params() == parameters
    assert len([layer for layer in model.layers if layer.weights]) == 245


def test_the_residual_blocks_are_scaled_as_in_the_original(network):
    blocks = [f"Block35_{i}" for i in range(1, 6)] + [f"Block17_{i}" for i in range(1, 11)]
    scales = {name: 0.17 if name.startswith("Block35") else 0.10 for name in blocks}
    scales |= {f"Block8_{i}": 0.20 for i in range(1, 6)} | {"Block8_6": 1.0}
    model = network(128)
    assert {name: model.get_layer(f"{name}_ScaleSum").scale for name in scales} == scales
    # The last block alone is not followed by an activation.
    activated = {layer.name for layer in model.layers if re.fullmatch(r"Block\d+_\d+_Activation", layer.name)}
    assert activated == {f"{name}_Activation" for name in scales if name != "Block8_6"}


def test_the_network_turns_faces_into_finite_numbers(network):
    faces = np.random.default_rng(1).normal(size=(2, 160, 160, 3)).astype(np.float32)
    out = np.asarray(network(128)(faces, training=False))
    assert out.shape == (2, 128)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert not np.allclose(out[0], out[1])


# -- weights files --------------------------------------------------------


@pytest.fixture(autouse=True)
def _built_once(network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facenet, "inception_resnet_v1", network)


def generated(model) -> Tensors:
    """Values for a network's every tensor, different for each.

    They repeat within a tensor, so that compressed files are small.
    """
    tensors: Tensors = {}
    for layer in model.layers:
        for weight in layer.weights:
            name = weight.path.rsplit("/", 1)[-1]
            seed = int.from_bytes(hashlib.sha256(f"{layer.name}/{name}".encode()).digest()[:4], "little")
            pattern = np.random.default_rng(seed).uniform(0.001, 0.1, 61).astype(np.float32)
            tensors.setdefault(layer.name, {})[name] = np.resize(pattern, tuple(weight.shape))
    return tensors


def write(path: Path, tensors: Tensors, root: str = "", ending: str = ":0", compression: str | None = "gzip") -> Path:
    """Writes a weights file as Keras 2 did, layers without weights included."""
    with h5py.File(path, "w") as file:
        group = file.require_group(root) if root else file
        names = ["input_1", *tensors, "dropout"]
        group.attrs["layer_names"] = np.array(names, "S")
        for layer in names:
            weights = tensors.get(layer, {})
            stored = group.create_group(layer)
            stored.attrs["weight_names"] = np.array([f"{layer}/{n}{ending}" for n in weights], "S" if weights else None)
            for name, values in weights.items():
                level = {"compression": compression, "compression_opts": 1} if compression else {}
                stored.create_dataset(f"{layer}/{name}{ending}", data=values, **level)
    return path


@pytest.fixture(scope="module")
def tensors(network) -> Tensors:
    return generated(network(128))


@pytest.fixture(scope="module")
def reference(tensors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good, compressed 128-d file."""
    return write(tmp_path_factory.mktemp("weights") / "good.h5", tensors)


@pytest.fixture(scope="module")
def digest(network, reference) -> str:
    """That of the good file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facenet, "inception_resnet_v1", network)
        return load_weights(reference).digest


@pytest.fixture
def copy(reference, tmp_path: Path) -> Path:
    """A copy of the good file, to damage."""
    return Path(shutil.copy(reference, tmp_path / "copy.h5"))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A place for a file of 90 MB, which pytest would keep."""
    yield tmp_path / "large.h5"
    (tmp_path / "large.h5").unlink(missing_ok=True)


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def without(file: h5py.File, *layers: str) -> None:
    file.attrs["layer_names"] = np.array([n for n in file.attrs["layer_names"] if n.decode() not in layers])


def test_every_tensor_arrives_where_it_belongs(reference, tensors):
    loaded = load_weights(reference)
    assert loaded.dimensions == 128
    assert re.fullmatch("[0-9a-f]{64}", loaded.digest)
    for layer in loaded.model.layers:
        for weight in layer.weights:
            np.testing.assert_array_equal(weight.numpy(), tensors[layer.name][weight.path.rsplit("/", 1)[-1]])


def test_the_digest_is_that_of_names_shapes_and_bytes(digest, tensors):
    lines = sorted(
        f"{layer}/{name} {values.shape} {hashlib.sha256(values.tobytes()).hexdigest()}"
        for layer, weights in tensors.items()
        for name, values in weights.items()
    )
    assert digest == hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_one_changed_number_changes_the_digest(copy, digest):
    with h5py.File(copy, "r+") as file:
        file["Bottleneck/Bottleneck/kernel:0"][0, 0] += 1.0
    assert load_weights(copy).digest != digest


def test_a_file_of_512_dimensions_is_recognised(network, tmp_path):
    loaded = load_weights(write(tmp_path / "512.h5", generated(network(512))))
    assert loaded.dimensions == 512
    assert loaded.model.output_shape == (None, 512)


def test_an_uncompressed_file_has_the_same_digest(scratch, tensors, digest):
    assert load_weights(write(scratch, tensors, compression=None)).digest == digest


# Keras' own way of reading its variables warns under NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_saved_by_todays_keras_has_the_same_digest(scratch, network, reference, digest):
    load_weights(reference).model.save(scratch)
    assert load_weights(scratch).digest == digest


def test_the_order_of_layers_in_the_file_does_not_matter(tmp_path, tensors, digest):
    backwards = {layer: dict(reversed(weights.items())) for layer, weights in reversed(tensors.items())}
    assert load_weights(write(tmp_path / "backwards.h5", backwards)).digest == digest


def test_the_layer_names_of_deepface_are_understood(tmp_path, tensors, digest):
    def named(layer: str) -> str:
        return re.sub(r"^(Block17|Block8)_([2-9]|10)_Branch_1_", renumbered, layer)

    def renumbered(match: re.Match[str]) -> str:
        # deepface numbers the last Block8 like the network does.
        return match[0] if match[0].startswith("Block8_6") else f"{match[1]}_{match[2]}_Branch_{match[2]}_"

    renamed = {named(layer): weights for layer, weights in tensors.items()}
    assert "Block17_10_Branch_10_Conv2d_0c_7x1_BatchNorm" in renamed
    assert "Block8_6_Branch_1_Conv2d_0a_1x1" in renamed
    assert len(set(renamed) - set(tensors)) == 6 * (9 + 4)
    assert load_weights(write(tmp_path / "facenet_weights.h5", renamed)).digest == digest


def test_a_whole_model_is_read_without_its_configuration(tmp_path, tensors, digest, monkeypatch):
    path = write(tmp_path / "model.h5", tensors, root="model_weights")
    canary = tmp_path / "canary"
    body = compile(f"__import__('pathlib').Path({str(canary)!r}).touch()", "lambda", "exec")
    config = {"class_name": "Lambda", "config": {"name": "scaling", "function": [repr(body.co_code), None, None]}}
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": [config]}})
        file.attrs["training_config"] = "{}"

    looked_at = set()
    read = h5py.AttributeManager.__getitem__

    def noting(self: h5py.AttributeManager, name: str) -> object:
        looked_at.add(name)
        return read(self, name)

    monkeypatch.setattr(h5py.AttributeManager, "__getitem__", noting)
    assert load_weights(path).digest == digest
    assert looked_at == {"layer_names", "weight_names"}
    assert not canary.exists()


@pytest.mark.parametrize("layer", ["Conv2d_1a_3x3", "Block17_7_Branch_1_Conv2d_0b_1x7_BatchNorm", "Bottleneck"])
def test_a_missing_layer_is_named(copy, layer):
    with h5py.File(copy, "r+") as file:
        without(file, layer)
    assert f"layer {layer} is missing" in refusal(copy)


def test_the_first_of_several_differences_is_named(copy):
    with h5py.File(copy, "r+") as file:
        without(file, "Block8_1_Conv2d_1x1", "Block35_2_Conv2d_1x1")
    assert "layer Block35_2_Conv2d_1x1 is missing" in refusal(copy)


def test_a_layer_too_many_is_named(tmp_path, tensors):
    more = {**tensors, "Logits": {"kernel": np.zeros((128, 10), np.float32)}}
    assert "layer Logits is not part of this network" in refusal(write(tmp_path / "more.h5", more))


def test_a_layer_under_both_of_its_names_is_refused(tmp_path, tensors):
    twice = {**tensors, "Block17_3_Branch_3_Conv2d_0a_1x1": tensors["Block17_3_Branch_1_Conv2d_0a_1x1"]}
    assert "layer Block17_3_Branch_1_Conv2d_0a_1x1 occurs twice" in refusal(write(tmp_path / "twice.h5", twice))


def replaced(path: Path, dataset: str, values: np.ndarray | None) -> None:
    with h5py.File(path, "r+") as file:
        del file[dataset]
        if values is not None:
            file[dataset] = values


def test_a_wrong_shape_is_named_with_the_right_one(copy):
    replaced(copy, "Conv2d_2b_3x3/Conv2d_2b_3x3/kernel:0", np.zeros((3, 3, 64, 32), np.float32))
    message = refusal(copy)
    assert "layer Conv2d_2b_3x3: kernel has shape (3, 3, 64, 32), expected (3, 3, 32, 64)" in message


@pytest.mark.parametrize("shape", [(), (1792,), (1792, 0), (1792, 5000), (1, 1, 1792, 128)])
def test_a_bottleneck_of_another_kind_is_refused(copy, shape):
    replaced(copy, "Bottleneck/Bottleneck/kernel:0", np.zeros(shape, np.float32))
    assert "layer Bottleneck has no kernel of shape (1792, embedding size)" in refusal(copy)


def test_a_weight_too_many_is_named(copy):
    layer = "Conv2d_1a_3x3_BatchNorm"
    with h5py.File(copy, "r+") as file:
        file[f"{layer}/{layer}/gamma:0"] = np.ones(32, np.float32)
        file[layer].attrs["weight_names"] = np.append(file[layer].attrs["weight_names"], f"{layer}/gamma:0".encode())
    assert f"layer {layer} has unexpected weights gamma" in refusal(copy)


def test_a_weight_too_few_is_named(copy):
    layer = "Conv2d_1a_3x3_BatchNorm"
    with h5py.File(copy, "r+") as file:
        file[layer].attrs["weight_names"] = file[layer].attrs["weight_names"][:-1]
    assert f"layer {layer} has no moving_variance" in refusal(copy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(copy, value):
    with h5py.File(copy, "r+") as file:
        file["Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"][1, 2, 0, 5] = value
    assert "layer Conv2d_1a_3x3: kernel holds values that are not finite" in refusal(copy)


def test_text_instead_of_numbers_is_refused(copy):
    replaced(copy, "Conv2d_1a_3x3_BatchNorm/Conv2d_1a_3x3_BatchNorm/beta:0", np.full(32, b"x", "S1"))
    assert "layer Conv2d_1a_3x3_BatchNorm: beta can't be read" in refusal(copy)


def test_a_missing_file_is_named(tmp_path):
    assert "there is no such weights file" in refusal(tmp_path / "gone.h5")
    assert "there is no such weights file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_that_is_not_hdf5_is_refused(tmp_path, content):
    (tmp_path / "bad.h5").write_bytes(content)
    assert "can't be read as an HDF5 weights file" in refusal(tmp_path / "bad.h5")


def test_a_truncated_file_is_refused(copy):
    content = copy.read_bytes()
    copy.write_bytes(content[: len(content) // 2])
    assert "truncated" in refusal(copy)


def test_hdf5_without_layers_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.zeros(3)
    assert "no Keras layers were found" in refusal(tmp_path / "other.h5")


@pytest.mark.parametrize("names", [np.int64(3), [b"gone"], [b"\xff"], [b"a//b"], [b""], [b"data"], [b"data/x"]])
def test_layer_names_that_lead_nowhere_are_refused(tmp_path, names):
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["data"] = np.zeros(3)
        file["data"].attrs["weight_names"] = [b"x"]
        file.attrs["layer_names"] = names
    assert "no Keras layers were found" in refusal(tmp_path / "odd.h5")


# -- files that point elsewhere -------------------------------------------


@pytest.mark.parametrize("place", ["Conv2d_1a_3x3", "Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"])
@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_are_not_followed(copy, reference, place, kind):
    with h5py.File(copy, "r+") as file:
        file.move(place, "moved")
        file[place] = h5py.ExternalLink(str(reference), place) if kind == "external" else h5py.SoftLink("/moved")
    assert "is a link, which is never followed" in refusal(copy)


def test_a_link_to_a_whole_model_is_not_followed(tmp_path, tensors):
    elsewhere = write(tmp_path / "elsewhere.h5", tensors, root="model_weights")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(elsewhere), "/model_weights")
    assert "model_weights is a link, which is never followed" in refusal(tmp_path / "link.h5")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_linked_file_is_not_even_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["model_weights"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/")
    assert "never followed" in refusal(tmp_path / "link.h5")


def test_arrays_stored_in_another_file_are_not_read(copy, tmp_path):
    place = "Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"
    (tmp_path / "secret").write_bytes(bytes(3 * 3 * 3 * 32 * 4))
    with h5py.File(copy, "r+") as file:
        del file[place]
        file.create_dataset(place, (3, 3, 3, 32), "<f4", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
    assert "is not an array in this file" in refusal(copy)


def test_arrays_composed_of_other_files_are_not_read(copy, reference):
    place = "Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"
    layout = h5py.VirtualLayout((3, 3, 3, 32), "<f4")
    layout[...] = h5py.VirtualSource(str(reference), place, (3, 3, 3, 32))
    with h5py.File(copy, "r+") as file:
        del file[place]
        file.create_virtual_dataset(place, layout)
    assert "is not an array in this file" in refusal(copy)


@pytest.mark.parametrize("what", ["group", "nothing"])
def test_a_weight_that_is_no_array_is_refused(copy, what):
    place = "Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"
    with h5py.File(copy, "r+") as file:
        del file[place]
        file[place] = h5py.Empty("f4") if what == "nothing" else file["Bottleneck"]
    assert "is not an array in this file" in refusal(copy)


# -- the real thing -------------------------------------------------------


@pytest.mark.real
def test_the_public_weights_load(data):
    loaded = load_weights(data / "weights" / "20180408-102900-weights.h5")
    assert loaded.dimensions == 512
    assert loaded.digest == "0b94703d5cb70ca2ed5c518e8e2e7e74ca793f3061a60836dbf5ac2432ce09e8"
