# SPDX-License-Identifier: MIT
"""Rules that look at each coordinate by itself.

They name nobody: their reports have no weights. A value that is not finite sorts last; a coordinate
with more than f of them becomes NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

from byzccl.rule import Rule


@dataclass(frozen=True, repr=False)
class Median(Rule):
    """The middle value of each column, or the mean of the two middle ones.

    Needs n >= 2 f + 1. Yin, Chen, Kannan, Bartlett, "Byzantine-Robust Distributed Learning: Towards
    Optimal Statistical Rates", ICML 2018.

    Args:
        f: values that may be anything; floor((n - 1) / 2) if left out.
    """

    f: int | None = None


@dataclass(frozen=True, repr=False)
class TrimmedMean(Rule):
    """The mean of each column without its f smallest and its f largest values.

    Needs n >= 2 f + 1. The source is Median's.

    Args:
        f: values left out at each end.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Meamed(Rule):
    """The mean of the n - f values of each column that are nearest to its median.

    Needs n >= 2 f + 1. Of two equally near values the upper one is left out. Xie, Koyejo, Gupta,
    "Generalized Byzantine-Tolerant SGD", 2018.

    Args:
        f: values left out.
    """

    f: int


@dataclass(frozen=True, repr=False)
class Phocas(Rule):
    """The mean of the n - f values of each column that are nearest to its trimmed mean.

    Needs n >= 2 f + 1. Of two equally near values the upper one is left out. Xie, Koyejo, Gupta,
    "Phocas: Dimensional Byzantine-Resilient Stochastic Gradient Descent", 2018.

    Args:
        f: values left out, and those trimmed at each end for the centre.
    """

    f: int
