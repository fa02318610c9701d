# SPDX-License-Identifier: MIT
"""What the library knows: its rules and steps, from the tables that the C++ core checks with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from byzccl import _C
from byzccl.rule import Rule, Step, subclasses


@dataclass(frozen=True)
class ParameterInfo:
    """One parameter of a rule or step."""

    name: str
    type: type[int] | type[float]
    required: bool
    bound: str
    """Its range, such as "1 <= m <= n - f"."""
    default: str
    """What it is if left out, such as "n - f - 2"; empty if required."""


@dataclass(frozen=True)
class RuleInfo:
    """One rule."""

    name: str
    rule: type[Rule]
    """Its dataclass."""
    bound: str
    """On n, such as "n >= 2 f + 3"."""
    cost: str
    """What is done with the n vectors of d columns:

    "sum": one pass; "columns": one pass that sorts each column; "distances": one pass for all
    n (n - 1) / 2 distances, and one over the vectors that are selected; "distances, columns": both.
    """
    advice: str
    """When to use it."""
    parameters: tuple[ParameterInfo, ...]


@dataclass(frozen=True)
class StepInfo:
    """One step."""

    name: str
    step: type[Step]
    """Its dataclass."""
    bound: str
    advice: str
    """What it does, and for whom."""
    parameters: tuple[ParameterInfo, ...]


def _parameters(rows: list[tuple[str, bool, str, str, bool]]) -> tuple[ParameterInfo, ...]:
    return tuple(
        ParameterInfo(name, float if real else int, required, bound, default)
        for name, required, bound, default, real in rows
    )


def _cost(rule: type[Any], parameters: tuple[ParameterInfo, ...]) -> str:
    enough = 7  # vectors for f = 1, whatever the rule
    example = rule(**{p.name: 1 for p in parameters if p.required})
    distances, columns = _C.work_of(str(example), enough)
    kinds = [kind for kind, used in (("distances", distances), ("columns", columns)) if used]
    return ", ".join(kinds) or "sum"


def rules() -> tuple[RuleInfo, ...]:
    """Every rule that the library knows."""
    found = []
    for name, bound, advice, rows in _C.rule_table():
        rule, parameters = subclasses(Rule)[name], _parameters(rows)
        cost = _cost(rule, parameters)
        found.append(RuleInfo(name, rule, bound, cost, advice, parameters))
    return tuple(found)


def steps() -> tuple[StepInfo, ...]:
    """Every step that may come before a rule, in the order in which they come."""
    return tuple(
        StepInfo(name, subclasses(Step)[name], bound, advice, _parameters(rows))
        for name, bound, advice, rows in _C.step_table()
    )
