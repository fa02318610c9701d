# SPDX-License-Identifier: MIT
"""Results as if they had been run, for the tests of what is made of results."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from byzccl.lab.experiment import Experiment
from byzccl.lab.outcome import Outcome
from byzccl.lab.store import Store

ENVIRONMENT = {"byzccl": "1", "torch": "2", "python": "3", "machine": "x86_64", "cores": 2}


def add(store: Store, accuracy: float, code: str = "c", **settings: Any) -> None:
    """A run that is done. An accuracy below 0: one that ended early."""
    experiment = Experiment(**({"steps": 10, "workers": 5, "byzantine": 1} | settings))
    early = accuracy < 0
    reached = max(accuracy, 0.0)
    outcome = Outcome(
        experiment, accuracy=reached, failed="node 0 ended" if early else None,
        curve=[(0, 0.0, 0.1), (5, 1.0, (0.1 + reached) / 2), (10, 2.0, reached)],
        spread=[0.0, 0.5, float("nan")] if experiment.system == "gossip" else [0.0] * 10,
        excluded={5: 10, 1: 5} if experiment.rule == "krum" else {},
        bytes_sent=1_000_000, messages=100, seconds=2.0 if experiment.rule == "mean" else 3.0,
    )  # fmt: skip
    key = store.claim(asdict(experiment), code, ENVIRONMENT, again=True)
    assert key is not None
    store.finish(key, outcome.to_json())


def filled(path: Path) -> Store:
    """Rules by attacks by f by partition over three seeds, other systems, and some trouble."""
    store = Store(path)
    for seed in (1, 2, 3):
        for f in (1, 2):
            for partition in ("iid", "dirichlet(alpha=0.1)"):
                worse = 0.1 * f + (0.0 if partition == "iid" else 0.2)
                for rule, attack, accuracy in (
                    ("mean", "none", 0.9), ("mean", "flip", 0.3), ("mean", "alie(z=1.5)", 0.6),
                    ("krum", "none", 0.8), ("krum", "flip", 0.75), ("krum", "alie(z=1.5)", 0.5),
                ):  # fmt: skip
                    add(store, accuracy - worse + 0.01 * seed, rule=rule, attack=attack, seed=seed,
                        byzantine=f, partition=partition)  # fmt: skip
        for lr, accuracy in ((0.05, 0.5), (0.2, 0.7)):
            for attack, less in (("none", 0.0), ("<b>&\"x'", 0.2)):  # what HTML must not take
                add(store, accuracy - less, rule="median", attack=attack, seed=seed, lr=lr)
        add(store, 0.8, system="gossip", rule="mean", graph="ring", delays=0.1, seed=seed)
        add(store, 0.9, system="sharded", rule="mean", engine="processes", seed=seed)
        add(store, 0.8, system="ring", rule="krum", engine="processes", seed=seed)
    add(store, -1, system="byzsgd", servers=5, rule="mda", attack="silent")
    key = store.claim(asdict(Experiment(rule="caf")), "c", ENVIRONMENT)
    assert key is not None
    store.fail(key, "RuntimeError: no answer today\n\nTraceback ...")
    return store
