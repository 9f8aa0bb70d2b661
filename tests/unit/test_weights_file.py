from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from facenet_core import networks
from facenet_core.errors import WeightsError
from facenet_core.mini import facenet_mini
from facenet_core.networks import NETWORKS
from facenet_core.weights_file import load_weights, save_weights

pytestmark = pytest.mark.real

Tensors = dict[str, dict[str, np.ndarray]]
"""Layer name to weight name to values."""


@pytest.fixture(scope="module", autouse=True)
def _built_once(inception) -> Iterator[None]:
    large, small = NETWORKS
    with pytest.MonkeyPatch.context() as patch:
        built = tuple(
            replace(network, build=build, build_folded=cache(network.build_folded))
            for network, build in ((large, inception), (small, cache(small.build)))
        )
        patch.setattr(networks, "NETWORKS", built)
        yield


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
def tensors(inception) -> Tensors:
    return generated(inception(128))


@pytest.fixture(scope="module")
def reference(tensors, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good, compressed 128-d file."""
    return write(tmp_path_factory.mktemp("weights") / "good.h5", tensors)


@pytest.fixture(scope="module")
def digest(reference) -> str:
    """That of the good file."""
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
    assert (loaded.input_size, loaded.dimensions) == (160, 128)
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


def test_a_file_of_512_dimensions_is_recognised(inception, tmp_path):
    loaded = load_weights(write(tmp_path / "512.h5", generated(inception(512))))
    assert loaded.dimensions == 512
    assert loaded.model.output_shape == (None, 512)


def test_an_uncompressed_file_has_the_same_digest(scratch, tensors, digest):
    assert load_weights(write(scratch, tensors, compression=None)).digest == digest


# Keras' own way of reading its variables warns under NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_saved_by_todays_keras_has_the_same_digest(scratch, reference, digest):
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
    assert "layer Bottleneck has no kernel of shape (channels, embedding size)" in refusal(copy)


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


# -- FaceNet-mini ---------------------------------------------------------


@pytest.fixture(scope="module")
def mini() -> Any:
    """A network of random values that float16 has to round."""
    import keras

    keras.utils.set_random_seed(1)
    model = facenet_mini()
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, np.random.default_rng(1).normal(0, 0.1, bias.shape)])
    return model


def held(model) -> Tensors:
    """A network's values."""
    return {layer.name: {w.name: w.numpy() for w in layer.weights} for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def saved(mini, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mini") / "model.h5"
    save_weights(mini, path)
    return path


@pytest.fixture
def mini_copy(saved, tmp_path: Path) -> Path:
    """A copy of the saved file, to damage."""
    return Path(shutil.copy(saved, tmp_path / "copy.h5"))


def test_saved_weights_are_loaded_again_to_the_precision_of_float16(mini, saved):
    loaded = load_weights(saved)
    assert (loaded.input_size, loaded.dimensions) == (96, 512)
    for layer in mini.layers:
        found = loaded.model.get_layer(layer.name).get_weights()
        for value, expected in zip(found, layer.get_weights(), strict=True):
            assert value.dtype == np.float32
            np.testing.assert_array_equal(value, expected.astype(np.float16).astype(np.float32))


def test_a_stock_keras_reads_saved_weights_into_the_plain_architecture(mini, saved):
    import keras

    described = mini.to_json()
    assert "Lambda" not in described
    stock = keras.models.model_from_json(described)
    stock.load_weights(saved)
    faces = np.random.default_rng(1).normal(size=(2, 96, 96, 3)).astype(np.float32)
    out = np.asarray(stock(faces, training=False))
    np.testing.assert_array_equal(out, np.asarray(load_weights(saved).model(faces, training=False)))
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1, atol=1e-5)
    assert not np.allclose(out[0], out[1])


def test_the_digest_does_not_depend_on_how_many_bytes_a_number_has(mini, saved, tmp_path):
    rounded = {
        layer: {name: value.astype(np.float16).astype(np.float32) for name, value in weights.items()}
        for layer, weights in held(mini).items()
    }
    single = load_weights(write(tmp_path / "float32.h5", rounded))
    assert single.digest == load_weights(saved).digest
    whole = load_weights(write(tmp_path / "whole.h5", rounded, root="model_weights"))
    assert whole.digest == single.digest
    assert load_weights(write(tmp_path / "exact.h5", held(mini))).digest != single.digest


def test_weights_are_saved_plainly_and_in_half_the_bytes(mini, saved):
    with h5py.File(saved) as file:
        stored = [file[layer][name] for layer in file for name in file[layer].attrs["weight_names"]]
        assert {(d.dtype.name, d.compression, d.chunks) for d in stored} == {("float16", None, None)}
        assert sum(d.size for d in stored) == mini.count_params()
    assert saved.stat().st_size < 2 * mini.count_params() + 200_000


def test_the_same_weights_are_saved_as_the_same_bytes(mini, saved, tmp_path):
    save_weights(mini, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == saved.read_bytes()


def test_a_value_that_float16_can_not_hold_is_refused_and_the_old_file_stays(mini, mini_copy):
    import keras

    before = mini_copy.read_bytes()
    large = keras.models.clone_model(mini)
    large.set_weights(mini.get_weights())
    large.get_layer("stem_conv").bias.assign(np.full(24, 1e5, np.float32))
    with pytest.raises(WeightsError, match=r"layer stem_conv: .*bias holds values that float16 does not"):
        save_weights(large, mini_copy)
    assert {path.name: path.read_bytes() for path in mini_copy.parent.iterdir()} == {"copy.h5": before}


def test_a_disk_that_is_full_leaves_the_old_file(mini, mini_copy, monkeypatch):
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    before = mini_copy.read_bytes()
    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(mini, mini_copy)
    assert {path.name: path.read_bytes() for path in mini_copy.parent.iterdir()} == {"copy.h5": before}


STEM = "stem_conv/stem_conv/kernel"


def put_in_place(file: h5py.File, link: object) -> None:
    del file[STEM]
    file[STEM] = link


def first_number(file: h5py.File, value: float) -> None:
    file[STEM][0, 0, 0, 0] = value


def another_layer(file: h5py.File) -> None:
    file.attrs["layer_names"] = np.append(file.attrs["layer_names"], b"logits")
    file["logits/kernel"] = np.zeros((512, 10), np.float16)
    file["logits"].attrs["weight_names"] = [b"kernel"]


def stored_elsewhere(file: h5py.File) -> None:
    del file[STEM]
    file.create_dataset(STEM, (3, 3, 3, 24), "<f2", external=[("secret", 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: without(file, "head_conv"), "layer head_conv is missing"),
        (lambda file: without(file, "stem_conv"), "FaceNet-mini (layer stem_conv is missing)"),
        (another_layer, "layer logits is not part of this network"),
        (lambda file: file.move("embedding/embedding/bias", "gone"), "no Keras layers were found"),
        (
            lambda file: put_in_place(file, np.zeros((3, 3, 3, 32), np.float16)),
            "layer stem_conv: kernel has shape (3, 3, 3, 32), expected (3, 3, 3, 24)",
        ),
        (lambda file: first_number(file, np.nan), "layer stem_conv: kernel holds values that are not finite"),
        (lambda file: put_in_place(file, h5py.SoftLink("/head_conv")), "is a link, which is never followed"),
        (lambda file: put_in_place(file, h5py.ExternalLink("x.h5", "/")), "is a link, which is never followed"),
        (stored_elsewhere, "is not an array in this file"),
    ],
    ids=["layer", "first layer", "more layers", "weight", "shape", "not finite", "link", "link out", "elsewhere"],
)
def test_a_file_that_does_not_fit_is_refused_for_every_network(
    mini_copy, damage: Callable[[h5py.File], object], said: str
):
    with h5py.File(mini_copy, "r+") as file:
        damage(file)
    assert said in refusal(mini_copy)


def test_an_embedding_of_another_length_is_not_this_network(tmp_path, mini):
    shorter = held(mini) | {"embedding": {"kernel": np.zeros((512, 128)), "bias": np.zeros(128)}}
    message = refusal(write(tmp_path / "128.h5", shorter))
    assert "layer embedding: kernel has shape (512, 128), expected (512, 512)" in message


def test_weights_of_two_networks_in_one_file_are_refused(tmp_path, tensors, mini):
    both = tensors | {"stem_conv": held(mini)["stem_conv"]}
    assert "layer stem_conv is not part of this network" in refusal(write(tmp_path / "both.h5", both))


def test_weights_of_another_network_are_refused_with_those_that_are_known(tmp_path):
    message = refusal(write(tmp_path / "vgg.h5", {"block1_conv1": {"kernel": np.zeros((3, 3, 3, 64), np.float32)}}))
    assert "Inception-ResNet-v1 (layer Bottleneck is missing), FaceNet-mini (layer stem_conv is missing)" in message


# -- the real thing -------------------------------------------------------


@pytest.mark.real
def test_the_public_weights_load(data):
    loaded = load_weights(data / "weights" / "20180408-102900-weights.h5")
    assert loaded.dimensions == 512
    assert loaded.digest == "0b94703d5cb70ca2ed5c518e8e2e7e74ca793f3061a60836dbf5ac2432ce09e8"
