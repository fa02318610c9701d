# SPDX-License-Identifier: MIT
"""The report's tables."""

from __future__ import annotations

from collections.abc import Sequence

from byzccl.lab.choice import Choice
from byzccl.lab.report.pictures import has_times
from byzccl.lab.report.scene import LINE
from byzccl.lab.results import ATTACK, TASK, Result, finite, grouped, mean_of, settings_of, telling
from byzccl.lab.store import Row, text_of
from byzccl.lab.systems import system_of
from byzccl.lab.tables import Cell, Table

SEED = ("seed",)


def names_of(results: list[Result]) -> list[str]:
    """The fields that tell the results apart, with system, rule and attack in any case."""
    always = ["system", "rule", "attack"]
    others = telling(settings_of(results), [*always, *TASK, *LINE, *ATTACK])
    return [*always, *(name for name in others if name not in always)]


def cells(result: Result, names: Sequence[str]) -> list[Cell]:
    return [Cell("-" if result.settings[n] is None else str(result.settings[n])) for n in names]


def all_results(results: list[Result]) -> Table:
    """A row for each run but its seeds."""
    names = names_of(results)
    rows = []
    for some in grouped(results, lambda r: r.without(SEED)).values():
        mean = mean_of(some)
        seconds = sum(finite(r.outcome["seconds"]) for r in some) / len(some)
        sent = sum(r.outcome["bytes_sent"] for r in some) / len(some)
        rows.append([
            *cells(some[0], names), Cell(mean.text + ("*" if mean.ended_early else "")),
            Cell(str(mean.seeds)), Cell(f"{seconds:.2f}"), Cell(f"{sent / 1e6:.2f}"),
        ])  # fmt: skip
    return Table(
        "All results", [*names, "accuracy (%)", "seeds", "seconds", "MB sent"], rows,
        "Accuracy on the test pictures after the last step: mean over seeds ± their standard "
        "deviation. * A run ended early and counts as 0. A click on a head sorts.",
    )  # fmt: skip


def choices(found: list[Choice]) -> Table | None:
    if not found:
        return None
    settings, over = list(found[0].setting), list(found[0].chosen)
    rows = [
        [
            *(Cell(str(one.setting[n])) for n in settings),
            *(Cell(str(one.chosen[n])) for n in over),
            Cell(one.worst_attack),
            Cell(f"{100 * one.accuracy:.1f}" + (
                f" ± {100 * one.deviation:.1f}" if len(one.seeds) > 1 else "")),
            Cell(", ".join(map(str, one.seeds))), Cell(str(len(one.candidates))),
            Cell(str(one.incomplete)),
        ]
        for one in found
    ]  # fmt: skip
    head = [*settings, *over, "worst attack", "accuracy (%)", "seeds", "compared", "incomplete"]
    return Table(
        "Hyper-parameters chosen against the worst attack", head, rows,
        "Of the values tried, those with the largest minimum over attacks of the mean accuracy "
        "over seeds. All pictures show the chosen ones alone. They are chosen on the accuracy "
        "that is shown, which flatters it a little. Incomplete: values that have not met every "
        "attack on every seed; they are not compared.",
    )  # fmt: skip


def left_out(results: list[Result]) -> Table | None:
    """The share of steps in which Byzantine and honest workers had no weight."""
    names = names_of(results)
    rows = []
    for some in grouped(results, lambda r: r.without(SEED)).values():
        shares = [share for r in some if (share := shares_left_out(r)) is not None]
        if not shares:
            continue
        bad, good = (100 * sum(column) / len(shares) for column in zip(*shares, strict=True))
        known = bool(some[0].settings["byzantine"])
        rows.append([*cells(some[0], names), Cell(f"{bad:.0f}" if known else "-"),
                     Cell(f"{good:.0f}")])  # fmt: skip
    if not rows:
        return None
    return Table(
        "Who was left out", [*names, "Byzantine (%)", "honest (%)"], rows,
        "Mean part of the steps in which a worker had no weight at some node that combined "
        "vectors. Rules that decide per coordinate leave nobody out and are not listed; krum "
        "keeps one vector of all, so it leaves out most honest ones as well.",
    )  # fmt: skip


def shares_left_out(result: Result) -> tuple[float, float] | None:
    """Of Byzantine and of honest workers; None if nobody was ever left out."""
    counts = {int(node): count for node, count in result.outcome["excluded"].items()}
    if not counts:
        return None
    cast = system_of(result.experiment).cast(result.experiment)
    steps = result.settings["steps"]

    def share(nodes: Sequence[int]) -> float:
        return sum(min(1.0, counts.get(n, 0) / steps) for n in nodes) / len(nodes) if nodes else 0.0

    return share(cast.byzantine_workers), share(cast.honest_workers)


def throughput(results: list[Result]) -> Table | None:
    """Steps a second against plain SGD: sharded, mean, no attack, on the same task and engine."""
    timed = [r for r in results if has_times(r) and not r.ended_early and r.outcome["seconds"]]
    if not timed:
        return None
    task = ("data", "model", "workers", "batch", "engine", "delays", "local_steps")
    plain = grouped(
        [r for r in timed if all(r.settings[k] == v for k, v in PLAIN.items())],
        lambda r: tuple(r.settings[name] for name in task),
    )
    names, rows = names_of(timed), []
    for some in grouped(timed, lambda r: r.without(SEED)).values():
        own = speed(some)
        base = plain.get(tuple(some[0].settings[name] for name in task))
        slower = "-" if base is None else f"{100 * (speed(base) / own - 1):.0f}"
        steps = some[0].settings["steps"]
        rows.append([
            *cells(some[0], names), Cell(f"{own:.2f}"), Cell(slower),
            Cell(f"{some[0].outcome['bytes_sent'] / steps / 1e6:.3f}"),
            Cell(f"{some[0].outcome['messages'] / steps:.1f}"),
        ])  # fmt: skip
    return Table(
        "Throughput against plain SGD",
        [*names, "steps/s", "more time a step (%)", "MB a step", "messages a step"], rows,
        "Plain SGD is sharded all-reduce with the mean and no attack, on the same task; - where "
        "that was not run. Seconds are those of real processes, or of the simulated clock where "
        "delays are simulated.",
    )  # fmt: skip


PLAIN = {"system": "sharded", "rule": "mean", "attack": "none"}


def speed(results: list[Result]) -> float:
    """Steps a second, over all of the runs."""
    seconds = sum(finite(r.outcome["seconds"]) for r in results)
    return float(sum(r.settings["steps"] for r in results) / seconds)


def troubles(rows: list[Row]) -> Table | None:
    """Runs that failed and have not been done since, and runs that ended early."""
    latest = {text_of(row.settings): row for row in rows}
    found = [(r, r.error.partition("\n")[0]) for r in latest.values() if r.error]
    found += [(r, r.outcome["failed"]) for r in latest.values()
              if r.outcome and r.outcome.get("failed")]  # fmt: skip
    if not found:
        return None
    table = [
        [Cell(row.key), Cell(row.settings["system"]), Cell(row.settings["rule"]),
         Cell(row.settings["attack"]), Cell(str(row.settings["seed"])), Cell(why, bad=True)]
        for row, why in found
    ]  # fmt: skip
    return Table("Failed or ended early", ["key", "system", "rule", "attack", "seed", "why"], table)
