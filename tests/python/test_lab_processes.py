# SPDX-License-Identifier: MIT
"""The same nodes as processes: one result with the simulation, and runs that survive a kill."""

from __future__ import annotations

from dataclasses import replace

import pytest

from byzccl.lab.engines import run_experiment
from byzccl.lab.experiment import Experiment
from byzccl.lab.outcome import Outcome

SMALL = Experiment(
    data="synthetic", model="logistic", steps=6, batch=8, workers=4, byzantine=1, timeout=20.0,
    attack="sign_flip(scale=3)", rule="mda", momentum=0.5, engine="processes", evaluations=2,
)  # fmt: skip
BYZSGD = replace(SMALL, system="byzsgd", servers=5, byzantine_servers=1, gather_every=2)
SYSTEMS = {
    "parameter_server": SMALL,
    "byzsgd": BYZSGD,
    "filters": replace(BYZSGD, filters=True),
    "learn": replace(SMALL, system="gossip", learn=True, rule="median"),
    "dissensus": replace(SMALL, system="gossip", rule="self_clip", attack="dissensus(scale=1)"),
    "sharded": replace(SMALL, system="sharded"),
    "ring, tamper": replace(SMALL, system="ring", rule="median", attack="tamper"),
}


def run(e: Experiment) -> Outcome:
    outcome = run_experiment(e)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("name", SYSTEMS)
def test_both_engines_give_the_same_bits(name: str) -> None:
    e = SYSTEMS[name]
    real, simulated = run(e), run(replace(e, engine="simulated", exact=True))
    assert real.failed is None and simulated.failed is None
    assert real.spread == simulated.spread
    assert real.node_accuracy == simulated.node_accuracy
    assert real.heard == simulated.heard
    assert real.excluded == simulated.excluded
    if e.system not in ("sharded", "ring"):  # where the communicator counts its headers, too
        assert real.bytes_sent == simulated.bytes_sent


def test_what_an_asynchronous_run_heard_replays() -> None:
    real = run(replace(BYZSGD, quorum=3, server_quorum=4, steps=12))
    assert real.failed is None
    again = run_experiment(
        replace(real.experiment, engine="simulated", exact=True), replay=real.heard
    )
    assert again is not None and again.failed is None
    assert again.heard == real.heard
    assert again.spread == real.spread and again.node_accuracy == real.node_accuracy


@pytest.mark.parametrize("system", ["parameter_server", "byzsgd", "gossip"])
def test_killed_nodes_cost_their_vote(system: str) -> None:
    """Killed in the middle, without a word; those who wait for all learn of it at once."""
    e = replace(
        BYZSGD if system == "byzsgd" else SMALL, system=system, attack="crash(step=3)",
        timeout=60.0, rule="trimmed_mean",
    )  # fmt: skip
    outcome = run(e)
    assert outcome.failed is None and len(outcome.spread) == e.steps
    killed = {"parameter_server": {4}, "byzsgd": {4, 8}, "gossip": {3}}[system]
    first, last = (
        {node for nodes in outcome.heard[step].values() for node in nodes} for step in (0, -1)
    )
    assert killed <= first and not killed & last
    assert outcome.seconds < 30


def test_a_silent_node_costs_one_timeout() -> None:
    e = replace(SMALL, attack="silent", timeout=2.0, rule="trimmed_mean", steps=8)
    outcome = run(e)
    assert outcome.failed is None and len(outcome.spread) == e.steps
    assert 2 <= outcome.seconds < 2 * 4


def test_an_all_reduce_that_loses_a_node_names_it() -> None:
    outcome = run(replace(SMALL, system="sharded", attack="crash(step=3)", timeout=5.0))
    assert outcome.failed is not None and "rank 3" in outcome.failed
    assert len(outcome.spread) == 3


def test_a_replicated_server_that_is_killed_is_not_missed() -> None:
    """Without attacks: the other four go on."""
    e = replace(BYZSGD, server_attack="crash(step=2)", attack="none", byzantine=0, f=1)
    outcome = run(e)
    assert outcome.failed is None and len(outcome.spread) == e.steps
    assert not any(4 in nodes for nodes in outcome.heard[-1].values())
