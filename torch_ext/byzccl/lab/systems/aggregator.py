# SPDX-License-Identifier: MIT
"""A rule over the vectors that a node has heard, with the memory that some rules need."""

from __future__ import annotations

import torch

import byzccl
from byzccl.lab.systems.requests import Heard, QuorumLost


class Aggregator:
    """One node's rule, over the steps of a run."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.previous: torch.Tensor | None = None

    def combine(
        self, heard: Heard, step: int, own: int | None = None
    ) -> tuple[torch.Tensor | None, tuple[int, ...]]:
        """The aggregate [d], or None where the rule fails closed, and the nodes without weight.

        Raises QuorumLost if the rule cannot do with so few rows.
        """
        rows = heard.rows
        previous = self.previous
        try:
            report = byzccl.explain(rows, self.rule, own=own, step=step, previous=previous)
        except byzccl.InvalidArgument as error:
            raise QuorumLost(f"{len(rows)} answers are too few: {error}") from None
        if report.failed:
            return None, ()
        result = byzccl.aggregate(rows, self.rule, own=own, step=step, previous=previous)
        self.previous = result
        left_out = tuple(
            node for node, weight in zip(heard.nodes, report.weights, strict=False) if weight == 0
        )
        return result, left_out


def check_rule(rule: str, rows: int) -> None:
    """Raises InvalidArgument if `rule` cannot take so many rows: its message has the bound."""
    byzccl.explain(torch.zeros(rows, 1), rule, own=0)
