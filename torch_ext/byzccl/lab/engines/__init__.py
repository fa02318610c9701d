# SPDX-License-Identifier: MIT
"""Two engines for one experiment: real processes, and a simulation in one."""

from __future__ import annotations

from collections.abc import Callable

from byzccl.lab.experiment import Experiment
from byzccl.lab.outcome import HeardBy, Outcome

Progress = Callable[[int, float], None]
"""Called as the run goes on: steps done, and the accuracy then, NaN where it is not known."""


def run_experiment(
    e: Experiment,
    progress: Progress = lambda step, accuracy: None,
    replay: list[HeardBy] | None = None,
) -> Outcome | None:
    """Does the run. Raises ValueError if it cannot be; what ends it early is in `failed`.

    None where another process has the outcome: under torchrun, on every rank but 0.

    `replay`: the `heard` of an earlier outcome; every node then hears exactly those (simulated).
    """
    e = e.checked()
    if e.engine == "simulated":
        from byzccl.lab.engines.simulated import simulate

        return simulate(e, progress, replay)
    if replay is not None:
        raise ValueError("the simulated engine replays records: set engine = simulated")
    from byzccl.lab.engines.processes import run_processes

    return run_processes(e, progress)
