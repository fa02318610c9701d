# SPDX-License-Identifier: MIT
"""The pictures that the lab trains on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from byzccl.lab import named
from byzccl.lab.picture_files import read_cifar, read_idx

# Where Debian's package dataset-fashion-mnist puts its files.
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
CLASSES = 10  # of every set of data here
NAMES = ("auto", "fashion-mnist", "digits", "synthetic", "mnist:FOLDER", "cifar10:FOLDER")


@dataclass(frozen=True)
class Dataset:
    """Images [count, channels, side, side] float32 of about zero mean, labels [count] int64."""

    name: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def side(self) -> int:
        return int(self.train_images.shape[-1])

    @property
    def channels(self) -> int:
        return int(self.train_images.shape[1])

    @property
    def classes(self) -> int:
        """Labels are 0 to classes - 1."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1


def load(name: str = "auto", root: Path | None = None) -> Dataset:
    """The data of that name, from the folder `root` where it comes from files.

    - "fashion-mnist": Debian's package unless there is a folder; 14 x 14 pixels.
    - "digits": scikit-learn's, 8 x 8 pixels. "auto": Fashion-MNIST if it is there, else digits.
    - "synthetic": ten Gaussian classes of 8 x 8 pixels, from no file.
    - "mnist", "cifar10": the published files; "mnist:FOLDER" is short for a `root`.
    - "module:function": what your function() returns: a Dataset or its four arrays or tensors.

    Raises ValueError for another name or for data of a wrong shape, FileNotFoundError with the
    file that is missing, ModuleNotFoundError where scikit-learn is not installed.
    """
    kind, _, folder = name.partition(":")
    if kind in ("fashion-mnist", "mnist", "cifar10"):
        root = Path(folder).expanduser() if folder else root
    elif named.is_function(name):
        return of_user(name)
    if kind == "auto":
        kind = "fashion-mnist" if (root or FASHION_MNIST).is_dir() else "digits"
    if kind == "fashion-mnist":
        return fashion_mnist(root or FASHION_MNIST)
    if kind in ("mnist", "cifar10"):
        if root is None:
            raise ValueError(f'{kind} needs the folder of its files: "{kind}:FOLDER"')
        return mnist(root) if kind == "mnist" else cifar10(root)
    if name == "digits":
        return digits()
    if name == "synthetic":
        return synthetic()
    raise ValueError(f'unknown data "{name}"; known: {", ".join(NAMES)}, module:function')


# The newest two are kept: runs that are forked one after the other find them in memory.
@lru_cache(maxsize=2)
def fashion_mnist(root: Path) -> Dataset:
    """60,000 and 10,000 pictures, averaged from 28 x 28 down to 14 x 14 pixels."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"Fashion-MNIST is not in {root}: apt-get install dataset-fashion-mnist, or take "
            "--data digits"
        )
    parts: list[NDArray[np.float32] | NDArray[np.int64]] = []
    for part in ("train", "t10k"):
        pixels, labels = read_idx(root, part)
        count, height, width = pixels.shape
        pooled = pixels.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4), np.float32)
        parts.append(((pooled - 72.9) / 80.0).astype(np.float32)[:, None])
        parts.append(labels)
    return Dataset("Fashion-MNIST (14 x 14)", *parts)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def mnist(root: Path) -> Dataset:
    """The idx files of MNIST, packed or not: 60,000 and 10,000 pictures of 28 x 28 pixels."""
    parts: list[NDArray[np.float32] | NDArray[np.int64]] = []
    for part in ("train", "t10k"):
        pixels, labels = read_idx(root, part)
        parts.append(((pixels.astype(np.float32) - 33.3) / 78.6)[:, None])
        parts.append(labels)
    return Dataset(f"MNIST ({pixels.shape[1]} x {pixels.shape[2]})", *parts)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def cifar10(root: Path) -> Dataset:
    """The binary version of CIFAR-10: 50,000 and 10,000 pictures [3, 32, 32]."""
    parts: list[NDArray[np.float32] | NDArray[np.int64]] = []
    mean = np.array([125.3, 123.0, 113.9], np.float32)[:, None, None]
    for names in ([f"data_batch_{k}.bin" for k in range(1, 6)], ["test_batch.bin"]):
        pixels, labels = read_cifar(root, names)
        parts.append((pixels.astype(np.float32) - mean) / np.float32(64.0))
        parts.append(labels)
    return Dataset("CIFAR-10 (32 x 32)", *parts)  # type: ignore[arg-type]


def digits() -> Dataset:
    """1,797 pictures of 8 x 8 pixels, every fifth of them for the test."""
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the digits come with scikit-learn, and {error.name} is missing: "
            "pip install scikit-learn"
        ) from None
    bunch = load_digits()
    images = ((bunch.images - 4.9) / 6.0).astype(np.float32)[:, None]
    labels = bunch.target.astype(np.int64)
    test = np.arange(len(labels)) % 5 == 0
    return Dataset("digits (8 x 8)", images[~test], labels[~test], images[test], labels[test])


@lru_cache(maxsize=2)
def synthetic(train: int = 4000, test: int = 1000, side: int = 8, noise: float = 2.0) -> Dataset:
    """Ten Gaussian classes: a fixed picture for each, of 2 x 2 squares, and noise on every pixel.

    Drawn from one seed, so that all runs see the same; `side` is even.
    """
    random = np.random.default_rng(20260)
    squares = random.standard_normal((CLASSES, 1, side // 2, side // 2))
    pictures = squares.repeat(2, axis=2).repeat(2, axis=3)
    labels = np.arange(train + test) % CLASSES  # every class equally often
    images = pictures[labels] + noise * random.standard_normal((train + test, 1, side, side))
    images = (images / np.sqrt(1 + noise**2)).astype(np.float32)
    name = f"synthetic ({side} x {side})"
    return Dataset(name, images[:train], labels[:train], images[train:], labels[train:])


def of_user(text: str) -> Dataset:
    """What the function that "module:function" names returns, checked."""
    given = named.function(text)()
    if isinstance(given, Dataset):
        arrays = (given.train_images, given.train_labels, given.test_images, given.test_labels)
    elif isinstance(given, (tuple, list)) and len(given) == 4:
        arrays = tuple(np.asarray(part) for part in given)  # type: ignore[assignment]
    else:
        raise ValueError(
            f'"{text}" must return a Dataset or (train images, train labels, test images, test '
            f"labels), got {type(given).__name__}"
        )
    for images, labels in (arrays[:2], arrays[2:]):
        if images.ndim != 4 or images.shape[2] != images.shape[3] or len(images) != len(labels):
            raise ValueError(
                f'"{text}": images must be [count, channels, side, side] and labels [count], got '
                f"{list(images.shape)} and {list(labels.shape)}"
            )
        if len(labels) == 0 or not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
            raise ValueError(f'"{text}": labels must be integers from 0, at least one of them')
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise ValueError(
            f'"{text}": training and test images must be of one shape, got '
            f"{list(arrays[0].shape[1:])} and {list(arrays[2].shape[1:])}"
        )
    return Dataset(
        given.name if isinstance(given, Dataset) else text,
        arrays[0].astype(np.float32), arrays[1].astype(np.int64),
        arrays[2].astype(np.float32), arrays[3].astype(np.int64),
    )  # fmt: skip


def shard(dataset: Dataset, rank: int, workers: int, seed: int) -> NDArray[np.int64]:
    """Indices of the training pictures of one worker: an equal part of one random permutation."""
    order = np.random.default_rng(seed).permutation(len(dataset.train_labels))
    return order[rank::workers]
