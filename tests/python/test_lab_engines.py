# SPDX-License-Identifier: MIT
"""Schedules, faults and bounds of the simulated engine; what a record replays."""

from __future__ import annotations

import math
import os
import re
from dataclasses import replace
from typing import Any

import pytest

from byzccl.lab.engines import run_experiment
from byzccl.lab.experiment import Experiment
from byzccl.lab.outcome import Outcome

SMALL = Experiment(
    data="synthetic", model="logistic", steps=8, batch=8, workers=7, byzantine=2,
    attack="sign_flip(scale=3)", rule="mda", momentum=0.5, seed=1,
)  # fmt: skip
BYZSGD = replace(
    SMALL, system="byzsgd", servers=5, byzantine_servers=1, quorum=5, server_quorum=4,
    gather_every=3, delays=0.1,
)  # fmt: skip
ASYNCHRONOUS = {
    "parameter_server": replace(SMALL, quorum=5, delays=0.1),
    "byzsgd": BYZSGD,
    "gossip": replace(
        SMALL, system="gossip", rule="monna", byzantine=1, quorum=4, delays=0.1, workers=8
    ),
    "learn": replace(
        SMALL, system="gossip", learn=True, rule="median", byzantine=1, quorum=4, delays=0.1
    ),
}


def run(e: Experiment, **more: Any) -> Outcome:
    outcome = run_experiment(e, **more)
    assert outcome is not None
    return outcome


def test_together_is_one_by_one_up_to_rounding() -> None:
    for system in ("parameter_server", "sharded", "gossip"):
        e = replace(SMALL, system=system, rule="mda" if system != "gossip" else "monna")
        one, all_ = run(replace(e, exact=True)), run(e)
        assert one.heard == all_.heard and one.excluded == all_.excluded
        assert one.spread == pytest.approx(all_.spread, rel=1e-4, abs=1e-5)
        assert one.curve[-1][2] == pytest.approx(all_.curve[-1][2], abs=0.01)


@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_a_record_replays_to_the_bit(name: str) -> None:
    """Also on another clock: what was heard decides, not when."""
    e = replace(ASYNCHRONOUS[name], exact=True, steps=12)
    first = run(e)
    assert first.failed is None
    again = run(replace(e, delays=0.0), replay=first.heard)
    assert again.failed is None
    assert again.spread == first.spread and again.node_accuracy == first.node_accuracy
    assert again.heard == first.heard
    assert run(e).heard == first.heard
    assert run(replace(e, seed=2)).heard != first.heard


SCHEDULES = int(os.environ.get("BYZCCL_SCHEDULES", "120"))


@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_quorums_hold_under_any_schedule(name: str) -> None:
    """Every answer that is used came from distinct nodes, as many as were asked for."""
    e = replace(ASYNCHRONOUS[name], steps=4, model="logistic", batch=1, evaluations=1)
    for seed in range(SCHEDULES // len(ASYNCHRONOUS)):
        outcome = run(replace(e, seed=seed))
        assert outcome.failed is None, seed
        for heard in outcome.heard:
            for key, nodes in heard.items():
                assert len(set(nodes)) == len(nodes)
                if "seen" in key:
                    continue
                kind = key.split("/")[1]
                q = {"model": e.server_quorum or 1, "gradient": e.quorum, "contraction": 4}[kind] \
                    if e.system != "gossip" else 1 + (e.quorum or 0)  # fmt: skip
                assert len(nodes) == q, (seed, key, nodes)


@pytest.mark.parametrize("fault", ["silent", "crash(step=2)", "slow(seconds=1)"])
@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_a_faulty_node_stops_nobody(name: str, fault: str) -> None:
    e = replace(ASYNCHRONOUS[name], attack=fault, server_attack=fault)
    outcome = run(e)
    assert outcome.failed is None and len(outcome.spread) == e.steps


@pytest.mark.parametrize("fault", ["silent", "crash(step=2)", "slow(seconds=1)"])
@pytest.mark.parametrize("system", ["parameter_server", "byzsgd", "gossip"])
def test_who_waits_for_all_goes_on_without_the_faulty(system: str, fault: str) -> None:
    """Up to f nodes may stay silent: those who wait for all give them the timeout, no more."""
    e = replace(
        BYZSGD, system=system, quorum=None, server_quorum=None, attack=fault, server_attack=fault,
        timeout=5.0, servers=5 if system == "byzsgd" else 1, rule="trimmed_mean",
        byzantine_servers=1 if system == "byzsgd" else 0,
    )  # fmt: skip
    outcome = run(e)
    assert outcome.failed is None and len(outcome.spread) == e.steps


def test_too_many_silent_nodes_end_the_run_with_an_account() -> None:
    outcome = run(replace(SMALL, attack="silent", byzantine=3, f=2))
    assert outcome.failed is not None
    for part in ("node 0", "gradient", "5 nodes are needed", "5, 6, 7"):
        assert part in outcome.failed


def test_an_all_reduce_without_a_node_says_whom_it_waits_for() -> None:
    outcome = run(replace(SMALL, system="ring", attack="crash(step=3)"))
    assert outcome.failed is not None and "step 3" in outcome.failed and "5, 6" in outcome.failed


def test_contraction_keeps_the_servers_together() -> None:
    e = replace(BYZSGD, steps=40, attack="none", server_attack="none", byzantine_servers=0,
                f_servers=1, byzantine=0, f=2)  # fmt: skip
    together, apart = run(e), run(replace(e, gather_every=0))
    assert sum(together.spread) < sum(apart.spread) / 2
    assert apart.spread[-1] > 2 * apart.spread[0]
    after = [together.spread[step] for step in range(2, 40, 3)]
    before = [together.spread[step] for step in range(1, 40, 3)]
    assert sum(after) < sum(before)


def test_filters_turn_down_a_server_that_lies() -> None:
    """One server a step, and none of the liar's models: training goes on as without it."""
    e = replace(SMALL, system="byzsgd", servers=5, byzantine_servers=1, filters=True, steps=40,
                attack="none", lr=0.2)  # fmt: skip
    good = run(replace(e, server_attack="none"))
    for attack in ("gaussian(sigma=100)", "nan", "sign_flip(scale=50)", "silent"):
        bad = run(replace(e, server_attack=attack))
        assert bad.failed is None
        assert bad.accuracy > good.accuracy - 0.05, attack
        read = {node for heard in bad.heard for key, nodes in heard.items()
                if key.endswith("/model") for node in nodes}  # fmt: skip
        assert read >= {0, 1, 2, 3}
    whole = run(replace(e, filters=False, server_attack="none"))
    assert good.bytes_sent < 0.8 * whole.bytes_sent


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"system": "p2p"}, 'unknown system "p2p"; known: parameter_server'),
        ({"servers": 2}, "servers = 2"),
        ({"rule": "bulyan"}, "n >= 4 f + 3"),
        ({"quorum": 8}, "1 .. 7, got 8"),
        ({"byzantine": 7}, "of 7 workers 7"),
        ({"attack": "alei"}, "alei"),
        ({"attack": "crash"}, "step is missing"),
        ({"momentum": 1.0}, "[0, 1), got 1.0"),
        ({"partition": "dirichlet(alpha=0)"}, "alpha > 0"),
        ({"system": "byzsgd", "servers": 4, "byzantine_servers": 1}, "servers = 4, f_servers = 1"),
        ({"system": "byzsgd", "servers": 5, "f_servers": 1, "workers": 6}, "workers = 6, f = 2"),
        ({"system": "byzsgd", "servers": 5, "f_servers": 1, "server_quorum": 3}, "4 .. 4, got 3"),
        ({"system": "byzsgd", "servers": 5, "f_servers": 1, "quorum": 4}, "5 .. 5, got 4"),
        ({"system": "gossip", "graph": "moebius"}, 'unknown graph "moebius"'),
        ({"system": "gossip", "graph": "ring", "rule": "monna"}, "node 0 of ring hears 2"),
        ({"system": "sharded", "attack": "tamper"}, "engine = processes"),
        ({"system": "ring", "attack": "silent"}, "silent"),
        ({"system": "ring", "quorum": 6}, "leave out quorum"),
    ],
)
def test_a_bound_that_is_broken_is_said_with_its_numbers(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(SMALL, **change).checked()


def test_an_outcome_is_json_and_back() -> None:
    outcome = run(replace(SMALL, attack="nan", rule="mean"))
    again = Outcome.of(outcome.to_json())
    assert again.to_json() == outcome.to_json()
    assert again.experiment == outcome.experiment and again.curve[0] == outcome.curve[0]
    assert all(not math.isinf(value) for value in outcome.spread)
