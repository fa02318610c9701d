# SPDX-License-Identifier: MIT
"""The data and models of experiments: built in, from files, and a user's own."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from byzccl.lab import data, model, picture_files

pytestmark = pytest.mark.filterwarnings("error")


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder: Path, packed: bool) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    arrays = {}
    for part, count in (("train", 30), ("t10k", 11)):
        arrays[part] = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for name, array in (("images-idx3", arrays[part]), ("labels-idx1", labels)):
            content = gzip.compress(idx(array)) if packed else idx(array)
            (folder / f"{part}-{name}-ubyte{'.gz' if packed else ''}").write_bytes(content)
    return arrays


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_from_a_folder(tmp_path, packed):
    arrays = write_mnist(tmp_path, packed)
    by_text, by_root = data.load(f"mnist:{tmp_path}"), data.load("mnist", tmp_path)
    assert (by_text.train_images == by_root.train_images).all()
    assert by_text.train_images.shape == (30, 1, 28, 28)
    assert by_text.train_images.dtype == np.float32
    assert (np.round(by_text.train_images[:, 0] * 78.6 + 33.3) == arrays["train"]).all()
    assert by_text.test_labels.tolist() == [*range(10), 0]
    assert (by_text.side, by_text.channels, by_text.classes) == (28, 1, 10)


def test_cifar10_from_a_folder(tmp_path):
    random = np.random.default_rng(2)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rows = {}
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        rows[name] = random.integers(0, 256, (4, 3073), np.uint8)
        rows[name][:, 0] %= 10
        (folder / f"{name}.bin").write_bytes(rows[name].tobytes())
    for root in (tmp_path, folder):
        found = data.load(f"cifar10:{root}")
        assert found.train_images.shape == (20, 3, 32, 32)
        assert found.test_images.shape == (4, 3, 32, 32)
        assert found.train_labels[4:8].tolist() == rows["data_batch_2"][:, 0].tolist()
    blue = rows["test_batch"][3, 1 + 2048 :].reshape(32, 32)
    assert (np.round(found.test_images[3, 2] * 64 + 113.9) == blue).all()


def test_a_pickle_is_not_read(tmp_path):
    for k in range(1, 6):
        (tmp_path / f"data_batch_{k}").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(FileNotFoundError, match="binary version"):
        data.load(f"cifar10:{tmp_path}")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x09\x01\0\0\0\x01\0",  # another type
        b"\0\0\x08\x03\0\0",  # sizes cut off
        b"\0\0\x08\x01\0\0\0\x05abc",  # data cut off
        b"\0\0\x08\x01\xff\xff\xff\xffabc",  # a size beyond all memory
        b"\0\0\x08\x01\0\0\0\x02abc",  # more than it says
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_broken_idx_file_is_told(tmp_path, content, packed):
    path = tmp_path / ("x.gz" if packed else "x")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=r"not an idx file|says"):
        picture_files.read_bytes(path)


def test_a_torn_gzip_file_is_told(tmp_path):
    path = tmp_path / "x.gz"
    whole = gzip.compress(idx(np.zeros(1000, np.uint8)))
    for torn in (whole[:-9], b"no gzip at all"):
        path.write_bytes(torn)
        with pytest.raises(ValueError, match="gzip"):
            picture_files.read_bytes(path)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("cifar", ValueError, 'unknown data "cifar"; known: auto'),
        ("mnist", ValueError, "mnist:FOLDER"),
        ("mnist:/nowhere", FileNotFoundError, "train-images-idx3-ubyte"),
        ("cifar10:/nowhere", FileNotFoundError, "data_batch_1.bin"),
        ("fashion-mnist:/nowhere", FileNotFoundError, "dataset-fashion-mnist"),
        ("no.such.module:function", ValueError, "No module named"),
        ("json:no_such_function", ValueError, "no_such_function"),
        ("json:__doc__", ValueError, "is no function"),
    ],
)
def test_what_cannot_be_had_is_told(name, error, message):
    with pytest.raises(error, match=message):
        data.load(name)


def test_synthetic_data_is_the_same_every_time_and_can_be_learned():
    first, second = data.load("synthetic"), data.load("synthetic")
    assert (first.train_images == second.train_images).all()
    assert np.bincount(first.train_labels).tolist() == [400] * 10
    assert abs(first.train_images.mean()) < 0.1
    assert first.train_images.dtype == np.float32
    # The nearest class mean, taken from the training pictures, knows most test pictures.
    means = np.stack([first.train_images[first.train_labels == c].mean(0) for c in range(10)])
    gaps = ((first.test_images[:, None] - means[None]) ** 2).sum((2, 3, 4))
    assert 0.85 < (gaps.argmin(1) == first.test_labels).mean() < 0.999


OWN = """
import numpy as np, torch
from torch import nn

def three():
    x = np.zeros((9, 2, 5, 5), np.float64)
    return x, torch.arange(9) % 3, x[:3], [0, 1, 2]

def flat():
    return np.zeros((9, 25)), np.arange(9), np.zeros((9, 25)), np.arange(9)

def text():
    return "no data"

def classifier(side, channels, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(side * side * channels, classes))

def with_statistics(side, channels, classes):
    return nn.Sequential(nn.BatchNorm2d(channels), nn.Flatten(), nn.LazyLinear(classes))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_things.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own")
def test_data_and_model_of_a_user():
    found = data.load("own_things:three")
    assert (found.side, found.channels, found.classes) == (5, 2, 3)
    assert found.train_images.dtype == np.float32
    assert found.train_labels.dtype == np.int64
    built = model.build("own_things:classifier", 5, 1, channels=2, classes=3)
    assert built(torch.zeros(4, 2, 5, 5)).shape == (4, 3)
    again = model.build("own_things:classifier", 5, 1, channels=2, classes=3)
    assert torch.equal(built[1].weight, again[1].weight)


@pytest.mark.usefixtures("own")
def test_what_is_wrong_with_a_users_own_is_told():
    with pytest.raises(ValueError, match=r"\[count, channels, side, side\]"):
        data.load("own_things:flat")
    with pytest.raises(ValueError, match="must return a Dataset"):
        data.load("own_things:text")
    with pytest.raises(ValueError, match="running statistics"):
        model.build("own_things:with_statistics", 5, 1)
    with pytest.raises(ValueError, match=r"must return an nn\.Module"):
        model.build("builtins:dict", 5, 1)


@pytest.mark.parametrize("name", model.MODELS)
@pytest.mark.parametrize(("side", "channels", "classes"), [(8, 1, 10), (14, 3, 4)])
def test_models_fit_the_pictures(name, side, channels, classes):
    built = model.build(name, side, 3, channels, classes)
    again = model.build(name, side, 3, channels, classes)
    other = model.build(name, side, 4, channels, classes)
    vector = torch.nn.utils.parameters_to_vector
    with torch.no_grad():
        assert built(torch.zeros(2, channels, side, side)).shape == (2, classes)
        assert torch.equal(vector(built.parameters()), vector(again.parameters()))
        assert not torch.equal(vector(built.parameters()), vector(other.parameters()))
    assert not list(built.buffers())  # nothing travels but parameters


def test_resnet18_is_the_published_size():
    count = sum(p.numel() for p in model.build("resnet18", 32, 1, channels=3).parameters())
    assert count == 11_173_962  # as with BatchNorm, whose weights GroupNorm has as well


def test_a_model_that_does_not_fit_is_told():
    with pytest.raises(ValueError, match="side >= 4, got 3"):
        model.build("cnn", 3, 1)
    with pytest.raises(ValueError, match='unknown model "vgg"'):
        model.build("vgg", 8, 1)
