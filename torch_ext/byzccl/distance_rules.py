# SPDX-License-Identifier: MIT
"""Rules that decide by the distances between the vectors, and the plain mean."""

from __future__ import annotations

from dataclasses import dataclass

from byzccl.rule import Rule


@dataclass(frozen=True, repr=False)
class Krum(Rule):
    """The vector with the least sum of squared distances to its nearest others.

    Needs n >= 2 f + 3. Blanchard, El Mhamdi, Guerraoui, Stainer, "Machine Learning with
    Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017.

    Args:
        f: Byzantine vectors tolerated.
        neighbors: distances in a score; n - f - 2 if left out.
    """

    f: int
    neighbors: int | None = None


@dataclass(frozen=True, repr=False)
class MultiKrum(Rule):
    """The mean of the m vectors that Krum scores best.

    Needs n >= 2 f + 3. The source is Krum's.

    Args:
        f: Byzantine vectors tolerated.
        m: vectors averaged, 1 to n - f; n - f - 2 if left out.
        neighbors: distances in a score; n - f - 2 if left out.
    """

    f: int
    m: int | None = None
    neighbors: int | None = None


@dataclass(frozen=True, repr=False)
class Mda(Rule):
    """The mean of the n - f vectors whose largest distance from each other is least.

    Needs n >= 2 f + 1 and f <= 31: its work grows as 1.47^f. It is exact, and of sets
    that are equally wide the first in lexicographic order is taken. Also known as Brute. El Mhamdi,
    Guerraoui, Guirguis, Hoang, Rouault, "Genuinely Distributed Byzantine Machine Learning", PODC
    2020.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Bulyan(Rule):
    """Krum's choice n - 2 f times, then by column the mean of the values nearest to the median.

    Needs n >= 4 f + 3. For f = 1 and 2 the output depends on the order of the ranks, by definition:
    the last choices go by the nearest neighbour alone, and two mutually nearest vectors always tie.
    El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in Byzantium",
    ICML 2018.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class MultiBulyan(Rule):
    """Multi-Krum's mean of ever fewer vectors, then by column the values nearest to the median.

    Needs n >= 4 f + 3. It is what Garfield calls bulyan. El Mhamdi, Guerraoui, Rouault, "Fast and
    Robust Distributed Learning in High Dimension", SRDS 2020.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class GeometricMedian(Rule):
    """The point of least total distance to the vectors, by smoothed Weiszfeld steps.

    Needs n >= 2 f + 1. Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning",
    IEEE Transactions on Signal Processing 2022.

    Args:
        f: Byzantine vectors tolerated; floor((n - 1) / 2) if left out.
        iterations: most steps; 32 if left out.
    """

    f: int | None = None
    iterations: int | None = None


@dataclass(frozen=True, repr=False)
class Cge(Rule):
    """The mean of the n - f vectors of smallest norm.

    Needs n >= 2 f + 1. Gupta, Liu, Vaidya, "Byzantine Fault-Tolerant Distributed Machine Learning
    with Norm-Based Comparative Gradient Elimination", DSN-W 2021, which takes the sum.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Monna(Rule):
    """The mean of the caller's own vector and the n - f - 1 nearest to it.

    Needs n >= 2 f + 1 and to know the own vector: `aggregate(..., own=)`. It differs by rank, so
    all_reduce refuses it. NaN if the own vector is not finite. Farhadkhani, Guerraoui, Gupta,
    Hoang, Pinot, Stephan, "Robust Collaborative Learning with Linear Gradient Overhead", ICML 2023.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Smea(Rule):
    """The mean of the n - f vectors whose covariance has the least largest eigenvalue.

    Needs n >= 2 f + 1, C(n, f) <= 1000000 and C(n, f) (n - f)^3 <= 1200000000, as it walks all
    sets; of equal ones the first in lexicographic order is taken. Allouah, Guerraoui, Gupta, Pinot,
    Stephan, "On the Privacy-Robustness-Utility Trilemma in Distributed Learning", ICML 2023.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Caf(Rule):
    """A weighted mean: vectors lose weight along the direction of largest variance.

    Needs n >= 2 f + 1. Allouah, Guerraoui, Stephan, "Towards Trustworthy Federated Learning with
    Untrusted Participants", ICML 2025.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Faba(Rule):
    """The mean of what is left when f times the vector farthest from the mean has gone.

    Needs n >= 2 f + 1. Of equally far ones that of higher rank goes. Xia, Tao, Hao, Li, "FABA: An
    Algorithm for Fast Aggregation against Byzantine Attacks in Distributed Neural Networks",
    IJCAI 2019.

    Args:
        f: Byzantine vectors tolerated.
    """

    f: int


@dataclass(frozen=True, repr=False)
class CenteredClipping(Rule):
    """The previous output, moved towards each vector by at most tau / n.

    Needs n >= 2 f + 1. Every broken vector counts, but pulls nothing. Where there is no previous
    output, it is zero. Karimireddy, He, Jaggi, "Learning from History for Byzantine Robust
    Optimization", ICML 2021.

    Args:
        tau: how far one vector can pull, > 0.
        f: Byzantine vectors tolerated; floor((n - 1) / 2) if left out.
        iterations: times that all vectors pull.
    """

    tau: float
    f: int | None = None
    iterations: int | None = None


@dataclass(frozen=True, repr=False)
class GuardedMean(Rule):
    """The mean of the vectors that are not far out; with none far out bit for bit the plain mean.

    Needs n >= 2 f + 1. Far out is a vector that must look farther than `threshold` times the
    typical squared distance to see n - f - 1 others. Of this library.

    Args:
        f: Byzantine vectors tolerated; no more than f are ever left out.
        threshold: at least 1; 9 if left out.
    """

    f: int
    threshold: float | None = None


@dataclass(frozen=True, repr=False)
class Mean(Rule):
    """The plain mean of all vectors, NaN included: no protection, the thing to compare with.

    Needs n >= 1.
    """
