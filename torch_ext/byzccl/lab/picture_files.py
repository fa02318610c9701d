# SPDX-License-Identifier: MIT
"""Files of pictures as they are published: MNIST's idx, CIFAR-10's binary version."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
RECORD = 1 + 3 * 32 * 32  # of CIFAR-10: a label, then 32 x 32 bytes of red, of green, of blue


def read_idx(root: Path, part: str) -> tuple[Pixels, Labels]:
    """Pictures [count, height, width] and labels [count] of "train" or "t10k" in the folder.

    Raises FileNotFoundError, or ValueError for a file that is not what its name says.
    """
    pixels = read_bytes(find(root, f"{part}-images-idx3-ubyte"))
    labels = read_bytes(find(root, f"{part}-labels-idx1-ubyte"))
    if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
        raise ValueError(
            f"{root}: {part} has pictures {list(pixels.shape)} and labels {list(labels.shape)}"
        )
    return pixels, labels.astype(np.int64)


def find(root: Path, name: str) -> Path:
    """The file, or its packed form."""
    for path in (root / f"{name}.gz", root / name):
        if path.is_file():
            return path
    raise FileNotFoundError(f"there is no {name} or {name}.gz in {root}")


def read_bytes(path: Path) -> Pixels:
    """An array of bytes in MNIST's idx format: two zeros, type 8, rank, big-endian sizes, data."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is not a whole gzip file: {error}") from None
    if content[:3] != b"\0\0\x08" or len(content) < 4 or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{path} is not an idx file of bytes")
    rank = content[3]
    shape = [int(size) for size in np.frombuffer(content, ">u4", rank, 4)]
    if len(content) - 4 - 4 * rank != math.prod(shape):
        raise ValueError(
            f"{path} says {shape}, {math.prod(shape)} bytes, and has {len(content) - 4 - 4 * rank}"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_cifar(root: Path, names: list[str]) -> tuple[Pixels, Labels]:
    """Pictures [count, 3, 32, 32] and labels [count] of the named files of the binary version.

    The version for Python is a pickle, which runs what its maker wanted: it is not read.
    """
    inside = root / "cifar-10-batches-bin"
    folder = inside if inside.is_dir() else root
    records = []
    for name in names:
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no {name} in {folder}: CIFAR-10 must be its binary version "
                "(cifar-10-binary.tar.gz, unpacked)"
            )
        content = path.read_bytes()
        if len(content) == 0 or len(content) % RECORD:
            raise ValueError(f"{path} has {len(content)} bytes, not a multiple of {RECORD}")
        records.append(np.frombuffer(content, np.uint8).reshape(-1, RECORD))
    rows = np.concatenate(records)
    labels = rows[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise ValueError(f"{folder}: a label is {labels.max()}, and CIFAR-10 has 0 to 9")
    return rows[:, 1:].reshape(-1, 3, 32, 32), labels
