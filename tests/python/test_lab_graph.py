# SPDX-License-Identifier: MIT
"""Graphs of gossip: degrees, weights, and gaps that are known in closed form."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from byzccl.lab.graph import parse

ALL = ["complete", "ring", "torus", "random(degree=4,seed=1)", "two_cliques", "dumbbell"]


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("n", [9, 12, 16])
def test_metropolis_weights_are_doubly_stochastic(text: str, n: int) -> None:
    graph = parse(text, n)
    w = graph.weights()
    assert (w >= 0).all() and np.allclose(w.sum(0), 1) and np.allclose(w, w.T)
    for node in range(n):
        linked = {k for k in range(n) if k != node and w[node, k] > 0}
        assert linked == set(graph.neighbours[node])
    assert 0 < graph.spectral_gap() <= 1


def test_degrees() -> None:
    def degrees(text: str, n: int) -> set[int]:
        return {len(others) for others in parse(text, n).neighbours}

    assert degrees("complete", 9) == {8}
    assert degrees("ring", 9) == {2}
    assert degrees("torus", 12) == {4}
    assert degrees("random(degree=5,seed=7)", 12) == {5}
    assert degrees("two_cliques", 12) == {6}
    assert degrees("dumbbell", 12) == {5, 6}


def test_known_gaps() -> None:
    assert parse("complete", 10).spectral_gap() == pytest.approx(1)
    # A ring's weights are 1/3 each: eigenvalues (1 + 2 cos(2 pi k / n)) / 3.
    ring = (1 + 2 * math.cos(2 * math.pi / 10)) / 3
    assert parse("ring", 10).spectral_gap() == pytest.approx(1 - ring)
    # A 4 x 4 torus: (1 + 2 cos a + 2 cos b) / 5.
    assert parse("torus", 16).spectral_gap() == pytest.approx(1 - 3 / 5)
    assert parse("dumbbell", 16).spectral_gap() < parse("two_cliques", 16).spectral_gap()


def test_random_graphs_are_drawn_by_their_seed() -> None:
    texts = [f"random(degree=3,seed={seed})" for seed in range(5)]
    drawn = [parse(text, 20).neighbours for text in texts]
    assert len(set(drawn)) == 5
    assert drawn == [parse(text, 20).neighbours for text in texts]


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "edges.txt"
    path.write_text("0 1  # a line\n1 2\n\n2 3\n")
    assert parse(f"file:{path}", 4).neighbours == ((1,), (0, 2), (1, 3), (2,))
    path.write_text("0 1\n1 7\n")
    with pytest.raises(ValueError, match="line 2: two nodes below 4"):
        parse(f"file:{path}", 4)


@pytest.mark.parametrize(
    ("text", "n", "message"),
    [
        ("torus", 10, "a, b >= 3, got n = 10"),
        ("random(degree=3,seed=1)", 7, "n = 7, degree = 3"),
        ("random(degree=2)", 8, "seed is missing"),
        ("rung", 8, 'unknown graph "rung"'),
    ],
)
def test_mistakes(text: str, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(text, n)
