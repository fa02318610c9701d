# SPDX-License-Identifier: MIT
"""The demo's second part: five systems under one attack, and what contraction does in ByzSGD."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from byzccl.lab.engines import Progress, run_experiment
from byzccl.lab.experiment import Experiment
from byzccl.lab.outcome import Outcome
from byzccl.lab.plots import COLOURS, MARKERS, save
from byzccl.lab.run import Settings

ATTACK = "sign_flip(scale=3)"


def experiments(settings: Settings) -> dict[str, Experiment]:
    """By what they are called in the picture. Those that the numbers do not allow are left out."""
    n, f = settings.workers, settings.byzantine
    base = Experiment(
        workers=n, byzantine=f, steps=settings.steps, seed=settings.seed, data=settings.data,
        batch=settings.batch, lr=settings.lr, momentum=settings.momentum, rule="mda",
        attack=ATTACK, evaluations=settings.evaluations,
    )  # fmt: skip
    replicated = replace(
        base, system="byzsgd", servers=5, byzantine_servers=1, quorum=n - f, server_quorum=4,
        delays=0.1,
    )  # fmt: skip
    wanted = {
        "ring all-reduce": replace(base, system="ring"),
        "sharded all-reduce": replace(base, system="sharded"),
        "parameter server": replace(base, system="parameter_server"),
        "gossip, MoNNA": replace(base, system="gossip", rule="monna"),
        "ByzSGD": replicated,
        "ByzSGD without contraction": replace(replicated, gather_every=0),
        "parameter server, plain mean": replace(base, rule="mean"),
    }
    return {name: e for name, e in wanted.items() if _possible(e)}


def _possible(e: Experiment) -> bool:
    try:
        e.checked()
    except ValueError:
        return False
    return True


def run_all(wanted: dict[str, Experiment], progress: Progress) -> dict[str, Outcome]:
    found = {name: run_experiment(e, progress) for name, e in wanted.items()}
    return {name: outcome for name, outcome in found.items() if outcome is not None}


def draw(outcomes: dict[str, Outcome], path: Path) -> None:
    """Accuracy of every system on the left, the spread of ByzSGD's servers on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.0), layout="constrained")
    for k, (name, outcome) in enumerate(outcomes.items()):
        steps, _, accuracy = zip(*outcome.curve, strict=True)
        plain = outcome.experiment.rule == "mean"
        left.plot(
            steps, 100 * np.array(accuracy), label=name, marker=None if plain else MARKERS[k],
            color="black" if plain else COLOURS[k], markersize=4, linewidth=1.6,
            linestyle=(0, (4, 2)) if plain else "-",
        )  # fmt: skip
        if name.startswith("ByzSGD"):
            steps_done = np.arange(1, len(outcome.spread) + 1)
            right.plot(steps_done, outcome.spread, label=name, color=COLOURS[k], linewidth=1.6)
    left.set_title(f"Five systems under {ATTACK}", fontsize=11, fontweight="bold")
    left.set_ylabel("test accuracy of honest nodes (%)")
    left.set_ylim(0, 100)
    right.set_title("How far ByzSGD's honest servers part", fontsize=11, fontweight="bold")
    right.set_ylabel("largest distance of two models")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("training step")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    save(figure, path)


def caption(settings: Settings) -> str:
    f = settings.byzantine
    return (
        f"The systems of the lab, simulated: {settings.workers} workers, {f} of which "
        f"{'lies' if f == 1 else 'lie'}; ByzSGD has 5 servers, 1 of which lies, waits for the "
        "first 4 models and the first n - f gradients, and contracts every 10 steps. "
        "python -m byzccl lab run does one of them, over real processes if wanted."
    )
