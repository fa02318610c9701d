# SPDX-License-Identifier: MIT
"""What one reduction can say about itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from byzccl import _C


class Span(NamedTuple):
    """One stretch of a phase, in seconds of `time.monotonic`.

    Comparable among the processes of one machine. Distances are added up beside the exchange.
    """

    phase: str
    add: int
    """Which add it was for, from 0; -1: all of them."""
    begin: float
    end: float


@dataclass(frozen=True, eq=False)
class Report:
    """One reduction. Tensors are float64; an empty one means that the rule has no such thing."""

    rule: str
    """Canonical text."""
    algorithm: str
    """"local", "sharded" or "ring"."""
    n: int
    d: int
    """Columns over all tensors of the reduction."""
    step: int
    """Reductions that this communicator had finished before."""
    failed: bool
    """Failed closed: the output is NaN in every coordinate."""
    failure: str
    """Why, in words; empty if not failed."""
    typical_reach: float
    """M; 0 for rules without distances."""
    weights: torch.Tensor
    """[n] net share of each vector; empty for column rules without steps."""
    previous_weight: float
    """Share of the previous output; 0 for rules without one."""
    scores: torch.Tensor
    """[n]; empty for rules without distances."""
    reach: torch.Tensor
    """[n]; empty for rules without distances."""
    distances: torch.Tensor
    """D [n, n], squared; [0, 0] for rules without distances."""
    broken: tuple[int, ...]
    """Broken rows, ascending."""
    flagged: tuple[int, ...]
    """Rows left out by guarded_mean, broken ones included."""
    nan_columns: int
    """Columns that are NaN though nothing failed: more than f values bad, or no row there."""
    bytes_sent: int
    """By this rank, headers included."""
    waits: torch.Tensor
    """[n] seconds that this rank waited for each; empty for a report of `explain`.

    Where several ranks are late, it counts for the one that this rank happened to wait for. On a
    CUDA device only headers are waited for.
    """
    phases: dict[str, float]
    """Seconds that this rank spent in each phase."""
    spans: tuple[Span, ...]
    """When that was, by phase and then by time; empty for a report of `explain`."""

    @property
    def excluded(self) -> tuple[int, ...]:
        """Rows that got no weight, ascending; empty for column rules without steps."""
        return tuple(torch.nonzero(self.weights == 0).flatten().tolist())


def read(raw: _C.Report) -> Report:
    """The report that the library returned, as Python data."""

    def vector(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float64, device="cpu")

    rows = math.isqrt(len(raw.distances))  # of buckets, behind bucketing
    return Report(
        rule=raw.rule,
        algorithm=raw.algorithm,
        n=raw.n,
        d=raw.d,
        step=raw.step,
        failed=raw.failed,
        failure=raw.failure,
        typical_reach=raw.typical_reach,
        weights=vector(raw.weights),
        previous_weight=raw.previous_weight,
        scores=vector(raw.scores),
        reach=vector(raw.reach),
        distances=vector(raw.distances).reshape(rows, rows),
        broken=tuple(raw.broken),
        flagged=tuple(raw.flagged),
        nan_columns=raw.nan_columns,
        bytes_sent=raw.bytes_sent,
        waits=vector(raw.waits),
        phases=raw.phases,
        spans=tuple(Span(*span) for span in raw.spans),
    )


class _Unread(Report):
    """A report that still lies on its device. It becomes a Report once a field is asked for."""

    def __getattr__(self, name: str) -> Any:  # called for what is not there yet
        source = self.__dict__.get("_source")
        if source is None or name not in _FIELDS:
            raise AttributeError(f"a Report has no {name}")
        values = vars(read(source()))
        self.__dict__.clear()
        self.__dict__.update(values)
        object.__setattr__(self, "__class__", Report)
        return values[name]

    def __repr__(self) -> str:
        self.__getattr__("rule")
        return Report.__repr__(self)

    def __reduce_ex__(self, protocol: Any) -> Any:  # a copy has the values
        self.__getattr__("rule")
        return object.__reduce_ex__(self, protocol)


_FIELDS = {field.name for field in dataclasses.fields(Report)}


def later(source: Callable[[], _C.Report]) -> Report:
    """The report that `source` reads from a device, once one of its fields is asked for."""
    report: Report = object.__new__(_Unread)
    report.__dict__["_source"] = source
    return report
