# SPDX-License-Identifier: MIT
"""ByzSGD with and without contraction, synchronous and asynchronous, against plain SGD."""

from __future__ import annotations

import statistics
from dataclasses import replace

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes.recipe import Recipe
from byzccl.lab.results import Result, grouped, mean_of
from byzccl.lab.tables import Cell, Table

PLAIN = Experiment(
    system="parameter_server", rule="mean", workers=10, byzantine=0, steps=150, lr=0.2,
    evaluations=50,
)  # fmt: skip
BYZSGD = replace(
    PLAIN, system="byzsgd", rule="mda", servers=5, byzantine_servers=0, f_servers=1, f=3
)
QUORUMS = {"quorum": 7, "server_quorum": 4}
GOAL = 0.70
ATTACKED = {
    "byzantine": 3, "byzantine_servers": 1, "attack": "alie(z=1.5)",
    "server_attack": "sign_flip(scale=1)",
}  # fmt: skip


def variants(engine: str, steps: int, delays: float) -> list[Experiment]:
    quorums = replace(BYZSGD, **QUORUMS, delays=delays)  # type: ignore[arg-type]
    found = [
        replace(PLAIN, delays=delays), BYZSGD, replace(BYZSGD, filters=True), quorums,
        replace(quorums, gather_every=0),
    ]  # fmt: skip
    return [replace(e, engine=engine, steps=steps) for e in found]


def name_of(result: Result) -> str:
    s = result.settings
    if s["system"] != "byzsgd":
        return "plain SGD: one server, mean"
    kind = "asynchronous" if s["quorum"] else "synchronous"
    kind += ", filters" if s["filters"] else ""
    contracts = f"contraction every {s['gather_every']}" if s["gather_every"] else "no contraction"
    attacked = ", under attack" if s["byzantine"] else ""
    return f"ByzSGD, {kind}, {contracts}{attacked}"


def steps_to_goal(result: Result) -> float | None:
    return next((step for step, _, value in result.outcome["curve"] if value >= GOAL), None)


def tables(results: list[Result]) -> list[Table]:
    simulated = [r for r in results if r.settings["engine"] == "simulated"]
    real = [r for r in results if r.settings["engine"] == "processes"]
    return [convergence(simulated), throughput(real)]


def convergence(results: list[Result]) -> Table:
    groups = grouped(results, name_of)
    base = _median_steps(next(iter(groups.values()), []))
    rows = []
    for name, mine in groups.items():
        took = _median_steps(mine)
        more = "-" if took is None or not base else f"{100 * (took / base - 1):+.0f} %"
        largest = max((v or 0.0 for r in mine for v in r.outcome["spread"]), default=0.0)
        last = [r.outcome["spread"][-1] for r in mine if r.outcome["spread"]]
        end = statistics.mean(v or 0.0 for v in last) if last else 0.0
        rows.append([
            Cell(name), Cell(mean_of(mine).text), Cell("never" if took is None else f"{took:.0f}"),
            Cell(more), Cell(f"{largest:.3g}"), Cell(f"{end:.3g}"),
        ])  # fmt: skip
    head = [
        "system", "accuracy, %", f"steps to {100 * GOAL:.0f} %", "against plain SGD",
        "largest spread", "spread at the end",
    ]  # fmt: skip
    return Table("Convergence, simulated", head, rows, "Median over seeds of the steps.")


def _median_steps(results: list[Result]) -> float | None:
    found = [steps for r in results if (steps := steps_to_goal(r)) is not None]
    return statistics.median(found) if len(found) == len(results) and found else None


def throughput(results: list[Result]) -> Table:
    groups = grouped(results, name_of)
    rates = {name: _rate(mine) for name, mine in groups.items()}
    base = next(iter(rates.values()), 0.0)
    rows = [
        [
            Cell(name),
            Cell(f"{rate:.1f}"),
            Cell(f"{100 * (base / rate - 1):+.0f} %" if rate else "-"),
        ]
        for name, rate in rates.items()
    ]
    note = (
        "All processes share the processors of one machine: replicated servers cost their own "
        "work here, where on machines of their own they would work side by side."
    )
    head = ["system", "steps a second", "time of a step against plain SGD"]
    return Table("Throughput over real processes", head, rows, note)


def _rate(results: list[Result]) -> float:
    rates = [r.settings["steps"] / r.outcome["seconds"] for r in results if r.outcome["seconds"]]
    return statistics.median(rates) if rates else 0.0


def _runs() -> list[Experiment]:
    simulated = variants("simulated", 150, 0.1)
    attacked = [replace(e, **ATTACKED) for e in simulated[1:]]  # type: ignore[arg-type]
    return [*simulated, *attacked, *variants("processes", 60, 0.0)]


RECIPE = Recipe(
    name="contraction",
    title="ByzSGD with and without contraction",
    question="What do replicated servers cost, and what does contraction do?",
    runs=_runs(),
    tables=tables,
    source="El-Mhamdi et al., PODC 2020 (abstract and summaries): about 32 % more to converge than "
    "plain SGD, throughput overhead 24 to 176 % (synchronous) and 28 to 220 % (asynchronous).",
)
