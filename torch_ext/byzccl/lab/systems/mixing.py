# SPDX-License-Identifier: MIT
"""How a node of gossip combines its neighbours' models with its own."""

from __future__ import annotations

import math

import torch

import byzccl
from byzccl.lab.experiment import Experiment
from byzccl.lab.graph import Graph
from byzccl.lab.named import form
from byzccl.lab.systems.aggregator import Aggregator
from byzccl.lab.systems.requests import Heard

PLAIN = "metropolis"
CLIP = "self_clip"


class Mixer:
    """Of one node: plain Metropolis weights, self-centred clipping, or a rule of byzccl over the
    node's own vector and those of its neighbours (`monna` knows which one is the own)."""

    def __init__(self, e: Experiment, graph: Graph, node: int) -> None:
        self.e, self.node = e, node
        self.weights = graph.weights()[node]
        self.aggregator = None if is_of_gossip(e.rule) else Aggregator(e.rule_text)
        self.tau = tau_of(e.rule)

    def mix(self, heard: Heard, step: int) -> tuple[torch.Tensor, tuple[int, ...]]:
        """The new vector, and the neighbours without weight. `heard` has the node's own."""
        place = heard.nodes.index(self.node)
        own = heard.rows[place]
        if self.aggregator is not None:
            result, left_out = self.aggregator.combine(heard, step, place)
            return (own if result is None else result), left_out
        weights = [float(self.weights[node]) for node in heard.nodes]
        differences = heard.rows - own
        if self.e.rule.startswith(CLIP):
            differences = self._clipped(differences, weights, place)
        # Who was not heard leaves its weight with the node itself: a difference of zero.
        mixed = own.clone()
        for weight, difference in zip(weights, differences, strict=True):
            mixed += weight * difference
        return mixed, ()

    def _clipped(self, differences: torch.Tensor, weights: list[float], place: int) -> torch.Tensor:
        """Each difference shortened to tau; what is not finite becomes zero.

        Without a tau it is found as in He, Karimireddy, Jaggi, "Byzantine-Robust Decentralized
        Learning via ClippedGossip", 2022: tau^2 = sum of w d^2 over the neighbours but the f
        farthest, divided by the weight of those f.
        """
        norms = differences.double().norm(dim=1)
        tau = self.tau
        if tau is None:
            others = [k for k in range(len(norms)) if k != place]
            others.sort(key=lambda k: (math.inf if norms[k].isnan() else float(norms[k]), k))
            near = others[: max(0, len(others) - self.e.declared_f)]
            far = sum(weights[k] for k in others[len(near) :])
            total = sum(weights[k] * float(norms[k]) ** 2 for k in near)
            tau = math.sqrt(total / far) if far > 0 else math.inf
        scale = torch.where(norms > tau, tau / norms, torch.ones_like(norms))
        shortened = differences * scale.to(differences.dtype)[:, None]
        return torch.where(norms.isfinite()[:, None], shortened, torch.zeros_like(differences))


def is_of_gossip(rule: str) -> bool:
    """Whether the rule is one of gossip's own, not of byzccl's table."""
    return rule in (PLAIN, CLIP) or rule.startswith(CLIP + "(")


def tau_of(rule: str) -> float | None:
    """tau of self_clip(tau=...), None where it is to be found. Raises ValueError."""
    if not rule.startswith(CLIP + "("):
        return None
    tau = form(rule, "rule of gossip", {CLIP: ("tau",)})[1]["tau"]
    if tau < 0:
        raise ValueError(f"self_clip needs tau >= 0, got tau = {tau:g}")
    return tau


def check_mixing(e: Experiment, graph: Graph) -> None:
    """Raises ValueError if a node has too few neighbours for the rule, and names it."""
    if is_of_gossip(e.rule):
        tau_of(e.rule)
        return
    for node, others in enumerate(graph.neighbours):
        rows = 1 + min(len(others), e.quorum or len(others))
        try:
            byzccl.explain(torch.zeros(rows, 1), e.rule_text, own=0)
        except byzccl.InvalidArgument as error:
            raise ValueError(
                f"node {node} of {graph.text} hears {len(others)} neighbours and itself: {error}"
            ) from None
