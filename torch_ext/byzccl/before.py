# SPDX-License-Identifier: MIT
"""What may be done to the vectors before a rule."""

from __future__ import annotations

from dataclasses import dataclass

from byzccl.rule import Step


@dataclass(frozen=True, repr=False)
class Bucketing(Step):
    """The vectors become means of s of them, drawn at random: ceil(n / s) are left.

    Needs n >= 1. Each exchange draws anew. A bucket is NaN where a member is. Karimireddy, He,
    Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing", ICLR 2022.

    Args:
        s: vectors of a bucket, 1 to n.
        seed: of the drawing, at least 0; 0 if left out. The same on every rank.
    """

    s: int
    seed: int | None = None


@dataclass(frozen=True, repr=False)
class Clip(Step):
    """Vectors of a norm above tau are scaled down to it.

    Needs n >= 1. A vector of infinite norm becomes absent: it has no say.

    Args:
        tau: the largest norm that stays, above 0, in the unit of the vectors.
    """

    tau: float


@dataclass(frozen=True, repr=False)
class Arc(Step):
    """The longest vectors are scaled down to the norm of the longest of the others.

    Needs n >= 2 f + 1. floor(2 f (n - f) / n) vectors are scaled; one of infinite norm becomes
    absent. Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, "Adaptive Gradient Clipping for
    Robust Federated Learning", ICLR 2025.

    Args:
        f: Byzantine vectors tolerated; the rule's f if left out.
    """

    f: int | None = None


@dataclass(frozen=True, repr=False)
class Nnm(Step):
    """Each vector becomes the mean of itself and the n - f - 1 nearest to it.

    Needs n >= 2 f + 1. A broken vector becomes absent. Allouah, Farhadkhani, Guerraoui, Gupta,
    Pinot, Stephan, "Fixing by Mixing: A Recipe for Optimal Byzantine ML under Heterogeneity",
    AISTATS 2023.

    Args:
        f: Byzantine vectors tolerated; the rule's f if left out.
    """

    f: int | None = None
