# SPDX-License-Identifier: MIT
"""Who talks to whom in gossip, and how fast what they hold mixes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from byzccl.lab.named import form

FORMS = {
    "complete": (), "ring": (), "torus": (), "random": ("degree", "seed"), "two_cliques": (),
    "dumbbell": (),
}  # fmt: skip
"""And file:edges.txt, with two node numbers a line."""


@dataclass(frozen=True)
class Graph:
    """Undirected, without loops: neighbours of each node in ascending order."""

    text: str
    neighbours: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        return len(self.neighbours)

    def weights(self) -> NDArray[np.float64]:
        """Metropolis weights [n, n]: w_ij = 1 / (1 + max(degree_i, degree_j)); rows add up to 1."""
        degree = [len(others) for others in self.neighbours]
        w = np.zeros((self.size, self.size))
        for node, others in enumerate(self.neighbours):
            for other in others:
                w[node, other] = 1 / (1 + max(degree[node], degree[other]))
            w[node, node] = 1 - w[node].sum()
        return w

    def spectral_gap(self) -> float:
        """1 - the second largest absolute eigenvalue of the weights: 1 mixes at once, 0 never."""
        if self.size == 1:
            return 1.0
        values = np.sort(np.abs(np.linalg.eigvalsh(self.weights())))
        return max(0.0, float(1 - values[-2]))

    def without(self, gone: tuple[int, ...]) -> Graph:
        """The graph among the other nodes, with new numbers in the old order."""
        kept = [node for node in range(self.size) if node not in gone]
        place = {node: k for k, node in enumerate(kept)}
        edges = (tuple(place[o] for o in self.neighbours[node] if o in place) for node in kept)
        return Graph(self.text, tuple(edges))

    def is_connected(self) -> bool:
        reached, open_nodes = {0}, [0]
        while open_nodes:
            for other in self.neighbours[open_nodes.pop()]:
                if other not in reached:
                    reached.add(other)
                    open_nodes.append(other)
        return len(reached) == self.size


def parse(text: str, n: int) -> Graph:
    """The graph of n nodes that `text` names. Raises ValueError."""
    if text.startswith("file:"):
        edges = _from_file(Path(text[5:]), n)
    else:
        name, numbers = form(text, "graph", FORMS)
        if name == "random":
            edges = _random_regular(n, int(numbers["degree"]), int(numbers["seed"]))
        else:
            edges = _MAKERS[name](n)
    graph = Graph(text, _neighbours(edges, n))
    if not graph.is_connected():
        raise ValueError(f'graph "{text}" of {n} nodes is not connected')
    return graph


Edges = list[tuple[int, int]]


def _clique(nodes: range) -> Edges:
    return [(a, b) for a in nodes for b in nodes if a < b]


def _complete(n: int) -> Edges:
    return _clique(range(n))


def _ring(n: int) -> Edges:
    return [(node, (node + 1) % n) for node in range(n)]


def _torus(n: int) -> Edges:
    """A grid whose rows and columns close; as square as n allows."""
    height = next(h for h in range(int(n**0.5), 0, -1) if n % h == 0)
    if height < 3:
        raise ValueError(f"a torus needs n = a * b with a, b >= 3, got n = {n}")
    width = n // height
    right = [
        (r * width + c, r * width + (c + 1) % width) for r in range(height) for c in range(width)
    ]
    down = [
        (r * width + c, (r + 1) % height * width + c) for r in range(height) for c in range(width)
    ]
    return right + down


def _two_cliques(n: int) -> Edges:
    """The first and the second half, and an edge from each node to its like."""
    half = n // 2
    return [*_clique(range(half)), *_clique(range(half, n)), *((k, half + k) for k in range(half))]


def _dumbbell(n: int) -> Edges:
    """The first and the second half, joined by one edge."""
    if n < 2:
        raise ValueError(f"a dumbbell needs n >= 2, got {n}")
    half = n // 2
    return [*_clique(range(half)), *_clique(range(half, n)), (half - 1, half)]


_MAKERS = {
    "complete": _complete, "ring": _ring, "torus": _torus, "two_cliques": _two_cliques,
    "dumbbell": _dumbbell,
}  # fmt: skip


def _random_regular(n: int, degree: int, seed: int) -> Edges:
    """Uniformly drawn pairings of `degree` stubs a node, until one has no loop or double edge.

    Steger and Wormald, 1999: pairs are drawn one by one among those that are still allowed.
    """
    if not 0 < degree < n or n * degree % 2:
        raise ValueError(
            f"random needs 0 < degree < n and n * degree even, got n = {n}, degree = {degree}"
        )
    random = np.random.default_rng(seed)
    while True:
        edges: set[tuple[int, int]] = set()
        stubs = [node for node in range(n) for _ in range(degree)]
        while stubs:
            random.shuffle(stubs)
            left = []
            for a, b in zip(stubs[::2], stubs[1::2], strict=True):
                edge = (min(a, b), max(a, b))
                if a == b or edge in edges:
                    left += [a, b]
                else:
                    edges.add(edge)
            if len(left) == len(stubs):
                break  # nothing fits any more
            stubs = left
        found = sorted(edges)
        if not stubs and Graph("", _neighbours(found, n)).is_connected():
            return found


def _neighbours(edges: Edges, n: int) -> tuple[tuple[int, ...], ...]:
    found: list[set[int]] = [set() for _ in range(n)]
    for a, b in edges:
        if a != b:
            found[a].add(b)
            found[b].add(a)
    return tuple(tuple(sorted(others)) for others in found)


def _from_file(path: Path, n: int) -> Edges:
    """Two numbers a line; what follows a # is a comment."""
    edges = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not all(word.isdecimal() and int(word) < n for word in words):
            raise ValueError(f"{path}, line {number}: two nodes below {n} are wanted, got {line!r}")
        edges.append((int(words[0]), int(words[1])))
    return edges
