# SPDX-License-Identifier: MIT
"""How the pictures are dealt out to workers."""

import numpy as np
import pytest

from byzccl.lab.partition import skew, split

LABELS = np.random.default_rng(5).integers(0, 10, 2000)
TEXTS = ["iid", "dirichlet(alpha=1)", "dirichlet(alpha=1e-3)", "gamma(similarity=0.5)",
         "gamma( similarity = 0 )", "per_label", "extreme"]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("workers", [1, 3, 10, 37, 200])
def test_every_picture_has_one_worker_and_every_worker_a_picture(text, workers):
    parts = split(LABELS, workers, text, 7)
    assert len(parts) == workers
    assert min(map(len, parts)) >= 1
    assert all(part.dtype == np.int64 for part in parts)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(LABELS)))


@pytest.mark.parametrize("text", TEXTS)
def test_one_picture_a_worker_at_the_least(text):
    parts = split(LABELS[:23], 23, text, 0)
    assert sorted(int(part[0]) for part in parts) == list(range(23))


@pytest.mark.parametrize("text", TEXTS)
def test_the_seed_decides(text):
    first, again, other = (split(LABELS, 12, text, seed) for seed in (3, 3, 4))
    assert all(map(np.array_equal, first, again))
    alike = all(map(np.array_equal, first, other))
    # Nothing is drawn where parts are cut from the sorted pictures.
    assert alike == (text in ("extreme", "gamma( similarity = 0 )"))


@pytest.mark.parametrize("text", ["iid", "gamma(similarity=0.3)", "extreme"])
def test_equal_parts(text):
    sizes = [len(part) for part in split(LABELS, 7, text, 1)]
    assert max(sizes) - min(sizes) <= 2  # of two cuts, one each


def test_skew_grows_as_alpha_falls():
    skews = [
        np.mean([skew(LABELS, split(LABELS, 10, f"dirichlet(alpha={a})", s)) for s in range(5)])
        for a in (1000, 10, 1, 0.1, 0.01)
    ]
    assert skews == sorted(skews)
    assert skews[0] < 0.1
    assert skews[-1] > 0.7


def test_skew_falls_with_similarity():
    skews = [
        skew(LABELS, split(LABELS, 10, f"gamma(similarity={g})", 2)) for g in (0, 0.33, 0.66, 1)
    ]
    assert skews == sorted(skews, reverse=True)
    assert skews[0] == skew(LABELS, split(LABELS, 10, "extreme", 9))
    # Half of it alike halves the distance, but for what is drawn.
    half = skew(LABELS, split(LABELS, 10, "gamma(similarity=0.5)", 2))
    assert abs(half - 0.5 * skews[0]) < 0.06


def test_gamma_is_mixed_at_random():
    """Also where the file is sorted: the alike part must have every label."""
    labels = np.sort(LABELS)
    for part in split(labels, 4, "gamma(similarity=0.2)", 1):
        assert len(np.unique(labels[part])) == 10


def test_extreme_sorts_by_label():
    parts = split(LABELS, 5, "extreme", 0)
    order = np.concatenate([np.sort(LABELS[part]) for part in parts])
    assert np.array_equal(order, np.sort(LABELS))


def test_per_label_shares_no_label_unless_it_must():
    for workers in (2, 5, 10):
        owners = [set(LABELS[part]) for part in split(LABELS, workers, "per_label", 0)]
        assert sum(map(len, owners)) == 10
    owners = [set(LABELS[part]) for part in split(LABELS, 25, "per_label", 0)]
    assert owners == [{k % 10} for k in range(25)]


def test_labels_need_not_be_0_to_9():
    labels = np.array([7, 7, 100, 100, 100, 3, 3])
    for text in TEXTS:
        assert np.array_equal(np.sort(np.concatenate(split(labels, 3, text, 0))), np.arange(7))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("noniid", r'unknown partition "noniid"; known: iid, dirichlet\(alpha=\)'),
        ("dirichlet", "alpha is missing"),
        ("dirichlet(alpha=0)", "needs alpha > 0, got alpha = 0"),
        ("dirichlet(alpha=nan)", "finite"),
        ("dirichlet(alpha=x)", 'finite number, got "x"'),
        ("dirichlet(beta=1)", "beta=1"),
        ("dirichlet(alpha=1,alpha=2)", "alpha=2"),
        ("iid(alpha=1)", "alpha=1"),
        ("gamma(similarity=1.5)", "similarity <= 1, got similarity = 1.5"),
        ("gamma(similarity=-1)", "got similarity = -1"),
        ("dirichlet(alpha=1", "unknown partition"),
    ],
)
def test_mistakes_are_told(text, message):
    with pytest.raises(ValueError, match=message):
        split(LABELS, 4, text, 0)


@pytest.mark.parametrize("workers", [0, -1, 2001])
def test_the_number_of_workers_is_bounded(workers):
    with pytest.raises(ValueError, match=f"got {workers} and 2000"):
        split(LABELS, workers, "iid", 0)
