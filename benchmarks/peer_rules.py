# SPDX-License-Identifier: MIT
"""Which rule of which peer does the work of which of ours.

What a peer computes may differ in detail (docs/rules.md is exact, peers differ from each other);
the work is the same: the same rule, f and vectors, in float32.
"""

from __future__ import annotations

import importlib.util
import math
import random
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

Call = Callable[[torch.Tensor], object]


@dataclass(frozen=True)
class PeerRule:
    """One rule of a peer: `call` takes the vectors [n, d] and may ignore that rows are views."""

    rule: str
    """Of ours, with its parameters."""
    peer: str
    name: str
    call: Call
    part: str = ""
    """What of the rule the peer does, where it is not the whole."""


def import_without_top(package: str) -> None:
    """Makes the parts of `package` importable without what its top module imports."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{package} is not installed")
    module = types.ModuleType(package)
    module.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = module


def byzfl_rules(n: int, d: int, f: int) -> Iterator[PeerRule]:
    # Its top module imports a training framework (torchvision, seaborn) that rules do not need.
    import_without_top("byzfl")
    from byzfl.aggregators import aggregators as rules
    from byzfl.aggregators import preaggregators as steps

    tau = float(round(math.sqrt(d)))

    def named(rule: str, call: Call, name: str) -> PeerRule:
        return PeerRule(rule, "ByzFL", name, call)

    def then_mean(step: Call) -> Call:
        mean = rules.Average()
        return lambda x: mean(step(x))

    yield named("mean", rules.Average(), "Average")
    yield named(f"krum(f={f})", rules.Krum(f=f), "Krum")
    yield named(f"multi_krum(f={f},m={n - f})", rules.MultiKrum(f=f), "MultiKrum")
    yield named(f"mda(f={f})", rules.MDA(f=f), "MDA")
    yield named(
        f"geometric_median(f={f},iterations=3)",
        rules.GeometricMedian(nu=0.1, T=3),
        "GeometricMedian",
    )
    yield named(f"monna(f={f})", rules.MoNNA(f=f, idx=0), "MoNNA")
    yield named(f"caf(f={f})", rules.CAF(f=f), "CAF")
    # A new one each time: it keeps its last output.
    yield named(
        f"centered_clipping(tau={tau:g},f={f})",
        lambda x: rules.CenteredClipping(L=1, tau=tau)(x),
        "CenteredClipping",
    )
    yield named(f"median(f={f})", rules.Median(), "Median")
    yield named(f"trimmed_mean(f={f})", rules.TrMean(f=f), "TrMean")
    yield named(f"meamed(f={f})", rules.Meamed(f=f), "Meamed")
    yield named(f"nnm(f={f})+mean", then_mean(steps.NNM(f=f)), "NNM, Average")
    yield named(f"clip(tau={tau:g})+mean", then_mean(steps.Clipping(c=tau)), "Clipping, Average")
    yield named(f"arc(f={f})+mean", then_mean(steps.ARC(f=f)), "ARC, Average")
    yield named("bucketing(s=2)+mean", then_mean(steps.Bucketing(s=2)), "Bucketing, Average")
    yield named(f"smea(f={f})", rules.SMEA(f=f), "SMEA")


def byzpy_rules(n: int, d: int, f: int) -> Iterator[PeerRule]:
    from byzpy import pre_aggregators as steps
    from byzpy.aggregators.coordinate_wise.mean_of_medians import MeanOfMedians
    from byzpy.aggregators.coordinate_wise.median import CoordinateWiseMedian
    from byzpy.aggregators.coordinate_wise.trimmed_mean import CoordinateWiseTrimmedMean
    from byzpy.aggregators.geometric_wise.geometric_median import GeometricMedian
    from byzpy.aggregators.geometric_wise.krum import Krum, MultiKrum
    from byzpy.aggregators.geometric_wise.minimum_diameter_average import (
        MinimumDiameterAveraging,
    )
    from byzpy.aggregators.geometric_wise.monna import MoNNA
    from byzpy.aggregators.geometric_wise.smea import SMEA
    from byzpy.aggregators.norm_wise.caf import CAF
    from byzpy.aggregators.norm_wise.center_clipping import CenteredClipping
    from byzpy.aggregators.norm_wise.comparative_gradient_elimination import (
        ComparativeGradientElimination,
    )

    tau = float(round(math.sqrt(d)))

    def rule(text: str, peer: object) -> PeerRule:
        return PeerRule(text, "ByzPy", type(peer).__name__, lambda x: peer.aggregate(list(x)))  # type: ignore[attr-defined]

    def then_mean(text: str, peer: object) -> PeerRule:
        return PeerRule(
            text,
            "ByzPy",
            f"{type(peer).__name__}, mean",
            lambda x: torch.stack(peer.pre_aggregate(list(x))).mean(0),  # type: ignore[attr-defined]
        )

    yield rule(f"krum(f={f})", Krum(f=f))
    yield rule(f"multi_krum(f={f},m={n - f})", MultiKrum(f=f, q=n - f))
    yield rule(f"mda(f={f})", MinimumDiameterAveraging(f=f))
    yield rule(f"geometric_median(f={f},iterations=3)", GeometricMedian(max_iter=3, init="mean"))
    yield rule(f"cge(f={f})", ComparativeGradientElimination(f=f))
    yield rule(f"monna(f={f})", MoNNA(f=f))
    yield rule(f"caf(f={f})", CAF(f=f))
    yield rule(f"centered_clipping(tau={tau:g},f={f})", CenteredClipping(c_tau=tau, M=1))
    yield rule(f"median(f={f})", CoordinateWiseMedian())
    yield rule(f"trimmed_mean(f={f})", CoordinateWiseTrimmedMean(f=f))
    yield rule(f"meamed(f={f})", MeanOfMedians(f=f))
    yield then_mean(f"nnm(f={f})+mean", steps.NearestNeighborMixing(f=f))
    yield then_mean(f"clip(tau={tau:g})+mean", steps.Clipping(threshold=tau))
    yield then_mean(f"arc(f={f})+mean", steps.ARC(f=f))
    yield then_mean("bucketing(s=2)+mean", steps.Bucketing(2, rng=random.Random(0)))
    yield rule(f"smea(f={f})", SMEA(f=f))


def torch_rules(n: int, d: int, f: int) -> Iterator[PeerRule]:
    """What a user of PyTorch writes without any library."""

    def plain(rule: str, name: str, call: Call, part: str = "") -> PeerRule:
        return PeerRule(rule, "torch", name, call, part)

    yield plain("mean", "mean", lambda x: x.mean(0))
    yield plain(f"krum(f={f})", "cdist", lambda x: torch.cdist(x, x), "distances")
    yield plain(f"krum(f={f})", "x @ x.T", lambda x: x @ x.T, "distances")
    yield plain(f"median(f={f})", "median", lambda x: x.median(0).values)
    yield plain(f"trimmed_mean(f={f})", "sort, mean", lambda x: x.sort(0).values[f : n - f].mean(0))
