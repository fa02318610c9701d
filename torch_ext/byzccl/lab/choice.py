# SPDX-License-Identifier: MIT
"""Hyper-parameters chosen against the worst attack, as ByzFL's benchmark does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from byzccl.lab.experiment import Experiment
from byzccl.lab.results import (
    ATTACK,
    HYPER,
    Result,
    differing,
    done,
    grouped,
    settings_of,
    telling,
    worst_of,
)
from byzccl.lab.store import Store


@dataclass(frozen=True)
class Candidate:
    values: dict[str, Any]
    worst_attack: str
    accuracy: float  # mean over the seeds under that attack
    deviation: float


@dataclass(frozen=True)
class Choice:
    """For one rule in one setting."""

    setting: dict[str, Any]  # the fields that tell the settings apart, rule among them
    chosen: dict[str, Any]
    worst_attack: str
    accuracy: float
    deviation: float
    seeds: tuple[int, ...]
    attacks: tuple[str, ...]
    candidates: tuple[Candidate, ...]  # best first
    incomplete: int  # candidates that had not met every attack on every seed


def choose(store: Store, over: Sequence[str] | None = None) -> list[Choice]:
    """The choices among all results of a store. Raises ValueError for what is no field."""
    known = set(Experiment.__dataclass_fields__)
    for name in over or ():
        if name not in known or name in (*ATTACK, "seed", "rule"):
            raise ValueError(f'"{name}" cannot be chosen over; for example: {", ".join(HYPER)}')
    return choices(done(store), over)


def choices(results: list[Result], over: Sequence[str] | None = None) -> list[Choice]:
    """For each setting, the values of the fields `over` that do best under their worst attack.

    A setting is all other fields but attack and seed. A candidate's worth is the minimum over
    attacks of the mean over seeds of the final accuracy; of equal ones the first counts. Only
    candidates that met every attack of the setting on every one of its seeds are compared. ByzFL
    (69bd1ac, find_best_hyperparameters) takes the best point of each curve on data kept for that;
    here it is the last point, on the test pictures, so the chosen accuracy is a little flattered.
    """
    every = settings_of(results)
    over = differing(every, HYPER) if over is None else list(over)
    if not over:
        return []
    groups = grouped(results, lambda r: r.without((*ATTACK, "seed", *over)))
    fields = [n for n in Experiment.__dataclass_fields__ if n not in (*ATTACK, "seed", *over)]
    names = telling(every, ["system", "rule", *fields])
    found = []
    for group in groups.values():
        wanted = {(r.attack, r.settings["seed"]) for r in group}
        whole, incomplete = [], 0
        for some in grouped(group, lambda r: tuple(r.settings[n] for n in over)).values():
            if {(r.attack, r.settings["seed"]) for r in some} == wanted:
                attack, mean = worst_of(some)
                values = {name: some[0].settings[name] for name in over}
                whole.append(Candidate(values, attack, mean.value, mean.deviation))
            else:
                incomplete += 1
        if len(whole) + incomplete < 2 or not whole:
            continue
        whole.sort(key=lambda candidate: -candidate.accuracy)
        best, first = whole[0], group[0].settings
        found.append(Choice(
            {name: first[name] for name in dict.fromkeys(("rule", *names))}, best.values,
            best.worst_attack, best.accuracy, best.deviation,
            tuple(sorted({seed for _, seed in wanted})),
            tuple(dict.fromkeys(attack for attack, _ in sorted(wanted))), tuple(whole), incomplete,
        ))  # fmt: skip
    return found


def only_chosen(
    results: list[Result], found: Sequence[Choice], over: Sequence[str]
) -> list[Result]:
    """The results without those of candidates that were not chosen."""
    kept = []
    for group in grouped(results, lambda r: r.without((*ATTACK, "seed", *over))).values():
        first = group[0].settings
        chosen = [c.chosen for c in found if all(first[k] == v for k, v in c.setting.items())]
        best = chosen[0] if chosen else {}
        kept += [r for r in group if all(r.settings[k] == v for k, v in best.items())]
    return kept


def sentence(choice: Choice) -> str:
    """The choice in a line of text."""
    setting = ", ".join(f"{name} {value}" for name, value in choice.setting.items())
    values = ", ".join(f"{name} {value}" for name, value in choice.chosen.items())
    more = f"; {choice.incomplete} more are incomplete" if choice.incomplete else ""
    return (
        f"{setting}: {values}, the best of {len(choice.candidates)}: accuracy "
        f"{100 * choice.accuracy:.1f} % under its worst attack, {choice.worst_attack} (of "
        f"{len(choice.attacks)}; seeds {', '.join(map(str, choice.seeds))}){more}"
    )
