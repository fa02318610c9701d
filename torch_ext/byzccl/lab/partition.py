# SPDX-License-Identifier: MIT
"""Which pictures each worker holds: alike for all (iid), or skewed by label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from byzccl.lab.named import form

Indices = NDArray[np.int64]

PARTITIONS: dict[str, Sequence[str]] = {
    "iid": (),
    "dirichlet": ("alpha",),
    "gamma": ("similarity",),
    "per_label": (),
    "extreme": (),
}


def parse(text: str) -> tuple[str, dict[str, float]]:
    """The partition's name and its numbers. Raises ValueError with the bound and the number."""
    name, numbers = form(text, "partition", PARTITIONS)
    if name == "dirichlet" and not numbers["alpha"] > 0:
        raise ValueError(f"dirichlet needs alpha > 0, got alpha = {numbers['alpha']:g}")
    if name == "gamma" and not 0 <= numbers["similarity"] <= 1:
        raise ValueError(
            f"gamma needs 0 <= similarity <= 1, got similarity = {numbers['similarity']:g}"
        )
    return name, numbers


def split(labels: NDArray[np.int64], workers: int, text: str, seed: int) -> list[Indices]:
    """The indices into `labels` [count] that each of the workers holds, in ascending order.

    Every index belongs to one worker, and no worker is empty; the same seed gives the same parts.

    - iid: equal parts of a random permutation.
    - dirichlet(alpha=): of each label, worker w has a share p_w, where p is drawn for that label
      from the symmetric Dirichlet distribution; a smaller alpha skews more. Hsu, Qi, Brown,
      "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
      Classification", 2019, as ByzFL 69bd1ac has it (data_distributor.py, dirichlet_niid).
    - gamma(similarity=): this fraction of the pictures, drawn at random, is dealt out as iid, the
      rest as extreme. 1 is iid, 0 extreme. ByzFL's gamma_similarity_niid, which takes the first
      pictures of the file instead of random ones.
    - per_label: all pictures of a label are on one worker, label after label to worker after
      worker; with more workers than labels those of a label share its pictures.
    - extreme: equal parts of the pictures sorted by label. ByzFL's extreme_niid.

    A worker that gets none takes one picture from a worker that has most. Raises ValueError for
    an unknown partition, a number out of its bounds, or fewer pictures than workers.
    """
    name, numbers = parse(text)
    if not 1 <= workers <= len(labels):
        raise ValueError(f"needs 1 <= workers <= pictures, got {workers} and {len(labels)}")
    random = np.random.default_rng(seed)
    if name == "iid":
        parts = np.array_split(random.permutation(len(labels)), workers)
    elif name == "dirichlet":
        parts = dirichlet(labels, workers, numbers["alpha"], random)
    elif name == "gamma":
        order = random.permutation(len(labels))
        alike = round(numbers["similarity"] * len(labels))
        rest = np.array_split(by_label(labels, np.sort(order[alike:])), workers)
        parts = [
            np.concatenate(both)
            for both in zip(np.array_split(order[:alike], workers), rest, strict=True)
        ]
    elif name == "per_label":
        parts = per_label(labels, workers, random)
    else:
        parts = np.array_split(by_label(labels, np.arange(len(labels))), workers)
    return filled([np.sort(part).astype(np.int64) for part in parts])


def by_label(labels: NDArray[np.int64], indices: Indices) -> Indices:
    """The indices sorted by their label; equal labels keep their order."""
    return indices[np.argsort(labels[indices], kind="stable")]


def dirichlet(
    labels: NDArray[np.int64], workers: int, alpha: float, random: np.random.Generator
) -> list[Indices]:
    parts: list[list[Indices]] = [[] for _ in range(workers)]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        shares = random.dirichlet(np.full(workers, alpha))
        cuts = np.floor(np.cumsum(shares)[:-1] * len(members)).astype(np.int64)
        for part, piece in zip(parts, np.split(members, cuts), strict=True):
            part.append(piece)
    return [np.concatenate(part) for part in parts]


def per_label(
    labels: NDArray[np.int64], workers: int, random: np.random.Generator
) -> list[Indices]:
    known = np.unique(labels)
    parts: list[list[Indices]] = [[] for _ in range(workers)]
    for k, label in enumerate(known):
        holders = range(k % workers, workers, len(known)) if workers > len(known) else [k % workers]
        members = random.permutation(np.flatnonzero(labels == label))
        for holder, piece in zip(holders, np.array_split(members, len(holders)), strict=True):
            parts[holder].append(piece)
    return [np.concatenate(part) for part in parts]


def filled(parts: list[Indices]) -> list[Indices]:
    """The parts with none empty: an empty one takes the last index of the largest."""
    for k, part in enumerate(parts):
        if len(part) == 0:
            largest = max(range(len(parts)), key=lambda j: len(parts[j]))
            parts[k], parts[largest] = parts[largest][-1:], parts[largest][:-1]
    return parts


def skew(labels: NDArray[np.int64], parts: list[Indices]) -> float:
    """How far the workers' labels are from all labels: 0 if alike, towards 1 if disjoint.

    The mean over workers of the total variation distance between the distribution of their labels
    and that of all.
    """
    known = np.unique(labels)
    whole = np.array([np.mean(labels == label) for label in known])
    distances = [
        0.5 * np.abs(np.array([np.mean(labels[part] == label) for label in known]) - whole).sum()
        for part in parts
    ]
    return float(np.mean(distances))
