# SPDX-License-Identifier: MIT
"""The pictures that the lab trains on, and their split among workers."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Where Debian's package dataset-fashion-mnist puts its files.
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
CLASSES = 10


@dataclass(frozen=True)
class Dataset:
    """Images [count, 1, side, side] float32 of about zero mean, labels [count] int64."""

    name: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def side(self) -> int:
        return int(self.train_images.shape[-1])


def load(name: str = "auto", root: Path = FASHION_MNIST) -> Dataset:
    """Fashion-MNIST if its files are at `root`, otherwise scikit-learn's digits ("auto")."""
    if name == "auto":
        name = "fashion-mnist" if root.is_dir() else "digits"
    if name == "fashion-mnist":
        return fashion_mnist(root)
    if name == "digits":
        return digits()
    raise ValueError(f'unknown data "{name}"; known: auto, fashion-mnist, digits')


def fashion_mnist(root: Path) -> Dataset:
    """60,000 and 10,000 pictures, averaged from 28 x 28 down to 14 x 14 pixels."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"Fashion-MNIST is not in {root}: apt-get install dataset-fashion-mnist, or take "
            "--data digits"
        )
    parts: list[NDArray[np.float32] | NDArray[np.int64]] = []
    for part in ("train", "t10k"):
        pixels = read_idx(root / f"{part}-images-idx3-ubyte.gz")
        count, height, width = pixels.shape
        pooled = pixels.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4), np.float32)
        parts.append(((pooled - 72.9) / 80.0).astype(np.float32)[:, None])
        parts.append(read_idx(root / f"{part}-labels-idx1-ubyte.gz").astype(np.int64))
    return Dataset("Fashion-MNIST (14 x 14)", *parts)  # type: ignore[arg-type]


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


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An array of bytes in MNIST's idx format: two zeros, type 8, rank, big-endian sizes, data."""
    with gzip.open(path) as file:
        content = file.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not an idx file of bytes")
    rank = content[3]
    shape = np.frombuffer(content, ">i4", rank, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def shard(dataset: Dataset, rank: int, workers: int, seed: int) -> NDArray[np.int64]:
    """Indices of the training pictures of one worker: an equal part of one random permutation."""
    order = np.random.default_rng(seed).permutation(len(dataset.train_labels))
    return order[rank::workers]
